#include "http_fixture.h"

#include <dlfcn.h>
#include <event2/event.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"
#include "io/tls.h"

enum { SLOW_RESOLVER_S = 60 /* longer than any test may take */ };

static struct secret *form, *authorization;

const char *const nothing[] = {NULL};

const char *const whole[] = {
	"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 18:00:00 GMT\r\n"
	"ININ-Correlation-Id:  abc-1 \r\nContent-Length: 4\r\n\r\nbody",
	NULL,
};

struct event_base *base;
struct tls *tls;
struct http *http;
struct http_server *server;
char url[256];
struct http_request request;
struct outcome outcome;
int64_t multiplier;

/* libcurl resolves with this one, too. */
int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (!strcmp(name, "slow.test")) {
		sleep(SLOW_RESOLVER_S);
		return EAI_NONAME;
	}
	if (!strcmp(name, "here.test")) {
		name = "127.0.0.1";
	} else if (strstr(name, ".test")) {
		return EAI_NONAME;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, req, pai);
}

static void keep(char text[TEXT_MAX], const char *value)
{
	snprintf(text, TEXT_MAX, "%s", value ? value : "(none)");
}

void on_done(void *context, const struct http_answer *answer)
{
	struct outcome *kept = context;

	kept->calls++;
	kept->failed = answer->error;
	kept->begun = answer->begun;
	kept->misconfigured = answer->misconfigured;
	snprintf(kept->error, sizeof(kept->error), "%s", answer->error ? answer->error : "");
	kept->status = answer->status;
	free(kept->body);
	kept->body = malloc(answer->body_len + 1);
	ck_assert_ptr_nonnull(kept->body);
	memcpy(kept->body, answer->body, answer->body_len + 1);
	kept->body_len = answer->body_len;
	keep(kept->retry_after, answer->retry_after);
	keep(kept->date, answer->date);
	keep(kept->correlation_id, answer->correlation_id);
	kept->duration_ms = answer->duration_ms;
}

void set_up(void)
{
	const char *value = getenv("CK_TIMEOUT_MULTIPLIER");

	multiplier = value ? strtol(value, NULL, 10) : 1;
	signal(SIGPIPE, SIG_IGN);
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	base = event_base_new();
	tls = tls_new();
	http = http_new(base, tls);
	ck_assert_ptr_nonnull(http);
	form = secret_new(FORM, strlen(FORM));
	authorization = secret_new(HEADER, strlen(HEADER));
	request = (struct http_request){
		.method = "POST",
		.url = url,
		.body = form,
		.content_type = HTTP_TYPE_FORM,
		.authorization = authorization,
		.connect_timeout_ms = TIMEOUT_MS * multiplier,
		.request_timeout_ms = TIMEOUT_MS * multiplier,
	};
	outcome = (struct outcome){.calls = 0};
	server = NULL;
}

void tear_down(void)
{
	http_free(http);
	tls_free(tls);
	event_base_free(base);
	secret_free(form);
	secret_free(authorization);
	free(outcome.body);
	if (server) {
		http_server_stop(server);
	}
}

void start_server(const struct http_script *script, bool with_tls)
{
	server = http_server_start(script, with_tls);
	snprintf(url, sizeof(url), "http%s://127.0.0.1:%d/oauth/token", with_tls ? "s" : "",
		http_server_port(server));
}

struct http_transfer *post(struct outcome *kept)
{
	struct http_transfer *transfer = NULL;
	int calls = kept->calls;

	ck_assert_int_eq(http_send(http, &request, on_done, kept, &transfer), 0);
	ck_assert_ptr_nonnull(transfer);
	ck_assert_int_eq(kept->calls, calls);
	return transfer;
}

void run(void)
{
	ck_assert_int_ge(event_base_dispatch(base), 0);
}

void post_to(const struct http_script *script)
{
	start_server(script, false);
	post(&outcome);
	run();
	ck_assert_int_eq(outcome.calls, 1);
}

void answer_with(const char *const pieces[])
{
	post_to(&(struct http_script){.pieces = pieces});
}

void assert_error(const char *error)
{
	ck_assert(outcome.failed);
	ck_assert_str_eq(outcome.error, error);
}

void assert_timeout(const char *beginning)
{
	char error[ERROR_MAX];

	snprintf(error, sizeof(error), "%s within %g second%s", beginning,
		(double)(SHORT_MS * multiplier) / 1000, SHORT_MS * multiplier == 1000 ? "" : "s");
	assert_error(error);
	/* libcurl counts whole milliseconds, and may round one up. */
	ck_assert_int_ge(outcome.duration_ms, SHORT_MS * multiplier - 1);
	ck_assert_int_lt(outcome.duration_ms, SOON_MS * multiplier);
}

void assert_error_begins(const char *beginning)
{
	ck_assert(outcome.failed);
	ck_assert_msg(
		!strncmp(outcome.error, beginning, strlen(beginning)), "\"%s\"", outcome.error);
}

void run_until_readable(int fd)
{
	while (poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 0) {
		run_for(TURN_MS);
	}
}

void run_for(int64_t ms)
{
	struct timeval time = {ms / 1000, ms % 1000 * 1000};

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
}
