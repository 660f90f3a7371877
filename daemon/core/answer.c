#include "answer.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "encode.h"
#include "secret.h"
#include "settings.h"
#include "text.h"
#include "token.h"

enum { LIFETIME_MIN_S = 1 };

/* Where a lifetime stands in an answer, and what came of reading it. */
enum found {
	ABSENT,
	FOUND,
	UNUSABLE,
};

int64_t answer_date(const char *text)
{
	struct tm tm = {0};
	const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;

	return end && *end == '\0' ? timegm(&tm) : -1;
}

static bool is_decimal(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	size_t fraction = text[digits] == '.' ? strspn(text + digits + 1, "0123456789") : 0;

	return digits > 0 && text[digits + (fraction > 0 ? fraction + 1 : 0)] == '\0';
}

/* A number, or a string that holds a decimal one. */
static enum found read_seconds(const cJSON *object, const char *name, double *ret_seconds)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!item || cJSON_IsNull(item)) {
		return ABSENT;
	}
	if (cJSON_IsNumber(item)) {
		*ret_seconds = item->valuedouble;
	} else if (cJSON_IsString(item) && is_decimal(item->valuestring)) {
		*ret_seconds = strtod(item->valuestring, NULL);
	} else {
		return UNUSABLE;
	}
	return isnan(*ret_seconds) ? UNUSABLE : FOUND;
}

double answer_seconds(const cJSON *object, const char *name)
{
	double seconds;

	return read_seconds(object, name, &seconds) == FOUND ? seconds : -1;
}

static enum found bounded(double seconds, int64_t *ret_ms)
{
	if (seconds < LIFETIME_MIN_S) {
		return UNUSABLE;
	}
	*ret_ms = seconds >= SETTINGS_LIFETIME_MAX_S ? SETTINGS_LIFETIME_MAX_S * INT64_C(1000)
						     : (int64_t)(seconds * 1000);
	return FOUND;
}

/* The claims of a JWT (RFC 7519), unverified: they only say how long it lives, and whose it is.
 * NULL when the token is none. */
static cJSON *jwt_claims(const char *token)
{
	const char *payload = strchr(token, '.');
	const char *end = payload ? strchr(payload + 1, '.') : NULL;
	cJSON *claims = NULL;
	char *text;
	long len;

	if (!end || strchr(end + 1, '.')) {
		return NULL;
	}
	payload++;
	text = malloc((size_t)(end - payload) + 1);
	if (!text) {
		return NULL;
	}
	len = encode_unbase64url(text, payload, (size_t)(end - payload));
	if (len >= 0) {
		text[len] = '\0';
		claims = cJSON_ParseWithLength(text, (size_t)len + 1);
		explicit_bzero(text, (size_t)len);
	}
	free(text);
	return claims;
}

/* exp - iat and exp less the answer's Date, as far as they can be told. */
struct jwt_lifetimes {
	bool has_iat, has_date;
	double by_iat_s, by_date_s;
};

static void jwt_lifetimes_read(struct jwt_lifetimes *lifetimes, const char *token, const char *date)
{
	cJSON *claims = jwt_claims(token);
	const cJSON *exp = cJSON_GetObjectItemCaseSensitive(claims, "exp");
	const cJSON *iat = cJSON_GetObjectItemCaseSensitive(claims, "iat");
	int64_t now = answer_date(date);

	*lifetimes = (struct jwt_lifetimes){0};
	if (cJSON_IsNumber(exp) && cJSON_IsNumber(iat)) {
		lifetimes->has_iat = true;
		lifetimes->by_iat_s = exp->valuedouble - iat->valuedouble;
	}
	if (cJSON_IsNumber(exp) && now >= 0) {
		lifetimes->has_date = true;
		lifetimes->by_date_s = exp->valuedouble - (double)now;
	}
	cJSON_Delete(claims);
}

/* The first of the two that there is. */
static enum found jwt_lifetime(const char *token, const char *date, int64_t *ret_ms)
{
	struct jwt_lifetimes lifetimes;

	jwt_lifetimes_read(&lifetimes, token, date);
	if (lifetimes.has_iat) {
		return bounded(lifetimes.by_iat_s, ret_ms);
	}
	return lifetimes.has_date ? bounded(lifetimes.by_date_s, ret_ms) : ABSENT;
}

