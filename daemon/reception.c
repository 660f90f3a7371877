#include "reception.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "configuration.h"
#include "io/listener.h"
#include "io/log.h"
#include "proto/error.h"
#include "proto/message.h"

struct reception {
	struct reception_options options;
	struct listener *listener;
	char *refusal; /* what is told to whom there is no room for */
};

static void on_accepted(void *context, int fd)
{
	struct reception *reception = context;

	clients_accept(reception->options.clients, reception->listener, fd);
}

/* --socket or [daemon] socket; NULL: neither. */
static const char *wanted(const struct reception_options *options)
{
	return options->socket ? options->socket : configuration_socket(options->configuration);
}

/* The one that is wanted, or the place where gctoken looks. */
static char *choose(const struct reception_options *options)
{
	const char *path = wanted(options), *runtime = getenv("XDG_RUNTIME_DIR");
	char *chosen = NULL;

	if (path) {
		return strdup(path);
	}
	if (geteuid() != 0 && runtime && runtime[0] == '/') {
		return asprintf(&chosen, "%s/gctokend/gctokend.sock", runtime) < 0 ? NULL : chosen;
	}
	return strdup("/run/gctokend/gctokend.sock");
}

static void check_passed(const struct reception *reception)
{
	const char *path = reception_path(reception), *other = wanted(&reception->options);

	if (other && strcmp(other, path) != 0) {
		log_warning("the socket is %s, which the service manager passed; %s is not used, "
			    "and is to be set in the socket's unit",
			path, other);
	}
}

void reception_check(const struct reception *reception)
{
	const char *path = reception_path(reception);
	char *chosen;

	if (reception->options.fd >= 0) {
		check_passed(reception);
		return;
	}
	chosen = choose(&reception->options);
	if (chosen && strcmp(chosen, path) != 0) {
		log_warning("the socket stays %s; %s takes effect at the next start", path, chosen);
	}
	free(chosen);
}

const char *reception_path(const struct reception *reception)
{
	return listener_path(reception->listener);
}

static char *render_refusal(void)
{
	struct payload *payload = message_error(
		ERROR_RATE_LIMITED, "Too many connections; close some, or try again shortly", 1);
	char *line = NULL;

	if (payload && asprintf(&line, "%s%.*s", MESSAGE_HEAD_NONE, (int)payload->len,
			       payload->bytes) < 0) {
		line = NULL;
	}
	payload_unref(payload);
	return line;
}

static bool listen_on(struct reception *reception, struct event_base *base, const char *path)
{
	char why[LISTENER_WHY_MAX];

	if (listener_new(base,
		    &(struct listener_config){
			    .fd = reception->options.fd,
			    .path = path,
			    .accepted = on_accepted,
			    .refusal = reception->refusal,
			    .refusal_len = strlen(reception->refusal),
			    .context = reception,
		    },
		    &reception->listener, why) < 0) {
		log_event(&(struct log_event){LOG_LEVEL_ERROR, LOG_EVENT_START_FAILED}, "%s", why);
		return false;
	}
	return true;
}

int reception_new(
	struct event_base *base, const struct reception_options *options, struct reception **ret)
{
	struct reception *reception = calloc(1, sizeof(*reception));
	char *path = choose(options);

	if (reception) {
		reception->options = *options;
		reception->refusal = render_refusal();
	}
	if (!reception || !reception->refusal || !path) {
		log_error("out of memory");
		if (options->fd >= 0) {
			close(options->fd);
		}
	} else if (listen_on(reception, base, path)) {
		*ret = reception;
		reception = NULL;
	}
	free(path);
	if (reception) {
		reception_free(reception);
		return EXIT_STATUS_FAILURE;
	}
	reception_check(*ret);
	return EXIT_STATUS_DONE;
}

void reception_free(struct reception *reception)
{
	if (reception) {
		listener_free(reception->listener);
		free(reception->refusal);
		free(reception);
	}
}
