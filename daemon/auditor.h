/*
 * The audit: tells in the log who was handed a token and who was denied what, as far as core/audit
 * lets it. It does not know who may have what.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "core/audit.h"

struct call_audit;

/* Writes a line about it, if audit lets it. */
void auditor_note(struct audit *audit, const struct call_audit *entry);

/* For audit_new(). */
void auditor_left_out(void *context, uid_t uid, enum audit_kind kind, uint64_t lines);
