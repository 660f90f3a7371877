#include "fault.h"

#include "answer.h"
#include "client.h"
#include "codec.h"
#include "json.h"
#include "mem.h"
#include "schema.h"
#include "token.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_RULES_MAX      1000
#define FAULT_TIMES_MAX      1000000000
#define FAULT_DELAY_MAX_MS   3600000
#define FAULT_DRIP_BYTES_MAX (INT64_C(1024) * 1024)
#define FAULT_DRIP_BYTES     1
#define FAULT_DRIP_MS        10
#define FAULT_SECONDS_MAX    4000000000 /* retry_after and the clock, either way */
#define FAULT_HUGE_MAX       (INT64_C(256) * 1024 * 1024)
#define FAULT_TOKEN_MARK     "{{access_token}}"

struct rule {
	cJSON *spec; /* checked: what is in it has the right type */
	int64_t left;
	int64_t used;
};

struct fault_list {
	struct rule rules[FAULT_RULES_MAX];
	int count;
};

static const struct schema_member rule_members[] = {
	/* which requests */
	{"match", SCHEMA_OBJECT},
	{"times", SCHEMA_INT, 1, FAULT_TIMES_MAX},
	/* how the answer is delivered */
	{"delay_ms", SCHEMA_INT, 0, FAULT_DELAY_MAX_MS},
	{"drip", SCHEMA_OBJECT},
	{"close", SCHEMA_NAME,
		.names = " accept before_headers within_headers after_headers within_body "},
	{"reset", SCHEMA_TRUE},
	/* what it is */
	{"status", SCHEMA_INT, 200, 999},
	{"body", SCHEMA_STRING},
	{"body_base64", SCHEMA_STRING},
	{"content_type", SCHEMA_STRING},
	{"preset", SCHEMA_NAME, .names = " genesys_rate_limit html cut_json "},
	{"error", SCHEMA_STRING},
	{"redirect", SCHEMA_STRING},
	{"authorize_error", SCHEMA_STRING},
	{"error_description", SCHEMA_STRING},
	{"headers", SCHEMA_OBJECT},
	{"retry_after", SCHEMA_INT, -FAULT_SECONDS_MAX, FAULT_SECONDS_MAX},
	{"retry_after_date", SCHEMA_INT, -FAULT_SECONDS_MAX, FAULT_SECONDS_MAX},
	{"date_skew_s", SCHEMA_INT, -FAULT_SECONDS_MAX, FAULT_SECONDS_MAX},
	{"no_date", SCHEMA_TRUE},
	{"huge_body", SCHEMA_INT, 1, FAULT_HUGE_MAX},
	/* the token in it */
	{"expires_in", SCHEMA_ANY},
	{"expires_in_missing", SCHEMA_TRUE},
	{"lifetime_s", SCHEMA_INT, 0, CLIENT_EXPIRES_IN_MAX},
	{"refresh_in", SCHEMA_ANY},
	{"refresh_token", SCHEMA_ANY},
	{"token_type", SCHEMA_ANY},
	{"token", SCHEMA_ANY},
	{"token_size", SCHEMA_INT, 1, TOKEN_SIZE_MAX},
	{"token_format", SCHEMA_NAME, .names = " opaque RS256 ES256 "},
	{"same_token", SCHEMA_TRUE},
	{"claims", SCHEMA_OBJECT},
	{"members", SCHEMA_OBJECT},
	{"omit", SCHEMA_STRINGS},
	{NULL},
};

static const struct schema_member match_members[] = {
	{"client_id", SCHEMA_STRING}, {"path", SCHEMA_STRING}, {NULL}};

static const struct schema_member drip_members[] = {
	{"bytes", SCHEMA_INT, 1, FAULT_DRIP_BYTES_MAX},
	{"interval_ms", SCHEMA_INT, 0, FAULT_DELAY_MAX_MS},
	{NULL},
};

/* A header that would break the framing of the answer is refused: for that there is close and body.
 */
static bool headers_ok(const cJSON *headers, char *error, size_t error_size)
{
	const cJSON *header;
	cJSON_ArrayForEach (header, headers) {
		const char *value = cJSON_GetStringValue(header);
		if (!*header->string || strpbrk(header->string, "\r\n: \t") ||
			(!cJSON_IsNull(header) && (!value || strpbrk(value, "\r\n")))) {
			snprintf(error, error_size,
				"headers must be names with strings on one line, or null");
			return false;
		}
	}
	return true;
}

