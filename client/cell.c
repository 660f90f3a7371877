#include "client/cell.h"

#include <stdio.h>
#include <string.h>

#include "client/print.h"
#include "proto/error.h"
#include "proto/message.h"

enum {
	MINUTE_S = 60,
	HOUR_S = 60 * MINUTE_S,
	DAY_S = 24 * HOUR_S,
};

#define NUMBER_MAX 1e15 /* a double has all whole ones up to there */

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"

struct state {
	const char *name;
	const char *words; /* while there is no valid token */
	const char *words_valid;
	const char *colour;
	const char *colour_valid;
};

static const struct state states[] = {
	{"empty", "no token yet", "no token yet", YELLOW, YELLOW},
	{"fetching", "getting a token", "getting a token", YELLOW, YELLOW},
	{"fresh", "expired", "valid", RED, GREEN},
	{"refreshing", "getting a token", "valid, refreshing", YELLOW, GREEN},
	{"failing", "no token, retrying", "valid, refresh failing", RED, YELLOW},
	{"rejected", "rejected", "valid, refresh rejected", RED, YELLOW},
	{"login_required", "login required", "valid, login required", RED, YELLOW},
	{"disabled", "disabled", "disabled", RED, RED},
};

const char *cell_member(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

int64_t cell_number(const cJSON *object, const char *name)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
	double value = cJSON_IsNumber(number) ? number->valuedouble : 0;

	value = value < NUMBER_MAX ? value : NUMBER_MAX;
	return (int64_t)(value > -NUMBER_MAX ? value : -NUMBER_MAX);
}

const char *cell_text(char dst[CELL_TEXT_SIZE], const cJSON *object, const char *name)
{
	const char *text = cell_member(object, name);

	print_escape(dst, CELL_TEXT_SIZE, text ? text : "-");
	return dst;
}

bool cell_until(const cJSON *object, const char *name, int64_t now_ms, int64_t *ret_ms)
{
	const char *text = cell_member(object, name);
	int64_t at_ms = 0;

	if (!text || !message_parse_time(text, &at_ms)) {
		return false;
	}
	*ret_ms = at_ms - now_ms;
	return true;
}

const char *cell_span(char dst[CELL_SPAN_SIZE], int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < MINUTE_S) {
		snprintf(dst, CELL_SPAN_SIZE, "%lld s", (long long)s);
	} else if (s < HOUR_S) {
		snprintf(dst, CELL_SPAN_SIZE, "%lld min %lld s", (long long)s / MINUTE_S,
			(long long)s % MINUTE_S);
	} else if (s < DAY_S) {
		snprintf(dst, CELL_SPAN_SIZE, "%lld h %lld min", (long long)s / HOUR_S,
			(long long)s % HOUR_S / MINUTE_S);
	} else {
		snprintf(dst, CELL_SPAN_SIZE, "%lld d %lld h", (long long)s / DAY_S,
			(long long)s % DAY_S / HOUR_S);
	}
	return dst;
}

const char *cell_left(char dst[CELL_SPAN_SIZE], const cJSON *info, int64_t now_ms)
{
	int64_t ms = 0;

	if (!cell_until(info, "expiration", now_ms, &ms)) {
		return "-";
	}
	return ms > 0 ? cell_span(dst, ms) : "expired";
}

const char *cell_in(char dst[CELL_SPAN_SIZE], const cJSON *object, const char *name, int64_t now_ms)
{
	char span[CELL_SPAN_SIZE];
	int64_t ms = 0;

	if (!cell_until(object, name, now_ms, &ms)) {
		return "-";
	}
	if (ms <= 0) {
		return "now";
	}
	snprintf(dst, CELL_SPAN_SIZE, "in %.*s", CELL_SPAN_SIZE - 4, cell_span(span, ms));
	return dst;
}

const char *cell_ago(char dst[CELL_SPAN_SIZE], const cJSON *object, int64_t now_ms)
{
	char span[CELL_SPAN_SIZE];
	int64_t ms = 0;

	*dst = '\0';
	if (cell_until(object, "at", now_ms, &ms)) {
		snprintf(dst, CELL_SPAN_SIZE, ", %.*s ago", CELL_SPAN_SIZE - 8,
			cell_span(span, ms < 0 ? -ms : 0));
	}
	return dst;
}

const char *cell_state(
	char dst[CELL_TEXT_SIZE], const cJSON *info, int64_t now_ms, const char **ret_colour)
{
	const char *name = cell_member(info, "state");
	int64_t ms = 0;
	bool valid = cell_until(info, "expiration", now_ms, &ms) && ms > 0;

	for (size_t i = 0; name && i < sizeof(states) / sizeof(*states); i++) {
		if (strcmp(states[i].name, name) == 0) {
			*ret_colour = valid ? states[i].colour_valid : states[i].colour;
			return valid ? states[i].words_valid : states[i].words;
		}
	}
	*ret_colour = CELL_PLAIN;
	return cell_text(dst, info, "state");
}

const char *cell_trouble(char dst[CELL_TROUBLE_SIZE], const cJSON *info, int64_t now_ms)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(info, "lastError");
	const char *code = cell_member(last, "code");
	const char *state = cell_member(info, "state");
	char code_shown[CELL_TEXT_SIZE];
	char message[CELL_TEXT_SIZE];
	char ago[CELL_SPAN_SIZE];
	char count[CELL_SPAN_SIZE] = "";
	int64_t failures = cell_number(info, "consecutiveFailures");
	bool over = failures <= 0 && state && strcmp(state, "fresh") == 0;
	enum error_code known = ERROR_INTERNAL;
	const char *advice = NULL;

	if (!code) {
		return "-";
	}
	if (!over && error_find(code, &known)) {
		advice = print_advice(known);
	}
	if (failures > 1) {
		snprintf(count, sizeof(count), ", %lld in a row", (long long)failures);
	}
	snprintf(dst, CELL_TROUBLE_SIZE, "%.60s: %s%s%s%s%s", cell_text(code_shown, last, "code"),
		cell_text(message, last, "message"), cell_ago(ago, last, now_ms), count,
		advice ? "; " : "", advice ? advice : "");
	return dst;
}

int cell_width(const char *text)
{
	int count = 0;

	for (; *text; text++) {
		count += (*text & 0xc0) != 0x80;
	}
	return count;
}
