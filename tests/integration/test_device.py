"""Profiles with grant = device (RFC 8628): somebody signs in elsewhere with a code, and the daemon asks until they have."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as, code, wait_until
from cases import each_at_once
from daemon import PACE, SLOWNESS, Daemon, check_config, profile
from fdstore import FdStore
from plugin import ask_in_background
from sandbox import Sandbox

PATH = "/oauth/device_authorization"
CODES, AUTHORIZE = "auth.getUserCode", "auth.authorizeDevice"
INTERVAL_S = 1
SLOW_DOWN_S = 5


@contextlib.contextmanager
def login_server():
    with Sandbox() as sandbox:
        register(sandbox)
        yield sandbox


@contextlib.contextmanager
def serving(server):
    with Daemon(section(server)) as running:
        running.wait_state("login_required")
        yield running
        conceal(running, server)


@contextlib.contextmanager
def world():
    """A server and its daemon, for one case of several."""
    with login_server() as server, serving(server) as daemon:
        yield server, daemon


@pytest.fixture
def server():
    with login_server() as sandbox:
        yield sandbox


def register(server, **members):
    server.client("tv", auth="none", **{"refresh_tokens": "rotated", "device_interval": INTERVAL_S, **members})


def section(server, name="default", **keys):
    return profile(server, name, "tv", None, **{
        "grant": "device", "device_authorization_url": server.http + PATH, **keys})


@pytest.fixture
def daemon(server):
    with serving(server) as running:
        yield running


def conceal(daemon, server):
    """What nobody may find in the log."""
    for device in server.devices():
        daemon.secrets |= {device["device_code"], device["user_code"]}
    for session in server.sessions("tv"):
        daemon.secrets |= {token["refresh_token"] for token in session["refresh_tokens"]}


def begin(daemon, **parameters):
    return daemon.ask(CODES, parameters or None)["data"]


def end(daemon, user_code, **parameters):
    """The end of the sign-in, however often it has to be asked for."""
    while True:
        reply = daemon.ask(AUTHORIZE, {"userCode": user_code, **parameters})
        if code(reply) != "refresh_timeout":
            return reply


def poll_gaps(server):
    """The seconds between polls of the one device."""
    at = [r["at_ms"] for r in server.requests("tv") if r["fields"]["grant_type"].endswith(":device_code")]
    return [(later - earlier) / 1000 for earlier, later in zip(at, at[1:])]


def polls(server):
    return server.devices()[-1]["polls"]


# What comes of it


def test_whoever_signs_in_elsewhere_gives_the_profile_a_token(server, daemon):
    codes = begin(daemon)
    assert sorted(codes) == ["expiresAt", "userCode", "verificationUri", "verificationUriComplete"]
    assert codes["verificationUri"] == server.http + "/device"
    assert codes["verificationUriComplete"] == f"{server.http}/device?user_code={codes['userCode']}"
    assert "gctoken login --device default" in daemon.get()["text"]
    waiter = ask_in_background(daemon, AUTHORIZE, userCode=codes["userCode"])
    wait_until(lambda: polls(server) > 0)
    assert daemon.info()["state"] == "login_required"  # a poll is no refresh
    server.decide(codes["userCode"])
    data = waiter.reply()["data"]
    assert (data["state"], data["grant"], data["generation"]) == ("fresh", "device", 1)
    assert server.check(daemon.get())["active"]
    first, *_, last = server.requests("tv")
    assert first["fields"] == last["fields"] == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "tv",
        "device_code": server.devices()[0]["device_code"]}
    assert server.devices()[0]["state"] == "used" and server.devices()[0]["early"] == 0
    # Who asks a little later hears it too.
    assert end(daemon, codes["userCode"])["data"]["generation"] == 1


def test_the_refresh_token_that_came_is_used_and_kept(server):
    register(server, expires_in=3 * PACE)
    with Daemon(section(server)) as daemon:
        codes = begin(daemon)
        server.decide(codes["userCode"])
        assert "data" in end(daemon, codes["userCode"])
        wait_until(lambda: daemon.info()["generation"] >= 3, 60)
        assert {r["fields"]["grant_type"] for r in server.requests("tv")[-2:]} == {"refresh_token"}
        assert daemon.end() == 0
        daemon.start()
        daemon.wait_state("fresh")
        assert len(server.devices()) == 1 and server.sessions("tv")[0]["alive"]
        conceal(daemon, server)


def test_who_asks_meanwhile_gets_the_same_codes(server, daemon):
    codes = begin(daemon)
    assert begin(daemon) == codes
    assert len(server.devices()) == 1


def test_scope_and_client_go_with_the_request(server):
    server.client("tv", "s3cret-of-tv", device_interval=INTERVAL_S)
    with Daemon(section(server, client_auth="basic", client_secret="s3cret-of-tv", scope="a b")) as daemon:
        daemon.secrets.add("s3cret-of-tv")
        codes = begin(daemon)
        assert server.devices()[0]["scope"] == "a b"
        server.decide(codes["userCode"])
        assert "data" in end(daemon, codes["userCode"])
        assert server.requests("tv")[-1]["auth"] == "basic"


@each_at_once([("deny", "denied the sign-in"), ("expire", "before the code expired")])
def test_a_sign_in_that_fails_says_why_and_changes_nothing(decision, clause):
    with world() as (server, daemon):
        codes = begin(daemon)
        server.decide(codes["userCode"], decision)
        for _ in range(2):
            reply = end(daemon, codes["userCode"])
            assert code(reply) == "login_required" and clause in reply["errorMessage"]
        assert daemon.info()["state"] == "login_required"
        # Another one begins anew.
        again = begin(daemon)
        assert again["userCode"] != codes["userCode"]
        server.decide(again["userCode"])
        assert "data" in end(daemon, again["userCode"])


def test_codes_that_expire_are_told_though_the_server_says_nothing(server):
    register(server, device_interval=60, device_expires_in=2)
    with Daemon(section(server)) as daemon:
        codes = begin(daemon)
        reply = end(daemon, codes["userCode"])
        assert code(reply) == "login_required" and "before the code expired" in reply["errorMessage"]
        assert polls(server) == 0
        conceal(daemon, server)


def test_whoever_waits_is_told_in_time_that_nobody_has_signed_in(server):
    with Daemon(section(server, refresh_token_wait_max=1)) as daemon:
        codes = begin(daemon)
        reply = daemon.ask(AUTHORIZE, {"userCode": codes["userCode"]})
        assert code(reply) == "refresh_timeout" and reply["error"]["retryable"]
        assert "Nobody has signed in yet" in reply["errorMessage"]


# How the server is asked


def test_the_server_is_asked_as_often_as_it_says_and_less_when_it_says_so(server, daemon):
    codes = begin(daemon)
    waiter = ask_in_background(daemon, AUTHORIZE, userCode=codes["userCode"])
    wait_until(lambda: polls(server) >= 2)
    server.rule({"match": {"client_id": "tv"}, "times": 1, "error": "slow_down"})
    wait_until(lambda: len(poll_gaps(server)) >= 2)
    server.decide(codes["userCode"])
    if code(waiter.reply()) == "refresh_timeout":
        end(daemon, codes["userCode"])
    *before, after = poll_gaps(server)
    assert all(gap >= INTERVAL_S for gap in before)
    assert after >= INTERVAL_S + SLOW_DOWN_S
    assert server.devices()[0]["early"] == 0


@each_at_once([
    {"status": 503}, {"close": "before_headers"}, {"close": "within_body"}, {"preset": "html"}, {"reset": True},
    {"preset": "genesys_rate_limit"}])
def test_a_poll_that_brings_no_word_is_repeated_later(fault):
    with world() as (server, daemon):
        codes = begin(daemon)
        server.rule({"match": {"client_id": "tv"}, "times": 1, **fault})
        waiter = ask_in_background(daemon, AUTHORIZE, userCode=codes["userCode"])
        wait_until(lambda: server.requests("tv"))
        server.decide(codes["userCode"])
        assert "data" in waiter.reply()
        assert poll_gaps(server)[0] >= 2 * INTERVAL_S


def test_a_token_that_is_lost_on_its_way_needs_another_sign_in(server, daemon):
    codes = begin(daemon)
    server.decide(codes["userCode"])
    server.rule({"match": {"client_id": "tv"}, "times": 1, "close": "within_headers"})
    reply = end(daemon, codes["userCode"])
    assert code(reply) == "login_required" and "sign in again" in reply["errorMessage"]


def test_a_refusal_of_the_client_ends_it(server, daemon):
    codes = begin(daemon)
    server.rule({"match": {"client_id": "tv"}, "times": 1, "error": "invalid_client"})
    reply = end(daemon, codes["userCode"])
    assert code(reply) == "upstream_rejected" and "invalid_client" in reply["errorMessage"]


@each_at_once([
    ({"status": 503}, "upstream_unavailable"), ({"close": "before_headers"}, "upstream_unavailable"),
    ({"preset": "html"}, "upstream_unavailable"), ({"status": 200, "body": "{}"}, "upstream_unavailable"),
    ({"error": "unauthorized_client"}, "upstream_rejected"), ({"status": 302, "redirect": "/x"}, "upstream_unavailable"),
])
def test_a_server_that_gives_no_codes_is_told(fault, expected):
    with world() as (server, daemon):
        server.rule({"match": {"path": PATH}, "times": 1, **fault})
        reply = daemon.ask(CODES)
        assert code(reply) == expected
        wait_until(lambda: "data" in daemon.ask(CODES))
        assert server.stats()["other_requests"] == 2  # not at once, and however often it was asked for


def test_codes_that_are_late_are_told_to_those_who_ask_again(server):
    with Daemon(section(server, refresh_token_wait_max=1)) as daemon:
        server.rule({"match": {"path": PATH}, "times": 1, "delay_ms": 1000 + 1000 * PACE})
        assert code(daemon.ask(CODES)) == "refresh_timeout"
        wait_until(lambda: "data" in daemon.ask(CODES))
        assert len(server.devices()) == 1
        conceal(daemon, server)


# Who may, and what is wrong


@NEEDS_ROOT
def test_a_rule_has_to_name_it(server):
    allow = f"user:{ALICE} (*), user:{BOB} (auth.authorizeDevice)"
    with Daemon(section(server, allow=allow)) as daemon:
        for request, parameters in ((CODES, {}), (AUTHORIZE, {"userCode": "X"})):
            assert code(ask_as(daemon, ALICE, request, parameters)) == "access_denied"
        codes = ask_as(daemon, BOB, CODES, {})["data"]
        server.decide(codes["userCode"])
        assert "data" in ask_as(daemon, BOB, AUTHORIZE, {"userCode": codes["userCode"]})
        conceal(daemon, server)


def test_what_is_wrong_is_told(server):
    with Daemon(section(server) + profile(server, "other")) as daemon:
        for request, parameters in ((CODES, {}), (AUTHORIZE, {"userCode": "X"})):
            reply = daemon.ask(request, {"profile": "other", **parameters})
            assert code(reply) == "invalid_request" and "grant = device" in reply["errorMessage"]
        reply = daemon.ask(AUTHORIZE, {"userCode": "NOT-MINE"})
        assert code(reply) == "invalid_request" and "auth.getUserCode" in reply["errorMessage"]
        assert code(daemon.ask(AUTHORIZE)) == "invalid_request"
        assert code(daemon.ask("auth.getAuthorizeUrl")) == "invalid_request"


def test_its_url_has_to_be_there(server):
    done = check_config(section(server, device_authorization_url=None))
    assert done.returncode == 78 and "device_authorization_url: this is missing" in done.stderr


# Those who leave, and restarts


def test_nothing_is_asked_any_more_once_nobody_waits(server, daemon):
    codes = begin(daemon)
    with daemon.connect() as connection:
        connection.send(AUTHORIZE, {"userCode": codes["userCode"]})
        wait_until(lambda: polls(server) > 0)
    daemon.wait_log("nobody waits for it any more")
    asked = polls(server)
    time.sleep(2 * INTERVAL_S)
    assert polls(server) == asked
    reply = daemon.ask(AUTHORIZE, {"userCode": codes["userCode"]})
    assert code(reply) == "login_required" and "given up" in reply["errorMessage"]
    assert begin(daemon)["userCode"] != codes["userCode"]


def test_a_logout_ends_it(server, daemon):
    codes = begin(daemon)
    waiter = ask_in_background(daemon, AUTHORIZE, userCode=codes["userCode"])
    wait_until(lambda: polls(server) > 0)
    assert "data" in daemon.ask("auth.logout")
    reply = waiter.reply()
    assert code(reply) == "login_required" and "gctoken login --device default" in reply["errorMessage"]
    again = begin(daemon)
    server.decide(again["userCode"])
    assert end(daemon, again["userCode"])["data"]["state"] == "fresh"


@each_at_once([signal.SIGTERM, signal.SIGKILL])
def test_a_sign_in_outlives_the_daemon(number):
    with login_server() as server, FdStore() as manager, \
            Daemon(section(server), environment=manager.environment) as daemon:
        daemon.wait_state("login_required")
        codes = begin(daemon)
        manager.restart(daemon, number)
        assert begin(daemon) == codes
        server.decide(codes["userCode"])
        assert end(daemon, codes["userCode"])["data"]["state"] == "fresh"
        manager.restart(daemon, number)
        assert end(daemon, codes["userCode"])["data"]["state"] == "fresh"
        assert len(server.devices()) == 1
        conceal(daemon, server)


def test_without_one_who_keeps_it_a_restart_ends_it(server, daemon):
    codes = begin(daemon)
    assert daemon.end() == 0
    daemon.start()
    reply = daemon.ask(AUTHORIZE, {"userCode": codes["userCode"]})
    assert code(reply) == "invalid_request" and "forgotten by a restart" in reply["errorMessage"]


# gctoken login --device


class Login:
    """One gctoken login --device."""

    def __init__(self, daemon, *arguments):
        self.process = subprocess.Popen(
            [os.environ["GCTOKEN"], "login", "--device", *arguments, "--socket", daemon.socket],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    def prompt(self, server):
        """What it prints before it waits, with the codes of the server in it; the user code."""
        wait_until(server.devices)
        user_code = server.devices()[-1]["user_code"]
        text = ""
        while f"user_code={user_code}\n\n" not in text:
            line = self.process.stderr.readline()
            assert line, (text, self.process.communicate())
            text += line
        assert f"\n    {server.http}/device\n    {user_code}\n" in text
        assert "any machine" in text
        return user_code

    def wait(self):
        out, err = self.process.communicate(timeout=60 * SLOWNESS)
        return self.process.returncode, out, err


def test_gctoken_prints_where_to_sign_in_and_waits(server, daemon):
    with Login(daemon) as login:
        server.decide(login.prompt(server))
        status, out, err = login.wait()
    assert (status, err) == (0, "") and out.startswith("default: valid, ")
    assert daemon.info()["state"] == "fresh"


def test_gctoken_waits_beyond_what_the_daemon_lets_callers_wait(server):
    with Daemon(section(server, refresh_token_wait_max=1)) as daemon, Login(daemon, "--json") as login:
        user_code = login.prompt(server)
        wait_until(lambda: polls(server) >= 2)  # a second has passed
        server.decide(user_code)
        status, out, err = login.wait()
        assert (status, err) == (0, "") and json.loads(out)["state"] == "fresh"
        conceal(daemon, server)


def test_gctoken_asks_on_where_callers_may_not_wait(server):
    with Daemon(section(server, refresh_token_wait_max=0)) as daemon:
        daemon.ask(CODES)  # they come, but nobody could wait for them
        wait_until(lambda: "data" in daemon.ask(CODES))
        with Login(daemon) as login:
            server.decide(login.prompt(server))
            assert login.wait()[0] == 0
        conceal(daemon, server)


def test_gctoken_names_what_became_of_it(server, daemon):
    with Login(daemon) as login:
        server.decide(login.prompt(server), "deny")
        status, out, err = login.wait()
    assert (status, out) == (5, "") and "denied the sign-in" in err and err.count("\n") == 1


def test_gctoken_leaves_nothing_behind_when_it_is_interrupted(server, daemon):
    with Login(daemon) as login:
        user_code = login.prompt(server)
        wait_until(lambda: polls(server) > 0)
        login.process.send_signal(signal.SIGINT)
        assert login.wait()[0] == -signal.SIGINT
    daemon.wait_log("nobody waits for it any more")
    asked = polls(server)
    server.decide(user_code)
    time.sleep(2 * INTERVAL_S)
    assert polls(server) == asked and daemon.info()["state"] == "login_required"


def test_gctoken_waits_through_a_restart(server):
    with FdStore() as manager, Daemon(section(server), environment=manager.environment) as daemon:
        daemon.wait_state("login_required")
        with Login(daemon) as login:
            user_code = login.prompt(server)
            wait_until(lambda: polls(server) > 0)
            manager.restart(daemon, signal.SIGTERM)
            server.decide(user_code)
            status, out, _ = login.wait()
            assert status == 0 and out.startswith("default: valid, ")
        conceal(daemon, server)


def test_gctoken_refuses_what_does_not_go_together(daemon):
    done = daemon.gctoken("login", "--device", "--no-browser")
    assert done.returncode == 2 and "choose between --device and --no-browser" in done.stderr
    done = daemon.gctoken("login")
    assert done.returncode == 1 and "grant = " in done.stderr
