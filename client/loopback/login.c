/*
 * gctoken-login: gctoken login where it serves a browser. This takes the place of client/login.c;
 * all else is gctoken's.
 */
#include "client/login.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/ask.h"
#include "client/authorization.h"
#include "client/ending.h"
#include "client/loopback/browser.h"
#include "client/loopback/gate.h"
#include "client/loopback/page.h"
#include "client/loopback/place.h"
#include "client/loopback/random.h"
#include "client/loopback/server.h"
#include "client/output.h"
#include "client/print.h"
#include "client/show.h"

enum {
	SHOWN_SIZE = 1024, /* of a text from outside */
	ADVICE_SIZE = SHOWN_SIZE + 64,
	PAGE_SENT_MS = 5 * 1000,  /* for the last page to reach the browser */
	LIFE_MS = 10 * 60 * 1000, /* of a sign-in, where the daemon does not say */
	STATUS_FOUND = 302,
};

struct login {
	const struct arguments *arguments;
	struct connection *connection;
	struct reply begun; /* auth.getAuthorizeUrl's */
	struct place place; /* in begun */
	struct gate gate;
	struct event_base *base;
	struct server *server;
	struct event *signals[ENDING_SIGNALS]; /* NULL: it is ignored */
	struct event *child, *deadline;
	pid_t browser;
	int caught; /* the signal that ends the program; 0: none */
	int status; /* an enum exit_status */
};

/* ---- the daemon */

static void withdraw(struct login *login)
{
	authorization_withdraw(login->connection, login->arguments->profile,
		authorization_text(&login->begun, "state"));
}

/* Asks where the browser goes, and notes where it comes back to. Returns an exit status. */
static int begin(struct login *login, const char *redirect_uri)
{
	char shown[SHOWN_SIZE];
	int status;

	ask_free_reply(&login->begun);
	login->begun = (struct reply){0};
	login->connection->deadline_ms = 0;
	status = authorization_begin(
		login->connection, login->arguments->profile, redirect_uri, NULL, &login->begun);
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	redirect_uri = authorization_text(&login->begun, "redirectUri");
	if (!place_read(&login->place, redirect_uri)) {
		print_escape(shown, sizeof(shown), redirect_uri);
		print_error("the profile's redirect_uri, %s, leads to another machine or program; "
			    "have one that begins with http://localhost/ registered, or sign in "
			    "with --no-browser",
			shown);
		withdraw(login);
		return EXIT_STATUS_FAILURE;
	}
	return EXIT_STATUS_DONE;
}

/* ---- listening */

static int fail_to_listen(struct login *login, int r)
{
	const struct place *place = &login->place;

	if (r == -EADDRINUSE && place->port > 0) {
		print_error("port %d of %s, where the browser is to come back to, is taken: end "
			    "the program that listens there (another gctoken login?), or sign in "
			    "with --no-browser",
			place->port, place->host);
	} else {
		print_error("cannot listen on %s, where the browser is to come back to: %s; sign "
			    "in with --no-browser",
			place->host, strerror(-r));
	}
	withdraw(login);
	return EXIT_STATUS_FAILURE;
}

/* Begins the sign-in with a listener for the browser. Returns an exit status. */
static int begin_and_listen(struct login *login)
{
	int status = authorization_check(login->connection, login->arguments->profile);
	int r, port;
	char *uri;

	if (status == EXIT_STATUS_DONE) {
		status = begin(login, NULL);
	}
	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	port = login->place.port;
	r = server_listen(login->server, &login->place);
	if (r < 0) {
		return fail_to_listen(login, r);
	}
	if (port > 0) {
		return EXIT_STATUS_DONE;
	}
	/* The port is a free one, which the daemon has yet to hear of. */
	uri = place_uri(&login->place);
	port = login->place.port;
	if (!uri) {
		return output_fail_memory();
	}
	withdraw(login);
	status = begin(login, uri);
	free(uri);
	return status == EXIT_STATUS_DONE && login->place.port != port
		       ? ask_fail(login->connection, -EBADMSG)
		       : status;
}

