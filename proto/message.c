#include "message.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	DECIMAL_MAX = 20, /* bytes of an int64_t in decimal */
};

static const char head_begin[] = "{\"referenceId\":";
static const char data_begin[] = "\"data\":";
static const char tail_end[] = "}\n";

/* The last millisecond that a year of four digits has: 9999-12-31T23:59:59.999Z. */
static const int64_t time_max_ms = INT64_C(253402300799999);

/* Appends len bytes; returns where the next ones go. */
static char *put(char *dst, const char *bytes, size_t len)
{
	memcpy(dst, bytes, len);
	return dst + len;
}

static char *put_text(char *dst, const char *text)
{
	return put(dst, text, strlen(text));
}

/* Appends a number in decimal, at most DECIMAL_MAX bytes. */
static char *put_decimal(char *dst, int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[DECIMAL_MAX];
	size_t begin = sizeof(digits);

	do {
		digits[--begin] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0) {
		*dst++ = '-';
	}
	return put(dst, digits + begin, sizeof(digits) - begin);
}

static bool is_integer(const struct json_value *value)
{
	size_t sign = value->text[0] == '-' ? 1 : 0;
	size_t digits = strspn(value->text + sign, "0123456789");

	return sign + digits == value->len && digits <= MESSAGE_REFERENCE_DIGITS_MAX;
}

/* Sets how the reply begins: the reference goes back as it came. False when it is neither of what
 * it may be. */
static bool set_head(struct request *request, struct json_value *reference)
{
	bool is_string = reference->type == JSON_STRING;
	size_t quotes = is_string ? 1 : 0;
	char *dst = put(request->head, head_begin, sizeof(head_begin) - 1);

	if (!is_string && (reference->type != JSON_NUMBER || !is_integer(reference))) {
		return false;
	}
	if (reference->len > ESCAPE_QUOTED_MAX(MESSAGE_REFERENCE_MAX) - 2) {
		return false;
	}
	dst = put(dst, reference->text - quotes, reference->len + 2 * quotes);
	*dst++ = ',';
	if (is_string) {
		json_decode(reference);
		if (reference->len > MESSAGE_REFERENCE_MAX) {
			return false;
		}
	}
	request->head_len = (size_t)(dst - request->head);
	return true;
}

/* The members of a request that mean something. A type that is JSON_OBJECT or JSON_ARRAY is only of
 * use in parameters. */
struct members {
	struct json_value name, reference, parameters;
	bool has_name, has_reference, has_command;
	bool bad_parameters; /* they are neither of what they may be */
};

static void read_parameters(struct json_reader *reader, struct request *request)
{
	struct json_object object __attribute__((uninitialized));
	struct json_value *name;

	object.n = 0;
	request->n_parameters = 0;
	while (json_member(reader, &object, &name)) {
		struct parameter *parameter = &request->parameters[request->n_parameters];

		parameter->name = *name;
		if (json_take(reader, &parameter->value)) {
			request->n_parameters++;
		}
	}
}

/* An object, an array that holds one, null, or []. False for anything else, which is read all the
 * same. */
static bool read_any_parameters(struct json_reader *reader, struct request *request)
{
	struct json_value value;
	bool good = true;
	unsigned n = 0;

	switch (json_peek(reader)) {
	case JSON_OBJECT:
		read_parameters(reader, request);
		return true;
	case JSON_ARRAY:
		while (json_element(reader, &n)) {
			if (n == 1 && json_peek(reader) == JSON_OBJECT) {
				read_parameters(reader, request);
			} else {
				good = false;
				json_take(reader, &value);
			}
		}
		return good;
	case JSON_STRING:
	case JSON_NUMBER:
	case JSON_WORD:
		break;
	}
	return json_take(reader, &value) && value.text[0] == 'n';
}

static void read_members(
	struct json_reader *reader, struct request *request, struct members *members)
{
	struct json_object object __attribute__((uninitialized));
	struct json_value *name, other;

	object.n = 0;
	while (json_member(reader, &object, &name)) {
		if (json_is(name, "request")) {
			members->has_name = json_take(reader, &members->name);
		} else if (json_is(name, "referenceId")) {
			members->has_reference = json_take(reader, &members->reference);
		} else if (json_is(name, "parameters")) {
			members->bad_parameters = !read_any_parameters(reader, request);
		} else {
			members->has_command |= json_is(name, "commandId");
			json_take(reader, &other);
		}
	}
}

/* Takes in the members of a request; returns what is wrong with them, or NULL. */
static const char *take_members(struct request *request, struct members *members)
{
	struct json_value *name = &members->name;

	if (members->has_reference && !set_head(request, &members->reference)) {
		memcpy(request->head, MESSAGE_HEAD_NONE, request->head_len);
		return "\"referenceId\" must be a string of at most 128 bytes or an integer of at "
		       "most 15 digits; leave it out to have none";
	}
	if (!members->has_name || name->type != JSON_STRING || name->len == 0) {
		return "\"request\" must be a string that names an endpoint, for example "
		       "\"auth.getJwtToken\"";
	}
	json_decode(name);
	if (name->len > MESSAGE_NAME_MAX) {
		return "The name in \"request\" is longer than 128 bytes; "
		       "system.getAllowedServices lists those that you may use";
	}
	if (members->bad_parameters) {
		return "\"parameters\" must be an object, or an array that holds one object; leave "
		       "it out to have none";
	}
	request->name = strcmp(name->text, "getJwtToken") == 0 ? "auth.getJwtToken" : name->text;
	return NULL;
}

