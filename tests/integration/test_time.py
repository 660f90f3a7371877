"""The promises that take time: slow servers, slow resolvers, outages, and a minute of short tokens."""

import contextlib
import math
import os
import time

import pytest

from callers import wait_until
from daemon import PACE, SLOWNESS, Daemon, profile
from sandbox import Sandbox
from traffic import CACHED_MAX_S, Caller, in_background, seconds, slowest, timed

# What the machine may add to a time that is waited for.
SLACK_S = 0.5 * SLOWNESS
ROUNDING_S = 0.002  # an expiration and the daemon's clock are in whole milliseconds each
JITTER = 0.2

MINUTE_S = 60
SHORT_LIFETIME_S = 8 * PACE
SHORT_MARGIN_S = SHORT_LIFETIME_S * 0.1
SHORT_REQUEST_S = 0.2


def remark(text):
    """For who runs pytest with -s."""
    print(f"\n{text}")


# ---- a minute of short tokens, beside the other tests of this file

class Minute:
    """Callers of four profiles whose server ends each token a second before it said."""

    def __init__(self):
        self.dead = []
        self.names = [f"short-{i}" for i in range(4)]
        self._stack = contextlib.ExitStack()
        self.server = self._stack.enter_context(
            Sandbox(clients=[{"id": name, "secret": f"{name}-secret"} for name in self.names]))
        self.server.rule({"expires_in": SHORT_LIFETIME_S, "lifetime_s": SHORT_LIFETIME_S - 1,
                          "delay_ms": int(1000 * SHORT_REQUEST_S)})
        self._daemon = self._stack.enter_context(
            Daemon("".join(profile(self.server, name, name, f"{name}-secret")
                           for name in self.names)))
        for name in self.names:
            self._daemon.wait_state("fresh", name)
        self.callers = [self._stack.enter_context(
            Caller(self._daemon, name, every=0.05, check=self._check)) for name in self.names]
        self._began = time.monotonic()

    def _check(self, call):
        if "data" not in call.reply or not self.server.check(call.reply["data"]["jwtToken"])["active"]:
            self.dead.append(call)

    def finish(self):
        """How long it was, and how many requests each profile made."""
        time.sleep(max(0, self._began + MINUTE_S - time.monotonic()))
        requests = {name: len(self.server.requests(name)) for name in self.names}
        took = time.monotonic() - self._began
        self.stop()
        return took, requests

    def stop(self):
        self._stack.close()


@pytest.fixture(scope="module", autouse=True)
def minute():
    started = Minute()
    yield started
    started.stop()


# ---- servers and resolvers that hang

WAIT_MAX_S = 10
# How long after its first caller was told so a server answers; one who asks then stays.
LATE_S = 4 if PACE == 1 else 8


def test_a_server_that_hangs_for_14_s_delays_nobody_else_and_its_late_answer_is_kept(server):
    server.client("other", "other-secret")
    server.rule({"match": {"client_id": "demo"}, "times": 1, "delay_ms": 1000 * (WAIT_MAX_S + LATE_S)})
    with Daemon(profile(server, "slow") + profile(server, "cached", "other", "other-secret")) as daemon:
        daemon.wait_state("fresh", "cached")
        server.wait(lambda stats: stats["in_flight"] == 1)
        caller = in_background(timed, daemon.get, "slow")
        program = in_background(timed, daemon.gctoken, "get", "slow")
        took, n = slowest(daemon, "cached", caller.done)
        assert server.stats()["in_flight"] == 1
        second = in_background(timed, daemon.get, "slow")
        took_later, n_later = slowest(daemon, "cached", second.done)
        remark(f"server hangs: {n + n_later} cached answers, the slowest {max(took, took_later) * 1e3:.2f} ms")
        assert max(took, took_later) <= CACHED_MAX_S
        assert n + n_later > 500 / SLOWNESS

        waited, error = caller.result()
        assert error["code"] == "refresh_timeout" and error["retryable"] and error["retryAfter"] >= 1
        assert error["text"] == "Token refresh took longer than 10 seconds"
        assert WAIT_MAX_S <= waited <= WAIT_MAX_S + SLACK_S
        waited, done = program.result()
        assert done.returncode == 6 and done.stdout == "" and "refresh_timeout" in done.stderr
        assert WAIT_MAX_S <= waited <= WAIT_MAX_S + SLACK_S

        # Who came later has the late answer, and so has everybody after them.
        waited, token = second.result()
        assert waited <= LATE_S + SLACK_S
        assert server.check(token)["active"]
        assert daemon.get("slow") == token
        assert len(server.requests("demo")) == 1
        assert daemon.info("slow")["lastAnswer"]["durationMs"] >= 1000 * (WAIT_MAX_S + LATE_S)


