#include "core/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/access_parse.h"
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
static unsigned unit_rights(const char *allow, uid_t uid, gid_t gid, const char *unit)
{
	const gid_t gids[] = {99, gid};
	const struct access_subject subject = {uid, gids, 2, false, unit};
	struct access_rules *rules;
	unsigned set;

	ck_assert_int_eq(parse(allow, &rules), 0);
	set = access_rights(rules, &subject);
	access_free(rules);
	return set;
}

static unsigned rights(const char *allow, uid_t uid, gid_t gid)
{
	return unit_rights(allow, uid, gid, NULL);
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
	ck_assert_uint_eq(rights("* (system.getStatus, system.explain, system.getAllowedServices)",
				  SOMEBODY, 0),
		0);
	ck_assert_int_eq(warnings, 0);
}
END_TEST

START_TEST(endpoints_that_go_with_another_may_be_named_beside_it)
{
	ck_assert_uint_eq(rights("* (authProvider.ready, authProvider.publish, "
				 "authProvider.register)",
				  SOMEBODY, 0),
		1U << ACCESS_REGISTER);
	ck_assert_uint_eq(rights("* (events.subscribe, events.unsubscribe, auth.getUserCode, "
				 "auth.authorizeDevice)",
				  SOMEBODY, 0),
		1U << ACCESS_SUBSCRIBE | 1U << ACCESS_AUTHORIZE_DEVICE);
	ck_assert_int_eq(warnings, 0);
	ck_assert_uint_eq(rights("* (authProvider.ready, auth.getUserCode)", SOMEBODY, 0), 0);
	ck_assert_int_eq(warnings, 2);
	ck_assert_ptr_nonnull(strstr(told, "goes with authProvider.register was named"));
}
END_TEST

START_TEST(unit_is_matched_by_its_exact_name)
{
	const char *allow = "unit:billing.service";

	ck_assert_uint_eq(unit_rights(allow, ETL, 0, "billing.service"), harmless);
	ck_assert_uint_eq(unit_rights(allow, ETL, 0, "Billing.service"), 0);
	ck_assert_uint_eq(unit_rights(allow, ETL, 0, "billing.servic"), 0);
	ck_assert_uint_eq(unit_rights(allow, ETL, 0, "billing.service.service"), 0);
	ck_assert_uint_eq(unit_rights(allow, ETL, 0, "billing@1.service"), 0);
	ck_assert_uint_eq(unit_rights(allow, ETL, 0, NULL), 0);
	ck_assert_uint_eq(
		unit_rights("unit:a@b@c-\\x2d:_.d.service", ETL, 0, "a@b@c-\\x2d:_.d.service"),
		harmless);
}
END_TEST

START_TEST(unit_with_a_user_or_group_needs_both)
{
	static const char *const by_user[] = {"unit:a.service+user:etl", "user:etl+unit:a.service",
		"unit:a.service + user:1001", NULL};

	for (int i = 0; by_user[i]; i++) {
		ck_assert_uint_eq(unit_rights(by_user[i], ETL, OPS, "a.service"), harmless);
		ck_assert_uint_eq(unit_rights(by_user[i], SOMEBODY, OPS, "a.service"), 0);
		ck_assert_uint_eq(unit_rights(by_user[i], ETL, OPS, "b.service"), 0);
		ck_assert_uint_eq(unit_rights(by_user[i], ETL, OPS, NULL), 0);
	}
	ck_assert_uint_eq(
		unit_rights("group:ops+unit:a.service", SOMEBODY, OPS, "a.service"), harmless);
	ck_assert_uint_eq(unit_rights("group:ops+unit:a.service", SOMEBODY, 7, "a.service"), 0);
	ck_assert_uint_eq(unit_rights("group:ops+unit:a.service", SOMEBODY, OPS, NULL), 0);
	ck_assert_uint_eq(unit_rights("unit:a.service+user:nosuch", ETL, OPS, "a.service"), 0);
	ck_assert_int_eq(warnings, 1);
}
END_TEST

START_TEST(unit_grants_tokens_by_name_alone_too)
{
	ck_assert_uint_eq(unit_rights("unit:a.service (*, auth.getJwtToken), unit:b.service "
				      "(auth.refresh), user:etl (auth.logout)",
				  ETL, 0, "a.service"),
		harmless | 1U << ACCESS_GET_JWT_TOKEN | 1U << ACCESS_LOGOUT);
}
END_TEST

START_TEST(what_is_no_service_is_told_with_what_would_be_one)
{
	char name[512];

	refuse("unit:billing (auth.getJwtToken)", "\"unit:billing\": write unit:billing.service");
	refuse("unit:",
		"unit: is to be followed by the name of a service, such as unit:billing.se");
	refuse("unit:+user:etl", "unit: is to be followed by the name of a service");
	refuse("unit:a.socket", "\"unit:a.socket\" is no service; write unit:NAME.service");
	refuse("unit:.service", "\"unit:.service\" is no service");
	refuse("unit:@1.service", "\"unit:@1.service\" is no service");
	refuse("unit:a.service.d", "is no service");
	refuse("unit:a@.service", "is a template; write an instance of it, such as unit:NAME@1.se");
	refuse("unit:*.service",
		"\"unit:*.service\": the name of a unit is made of letters, digits");
	refuse("unit:a b.service", "the name of a unit is made of letters, digits");
	refuse("unit:a/b.service", "the name of a unit is made of letters, digits");
	refuse("unit:a.service+unit:b.service", "only unit: can be combined, with one user: or");
	refuse("unit:a.service+*", "only unit: can be combined");
	refuse("unit:a.service+", "only unit: can be combined");
	refuse("+unit:a.service", "only unit: can be combined");
	refuse("unit:a.service+user:etl+group:ops", "only unit: can be combined");
	refuse("unit:a+user:etl", "\"unit:a\": write unit:a.service");

	memset(name, 'a', sizeof(name));
	memcpy(name, "unit:", strlen("unit:"));
	memcpy(name + strlen("unit:") + 256 - strlen(".service"), ".service", sizeof(".service"));
	refuse(name, "unit: is followed by more than 255 bytes");
	memmove(name + strlen("unit:"), name + strlen("unit:") + 1, 256);
	ck_assert_uint_eq(unit_rights(name, ETL, 0, name + strlen("unit:")), harmless);
}
END_TEST

