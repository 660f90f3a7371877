#include "core/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum {
	ETL = 1001,
	OPS = 2001,
	SOMEBODY = 1234,
	NOBODY = 65534,
};

/* What a wildcard grants. */
static const unsigned harmless = 1U << ACCESS_GET_TOKEN_INFO | 1U << ACCESS_GET_AUTHORIZE_URL |
				 1U << ACCESS_SUBSCRIBE | 1U << ACCESS_RELOAD;

static const unsigned everything = (1U << ACCESS_RIGHTS) - 1;

static char told[4096];
static int errors, warnings;

static bool find_user(const char *name, uid_t *ret_uid)
{
	*ret_uid = strcmp(name, "nobody") == 0 ? NOBODY : ETL;
	return strcmp(name, "etl") == 0 || strcmp(name, "nobody") == 0;
}

static bool find_group(const char *name, gid_t *ret_gid)
{
	*ret_gid = OPS;
	return strcmp(name, "ops") == 0;
}

static const struct access_resolver resolver = {find_user, find_group};

static void tell(void *context, enum access_problem_kind kind, const char *text)
{
	size_t len = strlen(told);

	ck_assert_ptr_eq(context, told);
	snprintf(told + len, sizeof(told) - len, "%s\n", text);
	*(kind == ACCESS_ERROR ? &errors : &warnings) += 1;
}

static int parse(const char *text, struct access_rules **ret_rules)
{
	told[0] = '\0';
	errors = warnings = 0;
	return access_parse(text, &resolver, tell, told, ret_rules);
}

/* The rights of a caller who is neither root nor the daemon. */
static unsigned rights(const char *allow, uid_t uid, gid_t gid)
{
	const gid_t gids[] = {99, gid};
	const struct access_subject subject = {uid, gids, 2, false};
	struct access_rules *rules;
	unsigned set;

	ck_assert_int_eq(parse(allow, &rules), 0);
	set = access_rights(rules, &subject);
	access_free(rules);
	return set;
}

static unsigned privileged_rights(const char *allow)
{
	const struct access_subject subject = {0, NULL, 0, true};
	struct access_rules *rules;
	unsigned set;

	ck_assert_int_eq(parse(allow, &rules), 0);
	set = access_rights(rules, &subject);
	access_free(rules);
	return set;
}

static void refuse(const char *allow, const char *why)
{
	struct access_rules *rules = (struct access_rules *)told;

	ck_assert_int_eq(parse(allow, &rules), -EINVAL);
	ck_assert_ptr_null(rules);
	ck_assert_int_eq(errors, 1);
	ck_assert_msg(strstr(told, why), "\"%s\" is told of \"%s\", not \"%s\"", told, allow, why);
}

START_TEST(without_rules_only_the_privileged_may_and_everything)
{
	const struct access_subject root = {0, NULL, 0, true};
	const struct access_subject other = {ETL, NULL, 0, false};

	ck_assert_uint_eq(access_rights(NULL, &root), everything);
	ck_assert_uint_eq(access_rights(NULL, &other), 0);
}
END_TEST

START_TEST(with_rules_the_privileged_keep_what_is_not_a_token)
{
	ck_assert_uint_eq(privileged_rights("user:etl (auth.getJwtToken)"), harmless);
}
END_TEST

START_TEST(the_privileged_get_tokens_by_a_rule)
{
	ck_assert_uint_eq(privileged_rights("user:0 (auth.getJwtToken)"),
		harmless | 1U << ACCESS_GET_JWT_TOKEN);
}
END_TEST

START_TEST(each_right_is_granted_by_its_name)
{
	for (int right = 0; right < ACCESS_RIGHTS; right++) {
		char allow[128];

		snprintf(allow, sizeof(allow), "user:etl (%s)", access_name(right));
		ck_assert_uint_eq(rights(allow, ETL, 0), 1U << right);
	}
}
END_TEST

START_TEST(wildcards_never_grant_what_gives_or_plants_a_token)
{
	ck_assert_uint_eq(rights("*", SOMEBODY, 0), harmless);
	ck_assert_uint_eq(rights("* (*)", SOMEBODY, 0), harmless);
	ck_assert_uint_eq(rights("* (auth.*)", SOMEBODY, 0),
		1U << ACCESS_GET_TOKEN_INFO | 1U << ACCESS_GET_AUTHORIZE_URL);
	ck_assert_uint_eq(rights("* (events.*)", SOMEBODY, 0), 1U << ACCESS_SUBSCRIBE);
	ck_assert_uint_eq(rights("* (system.*)", SOMEBODY, 0), 1U << ACCESS_RELOAD);
}
END_TEST