static bool rule_ok(const cJSON *rule, char *error, size_t error_size)
{
	if (!cJSON_IsObject(rule)) {
		snprintf(error, error_size, "a rule must be an object");
		return false;
	}
	if (!schema_check(rule_members, rule, error, error_size) ||
		!schema_check(match_members, json_get(rule, "match"), error, error_size) ||
		!schema_check(drip_members, json_get(rule, "drip"), error, error_size) ||
		!headers_ok(json_get(rule, "headers"), error, error_size)) {
		return false;
	}
	const char *text[] = {json_string(rule, "redirect"), json_string(rule, "content_type")};
	if ((text[0] && strpbrk(text[0], "\r\n")) || (text[1] && strpbrk(text[1], "\r\n"))) {
		snprintf(error, error_size, "redirect and content_type must be on one line");
		return false;
	}
	const char *close = json_string(rule, "close");
	if (close && strcmp(close, "accept") == 0 && json_get(rule, "match")) {
		snprintf(error, error_size, "close accept: nothing to match is known at accept");
		return false;
	}
	size_t len;
	const char *base64 = json_string(rule, "body_base64");
	char *decoded = base64 ? codec_base64_decode(base64, &len) : NULL;
	bool ok = !base64 || decoded;
	free(decoded);
	if (!ok) {
		snprintf(error, error_size, "body_base64 is not base64");
	}
	return ok;
}

struct fault_list *fault_list_new(void)
{
	return mem_new(sizeof(struct fault_list));
}

void fault_list_free(struct fault_list *list)
{
	if (list) {
		fault_clear(list);
	}
	free(list);
}

void fault_clear(struct fault_list *list)
{
	for (int i = 0; i < list->count; i++) {
		cJSON_Delete(list->rules[i].spec);
	}
	list->count = 0;
}

bool fault_add(struct fault_list *list, const cJSON *rule, char *error, size_t error_size)
{
	if (!rule_ok(rule, error, error_size)) {
		return false;
	}
	if (list->count == FAULT_RULES_MAX) {
		snprintf(error, error_size, "too many rules");
		return false;
	}
	list->rules[list->count++] = (struct rule){
		.spec = cJSON_Duplicate(rule, 1),
		.left = json_int(rule, "times", INT64_MAX),
	};
	return true;
}

bool fault_set(struct fault_list *list, const cJSON *rules, char *error, size_t error_size)
{
	int number = 0;
	const cJSON *rule;
	if (!cJSON_IsArray(rules) || cJSON_GetArraySize(rules) > FAULT_RULES_MAX) {
		snprintf(error, error_size, "the rules must be an array of at most %d objects",
			FAULT_RULES_MAX);
		return false;
	}
	cJSON_ArrayForEach (rule, rules) {
		char wrong[256];
		number++;
		if (!rule_ok(rule, wrong, sizeof(wrong))) {
			snprintf(error, error_size, "rule %d: %s", number, wrong);
			return false;
		}
	}
	fault_clear(list);
	cJSON_ArrayForEach (rule, rules) {
		fault_add(list, rule, error, error_size);
	}
	return true;
}

cJSON *fault_json(const struct fault_list *list)
{
	cJSON *json = cJSON_CreateArray();
	for (int i = 0; i < list->count; i++) {
		cJSON *rule = cJSON_Duplicate(list->rules[i].spec, 1);
		cJSON_AddNumberToObject(rule, "used", (double)list->rules[i].used);
		cJSON_AddItemToArray(json, rule);
	}
	return json;
}

static bool closes_at_accept(const cJSON *rule)
{
	const char *close = json_string(rule, "close");
	return close && strcmp(close, "accept") == 0;
}

static bool rule_matches(
	const cJSON *rule, bool is_token_request, const char *path, const char *client_id)
{
	const cJSON *match = json_get(rule, "match");
	const char *want_path = json_string(match, "path");
	const char *want_client = json_string(match, "client_id");
	return (want_path ? strcmp(want_path, path) == 0 : is_token_request) &&
	       (!want_client || (client_id && strcmp(want_client, client_id) == 0)) &&
	       !closes_at_accept(rule);
}

static const cJSON *rule_use(struct rule *rule)
{
	rule->left--;
	rule->used++;
	return rule->spec;
}

const cJSON *fault_take(
	struct fault_list *list, bool is_token_request, const char *path, const char *client_id)
{
	for (int i = 0; i < list->count; i++) {
		struct rule *rule = &list->rules[i];
		if (rule->left > 0 && rule_matches(rule->spec, is_token_request, path, client_id)) {
			return rule_use(rule);
		}
	}
	return NULL;
}

const cJSON *fault_take_accept(struct fault_list *list)
{
	for (int i = 0; i < list->count; i++) {
		struct rule *rule = &list->rules[i];
		if (rule->left > 0 && !json_get(rule->spec, "match")) {
			return closes_at_accept(rule->spec) ? rule_use(rule) : NULL;
		}
	}
	return NULL;
}

time_t fault_clock(const cJSON *rule)
{
	return time(NULL) + (time_t)json_int(rule, "date_skew_s", 0);
}

static bool preset_is(const cJSON *rule, const char *name)
{
	const char *preset = json_string(rule, "preset");
	return preset && strcmp(preset, name) == 0;
}

bool fault_replaces(const cJSON *rule)
{
	return json_get(rule, "body") || json_get(rule, "body_base64") || json_get(rule, "error") ||
	       json_get(rule, "redirect") || json_int(rule, "status", 200) >= 300 ||
	       preset_is(rule, "html") || preset_is(rule, "genesys_rate_limit");
}

