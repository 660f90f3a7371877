#include "auditor.h"

#include <inttypes.h>
#include <stdio.h>

#include "call.h"
#include "core/settings.h"
#include "io/clock.h"
#include "io/log.h"
#include "proto/error.h"

enum { WHO_SIZE = 512 };

static const enum log_level levels[AUDIT_KINDS] = {
	[AUDIT_TOKEN] = LOG_LEVEL_INFO,
	[AUDIT_DENIAL] = LOG_LEVEL_WARNING,
};

void auditor_left_out(void *context, uid_t uid, enum audit_kind kind, uint64_t lines)
{
	const struct log_peer peer = {.uid = uid};
	struct log_event event = {.level = levels[kind], .kind = LOG_EVENT_AUDIT_LEFT_OUT};
	char who[WHO_SIZE] = "other users";

	if (uid != AUDIT_UID_OTHERS) {
		event.peer = &peer;
		snprintf(who, sizeof(who), "uid %ju", (uintmax_t)uid);
	}
	if (kind == AUDIT_TOKEN) {
		log_event(&event,
			"%" PRIu64 " more connections of %s were handed a token within a minute, "
			"without a line for each",
			lines, who);
	} else {
		log_event(&event,
			"%" PRIu64 " more requests of %s were denied within a minute, without a "
			"line for each",
			lines, who);
	}
}

static void write_who(char who[WHO_SIZE], const struct log_peer *peer)
{
	snprintf(who, WHO_SIZE, "uid %ju (pid %jd%s%s)", (uintmax_t)peer->uid, (intmax_t)peer->pid,
		peer->unit ? ", " : "", peer->unit ? peer->unit : "");
}

static void log_token(struct log_event *event, const char *who)
{
	event->kind = LOG_EVENT_TOKEN_HANDED_OUT;
	log_event(event, "a token was handed to %s, the first one on this connection", who);
}

static void log_denial(struct log_event *event, const char *who, bool unknown)
{
	event->kind = LOG_EVENT_ACCESS_DENIED;
	event->error_code = error_name(ERROR_ACCESS_DENIED);
	log_event(event, "%s was denied to %s%s", event->endpoint, who,
		unknown ? ", and there is no such profile" : "");
}

void auditor_note(struct audit *audit, const struct call_audit *entry)
{
	struct session *session = entry->session;
	struct log_event event = {.level = levels[entry->kind], .endpoint = entry->endpoint};
	struct log_peer peer;
	char profile[SETTINGS_NAME_MAX + 1], who[WHO_SIZE];

	if (!log_enabled(event.level) ||
		!audit_take(audit, session->who.uid, entry->kind, clock_now())) {
		return;
	}
	session->ops->find_unit(session);
	peer = (struct log_peer){session->who.uid, session->who.pid, session->who.unit};
	event.peer = &peer;
	if (entry->profile) {
		/* One that is not there may have a name of any length. */
		snprintf(profile, sizeof(profile), "%s", entry->profile);
		event.profile = profile;
	}
	write_who(who, &peer);
	if (entry->kind == AUDIT_TOKEN) {
		log_token(&event, who);
	} else {
		log_denial(&event, who, entry->unknown);
	}
}
