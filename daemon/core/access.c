#include "access.h"

#include <stdlib.h>
#include <string.h>

#include "access_rules.h"

enum { RIGHTS_IN_SET = 8 * sizeof(unsigned) };

_Static_assert((int)ACCESS_RIGHTS <= (int)RIGHTS_IN_SET, "the rights fit into a set");

static const struct {
	const char *name;
	bool wildcard;
} rights[ACCESS_RIGHTS] = {
#define X(symbol, name, wildcard) [ACCESS_##symbol] = {name, wildcard},
	ACCESS_LIST(X)
#undef X
};

static unsigned bit(enum access_right right)
{
	return 1U << right;
}

unsigned access_wildcard(const char *prefix, size_t len)
{
	unsigned set = 0;

	for (int i = 0; i < ACCESS_RIGHTS; i++) {
		if (rights[i].wildcard && strncmp(rights[i].name, prefix, len) == 0) {
			set |= bit(i);
		}
	}
	return set;
}

void access_free(struct access_rules *rules)
{
	if (!rules) {
		return;
	}
	for (size_t i = 0; i < rules->n_rules; i++) {
		free(rules->rules[i].unit);
		free(rules->rules[i].text);
	}
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

static bool in_unit(const struct access_subject *subject, const char *unit)
{
	return !unit || (subject->unit && strcmp(unit, subject->unit) == 0);
}

static bool matches(const struct access_rule *rule, const struct access_subject *subject)
{
	if (!in_unit(subject, rule->unit)) {
		return false;
	}
	switch (rule->caller) {
	case ACCESS_NOBODY:
		return false;
	case ACCESS_ANYBODY:
		return true;
	case ACCESS_USER:
		return subject->uid == rule->id;
	case ACCESS_GROUP:
		return in_group(subject, rule->id);
	}
	return false;
}

/* What root and the daemon's uid have, whatever the rules say. */
static unsigned privileges(const struct access_rules *rules, const struct access_subject *subject)
{
	if (!subject->privileged) {
		return 0;
	}
	return rules ? access_wildcard("", 0) : bit(ACCESS_RIGHTS) - 1;
}

unsigned access_rights(const struct access_rules *rules, const struct access_subject *subject)
{
	unsigned set = privileges(rules, subject);

	for (size_t i = 0; i < access_n_rules(rules); i++) {
		if (matches(&rules->rules[i], subject)) {
			set |= rules->rules[i].rights;
		}
	}
	return set;
}

bool access_allows(const struct access_rules *rules, const struct access_subject *subject,
	enum access_right right)
{
	return access_rights(rules, subject) & bit(right);
}

const char *access_by(const struct access_rules *rules, const struct access_subject *subject,
	enum access_right right)
{
	for (size_t i = 0; i < access_n_rules(rules); i++) {
		if (rules->rules[i].rights & bit(right) && matches(&rules->rules[i], subject)) {
			return rules->rules[i].text;
		}
	}
	return privileges(rules, subject) & bit(right) ? "privileged" : NULL;
}

size_t access_n_rules(const struct access_rules *rules)
{
	return rules ? rules->n_rules : 0;
}

const char *access_rule_text(const struct access_rules *rules, size_t i)
{
	return rules->rules[i].text;
}

bool access_rule_matches(
	const struct access_rules *rules, size_t i, const struct access_subject *subject)
{
	return matches(&rules->rules[i], subject);
}

bool access_needs_unit(const struct access_rules *rules)
{
	for (size_t i = 0; i < access_n_rules(rules); i++) {
		if (rules->rules[i].unit) {
			return true;
		}
	}
	return false;
}

bool access_grants(const struct access_rules *rules, enum access_right right)
{
	for (size_t i = 0; i < access_n_rules(rules); i++) {
		if (rules->rules[i].rights & bit(right)) {
			return true;
		}
	}
	return false;
}

const char *access_name(enum access_right right)
{
	return rights[right].name;
}
