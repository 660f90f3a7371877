#include "state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/secret.h"
#include "state_file.h"
#include "state_key.h"
#include "worker.h"

enum {
	LOAD_WAIT_MS = 2000, /* for writes that wait */
	FREE_WAIT_MS = 5000,
	PROFILE_MAX = 64, /* bytes of its name */
};

struct state {
	char *path;
	struct state_directory directory;
	struct secret *key;
	struct worker *worker;
	bool closing; /* nobody is called back any more */
};

struct state_write {
	struct worker_job job;
	struct state *state;
	char name[STATE_FILE_NAME_SIZE];
	unsigned char *bytes; /* NULL: the file is removed */
	size_t len;
	state_done_fn *done; /* NULL: nobody wants to know */
	void *context;
	int error; /* a negative errno */
	const char *step;
};

/* Once the worker is gone. */
static void release(struct state *state)
{
	state_directory_close(&state->directory);
	secret_free(state->key);
	free(state->path);
	free(state);
}

static int prepare(struct state *state, struct event_base *base, char why[STATE_WHY_SIZE])
{
	int status = state_directory_open(state->path, &state->directory, why);

	if (!status) {
		status = state_key_get(state->path, &state->directory, &state->key, why);
	}
	if (!status) {
		status = worker_new(base, "state", &state->worker);
		if (status) {
			state_why(why, -status, "there is no thread to write the state with: %s",
				strerror(-status));
		}
	}
	return status;
}

int state_open(struct event_base *base, const char *directory, struct state **ret_state,
	char why[STATE_WHY_SIZE])
{
	struct state *state = calloc(1, sizeof(*state));
	int status;

	if (!state) {
		return state_why(why, ENOMEM, "no memory for the state");
	}
	state->directory = (struct state_directory){.fd = -1, .lock_fd = -1};
	state->path = strdup(directory);
	status = state->path ? prepare(state, base, why)
			     : state_why(why, ENOMEM, "no memory for the state");
	if (status) {
		release(state);
		return status;
	}
	*ret_state = state;
	return 0;
}

void state_free(struct state *state)
{
	if (state) {
		state->closing = true;
		if (worker_free(state->worker, FREE_WAIT_MS)) {
			release(state);
		}
	}
}

static void file_name(char ret_name[STATE_FILE_NAME_SIZE], const char *profile)
{
	assert(strlen(profile) <= PROFILE_MAX && *profile != '.' && !strchr(profile, '/'));
	snprintf(ret_name, STATE_FILE_NAME_SIZE, "%s" STATE_DIRECTORY_SUFFIX, profile);
}

/* Keeps the file under another name and tells which, or what prevents it. */
static int keep(struct state *state, const char *name, const char *reason, const char *what,
	char why[STATE_WHY_SIZE])
{
	char kept[STATE_FILE_NAME_SIZE];
	const char *step;
	int status = state_file_keep(state->directory.fd, name, reason, kept, &step);

	if (status) {
		return state_why_failed(why, status, state->path, name,
			"is not what it should be and cannot be renamed", step);
	}
	state_why(why, 0, "%s/%s %s; it is kept as %s", state->path, name, what, kept);
	return 0;
}

static int keep_damaged(struct state *state, const char *name, enum state_found *ret_found,
	char why[STATE_WHY_SIZE])
{
	*ret_found = STATE_DAMAGED;
	return keep(state, name, "damaged", "is damaged", why);
}

static int judge(struct state *state, const char *name, int verdict, enum state_found *ret_found,
	char why[STATE_WHY_SIZE])
{
	switch (verdict) {
	case 0:
		*ret_found = STATE_FOUND;
		return 0;
	case STATE_UNSEAL_FOREIGN:
		*ret_found = STATE_FOREIGN;
		return keep(state, name, "foreign",
			"is of another token_url or client_id than the profile has now", why);
	case STATE_UNSEAL_DAMAGED:
		return keep_damaged(state, name, ret_found, why);
	case STATE_UNSEAL_OTHER_KEY:
		return state_why(why, ENOKEY,
			"%s/%s was written with another key: put that one back as %s/key or the "
			"credential " STATE_KEY_CREDENTIAL
			", or remove the file to begin anew without its session",
			state->path, name, state->path);
	case STATE_UNSEAL_LATER_VERSION:
		return state_why(why, ENOTSUP,
			"%s/%s was written by a later version of gctokend: install that one, or "
			"remove the file to begin anew without its session",
			state->path, name);
	default:
		return state_why_failed(why, verdict, state->path, name, "cannot be read", NULL);
	}
}

