#include "waiter.h"

void waiter_join(struct waiter_list *list, struct waiter *waiter)
{
	struct waiter *before = TAILQ_LAST(&list->queue, waiter_queue);

	/* The newest is nearly always the last. */
	while (before && before->deadline_ms > waiter->deadline_ms) {
		before = TAILQ_PREV(before, waiter_queue, link);
	}
	if (before) {
		TAILQ_INSERT_AFTER(&list->queue, before, waiter, link);
	} else {
		TAILQ_INSERT_HEAD(&list->queue, waiter, link);
	}
	waiter->list = list;
	list->n++;
}

void waiter_leave(struct waiter *waiter)
{
	if (waiter->list) {
		TAILQ_REMOVE(&waiter->list->queue, waiter, link);
		waiter->list->n--;
		waiter->list = NULL;
	}
}

static void move(struct waiter *waiter, struct waiter_list *to)
{
	waiter_leave(waiter);
	TAILQ_INSERT_TAIL(&to->queue, waiter, link);
	waiter->list = to;
	to->n++;
}

void waiters_pick(struct waiter_list *from, struct waiter_list *to,
	bool (*test)(void *context, const struct waiter *waiter), void *context)
{
	struct waiter *waiter, *next;

	for (waiter = TAILQ_FIRST(&from->queue); waiter; waiter = next) {
		next = TAILQ_NEXT(waiter, link);
		if (test(context, waiter)) {
			move(waiter, to);
		}
	}
}

static bool always(void *context, const struct waiter *waiter)
{
	return true;
}

bool waiters_has(const struct waiter_list *list, enum waiter_kind kind)
{
	const struct waiter *waiter;

	TAILQ_FOREACH (waiter, &list->queue, link) {
		if (waiter->kind == kind) {
			return true;
		}
	}
	return false;
}

void waiters_take(struct waiter_list *from, struct waiter_list *to)
{
	waiters_pick(from, to, always, NULL);
}

void waiters_take_due(struct waiter_list *from, struct waiter_list *to, int64_t at_ms)
{
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(&from->queue)) && waiter->deadline_ms <= at_ms) {
		move(waiter, to);
	}
}

void waiters_answer(struct waiter_list *list, const struct answer *answer)
{
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(&list->queue))) {
		waiter_leave(waiter);
		waiter->done(waiter, answer);
	}
}
