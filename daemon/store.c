#include "store.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "core/broker.h"
#include "core/secret.h"
#include "handover.h"
#include "io/clock.h"
#include "io/fdstore.h"
#include "io/log.h"

/*
 * The text: a line with what is of no profile, then a line for each profile.
 */

enum {
	HEAD_SIZE = 64,
	RETRY_FIRST_MS = 10, /* after a failure, doubled at each: the manager may just be busy */
	RETRY_MAX_MS = RETRY_FIRST_MS << 12,
};

/* What was written of a profile. */
struct line {
	uint64_t revision; /* 0: nothing */
	struct secret *text;
};

struct store {
	struct fdstore *fdstore;
	struct secret *found; /* what an earlier daemon left, until the profiles are there */
	bool restored;
	uint64_t revision;  /* what is in the service manager's store */
	int64_t delay_ms;   /* after failures; 0: the last time it worked */
	int64_t retry_ms;   /* with a delay: when to try again */
	struct line *lines; /* of the profiles, in their order */
	size_t n_lines;
};

static const struct log_event store_failed = {LOG_LEVEL_WARNING, LOG_EVENT_STORE_FAILED};

int store_new(struct activation *activation, struct store **ret_store)
{
	struct fdstore *fdstore;
	struct store *store;
	int r = fdstore_new(&fdstore);

	*ret_store = NULL;
	if (r < 0) {
		log_event(&store_failed,
			"tokens will not outlive a restart: the store of the service manager "
			"cannot be used: %s",
			strerror(-r));
	}
	if (r < 0 || !fdstore) {
		return 0;
	}
	store = calloc(1, sizeof(*store));
	if (!store) {
		fdstore_free(fdstore);
		return -ENOMEM;
	}
	store->fdstore = fdstore;
	r = fdstore_read(fdstore, activation, &store->found);
	if (r < 0) {
		store_free(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

static void free_lines(struct store *store)
{
	for (size_t i = 0; store->lines && i < store->n_lines; i++) {
		secret_free(store->lines[i].text);
	}
	free(store->lines);
	store->lines = NULL;
	store->n_lines = 0;
}

void store_free(struct store *store)
{
	if (store) {
		free_lines(store);
		secret_free(store->found);
		fdstore_free(store->fdstore);
		free(store);
	}
}

/* ---- going on */

/* By how much the wall clock was set while no daemon ran; 0 where it is not known. */
static int64_t read_step(const char *line, size_t len)
{
	cJSON *head = cJSON_ParseWithLength(line, len);
	const cJSON *offset = cJSON_GetObjectItemCaseSensitive(head, "wallOffset");
	int64_t step_ms = cJSON_IsNumber(offset)
				  ? clock_wall_offset() - (int64_t)offset->valuedouble
				  : 0;

	cJSON_Delete(head);
	return step_ms;
}

/* Whether the profile goes on. */
static bool restore_profile(struct broker *broker, const char *line, size_t len, int64_t now_ms)
{
	struct handover handover;
	int r = handover_read(line, len, broker, &handover);

	if (r == 0) {
		broker_restore(broker, handover.profile, &handover.past, now_ms);
		past_done(&handover.past);
	} else if (r == HANDOVER_UNKNOWN) {
		log_info("profile %s is not configured any more; its token is dropped",
			handover.name);
	} else if (r == HANDOVER_FOREIGN) {
		log_event(&(struct log_event){LOG_LEVEL_WARNING, LOG_EVENT_STORE_IGNORED,
				  handover.name},
			"the token from before the restart is not used: it was for another grant, "
			"login server, client, organization, scope or audience");
	} else {
		log_event(&(struct log_event){LOG_LEVEL_WARNING, LOG_EVENT_STORE_IGNORED,
				  handover.name[0] != '\0' ? handover.name : NULL},
			"what was kept over the restart cannot be read (%s)", strerror(-r));
	}
	return r == 0;
}

static void restore_lines(struct broker *broker, const char *text, size_t len)
{
	int64_t now_ms = clock_now(), step_ms = 0;
	const char *line = text, *end;
	size_t n = 0;

	while ((end = memchr(line, '\n', len - (size_t)(line - text)))) {
		if (line == text) {
			step_ms = read_step(line, (size_t)(end - line));
		} else {
			n += restore_profile(broker, line, (size_t)(end - line), now_ms);
		}
		line = end + 1;
	}
	if (step_ms != 0) {
		broker_wall_stepped(broker, step_ms, now_ms);
	}
	log_info("%zu profile%s go%s on from before the restart", n, n == 1 ? "" : "s",
		n == 1 ? "es" : "");
}

void store_restore(struct store *store, struct broker *broker)
{
	if (!store || store->restored) {
		return;
	}
	store->restored = true;
	if (store->found) {
		restore_lines(broker, secret_reveal(store->found), secret_len(store->found));
		secret_free(store->found);
		store->found = NULL;
	}
}

/* ---- keeping */

/* As many lines as there are profiles. */
static int fit_lines(struct store *store, size_t n)
{
	if (store->lines && store->n_lines == n) {
		return 0;
	}
	free_lines(store);
	store->lines = calloc(n + 1, sizeof(*store->lines));
	if (!store->lines) {
		return -ENOMEM;
	}
	store->n_lines = n;
	return 0;
}

/* Writes the lines of profiles that have changed. */
static int write_lines(struct store *store, struct profile *const *profiles)
{
	for (size_t i = 0; i < store->n_lines; i++) {
		struct line *line = &store->lines[i];

		if (line->revision == profiles[i]->revision) {
			continue;
		}
		secret_free(line->text);
		line->revision = 0;
		line->text = handover_write(profiles[i]);
		if (!line->text) {
			return -ENOMEM;
		}
		line->revision = profiles[i]->revision;
	}
	return 0;
}

static int put_lines(const struct store *store)
{
	struct iovec *parts = calloc(store->n_lines + 1, sizeof(*parts));
	char head[HEAD_SIZE];
	int r;

	if (!parts) {
		return -ENOMEM;
	}
	parts[0].iov_base = head;
	parts[0].iov_len = (size_t)snprintf(
		head, sizeof(head), "{\"wallOffset\":%" PRId64 "}\n", clock_wall_offset());
	for (size_t i = 0; i < store->n_lines; i++) {
		parts[i + 1].iov_base = (void *)secret_reveal(store->lines[i].text);
		parts[i + 1].iov_len = secret_len(store->lines[i].text);
	}
	r = fdstore_write(store->fdstore, parts, store->n_lines + 1);
	free(parts);
	return r;
}

static int put_profiles(struct store *store, const struct broker *broker)
{
	struct profile *const *profiles;
	size_t n = broker_profiles(broker, &profiles);
	int r = fit_lines(store, n);

	if (r == 0) {
		r = write_lines(store, profiles);
	}
	return r < 0 ? r : put_lines(store);
}

/* It could not be put there. */
static int64_t try_later(struct store *store, int error, int64_t now_ms)
{
	if (store->delay_ms == 0) {
		log_event(&store_failed,
			"tokens would not outlive a restart: the service manager's store cannot "
			"be written: %s",
			strerror(-error));
		store->delay_ms = RETRY_FIRST_MS;
	} else if (store->delay_ms < RETRY_MAX_MS) {
		store->delay_ms *= 2;
	}
	store->retry_ms = now_ms + store->delay_ms;
	return store->retry_ms;
}

int64_t store_update(struct store *store, const struct broker *broker)
{
	int64_t now_ms;
	int r;

	if (!store || !store->restored || store->revision == broker_revision(broker)) {
		return INT64_MAX;
	}
	now_ms = clock_now();
	if (store->delay_ms > 0 && now_ms < store->retry_ms) {
		return store->retry_ms;
	}
	r = put_profiles(store, broker);
	if (r < 0) {
		return try_later(store, r, now_ms);
	}
	store->delay_ms = 0;
	store->revision = broker_revision(broker);
	return INT64_MAX;
}

void store_hurry(struct store *store)
{
	if (store && store->delay_ms > 0) {
		store->delay_ms = RETRY_FIRST_MS;
		store->retry_ms = INT64_MIN;
	}
}
