#include "access_parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "access_rules.h"
#include "nearest.h"
#include "unit_name.h"

enum {
	RULES_MAX = 1024,       /* in one text, counted by its commas */
	ACCOUNT_NAME_MAX = 256, /* bytes of a user's or group's name */
	NAME_MAX_SHOWN = 64,    /* bytes shown of a name in the text */
	PROBLEM_MAX = 512,      /* bytes of what is told */
	OVERFLOW_ID = 65534,    /* uid or gid of who is outside of the user namespace; nobody */
};

/* Endpoints that grant nothing by their own names: they are open to everybody (ACCESS_RIGHTS), or
 * go with another one. */
static const struct {
	const char *name;
	enum access_right with;
} other_names[] = {
	{"auth.getUserCode", ACCESS_AUTHORIZE_DEVICE},
	{"authProvider.ready", ACCESS_REGISTER},
	{"authProvider.publish", ACCESS_REGISTER},
	{"events.unsubscribe", ACCESS_SUBSCRIBE},
	{"system.explain", ACCESS_RIGHTS},
	{"system.getAllowedServices", ACCESS_RIGHTS},
	{"system.getStatus", ACCESS_RIGHTS},
};

enum { OTHER_NAMES = sizeof(other_names) / sizeof(other_names[0]) };

struct span {
	const char *start;
	size_t len;
};

struct parser {
	const char *at;
	const struct access_resolver *resolver;
	access_problem_fn *problem;
	void *context;
	bool failed, no_memory;
};

__attribute__((format(printf, 3, 4))) static void tell(
	struct parser *parser, enum access_problem_kind kind, const char *format, ...)
{
	char text[PROBLEM_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	parser->failed |= kind == ACCESS_ERROR;
	parser->problem(parser->context, kind, text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct parser *parser)
{
	while (is_blank(*parser->at)) {
		parser->at++;
	}
}

/* Without the blanks around it. */
static struct span trim(struct span span)
{
	while (span.len > 0 && is_blank(span.start[0])) {
		span.start++;
		span.len--;
	}
	while (span.len > 0 && is_blank(span.start[span.len - 1])) {
		span.len--;
	}
	return span;
}

/* What stands up to the next character of stops or the end. */
static struct span take_until(struct parser *parser, const char *stops)
{
	struct span span = {parser->at, strcspn(parser->at, stops)};

	parser->at += span.len;
	return trim(span);
}

static int shown(struct span span)
{
	return span.len < NAME_MAX_SHOWN ? (int)span.len : NAME_MAX_SHOWN;
}

static bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.start, text, span.len) == 0;
}

static bool starts_with(struct span span, const char *prefix)
{
	return span.len >= strlen(prefix) && memcmp(span.start, prefix, strlen(prefix)) == 0;
}

/* The name without its first part: what people often write for all of it. */
static const char *last_part(const char *name)
{
	return strchr(name, '.') + 1;
}

static void tell_unknown_endpoint(struct parser *parser, struct span name)
{
	char written[NEAREST_NAME_MAX + 1];
	struct nearest nearest;

	if (name.len >= sizeof(written)) {
		tell(parser, ACCESS_ERROR, "no endpoint has a name as long as \"%.*s…\"",
			shown(name), name.start);
		return;
	}
	memcpy(written, name.start, name.len);
	written[name.len] = '\0';
	nearest_init(&nearest, written);
	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		const char *right = access_name((enum access_right)i);

		nearest_offer(&nearest, right);
		if (strcmp(written, last_part(right)) == 0) {
			nearest.best = right;
			nearest.distance = 0;
		}
	}
	for (int i = 0; i < OTHER_NAMES; i++) {
		nearest_offer(&nearest, other_names[i].name);
	}
	if (nearest.best) {
		tell(parser, ACCESS_ERROR, "there is no endpoint \"%s\"; did you mean %s?", written,
			nearest.best);
	} else {
		tell(parser, ACCESS_ERROR,
			"there is no endpoint \"%s\"; write a name such as auth.getJwtToken",
			written);
	}
}

