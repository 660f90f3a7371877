#include "client/show.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cell.h"
#include "client/print.h"
#include "client/user.h"

enum {
	LABEL_WIDTH = 14, /* columns that show_info()'s labels take */
	COLUMN_GAP = 2,   /* blanks between columns of the table */
};

static void print_row(FILE *out, const char *label, const char *text)
{
	fprintf(out, "%-*s%s\n", LABEL_WIDTH, label, text);
}

static void print_last_answer(FILE *out, const cJSON *info, int64_t now_ms)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(info, "lastAnswer");
	char text[CELL_TEXT_SIZE];
	char ago[CELL_SPAN_SIZE];

	if (!cJSON_IsObject(last)) {
		print_row(out, "Last answer", "-");
		return;
	}
	fprintf(out, "%-*sstatus %lld%s, took %lld ms", LABEL_WIDTH, "Last answer",
		(long long)cell_number(last, "status"), cell_ago(ago, last, now_ms),
		(long long)cell_number(last, "durationMs"));
	if (cell_member(last, "correlationId")) {
		fprintf(out, ", correlation id %s", cell_text(text, last, "correlationId"));
	}
	fputc('\n', out);
}

void show_info(FILE *out, const cJSON *info, int64_t now_ms)
{
	char text[CELL_TEXT_SIZE];
	char span[CELL_SPAN_SIZE];
	char trouble[CELL_TROUBLE_SIZE];
	const char *colour = NULL;

	print_row(out, "Profile", cell_text(text, info, "profile"));
	print_row(out, "State", cell_state(text, info, now_ms, &colour));
	print_row(out, "Time left", cell_left(span, info, now_ms));
	print_row(out, "Next refresh", cell_in(span, info, "refreshAt", now_ms));
	fprintf(out, "%-*s%lld\n", LABEL_WIDTH, "Generation",
		(long long)cell_number(info, "generation"));
	print_row(out, "API", cell_text(text, info, "apiUrl"));
	if (cell_member(info, "account")) {
		print_row(out, "Account", cell_text(text, info, "account"));
	}
	print_last_answer(out, info, now_ms);
	print_row(out, "Last error", cell_trouble(trouble, info, now_ms));
}

void show_summary(FILE *out, const cJSON *info, int64_t now_ms)
{
	char profile[CELL_TEXT_SIZE];
	char state[CELL_TEXT_SIZE];
	char left[CELL_SPAN_SIZE];
	char refresh[CELL_SPAN_SIZE];
	char account[CELL_TEXT_SIZE];
	const char *colour = NULL;

	fprintf(out, "%s: %s, time left %s, next refresh %s, generation %lld",
		cell_text(profile, info, "profile"), cell_state(state, info, now_ms, &colour),
		cell_left(left, info, now_ms), cell_in(refresh, info, "refreshAt", now_ms),
		(long long)cell_number(info, "generation"));
	if (cell_member(info, "account")) {
		fprintf(out, ", account %s", cell_text(account, info, "account"));
	}
	fputc('\n', out);
}

enum { COLUMN_PROFILE, COLUMN_STATE, COLUMN_LEFT, COLUMN_REFRESH, COLUMN_TROUBLE, COLUMNS };

struct row {
	const char *cells[COLUMNS]; /* in the texts below, or constant */
	const char *colour;         /* of the state */
	char profile[CELL_TEXT_SIZE];
	char state[CELL_TEXT_SIZE];
	char left[CELL_SPAN_SIZE];
	char refresh[CELL_SPAN_SIZE];
	char trouble[CELL_TROUBLE_SIZE];
};

static void fill_row(struct row *row, const cJSON *info, int64_t now_ms)
{
	row->cells[COLUMN_PROFILE] = cell_text(row->profile, info, "profile");
	row->cells[COLUMN_STATE] = cell_state(row->state, info, now_ms, &row->colour);
	row->cells[COLUMN_LEFT] = cell_left(row->left, info, now_ms);
	row->cells[COLUMN_REFRESH] = cell_in(row->refresh, info, "refreshAt", now_ms);
	row->cells[COLUMN_TROUBLE] = cell_trouble(row->trouble, info, now_ms);
}

