/*
 * What people and programs are told of the state: the data of auth.getTokenInfo and
 * system.getStatus, a token's reply, and events. It does not know who asks or listens.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct event_error;
struct payload;
struct answer;
struct device;
struct profile;
struct token;

/* The tail of a reply that hands out the token, rendered once and kept by it; borrowed. NULL when
 * there is no memory. */
struct payload *view_token(struct token *token, int64_t wall_offset_ms);

/* The tail of an event that tells of a profile's token, which it has; with the token itself if
 * with_value. Likewise. */
struct payload *view_token_event(
	const struct profile *profile, bool with_value, int64_t wall_offset_ms);

/* The tail of another event of a profile; error NULL: nothing went wrong. The caller's; NULL when
 * there is no memory. */
struct payload *view_event(const struct event_error *error);

/* Data of auth.getTokenInfo, the caller's; NULL when there is no memory. */
cJSON *view_profile(const struct profile *profile, int64_t wall_offset_ms);

/* Data of auth.logout; likewise. */
cJSON *view_logout(
	const struct profile *profile, const struct answer *answer, int64_t wall_offset_ms);

/* Data of auth.getUserCode, for a device with codes; likewise. */
cJSON *view_device(const struct device *device, int64_t wall_offset_ms);

/* A number as cJSON writes it, but without the floating point that takes it most of its time. */
cJSON *view_number(int64_t number);

/* A time on now_ms's scale as a JSON string; null for INT64_MIN and INT64_MAX. */
cJSON *view_time(int64_t at_ms, int64_t wall_offset_ms);
