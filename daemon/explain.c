#include "explain.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "core/profile.h"
#include "core/reason.h"
#include "core/settings.h"
#include "core/unit_name.h"
#include "proto/message.h"
#include "view.h"

#define ID_MAX   (UINT32_MAX - 1) /* of uids and gids; the kernel has no use for the last number */
#define UID_NONE ((uid_t)-1)      /* no rule names it */

/* ---- parameters */

static bool is_id(double number)
{
	return number >= 0 && number <= ID_MAX && number == (double)(uint32_t)number;
}

/* Reads "1000,27"; the numbers go to gids unless that is NULL. False: it is something else. */
static bool read_gids(const char *text, gid_t *gids, size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		uint64_t gid = 0;
		size_t digits = strspn(text, "0123456789");

		for (size_t i = 0; i < digits && gid <= ID_MAX; i++) {
			gid = gid * 10 + (uint64_t)(text[i] - '0');
		}
		if (digits == 0 || gid > ID_MAX) {
			return false;
		}
		if (gids) {
			gids[n] = (gid_t)gid;
		}
		n++;
		text += digits;
		if (*text != ',') {
			break;
		}
		text++;
	}
	*ret_n = n;
	return *text == '\0';
}

static bool wrong(const struct call *call, const char *what)
{
	return call_fail(call, ERROR_INVALID_REQUEST, "%s", what);
}

bool explain_check(struct call *call)
{
	const struct parameter *uid = call->given[PARAMETER_UID];
	const char *gids = call_text(call, PARAMETER_GIDS);
	const char *unit = call_text(call, PARAMETER_UNIT);
	size_t n;

	if (uid && !is_id(uid->number)) {
		return wrong(call, "uid has to be a whole number from 0 to 4294967294");
	}
	if (gids && !uid) {
		return wrong(call, "gids are those of a user: uid is missing");
	}
	if (gids && !read_gids(gids, NULL, &n)) {
		return wrong(call, "gids has to be numbers with commas between, such as 1000,27");
	}
	if (unit && unit_name_check(unit) != UNIT_NAME_GOOD) {
		return wrong(call, "unit has to be the full name of a service, such as "
				   "billing.service");
	}
	return true;
}

/* ---- about whom */

static bool is_about_another(const struct call *call)
{
	return call->given[PARAMETER_UID] || call->given[PARAMETER_UNIT];
}

/* Somebody who need not be there. False when there is no memory; gids is for free(). */
static bool imagine(const struct call *call, struct access_subject *ret_subject, gid_t **ret_gids)
{
	const struct parameter *uid = call->given[PARAMETER_UID];
	const char *text = call_text(call, PARAMETER_GIDS);
	struct access_subject subject = {
		.uid = uid ? (uid_t)uid->number : UID_NONE,
		.unit = call_text(call, PARAMETER_UNIT),
	};
	size_t n = 0;

	*ret_gids = NULL;
	if (text) {
		*ret_gids = malloc((strlen(text) + 1) * sizeof(**ret_gids)); /* more than it has */
		if (!*ret_gids) {
			return false;
		}
		read_gids(text, *ret_gids, &n);
	}
	subject.gids = *ret_gids;
	subject.n_gids = n;
	subject.privileged = uid && (subject.uid == 0 || subject.uid == geteuid());
	*ret_subject = subject;
	return true;
}

/* ---- the answer */

/* Who is not privileged sees what is about him, as everywhere. */
static cJSON *view_rules(const struct call *call, const struct access_subject *subject)
{
	const struct access_rules *rules = call->profile->settings->allow;
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < access_n_rules(rules); i++) {
		bool matches = access_rule_matches(rules, i, subject);
		cJSON *rule;

		if (matches || call->session->who.privileged) {
			rule = cJSON_CreateObject();
			cJSON_AddStringToObject(rule, "rule", access_rule_text(rules, i));
			cJSON_AddBoolToObject(rule, "matches", matches);
			cJSON_AddItemToArray(list, rule);
		}
	}
	return list;
}

static cJSON *view_right(
	const struct call *call, const struct access_subject *subject, enum access_right number)
{
	const char *by = access_by(call->profile->settings->allow, subject, number);
	cJSON *right = cJSON_CreateObject();

	cJSON_AddStringToObject(right, "endpoint", access_name(number));
	cJSON_AddBoolToObject(right, "granted", by != NULL);
	cJSON_AddItemToObject(right, "by", by ? cJSON_CreateString(by) : cJSON_CreateNull());
	return right;
}

static cJSON *view_rights(const struct call *call, const struct access_subject *subject)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned i = 0; i < ACCESS_RIGHTS; i++) {
		if (call->shared->rights >> i & 1) {
			cJSON_AddItemToArray(list, view_right(call, subject, (enum access_right)i));
		}
	}
	return list;
}

static cJSON *view_refresh(const struct call *call)
{
	char why[REASON_SIZE];
	int64_t at_ms = reason_next(call->profile, call->now_ms, why);
	cJSON *refresh = cJSON_CreateObject();

	cJSON_AddItemToObject(refresh, "at", view_time(at_ms, call_wall_offset(call->shared)));
	cJSON_AddStringToObject(refresh, "why", why);
	return refresh;
}

static void answer(const struct call *call, const struct access_subject *subject)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "profile", call->profile->settings->name);
	cJSON_AddItemToObject(data, "uid",
		subject->uid == UID_NONE ? cJSON_CreateNull() : view_number(subject->uid));
	cJSON_AddItemToObject(data, "unit",
		subject->unit ? cJSON_CreateString(subject->unit) : cJSON_CreateNull());
	cJSON_AddBoolToObject(data, "privileged", subject->privileged);
	cJSON_AddItemToObject(data, "rules", view_rules(call, subject));
	cJSON_AddItemToObject(data, "rights", view_rights(call, subject));
	cJSON_AddItemToObject(data, "refresh", view_refresh(call));
	call_answer_data(call, data);
}

void explain(struct call *call)
{
	struct access_subject subject;
	gid_t *gids;

	if (is_about_another(call) && !call->session->who.privileged) {
		call_fail(call, ERROR_ACCESS_DENIED,
			"Only root and the daemon's user may ask what others may do; leave out uid "
			"and unit");
	} else if (!call_find_profile(call, call->shared->rights)) {
		return; /* it is told */
	} else if (!is_about_another(call)) {
		call->session->ops->find_unit(call->session);
		answer(call, &call->session->who);
	} else if (!imagine(call, &subject, &gids)) {
		call_fail(call, ERROR_INTERNAL, "The daemon is out of memory");
	} else {
		answer(call, &subject);
		free(gids);
	}
}
