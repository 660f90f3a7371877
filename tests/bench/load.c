/*
 * bench-load: puts load on a gctokend socket, one thread on epoll, and prints one line of JSON.
 * See usage() for its modes. Ends with 0 when it got through and every answer held a token,
 * with 1 otherwise, with 2 on usage.
 */
#include "callers.h"

#include <cjson/cJSON.h>
#include <err.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	NS_PER_US = 1000,
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
	WARM_UP_MS = 100,       /* not measured, at the start of keep, connect and latency */
	WAIT_TIMEOUT_S = 30,    /* for what has to be answered at once or after one token request */
	SPARE_DESCRIPTORS = 16, /* beside the connections */
};

struct options {
	const char *socket;
	size_t connections;
	size_t depth;
	double seconds;
	double rate;
};

static const uint64_t NO_GOAL = UINT64_MAX;

static void usage(void)
{
	fputs("usage: bench-load --socket PATH [OPTION...] MODE\n"
	      "  keep     connections kept open, each asks again when answered, for --seconds\n"
	      "  connect  a connection for each request, --connections at a time, for --seconds\n"
	      "  latency  one request at a time, --rate a second, for --seconds\n"
	      "  wait     --connections callers with one request each, until all are answered\n"
	      "  hold     opens connections, with --depth 1 has one request answered on each,\n"
	      "           prints \"ready\" and holds them until stdin ends\n"
	      "options: --connections N (64), --depth N (requests in flight on a connection: 1;\n"
	      "  hold: 0), --seconds S (2), --rate N (500)\n",
		stderr);
	exit(2);
}

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= least && value <= most)) {
		errx(2, "%s: not a number from %g to %g", text, least, most);
	}
	return value;
}

static int64_t seconds_ns(double seconds)
{
	return (int64_t)(seconds * NS_PER_S);
}

static void warm_up(struct callers *callers)
{
	callers_run(callers, NO_GOAL, callers_now_ns() + seconds_ns(WARM_UP_MS / 1000.0));
}

/* Answers a second, after a warm-up. As all modes, returns whether there is a result. */
static bool measure_rate(struct callers *callers, const struct options *options, cJSON *out)
{
	warm_up(callers);
	uint64_t before = callers_result(callers)->answers;
	int64_t began = callers_now_ns();
	callers_run(callers, NO_GOAL, began + seconds_ns(options->seconds));
	double seconds = (double)(callers_now_ns() - began) / NS_PER_S;
	uint64_t answers = callers_result(callers)->answers - before;
	cJSON_AddNumberToObject(out, "seconds", seconds);
	cJSON_AddNumberToObject(out, "measured", (double)answers);
	cJSON_AddNumberToObject(out, "per_second", floor((double)answers / seconds));
	return answers > 0;
}