def test_a_resolver_that_takes_8_s_delays_nobody_else_and_not_the_end_of_the_daemon(server):
    slow_url = server.http.replace("127.0.0.1", "slow.test")
    patient_url = server.http.replace("127.0.0.1", "patient.test")
    resolver_s, connect_s, wait_max_s = 8 * PACE, 6 * PACE, WAIT_MAX_S * PACE
    slow = {"LD_PRELOAD": os.environ["GCTOKEND_SLOW_RESOLVER"], "SLOW_RESOLVER_SECONDS": str(resolver_s)}
    server.client("other", "other-secret")
    server.client("patient", "patient-secret")
    config = (f"[reauthentication]\nrefresh_token_wait_max = {wait_max_s}\n[daemon]\ninsecure_http = true\n"
              + profile(server, "cached", "other", "other-secret")
              + profile(server, "slow", url=slow_url, connect_timeout=connect_s)
              + profile(server, "patient", "patient", "patient-secret",
                        url=patient_url, connect_timeout=20 * PACE))
    daemon = Daemon(config, environment=slow)
    try:
        daemon.start()
        daemon.wait_state("fresh", "cached")
        patient = in_background(timed, daemon.get, "patient")
        caller = in_background(timed, daemon.get, "slow")
        took, n = slowest(daemon, "cached", caller.done)
        remark(f"resolver hangs: {n} cached answers, the slowest {took * 1e3:.2f} ms")
        assert took <= CACHED_MAX_S
        assert n > 500 / SLOWNESS

        # One who would wait for the connection longer has the token when the name is found.
        waited, token = patient.result()
        assert waited <= resolver_s + SLACK_S
        assert server.check(token)["client_id"] == "patient"
        assert daemon.info("patient")["lastAnswer"]["durationMs"] >= 1000 * resolver_s
        # With less for a connection there have been two attempts, and none came through.
        waited, error = caller.result()
        assert error["code"] == "refresh_timeout"
        assert wait_max_s <= waited <= wait_max_s + SLACK_S
        info = daemon.info("slow")
        assert info["state"] == "fetching" and info["consecutiveFailures"] == 1
        assert "cannot resolve slow.test" in info["lastError"]["message"]
        assert server.requests("demo") == []

        waited, status = timed(daemon.end)
        remark(f"resolver hangs: the end took {waited * 1e3:.0f} ms")
        assert status == 0
        assert waited <= 1.0 * SLOWNESS
    finally:
        daemon.stop()


# ---- outages

OUTAGE_LIFETIME_S = 5 * PACE
OUTAGE_MARGIN_S = 0.5 * PACE
# An attempt that hangs is for none of its callers; the others are over soon.
OUTAGE_WAIT_MAX_S = {"down": 1 * PACE, "503": 1 * PACE, "hang": 1}
OUTAGE_REQUEST_S = 1 * PACE
# Until then the last token is below its margin: a server that hangs takes more time for each attempt.
OUTAGE_FAILURES = {"down": 3 if PACE == 1 else 4, "503": 3 if PACE == 1 else 4, "hang": 2}

KINDS = ["down", "503", "hang"]


class Outage:
    """What callers of one profile saw while its server was away, and when it was asked."""

    def __init__(self, daemon, name, server):
        with Caller(daemon, name, every=0.02) as caller:
            self._go_away(name, server)
            self.failed_at = [self._await_failure(daemon, name, i + 1) for i in range(OUTAGE_FAILURES[name])]
            self.requests = [] if name == "down" else server.requests(name)
            self._come_back(name, server)
            self.back_at = time.time()
            self.info = self._await_token(daemon, name)
            wait_until(lambda: "data" in caller.calls[-1].reply)
        self.calls = caller.calls
        self.active = server.check(daemon.get(name))["active"]

    @staticmethod
    def _go_away(name, server):
        if name == "down":
            server.down()
        elif name == "503":
            server.rules([{"status": 503}])
        else:
            server.rules([{"delay_ms": 60000}])

    @staticmethod
    def _come_back(name, server):
        if name == "down":
            server.up()
            server.client(name, f"{name}-secret", expires_in=OUTAGE_LIFETIME_S)
        else:
            server.rules([])

    @staticmethod
    def _await_info(daemon, name, is_so):
        def look():
            info = daemon.info(name)
            return info if is_so(info) else None
        return wait_until(look, timeout=30)

    def _await_failure(self, daemon, name, n):
        info = self._await_info(daemon, name, lambda info: info["consecutiveFailures"] >= n)
        return seconds(info["lastError"]["at"])

    def _await_token(self, daemon, name):
        generation = daemon.info(name)["generation"]
        return self._await_info(daemon, name, lambda info: info["generation"] > generation)


