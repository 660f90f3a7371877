#include "provided.h"

#include <stdio.h>
#include <string.h>

#include "core/code.h"
#include "core/grant.h"
#include "core/settings.h"
#include "proto/json.h"

enum {
	CODE_MAX = 4096, /* characters of a code */
	URI_MAX = 2048,
	VERIFIER_MIN = 43, /* RFC 7636 section 4.1 */
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
	const char *assertion;

	return need_text(data, "assertion", ASSERTION_MAX, &assertion, why)
		       ? code_assertion(assertion, strlen(assertion))
		       : NULL;
}

static struct code *read_code(
	const struct settings *settings, const cJSON *data, char why[PROVIDED_WHY_SIZE])
{
	const char *code, *verifier, *redirect_uri;

	if (!need_text(data, "authCode", CODE_MAX, &code, why) ||
		!read_text(data, "codeVerifier", VERIFIER_MIN, VERIFIER_MAX, &verifier, why) ||
		!read_text(data, "redirectUri", 1, URI_MAX, &redirect_uri, why)) {
		return NULL;
	}
	return code_new(
		code, strlen(code), verifier, redirect_uri ? redirect_uri : settings->redirect_uri);
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