START_TEST(wildcard_that_grants_nothing_is_a_warning)
{
	ck_assert_uint_eq(rights("* (authProvider.*)", SOMEBODY, 0), 0);
	ck_assert_int_eq(warnings, 1);
	ck_assert_ptr_nonnull(strstr(told, "\"authProvider.*\" grants nothing"));
}
END_TEST

START_TEST(list_may_hold_wildcards_and_names)
{
	ck_assert_uint_eq(rights("group:ops (*, auth.getJwtToken)", SOMEBODY, OPS),
		harmless | 1U << ACCESS_GET_JWT_TOKEN);
}
END_TEST

START_TEST(user_is_matched_by_name_and_number)
{
	ck_assert_uint_eq(rights("user:etl", ETL, 0), harmless);
	ck_assert_uint_eq(rights("user:1001", ETL, 0), harmless);
	ck_assert_uint_eq(rights("user:etl", SOMEBODY, ETL), 0);
	ck_assert_uint_eq(rights("user:4294967294", 4294967294, 0), harmless);
}
END_TEST

START_TEST(group_is_matched_by_name_and_number_among_all_of_the_callers)
{
	ck_assert_uint_eq(rights("group:ops", SOMEBODY, OPS), harmless);
	ck_assert_uint_eq(rights("group:2001", SOMEBODY, OPS), harmless);
	ck_assert_uint_eq(rights("group:99", SOMEBODY, OPS), harmless);
	ck_assert_uint_eq(rights("group:ops", OPS, SOMEBODY), 0);
}
END_TEST

START_TEST(rules_are_a_union)
{
	ck_assert_uint_eq(
		rights("user:etl (auth.getJwtToken), group:ops (auth.refresh), *", ETL, OPS),
		harmless | 1U << ACCESS_GET_JWT_TOKEN | 1U << ACCESS_REFRESH);
}
END_TEST

START_TEST(blanks_between_the_parts_do_not_matter)
{
	ck_assert_uint_eq(rights("\n user:etl\t(auth.getJwtToken,auth.refresh)  ,\n\tgroup:ops( * )"
				 "\n",
				  ETL, 0),
		1U << ACCESS_GET_JWT_TOKEN | 1U << ACCESS_REFRESH);
}
END_TEST

START_TEST(nobodys_numbers_never_match)
{
	ck_assert_uint_eq(rights("user:65534, group:65534, user:nobody", NOBODY, NOBODY), 0);
	ck_assert_int_eq(warnings, 3);
	ck_assert_ptr_nonnull(strstr(told, "user:nobody matches nobody"));
	ck_assert_uint_eq(rights("*", NOBODY, NOBODY), harmless);
}
END_TEST

START_TEST(unknown_user_or_group_is_a_warning_and_matches_nobody)
{
	ck_assert_uint_eq(rights("user:nosuch, group:missing", 0, 0), 0);
	ck_assert_int_eq(warnings, 2);
	ck_assert_ptr_nonnull(strstr(told, "no user \"nosuch\"; the rule matches nobody"));
	ck_assert_ptr_nonnull(strstr(told, "no group \"missing\"; the rule matches nobody"));
}
END_TEST

START_TEST(endpoints_that_are_open_to_all_may_be_named)
{
	ck_assert_uint_eq(
		rights("* (system.getStatus, system.getAllowedServices)", SOMEBODY, 0), 0);
	ck_assert_int_eq(warnings, 0);
}
END_TEST

START_TEST(units_come_later)
{
	refuse("unit:billing.service (auth.getJwtToken)",
		"\"unit:billing.service\": unit: is not yet supported by this version");
	refuse("unit:billing.service+user:etl", "unit: is not yet supported by this version");
	refuse("user:etl+unit:billing.service", "unit: is not yet supported by this version");
}
END_TEST

START_TEST(unknown_endpoint_is_told_with_the_nearest)
{
	refuse("* (auth.getJwtTokn)", "\"auth.getJwtTokn\"; did you mean auth.getJwtToken?");
	refuse("* (auth.getjwttoken)", "did you mean auth.getJwtToken?");
	refuse("* (getJwtToken)", "did you mean auth.getJwtToken?");
	refuse("* (reload)", "did you mean system.reload?");
	refuse("* (system.getstate)", "did you mean system.getStatus?");
	refuse("* (voice.dial)", "no endpoint \"voice.dial\"; write a name such as");
	refuse("* (agent.*)", "no endpoints match \"agent.*\"");
	refuse("* (auth*)", "no endpoints match \"auth*\"");
}
END_TEST

