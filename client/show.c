#include "client/show.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/print.h"
#include "proto/error.h"
#include "proto/message.h"

enum {
	TEXT_SIZE = 400,    /* of one text from outside */
	SPAN_SIZE = 48,     /* of a time for people: "in 23 h 59 min" */
	TROUBLE_SIZE = 700, /* of the last error and what to do about it */
	LABEL_WIDTH = 14,   /* columns that show_info()'s labels take */
	COLUMN_GAP = 2,     /* blanks between columns of the table */
	MINUTE_S = 60,
	HOUR_S = 60 * MINUTE_S,
	DAY_S = 24 * HOUR_S,
};

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define BOLD   "\033[1m"
#define PLAIN  "\033[0m"

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

/* A member that is a string, or NULL. */
static const char *member_text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* A member that is a number, without its fraction; 0 where there is none. */
static int64_t member_number(const cJSON *object, const char *name)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(number) ? number->valueint : 0;
}

/* The same as text to show, "-" where there is none. */
static const char *cell_text(char dst[TEXT_SIZE], const cJSON *object, const char *name)
{
	const char *text = member_text(object, name);

	print_escape(dst, TEXT_SIZE, text ? text : "-");
	return dst;
}

/* Milliseconds until a member's time comes; false where there is none. */
static bool until(const cJSON *object, const char *name, int64_t now_ms, int64_t *ret_ms)
{
	const char *text = member_text(object, name);
	int64_t at_ms = 0;

	if (!text || !message_parse_time(text, &at_ms)) {
		return false;
	}
	*ret_ms = at_ms - now_ms;
	return true;
}

/* The two largest units of a time, the smaller one cut. */
static const char *cell_span(char dst[SPAN_SIZE], int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < MINUTE_S) {
		snprintf(dst, SPAN_SIZE, "%lld s", (long long)s);
	} else if (s < HOUR_S) {
		snprintf(dst, SPAN_SIZE, "%lld min %lld s", (long long)s / MINUTE_S,
			(long long)s % MINUTE_S);
	} else if (s < DAY_S) {
		snprintf(dst, SPAN_SIZE, "%lld h %lld min", (long long)s / HOUR_S,
			(long long)s % HOUR_S / MINUTE_S);
	} else {
		snprintf(dst, SPAN_SIZE, "%lld d %lld h", (long long)s / DAY_S,
			(long long)s % DAY_S / HOUR_S);
	}
	return dst;
}

/* What is left of the token. */
static const char *cell_left(char dst[SPAN_SIZE], const cJSON *info, int64_t now_ms)
{
	int64_t ms = 0;

	if (!until(info, "expiration", now_ms, &ms)) {
		return "-";
	}
	return ms > 0 ? cell_span(dst, ms) : "expired";
}

static const char *cell_refresh(char dst[SPAN_SIZE], const cJSON *info, int64_t now_ms)
{
	char span[SPAN_SIZE];
	int64_t ms = 0;

	if (!until(info, "refreshAt", now_ms, &ms)) {
		return "-";
	}
	if (ms <= 0) {
		return "now";
	}
	snprintf(dst, SPAN_SIZE, "in %.*s", SPAN_SIZE - 4, cell_span(span, ms));
	return dst;
}

/* ", … ago", or nothing where the time is missing. */
static const char *cell_ago(char dst[SPAN_SIZE], const cJSON *object, int64_t now_ms)
{
	char span[SPAN_SIZE];
	int64_t ms = 0;

	*dst = '\0';
	if (until(object, "at", now_ms, &ms)) {
		snprintf(dst, SPAN_SIZE, ", %.*s ago", SPAN_SIZE - 8,
			cell_span(span, ms < 0 ? -ms : 0));
	}
	return dst;
}

/* The state in words; one that this version does not know as it came. */
static const char *cell_state(
	char dst[TEXT_SIZE], const cJSON *info, int64_t now_ms, const char **ret_colour)
{
	const char *name = member_text(info, "state");
	int64_t ms = 0;
	bool valid = until(info, "expiration", now_ms, &ms) && ms > 0;

	for (size_t i = 0; name && i < sizeof(states) / sizeof(*states); i++) {
		if (strcmp(states[i].name, name) == 0) {
			*ret_colour = valid ? states[i].colour_valid : states[i].colour;
			return valid ? states[i].words_valid : states[i].words;
		}
	}
	*ret_colour = PLAIN;
	return cell_text(dst, info, "state");
}

