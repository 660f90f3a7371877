"""The messenger's endpoints when they misbehave: answers of no use, servers that are slow, hang or close; a refused refresh
clears both tokens, and nothing else does."""

import contextlib
import time

import pytest

from callers import code
from cases import each_at_once
from daemon import PACE, SLOWNESS
from messenger import AUTHORIZE, EXCHANGE, REDIRECT_URI, REFRESH, check_refused, code_of, paths, requests_of, running, sign_in
from sandbox import Sandbox

LIFE_S = 600
FOR_EVER_MS = 600000
HANGS = {"delay_ms": FOR_EVER_MS}


@contextlib.contextmanager
def login_server():
    with Sandbox() as sandbox:
        sandbox.client("deployment", auth="none", refresh_tokens="kept", expires_in=LIFE_S)
        yield sandbox


@contextlib.contextmanager
def world(**keys):
    """A daemon and its server, for one case of several."""
    with login_server() as server, running(server, **keys) as daemon:
        yield daemon, server


@pytest.fixture
def server():
    with login_server() as sandbox:
        yield sandbox


@pytest.fixture
def daemon(server):
    with running(server) as daemon:
        yield daemon


# Answers of no use

UNUSABLE = [
    ({"omit": ["jwt"]}, "it has no jwt"),
    ({"members": {"jwt": ["x"]}}, "it has no jwt"),
    ({"members": {"jwt": ""}}, "it has no jwt"),
    ({"members": {"jwt": "a.b\n.c"}}, "a NUL or a line break"),
    ({"body": '{"jwt":"a.b\\u0000.c"}'}, "a NUL or a line break"),
    ({"members": {"jwt": "x" * 64001}}, "longer than 64000 bytes"),
    ({"preset": "html"}, "it is not JSON"),
    ({"preset": "cut_json"}, "it is not JSON"),
    ({"body": ""}, "it is not JSON"),
    ({"body": "[]"}, "it is not a JSON object"),
    ({"redirect": "https://sign-in.example/"}, "HTTP 302"),
    ({"status": 503, "body": "<html>busy</html>", "content_type": "text/html"}, "HTTP 503"),
    ({"status": 429, "retry_after": 1}, "HTTP 429"),
    ({"preset": "genesys_rate_limit"}, "rate limit exceeded"),
]


@each_at_once(UNUSABLE)
def test_an_answer_of_no_use_to_a_sign_in_is_told_and_the_next_may_do_better(rule, why):
    with world() as (daemon, server):
        server.rule({"times": 1, **rule})
        check_refused(sign_in(daemon, server), why)
        assert daemon.get()["code"] == "login_required"
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        assert paths(requests_of(daemon, server)) == [EXCHANGE] * 2


# Servers that do not answer

CLOSES = ["before_headers", "within_headers", "after_headers", "within_body"]
AWAY = [*({"close": when} for when in CLOSES), {"reset": True}, {"close": "within_body", "reset": True}]


@each_at_once(AWAY)
def test_a_code_whose_answer_is_lost_is_not_sent_again(rule):
    with world() as (daemon, server):
        server.rule({"times": 1, **rule})
        check_refused(sign_in(daemon, server), "cannot be reached")
        assert daemon.get()["code"] == "login_required"
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        one, another = requests_of(daemon, server)
        assert paths([one, another]) == [EXCHANGE] * 2
        assert one["fields"]["oauth"]["code"] != another["fields"]["oauth"]["code"]


@each_at_once([{"preset": "html"}, {"close": "within_body"}, {"status": 400}, {"status": 503}])
def test_a_failed_sign_in_leaves_the_session_that_there_is(rule):
    with world() as (daemon, server):
        sign_in(daemon, server)
        jwt = daemon.get()
        server.rule({"times": 1, **rule})
        assert "error" in sign_in(daemon, server)
        assert daemon.get() == jwt and daemon.info()["state"] == "fresh"
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2
        assert paths(requests_of(daemon, server)) == [EXCHANGE, EXCHANGE, REFRESH]


def test_an_answer_that_comes_byte_by_byte_is_as_good_as_another(daemon, server):
    server.rule({"times": 2, "drip": {"bytes": 40, "interval_ms": 10}})
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    assert daemon.ask("auth.refresh")["data"]["generation"] == 2
    assert paths(requests_of(daemon, server)) == [EXCHANGE, REFRESH]


def test_callers_wait_their_own_time_and_what_comes_later_is_kept(server):
    with running(server, refresh_token_wait_max=1) as daemon:
        server.rule({"times": 1, "delay_ms": 1000 + 1500 * PACE})
        assert code(sign_in(daemon, server)) == "refresh_timeout"
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["active"]
        assert paths(requests_of(daemon, server)) == [EXCHANGE]


@each_at_once([HANGS, {"drip": {"bytes": 1, "interval_ms": 60000}}])
def test_a_server_that_hangs_costs_no_caller_a_valid_jwt_and_clears_nothing(rule):
    with world(request_timeout=2 * PACE, refresh_token_wait_max=60) as (daemon, server):
        sign_in(daemon, server)
        jwt = daemon.get()
        server.rule({"match": {"path": REFRESH}, **rule})
        with daemon.connect() as connection:
            connection.send("auth.refresh")
            server.wait(lambda stats: stats["in_flight"] == 1)
            begun = time.monotonic()
            for _ in range(20):
                assert daemon.get() == jwt
            assert time.monotonic() - begun < SLOWNESS
            daemon.wait_error("answer within", timeout=4 * PACE)
            assert daemon.get() == jwt
            server.rules([])
            assert connection.reply()["data"]["generation"] == 2
        requests = requests_of(daemon, server)
        assert {request["fields"].get("refreshToken") for request in requests[1:]} == {
            server.sessions()[0]["refresh_tokens"][0]["refresh_token"]}
        assert daemon.get() != jwt


