/*
 * A server on loopback, in a thread, that reads one request per connection and answers with
 * whatever bytes a test wants. It does not know HTTP beyond the end of a request.
 */
#pragma once

#include <stdbool.h>

struct http_server;

/* What every connection gets. */
struct http_script {
	const char *const *pieces; /* sent one after the other; ends with NULL */
	int gap_ms;                /* between two pieces */
	bool deaf;                 /* closes without reading the request */
	bool hold;                 /* does not close at the end: waits until the client does */
	bool reset;                /* closes with a reset instead of an end */
	bool headers_only;         /* reads no further than the end of the request's headers */
	bool stall_tls;            /* with TLS: accepts, and leaves the handshake unanswered */
	bool close_tls;            /* closes within the handshake */
	bool tls_1_2;              /* speaks no TLS 1.3 */
	const char *client_ca;     /* asks for the client's certificate: this one, in PEM; "":
				      takes any, and none */
};

/* A TLS server has a key and a self-signed certificate for 127.0.0.1 of its own. Does not fail. */
struct http_server *http_server_start(const struct http_script *script, bool tls);

/* Only when no client is connected. */
void http_server_stop(struct http_server *server);

int http_server_port(const struct http_server *server);

/* The path of the certificate as PEM, to trust it; removed at the stop. */
const char *http_server_certificate(const struct http_server *server);

/* How many clients have shown a certificate. */
int http_server_certificates(const struct http_server *server);

/* How many requests were read, and the last of them, whole; after the client has its answer. */
int http_server_requests(const struct http_server *server);
const char *http_server_last_request(const struct http_server *server);
