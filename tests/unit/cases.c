#include "cases.h"

#include <stdlib.h>

#include "unit.h"

int cases_run(const char *module, const struct unit_case *cases, size_t count, void (*set_up)(void),
	void (*tear_down)(void))
{
	Suite *suite = suite_create(module);
	TCase *tcase = tcase_create(module);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	for (size_t i = 0; i < count; i++) {
		tcase_add_loop_test(tcase, cases[i].test, 0, cases[i].runs);
	}
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
