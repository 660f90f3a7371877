#include "keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/flight.h"
#include "core/login.h"
#include "core/revocation.h"
#include "core/secret.h"
#include "core/settings.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/state.h"
#include "record.h"

struct keeping;

struct keeper {
	LIST_HEAD(, keeping) writes; /* under way */
	struct event_base *base;
	struct state *state; /* NULL until a profile needs it */
	const struct keeper_ops *ops;
	void *context;
};

/* A write under way; nobody waits for it where both are NULL. */
struct keeping {
	LIST_ENTRY(keeping) link;
	struct keeper *keeper;
	struct attempt *attempt;
	struct revocation *revocation;
	struct state_write *write;
	char profile[SETTINGS_NAME_MAX + 1];
};

struct keeper *keeper_new(struct event_base *base, const struct keeper_ops *ops, void *context)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper) {
		*keeper = (struct keeper){.base = base, .ops = ops, .context = context};
		LIST_INIT(&keeper->writes);
	}
	return keeper;
}

static void log_state_failed(const char *profile, const char *why)
{
	log_event(&(struct log_event){LOG_LEVEL_ERROR, LOG_EVENT_STATE_FAILED, profile}, "%s", why);
}

static void keeping_free(struct keeping *keeping)
{
	LIST_REMOVE(keeping, link);
	free(keeping);
}

void keeper_free(struct keeper *keeper)
{
	struct keeping *keeping;

	if (!keeper) {
		return;
	}
	state_free(keeper->state);
	while ((keeping = LIST_FIRST(&keeper->writes))) {
		keeping_free(keeping);
	}
	free(keeper);
}

int keeper_open(struct keeper *keeper, char *why, size_t why_size)
{
	char reason[STATE_WHY_SIZE];
	char *directory;
	int r;

	if (keeper->state) {
		return 0;
	}
	directory = state_directory(reason);
	r = directory ? state_open(keeper->base, directory, &keeper->state, reason) : -ENOENT;
	free(directory);
	if (r < 0) {
		snprintf(why, why_size, "%s", reason);
	}
	return r;
}

static struct state_binding binding_of(const struct settings *settings)
{
	return (struct state_binding){
		.profile = settings->name,
		.token_url = settings->token_url ? settings->token_url : "",
		.client_id = settings->client_id ? settings->client_id : "",
	};
}

/* Tells whoever waits; else the log hears what went wrong. */
static void tell(const struct keeper *keeper, const struct keeping *keeping, const char *why)
{
	if (keeping->attempt) {
		keeping->attempt->write = NULL;
		keeper->ops->stored(keeper->context, keeping->attempt, why);
	} else if (keeping->revocation) {
		keeping->revocation->write = NULL;
		keeper->ops->noted(keeper->context, keeping->revocation, why);
	} else if (why) {
		log_state_failed(keeping->profile, why);
	}
}

static void on_kept(void *context, int error, const char *why)
{
	struct keeping *keeping = context;
	struct keeping ended = *keeping;

	keeping_free(keeping);
	tell(ended.keeper, &ended, why);
}

/* The record, NULL where there is nothing to keep any more: a grant without a login has nothing but
 * that it was logged out. Returns 0 or -ENOMEM. */
static int make_record(const struct settings *settings, const struct login *login,
	const struct token *token, struct secret **ret_record)
{
	*ret_record = NULL;
	if (!grant_is_stored(settings) && !login->logged_out) {
		return 0;
	}
	*ret_record = record_write(
		settings, login, settings->persist_tokens ? token : NULL, clock_wall_offset());
	return *ret_record ? 0 : -ENOMEM;
}

/* Returns 0, or a negative errno with a sentence. */
static int begin(struct keeping *keeping, const struct settings *settings,
	const struct secret *record, char why[STATE_WHY_SIZE])
{
	struct state_binding binding = binding_of(settings);
	struct keeper *keeper = keeping->keeper;
	int r = keeper_open(keeper, why, STATE_WHY_SIZE);

	if (r < 0) {
		return r;
	}
	r = state_save(keeper->state, &binding, record, on_kept, keeping, &keeping->write);
	if (r < 0) {
		snprintf(why, STATE_WHY_SIZE, "%s",
			r == -EMSGSIZE ? "The refresh token is too long to be stored"
			: r == -EAGAIN ? "Too many writes wait for the disk of the state directory"
				       : "The daemon is out of memory");
	}
	return r;
}

