/*
 * Points in time as people and programs write them, read by RFC 3339. It does not know how late
 * one may be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads a date-time of RFC 3339 section 5.6 with Z or an offset, years 1970 to 9999, as
 * milliseconds since 1970; further digits of a second are cut, and a leap second is the one after
 * it. False when it is none.
 */
bool date_parse(const char *text, int64_t *ret_unix_ms);
