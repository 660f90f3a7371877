#include "http_transfer.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "core/secret.h"
#include "http_request.h"
#include "tls.h"
#include "tls_client.h"

static void drop_easy(struct http_transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	transfer->easy = NULL;
}

void http_transfer_free(struct http_transfer *transfer)
{
	if (!transfer) {
		return;
	}
	drop_easy(transfer);
	X509_STORE_free(transfer->store);
	secret_free(transfer->body);
	secret_free(transfer->authorization);
	secret_free(transfer->client_cert);
	secret_free(transfer->client_key);
	secret_free(transfer->client_key_passphrase);
	http_collect_done(&transfer->collect);
	http_way_done(&transfer->way);
	free(transfer);
}

static void set_error(struct http_transfer *transfer, const char *text)
{
	http_text_copy(transfer->error, sizeof(transfer->error), text, strlen(text));
}

static void mark_ended(struct http_transfer *transfer)
{
	transfer->duration_ms = clock_now() - transfer->started_ms;
	drop_easy(transfer);
	transfer->state = HTTP_TRANSFER_ENDED;
}

void http_transfer_end(struct http_transfer *transfer, CURLcode code)
{
	const struct http_failure failure = {
		.easy = transfer->easy,
		.code = code,
		.curl_error = transfer->curl_error,
		.way = &transfer->way,
		.begun = transfer->begun,
		.tls_contexts = transfer->tls_contexts,
		.tls_alert = transfer->tls_alert,
		.has_client_cert = transfer->client_cert,
		.has_proxy_user = transfer->has_proxy_user,
	};
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->collect.refusal) {
		set_error(transfer, transfer->collect.refusal);
	} else if (code != CURLE_OK || !transfer->collect.headers_whole) {
		/* libcurl is content with a connection that closes within the headers. */
		http_text_failure(transfer->error, &failure);
	} else if (status == HTTP_PROXY_AUTHENTICATION_REQUIRED && transfer->way.proxy_url) {
		/* Proxies alone say that, and those that do have passed nothing on. */
		http_text_proxy_password(transfer->error, &failure);
		transfer->begun = false;
	}
	transfer->status = transfer->begun ? (int)status : 0;
	transfer->misconfigured = code == CURLE_SSL_CERTPROBLEM;
	mark_ended(transfer);
}

static void end_misconfigured(struct http_transfer *transfer, const char *why)
{
	set_error(transfer, why);
	transfer->misconfigured = true;
	mark_ended(transfer);
}

bool http_transfer_prepare(struct http_transfer *transfer)
{
	char why[TLS_CLIENT_WHY_MAX];

	if ((transfer->client_cert || transfer->client_key) &&
		!tls_client_check(transfer->client_cert, transfer->client_key,
			transfer->client_key_passphrase, why)) {
		end_misconfigured(transfer, why);
		return false;
	}
	return true;
}

/* curl's own does not close them on exec. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void on_tls_state(const SSL *ssl, int where, int alert)
{
	struct http_transfer *transfer = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (where == SSL_CB_READ_ALERT && alert >> 8 == SSL3_AL_FATAL) {
		transfer->tls_alert = alert & 0xff;
	}
}

/* For the proxy's connection first, where it has TLS. */
static CURLcode set_up_tls(CURL *easy, void *ssl_context, void *context)
{
	struct http_transfer *transfer = context;

	SSL_CTX_set1_cert_store(ssl_context, transfer->store);
	SSL_CTX_set_app_data(ssl_context, transfer);
	SSL_CTX_set_info_callback(ssl_context, on_tls_state);
	transfer->tls_contexts++;
	return CURLE_OK;
}

/* From here on the request's bytes may be on their way. */
static int on_begin(void *context, char *peer, char *own, int peer_port, int own_port)
{
	struct http_transfer *transfer = context;

	transfer->begun = true;
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *context)
{
	struct http_transfer *transfer = context;
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return http_collect_header(&transfer->collect, line, size * n, (int)status) ? size * n : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
	struct http_transfer *transfer = context;

	return http_collect_body(&transfer->collect, bytes, size * n) ? size * n : 0;
}

static struct secret *authorization_line(const struct secret *value)
{
	static const char name[] = "Authorization: ";
	size_t size = strlen(name) + secret_len(value) + 1;
	char *line = malloc(size);
	struct secret *secret;

	if (!line) {
		return NULL;
	}
	snprintf(line, size, "%s%s", name, secret_reveal(value));
	secret = secret_new(line, size - 1);
	explicit_bzero(line, size);
	free(line);
	return secret;
}

/* Takes a copy of a secret that may be missing. Returns 0 or -ENOMEM. */
static int take_secret(struct secret **copy, const struct secret *secret)
{
	if (secret) {
		*copy = secret_new(secret_reveal(secret), secret_len(secret));
		return *copy ? 0 : -ENOMEM;
	}
	return 0;
}

static int take_secrets(struct http_transfer *transfer, const struct http_request *request)
{
	if (take_secret(&transfer->body, request->body) < 0) {
		return -ENOMEM;
	}
	if (!transfer->way.tls) {
		return 0;
	}
	if (take_secret(&transfer->client_cert, request->client_cert) < 0 ||
		take_secret(&transfer->client_key, request->client_key) < 0 ||
		take_secret(&transfer->client_key_passphrase, request->client_key_passphrase) < 0) {
		return -ENOMEM;
	}
	return 0;
}

