/*
 * What a provider answers to a command: a line with its commandId, and without "request". It does
 * not know which commands there are, nor who answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "message.h"

/* All stands in the line, NUL-terminated, and lives as long; NULL: the member is not there, or
 * null. */
struct answered {
	const char *command_id; /* a number as it came */
	const char *profile;
	const char *failure; /* errorMessage */
	const char *useless; /* a sentence part: what is wrong with one of these two */
	char *data;          /* JSON of any type, data_len bytes */
	size_t data_len;
	size_t head_len;
	char head[MESSAGE_HEAD_MAX]; /* how a line about it begins, head_len bytes */
};

/* Reads a line that request_parse() has found to be one (line[len] is NUL), writing to it. False:
 * it says of no command that it is answered, and the text in why tells so; head is set all the
 * same. */
bool answered_read(struct answered *answered, char *line, size_t len, char why[MESSAGE_WHY_MAX]);
