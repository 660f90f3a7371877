"""Many at once: callers of one token, profiles that are due together, connections that do nothing."""

import contextlib
import json
import os
import resource
import shlex
import signal
import subprocess
import time

import pytest

from callers import wait_until
from daemon import PACE, SLOWNESS, Daemon, profile
from sandbox import Sandbox
from traffic import CACHED_MAX_S, in_background, peak_kib, slowest, timed

HOST_ATTEMPTS_MAX = 8
PROFILES = 300


def remark(text):
    """For who runs pytest with -s."""
    print(f"\n{text}")


# ---- connections

WAITING = 10_000
SPARE_DESCRIPTORS = 100


def test_10_000_waiting_connections_share_one_request_and_are_all_answered(server):
    if "GCTOKEND_BENCH_LOAD" not in os.environ:
        pytest.skip("no load generator: GCTOKEND_BENCH_LOAD is not set")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < WAITING + SPARE_DESCRIPTORS:
        pytest.skip(f"the hard limit of descriptors is below {WAITING + SPARE_DESCRIPTORS}")
    # Until then all of them have to be waiting; the load generator's own limit is 30 s.
    delay_s = min(4 * SLOWNESS, 20)
    server.rule({"delay_ms": int(delay_s * 1000)})
    config = f"[daemon]\nmax_connections = {WAITING + SPARE_DESCRIPTORS}\n"
    config += profile(server, "bench", refresh_token_wait_max=60)
    with Daemon(config) as daemon:
        server.wait(lambda stats: stats["in_flight"] == 1)
        sent_at_ms = time.clock_gettime(time.CLOCK_MONOTONIC) * 1000
        done = subprocess.run(
            shlex.split(os.environ["GCTOKEND_BENCH_LOAD"])
            + ["--socket", daemon.socket, "--connections", str(WAITING), "wait"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        result = json.loads(done.stdout)
        assert done.returncode == 0, result
        assert result["answers"] == WAITING and result["errors"] == 0
        # All of them were waiting when the server answered.
        assert result["all_sent"]["monotonic_ms"] < sent_at_ms + delay_s * 1000
        took_ms = result["last_answer"]["monotonic_ms"] - result["first_answer"]["monotonic_ms"]
        late_ms = result["last_answer"]["monotonic_ms"] - (sent_at_ms + delay_s * 1000)
        remark(f"10 000 waiting: all answered within {took_ms:.0f} ms, {late_ms:.0f} ms after the server")
        assert late_ms <= 2000 * SLOWNESS
        assert server.stats()["token_requests"] == 1


def test_2000_idle_connections_disturb_nobody(daemon):
    with contextlib.ExitStack() as stack:
        for _ in range(2000):
            stack.enter_context(daemon.connect())
        assert daemon.ask("system.getStatus")["data"]["connections"] >= 2000
        until = time.monotonic() + 1
        took, n = slowest(daemon, "default", lambda: time.monotonic() > until)
        assert n > 50 / SLOWNESS
        assert took <= CACHED_MAX_S
    assert daemon.get()


def test_200_halves_of_a_request_disturb_nobody(daemon):
    half, rest = b'{"request":"auth.getJwtToken","para', b'meters":{}}\n'
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(daemon.connect()) for _ in range(200)]
        for connection in connections:
            connection.send_raw(half)
        assert daemon.ask("system.getStatus")["data"]["connections"] >= 200  # it has read them
        until = time.monotonic() + 1
        took, n = slowest(daemon, "default", lambda: time.monotonic() > until)
        assert n > 50 / SLOWNESS
        assert took <= CACHED_MAX_S
        # And they have lost nothing.
        for connection in connections:
            connection.send_raw(rest)
        token = daemon.get()
        assert all(connection.reply()["data"]["jwtToken"] == token for connection in connections)


def test_a_huge_line_costs_its_sender_the_connection_and_nobody_else_anything(daemon):
    megabyte = b'{"request":"' + b"x" * (1 << 20)
    before = peak_kib(daemon)

    def send():
        with daemon.connect() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for _ in range(64):
                    connection.send_raw(megabyte)
                return None
            with contextlib.suppress(ConnectionResetError):
                return connection.reply()
            return None

    sender = in_background(lambda: [send() for _ in range(20)])
    took, _ = slowest(daemon, "default", sender.done)
    assert took <= CACHED_MAX_S
    replies = [reply for reply in sender.result() if reply]
    assert len(replies) >= 1
    assert {reply["error"]["code"] for reply in replies} == {"invalid_request"}
    assert peak_kib(daemon) - before < 16 * 1024


def test_callers_who_leave_take_neither_the_flight_nor_the_others_with_them(server):
    server.rule({"times": 1, "delay_ms": int(1000 * max(2, SLOWNESS))})
    with Daemon(profile(server, refresh_token_wait_max=60)) as daemon:
        connections = [daemon.connect() for _ in range(500)]
        for connection in connections:
            connection.send("auth.getJwtToken")
        wait_until(lambda: daemon.info()["waiters"] == len(connections))
        for connection in connections[:400]:
            connection.close()
        wait_until(lambda: daemon.info()["waiters"] == 100)
        tokens = {connection.reply()["data"]["jwtToken"] for connection in connections[400:]}
        for connection in connections[400:]:
            connection.close()
        assert tokens == {daemon.get()}
        assert server.stats()["token_requests"] == 1


# ---- profiles

NAMES = [f"p{i:03}" for i in range(PROFILES)]


def many_profiles(server):
    return "".join(profile(server, name, name, f"{name}-secret") for name in NAMES)


def many_clients(**defaults):
    return [{"id": name, "secret": f"{name}-secret", **defaults} for name in NAMES]


def states(daemon):
    profiles = daemon.ask("system.getStatus")["data"]["profiles"]
    return {each["profile"]: each["state"] for each in profiles}


def wait_all_fresh(daemon, timeout=20):
    deadline = time.monotonic() + timeout * SLOWNESS
    while set((now := states(daemon)).values()) != {"fresh"}:
        assert time.monotonic() < deadline, now
        time.sleep(0.1)


def ask_at_once(daemon, names):
    """Sends a request for each of them; returns the connections, to be read later."""
    connections = {}
    for name in names:
        connections[name] = daemon.connect()
        connections[name].send("auth.getJwtToken", {"profile": name})
    return connections


def read_tokens(connections):
    tokens = {}
    for name, connection in connections.items():
        tokens[name] = connection.reply()["data"]["jwtToken"]
        connection.close()
    return tokens


def test_at_start_300_profiles_never_have_more_than_8_attempts_in_flight_and_callers_go_first():
    delay = 0.2 * PACE
    with Sandbox(clients=many_clients(), rules=[{"delay_ms": int(1000 * delay)}]) as server:
        with Daemon(many_profiles(server)) as daemon:
            # More are due by now than have had their turn; ask for the last of them.
            server.wait(lambda stats: stats["token_requests"] >= 100)
            # They are sorted by name and begin one after the other.
            wanted = NAMES[-12:]
            assert {states(daemon)[name] for name in wanted} == {"empty"}
            # It stands still, so that nothing begins between the count and the callers.
            daemon.signal(signal.SIGSTOP)
            connections = ask_at_once(daemon, wanted)
            before = server.stats()["token_requests"]
            daemon.signal(signal.SIGCONT)
            took, tokens = timed(read_tokens, connections)
            remark(f"start: {len(wanted)} callers among {PROFILES} profiles waited {took:.2f} s")
            # Two turns of eight, behind the one that is under way.
            assert took <= 3 * delay + 1 * SLOWNESS
            assert len(tokens) == len(wanted)
            places = [i for i, request in enumerate(server.requests()) if request["client_id"] in wanted]
            assert max(places) < before + len(wanted) + 2 * HOST_ATTEMPTS_MAX

            wait_all_fresh(daemon)
            stats = server.stats()
            assert stats["max_in_flight"] == HOST_ATTEMPTS_MAX
            assert stats["token_requests"] == PROFILES
            assert all(client["token_requests"] == 1 for client in stats["clients"].values()
                       if client["token_requests"])


def test_after_a_suspend_300_expired_profiles_have_8_attempts_in_flight_and_callers_go_first():
    lifetime = 12 if PACE == 1 else 30  # nothing is renewed until all are there and have been asked for
    delay = 0.1 * PACE
    with Sandbox(clients=many_clients(expires_in=lifetime)) as server:
        with Daemon(many_profiles(server)) as daemon:
            wait_all_fresh(daemon)
            last = time.monotonic()
            old = read_tokens(ask_at_once(daemon, NAMES))
            assert server.stats()["token_requests"] == PROFILES
            # For the daemon the time of a suspend passes just as this does.
            daemon.signal(signal.SIGSTOP)
            server.rules([{"delay_ms": int(1000 * delay), "expires_in": 3600}])
            connections = ask_at_once(daemon, NAMES[::30])
            time.sleep(max(0, last + lifetime + 0.1 - time.monotonic()))
            assert not any(server.check(token)["active"] for token in old.values())
            daemon.signal(signal.SIGCONT)
            took, tokens = timed(read_tokens, connections)
            remark(f"suspend: {len(tokens)} callers among {PROFILES} profiles waited {took:.2f} s")

            assert all(tokens[name] != old[name] for name in tokens)
            assert all(server.check(token)["active"] for token in tokens.values())
            # The timer and the callers come with the same turn of the loop.
            places = [i for i, request in enumerate(server.requests()) if request["client_id"] in tokens]
            assert max(places[len(tokens):]) < PROFILES + len(tokens) + 2 * HOST_ATTEMPTS_MAX
            assert took <= 4 * delay + 1 * SLOWNESS

            wait_all_fresh(daemon)
            stats = server.stats()
            assert stats["max_in_flight"] == HOST_ATTEMPTS_MAX
            assert stats["token_requests"] == 2 * PROFILES
