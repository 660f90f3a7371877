/*
 * Reads the text of `allow`. It does not know names of users (a resolver given by the caller does),
 * nor who asks.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct access_rules;

/* Finds numbers for names; false when there is no such user or group. */
struct access_resolver {
	bool (*user)(const char *name, uid_t *ret_uid);
	bool (*group)(const char *name, gid_t *ret_gid);
};

enum access_problem_kind {
	ACCESS_WARNING, /* the rule stands, but matches nobody (an unknown user) */
	ACCESS_ERROR,
};

/* Told of each thing that is wrong with the text, in its order. text says what would be right. */
typedef void access_problem_fn(void *context, enum access_problem_kind kind, const char *text);

/*
 * Parses `CALLER [(NAME, …)], …`. *ret_rules is the caller's, for access_free(); it is NULL after
 * an error. Returns 0, -EINVAL after at least one ACCESS_ERROR was told, or -ENOMEM.
 */
int access_parse(const char *text, const struct access_resolver *resolver,
	access_problem_fn *problem, void *context, struct access_rules **ret_rules);
