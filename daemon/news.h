/*
 * One event as a line: rendered when the first subscriber gets it, and shared by all. It does not
 * know who they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event.h"
#include "core/settings.h"

struct payload;
struct profile;

enum { NEWS_HEAD_SIZE = 64 + SETTINGS_NAME_MAX /* of {"event":…,"profile":…, */ };

/* Embedded; profile and error are borrowed. */
struct news {
	const struct profile *profile; /* NULL: it is about none */
	enum event_kind kind;
	const struct event_error *error; /* NULL: nothing went wrong */
	struct payload *payload;         /* NULL: not rendered yet, or the token has it */
	size_t head_len;
	char head[NEWS_HEAD_SIZE]; /* the beginning of the line, head_len bytes */
};

/* A profile that a new token is told of has one. */
void news_init(struct news *news, const struct profile *profile, enum event_kind kind,
	const struct event_error *error);

/* There is a new configuration; payload is what that means to who is told, and taken over. */
void news_init_reloaded(struct news *news, struct payload *payload);

void news_done(struct news *news);

/* The rest of the line, with the profile's token in it or without; borrowed. NULL when there is no
 * memory. */
struct payload *news_payload(struct news *news, bool with_token, int64_t wall_offset_ms);
