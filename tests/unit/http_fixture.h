/*
 * A client for tests of io/http, with a loop of its own, and what it was told. Of the names in
 * "test" there is "here.test", this machine, and "slow.test", which takes long. It does not know
 * what is tested.
 */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_server.h"
#include "io/http.h"

struct event_base;
struct tls;

enum {
	/* times CK_TIMEOUT_MULTIPLIER, which valgrind needs */
	TIMEOUT_MS = 3000, /* where no time-out is meant */
	SHORT_MS = 250,    /* where one is; enough to connect on a busy machine */
	SOON_MS = 2000,
	TURN_MS = 10,
	AWHILE_MS = 50, /* what is on its way comes within it */

	ERROR_MAX = 512,
	TEXT_MAX = 512,
};

#define FORM   "grant_type=client_credentials&client_secret=s3cret%26more"
#define HEADER "Basic aWQ6c2VjcmV0"

/* Answers: none at all, and one that is whole. */
extern const char *const nothing[], *const whole[];

/* What done() was told, kept. */
struct outcome {
	int calls;
	bool failed, begun, misconfigured;
	char error[ERROR_MAX];
	int status;
	char *body;
	size_t body_len;
	char retry_after[TEXT_MAX], date[TEXT_MAX], correlation_id[TEXT_MAX];
	int64_t duration_ms;
};

extern struct event_base *base;
extern struct tls *tls;
extern struct http *http;
extern struct http_server *server; /* NULL: none was started */
extern char url[256];
extern struct http_request request; /* to url, with time enough */
extern struct outcome outcome;
extern int64_t multiplier; /* of times, under valgrind */

void set_up(void);
void tear_down(void);

/* The server that url leads to. */
void start_server(const struct http_script *script, bool with_tls);

/* The done() that keeps what it is told in the outcome that is its context. */
void on_done(void *context, const struct http_answer *answer);

struct http_transfer *post(struct outcome *kept);

/* Runs until nothing is left to wait for: no socket and no timer, which is what idle means. */
void run(void);

/* Turns the loop for a while, without waiting for its end. */
void run_for(int64_t ms);
void run_until_readable(int fd);

/* Posts to a server with that script, or with those pieces, and waits for the outcome. */
void post_to(const struct http_script *script);
void answer_with(const char *const pieces[]);

void assert_error(const char *error);
void assert_error_begins(const char *beginning);

/* beginning, " within ", and the short time that the transfer had. */
void assert_timeout(const char *beginning);
