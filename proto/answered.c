#include "answered.h"

#include <stdio.h>
#include <string.h>

static const char head_begin[] = "{\"commandId\":";

/* Those that are left out are null. */
struct members {
	struct json_value id, profile, failure, data;
};

static void read_members(struct json_reader *reader, struct members *members)
{
	struct json_object object __attribute__((uninitialized));
	struct json_value *name, other;

	object.n = 0;
	while (json_member(reader, &object, &name)) {
		if (json_is(name, "commandId")) {
			json_take(reader, &members->id);
		} else if (json_is(name, "profile")) {
			json_take(reader, &members->profile);
		} else if (json_is(name, "errorMessage")) {
			json_take(reader, &members->failure);
		} else if (json_is(name, "data")) {
			json_take(reader, &members->data);
		} else {
			json_take(reader, &other);
		}
	}
}

/* The id as it came. False when it cannot be one of ours. */
static bool set_head(struct answered *answered, const struct json_value *id)
{
	size_t begin = strlen(head_begin), quotes = id->type == JSON_STRING ? 1 : 0;
	size_t len = id->len + 2 * quotes;

	if ((id->type != JSON_STRING && id->type != JSON_NUMBER) ||
		id->len > MESSAGE_REFERENCE_MAX) {
		return false;
	}
	memcpy(answered->head, head_begin, begin);
	memcpy(answered->head + begin, id->text - quotes, len);
	answered->head[begin + len] = ',';
	answered->head_len = begin + len + 1;
	return true;
}

static bool is_null(const struct json_value *value)
{
	return value->type == JSON_WORD && value->text[0] == 'n';
}

/* The text of a value, where it stands; a string's is decoded. */
static char *cut(struct json_value *value)
{
	if (value->type == JSON_STRING) {
		return json_decode(value);
	}
	value->text[value->len] = '\0';
	return value->text;
}

/* A member that is a string, or else of no use. NULL: it is not there. */
static char *cut_string(struct answered *answered, struct json_value *value, const char *useless)
{
	if (is_null(value)) {
		return NULL;
	}
	if (value->type != JSON_STRING) {
		answered->useless = useless;
		return NULL;
	}
	return json_decode(value);
}

/* The JSON of a value, where it stands. */
static void cut_data(struct answered *answered, struct json_value *value)
{
	size_t quotes = value->type == JSON_STRING ? 1 : 0;

	if (!is_null(value)) {
		answered->data = value->text - quotes;
		answered->data_len = value->len + 2 * quotes;
		answered->data[answered->data_len] = '\0';
	}
}

bool answered_read(struct answered *answered, char *line, size_t len, char why[MESSAGE_WHY_MAX])
{
	static char null[] = "null";
	const struct json_value none = {.type = JSON_WORD, .text = null, .len = strlen(null)};
	struct members members = {none, none, none, none};
	struct json_reader reader;

	*answered = (struct answered){.head = MESSAGE_HEAD_NONE, .head_len = 1};
	json_begin(&reader, line, len);
	read_members(&reader, &members);
	if (!set_head(answered, &members.id)) {
		snprintf(why, MESSAGE_WHY_MAX,
			"\"commandId\" must be the one that the command came with");
		return false;
	}
	answered->command_id = cut(&members.id);
	answered->profile = cut_string(
		answered, &members.profile, "\"profile\" must be a string; leave it out");
	answered->failure = cut_string(answered, &members.failure,
		"\"errorMessage\" must be a string that tells people why it was not done");
	cut_data(answered, &members.data);
	return true;
}
