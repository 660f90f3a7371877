/*
 * bench-spawn COUNT -- FIRST [ARG...] -- SECOND [ARG...]: starts two commands in turn, COUNT times
 * each, and prints as one line of JSON how long each took from its start to its end, in
 * microseconds. posix_spawn of a small process keeps the price of forking out of the figure.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MAX = 100000, NS_PER_US = 1000, US_PER_S = 1000000 };

struct command {
	char **argv;
	uint32_t *took_us;
	unsigned int failed; /* ended otherwise than with status 0 */
};

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

static void run_once(
	struct command *command, const posix_spawn_file_actions_t *actions, size_t index)
{
	pid_t pid;
	int status;
	int64_t began = now_us();
	int error = posix_spawn(&pid, command->argv[0], actions, NULL, command->argv, environ);
	if (error) {
		errno = error;
		err(1, "%s", command->argv[0]);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			err(1, "waitpid");
		}
	}
	command->took_us[index] = (uint32_t)(now_us() - began);
	command->failed += status != 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

static void print_result(const char *name, struct command *command, size_t count)
{
	qsort(command->took_us, count, sizeof(command->took_us[0]), by_value);
	printf("\"%s\":{\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"failed\":%u}", name,
		command->took_us[count / 2], command->took_us[count * 99 / 100],
		command->took_us[count - 1], command->failed);
}

int main(int argc, char **argv)
{
	struct command commands[2] = {0};
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	size_t found = 0;
	for (int i = 2; i < argc; i++) {
		if (argv[i] && strcmp(argv[i], "--") == 0 && found < 2 && argv[i + 1]) {
			argv[i] = NULL;
			commands[found++].argv = argv + i + 1;
		}
	}
	if (count < 1 || count > COUNT_MAX || found != 2 || !commands[0].argv[0]) {
		fprintf(stderr, "usage: bench-spawn COUNT -- FIRST [ARG...] -- SECOND [ARG...]\n");
		return 2;
	}

	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0 ||
		posix_spawn_file_actions_addopen(
			&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0) {
		errx(1, "posix_spawn_file_actions");
	}
	for (size_t i = 0; i < 2; i++) {
		commands[i].took_us = calloc(count, sizeof(commands[i].took_us[0]));
		if (!commands[i].took_us) {
			err(1, "calloc");
		}
	}
	for (size_t i = 0; i < count; i++) {
		run_once(&commands[0], &actions, i);
		run_once(&commands[1], &actions, i);
	}
	printf("{");
	print_result("first", &commands[0], count);
	printf(",");
	print_result("second", &commands[1], count);
	printf("}\n");
	for (size_t i = 0; i < 2; i++) {
		free(commands[i].took_us);
	}
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}
