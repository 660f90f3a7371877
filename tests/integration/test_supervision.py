"""What the daemon tells a service manager: that it serves, how its profiles are, and that none is overlooked."""

import os
import re
import signal
import time

import pytest

from daemon import PACE, Daemon, profile
from manager import Manager

WATCHDOG_S = 2 * PACE
# A daemon that is well is heard of after half of the interval; one that is silent for all of it is ended.
SILENCE_S = WATCHDOG_S
# Past its time by more than that, something counts as overlooked.
GRACE_S = 5


@pytest.fixture
def manager():
    with Manager() as manager:
        yield manager


@pytest.fixture
def guarded():
    """A manager that waits to hear that the daemon is alive."""
    with Manager(WATCHDOG_S) as manager:
        yield manager


def supervised(manager, text, environment=None, **options):
    return Daemon(text, environment={**manager.environment, **(environment or {})}, **options)


def pings(manager):
    return len(manager.values("WATCHDOG"))


def test_ready_is_told_once_the_socket_is_served(server, manager):
    daemon = supervised(manager, profile(server))
    with daemon:
        manager.wait_ready()
        assert "data" in daemon.ask("system.getStatus")
        assert "READY" in manager.messages[0][1]
    assert manager.values("READY") == ["1"]


def test_a_daemon_that_does_not_start_is_not_ready(manager):
    with pytest.raises(AssertionError, match=r"did not start \(78\)"):
        supervised(manager, "[profile default]\nclient_id = id\n").start()
    assert manager.hear() == []


def test_status_counts_profiles_and_says_when_the_next_refresh_comes(server, manager):
    server.rule({"expires_in": 1000})
    text = profile(server) + profile(server, "dead", secret="wrong-secret")
    with supervised(manager, text) as daemon:
        daemon.secrets.add("wrong-secret")
        status = manager.wait_status("2 profiles: 1 fresh, 1 failing; next refresh in ")
        seconds = int(re.fullmatch(r".* in (\d+) s", status).group(1))
        assert 0 < seconds <= 300
        daemon.write_config(profile(server))
        status = manager.wait_status("1 profile: 1 fresh; next refresh in ")
        seconds = int(re.fullmatch(r".* in (\d+) s", status).group(1))
        assert 600 < seconds <= 800


def test_nothing_is_told_while_nothing_changes(server, manager):
    with supervised(manager, profile(server)) as daemon:
        manager.wait_status("1 fresh")
        n = len(manager.hear())
        for _ in range(50):
            daemon.get()
        time.sleep(3)
        assert len(manager.hear()) == n


def test_status_is_told_at_most_once_a_second(server, manager):
    with supervised(manager, profile(server)) as daemon:
        manager.wait_status("1 fresh")
        for n in range(30):
            daemon.ask("auth.setAccessToken", {"token": f"planted-token-{n}", "expiresIn": 1000 + n})
            time.sleep(0.05)
        time.sleep(1.5)
        manager.hear()
        times = [when for when, message in manager.messages if "STATUS" in message][1:]
        assert len(times) <= 5


def test_a_reload_is_told_with_its_beginning_and_its_end(server, manager):
    with supervised(manager, profile(server)) as daemon:
        manager.wait_status("1 fresh")
        n = len(manager.hear())
        before_us = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        assert "data" in daemon.ask("system.reload")
        after_us = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
        manager.wait_ready(2)
        reloading, ready = manager.hear()[n:n + 2]
        assert reloading["RELOADING"] == "1"
        assert before_us - 1 <= int(reloading["MONOTONIC_USEC"]) <= after_us
        assert ready == {"READY": "1"}
        daemon.signal(signal.SIGHUP)
        manager.wait_ready(3)
        daemon.write_config(profile(server, scope="x"))  # which it notices
        manager.wait_ready(4)
        assert len(manager.values("RELOADING")) == 3


