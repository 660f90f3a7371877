#include "client/health.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/cell.h"
#include "client/output.h"
#include "client/print.h"

enum {
	ITEM_SIZE = 320,      /* of what is said of one profile */
	TEXT_SIZE = 1024,     /* of the text before the performance data */
	TAIL_SIZE = 96,       /* of what ends it: how many profiles were not named */
	PERFDATA_SIZE = 7000, /* with the text less than the 8 KiB that Nagios takes */
	LINE_SIZE = TEXT_SIZE + PERFDATA_SIZE + 64,
	LABEL_SIZE = 65, /* of a profile's name */
	RANGE_SIZE = 24,
};

/* What it exits with, as the guidelines have it. */
enum health { HEALTH_OK, HEALTH_WARNING, HEALTH_CRITICAL, HEALTH_UNKNOWN };

static const char *const health_names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

/* How bad each is; what is not known may be as bad as it gets. */
static const int severities[] = {
	[HEALTH_OK] = 0, [HEALTH_WARNING] = 1, [HEALTH_UNKNOWN] = 2, [HEALTH_CRITICAL] = 3};

struct verdict {
	const cJSON *info; /* as auth.getTokenInfo has it */
	enum health health;
	int64_t left_ms; /* of the token; 0 without a valid one */
	int64_t failures;
	size_t at; /* its place in the answer */
};

struct verdicts {
	struct verdict *all; /* owned; the worst first */
	size_t n;
	size_t n_ok;
};

static void free_verdicts(struct verdicts *verdicts)
{
	free(verdicts->all);
}

/* Appends the text unless it does not fit as a whole. */
static bool append(char *dst, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool append(char *dst, size_t size, const char *format, ...)
{
	size_t used = strlen(dst);
	va_list args;
	int len = 0;

	va_start(args, format);
	len = vsnprintf(dst + used, size - used, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= size - used) {
		dst[used] = '\0';
		return false;
	}
	return true;
}

/* Prints the line. Returns what to exit with. */
static int finish(enum health health, const char *text, const char *perfdata)
{
	char shown[TEXT_SIZE];
	char line[LINE_SIZE];

	print_escape(shown, sizeof(shown), text);
	/* Performance data begins at the first one. */
	for (char *bar = shown; (bar = strchr(bar, '|'));) {
		*bar = '/';
	}
	snprintf(line, sizeof(line), "GCTOKEND %s - %s%s%s\n", health_names[health], shown,
		*perfdata ? "|" : "", perfdata);
	return print_out(line, strlen(line)) == EXIT_STATUS_DONE ? (int)health : HEALTH_UNKNOWN;
}

int health_refuse(const char *fault)
{
	return finish(HEALTH_UNKNOWN, fault, "");
}

static bool reaches(const struct verdict *verdict, const struct threshold *threshold)
{
	return verdict->left_ms < threshold->left_s * 1000 ||
	       (threshold->failures > 0 && verdict->failures >= threshold->failures);
}

static bool is_one_of(const char *text, const char *one, const char *other)
{
	return strcmp(text, one) == 0 || strcmp(text, other) == 0;
}

/* A token that is valid is well whatever its refresh does, until a threshold says otherwise or
 * somebody has to act. */
static enum health judge(const struct verdict *verdict, const struct arguments *arguments)
{
	const char *state = cell_member(verdict->info, "state");

	if (!state || !cell_member(verdict->info, "profile")) {
		return HEALTH_UNKNOWN;
	}
	if (verdict->left_ms <= 0) {
		bool first = verdict->failures == 0 && is_one_of(state, "empty", "fetching");

		return first ? HEALTH_WARNING : HEALTH_CRITICAL;
	}
	if (reaches(verdict, &arguments->critical)) {
		return HEALTH_CRITICAL;
	}
	if (reaches(verdict, &arguments->warning) ||
		is_one_of(state, "rejected", "login_required")) {
		return HEALTH_WARNING;
	}
	return HEALTH_OK;
}

static void add(struct verdicts *verdicts, const cJSON *info, const struct arguments *arguments,
	int64_t now_ms)
{
	struct verdict *verdict = &verdicts->all[verdicts->n];
	int64_t failures = cell_number(info, "consecutiveFailures");
	int64_t left_ms = 0;

	cell_until(info, "expiration", now_ms, &left_ms);
	*verdict = (struct verdict){
		.info = info,
		.left_ms = left_ms > 0 ? left_ms : 0,
		.failures = failures > 0 ? failures : 0,
		.at = verdicts->n++,
	};
	verdict->health = judge(verdict, arguments);
	verdicts->n_ok += verdict->health == HEALTH_OK;
}

/* The worst first; of those alike the one whose token ends first. */
static int compare(const void *a, const void *b)
{
	const struct verdict *one = a;
	const struct verdict *other = b;
	int worse = severities[other->health] - severities[one->health];

	if (worse != 0) {
		return worse;
	}
	if (one->left_ms != other->left_ms) {
		return one->left_ms < other->left_ms ? -1 : 1;
	}
	return one->at < other->at ? -1 : one->at > other->at;
}

/* "billing: valid, refresh failing, 9 min 3 s left, upstream_unavailable: …" */
static const char *describe(char dst[ITEM_SIZE], const struct verdict *verdict, int64_t now_ms)
{
	char text[ITEM_SIZE + CELL_TROUBLE_SIZE + 2 * CELL_TEXT_SIZE] = "";
	char cell[CELL_TROUBLE_SIZE];
	const char *colour = NULL;

	append(text, sizeof(text), "%s: ", cell_text(cell, verdict->info, "profile"));
	append(text, sizeof(text), "%s", cell_state(cell, verdict->info, now_ms, &colour));
	if (verdict->left_ms > 0) {
		append(text, sizeof(text), ", %s left", cell_span(cell, verdict->left_ms));
	}
	if (verdict->health != HEALTH_OK &&
		cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(verdict->info, "lastError"))) {
		append(text, sizeof(text), ", %s", cell_trouble(cell, verdict->info, now_ms));
	}
	print_escape(dst, ITEM_SIZE, text);
	return dst;
}

