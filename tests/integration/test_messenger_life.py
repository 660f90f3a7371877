"""How long a messenger's JWT lives, by its claims and the answer's Date, and what is no JWT at all."""

import datetime
import email.utils
import time

import pytest

from daemon import SLOWNESS
from messenger import EXCHANGE, check_refused, paths, requests_of, running, sign_in
from sandbox import Sandbox

LIFE_S = 600
DAY_S = 86400
LIFETIME_MAX_S = 31 * DAY_S


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
