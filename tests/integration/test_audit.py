"""The audit: who was handed a token, who was denied what, and that nobody's noise drowns what others did."""

import json
import os
import re

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as, code, connect_as, wait_until
from daemon import Daemon, own_words, profile

TOKEN, INFO, REFRESH = "auth.getJwtToken", "auth.getTokenInfo", "auth.refresh"
LINES_MAX = 30  # of a user in a minute
GRANTED = f"user:root (*, {TOKEN}), user:{BOB} ({TOKEN})"


def lines(daemon, word, form="text"):
    """What was told of the audit: the lines with that word, read into dictionaries where they are JSON."""
    found = [line for line in own_words(daemon.log()).splitlines() if word in line]
    return [json.loads(line) for line in found] if form == "json" else found


def handed_out(daemon):
    return lines(daemon, "a token was handed to")


def denied(daemon):
    return lines(daemon, "was denied to")


@pytest.fixture
def two(server):
    """A daemon with the profiles `a` and `b`."""
    with Daemon(profile(server, "a", allow=GRANTED) + profile(server, "b", allow=GRANTED)) as started:
        for name in ("a", "b"):
            started.wait_state("fresh", name)
        yield started


def test_the_first_token_of_each_connection_and_profile_is_told(two):
    with two.connect() as connection:
        for _ in range(3):
            for name in ("a", "b"):
                assert code(connection.get(name)) is None
    assert len(handed_out(two)) == 2
    assert f" info: profile b: a token was handed to uid {os.getuid()} (pid {os.getpid()}" in handed_out(two)[1]
    two.get("a")
    assert len(handed_out(two)) == 3


def test_one_who_waited_is_told_like_others(server):
    server.rules([{"delay_ms": 300}])
    with Daemon(profile(server)) as daemon:
        assert isinstance(daemon.get(), str)
        assert len(handed_out(daemon)) == 1


def test_information_is_no_token(two):
    two.info("a")
    assert not handed_out(two)


def test_a_profile_that_a_reload_brings_is_told_on_connections_that_are_open(two, server):
    with two.connect() as connection:
        connection.get("a")
        two.write_config(profile(server, "b", allow=GRANTED) + profile(server, "c", allow=GRANTED))
        assert "data" in two.ask("system.reload")
        assert code(connection.get("c")) is None
        connection.get("b")
        two.write_config(profile(server, "a", allow=GRANTED) + profile(server, "c", allow=GRANTED))
        assert "data" in two.ask("system.reload")
        connection.get("a")
        connection.get("c")
    assert [re.search(r"profile (\w)", line)[1] for line in handed_out(two)] == ["a", "c", "b", "a"]


@NEEDS_ROOT
def test_each_denial_is_told(two):
    with connect_as(two, ALICE) as connection:
        assert code(connection.get("a")) == "access_denied"
        assert code(connection.ask(REFRESH, {"profile": "b"})) == "access_denied"
        assert code(connection.ask(INFO)) == "access_denied"
        assert code(connection.ask("system.reload")) == "access_denied"
    found = [line.split(" ", 1)[1] for line in denied(two)]
    who = f"was denied to uid {ALICE} (pid {os.getpid()}"
    assert len(found) == 4
    assert found[0].startswith(f"warning: profile a: {TOKEN} {who}") and found[0].endswith(")")
    assert found[1].startswith(f"warning: profile b: {REFRESH} {who}")
    assert found[2].startswith(f"warning: profile default: {INFO} {who}") and found[2].endswith("there is no such profile")
    assert found[3].startswith(f"warning: system.reload {who}") and found[3].endswith(")")
    assert not handed_out(two)


@NEEDS_ROOT
def test_json_has_a_member_for_each_thing(server):
    with Daemon(profile(server, allow=GRANTED), arguments=["--log-format", "json"]) as daemon:
        daemon.wait_state("fresh")
        assert code(ask_as(daemon, BOB, TOKEN)) is None
        assert code(ask_as(daemon, ALICE, TOKEN, {"profile": "other\n\x1b[31m"})) == "access_denied"
        [token], [denial] = lines(daemon, '"token_handed_out"', "json"), lines(daemon, '"access_denied"', "json")
        assert (token["level"], token["profile"], token["endpoint"]) == ("info", "default", TOKEN)
        assert (token["peerUid"], token["peerPid"]) == (BOB, os.getpid())
        assert "errorCode" not in token
        assert (denial["level"], denial["endpoint"], denial["errorCode"]) == ("warning", TOKEN, "access_denied")
        assert (denial["peerUid"], denial["profile"]) == (ALICE, "other\\x0a\\x1b[31m")


@NEEDS_ROOT
def test_a_noisy_user_drowns_nobody_and_what_was_left_out_is_counted(two):
    with connect_as(two, ALICE) as connection:
        for _ in range(LINES_MAX + 70):
            assert code(connection.get("a")) == "access_denied"
    for _ in range(LINES_MAX + 5):
        assert code(ask_as(two, BOB, TOKEN, {"profile": "a"})) is None
    assert code(ask_as(two, BOB, INFO, {"profile": "a"})) == "access_denied"
    assert sum(f"uid {ALICE} " in line for line in denied(two)) == LINES_MAX
    assert sum(f"uid {BOB} " in line for line in denied(two)) == 1
    assert len(handed_out(two)) == LINES_MAX
    two.end()
    left_out = lines(two, "without a line for each")
    assert len(left_out) == 2
    assert any(f" warning: 70 more requests of uid {ALICE} were denied" in line for line in left_out)
    assert any(f" info: 5 more connections of uid {BOB} were handed a token" in line for line in left_out)


@NEEDS_ROOT
@pytest.mark.parametrize("level, tokens, denials", [("info", 1, 1), ("warning", 0, 1), ("error", 0, 0)])
def test_the_level_decides(server, level, tokens, denials):
    with Daemon(profile(server, allow=GRANTED), log_level=level) as daemon:
        daemon.wait_state("fresh")
        ask_as(daemon, BOB, TOKEN)
        ask_as(daemon, ALICE, TOKEN)
        assert (len(handed_out(daemon)), len(denied(daemon))) == (tokens, denials)


@NEEDS_ROOT
def test_one_who_waits_when_a_reload_takes_the_right_away_is_told(server):
    server.rules([{"delay_ms": 60000}])
    with Daemon(profile(server, allow=GRANTED)) as daemon, connect_as(daemon, BOB) as connection:
        connection.send(TOKEN)
        wait_until(lambda: daemon.info()["waiters"] == 1)
        daemon.write_config(profile(server, allow="user:root (*)"))
        assert "data" in daemon.ask("system.reload")
        assert code(connection.reply()) == "access_denied"
        [line] = denied(daemon)
        assert f"{TOKEN} was denied to uid {BOB} " in line