def test_a_refused_reload_is_told_until_one_is_taken(server, manager):
    with supervised(manager, profile(server)) as daemon:
        manager.wait_status("1 fresh")
        daemon.write_config(profile(server) + "scop = x\n")
        status = manager.wait_status("the last reload failed")
        assert status.startswith("1 profile: 1 fresh")
        assert f"{daemon.config_path}:" in status and "did you mean scope" in status
        manager.wait_ready(2)
        daemon.write_config(profile(server))
        manager.wait_ready(3)
        manager.wait(lambda: "failed" not in manager.status(), "a status without the mistake")


def test_the_end_is_told(server, manager):
    with supervised(manager, profile(server)) as daemon:
        manager.wait_ready()
        assert daemon.end() == 0
        assert manager.values("STOPPING") == ["1"]
        assert manager.status() == "Stopping"


# ---- watchdog

def test_a_daemon_that_is_well_is_heard_of_within_the_interval(server, guarded):
    with supervised(guarded, profile(server)) as daemon:
        guarded.wait(lambda: pings(guarded) >= 4, "four signs of life", timeout=6 * WATCHDOG_S)
        times = [when for when, message in guarded.messages if "WATCHDOG" in message]
        assert max(b - a for a, b in zip(times, times[1:])) < WATCHDOG_S
        # It is the interval's half, not more often.
        assert min(b - a for a, b in zip(times, times[1:])) > WATCHDOG_S / 4
        # With it come the seconds as they are by then.
        assert len(set(guarded.values("STATUS"))) > 2
        assert daemon.get()


def test_a_stopped_daemon_is_silent_and_a_continued_one_is_heard_of_again(server, guarded):
    with supervised(guarded, profile(server)) as daemon:
        guarded.wait(lambda: pings(guarded) >= 1, "a sign of life", timeout=4 * WATCHDOG_S)
        daemon.signal(signal.SIGSTOP)
        time.sleep(0.2)
        n = pings(guarded)
        time.sleep(SILENCE_S)
        assert pings(guarded) == n
        daemon.signal(signal.SIGCONT)
        guarded.wait(lambda: pings(guarded) > n, "a sign of life", timeout=WATCHDOG_S)
        assert "overlooked" not in daemon.log()


def stuck():
    return {"LD_PRELOAD": os.environ["GCTOKEND_STUCK_TIMERS"]}


def check_silence(guarded, daemon):
    """It says once why it is silent, and then is."""
    daemon.wait_log("has been overlooked", timeout=GRACE_S + 10 * PACE)
    n = pings(guarded)
    time.sleep(SILENCE_S)
    assert pings(guarded) == n
    assert daemon.log().count("has been overlooked") == 1
    # The loop turns all the while.
    assert "data" in daemon.ask("system.getStatus")


def test_a_daemon_that_overlooks_a_refresh_is_silent(server, guarded):
    server.rule({"expires_in": 4 * PACE})
    with supervised(guarded, profile(server), stuck()) as daemon:
        daemon.wait_state("fresh")
        assert server.stats()["token_requests"] == 1
        guarded.wait(lambda: pings(guarded) >= 1, "a sign of life", timeout=4 * WATCHDOG_S)
        check_silence(guarded, daemon)
        assert server.stats()["token_requests"] == 1


def test_a_daemon_that_overlooks_who_waits_is_silent(server, guarded):
    server.rule({"delay_ms": 60000})
    with supervised(guarded, profile(server, refresh_token_wait_max=3 * PACE), stuck()) as daemon:
        with daemon.connect() as waiting:
            waiting.send("auth.getJwtToken")
            check_silence(guarded, daemon)


def test_a_manager_that_hangs_delays_nobody(server):
    with Manager(watchdog_s=0.05) as manager, supervised(manager, profile(server)) as daemon:
        manager.wait_status("1 fresh")
        time.sleep(2)  # the queue has room for some ten messages
        for _ in range(100):
            assert daemon.get()
        assert daemon.ask("system.reload")["data"]
        assert len(manager.values("RELOADING")) == 0  # there was no room
        manager.wait(lambda: pings(manager) >= 20, "signs of life")
        manager.wait_ready(1)
