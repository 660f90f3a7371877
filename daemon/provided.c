#include "provided.h"

#include <stdio.h>
#include <string.h>

#include "code_limits.h"
#include "core/code.h"
#include "core/grant.h"
#include "core/settings.h"
#include "proto/json.h"

/* A string of printable ASCII characters. False when it is there, but not one; NULL: it is not
 * there. */
static bool read_text(const cJSON *data, const char *name, size_t max, const char **ret_text,
	char why[PROVIDED_WHY_SIZE])
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, name);
	const char *text = cJSON_IsString(item) ? item->valuestring : NULL;

	*ret_text = text;
	if (!item || cJSON_IsNull(item) || (text && code_limits_takes_text(text, 1, max))) {
		return true;
	}
	snprintf(why, PROVIDED_WHY_SIZE,
		"%s has to be a string of 1 to %zu printable ASCII characters", name, max);
	return false;
}

/* The same for one that has to be there. */
static bool need_text(const cJSON *data, const char *name, size_t max, const char **ret_text,
	char why[PROVIDED_WHY_SIZE])
{
	if (!read_text(data, name, max, ret_text, why)) {
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

	return need_text(data, "assertion", CODE_LIMITS_ASSERTION, &texts.assertion, why)
		       ? code_new(&texts)
		       : NULL;
}

/* The code, and what an OAuth 2.0 server wants with it. The verifier is judged by the server alone:
 * it may be one of a brand that is less strict than RFC 7636. */
static bool read_texts(const struct settings *settings, const cJSON *data, struct code_texts *texts,
	char why[PROVIDED_WHY_SIZE])
{
	if (!need_text(data, "authCode", CODE_LIMITS_CODE, &texts->code, why) ||
		!read_text(data, "codeVerifier", CODE_LIMITS_VERIFIER, &texts->verifier, why) ||
		!read_text(data, "redirectUri", CODE_LIMITS_URI, &texts->redirect_uri, why)) {
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
	if (!code_limits_takes_max_age(seconds)) {
		snprintf(why, PROVIDED_WHY_SIZE,
			"maxAge has to be a whole number of seconds, 0 to %d", CODE_LIMITS_MAX_AGE);
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
	if (!read_text(data, "idToken", CODE_LIMITS_ID_TOKEN, &texts->id_token, why) ||
		!read_text(data, "nonce", CODE_LIMITS_NONCE, &texts->nonce, why) ||
		!read_text(data, "iss", CODE_LIMITS_URI, &texts->iss, why) ||
		!read_max_age(data, texts, why)) {
		return false;
	}
	if (texts->id_token) {
		return need_text(data, "nonce", CODE_LIMITS_NONCE, &texts->nonce, why);
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

/* The object that the data are; NULL with a clause. */
static cJSON *parse(const char *json, size_t len, char why[PROVIDED_WHY_SIZE])
{
	cJSON *data = NULL;

	if (!json) {
		data = cJSON_CreateObject();
	} else if (json[0] != '{') {
		snprintf(why, PROVIDED_WHY_SIZE, "data has to be an object");
		return NULL;
	} else {
		json_parse(json, len, &data);
	}
	if (!data) {
		snprintf(why, PROVIDED_WHY_SIZE, "the daemon is out of memory");
	}
	return data;
}

bool provided_is_nothing(const char *json, size_t len)
{
	char why[PROVIDED_WHY_SIZE];
	cJSON *data = parse(json, len, why);
	bool is_nothing = data && !data->child;

	cJSON_Delete(data);
	return is_nothing;
}

struct code *provided_read(
	const struct settings *settings, const char *json, size_t len, char why[PROVIDED_WHY_SIZE])
{
	cJSON *data = parse(json, len, why);
	struct code *code;

	if (!data) {
		return NULL;
	}
	snprintf(why, PROVIDED_WHY_SIZE, "the daemon is out of memory");
	code = settings->grant->parts & GRANT_ASSERTION ? read_assertion(data, why)
							: read_code(settings, data, why);
	cJSON_Delete(data);
	return code;
}
