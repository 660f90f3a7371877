/*
 * Runs the tests of one module and says how many failed. It does not know what they test.
 */
#pragma once

#include <check.h>
#include <stddef.h>

/* The seconds that a test may take, on a busy machine too. */
enum { UNIT_TIMEOUT_S = 30 };

/* Runs count tests; returns what main() is to return. */
int unit_run(const char *module, const TTest *const tests[], size_t count);

/* The main() of a test: `UNIT_MAIN("frame", test, another_test)`. */
#define UNIT_MAIN(module, ...)                                                    \
	int main(void)                                                            \
	{                                                                         \
		const TTest *const tests[] = {__VA_ARGS__};                       \
                                                                                  \
		return unit_run(module, tests, sizeof(tests) / sizeof(tests[0])); \
	}