static int by_value(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static void add_percentiles(cJSON *out, int64_t *took_ns, size_t count)
{
	size_t median = count / 2;
	size_t high = count * 99 / 100;
	qsort(took_ns, count, sizeof(took_ns[0]), by_value);
	cJSON_AddNumberToObject(out, "measured", (double)count);
	cJSON_AddNumberToObject(out, "p50_us", (double)took_ns[median] / NS_PER_US);
	cJSON_AddNumberToObject(out, "p99_us", (double)took_ns[high] / NS_PER_US);
	cJSON_AddNumberToObject(out, "max_us", (double)took_ns[count - 1] / NS_PER_US);
}

static void sleep_until(int64_t ns)
{
	struct timespec until = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/*
 * The time of single requests, from before the write to behind the read. A request that takes
 * longer than the interval puts off the next one, and is itself the one that the maximum shows.
 */
static bool measure_latency(struct callers *callers, const struct options *options, cJSON *out)
{
	const struct callers_result *result = callers_result(callers);
	int64_t interval = seconds_ns(1 / options->rate);
	size_t warm_up_count = (size_t)(options->rate * WARM_UP_MS / 1000) + 1;
	size_t count = warm_up_count + (size_t)(options->rate * options->seconds) + 1;
	int64_t *took_ns = calloc(count, sizeof(took_ns[0]));
	if (!took_ns) {
		err(1, "calloc");
	}
	callers_run(callers, 0, callers_now_ns() + seconds_ns(WAIT_TIMEOUT_S));
	int64_t next = callers_now_ns();
	size_t done = 0;
	while (done < count) {
		sleep_until(next);
		int64_t began = callers_now_ns();
		callers_ask(callers);
		bool answered = callers_run(callers, result->answers + result->errors + 1,
			began + seconds_ns(WAIT_TIMEOUT_S));
		int64_t now = callers_now_ns();
		if (!answered || result->errors > 0) {
			break;
		}
		took_ns[done++] = now - began;
		next += interval;
		if (next < now) {
			next = now;
		}
	}
	if (done > warm_up_count) {
		add_percentiles(out, took_ns + warm_up_count, done - warm_up_count);
	}
	free(took_ns);
	return done == count;
}

/* Nanoseconds from CLOCK_MONOTONIC to another clock, which may have been set or have slept. */
static int64_t clock_offset(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec - callers_now_ns();
}

static void add_stamp(cJSON *out, const char *name, int64_t monotonic_ns)
{
	cJSON *stamp = cJSON_AddObjectToObject(out, name);
	cJSON_AddNumberToObject(stamp, "monotonic_ms", (double)monotonic_ns / NS_PER_MS);
	cJSON_AddNumberToObject(stamp, "boottime_ms",
		(double)(monotonic_ns + clock_offset(CLOCK_BOOTTIME)) / NS_PER_MS);
	cJSON_AddNumberToObject(stamp, "realtime_ms",
		(double)(monotonic_ns + clock_offset(CLOCK_REALTIME)) / NS_PER_MS);
}

/* When the first and the last of many waiting callers had their answers. */
static bool measure_wait(struct callers *callers, const struct options *options, cJSON *out)
{
	const struct callers_result *result = callers_result(callers);
	int64_t began = callers_now_ns();
	int64_t deadline = began + seconds_ns(WAIT_TIMEOUT_S);
	callers_run(callers, 0, deadline);
	int64_t sent = callers_now_ns();
	bool all = callers_run(callers, options->connections * options->depth, deadline);
	add_stamp(out, "began", began);
	add_stamp(out, "all_sent", sent);
	add_stamp(out, "first_answer", result->first_ns);
	add_stamp(out, "last_answer", result->last_ns);
	return all;
}

static bool hold(struct callers *callers, const struct options *options, cJSON *out)
{
	bool all = callers_run(callers, options->connections * options->depth,
		callers_now_ns() + seconds_ns(WAIT_TIMEOUT_S));
	puts(all ? "ready" : "failed");
	fflush(stdout);
	char byte;
	while (all && read(STDIN_FILENO, &byte, 1) > 0) {
	}
	size_t still_open = callers_open(callers);
	cJSON_AddNumberToObject(out, "still_open", (double)still_open);
	return all && still_open == options->connections;
}

static const struct mode {
	const char *name;
	bool (*run)(struct callers *, const struct options *, cJSON *);
	enum callers_then then;
} MODES[] = {
	{"keep", measure_rate, CALLERS_ASK_AGAIN},
	{"connect", measure_rate, CALLERS_REOPEN},
	{"latency", measure_latency, CALLERS_STAY},
	{"wait", measure_wait, CALLERS_STAY},
	{"hold", hold, CALLERS_STAY},
};

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(MODES) / sizeof(MODES[0]); i++) {
		if (strcmp(MODES[i].name, name) == 0) {
			return &MODES[i];
		}
	}
	usage();
	return NULL;
}

static const struct mode *parse(int argc, char **argv, struct options *options)
{
	static const struct option LONG[] = {
		{"socket", required_argument, NULL, 's'},
		{"connections", required_argument, NULL, 'c'},
		{"depth", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 't'},
		{"rate", required_argument, NULL, 'r'},
		{0},
	};
	int depth = -1;
	int option;
	while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'c':
			options->connections = (size_t)number(optarg, 1, CALLERS_MAX);
			break;
		case 'd':
			depth = (int)number(optarg, 0, CALLERS_DEPTH_MAX);
			break;
		case 't':
			options->seconds = number(optarg, 0.01, 600);
			break;
		case 'r':
			options->rate = number(optarg, 1, 100000);
			break;
		default:
			usage();
		}
	}
	if (!options->socket || argc - optind != 1) {
		usage();
	}
	const struct mode *mode = find_mode(argv[optind]);
	bool may_be_silent = mode->run == hold;
	options->depth = depth >= 0 ? (size_t)depth : !may_be_silent;
	if (options->depth == 0 && !may_be_silent) {
		errx(2, "--depth 0 is for hold alone");
	}
	return mode;
}

static void raise_descriptor_limit(size_t connections)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		err(1, "getrlimit");
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
		limit.rlim_max < connections + SPARE_DESCRIPTORS) {
		errx(1, "%zu connections need more descriptors than the limit of %lu", connections,
			(unsigned long)limit.rlim_max);
	}
}

int main(int argc, char **argv)
{
	struct options options = {.connections = 64, .seconds = 2, .rate = 500};
	const struct mode *mode = parse(argc, argv, &options);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	raise_descriptor_limit(options.connections);
	/* Latency asks by itself, on one connection. */
	bool paced = mode->run == measure_latency;
	struct callers *callers = callers_new(options.socket, paced ? 1 : options.connections,
		paced ? 0 : options.depth, mode->then);

	cJSON *out = cJSON_CreateObject();
	cJSON_AddStringToObject(out, "mode", mode->name);
	bool complete = mode->run(callers, &options, out);
	const struct callers_result *result = callers_result(callers);
	cJSON_AddNumberToObject(out, "answers", (double)result->answers);
	cJSON_AddNumberToObject(out, "errors", (double)result->errors);
	cJSON_AddStringToObject(out, "first_error", result->first_error);
	cJSON_AddBoolToObject(out, "complete", complete);
	char *text = cJSON_PrintUnformatted(out);
	if (!text) {
		errx(1, "out of memory");
	}
	puts(text);
	int status = result->errors > 0 || !complete;
	free(text);
	cJSON_Delete(out);
	callers_free(callers);
	return status;
}
