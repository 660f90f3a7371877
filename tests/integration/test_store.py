"""What a service manager keeps for gctokend: neither a restart nor a kill at any time costs a token request or a sign-in."""

import contextlib
import hashlib
import random
import re
import signal
import time

import pytest

from daemon import SLOWNESS, Daemon, alike, profile
from fdstore import FdStore
from sandbox import Sandbox

ROUNDS = max(3, int(20 / SLOWNESS))
BOOT_AT = 16  # in what is stored: see io/fdstore.h
HEADER_LEN = 64
SECRET = "s3cret-of-the-client"


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        sandbox.client("web", SECRET, refresh_tokens="burned")
        yield sandbox


@pytest.fixture
def manager():
    with FdStore() as started:
        yield started


@contextlib.contextmanager
def kept(manager, config):
    """A daemon with a service manager."""
    with Daemon(config, environment=manager.environment) as daemon:
        daemon.secrets.add(SECRET)
        yield daemon


def pkce(server, name="default", **keys):
    return profile(server, name, "app", None, grant="pkce", redirect_uri="http://localhost:8400/back",
                   authorize_url=server.http + "/oauth/authorize", **keys)


def requests(server):
    return server.stats()["token_requests"]


# What outlives it

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGTERM])
def test_token_and_generation_outlive_the_daemon(server, manager, number):
    with kept(manager, profile(server)) as daemon:
        before = daemon.wait_state("fresh")
        token = daemon.get()
        for _ in range(3):
            manager.restart(daemon, number)
            assert daemon.get() == token
            assert alike(daemon.info(), before)
        assert requests(server) == 1


def test_what_was_told_is_kept_though_the_kill_comes_at_once(server, manager):
    names = [f"p{n}" for n in range(ROUNDS)]
    with kept(manager, "\n".join(profile(server, name) for name in names)) as daemon:
        for name in names:
            daemon.wait_state("fresh", name)
        manager.wait(ROUNDS, '"generation":1')
        for n, name in enumerate(names):
            assert daemon.ask("auth.refresh", {"profile": name})["data"]["generation"] == 2
            manager.restart(daemon)
            assert [daemon.info(name)["generation"] for name in names] == [2] * (n + 1) + [1] * (ROUNDS - n - 1)
            assert all(server.check(daemon.get(name))["active"] for name in names)
        assert requests(server) == 2 * ROUNDS


def test_a_kill_while_a_token_is_fetched_costs_that_request_alone(server, manager):
    names = [f"p{n}" for n in range(ROUNDS)]
    with kept(manager, "\n".join(profile(server, name) for name in names)) as daemon:
        for name in names:
            daemon.wait_state("fresh", name)
        manager.wait(ROUNDS, '"generation":1')
        for name in names:
            asked = requests(server)
            with daemon.connect() as connection:
                connection.send("auth.refresh", {"profile": name})
                time.sleep(random.uniform(0, 0.01))
                manager.restart(daemon)
            assert server.check(daemon.get(name))["active"]
            assert daemon.wait_state("fresh", name)["generation"] <= 2
            assert requests(server) <= asked + 2  # the one that was cut off, and the one that makes up for it


def test_a_browser_that_was_sent_off_may_come_back_to_the_next_daemon(server, manager):
    with kept(manager, pkce(server)) as daemon:
        begun = [daemon.ask("auth.getAuthorizeUrl", {"profile": "default"})["data"]]
        manager.restart(daemon)
        begun.append(daemon.ask("auth.getAuthorizeUrl", {"profile": "default"})["data"])
        manager.restart(daemon)
        for one in begun:
            back = server.visit(one["url"])
            daemon.secrets.add(back["code"])
            assert "data" in daemon.ask("auth.authorize", {"profile": "default", **back})
            manager.restart(daemon)
            # Its state is used up.
            assert daemon.ask("auth.authorize", {"profile": "default", **back})["error"]["code"] == "invalid_request"
        assert daemon.info()["generation"] == 2
        assert requests(server) == 2


