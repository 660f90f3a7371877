/*
 * The endpoints: the one table of names, rights, parameters and handlers. It does not know how a
 * request came, nor how its parameters were read.
 */
#pragma once

#include <stdbool.h>

struct call;
struct endpoint;

/* The endpoint of that full name, or NULL. */
const struct endpoint *endpoints_find(const char *name);

/* Whether the call, to an endpoint or NULL, may bring a configuration where there is none. */
bool endpoints_configures(const struct call *call);

/* The rights on profiles that this version has an endpoint for, as a set. */
unsigned endpoints_rights(void);
