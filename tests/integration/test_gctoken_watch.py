"""gctoken watch against a daemon that tells it what each test scripts."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from fake_daemon import GCTOKEN, after, daemon, environment, error, failed, gctoken, place

SUBSCRIBED = {"profiles": ["billing", "default"], "tokens": [], "events": ["tokenRefreshed"]}
WRONG = {"code": "upstream_unavailable", "message": "Could not connect", "upstreamError": None, "correlationId": "c-1"}
NOTHING_WRONG = dict.fromkeys(WRONG)


def event(name, profile="default", **data):
    return json.dumps({"event": name, "profile": profile, "data": data}).encode() + b"\n"


REPLY = json.dumps({"data": SUBSCRIBED}).encode() + b"\n"
STOPPING = error("shutting_down", "The daemon is shutting down", 1, True)
DENIED = error("access_denied", "You may no longer")


def watched(done, *told):
    """What it printed until it was denied, a line each without its time; told: what it has said of before."""
    *said, last = done.stderr.splitlines()
    assert done.returncode == 4 and last.startswith("gctoken: You may no longer"), done
    assert len(said) == len(told) and all(text in line for line, text in zip(said, told)), said
    lines = done.stdout.splitlines()
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line), line
    return [line[21:] for line in lines]


def watch(daemon, *events, args=()):
    return watched(gctoken("watch", *args, at=daemon(b"".join([REPLY, *events, DENIED]))))


def test_people_get_a_line_for_each_event(daemon):
    assert watch(
        daemon,
        event("tokenRefreshed", expiration=after(3 * 3600 + 30), generation=4),
        event("refreshFailed", "billing", **WRONG),
        event("loginRequired", **{**WRONG, "code": "login_required", "message": None, "correlationId": None}),
        event("signedIn", **NOTHING_WRONG),
        event("signInFailed", **WRONG),
        event("Auth.loggedOut", **NOTHING_WRONG),
        event("Auth.authError", **WRONG),
        event("configReloaded", None),
    ) == [
        "default: new token, time left 3 h 0 min, generation 4",
        "billing: refresh failed (upstream_unavailable): Could not connect, correlation id c-1",
        "default: login required (login_required)",
        "default: signed in",
        "default: sign-in failed (upstream_unavailable): Could not connect, correlation id c-1",
        "default: logged out",
        "default: authentication failed (upstream_unavailable): Could not connect, correlation id c-1",
        "configuration reloaded",
    ]


def test_event_of_a_later_version_is_shown_as_it_came_and_nothing_steers_the_terminal(daemon):
    assert watch(daemon, event("tokenAged", "a\x1b[31mb", more=[1]), event("refreshFailed", message="x\n\u202ey")) == [
        "a\\x1b[31mb: tokenAged", "default: refresh failed: x\\n\\u202ey"]


def test_time_is_the_local_one(daemon):
    d = daemon(REPLY + event("configReloaded", None) + DENIED)
    hours = [gctoken("watch", at=d, env={"TZ": zone}).stdout[11:13] for zone in ("UTC0", "XYZ-5")]
    assert (int(hours[1]) - int(hours[0])) % 24 in (5, 6)  # an hour may pass in between


def test_programs_get_each_line_as_json(daemon):
    events = [event("tokenRefreshed", expiration=after(60), generation=1), event("configReloaded", None)]
    d = daemon(b"".join([REPLY, *events, DENIED]))
    done = gctoken("watch", "--json", at=d)
    assert done.returncode == 4
    assert [json.loads(line) for line in done.stdout.splitlines()] == [json.loads(line) for line in events]
    assert d.requests == [{"request": "events.subscribe"}]


def test_one_profile_is_asked_for_by_name(daemon):
    d = daemon(REPLY + DENIED)
    assert watched(gctoken("watch", "billing", at=d)) == []
    assert d.requests == [{"request": "events.subscribe", "parameters": {"profiles": ["billing"]}}]


@pytest.mark.parametrize(("code", "status"), [("access_denied", 4), ("rate_limited", 6), ("internal", 1)])
def test_refusal_is_told_with_its_exit_status(daemon, code, status):
    failed(gctoken("watch", at=daemon(error(code, "It is so", retryable=code == "rate_limited"))), status, "It is so", code)


def test_end_for_good_is_told_with_its_exit_status(daemon):
    failed(gctoken("watch", at=daemon(REPLY + error("internal", "It is so"))), 1, "It is so", "internal")


RELOADED = event("configReloaded", None)


@pytest.mark.parametrize(("end", "told"), [
    (STOPPING, "gctoken: The daemon is shutting down (shutting_down); connecting again"),
    (error("rate_limited", "Not read", None, True), "gctoken: Not read (rate_limited); connecting again"),
    (b"", "closed the connection; connecting again")])
def test_subscription_that_ends_in_passing_is_told_and_another_takes_its_place(daemon, end, told):
    d = daemon(REPLY + RELOADED + end, REPLY + RELOADED + RELOADED + DENIED)
    assert watched(gctoken("watch", "billing", at=d), told) == ["configuration reloaded"] * 3
    assert d.requests[0] == d.requests[1] and len(d.requests) == 2


def test_daemon_that_comes_back_late_is_found(daemon, place):
    first = daemon(REPLY + RELOADED)
    with subprocess.Popen([GCTOKEN, "watch", "--timeout", "60"], env=environment(GCTOKEN_SOCKET=first.path), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert "configuration reloaded" in watching.stdout.readline()
        first.stop()
        os.unlink(first.path)
        assert "connecting again" in watching.stderr.readline()
        time.sleep(0.5)
        second = daemon(error("rate_limited", "One moment", None, True), REPLY + RELOADED + DENIED, path=first.path)
        assert "configuration reloaded" in watching.stdout.readline()
        assert watching.wait(30) == 4 and second.connections == 2


def test_daemon_that_does_not_come_back_is_waited_for_as_long_as_for_any_answer(daemon):
    d = daemon(REPLY)

    def then_none(peer):
        d.read(peer)
        d.stop()
        peer.sendall(REPLY)

    d.script[:] = [then_none]
    done = gctoken("watch", "--timeout", "1", at=d)
    assert done.returncode == 3 and done.stdout == ""
    passing, end = done.stderr.splitlines()
    assert "connecting again" in passing and "no daemon" in end
    stopping = gctoken("watch", "--timeout", "0.5", at=daemon(REPLY + STOPPING))
    assert stopping.returncode == 6 and stopping.stderr.splitlines()[1].startswith("gctoken: The daemon is shutting down")


def test_interrupt_ends_it_without_a_word(daemon):
    def for_ever(peer):
        peer.recv(1000)
        peer.sendall(REPLY + RELOADED)
        peer.recv(1)

    with subprocess.Popen([GCTOKEN, "watch"], env=environment(GCTOKEN_SOCKET=daemon(for_ever).path), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert "configuration reloaded" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.communicate(timeout=30) == ("", "") and watching.returncode == -signal.SIGINT


def test_connection_that_closes_unanswered_is_tried_once_more(daemon):
    d = daemon(b"", REPLY + event("configReloaded", None) + DENIED)
    assert watched(gctoken("watch", at=d)) == ["configuration reloaded"]
    d = daemon(b"")
    failed(gctoken("watch", at=d), 6, "twice")
    assert d.connections == 2


def test_what_is_no_event_is_told(daemon):
    failed(gctoken("watch", at=daemon(REPLY + b"what?\n")), 1, "no reply of gctokend")
    failed(gctoken("watch", at=daemon(REPLY + b"x" * (600 * 1024))), 1, "longer")


def test_there_is_a_time_limit_for_the_reply_and_none_for_events(daemon):
    def silent(peer):
        peer.recv(1000)
        time.sleep(10)

    def late(peer):
        peer.recv(1000)
        peer.sendall(REPLY)
        time.sleep(2.5)
        peer.sendall(event("configReloaded", None) + DENIED)

    failed(gctoken("watch", "--timeout", "0.3", at=daemon(silent)), 6, "in time")
    assert watched(gctoken("watch", "--timeout", "2", at=daemon(late))) == ["configuration reloaded"]


def test_lines_are_put_together_from_pieces_and_taken_apart(daemon):
    stream = REPLY + b"".join(event("refreshFailed", f"p{n}", message="m" * (n * 37 % 5000)) for n in range(300)) + DENIED

    def in_pieces(peer):
        peer.recv(1000)
        for begin in range(0, len(stream), 7919):
            peer.sendall(stream[begin:begin + 7919])

    lines = watched(gctoken("watch", at=daemon(in_pieces)))
    assert [line.split(":")[0] for line in lines] == [f"p{n}" for n in range(300)]


@pytest.mark.parametrize("events", [1, 2000])
def test_it_ends_when_nobody_reads_it_any_more(daemon, events):
    def for_ever(peer):
        peer.recv(1000)
        peer.sendall(REPLY + RELOADED * events)
        peer.recv(1)

    command = f'"{GCTOKEN}" watch | head -n 1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], env=environment(GCTOKEN_SOCKET=daemon(for_ever).path),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == "" and re.fullmatch(r".*configuration reloaded\n0\n", done.stdout)


def test_it_ends_when_nobody_reads_it_while_it_connects_again(daemon):
    d = daemon(REPLY + RELOADED, error("shutting_down", "Wait", 1, True))
    command = f'"{GCTOKEN}" watch --timeout 600 | head -n 1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], env=environment(GCTOKEN_SOCKET=d.path), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, check=True)
    assert re.fullmatch(r".*configuration reloaded\n0\n", done.stdout)


def test_full_disk_is_told(daemon):
    with open("/dev/full", "wb") as full:
        failed(gctoken("watch", at=daemon(REPLY + RELOADED), stdout=full), 1, "cannot write", "No space left")


def test_without_a_daemon_it_says_so(place):
    failed(gctoken("watch", at=place + "/none.sock"), 3, "no daemon")


def test_options_of_others_are_refused():
    failed(gctoken("watch", "--header"), 2, "--header")
