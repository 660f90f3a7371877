"""The messenger's endpoints when they misbehave: JWTs that tell little of their life, answers of no use, servers that are
slow, hang or close; a refused refresh clears both tokens, and nothing else does.
"""

import datetime
import email.utils
import time

import pytest

from callers import code
from daemon import PACE, SLOWNESS
from messenger import AUTHORIZE, EXCHANGE, REDIRECT_URI, REFRESH, code_of, paths, requests_of, running, sign_in
from sandbox import Sandbox

LIFE_S = 600
DAY_S = 86400
LIFETIME_MAX_S = 31 * DAY_S
FOR_EVER_MS = 600000
HANGS = {"delay_ms": FOR_EVER_MS}


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("deployment", auth="none", refresh_tokens="kept", expires_in=LIFE_S)
        yield sandbox


@pytest.fixture
def daemon(server):
    with running(server) as daemon:
        yield daemon


def life_of(data):
    """The lifetime of the token that a reply tells of, in seconds."""
    issued, expires = (datetime.datetime.fromisoformat(data[name][:-1]) for name in ("issuedAt", "expiration"))
    return (expires - issued).total_seconds()


def check_refused(reply, why):
    assert code(reply) == "upstream_unavailable" and why in reply["errorMessage"], reply


# How long a JWT lives


def told(claims, date_s=0):
    """The rule for one answer with such claims, whose Date is off by so much; None: it has none."""
    now = time.time()
    claims = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
    date = {"no_date": True} if date_s is None else {"headers": {"Date": email.utils.formatdate(now + date_s, usegmt=True)}}
    return {"times": 1, "claims": claims, **date}


@pytest.mark.parametrize("claims,date_s,life_s", [
    ({}, 0, LIFE_S),
    ({}, None, LIFE_S),                      # exp less iat
    ({"iat": None}, 0, LIFE_S),              # exp less Date
    ({"iat": None}, 500, 100),
    ({"iat": -300, "exp": 300}, 0, 300),     # it was issued before it was asked for
    ({}, 500, 100),
    ({}, -DAY_S, LIFE_S),                    # the shorter of the two
    ({"exp": 3650 * DAY_S}, 0, LIFETIME_MAX_S),
    ({"iat": -DAY_S, "exp": LIFE_S - DAY_S}, -DAY_S, LIFE_S),  # all of the server's clock is off
    ({"iat": DAY_S, "exp": LIFE_S + DAY_S}, DAY_S, LIFE_S),
])
def test_a_jwt_lives_as_long_as_its_claims_and_the_answers_date_say(daemon, server, claims, date_s, life_s):
    server.rule(told(claims, date_s))
    data = sign_in(daemon, server)["data"]
    assert data["state"] == "fresh" and abs(life_of(data) - life_s) <= 2 + SLOWNESS, data
    assert isinstance(daemon.get(), str)
    requests_of(daemon, server)


@pytest.mark.parametrize("claims,date_s,why", [
    ({"exp": None}, 0, "default_lifetime"),
    ({"exp": "soon"}, 0, "default_lifetime"),
    ({"exp": {}}, 0, "default_lifetime"),
    ({"iat": None}, None, "default_lifetime"),
    ({"iat": "once"}, None, "default_lifetime"),
    ({"exp": -1}, 0, "has expired"),
    ({"iat": None, "exp": -1}, 0, "has expired"),
    ({"iat": LIFE_S + 1}, 0, "has expired"),
    ({}, DAY_S, "has expired"),
])
def test_a_jwt_that_does_not_tell_or_has_passed_is_refused(daemon, server, claims, date_s, why):
    server.rule(told(claims, date_s))
    check_refused(sign_in(daemon, server), why)
    assert daemon.info()["expiration"] is None
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    requests_of(daemon, server)


def test_default_lifetime_stands_in_for_what_a_jwt_does_not_tell(server):
    with running(server, default_lifetime=120) as daemon:
        for claims, date_s in (({"iat": None}, None), ({"exp": "soon"}, 0)):
            server.rule(told(claims, date_s))
            assert life_of(sign_in(daemon, server)["data"]) == 120
        server.rule(told({"exp": -1}))
        check_refused(sign_in(daemon, server), "has expired")
        requests_of(daemon, server)


def test_a_clock_of_the_server_that_is_off_does_not_shorten_the_life(daemon, server):
    server.rule({"times": 1, "date_skew_s": -DAY_S})
    assert abs(life_of(sign_in(daemon, server)["data"]) - LIFE_S) <= 2
    requests_of(daemon, server)


# What is no JWT

GARBAGE = ["opaque", "a.b", "...", ".e30.", "e30.!!!.c", "e30.W10.c", "e30.bm9uc2Vuc2U.c", "e30.e30.c",
           "e30.e30.c.d.e", "e30..c", "e30.////.c", "\u00fcber.e30.c", "e30." + "A" * 40000 + ".c"]


