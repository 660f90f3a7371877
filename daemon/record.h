/*
 * What is durable of a profile, as text: its login, and with persist_tokens its access token, to
 * and from JSON. It does not know where the text is kept.
 */
#pragma once

#include <stdint.h>

struct login;
struct secret;
struct settings;
struct token;

/* The record, the caller's; NULL when there is no memory. token may be NULL. wall_offset_ms leads
 * from now_ms's scale to 1970's. */
struct secret *record_write(const struct settings *settings, const struct login *login,
	const struct token *token, int64_t wall_offset_ms);

/*
 * Reads one back. *ret_token is NULL where there is none that may be used under these settings.
 * Returns 0, or -EINVAL for a text that record_write() has not made, or -ENOMEM.
 */
int record_read(const struct secret *record, const struct settings *settings,
	int64_t wall_offset_ms, int64_t now_ms, struct login *ret_login, struct token **ret_token);