/* Names those that are not OK, as many as there is room for. */
static void describe_bad(char dst[TEXT_SIZE], const struct verdicts *verdicts, int64_t now_ms)
{
	char item[ITEM_SIZE];
	size_t n_bad = verdicts->n - verdicts->n_ok;
	size_t n = 0;

	for (; n < n_bad; n++) {
		if (!append(dst, TEXT_SIZE - TAIL_SIZE, "%s%s", n > 0 ? "; " : "",
			    describe(item, &verdicts->all[n], now_ms))) {
			break;
		}
	}
	if (n < n_bad) {
		append(dst, TEXT_SIZE, "; and %zu more", n_bad - n);
	}
	if (verdicts->n > 1) {
		append(dst, TEXT_SIZE, "; %zu of %zu profiles OK", verdicts->n_ok, verdicts->n);
	}
}

static void describe_good(char dst[TEXT_SIZE], const struct verdicts *verdicts, int64_t now_ms)
{
	char item[ITEM_SIZE];

	if (verdicts->n > 1) {
		append(dst, TEXT_SIZE, "%zu profiles, the first to expire is ", verdicts->n);
	}
	append(dst, TEXT_SIZE, "%s", describe(item, &verdicts->all[0], now_ms));
}

/* A profile's name as part of a label, which blanks, quotes and = would end. */
static void write_label(char dst[LABEL_SIZE], const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";

	snprintf(dst, LABEL_SIZE, "%s", name);
	for (char *c = dst; *(c += strspn(c, plain));) {
		*c = '_';
	}
}

/* The ranges in which all is well, "300:" (from 300 on) and "1" (from 0 to 1), or nothing. */
static void write_ranges(
	const struct threshold *threshold, char left[RANGE_SIZE], char failures[RANGE_SIZE])
{
	*left = *failures = '\0';
	if (threshold->left_s > 0) {
		snprintf(left, RANGE_SIZE, "%lld:", (long long)threshold->left_s);
	}
	if (threshold->failures > 0) {
		snprintf(failures, RANGE_SIZE, "%lld", (long long)threshold->failures - 1);
	}
}

