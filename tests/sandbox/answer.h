/*
 * One HTTP answer: status, headers, body, and how it is delivered (late, in drips, cut off).
 * Knows nothing of sockets, of OAuth or of the rules that ask for it.
 */
#ifndef SANDBOX_ANSWER_H
#define SANDBOX_ANSWER_H

#include <cjson/cJSON.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct evbuffer;

enum answer_cut {
	ANSWER_WHOLE,
	ANSWER_CUT_BEFORE_HEADERS,
	ANSWER_CUT_WITHIN_HEADERS,
	ANSWER_CUT_AFTER_HEADERS,
	ANSWER_CUT_WITHIN_BODY,
};

struct answer {
	int status;
	struct evkeyvalq headers;
	struct evbuffer *body;
	int64_t delay_ms;
	int64_t drip_bytes; /* 0: all at once */
	int64_t drip_interval_ms;
	enum answer_cut cut;
	bool reset; /* end the connection by a TCP reset */
	bool raw;   /* write it byte for byte and close: the HTTP library would mend it */
};

/* An empty answer with a Date header of now; NULL-safe answer_free. */
struct answer *answer_new(int status);
void answer_free(struct answer *answer);

/* Sets a header in place of any of that name; VALUE NULL removes it. */
void answer_set_header(struct answer *answer, const char *name, const char *value);

/* Sets a header to an HTTP date (RFC 9110 section 5.6.7). */
void answer_set_date(struct answer *answer, const char *name, time_t when);

/* Replaces the body; TYPE NULL leaves Content-Type alone. */
void answer_set_body(struct answer *answer, const char *type, const void *data, size_t len);

/* Replaces the body by JSON, which stays the caller's. */
void answer_set_json(struct answer *answer, const cJSON *json);

/* An error as Genesys Cloud writes it: error, description, error_description. */
struct answer *answer_error(int status, const char *error, const char *description);

/* An error of Genesys Cloud's API: status, code, message. */
struct answer *answer_api_error(int status, const char *code, const char *message);

/* Leaves the first half of the body. */
void answer_cut_body(struct answer *answer);

/* Puts spaces before the body until it has SIZE bytes. */
void answer_pad_body(struct answer *answer, size_t size);

/* The reason phrase of a status. */
const char *answer_reason(int status);

/* The bytes that go over the wire, cut as ordered, with Connection: close; the body is used up. The
 * caller frees them. */
struct evbuffer *answer_render(struct answer *answer);

#endif