static void widen(int widths[COLUMNS], const struct row *row)
{
	for (int i = 0; i < COLUMNS; i++) {
		int here = cell_width(row->cells[i]);

		widths[i] = here > widths[i] ? here : widths[i];
	}
}

/* The last column is not padded. colours and colours[i] may be NULL. */
static void print_cells(
	FILE *out, const struct row *row, const int widths[COLUMNS], const char *const *colours)
{
	for (int i = 0; i < COLUMNS; i++) {
		const char *cell = row->cells[i];
		int pad = i + 1 < COLUMNS ? widths[i] - cell_width(cell) + COLUMN_GAP : 0;

		if (colours && colours[i]) {
			fprintf(out, "%s%s%s%*s", colours[i], cell, CELL_PLAIN, pad, "");
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
	static const char *const head_colours[COLUMNS] = {
		CELL_BOLD, CELL_BOLD, CELL_BOLD, CELL_BOLD, CELL_BOLD};
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
	char version[CELL_TEXT_SIZE];
	char started[CELL_TEXT_SIZE];
	char span[CELL_SPAN_SIZE];
	int64_t started_ms = 0;

	fprintf(out, "gctokend %s, pid %lld", cell_text(version, status, "version"),
		(long long)cell_number(status, "pid"));
	if (cell_until(status, "startedAt", now_ms, &started_ms)) {
		fprintf(out, ", up %s since %s", cell_span(span, started_ms < 0 ? -started_ms : 0),
			cell_text(started, status, "startedAt"));
	}
	fprintf(out, ", connections: %lld\n\n", (long long)cell_number(status, "connections"));
	if (cJSON_GetArraySize(profiles) == 0) {
		fprintf(out, "There is no profile that you may see.\n");
		return;
	}
	print_table(out, profiles, now_ms, wants_colours());
}

/* "root (uid 0), privileged, unit billing.service" */
static void print_subject(FILE *out, const cJSON *subject)
{
	const cJSON *uid = cJSON_GetObjectItemCaseSensitive(subject, "uid");
	char name[USER_NAME_SIZE] = "";
	char text[CELL_TEXT_SIZE];

	fprintf(out, "%-*s", LABEL_WIDTH, "Caller");
	if (cJSON_IsNumber(uid)) {
		user_name(name, (uid_t)cell_number(subject, "uid"));
		print_escape(text, sizeof(text), name);
		fprintf(out, *text ? "%s (uid %lld)" : "%suid %lld", text,
			(long long)cell_number(subject, "uid"));
	} else {
		fputs("no user in particular", out);
	}
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(subject, "privileged"))) {
		fputs(", privileged", out);
	}
	if (cell_member(subject, "unit")) {
		fprintf(out, ", unit %s", cell_text(text, subject, "unit"));
	}
	fputc('\n', out);
}

static void print_rules(FILE *out, const cJSON *rules)
{
	const cJSON *rule = NULL;
	char text[CELL_TEXT_SIZE];

	fputs("\nRules\n", out);
	if (cJSON_GetArraySize(rules) == 0) {
		fputs("  none: without allow, only root and gctokend's own user may do anything\n",
			out);
	}
	cJSON_ArrayForEach (rule, rules) {
		bool matches = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(rule, "matches"));

		fprintf(out, "  %s  %s\n", matches ? "matches       " : "does not match",
			cell_text(text, rule, "rule"));
	}
}