/* Puts the strings of an array, each with its NUL, one behind the other where the array stood.
 * False when it holds something else, too. */
static bool pack_strings(struct json_value *array)
{
	char *dst = array->text;
	struct json_reader reader;
	struct json_value string;
	unsigned n = 0;

	json_begin(&reader, array->text, array->len);
	while (json_element(&reader, &n)) {
		json_take(&reader, &string);
		if (string.type != JSON_STRING) {
			return false;
		}
		json_decode(&string);
		memmove(dst, string.text, string.len + 1);
		dst += string.len + 1;
	}
	array->len = (size_t)(dst - array->text);
	return true;
}

static void decode_parameters(struct request *request)
{
	for (unsigned i = 0; i < request->n_parameters; i++) {
		struct parameter *parameter = &request->parameters[i];

		json_decode(&parameter->name);
		parameter->number = 0;
		parameter->strings = false;
		if (parameter->value.type == JSON_ARRAY) {
			parameter->strings = pack_strings(&parameter->value);
		} else if (parameter->value.type == JSON_STRING) {
			json_decode(&parameter->value);
		} else if (parameter->value.type == JSON_NUMBER) {
			parameter->number = strtod(parameter->value.text, NULL);
		} else if (parameter->value.type == JSON_OBJECT) {
			parameter->value.text[parameter->value.len] = '\0';
		}
	}
}

bool request_parse(
	struct request *request, char *line, size_t len, char why[MESSAGE_WHY_MAX], bool *ret_fatal)
{
	struct json_reader reader;
	struct members members = {.has_name = false};
	struct json_value other;
	enum json_status status;
	bool is_object;
	const char *wrong =
		"Send each request as one JSON object on one line: this is another value";

	request->name = NULL;
	request->n_parameters = 0;
	request->head_len = sizeof(MESSAGE_HEAD_NONE) - 1;
	memcpy(request->head, MESSAGE_HEAD_NONE, request->head_len);
	json_begin(&reader, line, len);
	is_object = json_peek(&reader) == JSON_OBJECT;
	if (is_object) {
		read_members(&reader, request, &members);
	} else {
		json_take(&reader, &other);
	}
	status = json_end(&reader);
	*ret_fatal = status == JSON_NOT_UTF8;
	if (status != JSON_OK) {
		snprintf(why, MESSAGE_WHY_MAX,
			"Send each request as one JSON object on one line: %s",
			json_status_text(status));
		return false;
	}
	if (is_object && members.has_command && !members.has_name) {
		return true; /* with nothing decoded yet */
	}
	if (is_object) {
		wrong = take_members(request, &members);
	}
	if (wrong) {
		snprintf(why, MESSAGE_WHY_MAX, "%s", wrong);
		return false;
	}
	decode_parameters(request);
	return true;
}

struct payload *message_data(cJSON *data)
{
	struct payload *payload = NULL;
	char *text = cJSON_PrintUnformatted(data);

	if (text) {
		size_t len = strlen(text);

		payload = message_data_text(text, len);
		explicit_bzero(text, len);
		cJSON_free(text);
	}
	cJSON_Delete(data);
	return payload;
}

struct payload *message_data_text(const char *json, size_t len)
{
	struct payload *payload = payload_new(sizeof(data_begin) - 1 + len + sizeof(tail_end) - 1);
	char *dst;

	if (!payload) {
		return NULL;
	}
	dst = put(payload->bytes, data_begin, sizeof(data_begin) - 1);
	dst = put(dst, json, len);
	put(dst, tail_end, sizeof(tail_end) - 1);
	return payload;
}

struct payload *message_error(enum error_code code, const char *text, int64_t retry_after)
{
	static const char text_name[] = "\"errorMessage\":";
	static const char code_name[] = ",\"error\":{\"code\":\"";
	static const char retryable_name[] = "\",\"retryable\":";
	static const char retry_after_name[] = ",\"retryAfter\":";
	size_t len = strlen(text);
	struct payload *payload = payload_new(
		sizeof(text_name) + ESCAPE_QUOTED_MAX(len) + sizeof(code_name) +
		strlen(error_name(code)) + sizeof(retryable_name) + sizeof("false") +
		sizeof(retry_after_name) + DECIMAL_MAX + 1 + sizeof(tail_end));
	char *dst;

	if (!payload) {
		return NULL;
	}
	dst = put_text(payload->bytes, text_name);
	dst += escape_quote(dst, text, len);
	dst = put_text(dst, code_name);
	dst = put_text(dst, error_name(code));
	dst = put_text(dst, retryable_name);
	dst = put_text(dst, error_retryable(code) ? "true" : "false");
	dst = put_text(dst, retry_after_name);
	dst = retry_after > 0 ? put_decimal(dst, retry_after) : put_text(dst, "null");
	*dst++ = '}';
	dst = put_text(dst, tail_end);
	*dst = '\0';
	payload->len = (size_t)(dst - payload->bytes);
	return payload;
}