START_TEST(units_are_needed_where_a_rule_names_one)
{
	struct access_rules *rules;

	ck_assert_int_eq(parse("user:etl, *", &rules), 0);
	ck_assert(!access_needs_unit(rules));
	access_free(rules);
	ck_assert_int_eq(parse("user:etl, group:ops+unit:a.service, *", &rules), 0);
	ck_assert(access_needs_unit(rules));
	access_free(rules);
	ck_assert(!access_needs_unit(NULL));
}
END_TEST

START_TEST(rules_are_listed_as_they_were_written_with_who_is_meant)
{
	const gid_t gids[] = {OPS};
	const struct access_subject subject = {ETL, gids, 1, false, "a.service"};
	struct access_rules *rules;

	ck_assert_int_eq(parse(" user:etl  (auth.getJwtToken,\n\t auth.refresh) ,group:ops,user:7, "
			       "unit:a.service + user:1001( * )\n",
				 &rules),
		0);
	ck_assert_uint_eq(access_n_rules(rules), 4);
	ck_assert_str_eq(access_rule_text(rules, 0), "user:etl (auth.getJwtToken, auth.refresh)");
	ck_assert_str_eq(access_rule_text(rules, 1), "group:ops");
	ck_assert_str_eq(access_rule_text(rules, 2), "user:7");
	ck_assert_str_eq(access_rule_text(rules, 3), "unit:a.service + user:1001( * )");
	ck_assert(access_rule_matches(rules, 0, &subject));
	ck_assert(access_rule_matches(rules, 1, &subject));
	ck_assert(!access_rule_matches(rules, 2, &subject));
	ck_assert(access_rule_matches(rules, 3, &subject));
	access_free(rules);
	ck_assert_uint_eq(access_n_rules(NULL), 0);
}
END_TEST

START_TEST(right_is_granted_by_the_first_rule_that_does)
{
	const struct access_subject etl = {ETL, NULL, 0, false, NULL};
	const struct access_subject root = {0, NULL, 0, true, NULL};
	struct access_rules *rules;

	ck_assert_int_eq(parse("user:0 (auth.refresh), user:etl (auth.refresh), *, user:etl "
			       "(auth.refresh, auth.getTokenInfo)",
				 &rules),
		0);
	ck_assert_str_eq(access_by(rules, &etl, ACCESS_REFRESH), "user:etl (auth.refresh)");
	ck_assert_str_eq(access_by(rules, &etl, ACCESS_GET_TOKEN_INFO), "*");
	ck_assert_ptr_null(access_by(rules, &etl, ACCESS_GET_JWT_TOKEN));
	ck_assert_str_eq(access_by(rules, &root, ACCESS_REFRESH), "user:0 (auth.refresh)");
	ck_assert_ptr_null(access_by(rules, &root, ACCESS_GET_JWT_TOKEN));
	access_free(rules);
	ck_assert_int_eq(parse("user:etl", &rules), 0);
	ck_assert_str_eq(access_by(rules, &root, ACCESS_GET_TOKEN_INFO), "privileged");
	access_free(rules);
	ck_assert_str_eq(access_by(NULL, &root, ACCESS_GET_JWT_TOKEN), "privileged");
	ck_assert_ptr_null(access_by(NULL, &etl, ACCESS_GET_JWT_TOKEN));
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
	refuse("", "a caller is missing; write *, user:NAME, group:NAME or unit:NAME.service");
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

	ck_assert_int_eq(parse("foo, user:nosuch, unit:a, * (bar)", &rules), -EINVAL);
	ck_assert_int_eq(errors, 3);
	ck_assert_int_eq(warnings, 1);
	ck_assert_ptr_nonnull(strstr(told, "foo"));
	ck_assert(strstr(told, "foo") < strstr(told, "nosuch"));
	ck_assert(strstr(told, "nosuch") < strstr(told, "unit:a\""));
	ck_assert(strstr(told, "unit:a\"") < strstr(told, "bar"));
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
	ck_assert(access_grants(rules, ACCESS_GET_JWT_TOKEN));
	ck_assert(!access_grants(rules, ACCESS_REGISTER));
	ck_assert(!access_grants(NULL, ACCESS_GET_JWT_TOKEN));
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
	endpoints_that_are_open_to_all_may_be_named,
	endpoints_that_go_with_another_may_be_named_beside_it, unit_is_matched_by_its_exact_name,
	unit_with_a_user_or_group_needs_both, unit_grants_tokens_by_name_alone_too,
	what_is_no_service_is_told_with_what_would_be_one, units_are_needed_where_a_rule_names_one,
	rules_are_listed_as_they_were_written_with_who_is_meant,
	right_is_granted_by_the_first_rule_that_does, unknown_endpoint_is_told_with_the_nearest,
	what_is_no_rule_is_told_with_what_would_be_one, every_mistake_is_told_in_its_order,
	text_is_limited, one_right_is_asked_for)
