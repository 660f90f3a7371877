/*
 * The rules of misbehaviour: checks them when they are given, chooses one for a request, applies it
 * to an answer. Knows nothing of tokens and sockets; the members that shape a token are read where
 * tokens are made.
 */
#ifndef SANDBOX_FAULT_H
#define SANDBOX_FAULT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct answer;
struct fault_list;

struct fault_list *fault_list_new(void);
void fault_list_free(struct fault_list *list);

/* Adds a rule, or puts an array of rules in place of all. False with a message in ERROR; then
 * nothing has changed. */
bool fault_add(struct fault_list *list, const cJSON *rule, char *error, size_t error_size);
bool fault_set(struct fault_list *list, const cJSON *rules, char *error, size_t error_size);
void fault_clear(struct fault_list *list);

/* The rules, each with "used"; the caller deletes it. */
cJSON *fault_json(const struct fault_list *list);

/*
 * The first rule that matches and is not used up, or NULL; valid until the list changes. A rule
 * without match.path is for token requests alone. CLIENT_ID may be NULL.
 */
const cJSON *fault_take(
	struct fault_list *list, bool is_token_request, const char *path, const char *client_id);

/* The close:"accept" rule for a connection just accepted, or NULL. Rules with a match are passed
 * over. */
const cJSON *fault_take_accept(struct fault_list *list);

/* The wall clock by date_skew_s. RULE may be NULL here and below. */
time_t fault_clock(const cJSON *rule);

/* Whether the rule says all of the answer, so that no token is to be issued; a body may still ask
 * for one. */
bool fault_replaces(const cJSON *rule);
bool fault_wants_token(const cJSON *rule);

/* The answer of a rule that replaces; ACCESS_TOKEN (NULL: empty) goes where the body has
 * {{access_token}}. */
struct answer *fault_answer(const cJSON *rule, const char *access_token);

/* All that remains: headers, Date, padding, cutting, delay. */
void fault_apply(const cJSON *rule, struct answer *answer);

#endif
