/*
 * The endpoint that tells which rule grants or denies what on a profile, and when and why its next
 * refresh comes. It does not decide any of it: core does.
 */
#pragma once

#include <stdbool.h>

struct call;

/* system.explain */
bool explain_check(struct call *call);
void explain(struct call *call);