def test_a_session_goes_on_with_its_token(server, manager, tmp_path):
    seed = tmp_path / "seed"
    seed.touch(0o600)
    seed.write_text(server.session("web"))
    with kept(manager, profile(server, client_id="web", secret=SECRET, grant="refresh_token",
                               refresh_token_file=str(seed))) as daemon:
        daemon.wait_state("fresh")
        token = daemon.get()
        manager.restart(daemon)
        assert daemon.get() == token
        assert requests(server) == 1
        assert daemon.get(rejectedToken=token) != token
        manager.restart(daemon)
        assert daemon.info()["generation"] == 2
        assert [session["alive"] for session in server.sessions("web")] == [True]
        for session in server.sessions("web"):
            for issued in session["refresh_tokens"]:
                assert issued["refresh_token"].encode() not in manager.text()


def test_a_planted_token_outlives_the_daemon(server, manager):
    with kept(manager, "[profile default]\ngrant = static\n") as daemon:
        daemon.secrets.add("a-planted-token")
        daemon.ask("auth.setAccessToken", {"profile": "default", "token": "a-planted-token", "expiresIn": 600})
        manager.restart(daemon)
        assert daemon.get() == "a-planted-token"


# What bounds requests

def test_a_daemon_that_is_killed_again_and_again_asks_by_the_back_off(server, manager):
    server.rule({"status": 503, "retry_after": 120})
    with kept(manager, profile(server)) as daemon:
        before = daemon.wait_state("failing")
        for _ in range(3):
            manager.restart(daemon)
            assert alike(daemon.info(), before)
            assert daemon.get()["code"] == "upstream_unavailable"
        assert requests(server) == 1


def test_a_permanent_refusal_holds_until_the_credentials_are_others(server, manager):
    with kept(manager, profile(server, secret="wrong-secret")) as daemon:
        daemon.secrets.add("wrong-secret")
        before = daemon.wait_state("rejected")
        for _ in range(3):
            manager.restart(daemon)
            assert alike(daemon.info(), before)
        assert requests(server) == 1
        daemon.write_config(profile(server))
        manager.restart(daemon)
        daemon.wait_state("fresh")
        assert requests(server) == 2


def test_a_rejected_token_and_the_gap_after_it_are_remembered(server, manager):
    with kept(manager, profile(server)) as daemon:
        daemon.wait_state("fresh")
        token = daemon.get(rejectedToken=daemon.get())
        manager.restart(daemon)
        assert daemon.get(rejectedToken=token)["code"] == "rate_limited"
        daemon.ask("auth.refresh", {"profile": "default"})
        manager.restart(daemon)
        assert daemon.ask("auth.refresh", {"profile": "default"})["error"]["code"] == "rate_limited"
        assert requests(server) == 3


def test_a_daemon_that_dies_of_each_answer_asks_by_the_back_off(server, manager):
    server.rule({"delay_ms": 3600 * 1000})
    with kept(manager, profile(server)) as daemon:
        server.wait(lambda stats: stats["token_requests"] == 1)
        manager.restart(daemon)
        info = daemon.info()
        assert info["consecutiveFailures"] == 1
        assert "ended while it waited" in info["lastError"]["message"]
        server.wait(lambda stats: stats["token_requests"] == 2)
        manager.restart(daemon)
        assert daemon.info()["consecutiveFailures"] == 2


# What does not fit

def test_a_profile_of_another_identity_asks_anew_and_the_others_go_on(server, manager):
    with kept(manager, profile(server, "a") + profile(server, "b")) as daemon:
        for name in "ab":
            daemon.wait_state("fresh", name)
        a, b = daemon.get("a"), daemon.get("b")
        daemon.write_config(profile(server, "a", audience="https://other.example/") + profile(server, "b"))
        manager.restart(daemon)
        assert daemon.get("b") == b
        assert daemon.get("a") != a
        assert re.search(r"warning: .*\ba\b.*is not used: it was for another grant, login server", daemon.log())
        assert requests(server) == 3


def test_a_profile_that_is_not_there_any_more_is_dropped(server, manager):
    with kept(manager, profile(server, "a") + profile(server, "b")) as daemon:
        for name in "ab":
            daemon.wait_state("fresh", name)
        token = daemon.get("a")
        daemon.write_config(profile(server, "b"))
        manager.restart(daemon)
        daemon.wait_log("profile a is not configured any more")
        daemon.info("b")  # what changed is stored before anybody is answered
        assert token.encode() not in manager.text()


def damaged(text):
    return text[:-2] + bytes([text[-2] ^ 1]) + text[-1:]


def other_boot(text):
    """Of another boot, and whole."""
    head = text[:BOOT_AT] + bytes(16)
    return head + hashlib.sha256(head + text[HEADER_LEN:]).digest() + text[HEADER_LEN:]


