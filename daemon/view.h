/*
 * What people and programs are told of the state: the data of auth.getTokenInfo and
 * system.getStatus, and a token's reply. It does not know who asks.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdint.h>

struct payload;
struct answer;
struct profile;
struct token;

/* The tail of a reply that hands out the token, rendered once and kept by it; borrowed. NULL when
 * there is no memory. */
struct payload *view_token(struct token *token, int64_t wall_offset_ms);

/* Data of auth.getTokenInfo, the caller's; NULL when there is no memory. */
cJSON *view_profile(const struct profile *profile, int64_t wall_offset_ms);

/* Data of auth.logout; likewise. */
cJSON *view_logout(
	const struct profile *profile, const struct answer *answer, int64_t wall_offset_ms);

/* A number as cJSON writes it, but without the floating point that takes it most of its time. */
cJSON *view_number(int64_t number);

/* A time on now_ms's scale as a JSON string; null for INT64_MIN and INT64_MAX. */
cJSON *view_time(int64_t at_ms, int64_t wall_offset_ms);