/* In the order of the daemon's answer, so that figures keep their places. */
static void write_perfdata(
	char dst[PERFDATA_SIZE], const struct verdicts *verdicts, const struct arguments *arguments)
{
	char left[2][RANGE_SIZE];
	char failures[2][RANGE_SIZE];
	char label[LABEL_SIZE];

	write_ranges(&arguments->warning, left[0], failures[0]);
	write_ranges(&arguments->critical, left[1], failures[1]);
	for (size_t i = 0; i < verdicts->n; i++) {
		const struct verdict *verdict = &verdicts->all[i];

		if (!cell_member(verdict->info, "profile")) {
			continue;
		}
		write_label(label, cell_member(verdict->info, "profile"));
		if (!append(dst, PERFDATA_SIZE, "%s%s_left=%llds;%s;%s;0 %s_failures=%lld;%s;%s;0",
			    *dst ? " " : "", label, (long long)verdict->left_ms / 1000, left[0],
			    left[1], label, (long long)verdict->failures, failures[0],
			    failures[1])) {
			return;
		}
	}
}

/* Takes the answer to auth.getTokenInfo where one profile was named, else to system.getStatus. */
static int report(const cJSON *data, const struct arguments *arguments)
{
	__attribute__((cleanup(free_verdicts))) struct verdicts verdicts = {0};
	const cJSON *profiles = cJSON_GetObjectItemCaseSensitive(data, "profiles");
	size_t n = arguments->profile_given ? 1 : (size_t)cJSON_GetArraySize(profiles);
	char perfdata[PERFDATA_SIZE] = "";
	char text[TEXT_SIZE] = "";
	int64_t now_ms = output_now_ms();
	const cJSON *info = NULL;

	if (n == 0) {
		return finish(HEALTH_UNKNOWN, "there is no profile that you may see", "");
	}
	verdicts.all = calloc(n, sizeof(*verdicts.all));
	if (!verdicts.all) {
		return finish(HEALTH_UNKNOWN, "out of memory", "");
	}
	if (arguments->profile_given) {
		add(&verdicts, data, arguments, now_ms);
	} else {
		cJSON_ArrayForEach (info, profiles) {
			add(&verdicts, info, arguments, now_ms);
		}
	}
	write_perfdata(perfdata, &verdicts, arguments);
	qsort(verdicts.all, verdicts.n, sizeof(*verdicts.all), compare);
	if (verdicts.n_ok == verdicts.n) {
		describe_good(text, &verdicts, now_ms);
	} else {
		describe_bad(text, &verdicts, now_ms);
	}
	return finish(verdicts.all[0].health, text, perfdata);
}

/* A daemon that does not answer hands out nothing; what else went wrong says nothing of it. */
static int report_no_reply(const struct connection *connection, int r)
{
	bool dead = r == CONNECTION_NO_DAEMON || r == CONNECTION_TIMEOUT || r == CONNECTION_CLOSED;
	char why[ASK_WHY_SIZE];

	ask_why(why, connection, r);
	return finish(dead ? HEALTH_CRITICAL : HEALTH_UNKNOWN, why, "");
}

/* The same of a daemon that is stopping, or has no configuration that it could serve. */
static int report_error(const struct reply *reply)
{
	enum error_code code = ERROR_ACCESS_DENIED;
	bool known = error_find(reply->code_name, &code);
	bool dead = known && (code == ERROR_INTERNAL || code == ERROR_SHUTTING_DOWN);
	char why[ASK_WHY_SIZE];

	ask_why_error(why, reply, NULL);
	return finish(dead ? HEALTH_CRITICAL : HEALTH_UNKNOWN, why, "");
}

int command_health(const struct arguments *arguments, struct connection *connection)
{
	__attribute__((cleanup(ask_free_reply))) struct reply reply = {0};
	cJSON *parameters = arguments->profile_given ? ask_parameters(arguments->profile) : NULL;
	int r = -ENOMEM;

	if (!arguments->profile_given || parameters) {
		r = ask_any(connection,
			arguments->profile_given ? "auth.getTokenInfo" : "system.getStatus",
			parameters, &reply);
	}
	if (r != 0) {
		return report_no_reply(connection, r);
	}
	return reply.data ? report(reply.data, arguments) : report_error(&reply);
}