@pytest.mark.parametrize("change, why", [
    (damaged, "it is damaged"),
    (other_boot, "it is from before the machine was started"),
    (lambda text: text[:7] + b"\x02" + text[8:], "another version of gctokend"),
    (lambda text: b"x" + text[1:], "it is something else"),
    (lambda text: text[:40], "it is damaged: too short"),
    (lambda text: text[:-1], "it is damaged"),
])
def test_a_store_that_does_not_fit_is_ignored_with_a_warning(server, manager, change, why):
    with kept(manager, profile(server)) as daemon:
        daemon.wait_state("fresh")
        token, text = daemon.get(), manager.text()
        manager.kill(daemon)
        manager.forget()
        manager.put(change(text))
        manager.start(daemon)
        daemon.wait_state("fresh")
        assert daemon.get() != token
        daemon.wait_log(f"gctokend-store-1000, which an earlier daemon left with the service manager, is not used: {why}")
        manager.text()  # it was taken out of the store, and another one is there
        assert "gctokend-store-1000" not in manager.stored


def test_of_several_the_newest_that_is_whole_is_used(server, manager):
    with kept(manager, profile(server)) as daemon:
        daemon.wait_state("fresh")
        old = manager.text()
        token = daemon.get(rejectedToken=daemon.get())
        new = manager.text()
        manager.kill(daemon)
        manager.forget()
        manager.put(old, "gctokend-store-8")
        manager.put(damaged(new), "gctokend-store-10")
        manager.put(new, "gctokend-store-9")
        manager.put(new, "gctokend-store-11", seal=False)
        manager.start(daemon)
        assert daemon.get() == token
        log = daemon.log()
        assert "gctokend-store-11, which" in log and "gctokend-store-10, which" in log
        assert "gctokend-store-8" not in log
        manager.text()
        assert int(manager.names[-1].split("-")[-1]) >= 12


# How it is kept

def test_the_new_one_is_stored_before_the_old_one_is_taken_out(server, manager):
    with kept(manager, profile(server)) as daemon:
        daemon.wait_state("fresh")
        manager.text()
        there = set()
        for message in manager.messages:
            if "FDSTORE" in message:
                there.add(message["FDNAME"])
            elif "FDSTOREREMOVE" in message:
                there.discard(message["FDNAME"])
                assert there
        assert len(there) == 1 and len(set(manager.names)) == len(manager.names)


def test_requests_that_change_nothing_store_nothing(server, manager):
    with kept(manager, profile(server)) as daemon:
        daemon.wait_state("fresh")
        manager.settle()
        n = len(manager.names)
        for _ in range(20):
            daemon.get()
            daemon.info()
        manager.settle()
        assert len(manager.names) == n


def test_a_manager_that_does_not_listen_holds_up_nobody(server):
    with FdStore() as manager:
        environment = {"NOTIFY_SOCKET": "/nonexistent/notify"}
        with Daemon(profile(server), environment=environment) as daemon:
            daemon.wait_state("fresh")
            assert isinstance(daemon.get(), str)
            daemon.wait_log("tokens would not outlive a restart")
        manager.settle()


def test_what_a_busy_manager_has_not_taken_is_stored_before_the_end(manager):
    with kept(manager, "[profile default]\ngrant = static\n") as daemon:
        daemon.secrets.add("a-planted-token")
        with manager.busy:
            for _ in range(20):  # its queue has room for ten messages
                daemon.ask("auth.setAccessToken", {"token": "a-planted-token", "expiresIn": 600})
            daemon.wait_log("tokens would not outlive a restart")
            time.sleep(0.5)  # long enough for the next attempt by itself to be far off
        last = daemon.info()["generation"]
        manager.restart(daemon, signal.SIGTERM)
        assert daemon.info()["generation"] == last


def test_callers_are_served_by_the_next_daemon_as_if_nothing_had_been(server, manager):
    """A kill while callers ask: each that is not answered asks once more, and none makes a token request."""
    with kept(manager, profile(server)) as daemon:
        daemon.wait_state("fresh")
        token = daemon.get()
        for _ in range(ROUNDS):
            with daemon.connect() as connection:
                connection.send("auth.getJwtToken", reference=1)
                manager.restart(daemon)
            assert daemon.get() == token
        assert requests(server) == 1
