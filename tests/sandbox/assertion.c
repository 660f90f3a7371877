#include "assertion.h"

#include "client.h"
#include "json.h"
#include "jwt.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ASSERTION_TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_LIFE_S 3600 /* the longest */
#define ASSERTION_SKEW_S 5
#define ASSERTION_JTIS   4096 /* remembered of a client */

char *assertion_subject(const char *assertion)
{
	cJSON *claims = jwt_claims(assertion);
	const char *subject = json_string(claims, "sub");
	char *copy = subject ? mem_strdup(subject) : NULL;
	cJSON_Delete(claims);
	return copy;
}

static bool is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static bool names_us(
	const char *audience, const struct client *client, const struct client_evidence *evidence)
{
	return is_same(audience, evidence->issuer) || is_same(audience, evidence->token_url) ||
	       is_same(audience, client->audience);
}

static bool audience_ok(
	const cJSON *audience, const struct client *client, const struct client_evidence *evidence)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, audience) {
		if (names_us(cJSON_GetStringValue(item), client, evidence)) {
			return true;
		}
	}
	return names_us(cJSON_GetStringValue(audience), client, evidence);
}

static const char *jti_use(struct client *client, const char *jti)
{
	if (!jti || !*jti) {
		return "the client assertion has no jti";
	}
	if (json_get(client->jtis, jti)) {
		return "the client assertion was used before";
	}
	if (cJSON_GetArraySize(client->jtis) >= ASSERTION_JTIS) {
		cJSON_DeleteItemFromArray(client->jtis, 0);
	}
	cJSON_AddTrueToObject(client->jtis, jti);
	return NULL;
}

static const char *claims_check(
	struct client *client, const cJSON *claims, const struct client_evidence *evidence)
{
	int64_t now = time(NULL);
	int64_t left = json_int(claims, "exp", 0) - now;
	if (!is_same(json_string(claims, "iss"), client->id) ||
		!is_same(json_string(claims, "sub"), client->id)) {
		return "iss and sub of a client assertion have to be the client_id";
	}
	if (!audience_ok(json_get(claims, "aud"), client, evidence)) {
		return "the client assertion is for another audience";
	}
	if (left < -ASSERTION_SKEW_S || left > ASSERTION_LIFE_S) {
		return "the client assertion has expired, or lives too long";
	}
	if (json_int(claims, "nbf", now) > now + ASSERTION_SKEW_S ||
		json_int(claims, "iat", now) > now + ASSERTION_SKEW_S) {
		return "the client assertion is from the future";
	}
	return jti_use(client, json_string(claims, "jti"));
}

const char *assertion_check(struct client *client, const struct client_evidence *evidence)
{
	const char *assertion = json_string(evidence->fields, "client_assertion");
	const char *type = json_string(evidence->fields, "client_assertion_type");
	if (!is_same(type, ASSERTION_TYPE)) {
		return "client_assertion_type has to be " ASSERTION_TYPE;
	}
	if (!jwt_verify(assertion, client->public_key)) {
		return "the signature of the client assertion is wrong";
	}
	cJSON *claims = jwt_claims(assertion);
	const char *wrong = claims_check(client, claims, evidence);
	cJSON_Delete(claims);
	return wrong;
}
