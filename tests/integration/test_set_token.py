"""Tokens that somebody else got: auth.setAccessToken and gctoken set-token, on every grant."""

import json
import os
import time
from datetime import datetime, timedelta, timezone

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as, code
from daemon import SLOWNESS, Daemon, profile
from sandbox import Sandbox
from terminal import Terminal

SET = "auth.setAccessToken"
TOKEN = "planted-by-a-test"
STATIC = "[profile default]\ngrant = static\n"
MONTH_S = 31 * 24 * 3600


@pytest.fixture
def daemon():
    """With a static profile, and no login server at all."""
    with Daemon(STATIC) as daemon:
        daemon.secrets.add(TOKEN)
        yield daemon


def after(seconds, offset_hours=0):
    """A time so many seconds from now, with that offset."""
    zone = timezone(timedelta(hours=offset_hours))
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).astimezone(zone).isoformat(timespec="milliseconds")


def seconds_left(data):
    expiration = datetime.fromisoformat(data["expiration"].replace("Z", "+00:00"))
    return (expiration - datetime.now(timezone.utc)).total_seconds()


def plant(daemon, token=TOKEN, **parameters):
    reply = daemon.ask(SET, {"token": token, **(parameters or {"expiresIn": 3600})})
    assert "data" in reply, reply
    return reply["data"]


def test_static_profile_hands_out_what_it_was_given(daemon):
    error = daemon.get()
    assert error["code"] == "login_required" and "gctoken set-token default" in error["text"]
    data = plant(daemon)
    assert (data["profile"], data["grant"], data["state"], data["generation"]) == ("default", "static", "fresh", 1)
    assert data["lastError"] is None and 3500 < seconds_left(data) <= 3600
    assert daemon.get() == TOKEN
    assert plant(daemon, TOKEN + "2")["generation"] == 2
    assert daemon.get() == TOKEN + "2"


@pytest.mark.parametrize(("parameters", "seconds"), [
    ({"expiresIn": 100}, 100), ({"expiresIn": 100.5}, 100.5), ({"expiresIn": 1e300}, MONTH_S), ({"expiresIn": MONTH_S}, MONTH_S),
    ({"expiration": lambda: after(100, -7)}, 100), ({"expiration": lambda: after(100).replace("+00:00", "Z")}, 100),
    ({"expiration": "2999-01-01T00:00:00Z"}, MONTH_S),
])
def test_token_is_valid_until_then_and_a_month_at_most(daemon, parameters, seconds):
    data = plant(daemon, **{name: value() if callable(value) else value for name, value in parameters.items()})
    assert seconds - 5 * SLOWNESS < seconds_left(data) <= seconds


def test_token_that_has_passed_needs_another(daemon):
    plant(daemon, expiresIn=1)
    time.sleep(1.1)
    error = daemon.get()
    assert error["code"] == "login_required" and "gctoken set-token default" in error["text"]


@pytest.mark.parametrize("token", ["x", "x" * 64000, "\u00e9\"\\/\u2028 token", "\u0001"])
def test_token_comes_out_as_it_went_in(daemon, token):
    line = json.dumps({"request": SET, "parameters": {"token": token, "expiresIn": 60}}, ensure_ascii=False)
    with daemon.connect() as connection:
        connection.send_raw(line.encode() + b"\n")
        assert connection.reply()["data"]["state"] == "fresh"
        assert connection.get()["data"]["jwtToken"] == token


HUSH = "hush-hush"