/* keeping says who waits. */
static void keep(const struct keeping *keeping, const struct settings *settings,
	const struct login *login, const struct token *token)
{
	struct keeping *kept = malloc(sizeof(*kept));
	char why[STATE_WHY_SIZE] = "The daemon is out of memory";
	struct secret *record = NULL;
	int r = kept ? make_record(settings, login, token, &record) : -ENOMEM;

	if (r == 0) {
		*kept = *keeping;
		r = begin(kept, settings, record, why);
	}
	secret_free(record);
	if (r < 0) {
		free(kept);
		tell(keeping->keeper, keeping, why);
		return;
	}
	LIST_INSERT_HEAD(&kept->keeper->writes, kept, link);
	if (kept->attempt) {
		kept->attempt->write = kept;
	} else if (kept->revocation) {
		kept->revocation->write = kept;
	}
}

static struct keeping keeping_of(struct keeper *keeper, const struct settings *settings)
{
	struct keeping keeping = {.keeper = keeper};

	snprintf(keeping.profile, sizeof(keeping.profile), "%s", settings->name);
	return keeping;
}

void keeper_store(struct keeper *keeper, struct attempt *attempt, const struct settings *settings,
	const struct login *login, const struct token *token)
{
	struct keeping keeping = keeping_of(keeper, settings);

	keeping.attempt = attempt;
	keep(&keeping, settings, login, token);
}

void keeper_note(struct keeper *keeper, struct revocation *revocation, const struct login *login)
{
	struct keeping keeping = keeping_of(keeper, revocation->settings);

	keeping.revocation = revocation;
	keep(&keeping, revocation->settings, login, NULL);
}

static void forget(struct keeping *keeping)
{
	if (keeping) {
		state_write_cancel(keeping->write);
		keeping_free(keeping);
	}
}

void keeper_forget(struct keeper *keeper, struct attempt *attempt)
{
	forget(attempt->write);
	attempt->write = NULL;
}

void keeper_leave(struct keeper *keeper, struct revocation *revocation)
{
	forget(revocation->write);
	revocation->write = NULL;
}

bool keeper_has_record(const char *profile)
{
	char why[STATE_WHY_SIZE];
	char *directory = state_directory(why), *path = NULL;
	bool found = directory &&
		     asprintf(&path, "%s/%s" STATE_DIRECTORY_SUFFIX, directory, profile) >= 0 &&
		     access(path, F_OK) == 0;

	free(path);
	free(directory);
	return found;
}

bool keeper_load(struct keeper *keeper, const struct settings *settings, struct login *ret_login,
	struct token **ret_token, char why[GRANT_MESSAGE_SIZE])
{
	struct state_binding binding = binding_of(settings);
	struct secret *record;
	enum state_found found;
	char reason[STATE_WHY_SIZE];
	int r;

	if (!grant_is_stored(settings) && (!keeper->state || !keeper_has_record(settings->name))) {
		return true;
	}
	r = state_load(keeper->state, &binding, &record, &found, reason);
	if (r < 0) {
		log_state_failed(settings->name, reason);
		snprintf(why, GRANT_MESSAGE_SIZE, "%s", reason);
		return false;
	}
	if (found == STATE_FOREIGN || found == STATE_DAMAGED) {
		log_event(&(struct log_event){LOG_LEVEL_WARNING, LOG_EVENT_STATE_IGNORED,
				  settings->name},
			"%s", reason);
	}
	if (found != STATE_FOUND) {
		return true;
	}
	r = record_read(record, settings, clock_wall_offset(), clock_now(), ret_login, ret_token);
	secret_free(record);
	if (r < 0) {
		snprintf(why, GRANT_MESSAGE_SIZE, "What is stored of profile %s cannot be read: %s",
			settings->name, strerror(-r));
	}
	return r == 0;
}