/* Whether any endpoint's name begins so. */
static bool is_prefix(struct span prefix)
{
	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		if (strncmp(access_name((enum access_right)i), prefix.start, prefix.len) == 0) {
			return true;
		}
	}
	return false;
}

static unsigned parse_wildcard(struct parser *parser, struct span name)
{
	struct span prefix = {name.start, name.len - 1};
	unsigned set = access_wildcard(prefix.start, prefix.len);

	if (prefix.len > 0 && (prefix.start[prefix.len - 1] != '.' || !is_prefix(prefix))) {
		tell(parser, ACCESS_ERROR,
			"no endpoints match \"%.*s\"; the wildcards are *, auth.*, events.* and "
			"system.*",
			shown(name), name.start);
	} else if (set == 0) {
		tell(parser, ACCESS_WARNING,
			"\"%.*s\" grants nothing: what gives or plants a token has to be named",
			shown(name), name.start);
	}
	return set;
}

/* needed: the rights that others in the list go with. */
static unsigned parse_endpoint(struct parser *parser, struct span name, unsigned *needed)
{
	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		if (span_is(name, access_name((enum access_right)i))) {
			return 1U << i;
		}
	}
	for (int i = 0; i < OTHER_NAMES; i++) {
		if (span_is(name, other_names[i].name)) {
			*needed |= (1U << other_names[i].with) & ((1U << ACCESS_RIGHTS) - 1);
			return 0;
		}
	}
	if (name.len == 0) {
		tell(parser, ACCESS_ERROR,
			"a name is missing in the parentheses; write for example "
			"(auth.getJwtToken)");
		return 0;
	}
	if (name.start[name.len - 1] == '*') {
		return parse_wildcard(parser, name);
	}
	tell_unknown_endpoint(parser, name);
	return 0;
}

static void tell_needed(struct parser *parser, unsigned needed)
{
	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		if (needed & 1U << i) {
			tell(parser, ACCESS_WARNING,
				"what goes with %s was named, but %s was not; name it too",
				access_name((enum access_right)i),
				access_name((enum access_right)i));
		}
	}
}

/* The list in parentheses, or what no list grants. */
static unsigned parse_rights(struct parser *parser)
{
	unsigned set = 0, needed = 0;

	skip_blanks(parser);
	if (*parser->at != '(') {
		return access_wildcard("", 0);
	}
	do {
		parser->at++;
		set |= parse_endpoint(parser, take_until(parser, ",()"), &needed);
	} while (*parser->at == ',');
	if (*parser->at != ')') {
		tell(parser, ACCESS_ERROR, "a closing parenthesis is missing");
		return 0;
	}
	parser->at++;
	tell_needed(parser, needed & ~set);
	return set;
}

/* Whether text is a decimal number, and which; what is too large for an id becomes UINT64_MAX. */
static bool parse_id(const char *text, uint64_t *ret_id)
{
	uint64_t id = 0;

	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '9') {
			return false;
		}
		id = id > UINT32_MAX ? UINT64_MAX : id * 10 + (uint64_t)(*at - '0');
	}
	*ret_id = id;
	return *text != '\0';
}