/* ---- the end */

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct login *login = context;

	login->caught = number;
	event_base_loopbreak(login->base);
}

/* From here on there is something to undo. False when there is no memory. */
static bool hold_signals(struct login *login)
{
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		if (ending_is_ignored(ending_signals[i])) {
			continue;
		}
		login->signals[i] = evsignal_new(login->base, ending_signals[i], on_signal, login);
		if (!login->signals[i] || event_add(login->signals[i], NULL) < 0) {
			return false;
		}
	}
	return true;
}

/* Signals do again what they did before there was something to undo. */
static void release_signals(struct login *login)
{
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		if (login->signals[i]) {
			event_del(login->signals[i]);
		}
	}
}

/* This page is the last one. */
static void end_with(struct login *login, int status, struct server_reply *reply)
{
	const struct timeval in = {.tv_sec = PAGE_SENT_MS / 1000};

	login->status = status;
	reply->last = true;
	event_del(login->deadline);
	gate_set_cookie(&login->gate, false, reply->set_cookie);
	event_base_loopexit(login->base, &in);
}

static void on_sent(void *context)
{
	struct login *login = context;

	event_base_loopbreak(login->base);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct login *login = context;
	char shown[SHOWN_SIZE];

	print_escape(shown, sizeof(shown), login->arguments->profile);
	print_error("nobody has signed in in time; begin again with: gctoken login %s", shown);
	login->status = EXIT_STATUS_TEMPORARY;
	event_base_loopbreak(login->base);
}

/* ---- what the browser asks */

/* Tells in the terminal and the browser why there is no token. Returns an exit status. */
static int fail(struct login *login, int r, const struct reply *answer, struct page *page)
{
	const char *profile = login->arguments->profile;
	char advice[ADVICE_SIZE], shown[SHOWN_SIZE], why[ASK_WHY_SIZE];
	int status;

	print_escape(shown, sizeof(shown), profile);
	snprintf(advice, sizeof(advice), "run: gctoken login %s", shown);
	status = r != 0 ? ask_why(why, login->connection, r)
			: ask_why_error(why, answer,
				  answer->code == ERROR_LOGIN_REQUIRED ? advice : NULL);
	print_error("%s", why);
	page_failed(page, profile, why, r == 0 && answer->code == ERROR_REFRESH_TIMEOUT);
	if (r == 0 && answer->code == ERROR_RATE_LIMITED) {
		withdraw(login);
	}
	return status;
}

/* Brings the daemon what came back, and tells the person in the terminal and the browser. */
static void finish(struct login *login, const struct redirect *redirect, struct server_reply *reply)
{
	__attribute__((cleanup(ask_free_reply))) struct reply answer = {0};
	int r, status;

	release_signals(login); /* the state is used up: there is nothing to withdraw */
	r = authorization_bring(login->connection, login->arguments->profile, NULL,
		authorization_text(&login->begun, "state"), redirect, &answer);
	if (r == 0 && answer.data) {
		page_signed_in(&reply->page, login->arguments->profile,
			authorization_text(&answer, "account"),
			authorization_text(&answer, "loginUrl"));
		status = output_data(login->arguments->json, answer.data, show_summary);
	} else {
		status = fail(login, r, &answer, &reply->page);
	}
	/* The loop's clock stood still meanwhile: by it the page would be late from the start. */
	event_base_update_cache_time(login->base);
	end_with(login, status, reply);
}

static void on_request(
	void *context, const struct gate_request *request, struct server_reply *reply)
{
	struct login *login = context;
	struct redirect redirect;
	enum gate_verdict verdict = gate_judge(&login->gate, request, &redirect);

	if (verdict == GATE_CAME_BACK) {
		finish(login, &redirect, reply);
	} else if (verdict == GATE_GO_ON) {
		reply->page.status = STATUS_FOUND;
		reply->location = authorization_text(&login->begun, "url");
		gate_set_cookie(&login->gate, true, reply->set_cookie);
	} else {
		page_verdict(&reply->page, verdict);
	}
}

/* ---- the browser */

static void tell_unopened(const char *why)
{
	print_error("no browser could be opened (%s); open the address in one on this machine, or "
		    "end this and sign in with --no-browser",
		why);
}

