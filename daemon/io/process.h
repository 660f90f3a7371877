/*
 * A program that is started without a shell, with one descriptor for its input and output and an
 * environment that is given, in a process group of its own, and is ended with all that it has
 * started. It does not know what it is for.
 */
#pragma once

#include <sys/types.h>

struct event_base;
struct process;

/*
 * Starts argv[0], a path; fd becomes its standard input and output, standard error is ours, and it
 * has no other descriptor. ended() is told how it ended, as waitpid(2) has it; all that is left of
 * its group has been killed by then, and the process may be freed. Returns 0 and *ret_process, or a
 * negative errno.
 */
int process_start(struct event_base *base, char *const argv[], char *const environment[], int fd,
	void (*ended)(void *context, int status), void *context, struct process **ret_process);

/* Ends the group: SIGTERM now, SIGKILL after grace_ms; once is enough. ended() is still told. */
void process_end(struct process *process, int grace_ms);

/* Forgets it, and kills what is left of it, which nobody waits for then; takes NULL. */
void process_free(struct process *process);

pid_t process_pid(const struct process *process);
