#include "client/ending.h"

#include <signal.h>
#include <stddef.h>

#include "cases.h"

START_TEST(signal_that_came_while_nothing_was_waited_for_is_due)
{
	ck_assert(!ending_is_ignored(ending_signals[_i]));
	ending_hold();
	ck_assert(!ending_is_due());
	raise(ending_signals[_i]);
	ck_assert(ending_is_due());
	signal(ending_signals[_i], SIG_IGN); /* drops it */
	ending_release();
}
END_TEST

START_TEST(signal_that_is_ignored_is_not)
{
	signal(ending_signals[_i], SIG_IGN);
	ck_assert(ending_is_ignored(ending_signals[_i]));
	ending_hold();
	raise(ending_signals[_i]);
	ck_assert(!ending_is_due());
	ending_release();
}
END_TEST

CASES_MAIN("ending", NULL, NULL,
	{signal_that_came_while_nothing_was_waited_for_is_due, ENDING_SIGNALS},
	{signal_that_is_ignored_is_not, ENDING_SIGNALS})
