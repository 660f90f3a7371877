/*
 * One request as libcurl has to do it: the options that hold for every one, the way through
 * a proxy, and what became of it. It does not know when it runs, nor in which thread.
 */
#pragma once

#include <curl/curl.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "http_collect.h"
#include "http_text.h"
#include "http_way.h"

struct http;
struct http_answer;
struct http_request;
struct tls;

enum http_transfer_state {
	HTTP_TRANSFER_QUEUED,  /* waits for the thread to begin it */
	HTTP_TRANSFER_RUNNING, /* the thread's */
	HTTP_TRANSFER_ENDED,   /* waits to be reported */
};

struct http_transfer {
	TAILQ_ENTRY(http_transfer) entry; /* in the worker's list of its state */
	enum http_transfer_state state;
	bool leaving;   /* in http's list: the worker has not got it yet */
	bool cancelled; /* while it was running */
	struct http *http;
	void (*done)(void *context, const struct http_answer *answer);
	void *context;

	CURL *easy; /* NULL: it has ended, or never began */
	struct secret *body, *authorization;
	struct secret *client_cert, *client_key, *client_key_passphrase; /* NULL: none */
	struct curl_slist headers[4]; /* not allocated by curl, so never freed by it */
	X509_STORE *store;            /* a reference, NULL where there is no TLS */
	struct http_way way;
	bool has_proxy_user;
	int64_t started_ms, duration_ms;

	struct http_collect collect;
	unsigned tls_contexts; /* connections that came as far as TLS: proxy's, server's */
	int tls_alert;         /* the last fatal one that came, 0: none */
	bool begun;
	bool misconfigured;
	int status;
	char curl_error[CURL_ERROR_SIZE];
	char error[HTTP_TEXT_MAX]; /* empty: none */
};

TAILQ_HEAD(http_transfer_list, http_transfer);

/* Takes a copy of what is needed of the request. Returns 0 and a transfer, which has ended with an
 * error when the request can never be sent; or -ENOMEM. */
int http_transfer_new(
	struct tls *tls, const struct http_request *request, struct http_transfer **ret_transfer);

/* In no list, and its handle in no multi handle; takes NULL. */
void http_transfer_free(struct http_transfer *transfer);

/* Checks what takes time, before the handle is run. False when the transfer has ended with that. */
bool http_transfer_prepare(struct http_transfer *transfer);

/* Takes what came of it, and drops the handle, which is in no multi handle any more. */
void http_transfer_end(struct http_transfer *transfer, CURLcode code);