/* The number of a user or group, by name or as it stands there; false after something was told. */
static bool find_id(struct parser *parser, bool user, struct span name, uint64_t *ret_id)
{
	const char *what = user ? "user" : "group";
	char copy[ACCOUNT_NAME_MAX + 1];
	uid_t uid = 0;
	gid_t gid = 0;

	if (name.len == 0) {
		tell(parser, ACCESS_ERROR, "%s: is to be followed by a name or number", what);
		return false;
	}
	if (name.len > ACCOUNT_NAME_MAX) {
		tell(parser, ACCESS_ERROR, "%s: is followed by more than %d bytes", what,
			ACCOUNT_NAME_MAX);
		return false;
	}
	memcpy(copy, name.start, name.len);
	copy[name.len] = '\0';
	if (parse_id(copy, ret_id)) {
		if (*ret_id >= UINT32_MAX) {
			tell(parser, ACCESS_ERROR, "%s:%s is too large a number", what, copy);
			return false;
		}
		return true;
	}
	if (user ? !parser->resolver->user(copy, &uid) : !parser->resolver->group(copy, &gid)) {
		tell(parser, ACCESS_WARNING, "there is no %s \"%s\"; the rule matches nobody", what,
			copy);
		return false;
	}
	*ret_id = user ? uid : gid;
	return true;
}

/* user:NAME, user:UID, and the same for groups. */
static void parse_account(
	struct parser *parser, struct access_rule *rule, struct span caller, bool user)
{
	size_t prefix = strlen(user ? "user:" : "group:");
	struct span name = {caller.start + prefix, caller.len - prefix};
	uint64_t id;

	if (!find_id(parser, user, name, &id)) {
		return;
	}
	if (id == OVERFLOW_ID) {
		tell(parser, ACCESS_WARNING,
			"%.*s matches nobody: %d stands for all who have no number here",
			shown(caller), caller.start, OVERFLOW_ID);
		return;
	}
	rule->caller = user ? ACCESS_USER : ACCESS_GROUP;
	rule->id = (unsigned)id;
}

static void tell_bad_unit(struct parser *parser, enum unit_name_fault fault, struct span name)
{
	int len = shown(name);

	switch (fault) {
	case UNIT_NAME_GOOD:
		break;
	case UNIT_NAME_EMPTY:
		tell(parser, ACCESS_ERROR,
			"unit: is to be followed by the name of a service, such as "
			"unit:billing.service");
		break;
	case UNIT_NAME_LONG:
		tell(parser, ACCESS_ERROR, "unit: is followed by more than %d bytes",
			UNIT_NAME_BYTES_MAX);
		break;
	case UNIT_NAME_BAD_CHARACTER:
		tell(parser, ACCESS_ERROR,
			"\"unit:%.*s\": the name of a unit is made of letters, digits and any of "
			": - _ . \\ @",
			len, name.start);
		break;
	case UNIT_NAME_NO_SUFFIX:
		tell(parser, ACCESS_ERROR, "\"unit:%.*s\": write unit:%.*s.service", len,
			name.start, len, name.start);
		break;
	case UNIT_NAME_NO_SERVICE:
		tell(parser, ACCESS_ERROR, "\"unit:%.*s\" is no service; write unit:NAME.service",
			len, name.start);
		break;
	case UNIT_NAME_TEMPLATE:
		tell(parser, ACCESS_ERROR,
			"\"unit:%.*s\" is a template; write an instance of it, such as "
			"unit:NAME@1.service",
			len, name.start);
		break;
	}
}

static void parse_unit(struct parser *parser, struct access_rule *rule, struct span caller)
{
	struct span name = {caller.start + strlen("unit:"), caller.len - strlen("unit:")};
	enum unit_name_fault fault;

	rule->unit = strndup(name.start, name.len);
	if (!rule->unit) {
		parser->no_memory = true;
		return;
	}
	fault = unit_name_check(rule->unit);
	tell_bad_unit(parser, fault, name);
}

static bool is_account(struct span caller)
{
	return starts_with(caller, "user:") || starts_with(caller, "group:");
}

