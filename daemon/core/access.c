#include "access.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"

enum {
	RULES_MAX = 1024,       /* in one text, counted by its commas */
	ACCOUNT_NAME_MAX = 256, /* bytes of a user's or group's name */
	NAME_MAX_SHOWN = 64,    /* bytes shown of a name in the text */
	PROBLEM_MAX = 512,      /* bytes of what is told */
	OVERFLOW_ID = 65534,    /* uid or gid of who is outside of the user namespace; nobody */
	RIGHTS_IN_SET = 8 * sizeof(unsigned),
};

_Static_assert((int)ACCESS_RIGHTS <= (int)RIGHTS_IN_SET, "the rights fit into a set");

enum caller_kind {
	CALLER_NOBODY, /* its user or group is not known */
	CALLER_ANY,
	CALLER_USER,
	CALLER_GROUP,
};

struct rule {
	enum caller_kind kind;
	unsigned id;     /* uid or gid */
	unsigned rights; /* a set */
};

struct access_rules {
	size_t n_rules;
	struct rule rules[];
};

static const struct {
	const char *name;
	bool wildcard;
} rights[ACCESS_RIGHTS] = {
#define X(symbol, name, wildcard) [ACCESS_##symbol] = {name, wildcard},
	ACCESS_LIST(X)
#undef X
};

/* Open to everybody, so that naming them is neither wrong nor needed. */
static const char *const open_names[] = {"system.getAllowedServices", "system.getStatus"};

enum { OPEN_NAMES = sizeof(open_names) / sizeof(open_names[0]) };

struct span {
	const char *start;
	size_t len;
};

struct parser {
	const char *at;
	const struct access_resolver *resolver;
	access_problem_fn *problem;
	void *context;
	bool failed;
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

static unsigned bit(enum access_right right)
{
	return 1U << right;
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

/* What stands up to the next character of stops or the end, without blanks around it. */
static struct span take_until(struct parser *parser, const char *stops)
{
	struct span span;

	skip_blanks(parser);
	span = (struct span){parser->at, strcspn(parser->at, stops)};
	parser->at += span.len;
	while (span.len > 0 && is_blank(span.start[span.len - 1])) {
		span.len--;
	}
	return span;
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
		nearest_offer(&nearest, rights[i].name);
		if (strcmp(written, last_part(rights[i].name)) == 0) {
			nearest.best = rights[i].name;
			nearest.distance = 0;
		}
	}
	for (int i = 0; i < OPEN_NAMES; i++) {
		nearest_offer(&nearest, open_names[i]);
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

/* What `*` or `auth.*` grants; prefix is what stands before the asterisk. */
static unsigned wildcard_rights(struct span prefix, bool *ret_known)
{
	unsigned set = 0;

	*ret_known = prefix.len == 0;
	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		if (strncmp(rights[i].name, prefix.start, prefix.len) == 0) {
			*ret_known = true;
			set |= rights[i].wildcard ? bit(i) : 0;
		}
	}
	return set;
}

static unsigned wildcards(void)
{
	bool known;

	return wildcard_rights((struct span){"", 0}, &known);
}

static unsigned parse_wildcard(struct parser *parser, struct span name)
{
	struct span prefix = {name.start, name.len - 1};
	bool known = false;
	unsigned set = 0;

	if (prefix.len == 0 || prefix.start[prefix.len - 1] == '.') {
		set = wildcard_rights(prefix, &known);
	}
	if (!known) {
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

static unsigned parse_endpoint(struct parser *parser, struct span name)
{
	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		if (span_is(name, rights[i].name)) {
			return bit(i);
		}
	}
	for (int i = 0; i < OPEN_NAMES; i++) {
		if (span_is(name, open_names[i])) {
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

/* The list in parentheses, or what no list grants. */
static unsigned parse_rights(struct parser *parser)
{
	unsigned set = 0;

	skip_blanks(parser);
	if (*parser->at != '(') {
		return wildcards();
	}
	do {
		parser->at++;
		set |= parse_endpoint(parser, take_until(parser, ",()"));
	} while (*parser->at == ',');
	if (*parser->at != ')') {
		tell(parser, ACCESS_ERROR, "a closing parenthesis is missing");
		return 0;
	}
	parser->at++;
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
static void parse_account(struct parser *parser, struct rule *rule, struct span caller, bool user)
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
	rule->kind = user ? CALLER_USER : CALLER_GROUP;
	rule->id = (unsigned)id;
}

static void parse_caller(struct parser *parser, struct rule *rule, struct span caller)
{
	bool unit = starts_with(caller, "unit:") ||
		    memmem(caller.start, caller.len, "+unit:", strlen("+unit:"));

	if (unit) {
		tell(parser, ACCESS_ERROR, "\"%.*s\": unit: is not yet supported by this version",
			shown(caller), caller.start);
	} else if (caller.len == 0) {
		tell(parser, ACCESS_ERROR,
			"a caller is missing; write *, user:NAME or group:NAME, with commas "
			"between");
	} else if (span_is(caller, "*")) {
		rule->kind = CALLER_ANY;
	} else if (memchr(caller.start, '+', caller.len)) {
		tell(parser, ACCESS_ERROR,
			"\"%.*s\": only unit: can be combined, as unit:X.service+user:Y",
			shown(caller), caller.start);
	} else if (starts_with(caller, "user:")) {
		parse_account(parser, rule, caller, true);
	} else if (starts_with(caller, "group:")) {
		parse_account(parser, rule, caller, false);
	} else {
		tell(parser, ACCESS_ERROR,
			"\"%.*s\" is no caller; write *, user:NAME, user:UID, group:NAME or "
			"group:GID",
			shown(caller), caller.start);
	}
}

/* One rule and the comma behind it; false when nothing more can be made of the text. */
static bool parse_rule(struct parser *parser, struct rule *rule)
{
	*rule = (struct rule){.kind = CALLER_NOBODY};
	parse_caller(parser, rule, take_until(parser, ",()"));
	rule->rights = parse_rights(parser);
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
	struct parser parser = {text, resolver, problem, context, false};
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
	if (parser.failed) {
		access_free(rules);
		return -EINVAL;
	}
	*ret_rules = rules;
	return 0;
}

void access_free(struct access_rules *rules)
{
	free(rules);
}

static bool in_group(const struct access_subject *subject, unsigned gid)
{
	for (size_t i = 0; i < subject->n_gids; i++) {
		if (subject->gids[i] == gid) {
			return true;
		}
	}
	return false;
}

static bool matches(const struct rule *rule, const struct access_subject *subject)
{
	switch (rule->kind) {
	case CALLER_NOBODY:
		return false;
	case CALLER_ANY:
		return true;
	case CALLER_USER:
		return subject->uid == rule->id;
	case CALLER_GROUP:
		return in_group(subject, rule->id);
	}
	return false;
}

unsigned access_rights(const struct access_rules *rules, const struct access_subject *subject)
{
	unsigned set = 0;

	if (!rules) {
		return subject->privileged ? bit(ACCESS_RIGHTS) - 1 : 0;
	}
	for (size_t i = 0; i < rules->n_rules; i++) {
		if (matches(&rules->rules[i], subject)) {
			set |= rules->rules[i].rights;
		}
	}
	return subject->privileged ? set | wildcards() : set;
}

bool access_allows(const struct access_rules *rules, const struct access_subject *subject,
	enum access_right right)
{
	return access_rights(rules, subject) & bit(right);
}

const char *access_name(enum access_right right)
{
	return rights[right].name;
}