/* bytes has room for STATE_SEALED_MAX. */
static int load(struct state *state, const struct state_binding *binding, unsigned char *bytes,
	struct secret **ret_record, enum state_found *ret_found, char why[STATE_WHY_SIZE])
{
	char name[STATE_FILE_NAME_SIZE];
	const char *step;
	struct stat file;
	ssize_t len;

	file_name(name, binding->profile);
	len = state_file_read(state->directory.fd, name, bytes, STATE_SEALED_MAX, &file, &step);
	if (len == -ENOENT) {
		*ret_found = STATE_NONE;
		return 0;
	}
	if (len == -EFBIG) {
		return keep_damaged(state, name, ret_found, why);
	}
	if (len < 0) {
		return state_why_failed(why, (int)len, state->path, name, "cannot be read", step);
	}
	return judge(state, name, state_unseal(state->key, binding, bytes, (size_t)len, ret_record),
		ret_found, why);
}

int state_load(struct state *state, const struct state_binding *binding, struct secret **ret_record,
	enum state_found *ret_found, char why[STATE_WHY_SIZE])
{
	unsigned char *bytes;
	int status;

	*ret_record = NULL;
	if (!worker_drain(state->worker, LOAD_WAIT_MS)) {
		return state_why(why, ETIMEDOUT,
			"%s cannot be read, since the disk has not taken what is to be written "
			"for %d s",
			state->path, LOAD_WAIT_MS / 1000);
	}
	bytes = malloc(STATE_SEALED_MAX);
	if (!bytes) {
		return state_why(why, ENOMEM, "no memory to read the state");
	}
	status = load(state, binding, bytes, ret_record, ret_found, why);
	free(bytes);
	return status;
}

/* In the thread: what it sees is encrypted. */
static void run_write(struct worker_job *job)
{
	struct state_write *write = (struct state_write *)job;
	int directory = write->state->directory.fd;

	write->error = write->bytes ? state_file_replace(directory, write->name, write->bytes,
					      write->len, &write->step)
				    : state_file_remove(directory, write->name, &write->step);
}

static void write_free(struct state_write *write)
{
	free(write->bytes);
	free(write);
}

static void finish_write(struct worker_job *job)
{
	struct state_write *write = (struct state_write *)job;
	state_done_fn *done = write->state->closing ? NULL : write->done;
	void *context = write->context;
	int error = write->error;
	char why[STATE_WHY_SIZE];

	if (error) {
		state_why_failed(why, error, write->state->path, write->name,
			write->bytes ? "cannot be saved" : "cannot be removed", write->step);
	}
	write_free(write);
	if (done) {
		done(context, error, error ? why : NULL);
	}
}

int state_save(struct state *state, const struct state_binding *binding,
	const struct secret *record, state_done_fn *done, void *context,
	struct state_write **ret_write)
{
	struct state_write *write;
	int status;

	if (worker_count(state->worker) >= STATE_QUEUE_MAX) {
		return -EAGAIN;
	}
	write = calloc(1, sizeof(*write));
	if (!write) {
		return -ENOMEM;
	}
	*write = (struct state_write){
		.job = {.run = run_write, .finished = finish_write},
		.state = state,
		.done = done,
		.context = context,
	};
	file_name(write->name, binding->profile);
	if (record) {
		status = state_seal(state->key, binding, record, &write->bytes, &write->len);
		if (status) {
			write_free(write);
			return status;
		}
	}
	worker_put(state->worker, &write->job);
	if (ret_write) {
		*ret_write = done ? write : NULL;
	}
	return 0;
}

void state_write_cancel(struct state_write *write)
{
	if (write) {
		write->done = NULL;
	}
}

bool state_flush(struct state *state, int timeout_ms)
{
	return worker_drain(state->worker, timeout_ms);
}