def test_garbage_is_refused_where_nothing_tells_how_long_it_lives(daemon, server):
    for jwt in GARBAGE:
        server.rule({"times": 1, "members": {"jwt": jwt}})
        check_refused(sign_in(daemon, server), "default_lifetime")
    assert daemon.get()["code"] == "login_required"
    assert paths(requests_of(daemon, server)) == len(GARBAGE) * [EXCHANGE]


def test_what_stands_for_a_jwt_is_none_of_the_daemons_business_where_it_knows_how_long_it_lives(server):
    with running(server, default_lifetime=120) as daemon:
        for jwt in GARBAGE:
            server.rule({"times": 1, "members": {"jwt": jwt}})
            assert life_of(sign_in(daemon, server)["data"]) == 120
            assert daemon.get() == jwt
        requests_of(daemon, server)


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


def test_an_answer_of_no_use_to_a_sign_in_is_told_and_the_next_may_do_better(daemon, server):
    for rule, why in UNUSABLE:
        server.rule({"times": 1, **rule})
        check_refused(sign_in(daemon, server), why)
        assert daemon.get()["code"] == "login_required"
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    assert paths(requests_of(daemon, server)) == (len(UNUSABLE) + 1) * [EXCHANGE]


# Servers that do not answer

CLOSES = ["before_headers", "within_headers", "after_headers", "within_body"]
AWAY = [*({"close": when} for when in CLOSES), {"reset": True}, {"close": "within_body", "reset": True}]


def test_a_code_whose_answer_is_lost_is_not_sent_again(daemon, server):
    for rule in AWAY:
        server.rule({"times": 1, **rule})
        reply = sign_in(daemon, server)
        check_refused(reply, "cannot be reached")
    assert paths(requests_of(daemon, server)) == len(AWAY) * [EXCHANGE]
    assert daemon.get()["code"] == "login_required"
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    requests_of(daemon, server)


def test_a_failed_sign_in_leaves_the_session_that_there_is(daemon, server):
    sign_in(daemon, server)
    jwt = daemon.get()
    for rule in ({"preset": "html"}, {"close": "within_body"}, {"status": 400}, {"status": 503}):
        server.rule({"times": 1, **rule})
        assert "error" in sign_in(daemon, server)
        assert daemon.get() == jwt and daemon.info()["state"] == "fresh"
    assert daemon.ask("auth.refresh")["data"]["generation"] == 2
    assert paths(requests_of(daemon, server))[-1] == REFRESH


def test_an_answer_that_comes_byte_by_byte_is_as_good_as_another(daemon, server):
    server.rule({"times": 2, "drip": {"bytes": 40, "interval_ms": 10}})
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    assert daemon.ask("auth.refresh")["data"]["generation"] == 2
    assert paths(requests_of(daemon, server)) == [EXCHANGE, REFRESH]


def test_callers_wait_their_own_time_and_what_comes_later_is_kept(server):
    with running(server, refresh_token_wait_max=1) as daemon:
        server.rule({"times": 1, "delay_ms": 2500})
        assert code(sign_in(daemon, server)) == "refresh_timeout"
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["active"]
        assert paths(requests_of(daemon, server)) == [EXCHANGE]


@pytest.mark.parametrize("rule", [HANGS, {"drip": {"bytes": 1, "interval_ms": 60000}}], ids=["hangs", "drips"])
def test_a_server_that_hangs_costs_no_caller_a_valid_jwt_and_clears_nothing(server, rule):
    with running(server, request_timeout=2 * PACE) as daemon:
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
    with running(server, request_timeout=PACE) as daemon:
        server.rule({"times": 1, **HANGS})
        check_refused(sign_in(daemon, server), "cannot be reached")
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        requests_of(daemon, server)


# Sessions that end


@pytest.mark.parametrize("rule", [
    {"status": 401}, {"status": 403}, {"status": 400, "body": '{"code":"x","message":"ended"}'}, {"status": 410},
    {"status": 401, "body": "<html>no</html>", "content_type": "text/html"}])
def test_a_refused_refresh_clears_both_tokens(daemon, server, rule):
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


@pytest.mark.parametrize("rule", [*AWAY, {"status": 503}, {"status": 429}, {"preset": "html"}, {"preset": "cut_json"},
                                  {"preset": "genesys_rate_limit"}, {"omit": ["jwt"]}])
def test_a_refresh_that_fails_in_passing_clears_nothing(daemon, server, rule):
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


def test_a_server_that_is_away_clears_nothing(daemon, server):
    sign_in(daemon, server)
    jwt = daemon.get()
    requests_of(daemon, server)
    server.down()
    assert code(daemon.ask("auth.refresh")) == "upstream_unavailable"
    assert daemon.get() == jwt and daemon.info()["state"] == "failing"


def test_a_jwt_without_a_refresh_token_ends_with_its_life(server):
    server.client("deployment", auth="none", refresh_tokens="none", expires_in=6 * PACE)
    with running(server) as daemon:
        assert sign_in(daemon, server)["data"]["state"] == "fresh"
        assert server.check(daemon.get())["active"]
        daemon.wait_state("login_required", timeout=7 * PACE)
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
