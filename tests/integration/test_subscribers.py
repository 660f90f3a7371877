"""Many subscribers, and slow ones: each hears each event once and in order, and who does not read costs nobody anything."""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys

from callers import ALICE, BOB, NEEDS_ROOT, code, connect_as, wait_until
from daemon import PACE, SLOWNESS, Daemon, profile
from listening import SUBSCRIBE, expect, plant, subscribed
from sandbox import Sandbox
from traffic import CACHED_MAX_S, fairly_timed, in_background, peak_kib, slowest

SUBSCRIBERS, TOKENS, PROFILES = 1000, 100, 25
UNREAD_MAX = 1024 * 1024  # bytes, behind which a subscriber is dropped
SPREAD_MAX_S = SLOWNESS  # from the first of them that hears of a token to the last
SILENT = 250
PLANTS = 200
# What of a new token's way to a subscriber is the machine's noise.
TOLD_NOISE_S = 0.005 * SLOWNESS


def allow_descriptors(n):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= n, f"the hard limit of descriptors is below {n}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


def test_1000_subscribers_hear_each_of_100_refreshes_once_and_in_order():
    lifetime = 2 * PACE
    names = [f"p{i:02}" for i in range(PROFILES)]
    clients = [{"id": name, "secret": f"{name}-secret", "expires_in": lifetime} for name in names]
    # Long ones, so that the one who does not read them falls behind.
    with Sandbox(clients=clients, rules=[{"token_size": 2 * UNREAD_MAX // TOKENS}]) as server:
        config = "".join(profile(server, name, name, f"{name}-secret") for name in names)
        with Daemon(config + profile(server, "cached", "demo"), log_level="info") as daemon, subscribed(
                daemon, withToken=True) as stuck:
            for name in names + ["cached"]:
                daemon.wait_state("fresh", name, timeout=20)
            with subprocess.Popen(
                    [sys.executable, os.path.join(os.path.dirname(__file__), "subscribers.py"), daemon.socket,
                     str(SUBSCRIBERS), str(TOKENS)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                    preexec_fn=lambda: allow_descriptors(SUBSCRIBERS + 100)) as subscribers:
                try:
                    assert subscribers.stdout.readline() == "all have subscribed\n"
                    worst, n = slowest(daemon, "cached", lambda: subscribers.poll() is not None)
                    heard = json.loads(subscribers.stdout.read())
                finally:
                    subscribers.kill()
            print(f"\n{SUBSCRIBERS} subscribers: {heard}; {n} cached requests meanwhile, the slowest {worst:.4f} s")
            assert heard["faults"] == [] and heard["events"] >= TOKENS and heard["spread_s"] <= SPREAD_MAX_S
            assert n > 50 / SLOWNESS and worst <= CACHED_MAX_S
            # The one that has not read anything was dropped meanwhile.
            while "event" in (line := stuck.reply()):
                pass
            assert code(line) == "rate_limited"


# ---- who does not read


def listens_to(*names):
    """Profiles of which ALICE gets the tokens, BOB hears, and root sets the token."""
    allow = f"user:{ALICE} (*, auth.getJwtToken), user:{BOB} (events.subscribe), user:0 (auth.setAccessToken)"
    return "".join(f"[profile {name}]\ngrant = static\nallow = {allow}\n" for name in names)


def silent(daemon, stack):
    """Subscribers of ALICE that do not read; each has its reply."""
    connections = [stack.enter_context(connect_as(daemon, ALICE)) for _ in range(SILENT)]
    for connection in connections:
        connection.send(SUBSCRIBE, {"events": ["tokenRefreshed"], "withToken": True})
    for connection in connections:
        assert connection.socket.recv(1, socket.MSG_PEEK)
    return connections


def told_s(daemon, planter, subscriber, generations):
    """How long it takes from a new token to the subscriber: the median, and the time that 99 % are told in."""
    def told(token):
        planter.send("auth.setAccessToken", {"token": token, "expiresIn": 3600})
        return expect(subscriber, "tokenRefreshed")["generation"]

    found = []
    for generation in generations:
        token = f"{generation:06}" + "x" * 8000
        daemon.secrets.add(token)
        took, heard = fairly_timed(daemon, told, token)
        assert heard == generation and planter.reply()["data"]["generation"] == generation
        found.append(took)
    found.sort()
    return found[len(found) // 2], found[len(found) * 99 // 100 - 1]


def check_dropped(connection):
    """It has heard all up to where it was dropped, and then why."""
    assert "data" in connection.reply()
    heard = []
    while "event" in (line := connection.reply()):
        heard.append(line["data"]["generation"])
    assert code(line) == "rate_limited" and line["error"]["retryable"], line
    assert connection.line() == b""
    assert heard == list(range(heard[0], heard[0] + len(heard)))


@NEEDS_ROOT
def test_subscribers_that_do_not_read_cost_the_others_nothing_and_are_told_why_they_are_dropped():
    config = "[daemon]\nmax_connections = 1024\n" + listens_to("default")
    with Daemon(config, log_level=None) as daemon, contextlib.ExitStack() as stack:
        planter = stack.enter_context(daemon.connect())
        subscriber = stack.enter_context(connect_as(daemon, BOB))
        assert "data" in subscriber.ask(SUBSCRIBE, {"events": ["tokenRefreshed"]})
        alone = told_s(daemon, planter, subscriber, range(1, PLANTS + 1))
        connections = silent(daemon, stack)
        before = peak_kib(daemon)
        beside = told_s(daemon, planter, subscriber, range(PLANTS + 1, 2 * PLANTS + 1))
        grown = peak_kib(daemon) - before
        print(f"\nmedian and p99 from a new token to a subscriber: {1000 * alone[0]:.2f} and {1000 * alone[1]:.2f} ms alone, "
              f"{1000 * beside[0]:.2f} and {1000 * beside[1]:.2f} ms beside {SILENT} that do not read; {grown} KiB")
        assert beside[1] < max(TOLD_NOISE_S, 4 * alone[1])
        assert grown < 64 * 1024  # were nothing shared, it would be four times that
        for connection in connections:
            check_dropped(connection)


@NEEDS_ROOT
def test_state_that_is_not_read_costs_no_memory_for_each_who_does_not_read_it():
    names = [f"p{n}" for n in range(8)]
    with Daemon("[daemon]\nmax_connections = 1024\n" + listens_to(*names), log_level=None) as daemon, \
            contextlib.ExitStack() as stack:
        for name in names:
            plant(daemon, name + "x" * 60000, name)
        before = peak_kib(daemon)
        first, *_ = silent(daemon, stack)
        assert peak_kib(daemon) - before < 8 * 1024
        assert first.reply()["data"]["tokens"] == names
        for name in names:
            assert expect(first, "tokenRefreshed", name)["jwtToken"].startswith(name)


def test_one_that_was_dropped_may_come_again(daemon):
    token = "x" * 60000
    with subscribed(daemon, withToken=True) as connection:
        for n in range(2 * UNREAD_MAX // len(token)):
            generation = plant(daemon, f"{token}{n:02}")
        while "event" in (line := connection.reply()):
            pass
        assert code(line) == "rate_limited"
    with subscribed(daemon) as again:
        assert expect(again, "tokenRefreshed")["generation"] == generation


# ---- who comes and goes


def test_subscribers_that_come_while_tokens_do_miss_none(daemon):
    """Each hears of all generations from the one in its state on."""
    rounds = 60

    def plant_all():
        return [plant(daemon, f"planted-{n}-12345") for n in range(rounds)]

    with contextlib.ExitStack() as stack:
        planting = in_background(plant_all)
        connections = []
        while not planting.done():
            connections.append(stack.enter_context(subscribed(daemon)))
        last = planting.result()[-1]
        assert len(connections) > 1
        for connection in connections:
            generation = expect(connection, "tokenRefreshed")["generation"]
            while generation < last:
                generation += 1
                assert expect(connection, "tokenRefreshed")["generation"] == generation


def test_subscribers_that_leave_cost_nothing(daemon):
    for _ in range(200):
        with subscribed(daemon):
            pass
    with subscribed(daemon) as connection:
        expect(connection, "tokenRefreshed")
        plant(daemon, "for-who-stayed-12345")
        assert expect(connection, "tokenRefreshed")["generation"] == 2
        wait_until(lambda: daemon.ask("system.getStatus")["data"]["connections"] == 2)