@pytest.fixture(scope="module")
def outages():
    """The three kinds at the same time."""
    with contextlib.ExitStack() as stack:
        servers = {kind: stack.enter_context(Sandbox(clients=[
            {"id": kind, "secret": f"{kind}-secret", "expires_in": OUTAGE_LIFETIME_S}]))
            for kind in KINDS}
        daemon = stack.enter_context(Daemon("".join(
            profile(servers[kind], kind, kind, f"{kind}-secret", request_timeout=OUTAGE_REQUEST_S,
                    refresh_token_wait_max=OUTAGE_WAIT_MAX_S[kind]) for kind in KINDS)))
        for kind in KINDS:
            daemon.wait_state("fresh", kind)
        futures = {kind: in_background(Outage, daemon, kind, servers[kind]) for kind in KINDS}
        yield {kind: future.result() for kind, future in futures.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_through_an_outage_the_valid_token_is_served_to_its_margin(outages, kind):
    outage = outages[kind]
    first = [call for call in outage.calls if "data" in call.reply and call.at < outage.back_at]
    assert len({call.reply["data"]["jwtToken"] for call in first}) == 1
    until = seconds(first[0].reply["data"]["expiration"]) - OUTAGE_MARGIN_S
    assert outage.failed_at[0] < until or kind == "hang"
    assert first[-1].at <= until + ROUNDING_S
    assert min(call.came for call in outage.calls if "error" in call.reply) >= until - 0.2 * SLOWNESS
    # None of them waited, although a refresh was under way or in back-off.
    assert max(call.took for call in first) <= 0.2 * SLOWNESS


@pytest.mark.parametrize("kind", KINDS)
def test_through_an_outage_callers_without_a_token_are_told_when_to_come_again(outages, kind):
    outage = outages[kind]
    errors = [call for call in outage.calls if "error" in call.reply and call.at < outage.back_at]
    told = [call for call in errors if call.reply["error"]["code"] == "upstream_unavailable"]
    others = [call for call in errors if call not in told]
    # Who joins an attempt that hangs stays through the back-off behind it, if the next one may come in time.
    assert len(told) > (0 if kind == "hang" else 5 / SLOWNESS)
    for call in told:
        assert call.reply["error"]["retryable"]
        assert 1 <= call.reply["error"]["retryAfter"] <= math.ceil(2 ** (OUTAGE_FAILURES[kind] - 1) * (1 + JITTER))
    # Only who joined an attempt that hangs may run into its own time limit.
    assert all(call.reply["error"]["code"] == "refresh_timeout" for call in others)
    assert kind == "hang" or not others
    assert max(call.took for call in errors) <= OUTAGE_WAIT_MAX_S[kind] + SLACK_S


@pytest.mark.parametrize("kind", KINDS)
def test_through_an_outage_attempts_follow_the_back_off(outages, kind):
    outage = outages[kind]
    gaps = [b - a for a, b in zip(outage.failed_at, outage.failed_at[1:] + [seconds(outage.info["issuedAt"])])]
    extra = OUTAGE_REQUEST_S if kind == "hang" else 0  # each attempt hangs so long before it fails
    for i, gap in enumerate(gaps):
        wait = 2 ** i
        hung = extra if i < len(gaps) - 1 else 0  # the last one went well
        assert wait * (1 - JITTER) <= gap - hung <= wait * (1 + JITTER) + SLACK_S, gaps
    # One request an attempt, by the server's own count: the first one brought the first token.
    if kind != "down":
        assert len(outage.requests) == 1 + len(outage.failed_at)
        at = [request["at_ms"] / 1000 for request in outage.requests[1:]]
        late = 0.1 * SLOWNESS if kind == "hang" else 0  # the server's time begins after that of the attempt
        for i, gap in enumerate(b - a for a, b in zip(at, at[1:])):
            assert 2 ** i * (1 - JITTER) - late <= gap - extra <= 2 ** i * (1 + JITTER) + SLACK_S, at


@pytest.mark.parametrize("kind", KINDS)
def test_after_an_outage_all_is_fresh(outages, kind):
    outage = outages[kind]
    assert outage.active
    assert outage.info["state"] == "fresh"
    assert outage.info["consecutiveFailures"] == 0 and outage.info["lastError"] is None
    assert "data" in outage.calls[-1].reply


# ---- Retry-After

# What the server says, and how long the next attempt has to wait.
RETRY_AFTER = {
    "seconds": ({"status": 503, "retry_after": 3}, 3),
    "seconds-429": ({"status": 429, "retry_after": 3}, 3),
    "date": ({"status": 503, "retry_after_date": 3}, 3),
    "date-of-a-clock-that-is-wrong": ({"status": 503, "retry_after_date": 3, "date_skew_s": -86400}, 3),
    "unusable-200": ({"preset": "html", "retry_after": 3}, 3),
    "rate-limit": ({"preset": "genesys_rate_limit", "retry_after": 3}, 3),
    "less-than-the-back-off": ({"status": 503, "retry_after": 0}, 1),
    "past": ({"status": 503, "retry_after_date": -60}, 1),
    "no-date-to-hold-it-against": ({"status": 503, "retry_after_date": 60, "no_date": True}, 1),
    "nonsense": ({"status": 503, "headers": {"Retry-After": "soon"}}, 1),
    "negative": ({"status": 503, "retry_after": -7}, 1),
    "100-days": ({"status": 503, "retry_after": 8640000}, 180),
    "in-100-days": ({"status": 503, "retry_after_date": 8640000}, 180),
}


@pytest.fixture(scope="module")
def told_to_wait():
    clients = [{"id": name, "secret": f"{name}-secret"} for name in RETRY_AFTER]
    rules = [{"match": {"client_id": name}, "times": 1, **rule} for name, (rule, _) in RETRY_AFTER.items()]
    with Sandbox(clients=clients, rules=rules) as server:
        with Daemon("".join(profile(server, name, name, f"{name}-secret")
                            for name in RETRY_AFTER)) as daemon:
            server.wait(lambda stats: stats["token_requests"] >= len(RETRY_AFTER))
            yield server, daemon


@pytest.mark.parametrize("name", RETRY_AFTER)
def test_retry_after_is_kept(told_to_wait, name):
    server, daemon = told_to_wait
    wait = RETRY_AFTER[name][1]
    if wait > 10:
        info = daemon.wait_state("failing", name)
        left = seconds(info["refreshAt"]) - seconds(info["lastError"]["at"])
        assert wait - 1 <= left <= wait
        assert wait - 30 * PACE <= daemon.get(name)["retryAfter"] <= wait
        assert len(server.requests(name)) == 1
        return
    daemon.wait_state("fresh", name)
    first, second = server.requests(name)
    least = wait * (1 - JITTER) if wait == 1 else wait
    most = wait * (1 + JITTER) if wait == 1 else wait
    assert least <= (second["at_ms"] - first["at_ms"]) / 1000 + 0.005 <= most + SLACK_S


# ---- the end of the minute that began with this file

def expires(call):
    return seconds(call.reply["data"]["expiration"])


def most_s(previous, call):
    """What a call may take: less than a request, so that it did not wait for one. If the token before was below its margin
    when the request for the next one began, who asks has to wait for it; how often that comes is seen from the number of
    requests."""
    sent = expires(call) - SHORT_LIFETIME_S
    if sent >= expires(previous) - SHORT_MARGIN_S:
        return SHORT_REQUEST_S + SLACK_S
    was_there = call.at >= sent + SHORT_REQUEST_S
    return SHORT_REQUEST_S * SLOWNESS * (1 if was_there else 0.5)


def test_with_8_s_tokens_for_a_minute_nobody_waits_and_nobody_gets_one_below_its_margin(minute):
    took, requests = minute.finish()
    calls = [call for caller in minute.callers for call in caller.calls]
    assert len(calls) > 4 * MINUTE_S * 5 / SLOWNESS
    assert minute.dead == []
    for call in calls:
        assert call.at <= expires(call) - SHORT_MARGIN_S
    remark(f"8 s tokens: {len(calls)} calls, the slowest {max(call.took for call in calls) * 1e3:.2f} ms")
    for caller in minute.callers:
        for previous, call in zip(caller.calls[:1] + caller.calls, caller.calls):
            assert call.took <= most_s(previous, call), (previous, call)
    # Each token was renewed at 75 ± 5 % of its life.
    for n in requests.values():
        assert took / (SHORT_LIFETIME_S * 0.82) <= n <= took / (SHORT_LIFETIME_S * 0.68) + 2
