/*
 * A state in a directory of its own, and calls that wait for what they begin. It does not know what
 * the tests look for.
 */
#pragma once

#include <check.h>
#include <stddef.h>

#include "io/state.h"

struct event_base;

/* As ck_assert(), but as long as all is well nothing is written to Check, in the middle of which a
 * process that is to be killed would leave half a message. */
#define STATE_FIXTURE_EXPECT(condition)                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			ck_abort_msg("%s: %s", #condition, state_fixture_why); \
		}                                                              \
	} while (0)

extern struct event_base *state_fixture_base;

/* What the last call that can tell something told. */
extern char state_fixture_why[STATE_WHY_SIZE];

/* The error of the last write, and how many have been told of. */
extern int state_fixture_error, state_fixture_n_done;

/* A directory without files, and a loop. For each test. */
void state_fixture_set_up(void);
void state_fixture_tear_down(void);

/* The path of a file there, or of the directory for ""; valid until the next call. */
const char *state_fixture_path(const char *name);

/* Replaces a file there, mode 0600. */
void state_fixture_write(const char *name, const void *bytes, size_t len);

/* Reads a file there into bytes; returns its length, or -1 when there is none. */
long state_fixture_read(const char *name, void *bytes, size_t size);

/* How many files there have names that contain text. */
int state_fixture_count(const char *text);

/* Opens the state there; it has to open. */
struct state *state_fixture_open(void);

/* A binding of that profile, to the same token_url and client_id always. */
struct state_binding state_fixture_binding(const char *profile);

/* Begins to save text for a profile; it has to begin. What comes of it is told as above. */
struct state_write *state_fixture_begin(struct state *state, const char *profile, const char *text);

/* Saves text, NULL to remove it, and waits until it is done; returns the error. */
int state_fixture_save(struct state *state, const char *profile, const char *text);

/* Runs the loop until n writes have been told of. */
void state_fixture_wait(int n);

/* Checks what is found of a profile, and its text unless that is NULL. */
void state_fixture_check(
	struct state *state, const char *profile, enum state_found found, const char *text);
