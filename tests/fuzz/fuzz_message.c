#include <argz.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/answered.h"
#include "proto/escape.h"
#include "proto/message.h"

/* The head of a request and a tail make one line of JSON that is a reply; it is the caller's. */
static struct reply join(const struct request *request, struct payload *tail)
{
	size_t len = request->head_len + tail->len;
	char *line = malloc(len + 1);
	struct reply reply;

	assert(request->head_len <= sizeof(request->head));
	memcpy(line, request->head, request->head_len);
	memcpy(line + request->head_len, tail->bytes, tail->len + 1);
	assert(memchr(line, '\n', len) == line + len - 1);
	assert(reply_parse(&reply, line, len));
	free(line);
	payload_unref(tail);
	return reply;
}

/* The reply carries the reference of the request, or none. */
static void check_reference(
	const struct request *request, const cJSON *tree, const struct reply *reply)
{
	const cJSON *sent = cJSON_GetObjectItemCaseSensitive(tree, "referenceId");
	const cJSON *back = cJSON_GetObjectItemCaseSensitive(reply->tree, "referenceId");

	if (back) {
		assert(cJSON_Compare(sent, back, true));
	} else {
		assert(request->head_len == strlen(MESSAGE_HEAD_NONE));
	}
}

/* The strings are those of the array. */
static void check_strings(const struct parameter *parameter, const cJSON *array)
{
	const cJSON *item = array->child;
	const struct json_value *strings = &parameter->value;
	const char *string = NULL;

	while ((string = argz_next(strings->text, strings->len, string))) {
		assert(strcmp(item->valuestring, string) == 0);
		item = item->next;
	}
	assert(!item);
}

/* The parameters are those of the tree, in its order. */
static void check_parameters(const struct request *request, const cJSON *tree)
{
	const cJSON *shown = cJSON_GetObjectItemCaseSensitive(tree, "parameters");
	const cJSON *item = cJSON_IsArray(shown) && shown->child ? shown->child->child
			    : shown                              ? shown->child
								 : NULL;

	for (unsigned i = 0; i < request->n_parameters; i++, item = item->next) {
		const struct parameter *parameter = &request->parameters[i];

		assert(item && strcmp(item->string, parameter->name.text) == 0);
		if (parameter->value.type == JSON_STRING) {
			assert(strcmp(item->valuestring, parameter->value.text) == 0);
		} else if (parameter->value.type == JSON_NUMBER) {
			assert(parameter->number == item->valuedouble);
		} else if (parameter->strings) {
			check_strings(parameter, item);
		}
	}
	assert(!item);
}

static void check_taken(const struct request *request, const cJSON *tree)
{
	struct reply reply;

	assert(request->name[0] != '\0');
	assert(strlen(request->name) <= MESSAGE_NAME_MAX);
	reply = join(request, message_data_text("{}", 2));
	assert(cJSON_IsObject(reply.data) && !reply.text);
	check_reference(request, tree, &reply);
	assert(cJSON_HasObjectItem(reply.tree, "referenceId") ==
		(cJSON_GetObjectItemCaseSensitive(tree, "referenceId") != NULL));
	reply_done(&reply);
	check_parameters(request, tree);
}

/* A member of the tree is that text, or no string. Returns whether it is of another type, and not
 * null. */
static bool check_text(const cJSON *tree, const char *name, const char *text)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, name);

	assert(cJSON_IsString(item) ? text && strcmp(item->valuestring, text) == 0 : !text);
	return item && !cJSON_IsString(item) && !cJSON_IsNull(item);
}

static void check_answered(char *line, size_t len, const cJSON *tree)
{
	struct request request = {.head_len = 0};
	struct answered answered;
	char why[MESSAGE_WHY_MAX];
	bool useless, taken = answered_read(&answered, line, len, why);
	struct reply reply;
	const cJSON *item;
	cJSON *data = NULL;

	memcpy(request.head, answered.head, answered.head_len);
	request.head_len = answered.head_len;
	reply = join(&request, message_error(ERROR_INVALID_REQUEST, taken ? "x" : why, 0));
	reply_done(&reply);
	if (!taken) {
		return;
	}
	assert(answered.command_id);
	useless = check_text(tree, "profile", answered.profile);
	useless |= check_text(tree, "errorMessage", answered.failure);
	assert(useless == (answered.useless != NULL));
	item = cJSON_GetObjectItemCaseSensitive(tree, "data");
	assert((item && !cJSON_IsNull(item)) == (answered.data != NULL));
	if (answered.data) {
		assert(json_parse(answered.data, answered.data_len, &data) == JSON_OK);
		assert(cJSON_Compare(data, item, true));
		cJSON_Delete(data);
	}
}

static void check_refused(const struct request *request, const cJSON *tree, const char *why)
{
	struct reply reply = join(request, message_error(ERROR_INVALID_REQUEST, why, 0));

	assert(!reply.data);
	assert(reply.code == ERROR_INVALID_REQUEST && !reply.retryable && reply.retry_after == 0);
	assert(why[0] != '\0' && strcmp(reply.text, why) == 0);
	check_reference(request, tree, &reply);
	reply_done(&reply);
}

/* What is read in place is what cJSON reads. */
static void check_request(const char *line, size_t len)
{
	struct request request;
	char why[MESSAGE_WHY_MAX];
	char *copy = malloc(len + 1);
	cJSON *tree = NULL;
	bool fatal;

	memcpy(copy, line, len + 1);
	json_parse(line, len, &tree);
	if (request_parse(&request, copy, len, why, &fatal)) {
		assert(!fatal && tree);
		if (request.name) {
			check_taken(&request, tree);
		} else {
			check_answered(copy, len, tree);
		}
	} else {
		assert(fatal == !escape_is_utf8(line, len));
		check_refused(&request, tree, why);
	}
	cJSON_Delete(tree);
	free(copy);
}

static void check_reply(const char *line, size_t len)
{
	struct reply reply;

	if (reply_parse(&reply, line, len)) {
		assert((reply.data != NULL) == (reply.text == NULL));
		assert(reply.code < ERROR_CODES && reply.retry_after >= 0);
	}
	reply_done(&reply);
}

/* Any text may be that of an error. */
static void check_error(const char *text)
{
	struct payload *tail = message_error(ERROR_UPSTREAM_REJECTED, text, 1);
	struct request request = {.head = MESSAGE_HEAD_NONE, .head_len = strlen(MESSAGE_HEAD_NONE)};
	struct reply reply = join(&request, tail);

	assert(reply.code == ERROR_UPSTREAM_REJECTED && reply.retry_after == 1);
	reply_done(&reply);
}

static void check_time(const char *text)
{
	char again[MESSAGE_TIME_SIZE];
	int64_t unix_ms;

	if (message_parse_time(text, &unix_ms)) {
		message_time(again, unix_ms);
		assert(strcmp(again, text) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);

	if (size > 0) {
		memcpy(line, data, size);
	}
	line[size] = '\0';
	check_request(line, size);
	check_reply(line, size);
	check_error(line);
	check_time(line);
	free(line);
	return 0;
}
