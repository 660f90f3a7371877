#include "keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/flight.h"
#include "core/login.h"
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
	void (*ended)(void *context, struct attempt *attempt, const char *why);
	void *context;
};

/* A write under way. */
struct keeping {
	LIST_ENTRY(keeping) link;
	struct keeper *keeper;
	struct attempt *attempt; /* NULL: nobody waits for it */
	struct state_write *write;
	char profile[SETTINGS_NAME_MAX + 1];
};

struct keeper *keeper_new(struct event_base *base,
	void (*ended)(void *context, struct attempt *attempt, const char *why), void *context)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper) {
		*keeper = (struct keeper){.base = base, .ended = ended, .context = context};
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

static void on_kept(void *context, int error, const char *why)
{
	struct keeping *keeping = context;
	struct keeper *keeper = keeping->keeper;
	struct attempt *attempt = keeping->attempt;

	if (!attempt && error < 0) {
		log_state_failed(keeping->profile, why);
	}
	keeping_free(keeping);
	if (attempt) {
		attempt->write = NULL;
		keeper->ended(keeper->context, attempt, why);
	}
}

/* Nothing was begun. */
static void refuse(struct keeper *keeper, struct attempt *attempt, const struct settings *settings,
	const char *why)
{
	if (attempt) {
		keeper->ended(keeper->context, attempt, why);
	} else {
		log_state_failed(settings->name, why);
	}
}

static int begin(
	struct keeping *keeping, const struct settings *settings, const struct secret *record)
{
	struct state_binding binding = binding_of(settings);

	return state_save(
		keeping->keeper->state, &binding, record, on_kept, keeping, &keeping->write);
}

void keeper_store(struct keeper *keeper, struct attempt *attempt, const struct settings *settings,
	const struct login *login, const struct token *token)
{
	struct secret *record = record_write(
		settings, login, settings->persist_tokens ? token : NULL, clock_wall_offset());
	struct keeping *keeping = calloc(1, sizeof(*keeping));
	int r = record && keeping ? 0 : -ENOMEM;

	if (r == 0) {
		keeping->keeper = keeper;
		keeping->attempt = attempt;
		snprintf(keeping->profile, sizeof(keeping->profile), "%s", settings->name);
		r = begin(keeping, settings, record);
	}
	secret_free(record);
	if (r == 0) {
		LIST_INSERT_HEAD(&keeper->writes, keeping, link);
	}
	if (r == 0 && attempt) {
		attempt->write = keeping;
	}
	if (r < 0) {
		free(keeping);
		refuse(keeper, attempt, settings,
			r == -EMSGSIZE ? "The refresh token is too long to be stored"
			: r == -EAGAIN ? "Too many writes wait for the disk of the state directory"
				       : "The daemon is out of memory");
	}
}

void keeper_forget(struct keeper *keeper, struct attempt *attempt)
{
	struct keeping *keeping = attempt->write;

	if (keeping) {
		state_write_cancel(keeping->write);
		attempt->write = NULL;
		keeping_free(keeping);
	}
}

bool keeper_load(struct keeper *keeper, const struct settings *settings, struct login *ret_login,
	struct token **ret_token, char why[GRANT_MESSAGE_SIZE])
{
	struct state_binding binding = binding_of(settings);
	struct secret *record;
	enum state_found found;
	char reason[STATE_WHY_SIZE];
	int r = state_load(keeper->state, &binding, &record, &found, reason);

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
