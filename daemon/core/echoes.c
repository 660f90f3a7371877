#include "echoes.h"

#include <string.h>

#include "encode.h"
#include "secret.h"

/*
 * RFC 6749 section 2.3.1: id and secret are encoded as in a form, then joined and put into base64.
 * Genesys's own SDKs leave the first step out; for the letters, digits, - and _ of their
 * credentials the bytes are the same.
 */
struct secret *echoes_basic(const struct settings *settings)
{
	struct form pair = {0}, credentials = {0};

	form_add_encoded(&pair, settings->client_id, strlen(settings->client_id));
	form_add_raw(&pair, ":", 1);
	form_add_encoded(&pair, secret_reveal(settings->secrets[SETTINGS_CLIENT_SECRET].value),
		secret_len(settings->secrets[SETTINGS_CLIENT_SECRET].value));
	if (pair.failed) {
		credentials.failed = true;
	} else {
		form_add_base64(&credentials, pair.text, pair.len);
	}
	form_done(&pair);
	return form_take(&credentials);
}

static void echoes_make(struct echoes *echoes, struct secret *secret)
{
	if (secret) {
		echoes->made[echoes->n_made++] = secret;
		echoes->list[echoes->n++] = secret;
	}
}

/* As in a JSON string (RFC 8259 section 7), where that differs. */
static void echoes_add_quoted(struct echoes *echoes, const char *text, size_t len)
{
	static const char named[] = "\"\"\\\\\nn\rr\tt"; /* what is escaped, and by which letter */
	struct form quoted = {0};

	for (size_t i = 0; i < len; i++) {
		size_t k = 0;

		while (k + 1 < sizeof(named) && named[k] != text[i]) {
			k += 2;
		}
		if (k + 1 < sizeof(named)) {
			form_add_raw(&quoted, "\\", 1);
			form_add_raw(&quoted, &named[k + 1], 1);
		} else {
			form_add_raw(&quoted, &text[i], 1);
		}
	}
	if (quoted.len != len) {
		echoes_make(echoes, form_take(&quoted));
	}
	form_done(&quoted);
}

void echoes_add(struct echoes *echoes, const struct secret *secret)
{
	struct form encoded = {0};

	if (secret) {
		echoes->list[echoes->n++] = secret;
		form_add_encoded(&encoded, secret_reveal(secret), secret_len(secret));
		echoes_make(echoes, form_take(&encoded));
		echoes_add_quoted(echoes, secret_reveal(secret), secret_len(secret));
	}
}

void echoes_init(struct echoes *echoes, const struct settings *settings)
{
	*echoes = (struct echoes){0};
	for (size_t i = 0; i < SETTINGS_SECRETS; i++) {
		echoes_add(echoes, settings->secrets[i].value);
	}
	if (settings->secrets[SETTINGS_CLIENT_SECRET].value) {
		echoes_make(echoes, echoes_basic(settings));
	}
}

void echoes_done(struct echoes *echoes)
{
	for (size_t i = 0; i < echoes->n_made; i++) {
		secret_free(echoes->made[i]);
	}
}