/* The shorter of the two: a JWT may have been issued before it was asked for. */
static enum found jwt_rest(const char *token, const char *date, int64_t *ret_ms)
{
	struct jwt_lifetimes lifetimes;
	int64_t by_date_ms = 0;
	enum found found;

	jwt_lifetimes_read(&lifetimes, token, date);
	if (!lifetimes.has_iat || !lifetimes.has_date) {
		return jwt_lifetime(token, date, ret_ms);
	}
	found = bounded(lifetimes.by_iat_s, ret_ms);
	if (found == FOUND) {
		found = bounded(lifetimes.by_date_s, &by_date_ms);
	}
	if (found == FOUND && by_date_ms < *ret_ms) {
		*ret_ms = by_date_ms;
	}
	return found;
}

__attribute__((format(printf, 2, 3))) static bool refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, ANSWER_WHY_SIZE, format, args);
	va_end(args);
	return false;
}

static bool read_lifetime(const struct settings *settings, const struct answer_http *answer,
	const cJSON *object, const char *token, int64_t *ret_ms, char *why)
{
	double seconds = 0;
	enum found found = read_seconds(object, "expires_in", &seconds);

	if (found == FOUND) {
		found = bounded(seconds, ret_ms);
	} else if (found == ABSENT) {
		found = jwt_lifetime(token, answer->date, ret_ms);
	}
	if (found == ABSENT && settings->default_lifetime_ms > 0) {
		*ret_ms = settings->default_lifetime_ms;
		found = FOUND;
	}
	if (found == UNUSABLE) {
		return refuse(why, "its lifetime is no number of seconds from 1 up");
	}
	if (found == ABSENT) {
		return refuse(why, "it has no expires_in; set default_lifetime for this profile");
	}
	return true;
}

/* cJSON cuts a string at \u0000, so what it gives cannot show one. */
static bool has_escaped_nul(const char *body, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (body[i] != '\\') {
			continue;
		}
		if (len - i >= 6 && memcmp(body + i, "\\u0000", 6) == 0) {
			return true;
		}
		i++; /* what is escaped is no escape itself */
	}
	return false;
}

/* name: the member that the token stands in. */
static bool check_token(
	const cJSON *object, const char *name, const struct answer_http *answer, char *why)
{
	const cJSON *token = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsObject(object)) {
		return refuse(why, "it is not a JSON object");
	}
	if (!cJSON_IsString(token) || token->valuestring[0] == '\0') {
		return refuse(why, "it has no %s", name);
	}
	if (has_escaped_nul(answer->body, answer->body_len) ||
		strpbrk(token->valuestring, "\r\n")) {
		return refuse(why, "its %s holds a NUL or a line break", name);
	}
	if (strlen(token->valuestring) > ANSWER_TOKEN_MAX) {
		return refuse(why, "its %s is longer than %d bytes", name, ANSWER_TOKEN_MAX);
	}
	if (!text_is_utf8(token->valuestring, strlen(token->valuestring))) {
		return refuse(why, "its %s is not UTF-8", name);
	}
	return true;
}

static bool check_type(const cJSON *object, char *why)
{
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(object, "token_type");

	if (type && !cJSON_IsNull(type) &&
		(!cJSON_IsString(type) || strcasecmp(type->valuestring, "bearer") != 0)) {
		return refuse(why, "its token_type is not Bearer");
	}
	return true;
}

static void cJSON_Deletep(cJSON **object)
{
	cJSON_Delete(*object);
}

/* RFC 6749 section 5.1; anything but a non-empty text is none. */
static bool read_refresh_token(
	const cJSON *object, const char *name, struct secret **ret_refresh_token)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsString(text) || text->valuestring[0] == '\0' ||
		strlen(text->valuestring) > ANSWER_TOKEN_MAX) {
		return true;
	}
	*ret_refresh_token = secret_new(text->valuestring, strlen(text->valuestring));
	return *ret_refresh_token;
}

/* What both kinds of answers have in common: the object, the caller's, with its token checked; NULL
 * when it is of no use. */