static int make_headers(struct http_transfer *transfer, const struct http_request *request)
{
	size_t n = 0;

	transfer->collect.keep_lines = request->keep_headers;
	transfer->headers[n++].data = (char *)HTTP_ACCEPT;
	transfer->headers[n++].data = (char *)"Expect:"; /* no waiting for 100 Continue */
	if (request->body) {
		transfer->headers[n++].data = (char *)request->content_type;
	}
	if (request->authorization) {
		transfer->authorization = authorization_line(request->authorization);
		if (!transfer->authorization) {
			return -ENOMEM;
		}
		transfer->headers[n++].data = (char *)secret_reveal(transfer->authorization);
	}
	for (size_t i = 1; i < n; i++) {
		transfer->headers[i - 1].next = &transfer->headers[i];
	}
	return 0;
}

/* Takes a reference to the authorities where TLS is spoken. */
static bool take_store(struct http_transfer *transfer, struct tls *tls, const char *ca_file)
{
	const char *why;

	if (!transfer->way.tls && !transfer->way.proxy_tls) {
		return true;
	}
	transfer->store = tls_store(tls, ca_file, &why);
	if (!transfer->store) {
		set_error(transfer, why);
		return false;
	}
	X509_STORE_up_ref(transfer->store);
	return true;
}

/* As for the following ones: not 0 where memory was short, nothing else makes these fail. */
static int set_request(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	int failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
	failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, HTTP_AGENT);
	failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (transfer->body) {
		failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, secret_reveal(transfer->body));
		failed |= curl_easy_setopt(
			easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)secret_len(transfer->body));
	}
	return failed;
}

static int set_connection(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	int failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	/* On a connection that was used before, libcurl repeats a POST by itself when it closes. */
	failed |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	/* Without them a resolver that hangs blocks the removal of the handle. */
	failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	failed |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	failed |= curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->request_timeout_ms);
	return failed;
}

/* Where an option is left out, libcurl takes what the environment says. */
static int set_proxy(struct http_transfer *transfer, const struct http_request *request)
{
	const struct secret *password = request->proxy_password;
	const char *no_proxy = request->no_proxy ? request->no_proxy : "";
	CURL *easy = transfer->easy;
	int failed = 0;

	if (!transfer->way.proxy_url) {
		failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
		failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
		return failed;
	}
	transfer->has_proxy_user = request->proxy_username;
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY, transfer->way.proxy_url);
	failed |= curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy);
	failed |= curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, request->proxy_username);
	failed |= curl_easy_setopt(
		easy, CURLOPT_PROXYPASSWORD, password ? secret_reveal(password) : NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
	failed |= curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, (long)CURLAUTH_BASIC);
	/* The server's headers are not for the proxy, nor the proxy's for us. */
	failed |= curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	failed |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	return failed;
}

/* With a CAPATH libcurl reads all authorities anew for each connection. Its cache of them would put
 * the store of one transfer in place of another's, since it is filled and looked at behind
 * set_up_tls(). */
static int set_tls(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	int failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	failed |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	failed |= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	failed |= curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	failed |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
	failed |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transfer);
	return failed;
}

/* Borrowed from the transfer. */
static struct curl_blob blob(const struct secret *secret)
{
	return (struct curl_blob){
		.data = (void *)secret_reveal(secret),
		.len = secret_len(secret),
		.flags = CURL_BLOB_NOCOPY,
	};
}

/* For the server alone: a proxy is shown none. OpenSSL does not ask on the terminal for a
 * passphrase that is missing, since http_transfer_prepare() has refused such a key. */
static int set_client_certificate(struct http_transfer *transfer)
{
	const struct secret *passphrase = transfer->client_key_passphrase;
	CURL *easy = transfer->easy;
	struct curl_blob cert, key;
	int failed = 0;

	if (!transfer->client_cert || !transfer->client_key) {
		return 0;
	}
	cert = blob(transfer->client_cert);
	key = blob(transfer->client_key);
	failed |= curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
	failed |= curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
	failed |= curl_easy_setopt(
		easy, CURLOPT_KEYPASSWD, passphrase ? secret_reveal(passphrase) : NULL);
	return failed;
}

static int set_callbacks(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	int failed = 0;

	failed |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin);
	failed |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
	failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	return failed;
}

static int set_options(struct http_transfer *transfer, const struct http_request *request)
{
	int failed = 0;

	failed |= set_request(transfer, request);
	failed |= set_connection(transfer, request);
	failed |= set_proxy(transfer, request);
	failed |= set_tls(transfer);
	failed |= set_client_certificate(transfer);
	failed |= set_callbacks(transfer);
	return failed ? -ENOMEM : 0;
}

/* Returns 0, also when it has ended, or -ENOMEM. */
static int init(struct http_transfer *transfer, struct tls *tls, const struct http_request *request)
{
	const char *why = NULL;
	int r = http_way_init(&transfer->way, request, &why);

	if (r == -EINVAL) {
		end_misconfigured(transfer, why);
		return 0;
	}
	if (r < 0) {
		return r;
	}
	if (!take_store(transfer, tls, request->ca_file)) {
		mark_ended(transfer);
		return 0;
	}
	if (take_secrets(transfer, request) < 0 || make_headers(transfer, request) < 0) {
		return -ENOMEM;
	}
	transfer->easy = curl_easy_init();
	return transfer->easy ? set_options(transfer, request) : -ENOMEM;
}

int http_transfer_new(
	struct tls *tls, const struct http_request *request, struct http_transfer **ret_transfer)
{
	struct http_transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer) {
		return -ENOMEM;
	}
	transfer->started_ms = clock_now();
	if (init(transfer, tls, request) < 0) {
		http_transfer_free(transfer);
		return -ENOMEM;
	}
	*ret_transfer = transfer;
	return 0;
}
