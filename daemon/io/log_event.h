/*
 * What a message is about, for programs that look for it: which kind of event, and whom and what it
 * concerns. It does not know how a message looks, nor where it goes.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * symbol, name in lines of JSON, MESSAGE_ID in the journal (made by `systemd-id128 new`, and never
 * changed: people search for it). gctokend(8) says what each means.
 */
#define LOG_EVENT_LIST(X)                                                               \
	X(STARTED, "started", "cda33f12224249f096dfe7768b6e9d69")                       \
	X(START_FAILED, "start_failed", "46bdd69ffcda4e6e947e3ff995a4e49e")             \
	X(STOPPING, "stopping", "d7a8710f237745a494d4f31a3b544a6f")                     \
	X(RELOADED, "reloaded", "13865c8f2bc846c58f2555aacccc9486")                     \
	X(RELOAD_FAILED, "reload_failed", "d004131ec02449c98a775ee277525638")           \
	X(BAD_SETTING, "bad_setting", "3f8443227f6642f6895902f2fd89dbc1")               \
	X(TOKEN_OBTAINED, "token_obtained", "1ebd9804fa7147c396bb52f3ad5b270b")         \
	X(REFRESH_FAILED, "refresh_failed", "5abea7facb584bc18e625fbc1df99fb1")         \
	X(REJECTED, "rejected", "7e0508890a194a74ba3046e4d25aac37")                     \
	X(LOGIN_REQUIRED, "login_required", "de372e1d4ef3487aa75d69afdb3a950e")         \
	X(TOKEN_DISCARDED, "token_discarded", "44d74132ec5a4c8da533b7cfd7b85a39")       \
	X(LOGGED_OUT, "logged_out", "31d16823d2b745bda583a3e8b1bbbfcc")                 \
	X(REFRESH_OVERLOOKED, "refresh_overlooked", "23ed903297c14572a7b120c1a75a0c5d") \
	X(EXCHANGE, "exchange", "e5e8dbdf74894f89ade4090c154d30a9")                     \
	X(TOKEN_HANDED_OUT, "token_handed_out", "3b7630900b1049b9a3b6f77140ea41f8")     \
	X(ACCESS_DENIED, "access_denied", "1c26452d8fda4615ae0dbd92ba4d1c7c")           \
	X(AUDIT_LEFT_OUT, "audit_left_out", "0cea037b092f47bdaf4ed6b54e189876")         \
	X(STATE_FAILED, "state_failed", "471a66fe905c454fbf26a5c364fe052b")             \
	X(STATE_IGNORED, "state_ignored", "406079551b554573a8e632335e8cb645")           \
	X(STORE_IGNORED, "store_ignored", "66a4e40e1b6d4ed6add88568d50cb45e")           \
	X(STORE_FAILED, "store_failed", "e161a98ae5064cbbb53c7f8f9ced07a7")             \
	X(CLOCK_SET, "clock_set", "33b50006703b448d882f01db27a80576")

enum log_event_kind {
	LOG_EVENT_NONE, /* a message of no kind that anybody looks for */
#define X(symbol, name, message_id) LOG_EVENT_##symbol,
	LOG_EVENT_LIST(X)
#undef X
		LOG_EVENT_KINDS,
};

enum log_level {
	LOG_LEVEL_NONE, /* nothing but errors of the daemon itself */
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE,
};

/* Who asked, as the kernel told it when they connected. */
struct log_peer {
	uid_t uid;
	pid_t pid;        /* 0: not known */
	const char *unit; /* NULL: in none, or not known */
};

/* One request and its answer, with no secret in it any more. */
struct log_exchange {
	const char *method, *url;
	int status; /* 0: no answer came */
	int64_t duration_ms;
	/* "Name: value" each, NULL behind the last; NULL: not told. */
	const char *const *request_headers, *const *response_headers;
	const char *request_body, *response_body; /* NULL: not told */
};

/* All is borrowed; NULL: it is about none. Texts may come from outside. */
struct log_event {
	enum log_level level;
	enum log_event_kind kind;
	const char *profile;
	const char *endpoint;
	const char *error_code;     /* as on the wire */
	const char *correlation_id; /* of an answer, "" where it had none */
	const struct log_peer *peer;
	const struct log_exchange *exchange;
};
