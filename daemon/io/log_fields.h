/*
 * How a message looks in the journal: its line, and beside it fields that programs search and read.
 * It does not know how they get there.
 */
#pragma once

#include "log_line.h"

struct journal_entry;

/* Fills the entry; MESSAGE is the line of that format without its time. */
void log_fields_add(
	struct journal_entry *entry, enum log_format format, const struct log_record *record);
