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

void news_init_reloaded(struct news *news, struct payload *payload)
{
	news_init(news, NULL, EVENT_CONFIG_RELOADED, NULL);
	news->payload = payload;
}

void news_done(struct news *news)
{
	payload_unref(news->payload);
}

struct payload *news_payload(struct news *news, bool with_token, int64_t wall_offset_ms)
{
	if (news->kind == EVENT_TOKEN_REFRESHED) {
		return view_token_event(news->profile, with_token, wall_offset_ms);
	}
	if (!news->payload && news->kind != EVENT_CONFIG_RELOADED) {
		news->payload = view_event(news->error);
	}
	return news->payload;
}
