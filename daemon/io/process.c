#include "process.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
	struct event *child; /* SIGCHLD */
	struct event *grace;
	void (*ended)(void *context, int status);
	void *context;
	pid_t pid; /* and its group's */
	bool gone; /* it was reaped, or never was */
};

/* While the process is not reaped, its number is nobody else's. */
static void kill_group(const struct process *process, int signal)
{
	if (!process->gone) {
		kill(-process->pid, signal);
	}
}

static void on_child(evutil_socket_t signal, short what, void *context)
{
	struct process *process = context;
	siginfo_t info = {0};
	int status;

	if (process->gone ||
		waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		info.si_pid == 0) {
		return;
	}
	kill_group(process, SIGKILL);
	waitpid(process->pid, &status, 0); /* it is a zombie: this does not wait */
	process->gone = true;
	process->ended(process->context, status);
}

static void on_grace(evutil_socket_t fd, short what, void *context)
{
	kill_group(context, SIGKILL);
}

void process_end(struct process *process, int grace_ms)
{
	const struct timeval grace = {grace_ms / 1000, grace_ms % 1000 * 1000L};

	if (!evtimer_pending(process->grace, NULL)) {
		kill_group(process, SIGTERM);
		evtimer_add(process->grace, &grace);
	}
}

static bool set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	return posix_spawnattr_setpgroup(attributes, 0) == 0 &&
	       posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
	       posix_spawnattr_setsigmask(attributes, &none) == 0 &&
	       posix_spawnattr_setflags(attributes,
		       POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) == 0;
}

static bool set_descriptors(posix_spawn_file_actions_t *actions, int fd)
{
	return posix_spawn_file_actions_adddup2(actions, fd, STDIN_FILENO) == 0 &&
	       posix_spawn_file_actions_adddup2(actions, fd, STDOUT_FILENO) == 0 &&
	       posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1) == 0;
}

/* Returns 0, or an errno. */
static int spawn(struct process *process, char *const argv[], char *const environment[], int fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = ENOMEM;

	if (posix_spawn_file_actions_init(&actions) != 0) {
		return error;
	}
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error;
	}
	if (set_attributes(&attributes) && set_descriptors(&actions, fd)) {
		error = posix_spawn(
			&process->pid, argv[0], &actions, &attributes, argv, environment);
	}
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

int process_start(struct event_base *base, char *const argv[], char *const environment[], int fd,
	void (*ended)(void *context, int status), void *context, struct process **ret_process)
{
	struct process *process = calloc(1, sizeof(*process));
	int error = ENOMEM;

	if (!process) {
		return -ENOMEM;
	}
	process->ended = ended;
	process->context = context;
	process->child = evsignal_new(base, SIGCHLD, on_child, process);
	process->grace = evtimer_new(base, on_grace, process);
	if (process->child && process->grace && evsignal_add(process->child, NULL) == 0) {
		error = spawn(process, argv, environment, fd);
	}
	if (error != 0) {
		process->gone = true;
		process_free(process);
		return -error;
	}
	*ret_process = process;
	return 0;
}

void process_free(struct process *process)
{
	if (!process) {
		return;
	}
	kill_group(process, SIGKILL);
	if (process->child) {
		event_free(process->child);
	}
	if (process->grace) {
		event_free(process->grace);
	}
	free(process);
}

pid_t process_pid(const struct process *process)
{
	return process->pid;
}
