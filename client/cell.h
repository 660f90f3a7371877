/*
 * Members of the daemon's answers as short texts for people, which stand in a table or a line. It
 * does not know where. Text from outside stands in them escaped and cut.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CELL_TEXT_SIZE = 400,    /* of one text from outside */
	CELL_SPAN_SIZE = 48,     /* of a time for people: "in 23 h 59 min" */
	CELL_TROUBLE_SIZE = 700, /* of the last error and what to do about it */
};

#define CELL_BOLD  "\033[1m"
#define CELL_PLAIN "\033[0m"

/* A member that is a string, as it came, or NULL. */
const char *cell_member(const cJSON *object, const char *name);

/* A member that is a number, without its fraction and cut at 15 digits; 0 where there is none. */
int64_t cell_number(const cJSON *object, const char *name);

/* Milliseconds until a member's time comes; false where there is none. */
bool cell_until(const cJSON *object, const char *name, int64_t now_ms, int64_t *ret_ms);

/* The following return dst or a constant. */

/* A member that is a string, "-" where there is none. */
const char *cell_text(char dst[CELL_TEXT_SIZE], const cJSON *object, const char *name);

/* The two largest units of a time, the smaller one cut. */
const char *cell_span(char dst[CELL_SPAN_SIZE], int64_t ms);

/* ", … ago" of the member "at", or nothing where there is none. */
const char *cell_ago(char dst[CELL_SPAN_SIZE], const cJSON *object, int64_t now_ms);

/* When the time of a member comes: "in 2 h 15 min", "now" or "-". */
const char *cell_in(
	char dst[CELL_SPAN_SIZE], const cJSON *object, const char *name, int64_t now_ms);

/* Of a profile as auth.getTokenInfo has it: what is left of its token. */
const char *cell_left(char dst[CELL_SPAN_SIZE], const cJSON *info, int64_t now_ms);

/* Its state in words, with a colour for terminals; one that this version does not know as it came.
 */
const char *cell_state(
	char dst[CELL_TEXT_SIZE], const cJSON *info, int64_t now_ms, const char **ret_colour);

/* Its last error, and what to do about it if it is not over. */
const char *cell_trouble(char dst[CELL_TROUBLE_SIZE], const cJSON *info, int64_t now_ms);

/* Columns that a text takes, near enough: characters. */
int cell_width(const char *text);
