/*
 * The envelope of PROTOCOL.md: requests and replies as lines of JSON, read and written for both
 * programs. It does not know which endpoints there are, nor who asks.
 *
 * A reply is a head of the asker's own, `{"referenceId":"7",`, and a tail that all may share,
 * `"data":{…}}` and LF.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "escape.h"
#include "json.h"
#include "payload.h"

enum {
	MESSAGE_REFERENCE_MAX = 128,       /* bytes of a referenceId that is a string */
	MESSAGE_REFERENCE_DIGITS_MAX = 15, /* digits of one that is a number */
	/* `{"referenceId":`, the reference, `,` */
	MESSAGE_HEAD_MAX = 16 + ESCAPE_QUOTED_MAX(MESSAGE_REFERENCE_MAX) + 1,
	MESSAGE_NAME_MAX = 128, /* bytes of the name of a request */
	MESSAGE_WHY_MAX = 160,  /* bytes of the text that tells what is wrong with a request */
	MESSAGE_TIME_SIZE = 25, /* 2026-11-21T18:00:00.000Z and a NUL */
};

/* A parameter; strings are decoded and NUL-terminated, those of an array are an argz vector;
 * objects are NUL-terminated, other values stand as they came. */
struct parameter {
	struct json_value name, value;
	double number; /* of a number */
	bool strings;  /* it is such an array; an empty one is, too */
};

/* Everything in it stands in the line that was parsed, and lives as long. */
struct request {
	const char *name; /* as it came, or "auth.getJwtToken" for its short form; NULL: the line is
			     an answer to a command, for answered_read() */
	size_t head_len;
	unsigned n_parameters;
	char head[MESSAGE_HEAD_MAX]; /* how the reply begins, head_len bytes */
	struct parameter parameters[JSON_MEMBERS_MAX];
};

/*
 * Reads a line (line[len] is NUL), writing to it. True: *request is filled. False: the line is to
 * be answered `invalid_request` with the text in why, *ret_fatal tells whether the connection is to
 * be closed behind that answer, and request->head is set all the same (with the reference where it
 * could be read).
 */
bool request_parse(struct request *request, char *line, size_t len, char why[MESSAGE_WHY_MAX],
	bool *ret_fatal);

/* A head without a reference, for answers to no request in particular. */
#define MESSAGE_HEAD_NONE "{"

/* `"data":…}` and LF. Takes the tree over; its strings are UTF-8. NULL when there is no memory. */
struct payload *message_data(cJSON *data);

/* The same, of a text that is JSON already. */
struct payload *message_data_text(const char *json, size_t len);

/*
 * `"errorMessage":…,"error":{"code","retryable","retryAfter"}}` and LF. text may hold any bytes; it
 * is quoted. retry_after in whole seconds; 0 or less stands as null.
 */
struct payload *message_error(enum error_code code, const char *text, int64_t retry_after);

/* Milliseconds since 1970 as ISO 8601, UTC, with milliseconds and Z; years 1970 to 9999, what lies
 * outside is cut there. */
void message_time(char dst[MESSAGE_TIME_SIZE], int64_t unix_ms);

/* Reads such a time back (gctoken does, to show what is left); false when it is not one. */
bool message_parse_time(const char *text, int64_t *ret_unix_ms);

/*
 * A request as a line with its LF, to be freed by the caller:
 * {"request":name[,"parameters":parameters]}. Takes the tree over, which may be NULL. NULL when
 * there is no memory.
 */
char *message_request(const char *name, cJSON *parameters);

struct reply {
	cJSON *tree;           /* owned */
	const cJSON *data;     /* in tree; NULL in an error */
	enum error_code code;  /* of an error; a code that this version does not know stands as
				  ERROR_INTERNAL */
	const char *code_name; /* as it came, in tree */
	const char *text;      /* the errorMessage, in tree */
	bool retryable;
	int64_t retry_after; /* seconds, 0 where none was given */
};

/* Reads a reply line (line[len] is NUL); false when it is not one. reply_done() either way. */
bool reply_parse(struct reply *reply, const char *line, size_t len);
void reply_done(struct reply *reply);
