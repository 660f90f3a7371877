#include "answered.h"

#include <stdio.h>
#include <string.h>

static const char head_begin[] = "{\"commandId\":";

struct members {
	struct json_value id, profile, failure, data;
	bool has_profile, has_failure, has_data;
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
			members->has_profile = json_take(reader, &members->profile);
		} else if (json_is(name, "errorMessage")) {
			members->has_failure = json_take(reader, &members->failure);
		} else if (json_is(name, "data")) {
			members->has_data = json_take(reader, &members->data);
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

/* What is wrong with the members, or NULL. */
static const char *check(struct answered *answered, const struct members *members)
{
	if (!set_head(answered, &members->id)) {
		return "\"commandId\" must be the one that the command came with";
	}
	if (members->has_profile && members->profile.type != JSON_STRING) {
		return "\"profile\" must be a string; leave it out";
	}
	if (members->has_failure && members->failure.type != JSON_STRING) {
		return "\"errorMessage\" must be a string that tells people why it was not done";
	}
	if (members->has_data && members->data.type != JSON_OBJECT) {
		return "\"data\" must be an object";
	}
	return NULL;
}

/* The text of a value, where it stands. */
static char *cut(struct json_value *value)
{
	if (value->type == JSON_STRING) {
		return json_decode(value);
	}
	value->text[value->len] = '\0';
	return value->text;
}

bool answered_read(struct answered *answered, char *line, size_t len, char why[MESSAGE_WHY_MAX])
{
	struct members members = {.has_data = false};
	struct json_reader reader;
	const char *wrong;

	*answered = (struct answered){.head = MESSAGE_HEAD_NONE, .head_len = 1};
	json_begin(&reader, line, len);
	read_members(&reader, &members);
	wrong = check(answered, &members);
	if (wrong) {
		snprintf(why, MESSAGE_WHY_MAX, "%s", wrong);
		return false;
	}
	answered->command_id = cut(&members.id);
	answered->profile = members.has_profile ? cut(&members.profile) : NULL;
	answered->failure = members.has_failure ? cut(&members.failure) : NULL;
	answered->data = members.has_data ? cut(&members.data) : NULL;
	answered->data_len = members.data.len;
	return true;
}