/* Writes the last digits of a number and returns where the next ones go. */
static char *put_digits(char *dst, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		dst[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return dst + digits;
}

void message_time(char dst[MESSAGE_TIME_SIZE], int64_t unix_ms)
{
	time_t seconds;
	struct tm tm;

	if (unix_ms < 0) {
		unix_ms = 0;
	} else if (unix_ms > time_max_ms) {
		unix_ms = time_max_ms;
	}
	seconds = unix_ms / 1000;
	gmtime_r(&seconds, &tm);
	dst = put_digits(dst, tm.tm_year + 1900, 4);
	*dst++ = '-';
	dst = put_digits(dst, tm.tm_mon + 1, 2);
	*dst++ = '-';
	dst = put_digits(dst, tm.tm_mday, 2);
	*dst++ = 'T';
	dst = put_digits(dst, tm.tm_hour, 2);
	*dst++ = ':';
	dst = put_digits(dst, tm.tm_min, 2);
	*dst++ = ':';
	dst = put_digits(dst, tm.tm_sec, 2);
	*dst++ = '.';
	dst = put_digits(dst, (int)(unix_ms % 1000), 3);
	*dst++ = 'Z';
	*dst = '\0';
}

bool message_parse_time(const char *text, int64_t *ret_unix_ms)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	int field[7] = {0}; /* year to millisecond */
	char again[MESSAGE_TIME_SIZE];
	struct tm tm = {0};
	int64_t unix_ms;

	for (size_t i = 0, n = 0; form[i]; i++) {
		if (form[i] != '0') {
			if (text[i] != form[i]) {
				return false;
			}
			n++;
		} else if (text[i] >= '0' && text[i] <= '9') {
			field[n] = field[n] * 10 + (text[i] - '0');
		} else {
			return false;
		}
	}
	tm.tm_year = field[0] - 1900;
	tm.tm_mon = field[1] - 1;
	tm.tm_mday = field[2];
	tm.tm_hour = field[3];
	tm.tm_min = field[4];
	tm.tm_sec = field[5];
	unix_ms = (int64_t)timegm(&tm) * 1000 + field[6];
	/* timegm() takes the 30th of February for the 2nd of March: only a real time comes back as
	 * the same text. */
	message_time(again, unix_ms);
	if (strcmp(again, text) != 0) {
		return false;
	}
	*ret_unix_ms = unix_ms;
	return true;
}

char *message_request(const char *name, cJSON *parameters)
{
	cJSON *tree = cJSON_CreateObject();
	char *line = NULL;
	char *text = NULL;

	if (tree && cJSON_AddStringToObject(tree, "request", name)) {
		if (!parameters || cJSON_AddItemToObject(tree, "parameters", parameters)) {
			parameters = NULL;
			text = cJSON_PrintUnformatted(tree);
		}
	}
	cJSON_Delete(parameters);
	cJSON_Delete(tree);
	if (text) {
		size_t len = strlen(text);

		line = malloc(len + 2);
		if (line) {
			memcpy(line, text, len);
			memcpy(line + len, "\n", 2);
		}
		explicit_bzero(text, len);
		cJSON_free(text);
	}
	return line;
}

/* Reads what went wrong; false when one of the members that an error always has is not there. */
static bool read_error(struct reply *reply, const cJSON *error)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(reply->tree, "errorMessage");
	const cJSON *code = cJSON_GetObjectItemCaseSensitive(error, "code");
	const cJSON *retryable = cJSON_GetObjectItemCaseSensitive(error, "retryable");
	const cJSON *retry_after = cJSON_GetObjectItemCaseSensitive(error, "retryAfter");

	if (!cJSON_IsString(text) || !cJSON_IsString(code) || !cJSON_IsBool(retryable)) {
		return false;
	}
	reply->text = text->valuestring;
	reply->code_name = code->valuestring;
	if (!error_find(reply->code_name, &reply->code)) {
		reply->code = ERROR_INTERNAL;
	}
	reply->retryable = cJSON_IsTrue(retryable);
	if (cJSON_IsNumber(retry_after) && retry_after->valueint > 0) {
		reply->retry_after = retry_after->valueint;
	}
	return true;
}

bool reply_parse(struct reply *reply, const char *line, size_t len)
{
	const cJSON *data;
	const cJSON *error;

	*reply = (struct reply){0};
	if (json_parse(line, len, &reply->tree) != JSON_OK || !cJSON_IsObject(reply->tree)) {
		return false;
	}
	error = cJSON_GetObjectItemCaseSensitive(reply->tree, "error");
	data = cJSON_GetObjectItemCaseSensitive(reply->tree, "data");
	if (error) {
		return read_error(reply, error);
	}
	reply->data = cJSON_IsObject(data) ? data : NULL;
	return reply->data != NULL;
}

void reply_done(struct reply *reply)
{
	cJSON_Delete(reply->tree);
	reply->tree = NULL;
}
