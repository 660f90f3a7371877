/*
 * Whose turn it is when more is to be done than at once: those who are ready wait in the queue of
 * their user, and users take turns, so that one who wants much delays no other. It does not know
 * what is done in a turn, nor what a user is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
	TURNS_ROUND_US = 500, /* turns are given out for this long before news is looked for */
	TURNS_TURN_US = 100,  /* one of them lasts this long, and as long as its last step takes */
};

struct turn;
struct turns_user;

TAILQ_HEAD(turn_queue, turn);
TAILQ_HEAD(turns_user_queue, turns_user);

/* A user. Embedded by who knows it; outlives its turns. */
struct turns_user {
	TAILQ_ENTRY(turns_user) link; /* in turns->users, while one of its turns waits */
	struct turn_queue waiting;
};

/* The turns of one connection, one after the other. Embedded by who sets user and take. */
struct turn {
	TAILQ_ENTRY(turn) link; /* in user->waiting */
	struct turns_user *user;
	/* Does what there is to do, until until_us or a little longer. It may ask for the next
	 * turn, and may free the turn. */
	void (*take)(struct turn *turn, int64_t now_us, int64_t until_us);
	bool waits;
};

struct turns {
	struct turns_user_queue users; /* who wait, the next one first */
};

void turns_init(struct turns *turns);
void turns_user_init(struct turns_user *user);

/* Asks for a turn, behind the others of the same user; who waits already keeps the place. */
void turns_ask(struct turns *turns, struct turn *turn);

/* Takes it out; takes one that does not wait too. */
void turns_forget(struct turns *turns, struct turn *turn);

/* Whether any turn waits. */
bool turns_wait(const struct turns *turns);

/* Gives out turns, one to each user and again, until none waits or the round is over. now_us() is
 * the time in microseconds, on a scale that never goes back. */
void turns_round(struct turns *turns, int64_t (*now_us)(void));