def test_a_sign_in_at_a_server_that_hangs_ends_in_time(server):
    with running(server, request_timeout=2 * PACE) as daemon:
        server.rule({"times": 1, **HANGS})
        check_refused(sign_in(daemon, server), "cannot be reached")
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        requests_of(daemon, server)


# Sessions that end


@each_at_once([
    {"status": 401}, {"status": 403}, {"status": 400, "body": '{"code":"x","message":"ended"}'}, {"status": 410},
    {"status": 401, "body": "<html>no</html>", "content_type": "text/html"}])
def test_a_refused_refresh_clears_both_tokens(rule):
    with world() as (daemon, server):
        sign_in(daemon, server)
        assert server.check(daemon.get())["active"]
        server.rule({"match": {"path": REFRESH}, "times": 1, **rule})
        reply = daemon.ask("auth.refresh")
        assert code(reply) == "login_required" and f"HTTP {rule['status']}" in reply["errorMessage"]
        info = daemon.info()
        assert (info["state"], info["expiration"]) == ("login_required", None)
        assert daemon.get()["code"] == "login_required"
        daemon.end()
        daemon.start()  # nor has the disk anything of it
        daemon.wait_state("login_required")
        assert paths(requests_of(daemon, server)) == [EXCHANGE, REFRESH]
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        requests_of(daemon, server)


@each_at_once([*AWAY, {"status": 503}, {"status": 429}, {"preset": "html"}, {"preset": "cut_json"},
               {"preset": "genesys_rate_limit"}, {"omit": ["jwt"]}])
def test_a_refresh_that_fails_in_passing_clears_nothing(rule):
    with world() as (daemon, server):
        sign_in(daemon, server)
        jwt = daemon.get()
        server.rule({"match": {"path": REFRESH}, **rule})
        with daemon.connect() as connection:
            connection.send("auth.refresh")
            daemon.wait_state("failing")
            assert daemon.get() == jwt
            server.rules([])
            assert connection.reply()["data"]["generation"] == 2
        assert daemon.get() != jwt
        requests_of(daemon, server)


def test_a_server_that_is_away_clears_nothing(server):
    with running(server, refresh_token_wait_max=3) as daemon:
        sign_in(daemon, server)
        jwt = daemon.get()
        requests_of(daemon, server)
        server.down()
        assert code(daemon.ask("auth.refresh")) == "upstream_unavailable"
        assert daemon.get() == jwt and daemon.info()["state"] == "failing"


def test_a_jwt_without_a_refresh_token_ends_with_its_life(server):
    server.client("deployment", auth="none", refresh_tokens="none", expires_in=4 * PACE)
    with running(server) as daemon:
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        assert server.check(daemon.get())["active"]
        daemon.wait_state("login_required", timeout=5 * PACE)
        assert daemon.get()["code"] == "login_required"
        assert paths(requests_of(daemon, server)) == [EXCHANGE]
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        requests_of(daemon, server)


def test_a_refresh_token_outlives_an_outage_longer_than_the_jwt(server):
    server.client("deployment", auth="none", refresh_tokens="kept", expires_in=5 * PACE)
    with running(server) as daemon:
        sign_in(daemon, server)
        server.rule({"match": {"path": REFRESH}, "close": "before_headers"})
        daemon.wait_state("failing")
        daemon.wait_error("cannot be reached")
        deadline = time.monotonic() + 30 * SLOWNESS
        while daemon.info()["expiration"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert daemon.get()["code"] in ("upstream_unavailable", "refresh_timeout")
        server.rules([])
        daemon.wait_state("fresh", timeout=60)
        assert server.check(daemon.get())["active"]
        assert set(paths(requests_of(daemon, server))[1:]) == {REFRESH}


def test_an_id_token_that_is_refused_is_told_without_it(daemon, server):
    token = server.id_token("deployment", "nonce-of-the-brand")
    daemon.secrets |= {token, "another-nonce"}
    server.rule({"times": 1, "status": 400, "body": '{"code":"bad.request","message":"no ' + token + '"}'})
    reply = daemon.ask(AUTHORIZE, {"idToken": token, "nonce": "another-nonce"})
    assert code(reply) == "login_required" and token not in reply["errorMessage"] and "***" in reply["errorMessage"]
    reply = daemon.ask(AUTHORIZE, {"idToken": token, "nonce": "another-nonce"})
    assert code(reply) == "login_required" and "nonce is not that of idToken" in reply["errorMessage"]
    assert paths(requests_of(daemon, server)) == 2 * [EXCHANGE]


def test_a_code_that_is_said_back_is_told_without_it(daemon, server):
    brought = code_of(daemon, server)
    for status in (400, 503):
        server.rule({"times": 1, "status": status, "body": '{"code":"' + brought + '","message":"no ' + brought + '"}'})
        reply = daemon.ask(AUTHORIZE, {"code": brought, "redirectUri": REDIRECT_URI})
        assert "error" in reply and brought not in str(reply)
    requests_of(daemon, server)