static void print_rights(FILE *out, const cJSON *rights)
{
	const cJSON *right = NULL;
	char text[CELL_TEXT_SIZE];
	int wide = 0;

	fputs("\nRights\n", out);
	cJSON_ArrayForEach (right, rights) {
		int here = cell_width(cell_text(text, right, "endpoint"));

		wide = here > wide ? here : wide;
	}
	cJSON_ArrayForEach (right, rights) {
		const char *by = cell_member(right, "by");

		cell_text(text, right, "endpoint");
		fprintf(out, "  %s%*s", text, wide - cell_width(text) + COLUMN_GAP, "");
		if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(right, "granted"))) {
			fputs("denied\n", out);
		} else if (by && strcmp(by, "privileged") == 0) {
			fputs("granted to root and gctokend's own user\n", out);
		} else {
			fprintf(out, "granted by %s\n", cell_text(text, right, "by"));
		}
	}
}

void show_explain(FILE *out, const cJSON *explained, int64_t now_ms)
{
	const cJSON *refresh = cJSON_GetObjectItemCaseSensitive(explained, "refresh");
	char text[CELL_TEXT_SIZE];
	char span[CELL_SPAN_SIZE];

	print_row(out, "Profile", cell_text(text, explained, "profile"));
	print_subject(out, explained);
	fprintf(out, "%-*s", LABEL_WIDTH, "Next refresh");
	if (cell_member(refresh, "at")) {
		fprintf(out, "%s: ", cell_in(span, refresh, "at", now_ms));
	}
	fprintf(out, "%s\n", cell_text(text, refresh, "why"));
	print_rules(out, cJSON_GetObjectItemCaseSensitive(explained, "rules"));
	print_rights(out, cJSON_GetObjectItemCaseSensitive(explained, "rights"));
}

static void print_list(FILE *out, const char *heading, const cJSON *names)
{
	const cJSON *name = NULL;
	char text[CELL_TEXT_SIZE];

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

static const struct {
	const char *name, *words;
} events[] = {
	{"tokenRefreshed", "new token"},
	{"refreshFailed", "refresh failed"},
	{"loginRequired", "login required"},
	{"signedIn", "signed in"},
	{"signInFailed", "sign-in failed"},
	{"Auth.loggedOut", "logged out"},
	{"Auth.authError", "authentication failed"},
	{"configReloaded", "configuration reloaded"},
};

/* In words; one that this version does not know as it came. */
static const char *event_words(char dst[CELL_TEXT_SIZE], const cJSON *event)
{
	const char *name = cell_member(event, "event");

	for (size_t i = 0; name && i < sizeof(events) / sizeof(*events); i++) {
		if (strcmp(events[i].name, name) == 0) {
			return events[i].words;
		}
	}
	return cell_text(dst, event, "event");
}

static void print_time(FILE *out, int64_t now_ms)
{
	char text[sizeof("2026-11-21 18:00:00")] = "";
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm)) {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	}
	fprintf(out, "%s  ", text);
}

/* Where something went wrong: what, and what the server calls it. */
static void print_fault(FILE *out, const cJSON *data)
{
	char text[CELL_TEXT_SIZE];

	if (cell_member(data, "code")) {
		fprintf(out, " (%s)", cell_text(text, data, "code"));
	}
	if (cell_member(data, "message")) {
		fprintf(out, ": %s", cell_text(text, data, "message"));
	}
	if (cell_member(data, "correlationId")) {
		fprintf(out, ", correlation id %s", cell_text(text, data, "correlationId"));
	}
}

void show_event(FILE *out, const cJSON *event, int64_t now_ms)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(event, "data");
	char text[CELL_TEXT_SIZE];
	char span[CELL_SPAN_SIZE];

	print_time(out, now_ms);
	if (cell_member(event, "profile")) {
		fprintf(out, "%s: ", cell_text(text, event, "profile"));
	}
	fputs(event_words(text, event), out);
	if (cell_member(data, "expiration")) {
		fprintf(out, ", time left %s, generation %lld", cell_left(span, data, now_ms),
			(long long)cell_number(data, "generation"));
	}
	print_fault(out, data);
	fputc('\n', out);
}