static cJSON *read_object(const struct answer_http *answer, const char *token_name,
	const char *refresh_token_name, struct secret **ret_refresh_token, char *why)
{
	cJSON *object = cJSON_ParseWithLengthOpts(answer->body, answer->body_len + 1, NULL, true);
	bool good = object || refuse(why, "it is not JSON");

	*ret_refresh_token = NULL;
	if (good && !read_refresh_token(object, refresh_token_name, ret_refresh_token)) {
		good = refuse(why, "there is no memory to keep it");
	}
	if (!good || !check_token(object, token_name, answer, why)) {
		cJSON_Delete(object);
		return NULL;
	}
	return object;
}

static struct token *make_token(const cJSON *object, const char *name,
	const struct answer_http *answer, int64_t lifetime_ms, char *why)
{
	const char *value = cJSON_GetObjectItemCaseSensitive(object, name)->valuestring;
	struct secret *secret = secret_new(value, strlen(value));
	struct token *token = secret ? token_new(secret, answer->sent_ms, lifetime_ms) : NULL;

	if (!token) {
		refuse(why, "there is no memory to keep it");
	}
	return token;
}

struct token *answer_token(const struct settings *settings, const struct answer_http *answer,
	struct secret **ret_refresh_token, char why[ANSWER_WHY_SIZE])
{
	static const char name[] = "access_token";
	__attribute__((cleanup(cJSON_Deletep)))
	cJSON *object = read_object(answer, name, "refresh_token", ret_refresh_token, why);
	struct token *token;
	int64_t lifetime_ms = 0;
	double refresh_in = 0;

	if (!object || !check_type(object, why) ||
		!read_lifetime(settings, answer, object,
			cJSON_GetObjectItemCaseSensitive(object, name)->valuestring, &lifetime_ms,
			why)) {
		return NULL;
	}
	token = make_token(object, name, answer, lifetime_ms, why);
	if (token && read_seconds(object, "refresh_in", &refresh_in) == FOUND &&
		refresh_in >= LIFETIME_MIN_S && refresh_in < SETTINGS_LIFETIME_MAX_S) {
		token->refresh_in_ms = (int64_t)(refresh_in * 1000);
	}
	return token;
}

/* False where the token, which may be NULL, does not say it. */
static bool account_of(const char *token, char ret[TEXT_UPSTREAM_SIZE])
{
	/* The first that there is, from the names that people know to one that always is there. */
	static const char *const names[] = {"preferred_username", "email", "name", "sub"};
	cJSON *claims = token ? jwt_claims(token) : NULL;
	const char *account = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !account; i++) {
		account = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(claims, names[i]));
	}
	if (account) {
		text_clean(ret, account, strlen(account), NULL, 0);
	}
	cJSON_Delete(claims);
	return account;
}

void answer_account(const struct answer_http *answer, char ret[TEXT_UPSTREAM_SIZE])
{
	static const char *const tokens[] = {"id_token", "access_token"};
	cJSON *object = cJSON_ParseWithLengthOpts(answer->body, answer->body_len + 1, NULL, true);

	*ret = '\0';
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		if (account_of(cJSON_GetStringValue(
				       cJSON_GetObjectItemCaseSensitive(object, tokens[i])),
			    ret)) {
			break;
		}
	}
	cJSON_Delete(object);
}

struct token *answer_jwt(const struct settings *settings, const struct answer_http *answer,
	struct secret **ret_refresh_token, char why[ANSWER_WHY_SIZE])
{
	static const char name[] = "jwt";
	__attribute__((cleanup(cJSON_Deletep)))
	cJSON *object = read_object(answer, name, "refreshToken", ret_refresh_token, why);
	int64_t lifetime_ms = settings->default_lifetime_ms;
	enum found found;

	if (!object) {
		return NULL;
	}
	found = jwt_rest(cJSON_GetObjectItemCaseSensitive(object, name)->valuestring, answer->date,
		&lifetime_ms);
	if (found == UNUSABLE) {
		refuse(why, "its jwt has expired, or lives for less than a second");
		return NULL;
	}
	if (found == ABSENT && lifetime_ms == 0) {
		refuse(why, "its jwt does not tell how long it lives; set default_lifetime for "
			    "this profile");
		return NULL;
	}
	return make_token(object, name, answer, lifetime_ms, why);
}