@pytest.mark.parametrize("parameters", [
    {}, {"expiresIn": 60}, {"token": "", "expiresIn": 60}, {"token": HUSH}, {"token": HUSH + "\n", "expiresIn": 60},
    {"token": HUSH + "\r", "expiresIn": 60}, {"token": HUSH + "x" * 64000, "expiresIn": 60}, {"token": 7, "expiresIn": 60},
    {"token": None, "expiresIn": 60}, {"token": [HUSH], "expiresIn": 60},
    {"token": HUSH, "expiresIn": 60, "expiration": "2999-01-01T00:00:00Z"}, {"token": HUSH, "expiresIn": "60"},
    {"token": HUSH, "expiresIn": 0.999}, {"token": HUSH, "expiresIn": 0}, {"token": HUSH, "expiresIn": -60},
    {"token": HUSH, "expiration": "1999-01-01T00:00:00Z"}, {"token": HUSH, "expiration": "2999-01-01T00:00:00"},
    {"token": HUSH, "expiration": "2999-02-30T00:00:00Z"}, {"token": HUSH, "expiration": "tomorrow"},
    {"token": HUSH, "expiration": ""}, {"token": HUSH, "expiration": 32472144000},
    {"token": HUSH, "expiresIn": 60, "code": HUSH}, {"jwtToken": HUSH, "expiresIn": 60},
])
def test_wrong_parameters_are_told_and_nothing_secret_of_them(daemon, parameters):
    daemon.secrets.add(HUSH)
    reply = daemon.ask(SET, parameters)
    assert code(reply) == "invalid_request" and HUSH not in json.dumps(reply)
    assert daemon.info()["generation"] == 0


def test_expiration_a_moment_ago_is_refused(daemon):
    assert "passed" in daemon.ask(SET, {"token": TOKEN, "expiration": after(-1)})["errorMessage"]


def test_line_that_is_too_long_is_told_as_such(daemon):
    """A token of 64 000 bytes fits as long as few of them are escaped."""
    reply = daemon.ask(SET, {"token": "\u00e9" * 32000, "expiresIn": 60})  # json.dumps() escapes them
    assert code(reply) == "invalid_request" and "65536" in reply["errorMessage"]


def test_token_of_a_reload_and_of_a_restart(daemon):
    plant(daemon)
    assert "data" in daemon.ask("system.reload")
    assert daemon.get() == TOKEN
    daemon.end()
    daemon.start()
    assert daemon.get()["code"] == "login_required"  # persist_tokens is off
    daemon.write_config(STATIC + "persist_tokens = true\n")
    assert "data" in daemon.ask("system.reload")
    before = plant(daemon)
    daemon.end()
    daemon.start()
    assert daemon.wait_state("fresh")["expiration"][:19] == before["expiration"][:19]
    assert daemon.get() == TOKEN


def test_token_of_another_identity_is_dropped():
    with Daemon(STATIC + "scope = a\n") as daemon:
        plant(daemon)
        daemon.write_config(STATIC + "scope = b\n")
        assert "data" in daemon.ask("system.reload")
        assert daemon.get()["code"] == "login_required"


def test_other_grants_go_on_with_it_and_renew_it_by_themselves():
    with Sandbox() as server, Daemon(profile(server)) as daemon:
        daemon.wait_state("fresh")
        data = plant(daemon, expiresIn=4)
        assert data["generation"] == 2 and daemon.get() == TOKEN
        server.wait(lambda stats: stats["token_requests"] == 2, 10 * SLOWNESS)
        assert daemon.wait_state("fresh")["generation"] == 3 and daemon.get() != TOKEN


def test_those_who_wait_for_a_token_get_it_and_the_flight_before_it_is_not_used():
    with Sandbox(rules=[{"delay_ms": int(2000 * SLOWNESS)}]) as server, Daemon(profile(server)) as daemon:
        with daemon.connect() as connection:
            connection.send("auth.getJwtToken")
            server.wait(lambda stats: stats["in_flight"] == 1)
            while daemon.info()["waiters"] != 1:
                time.sleep(0.01)
            plant(daemon)
            assert connection.reply()["data"]["jwtToken"] == TOKEN
        assert daemon.info()["generation"] == 1 and daemon.get() == TOKEN


def test_outage_is_bridged_with_a_token_from_elsewhere():
    with Sandbox(rules=[{"status": 503}]) as server, Daemon(profile(server)) as daemon:
        daemon.wait_state("failing")
        assert plant(daemon)["state"] == "fresh"
        assert daemon.get() == TOKEN