/* The last error, and what to do about it if it is not over. */
static const char *cell_trouble(char dst[TROUBLE_SIZE], const cJSON *info, int64_t now_ms)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(info, "lastError");
	const char *code = member_text(last, "code");
	const char *state = member_text(info, "state");
	char code_shown[TEXT_SIZE];
	char message[TEXT_SIZE];
	char ago[SPAN_SIZE];
	char count[SPAN_SIZE] = "";
	int64_t failures = member_number(info, "consecutiveFailures");
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
	snprintf(dst, TROUBLE_SIZE, "%.60s: %s%s%s%s%s", cell_text(code_shown, last, "code"),
		cell_text(message, last, "message"), cell_ago(ago, last, now_ms), count,
		advice ? "; " : "", advice ? advice : "");
	return dst;
}

static void print_row(FILE *out, const char *label, const char *text)
{
	fprintf(out, "%-*s%s\n", LABEL_WIDTH, label, text);
}

static void print_last_answer(FILE *out, const cJSON *info, int64_t now_ms)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(info, "lastAnswer");
	char text[TEXT_SIZE];
	char ago[SPAN_SIZE];

	if (!cJSON_IsObject(last)) {
		print_row(out, "Last answer", "-");
		return;
	}
	fprintf(out, "%-*sstatus %lld%s, took %lld ms", LABEL_WIDTH, "Last answer",
		(long long)member_number(last, "status"), cell_ago(ago, last, now_ms),
		(long long)member_number(last, "durationMs"));
	if (member_text(last, "correlationId")) {
		fprintf(out, ", correlation id %s", cell_text(text, last, "correlationId"));
	}
	fputc('\n', out);
}

void show_info(FILE *out, const cJSON *info, int64_t now_ms)
{
	char text[TEXT_SIZE];
	char span[SPAN_SIZE];
	char trouble[TROUBLE_SIZE];
	const char *colour = NULL;

	print_row(out, "Profile", cell_text(text, info, "profile"));
	print_row(out, "State", cell_state(text, info, now_ms, &colour));
	print_row(out, "Time left", cell_left(span, info, now_ms));
	print_row(out, "Next refresh", cell_refresh(span, info, now_ms));
	fprintf(out, "%-*s%lld\n", LABEL_WIDTH, "Generation",
		(long long)member_number(info, "generation"));
	print_row(out, "API", cell_text(text, info, "apiUrl"));
	print_last_answer(out, info, now_ms);
	print_row(out, "Last error", cell_trouble(trouble, info, now_ms));
}

void show_summary(FILE *out, const cJSON *info, int64_t now_ms)
{
	char profile[TEXT_SIZE];
	char state[TEXT_SIZE];
	char left[SPAN_SIZE];
	char refresh[SPAN_SIZE];
	const char *colour = NULL;

	fprintf(out, "%s: %s, time left %s, next refresh %s, generation %lld\n",
		cell_text(profile, info, "profile"), cell_state(state, info, now_ms, &colour),
		cell_left(left, info, now_ms), cell_refresh(refresh, info, now_ms),
		(long long)member_number(info, "generation"));
}

enum { COLUMN_PROFILE, COLUMN_STATE, COLUMN_LEFT, COLUMN_REFRESH, COLUMN_TROUBLE, COLUMNS };

struct row {
	const char *cells[COLUMNS]; /* in the texts below, or constant */
	const char *colour;         /* of the state */
	char profile[TEXT_SIZE];
	char state[TEXT_SIZE];
	char left[SPAN_SIZE];
	char refresh[SPAN_SIZE];
	char trouble[TROUBLE_SIZE];
};

static void fill_row(struct row *row, const cJSON *info, int64_t now_ms)
{
	row->cells[COLUMN_PROFILE] = cell_text(row->profile, info, "profile");
	row->cells[COLUMN_STATE] = cell_state(row->state, info, now_ms, &row->colour);
	row->cells[COLUMN_LEFT] = cell_left(row->left, info, now_ms);
	row->cells[COLUMN_REFRESH] = cell_refresh(row->refresh, info, now_ms);
	row->cells[COLUMN_TROUBLE] = cell_trouble(row->trouble, info, now_ms);
}

