#include "http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pem.h"

enum { REQUEST_MAX = 64 * 1024 };

struct http_server {
	struct http_script script; /* its pieces are copies */
	pthread_t thread;
	int fd, port;
	SSL_CTX *tls; /* NULL: plain */
	char certificate[64];
	_Atomic int requests, certificates;
	char last[REQUEST_MAX + 1];
};

/* A connection, with TLS or without. */
struct stream {
	int fd;
	SSL *ssl;
};

static ssize_t stream_read(struct stream *stream, char *bytes, size_t size)
{
	return stream->ssl ? SSL_read(stream->ssl, bytes, (int)size)
			   : read(stream->fd, bytes, size);
}

static void stream_write(struct stream *stream, const char *bytes)
{
	size_t len = strlen(bytes);

	while (len) {
		ssize_t n = stream->ssl ? SSL_write(stream->ssl, bytes, (int)len)
					: send(stream->fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0) {
			return;
		}
		bytes += n;
		len -= (size_t)n;
	}
}

static bool request_is_whole(const char *request, size_t len)
{
	const char *end = strstr(request, "\r\n\r\n");
	const char *length = strstr(request, "Content-Length: ");

	return end &&
	       len >= (size_t)(end + 4 - request) +
			       (length ? strtoul(length + strlen("Content-Length: "), NULL, 10)
				       : 0);
}

/* The headers, where the script wants no more. */
static bool is_enough(const struct http_server *server, const char *request)
{
	return server->script.headers_only && strstr(request, "\r\n\r\n");
}

static bool read_request(struct http_server *server, struct stream *stream)
{
	char request[REQUEST_MAX + 1] = "";
	size_t len = 0;

	while (!request_is_whole(request, len) && !is_enough(server, request)) {
		ssize_t n = stream_read(stream, request + len, REQUEST_MAX - len);

		if (n <= 0) {
			return false;
		}
		len += (size_t)n;
		request[len] = '\0';
	}
	memcpy(server->last, request, len + 1);
	server->requests++;
	return true;
}

static void wait_for_end(struct stream *stream)
{
	char bytes[256];

	while (stream_read(stream, bytes, sizeof(bytes)) > 0) {
	}
}

/* Within that time. */
static bool client_leaves(struct stream *stream, int ms)
{
	return ms && poll(&(struct pollfd){stream->fd, POLLRDHUP, 0}, 1, ms) == 1;
}

static void talk(struct http_server *server, struct stream *stream)
{
	const struct http_script *script = &server->script;

	if (script->deaf || !read_request(server, stream)) {
		return;
	}
	for (const char *const *piece = script->pieces; *piece; piece++) {
		if (piece != script->pieces && client_leaves(stream, script->gap_ms)) {
			return;
		}
		stream_write(stream, *piece);
	}
	if (script->hold) {
		wait_for_end(stream);
	}
}

static void count_certificate(struct http_server *server, SSL *ssl)
{
	X509 *shown = SSL_get1_peer_certificate(ssl);

	server->certificates += shown != NULL;
	X509_free(shown);
}

static void serve_one(struct http_server *server, int fd)
{
	struct stream stream = {.fd = fd};
	char hello[64];
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (server->script.close_tls) {
		stream_read(&stream, hello, sizeof(hello));
	} else if (server->script.stall_tls) {
		wait_for_end(&stream);
	} else if (server->tls) {
		stream.ssl = SSL_new(server->tls);
		SSL_set_fd(stream.ssl, fd);
		if (SSL_accept(stream.ssl) == 1) {
			count_certificate(server, stream.ssl);
			talk(server, &stream);
		}
		SSL_free(stream.ssl);
	} else {
		talk(server, &stream);
	}
	if (server->script.reset) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	close(fd);
}

static void *serve(void *context)
{
	struct http_server *server = context;
	int fd;

	while ((fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		serve_one(server, fd);
	}
	return NULL;
}

/* Taken whoever shows it, when nobody is trusted. */
static int take_any(int ok, X509_STORE_CTX *context)
{
	return 1;
}

static void ask_for_certificate(struct http_server *server)
{
	const char *trusted = server->script.client_ca;
	BIO *bio = BIO_new_mem_buf(trusted, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	if (certificate) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(server->tls), certificate);
		SSL_CTX_set_verify(
			server->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	} else {
		SSL_CTX_set_verify(server->tls, SSL_VERIFY_PEER, take_any);
	}
	X509_free(certificate);
	BIO_free(bio);
}

static void set_up_tls(struct http_server *server)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = pem_certificate(key);
	FILE *file;
	int fd;

	snprintf(server->certificate, sizeof(server->certificate), "/tmp/test_http_XXXXXX");
	fd = mkstemp(server->certificate);
	assert(fd >= 0);
	file = fdopen(fd, "w");
	assert(file);
	PEM_write_X509(file, certificate);
	fclose(file);

	server->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(server->tls, certificate);
	SSL_CTX_use_PrivateKey(server->tls, key);
	if (server->script.client_ca) {
		ask_for_certificate(server);
	}
	if (server->script.tls_1_2) {
		SSL_CTX_set_max_proto_version(server->tls, TLS1_2_VERSION);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static const char **copy_pieces(const char *const *pieces)
{
	const char **copy;
	size_t n = 0;

	while (pieces[n]) {
		n++;
	}
	copy = calloc(n + 1, sizeof(*copy));
	assert(copy);
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(pieces[i]);
		assert(copy[i]);
	}
	return copy;
}

struct http_server *http_server_start(const struct http_script *script, bool tls)
{
	struct http_server *server = calloc(1, sizeof(*server));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t address_len = sizeof(address);
	int result;

	assert(server);
	server->script = *script;
	server->script.pieces = copy_pieces(script->pieces);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	result = bind(server->fd, (struct sockaddr *)&address, sizeof(address));
	assert(!result);
	result = listen(server->fd, SOMAXCONN);
	assert(!result);
	getsockname(server->fd, (struct sockaddr *)&address, &address_len);
	server->port = ntohs(address.sin_port);
	if (tls) {
		set_up_tls(server);
	}
	result = pthread_create(&server->thread, NULL, serve, server);
	assert(!result);
	return server;
}

void http_server_stop(struct http_server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	if (server->tls) {
		unlink(server->certificate);
		SSL_CTX_free(server->tls);
	}
	for (const char *const *piece = server->script.pieces; *piece; piece++) {
		free((char *)*piece);
	}
	free((void *)server->script.pieces);
	free(server);
}

int http_server_port(const struct http_server *server)
{
	return server->port;
}

const char *http_server_certificate(const struct http_server *server)
{
	return server->certificate;
}

int http_server_certificates(const struct http_server *server)
{
	return server->certificates;
}

int http_server_requests(const struct http_server *server)
{
	return server->requests;
}

const char *http_server_last_request(const struct http_server *server)
{
	return server->last;
}
