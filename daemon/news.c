#include "news.h"

#include <stdio.h>
#include <string.h>

#include "core/profile.h"
#include "proto/message.h"
#include "view.h"

void news_init(struct news *news, const struct profile *profile, enum event_kind kind,
	const struct event_error *error)
{
	const char *quote = profile ? "\"" : "";

	*news = (struct news){.profile = profile, .kind = kind, .error = error};
	/* There is nothing to be escaped in either name. */
	news->head_len = (size_t)snprintf(news->head, sizeof(news->head),
		"{\"event\":\"%s\",\"profile\":%s%s%s,", event_kind_name(kind), quote,
		profile ? profile->settings->name : "null", quote);
}

void news_done(struct news *news)
{
	payload_unref(news->plain);
	payload_unref(news->with_token);
}

static struct payload *render(const struct news *news, bool with_token, int64_t wall_offset_ms)
{
	switch (news->kind) {
	case EVENT_TOKEN_REFRESHED:
		return view_token_event(news->profile, with_token, wall_offset_ms);
	case EVENT_CONFIG_RELOADED:
		return message_data_text("{}", strlen("{}"));
	case EVENT_REFRESH_FAILED:
	case EVENT_LOGIN_REQUIRED:
	case EVENT_SIGNED_IN:
	case EVENT_SIGN_IN_FAILED:
	case EVENT_LOGGED_OUT:
	case EVENT_AUTH_ERROR:
	case EVENT_KINDS:
		break;
	}
	return view_event(news->error);
}

struct payload *news_payload(struct news *news, bool with_token, int64_t wall_offset_ms)
{
	struct payload **payload = with_token ? &news->with_token : &news->plain;

	if (!*payload) {
		*payload = render(news, with_token, wall_offset_ms);
	}
	return *payload;
}