static void on_child(evutil_socket_t number, short what, void *context)
{
	struct login *login = context;
	int status;

	if (waitpid(login->browser, &status, WNOHANG) != login->browser) {
		return;
	}
	event_del(login->child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		tell_unopened("the program that opens one has failed");
	}
}

static void open_browser(struct login *login)
{
	char authority[PLACE_AUTHORITY_SIZE];
	char url[sizeof("http://") + PLACE_AUTHORITY_SIZE + GATE_PAGE_SIZE];
	int r;

	place_authority(&login->place, authority);
	snprintf(url, sizeof(url), "http://%s%s", authority, login->gate.page);
	print_prompt("Sign in in your browser, which opens this address:\n\n");
	print_prompt(url);
	print_prompt("\n\n");
	setrlimit(RLIMIT_CORE, &login->arguments->core_limit);
	r = browser_open(url, &login->browser);
	if (r < 0) {
		tell_unopened(strerror(-r));
	}
}

/* ---- all of it */

static const struct server_ops server_ops = {on_request, on_sent};

static bool prepare(struct login *login)
{
	login->base = event_base_new();
	login->server = login->base ? server_new(login->base, &server_ops, login) : NULL;
	login->deadline = login->base ? evtimer_new(login->base, on_deadline, login) : NULL;
	login->child = login->base ? evsignal_new(login->base, SIGCHLD, on_child, login) : NULL;
	return login->server && login->deadline && login->child &&
	       event_add(login->child, NULL) == 0;
}

static void event_done(struct event *event)
{
	if (event) {
		event_free(event);
	}
}

static void login_done(struct login *login)
{
	server_free(login->server);
	for (int i = 0; i < ENDING_SIGNALS; i++) {
		event_done(login->signals[i]);
	}
	event_done(login->child);
	event_done(login->deadline);
	if (login->base) {
		event_base_free(login->base);
	}
	ask_free_reply(&login->begun);
}

/* Until when the daemon takes the state. */
static void set_deadline(struct login *login)
{
	const char *text = authorization_text(&login->begun, "expiresAt");
	int64_t at_ms, left_ms = LIFE_MS;
	struct timeval in;

	if (text && message_parse_time(text, &at_ms)) {
		left_ms = at_ms - output_now_ms();
	}
	in = (struct timeval){.tv_sec = left_ms > 0 ? left_ms / 1000 : 0};
	event_add(login->deadline, &in);
}

static int serve(struct login *login)
{
	char page[RANDOM_SIZE], cookie[RANDOM_SIZE];
	int status = begin_and_listen(login);
	const char *type;

	if (status != EXIT_STATUS_DONE) {
		return status;
	}
	if (!hold_signals(login)) {
		withdraw(login);
		return output_fail_memory();
	}
	if (random_text(page) < 0 || random_text(cookie) < 0) {
		print_error("the system has no random numbers to give: %s", strerror(errno));
		withdraw(login);
		return EXIT_STATUS_FAILURE;
	}
	type = authorization_text(&login->begun, "responseType");
	gate_init(&login->gate, &login->place, authorization_text(&login->begun, "state"),
		type && strcmp(type, "token") == 0, page, cookie);
	set_deadline(login);
	/* What has come meanwhile may end it before there is anything to see. */
	event_base_loop(login->base, EVLOOP_NONBLOCK);
	if (event_base_got_break(login->base)) {
		return login->status;
	}
	open_browser(login);
	event_base_dispatch(login->base);
	return login->status;
}

int command_login(const struct arguments *arguments, struct connection *connection)
{
	struct login login = {
		.arguments = arguments,
		.connection = connection,
		.status = EXIT_STATUS_FAILURE,
	};
	int status;

	signal(SIGPIPE, SIG_IGN); /* a browser may go at any time */
	status = prepare(&login) ? serve(&login) : output_fail_memory();
	if (login.caught) {
		release_signals(&login);
		withdraw(&login);
	}
	login_done(&login);
	if (login.caught) {
		raise(login.caught);
	}
	return status;
}