/* unit:X.service+user:Y, in either order. */
static void parse_pair(struct parser *parser, struct access_rule *rule, struct span caller)
{
	const char *plus = memchr(caller.start, '+', caller.len);
	struct span left = trim((struct span){caller.start, (size_t)(plus - caller.start)});
	struct span right = trim(
		(struct span){plus + 1, caller.len - (size_t)(plus + 1 - caller.start)});
	struct span unit = starts_with(left, "unit:") ? left : right;
	struct span account = starts_with(left, "unit:") ? right : left;

	if (!starts_with(unit, "unit:") || !is_account(account) ||
		memchr(right.start, '+', right.len)) {
		tell(parser, ACCESS_ERROR,
			"\"%.*s\": only unit: can be combined, with one user: or group:, as "
			"unit:X.service+user:Y",
			shown(caller), caller.start);
		return;
	}
	parse_unit(parser, rule, unit);
	parse_account(parser, rule, account, starts_with(account, "user:"));
}

static void parse_caller(struct parser *parser, struct access_rule *rule, struct span caller)
{
	if (caller.len == 0) {
		tell(parser, ACCESS_ERROR,
			"a caller is missing; write *, user:NAME, group:NAME or unit:NAME.service, "
			"with commas between");
	} else if (span_is(caller, "*")) {
		rule->caller = ACCESS_ANYBODY;
	} else if (memchr(caller.start, '+', caller.len)) {
		parse_pair(parser, rule, caller);
	} else if (starts_with(caller, "unit:")) {
		rule->caller = ACCESS_ANYBODY;
		parse_unit(parser, rule, caller);
	} else if (is_account(caller)) {
		parse_account(parser, rule, caller, starts_with(caller, "user:"));
	} else {
		tell(parser, ACCESS_ERROR,
			"\"%.*s\" is no caller; write *, user:NAME, user:UID, group:NAME, "
			"group:GID or unit:NAME.service",
			shown(caller), caller.start);
	}
}

/* A copy in which each run of blanks is one; NULL when there is no memory. */
static char *copy_folded(struct span span)
{
	char *copy = malloc(span.len + 1);
	size_t len = 0;

	if (!copy) {
		return NULL;
	}
	for (size_t i = 0; i < span.len; i++) {
		if (!is_blank(span.start[i])) {
			copy[len++] = span.start[i];
		} else if (len > 0 && copy[len - 1] != ' ') {
			copy[len++] = ' ';
		}
	}
	copy[len] = '\0';
	return copy;
}

/* One rule and the comma behind it; false when nothing more can be made of the text. */
static bool parse_rule(struct parser *parser, struct access_rule *rule)
{
	const char *start = parser->at;

	*rule = (struct access_rule){.caller = ACCESS_NOBODY};
	parse_caller(parser, rule, take_until(parser, ",()"));
	rule->rights = parse_rights(parser);
	rule->text = copy_folded(trim((struct span){start, (size_t)(parser->at - start)}));
	parser->no_memory |= !rule->text;
	skip_blanks(parser);
	if (*parser->at == ',') {
		parser->at++;
		return true;
	}
	if (*parser->at != '\0' && !parser->failed) {
		tell(parser, ACCESS_ERROR, "a comma is missing between two rules");
	}
	return false;
}

static size_t count_commas(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, ','))) {
		text++;
		n++;
	}
	return n;
}

int access_parse(const char *text, const struct access_resolver *resolver,
	access_problem_fn *problem, void *context, struct access_rules **ret_rules)
{
	struct parser parser = {text, resolver, problem, context, false, false};
	size_t room = count_commas(text) + 1;
	struct access_rules *rules;
	bool more = true;

	*ret_rules = NULL;
	if (room > RULES_MAX) {
		tell(&parser, ACCESS_ERROR, "more than %d commas", RULES_MAX - 1);
		return -EINVAL;
	}
	rules = calloc(1, sizeof(*rules) + room * sizeof(rules->rules[0]));
	if (!rules) {
		return -ENOMEM;
	}
	while (more) {
		more = parse_rule(&parser, &rules->rules[rules->n_rules++]);
	}
	if (parser.failed || parser.no_memory) {
		access_free(rules);
		return parser.failed ? -EINVAL : -ENOMEM;
	}
	*ret_rules = rules;
	return 0;
}