START_TEST(what_is_no_rule_is_told_with_what_would_be_one)
{
	refuse("", "a caller is missing; write *, user:NAME or group:NAME");
	refuse("user:etl,", "a caller is missing");
	refuse("etl", "\"etl\" is no caller; write *, user:NAME, user:UID, group:NAME");
	refuse("User:etl", "\"User:etl\" is no caller");
	refuse("user:", "user: is to be followed by a name or number");
	refuse("group: (auth.refresh)", "group: is to be followed by a name or number");
	refuse("user:4294967295", "user:4294967295 is too large a number");
	refuse("user:99999999999999999999999", "is too large a number");
	refuse("user:a+group:b", "only unit: can be combined");
	refuse("user:etl ()", "a name is missing in the parentheses");
	refuse("user:etl (auth.refresh,)", "a name is missing in the parentheses");
	refuse("user:etl (auth.refresh", "a closing parenthesis is missing");
	refuse("user:etl (auth.refresh) user:ops", "a comma is missing between two rules");
	refuse("user:etl (auth.refresh))", "a comma is missing between two rules");
}
END_TEST

START_TEST(every_mistake_is_told_in_its_order)
{
	struct access_rules *rules;

	ck_assert_int_eq(parse("foo, user:nosuch, unit:a.service, * (bar)", &rules), -EINVAL);
	ck_assert_int_eq(errors, 3);
	ck_assert_int_eq(warnings, 1);
	ck_assert_ptr_nonnull(strstr(told, "foo"));
	ck_assert(strstr(told, "foo") < strstr(told, "nosuch"));
	ck_assert(strstr(told, "nosuch") < strstr(told, "unit"));
	ck_assert(strstr(told, "unit") < strstr(told, "bar"));
}
END_TEST

START_TEST(text_is_limited)
{
	char *text = malloc(3 * 1025 + 1);
	char name[512];

	for (size_t i = 0; i < 1025; i++) {
		memcpy(text + 3 * i, "*, ", 3);
	}
	text[3 * 1024] = '*';
	text[3 * 1024 + 1] = '\0';
	refuse(text, "more than 1023 commas");
	text[3 * 1023 + 1] = '\0';
	ck_assert_uint_eq(rights(text, SOMEBODY, 0), harmless);
	free(text);

	memset(name, 'a', sizeof(name));
	memcpy(name, "user:", strlen("user:"));
	name[sizeof(name) - 1] = '\0';
	refuse(name, "user: is followed by more than 256 bytes");
	memcpy(name, "* (aaa", strlen("* (aaa"));
	name[sizeof(name) - 2] = ')';
	refuse(name, "no endpoint has a name as long as");
}
END_TEST

START_TEST(one_right_is_asked_for)
{
	const struct access_subject subject = {ETL, NULL, 0, false};
	struct access_rules *rules;

	ck_assert_int_eq(parse("user:etl (auth.getJwtToken)", &rules), 0);
	ck_assert(access_allows(rules, &subject, ACCESS_GET_JWT_TOKEN));
	ck_assert(!access_allows(rules, &subject, ACCESS_GET_TOKEN_INFO));
	ck_assert(!access_allows(NULL, &subject, ACCESS_GET_TOKEN_INFO));
	access_free(rules);
	access_free(NULL);
}
END_TEST

UNIT_MAIN("access", without_rules_only_the_privileged_may_and_everything,
	with_rules_the_privileged_keep_what_is_not_a_token, the_privileged_get_tokens_by_a_rule,
	each_right_is_granted_by_its_name, wildcards_never_grant_what_gives_or_plants_a_token,
	wildcard_that_grants_nothing_is_a_warning, list_may_hold_wildcards_and_names,
	user_is_matched_by_name_and_number,
	group_is_matched_by_name_and_number_among_all_of_the_callers, rules_are_a_union,
	blanks_between_the_parts_do_not_matter, nobodys_numbers_never_match,
	unknown_user_or_group_is_a_warning_and_matches_nobody,
	endpoints_that_are_open_to_all_may_be_named, units_come_later,
	unknown_endpoint_is_told_with_the_nearest, what_is_no_rule_is_told_with_what_would_be_one,
	every_mistake_is_told_in_its_order, text_is_limited, one_right_is_asked_for)
