#include "client/print.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/escape.h"

/* Bytes of an escaped character: \u202e. */
enum { ESCAPE_MAX = 6 };

static const char *const advices[ERROR_CODES] = {
	[ERROR_INVALID_REQUEST] = "check the arguments, and that gctoken --version and gctoken "
				  "status name one version",
	[ERROR_UNKNOWN_REQUEST] = "this gctokend does not know the request: restart it if it was "
				  "upgraded",
	[ERROR_ACCESS_DENIED] = "gctoken services lists what you may do, an allow line in the "
				"configuration grants more",
	[ERROR_RATE_LIMITED] = "wait, then ask again",
	[ERROR_REFRESH_TIMEOUT] = "gctokend goes on trying: ask again, or see gctoken info",
	[ERROR_UPSTREAM_UNAVAILABLE] = "gctokend goes on trying: check the network and the login "
				       "server if it lasts",
	[ERROR_UPSTREAM_REJECTED] = "correct the profile's credentials, then run gctoken reload",
	[ERROR_LOGIN_REQUIRED] = "sign in with gctoken login (--device where that is the "
				 "grant), or run gctoken refresh where only that fetches "
				 "tokens",
	[ERROR_SHUTTING_DOWN] = "ask again once gctokend runs again",
	[ERROR_INTERNAL] = "gctokend's log tells more: journalctl -u gctokend",
};

/* Whether a terminal may take the character for something else than a sign to show. */
static bool is_steering(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* Reads a character of UTF-8; returns how many bytes it has, 0 where it is none. */
static size_t read_character(const char *text, uint32_t *ret_c)
{
	unsigned char first = (unsigned char)*text;
	size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? first : first & (0x7fu >> len);

	if (strnlen(text, len) < len || !escape_is_utf8(text, len)) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	}
	*ret_c = c;
	return len;
}

void print_escape(char *dst, size_t size, const char *text)
{
	static const char more[] = " …";
	size_t used = 0;
	size_t fits = 0; /* how much of it leaves room for `more` */

	assert(size >= sizeof(more));
	while (*text) {
		char shown[ESCAPE_MAX + 1] = "";
		uint32_t c = 0;
		size_t len = read_character(text, &c);
		size_t shown_len = 0;

		if (len == 0) {
			snprintf(shown, sizeof(shown), "\\x%02x", (unsigned char)*text);
		} else if (c == '\n') {
			strcpy(shown, "\\n");
		} else if (is_steering(c)) {
			snprintf(shown, sizeof(shown), c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		} else {
			memcpy(shown, text, len);
		}
		shown_len = strlen(shown);
		if (used + shown_len >= size) {
			memcpy(dst + fits, more, sizeof(more));
			return;
		}
		memcpy(dst + used, shown, shown_len);
		used += shown_len;
		if (used + sizeof(more) <= size) {
			fits = used;
		}
		text += len ? len : 1;
	}
	dst[used] = '\0';
}

const char *print_advice(enum error_code code)
{
	return advices[code];
}

void print_error(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) >= 0) {
		dprintf(STDERR_FILENO, "gctoken: %s\n", text);
		free(text);
	}
	va_end(args);
}

void print_prompt(const char *text)
{
	dprintf(STDERR_FILENO, "%s", text);
}

int print_bytes(const char *bytes, size_t len)
{
	signal(SIGPIPE, SIG_IGN);
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Whoever shares the terminal or pipe has made it non-blocking. */
			struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

			poll(&ready, 1, -1);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

int print_out(const char *bytes, size_t len)
{
	int r = print_bytes(bytes, len);

	if (r < 0) {
		print_error("cannot write to standard output: %s", strerror(-r));
	}
	return r < 0 ? EXIT_STATUS_FAILURE : EXIT_STATUS_DONE;
}
