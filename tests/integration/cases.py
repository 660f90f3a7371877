"""Cases of one test that wait for most of their time: several of them run at once, each in a world of its own.

    @each_at_once([{"status": 401}, {"status": 403}])
    def test_what_is_refused_is_told(rule):
        with Sandbox() as server, Daemon(profile(server)) as daemon:
            ...

As such a test runs in threads, it may not act as another user, nor change what all of the process shares.
"""

import concurrent.futures
import os

CASES_MAX = int(os.environ.get("GCTOKEND_CASES_MAX", "1000"))
# A machine with two processors starts as many daemons at once without getting slow.
AT_ONCE = 6


def run(check, case):
    try:
        check(*case if isinstance(case, tuple) else (case,))
    except Exception as failure:
        failure.add_note(f"in the case {case!r}")
        return failure
    return None


def each_at_once(cases):
    """Instead of pytest.mark.parametrize, for a test without fixtures: its arguments are a case, a tuple is several."""
    cases = list(cases)[:CASES_MAX]

    def decorate(check):
        def test():
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                failures = [failure for failure in pool.map(lambda case: run(check, case), cases) if failure]
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(cases)} cases failed", failures)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