bool fault_wants_token(const cJSON *rule)
{
	const char *body = json_string(rule, "body");
	return body && strstr(body, FAULT_TOKEN_MARK);
}

/* The bytes of a rule's body with the token in it. */
static void set_template(struct answer *answer, const char *body, const char *access_token)
{
	const char *mark = strstr(body, FAULT_TOKEN_MARK);
	char *text = mark ? mem_printf("%.*s%s%s", (int)(mark - body), body,
				    access_token ? access_token : "",
				    mark + strlen(FAULT_TOKEN_MARK))
			  : mem_strdup(body);
	answer_set_body(answer, "application/json", text, json_bytes(text));
	free(text);
}

struct answer *fault_answer(const cJSON *rule, const char *access_token)
{
	static const char html[] = "<!DOCTYPE html><html><head><title>Sign in</title></head>"
				   "<body><h1>Welcome to this network</h1></body></html>\n";
	const char *error = json_string(rule, "error");
	const char *description = json_string(rule, "error_description");
	const char *redirect = json_string(rule, "redirect");
	const char *base64 = json_string(rule, "body_base64");
	struct answer *answer;
	if (preset_is(rule, "genesys_rate_limit")) {
		answer = answer_error(400, "invalid_request",
			"rate limit exceeded the maximum. Try the request again later");
	} else if (error) {
		answer = answer_error(
			400, error, description ? description : "as ordered by a rule");
	} else {
		answer = answer_new(redirect ? 302 : 200);
	}
	if (preset_is(rule, "html")) {
		answer_set_body(answer, "text/html; charset=utf-8", html, sizeof(html) - 1);
	}
	answer_set_header(answer, "Location", redirect);
	if (json_string(rule, "body")) {
		set_template(answer, json_string(rule, "body"), access_token);
	}
	if (base64) {
		size_t len = 0;
		char *data = codec_base64_decode(base64, &len);
		answer_set_body(answer, "application/json", data, len);
		free(data);
	}
	return answer;
}

static enum answer_cut cut_of(const cJSON *rule)
{
	static const struct {
		const char *name;
		enum answer_cut cut;
	} cuts[] = {
		{"before_headers", ANSWER_CUT_BEFORE_HEADERS},
		{"within_headers", ANSWER_CUT_WITHIN_HEADERS},
		{"after_headers", ANSWER_CUT_AFTER_HEADERS},
		{"within_body", ANSWER_CUT_WITHIN_BODY},
	};
	const char *close = json_string(rule, "close");
	for (size_t i = 0; close && i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		if (strcmp(close, cuts[i].name) == 0) {
			return cuts[i].cut;
		}
	}
	/* A reset that says nothing else comes instead of the answer. */
	return json_true(rule, "reset") ? ANSWER_CUT_BEFORE_HEADERS : ANSWER_WHOLE;
}

static void apply_headers(const cJSON *rule, struct answer *answer)
{
	time_t now = fault_clock(rule);
	const cJSON *retry_after = json_get(rule, "retry_after");
	const cJSON *retry_date = json_get(rule, "retry_after_date");
	const cJSON *header;
	if (json_get(rule, "date_skew_s")) {
		answer_set_date(answer, "Date", now);
	}
	if (json_true(rule, "no_date")) {
		answer_set_header(answer, "Date", NULL);
	}
	if (retry_after) {
		char seconds[32];
		snprintf(seconds, sizeof(seconds), "%lld", (long long)retry_after->valuedouble);
		answer_set_header(answer, "Retry-After", seconds);
	}
	if (retry_date) {
		answer_set_date(answer, "Retry-After", now + (time_t)retry_date->valuedouble);
	}
	if (json_string(rule, "content_type")) {
		answer_set_header(answer, "Content-Type", json_string(rule, "content_type"));
	}
	cJSON_ArrayForEach (header, json_get(rule, "headers")) {
		answer_set_header(answer, header->string, cJSON_GetStringValue(header));
	}
}

void fault_apply(const cJSON *rule, struct answer *answer)
{
	const cJSON *drip = json_get(rule, "drip");
	answer->status = (int)json_int(rule, "status", answer->status);
	apply_headers(rule, answer);
	if (preset_is(rule, "cut_json")) {
		answer_cut_body(answer);
	}
	answer_pad_body(answer, (size_t)json_int(rule, "huge_body", 0));
	answer->delay_ms = json_int(rule, "delay_ms", 0);
	if (drip) {
		answer->drip_bytes = json_int(drip, "bytes", FAULT_DRIP_BYTES);
		answer->drip_interval_ms = json_int(drip, "interval_ms", FAULT_DRIP_MS);
	}
	answer->cut = cut_of(rule);
	answer->reset = json_true(rule, "reset");
	answer->raw = drip || answer->reset || answer->cut != ANSWER_WHOLE ||
		      !evhttp_find_header(&answer->headers, "Date") ||
		      evhttp_find_header(&answer->headers, "Content-Length") ||
		      evhttp_find_header(&answer->headers, "Transfer-Encoding");
}
