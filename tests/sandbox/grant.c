#include "grant.h"

#include "answer.h"
#include "authorize.h"
#include "client.h"
#include "device.h"
#include "fault.h"
#include "json.h"
#include "session.h"
#include "state.h"
#include "stats.h"
#include "token.h"

#include <string.h>

cJSON *grant_issue(const struct grant_request *request, const char *refresh_token)
{
	stats_issued(request->state->stats, request->ticket);
	return token_issue(request->state->tokens, &(struct token_order){
							   .client = request->client,
							   .issuer = request->issuer,
							   .now = fault_clock(request->rule),
							   .rule = request->rule,
							   .refresh_token = refresh_token,
						   });
}

static struct answer *issue_answer(const struct grant_request *request, const char *refresh_token)
{
	struct answer *answer = answer_new(200);
	cJSON *json = grant_issue(request, refresh_token);
	answer_set_json(answer, json);
	answer_set_header(answer, "Cache-Control", "no-store");
	cJSON_Delete(json);
	return answer;
}

static struct answer *client_credentials(const struct grant_request *request)
{
	if (request->is_public) {
		return answer_error(400, "unauthorized_client", "not for a public client");
	}
	return issue_answer(request, NULL);
}

static struct answer *authorization_code(const struct grant_request *request)
{
	const char *wrong = NULL;
	struct code *code = code_redeem(
		request->state->codes, request->client, request->fields, &wrong);
	if (wrong) {
		return answer_error(400, "invalid_grant", wrong);
	}
	struct session *session = session_begin(request->state->sessions, request->client);
	code_bind(code, session);
	return issue_answer(request, session_token(session));
}

static struct answer *refresh_token(const struct grant_request *request)
{
	const char *token = json_string(request->fields, "refresh_token");
	const char *issued = NULL;
	if (!token) {
		return answer_error(400, "invalid_request", "refresh_token is missing");
	}
	const char *wrong = session_use(request->state->sessions, request->client, token, &issued);
	return wrong ? answer_error(400, "invalid_grant", wrong) : issue_answer(request, issued);
}

/* RFC 7522, with Genesys Cloud's orgName. The assertion is not looked into: it is the one that the
 * client may use, or it is not. */
static struct answer *saml2_bearer(const struct grant_request *request)
{
	const struct client *client = request->client;
	const char *assertion = json_string(request->fields, "assertion");
	const char *org_name = json_string(request->fields, "orgName");
	if (!assertion) {
		return answer_error(400, "invalid_request", "assertion is missing");
	}
	if (!client->assertion || strcmp(client->assertion, assertion) != 0) {
		return answer_error(400, "invalid_grant", "the assertion is not accepted");
	}
	if (client->org_name && (!org_name || strcmp(client->org_name, org_name) != 0)) {
		return answer_error(400, "invalid_grant", "orgName is another");
	}
	return issue_answer(request, NULL);
}

static struct answer *device_code(const struct grant_request *request)
{
	const char *error = device_redeem(
		request->state->devices, request->client, request->fields);
	struct session *session;
	if (error) {
		return answer_error(400, error, "what RFC 8628 says it means");
	}
	session = session_begin(request->state->sessions, request->client);
	return issue_answer(request, session_token(session));
}

static const struct grant {
	const char *type;
	struct answer *(*answer)(const struct grant_request *request);
} grants[] = {
	{"client_credentials", client_credentials},
	{"authorization_code", authorization_code},
	{"refresh_token", refresh_token},
	{"urn:ietf:params:oauth:grant-type:device_code", device_code},
	{"urn:ietf:params:oauth:grant-type:saml2-bearer", saml2_bearer},
};

struct answer *grant_answer(const struct grant_request *request)
{
	const char *type = json_string(request->fields, "grant_type");
	if (!type) {
		return answer_error(400, "invalid_request", "grant_type is missing");
	}
	for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
		if (strcmp(grants[i].type, type) == 0) {
			return grants[i].answer(request);
		}
	}
	return answer_error(400, "unsupported_grant_type", "this server has no such grant");
}