@NEEDS_ROOT
def test_only_those_who_are_named_plant_tokens():
    with Daemon(STATIC + f"allow = * (*, auth.*), user:{ALICE} (auth.setAccessToken)\n") as daemon:
        parameters = {"token": TOKEN, "expiresIn": 60}
        for uid in (BOB, 0):
            assert code(ask_as(daemon, uid, SET, parameters)) == "access_denied"
            assert SET not in ask_as(daemon, uid, "system.getAllowedServices")["data"]["services"]
        assert ask_as(daemon, ALICE, SET, parameters)["data"]["state"] == "fresh"
        assert code(ask_as(daemon, ALICE, "auth.getJwtToken")) == "access_denied"  # to give is not to take


# gctoken set-token


def test_gctoken_reads_the_first_line(daemon):
    done = daemon.gctoken("set-token", "--expires-in", "3600", input=f" {TOKEN} \r\nanother line\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("default: valid, ") and TOKEN not in done.stdout
    assert daemon.get() == TOKEN


def test_gctoken_takes_a_time_and_says_it_in_json(daemon):
    done = daemon.gctoken("set-token", "default", "--expiration", after(3600), "--json", input=TOKEN)
    data = json.loads(done.stdout)
    assert data["state"] == "fresh" and 3500 < seconds_left(data) <= 3600
    assert daemon.get() == TOKEN


@pytest.mark.parametrize(("text", "says"), [
    ("", "no token"), ("\n" + TOKEN, "no token"), (" \t\n", "no token"), ("x" * 65537, "no token"),
    ("\x00", "no token"), ("x" * 65536, "longer than the 64 KiB"), ("x" * 64001, "1 to 64000 bytes"),
])
def test_gctoken_tells_what_is_no_token(daemon, text, says):
    done = daemon.gctoken("set-token", "--expires-in", "60", input=text)
    assert (done.returncode, done.stdout) == (1, "") and says in done.stderr and done.stderr.count("\n") == 1
    assert daemon.info()["generation"] == 0


@pytest.mark.parametrize("arguments", [
    (), ("--expires-in", "60", "--expiration", "2999-01-01T00:00:00Z"), ("--expires-in", "0"), ("--expires-in", "-1"),
    ("--expires-in", "1h"), ("--expires-in", ""), ("--expiration", "tomorrow"), ("--expiration", ""),
    ("--expiration", "2999-01-01"), ("--expires-in", "60", "--state", "x"), ("default", TOKEN, "--expires-in", "60")])
def test_gctoken_exits_with_2_for_wrong_arguments(daemon, arguments):
    done = daemon.gctoken("set-token", *arguments, input=TOKEN)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert daemon.info()["generation"] == 0


def test_gctoken_exits_with_1_for_a_time_that_has_passed(daemon):
    done = daemon.gctoken("set-token", "--expiration", "1999-12-31T23:59:59Z", input=TOKEN)
    assert done.returncode == 1 and "passed" in done.stderr and TOKEN not in done.stderr


@NEEDS_ROOT
def test_gctoken_exits_with_4_for_who_may_not(daemon):
    done = daemon.gctoken("set-token", "--expires-in", "60", input=TOKEN, user=ALICE, group=ALICE, extra_groups=[])
    assert done.returncode == 4 and TOKEN not in done.stderr


@pytest.mark.parametrize("length", [20, 60000])
def test_person_at_a_terminal_pastes_a_token_of_any_length(daemon, length):
    """A terminal that reads lines would cut it at 4095 bytes."""
    token = "t" * length
    command = [os.environ["GCTOKEN"], "set-token", "--expires-in", "60", "--socket", daemon.socket,
               "--timeout", str(15 * SLOWNESS)]
    with Terminal(*command) as terminal:
        terminal.read_until("not shown): ")
        assert not terminal.echoes()
        terminal.write("mistaken\x15" + token + "x\x7f\r")
        assert terminal.status() == 0
        shown = terminal.read_to_end()
        assert "default: valid, " in shown and "ttt" not in shown and terminal.echoes()
    assert daemon.get() == token
