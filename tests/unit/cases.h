/*
 * As unit.h, for tests that share a fixture or run more than once. It does not know what they test.
 */
#pragma once

#include <check.h>
#include <stddef.h>

struct unit_case {
	const TTest *test;
	int runs; /* with _i from 0 */
};

/* Runs count tests, each in a process of its own between set_up and tear_down (NULL: nothing);
 * returns what main() is to return. */
int cases_run(const char *module, const struct unit_case *cases, size_t count, void (*set_up)(void),
	void (*tear_down)(void));

/* The main() of a test: `CASES_MAIN("http", set_up, tear_down, {test, 1}, {another_test, 3})`. */
#define CASES_MAIN(module, set_up, tear_down, ...)                                           \
	int main(void)                                                                       \
	{                                                                                    \
		const struct unit_case cases[] = {__VA_ARGS__};                              \
                                                                                             \
		return cases_run(                                                            \
			module, cases, sizeof(cases) / sizeof(cases[0]), set_up, tear_down); \
	}
