#include "turns.h"

#include <stddef.h>

void turns_init(struct turns *turns)
{
	TAILQ_INIT(&turns->users);
}

void turns_user_init(struct turns_user *user)
{
	TAILQ_INIT(&user->waiting);
}

void turns_ask(struct turns *turns, struct turn *turn)
{
	struct turns_user *user = turn->user;

	if (turn->waits) {
		return;
	}
	if (TAILQ_EMPTY(&user->waiting)) {
		TAILQ_INSERT_TAIL(&turns->users, user, link);
	}
	TAILQ_INSERT_TAIL(&user->waiting, turn, link);
	turn->waits = true;
}

void turns_forget(struct turns *turns, struct turn *turn)
{
	struct turns_user *user = turn->user;

	if (!turn->waits) {
		return;
	}
	TAILQ_REMOVE(&user->waiting, turn, link);
	turn->waits = false;
	if (TAILQ_EMPTY(&user->waiting)) {
		TAILQ_REMOVE(&turns->users, user, link);
	}
}

bool turns_wait(const struct turns *turns)
{
	return !TAILQ_EMPTY(&turns->users);
}

/* Takes out the turn that is next, and puts its user behind the others. */
static struct turn *next(struct turns *turns)
{
	struct turns_user *user = TAILQ_FIRST(&turns->users);
	struct turn *turn = TAILQ_FIRST(&user->waiting);

	turns_forget(turns, turn);
	if (!TAILQ_EMPTY(&user->waiting)) {
		TAILQ_REMOVE(&turns->users, user, link);
		TAILQ_INSERT_TAIL(&turns->users, user, link);
	}
	return turn;
}

void turns_round(struct turns *turns, int64_t (*now_us)(void))
{
	int64_t began_us = now_us();
	int64_t at_us = began_us;

	while (turns_wait(turns) && at_us - began_us < TURNS_ROUND_US) {
		struct turn *turn = next(turns);

		turn->take(turn, at_us, at_us + TURNS_TURN_US);
		at_us = now_us();
	}
}
