#include "provided.h"

#include <stdio.h>
#include <string.h>

#include "core/code.h"
#include "core/grant.h"
#include "core/settings.h"
#include "proto/json.h"

enum {
	CODE_MAX = 4096, /* characters of a code */
	ID_TOKEN_MAX = 16 * 1024,
	NONCE_MAX = 1024,
	URI_MAX = 2048,
	MAX_AGE_MAX = 1000000000, /* seconds */
	VERIFIER_MIN = 43,        /* RFC 7636 section 4.1 */
	VERIFIER_MAX = 128,
	ASSERTION_MAX = 60000, /* as much as a line holds, beside what stands around it */
};

static bool is_visible(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~') {
			return false;
		}
	}
	return true;
}

/* A string of printable ASCII characters. False when it is there, but not one; NULL: it is not
 * there. */
static bool read_text(const cJSON *data, const char *name, size_t min, size_t max,
	const char **ret_text, char why[PROVIDED_WHY_SIZE])
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, name);
	const char *text = cJSON_IsString(item) ? item->valuestring : NULL;
	size_t len = text ? strlen(text) : 0;

	*ret_text = text;
	if (!item || cJSON_IsNull(item) || (text && len >= min && len <= max && is_visible(text))) {
		return true;
	}
	snprintf(why, PROVIDED_WHY_SIZE,
		"%s has to be a string of %zu to %zu printable ASCII characters", name, min, max);
	return false;
}

/* The same for one that has to be there. */
static bool need_text(const cJSON *data, const char *name, size_t max, const char **ret_text,
	char why[PROVIDED_WHY_SIZE])
{
	if (!read_text(data, name, 1, max, ret_text, why)) {
		return false;
	}
	if (!*ret_text) {
		snprintf(why, PROVIDED_WHY_SIZE, "%s is missing in its data", name);
	}
	return *ret_text;
}

static struct code *read_assertion(const cJSON *data, char why[PROVIDED_WHY_SIZE])
{
	struct code_texts texts = {0};

	return need_text(data, "assertion", ASSERTION_MAX, &texts.assertion, why) ? code_new(&texts)
										  : NULL;
}

/* The code, and what an OAuth 2.0 server wants with it. */
static bool read_texts(const struct settings *settings, const cJSON *data, struct code_texts *texts,
	char why[PROVIDED_WHY_SIZE])
{
	if (!need_text(data, "authCode", CODE_MAX, &texts->code, why) ||
		!read_text(
			data, "codeVerifier", VERIFIER_MIN, VERIFIER_MAX, &texts->verifier, why) ||
		!read_text(data, "redirectUri", 1, URI_MAX, &texts->redirect_uri, why)) {
		return false;
	}
	if (!texts->redirect_uri) {
		texts->redirect_uri = settings->redirect_uri;
	}
	return true;
}

static bool read_max_age(const cJSON *data, struct code_texts *texts, char why[PROVIDED_WHY_SIZE])
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, "maxAge");
	double seconds = cJSON_IsNumber(item) ? item->valuedouble : -1;

	if (!item || cJSON_IsNull(item)) {
		return true;
	}
	if (!(seconds >= 0 && seconds <= MAX_AGE_MAX) || seconds != (double)(int64_t)seconds) {
		snprintf(why, PROVIDED_WHY_SIZE,
			"maxAge has to be a whole number of seconds, 0 to %d", MAX_AGE_MAX);
		return false;
	}
	texts->has_max_age = true;
	texts->max_age_s = (int64_t)seconds;
	return true;
}

/* What the login of a messenger's brand adds, which may give an id token instead of a code (OpenID
 * Connect Core sections 3.1.2.1 and 3.2.2.5, RFC 9207). */
static bool read_openid(const struct settings *settings, const cJSON *data,
	struct code_texts *texts, char why[PROVIDED_WHY_SIZE])
{
	if (!read_text(data, "idToken", 1, ID_TOKEN_MAX, &texts->id_token, why) ||
		!read_text(data, "nonce", 1, NONCE_MAX, &texts->nonce, why) ||
		!read_text(data, "iss", 1, URI_MAX, &texts->iss, why) ||
		!read_max_age(data, texts, why)) {
		return false;
	}
	if (texts->id_token) {
		return need_text(data, "nonce", NONCE_MAX, &texts->nonce, why);
	}
	if (!read_texts(settings, data, texts, why)) {
		return false;
	}
	if (!texts->redirect_uri) {
		snprintf(why, PROVIDED_WHY_SIZE, "redirectUri is missing in its data");
	}
	return texts->redirect_uri;
}

static struct code *read_code(
	const struct settings *settings, const cJSON *data, char why[PROVIDED_WHY_SIZE])
{
	bool is_brands = settings->grant->parts & GRANT_DEPLOYMENT;
	struct code_texts texts = {0};

	return (is_brands ? read_openid : read_texts)(settings, data, &texts, why)
		       ? code_new(&texts)
		       : NULL;
}

struct code *provided_read(
	const struct settings *settings, const char *json, size_t len, char why[PROVIDED_WHY_SIZE])
{
	struct code *code;
	cJSON *data;

	snprintf(why, PROVIDED_WHY_SIZE, "the daemon is out of memory");
	if (json_parse(json, len, &data) != JSON_OK) {
		return NULL;
	}
	code = settings->grant->parts & GRANT_ASSERTION ? read_assertion(data, why)
							: read_code(settings, data, why);
	cJSON_Delete(data);
	return code;
}