/* Columns that a text takes, near enough: characters. */
static int width(const char *text)
{
	int count = 0;

	for (; *text; text++) {
		count += (*text & 0xc0) != 0x80;
	}
	return count;
}

static void widen(int widths[COLUMNS], const struct row *row)
{
	for (int i = 0; i < COLUMNS; i++) {
		int here = width(row->cells[i]);

		widths[i] = here > widths[i] ? here : widths[i];
	}
}

/* The last column is not padded. colours and colours[i] may be NULL. */
static void print_cells(
	FILE *out, const struct row *row, const int widths[COLUMNS], const char *const *colours)
{
	for (int i = 0; i < COLUMNS; i++) {
		const char *cell = row->cells[i];
		int pad = i + 1 < COLUMNS ? widths[i] - width(cell) + COLUMN_GAP : 0;

		if (colours && colours[i]) {
			fprintf(out, "%s%s%s%*s", colours[i], cell, PLAIN, pad, "");
		} else {
			fprintf(out, "%s%*s", cell, pad, "");
		}
	}
	fputc('\n', out);
}

static void print_table(FILE *out, const cJSON *profiles, int64_t now_ms, bool colours)
{
	static const struct row head = {
		.cells = {"PROFILE", "STATE", "TIME LEFT", "NEXT REFRESH", "LAST ERROR"},
	};
	static const char *const head_colours[COLUMNS] = {BOLD, BOLD, BOLD, BOLD, BOLD};
	struct row row;
	int widths[COLUMNS] = {0};
	const cJSON *info = NULL;

	widen(widths, &head);
	cJSON_ArrayForEach (info, profiles) {
		fill_row(&row, info, now_ms);
		widen(widths, &row);
	}
	print_cells(out, &head, widths, colours ? head_colours : NULL);
	cJSON_ArrayForEach (info, profiles) {
		const char *row_colours[COLUMNS] = {NULL};

		fill_row(&row, info, now_ms);
		row_colours[COLUMN_STATE] = colours ? row.colour : NULL;
		print_cells(out, &row, widths, row_colours);
	}
}

static bool wants_colours(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0 &&
	       isatty(STDOUT_FILENO);
}

void show_status(FILE *out, const cJSON *status, int64_t now_ms)
{
	const cJSON *profiles = cJSON_GetObjectItemCaseSensitive(status, "profiles");
	char version[TEXT_SIZE];
	char started[TEXT_SIZE];
	char span[SPAN_SIZE];
	int64_t started_ms = 0;

	fprintf(out, "gctokend %s, pid %lld", cell_text(version, status, "version"),
		(long long)member_number(status, "pid"));
	if (until(status, "startedAt", now_ms, &started_ms)) {
		fprintf(out, ", up %s since %s", cell_span(span, started_ms < 0 ? -started_ms : 0),
			cell_text(started, status, "startedAt"));
	}
	fprintf(out, ", connections: %lld\n\n", (long long)member_number(status, "connections"));
	if (cJSON_GetArraySize(profiles) == 0) {
		fprintf(out, "There is no profile that you may see.\n");
		return;
	}
	print_table(out, profiles, now_ms, wants_colours());
}

static void print_list(FILE *out, const char *heading, const cJSON *names)
{
	const cJSON *name = NULL;
	char text[TEXT_SIZE];

	fprintf(out, "%s\n", heading);
	if (cJSON_GetArraySize(names) == 0) {
		fprintf(out, "  (none)\n");
	}
	cJSON_ArrayForEach (name, names) {
		if (cJSON_IsString(name)) {
			print_escape(text, sizeof(text), name->valuestring);
			fprintf(out, "  %s\n", text);
		}
	}
}

void show_services(FILE *out, const cJSON *services, int64_t now_ms)
{
	print_list(out, "You may call", cJSON_GetObjectItemCaseSensitive(services, "services"));
	print_list(out, "on the profiles", cJSON_GetObjectItemCaseSensitive(services, "profiles"));
}
