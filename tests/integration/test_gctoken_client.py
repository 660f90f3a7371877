"""gctoken alone, against a daemon that answers as each test scripts it: what it
prints, how it exits, and how it bears a daemon that closes, drips, stalls or talks nonsense."""

import json
import os
import pty
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from callers import wait_until
from fake_daemon import (GCTOKEN, PATIENCE_S, TOKEN, after, as_nobody, daemon, data, environment, error, failed, gctoken,
                         info, place, succeeded, token, trouble)
from login import Browser, Login

# get

def test_get_prints_the_token_and_a_newline_and_nothing_else(daemon):
    d = daemon(token())
    assert succeeded(gctoken("get", at=d)) == TOKEN + "\n"
    assert d.requests == [{"request": "auth.getJwtToken", "parameters": {"profile": "default"}}]


def test_get_prints_tokens_of_64000_bytes_and_odd_ones_unchanged(daemon):
    for odd in ("x" * 64000, "\t'\u20ac\U0001f600\x7f", "%s%n"):
        d = daemon(token(odd))
        assert succeeded(gctoken("get", at=d)) == odd + "\n"


def test_get_header_and_json(daemon):
    d = daemon(token())
    assert succeeded(gctoken("get", "--header", at=d)) == f"Authorization: Bearer {TOKEN}\n"
    out = succeeded(gctoken("get", "--json", at=d))
    assert out.count("\n") == 1
    assert set(json.loads(out)) == {"expiration", "jwtToken"}
    assert json.loads(out)["jwtToken"] == TOKEN


def test_options_stand_before_or_after_the_subcommand(daemon):
    d = daemon(token())
    for args in (("--socket", d.path, "--timeout", "2.5", "get", "billing", "--min-validity", "60"),
                 ("--min-validity=60", "get", f"--socket={d.path}", "--", "billing")):
        assert succeeded(gctoken(*args)) == TOKEN + "\n"
        assert d.requests.pop()["parameters"] == {"profile": "billing", "minValidity": 60}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_token_to_reject_comes_from_a_file_or_from_stdin(daemon, place, ending):
    d = daemon(token())
    path = os.path.join(place, "rejected")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(TOKEN + ending)
    succeeded(gctoken("get", "--reject", path, at=d))
    with open(path, encoding="utf-8", newline="") as file:
        succeeded(gctoken("get", "--reject", "-", at=d, stdin=file))
    for request in d.requests:
        assert request["parameters"] == {"profile": "default", "rejectedToken": TOKEN}
    assert len(d.requests) == 2


def test_what_cannot_be_a_token_to_reject_is_refused_before_anything_is_asked(daemon, place):
    d = daemon(token())
    for content in (b"", b"\n", b"x" * (64 * 1024 + 1), b"a\0b", b"\xff"):
        path = os.path.join(place, "rejected")
        with open(path, "wb") as file:
            file.write(content)
        failed(gctoken("get", "--reject", path, at=d), 1, "no token to reject in " + path)
    failed(gctoken("get", "--reject", "/nonexistent", at=d), 1, "/nonexistent", "No such file")
    failed(gctoken("get", "--reject", place, at=d), 1, "Is a directory")
    failed(gctoken("get", "--reject", "-", at=d, input='"' * 40000), 1, "longer than the 64 KiB")
    assert not d.requests


def test_a_token_to_reject_may_come_from_an_endless_file(daemon):
    failed(gctoken("get", "--reject", "/dev/zero", at=daemon(token())), 1, "no token to reject")


# writing

def test_a_full_disk_is_told(daemon):
    d = daemon(token())
    for args in (("get",), ("get", "--json"), ("get", "--header"), ("--help",), ("--version",)):
        with open("/dev/full", "w", encoding="utf-8") as full:
            failed(gctoken(*args, at=d, stdout=full), 1, "No space left on device")


def test_a_closed_pipe_is_told(daemon):
    for args in (("get",), ("--help",)):
        reader, writer = os.pipe()
        os.close(reader)
        d = daemon(token())
        failed(gctoken(*args, at=d, stdout=writer), 1, "Broken pipe")
        os.close(writer)


def test_a_token_does_not_end_in_the_socket_when_stdout_is_closed(daemon):
    d = daemon(token())
    done = gctoken("get", at=d, stdout=None, preexec_fn=lambda: (os.close(0), os.close(1)))
    failed(done, 1, "Bad file descriptor")
    assert len(d.requests) == 1


def test_a_slow_reader_on_a_non_blocking_pipe_gets_the_whole_token(daemon):
    d = daemon(token("x" * 64000))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([GCTOKEN, "get"], stdout=writer,
                          env=environment(GCTOKEN_SOCKET=d.path)) as process:
        os.write(writer, b"y" * 60000)
        os.close(writer)
        time.sleep(0.3)
        with open(reader, "rb") as file:
            content = file.read()
        assert process.wait(PATIENCE_S) == 0
    assert content.count(b"x") == 64000


# which socket

def test_the_socket_option_beats_the_environment_beats_the_users_directory(daemon, place):
    mine = daemon(token("of-option"), path=place + "/option.sock")
    environs = daemon(token("of-environment"), path=place + "/environment.sock")
    daemon(token("of-user"), path=place + "/gctokend/gctokend.sock")
    env = {"XDG_RUNTIME_DIR": place}
    assert succeeded(gctoken("get", "--socket", mine.path, at=environs, env=env)) == "of-option\n"
    assert succeeded(gctoken("get", at=environs, env=env)) == "of-environment\n"
    assert succeeded(gctoken("get", env=env)) == "of-user\n"
    assert succeeded(gctoken("get", at="", env=env)) == "of-user\n"


def test_no_daemon(place):
    failed(gctoken("get", at=place + "/none.sock"), 3, "no daemon on " + place + "/none.sock",
           "systemctl start gctokend", "--socket")
    with open(place + "/file", "w", encoding="utf-8"):
        pass
    failed(gctoken("get", at=place + "/file"), 3, "no daemon")
    failed(gctoken("get", at=place + "/file/below"), 3, "no daemon")
    left = socket.socket(socket.AF_UNIX)
    left.bind(place + "/left.sock")
    left.close()
    failed(gctoken("status", at=place + "/left.sock"), 3, "no daemon")


@pytest.mark.skipif(os.path.exists("/run/gctokend/gctokend.sock"), reason="a gctokend runs here")
def test_no_daemon_names_all_places_that_were_tried(place):
    failed(gctoken("get", env={"XDG_RUNTIME_DIR": place}), 3,
           f"no daemon on {place}/gctokend/gctokend.sock or /run/gctokend/gctokend.sock")
    for odd in ("relative", "", "/" + "x" * 200):
        failed(gctoken("get", env={"XDG_RUNTIME_DIR": odd}), 3,
               "no daemon on /run/gctokend/gctokend.sock (")


def test_a_path_too_long_for_a_socket_is_a_usage_error():
    failed(gctoken("get", "--socket", "/" + "x" * 107), 2, "107 bytes")
    failed(gctoken("get", at="/" + "x" * 107), 2, "107 bytes")
    failed(gctoken("get", at="/" + "x" * 106), 3, "no daemon")


def test_no_permission_on_the_socket(daemon, place):
    d = daemon(token())
    os.chmod(d.path, 0)
    failed(gctoken("get", at=d, **as_nobody(place)), 4, "no permission", d.path)
    os.chmod(d.path, 0o666)
    assert succeeded(gctoken("get", at=d, **as_nobody(place))) == TOKEN + "\n"


# a daemon that misbehaves

def close(peer):
    peer.recv(65536)


def close_unread(peer):
    time.sleep(0.05)


def half_a_reply(peer):
    peer.recv(65536)
    peer.sendall(token()[:-1])


@pytest.mark.parametrize("act", [close, close_unread, half_a_reply])
def test_a_connection_that_closes_unanswered_is_tried_once_more(daemon, act):
    d = daemon(act, token())
    assert succeeded(gctoken("get", at=d)) == TOKEN + "\n"
    assert d.connections == 2


@pytest.mark.parametrize("act", [close, close_unread, half_a_reply])
def test_a_connection_that_closes_twice_is_a_temporary_failure(daemon, act):
    d = daemon(act, act, token())
    failed(gctoken("get", at=d), 6, "closed the connection twice", "try again")
    assert d.connections == 2


def test_an_answer_sent_before_the_request_was_read_counts(daemon):
    def turn_away(peer):
        peer.sendall(error("rate_limited", "Too many connections", 2, True))

    d = daemon(turn_away)
    failed(gctoken("get", at=d), 6, "Too many connections (rate_limited, try again in 2 s)")
    assert d.connections == 1


def test_a_daemon_that_ends_between_the_two_attempts_is_no_daemon(daemon):
    d = daemon(lambda peer: os.unlink(d.path))
    failed(gctoken("get", at=d), 3, "no daemon on " + d.path)


def test_the_second_attempt_stays_with_the_daemon_that_accepted_the_first(daemon, place):
    d = daemon(lambda peer: os.unlink(d.path), path=place + "/gctokend/gctokend.sock")
    failed(gctoken("get", env={"XDG_RUNTIME_DIR": place}), 3, f"no daemon on {d.path} (")


def timed(*args, **options):
    begin = time.monotonic()
    done = gctoken(*args, **options)
    return done, time.monotonic() - begin


def stall(peer):
    peer.recv(65536)
    time.sleep(PATIENCE_S)


def drip(peer):
    peer.recv(65536)
    for each in token():
        peer.sendall(bytes([each]))
        time.sleep(0.05)


@pytest.mark.parametrize("act", [stall, drip])
def test_the_timeout_holds_for_the_whole_answer(daemon, act):
    done, took = timed("get", "--timeout", "0.5", at=daemon(act))
    failed(done, 6, "no answer", "--timeout")
    assert 0.5 <= took < 2


def test_the_timeout_holds_for_both_attempts_together(daemon):
    def late(peer):
        time.sleep(1)

    done, took = timed("get", "--timeout", "1.5", at=daemon(late, stall))
    failed(done, 6, "no answer")
    assert 1.5 <= took < 2.45


def test_an_answer_in_pieces_is_put_together(daemon):
    def pieces(peer):
        peer.recv(65536)
        reply = token()
        for i in range(0, len(reply), 20):
            peer.sendall(reply[i:i + 20])
            time.sleep(0.01)

    assert succeeded(gctoken("get", at=daemon(pieces))) == TOKEN + "\n"


def full_backlog(path):
    """A listener nobody accepts from, whose queue is full, and what fills it."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    waiting = []
    while True:
        filler = socket.socket(socket.AF_UNIX)
        filler.setblocking(False)
        try:
            filler.connect(path)
        except BlockingIOError:
            return listener, waiting
        waiting.append(filler)


def test_a_full_backlog_is_waited_for_until_the_timeout(place):
    held = full_backlog(place + "/full.sock")
    done, took = timed("get", "--timeout", "0.5", at=place + "/full.sock")
    failed(done, 6, "no answer")
    assert 0.5 <= took < 2
    held[0].close()


def test_room_in_a_full_backlog_is_taken_at_once(place):
    listener, waiting = full_backlog(place + "/full.sock")

    def serve():
        time.sleep(0.3)
        for _ in waiting:
            listener.accept()[0].close()
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(token())

    began = time.monotonic()  # before the sleep, which the caller cannot be quicker than
    threading.Thread(target=serve, daemon=True).start()
    done = gctoken("get", at=place + "/full.sock")
    took = time.monotonic() - began
    assert succeeded(done) == TOKEN + "\n"
    assert 0.3 <= took < 2
    listener.close()


def test_a_request_larger_than_the_sockets_buffer_is_sent_whole(daemon):
    def small(peer):
        time.sleep(0.2)
        d.read(peer)
        peer.sendall(token())

    d = daemon(small)
    rejected = "x" * 64000
    assert succeeded(gctoken("get", "--reject", "-", at=d, input=rejected)) == TOKEN + "\n"
    assert d.requests[0]["parameters"]["rejectedToken"] == rejected


def test_a_reply_of_400_kib_is_taken(daemon):
    profiles = [info(profile=f"profile-{i:04d}") for i in range(800)]
    reply = data({"version": "1", "pid": 1, "startedAt": after(0), "connections": 1,
                  "counters": {}, "profiles": profiles})
    assert 320 * 1024 < len(reply) < 450 * 1024
    out = succeeded(gctoken("status", at=daemon(reply)))
    assert out.count("profile-") == 800


def test_a_reply_over_the_limit_is_cut_off(daemon):
    def endless(peer):
        peer.recv(65536)
        while True:
            peer.sendall(b"x" * 65536)

    failed(gctoken("get", at=daemon(endless)), 1, "longer than 512 KiB")


@pytest.mark.parametrize("reply", [
    b"hello\n", b"\n", b"{}\n", b"[]\n", b"null\n", b'{"data":"x"}\n', b'{"data":{}}\n',
    b'{"data":{"jwtToken":"\xff"}}\n', b'{"data":{"jwtToken":7}}\n', b'{"data":{"jwtToken":""}}\n',
    b'{"data":{"jwtToken":"a\\nb"}}\n', b'{"data":{"jwtToken":"a\\rb"}}\n', b'\0\n',
    b'{"data":{"jwtToken":"a\\u0000b"}}\n', b'{"error":{}}\n', b'{"errorMessage":"x"}\n',
    b'HTTP/1.1 400 Bad Request\r\n\r\n',
])
def test_nonsense_is_no_reply(daemon, reply):
    failed(gctoken("get", at=daemon(reply)), 1, "no reply of gctokend")
    failed(gctoken("get", "--header", at=daemon(reply)), 1)


@pytest.mark.parametrize("subcommand", ["info", "status", "services", "refresh", "explain"])
@pytest.mark.parametrize("content", [
    {}, {"profiles": 7, "services": "x"}, {"profiles": [1, None, [], {}], "services": [1, None]},
    {"profile": 7, "state": [], "expiration": "tomorrow", "refreshAt": 5, "generation": "x",
     "lastAnswer": 5, "lastError": {"code": 7}, "apiUrl": {}},
    {"profile": "x", "state": "fresh", "expiration": None, "lastAnswer": {}, "lastError": {}},
])
def test_members_that_are_missing_or_of_another_kind_show_as_a_dash(daemon, subcommand, content):
    assert succeeded(gctoken(subcommand, at=daemon(data(content))))


# errors

@pytest.mark.parametrize("code,retryable,status,says", [
    ("invalid_request", False, 1, "check the arguments"),
    ("unknown_request", False, 1, "restart it"),
    ("access_denied", False, 4, "gctoken services"),
    ("rate_limited", True, 6, "wait"),
    ("refresh_timeout", True, 6, "ask again"),
    ("upstream_unavailable", True, 6, "check the network"),
    ("upstream_rejected", False, 7, "gctoken reload"),
    ("login_required", False, 5, "sign in"),
    ("shutting_down", True, 6, "ask again"),
    ("internal", False, 1, "journalctl -u gctokend"),
    ("code_of_the_future", False, 1, "journalctl -u gctokend"),
])
@pytest.mark.parametrize("args", [("get",), ("info",), ("refresh",), ("exec", "--", "false"),
                                  ("status",), ("services",), ("explain",)])
def test_each_error_has_its_status_and_says_what_to_do(daemon, args, code, retryable, status, says):
    d = daemon(error(code, "The sentence", 3 if retryable else None, retryable))
    wait = ", try again in 3 s" if retryable else ""
    failed(gctoken(*args, at=d), status, f"The sentence ({code}{wait}); ", says)


def test_text_of_the_daemon_cannot_steer_the_terminal(daemon):
    text = "a\x1b[31m\nb\x7f\u009b2J\u202ec\u00e9"
    done = gctoken("get", at=daemon(error("x\x07y", text)))
    failed(done, 1, "a\\x1b[31m\\nb\\x7f\\x9b2J\\u202ec\u00e9 (x\\x07y); ")


def test_text_of_the_daemon_is_cut(daemon):
    done = gctoken("get", at=daemon(error("internal", "\u00e9" * 20000)))
    failed(done, 1, "\u00e9 \u2026 (internal)")
    assert len(done.stderr) < 16 * 1024


# info, status, services, refresh, reload

def test_info_for_people_is_aligned_lines(daemon):
    d = daemon(data(info()))
    assert succeeded(gctoken("info", at=d)) == (
        "Profile       default\n"
        "State         valid\n"
        "Time left     3 h 0 min\n"
        "Next refresh  in 2 h 15 min\n"
        "Generation    3\n"
        "API           https://api.mypurecloud.ie\n"
        "Last answer   status 200, 2 h 0 min ago, took 85 ms, correlation id c-1\n"
        "Last error    -\n")
    assert d.requests == [{"request": "auth.getTokenInfo", "parameters": {"profile": "default"}}]


def test_info_before_the_first_token(daemon):
    d = daemon(data(info(state="fetching", expiration=None, refreshAt=None, apiUrl=None,
                         generation=0, lastAnswer=None)))
    out = succeeded(gctoken("info", at=d))
    assert "State         getting a token\nTime left     -\nNext refresh  -\n" in out
    assert "API           -\nLast answer   -\n" in out


def test_info_json_and_api_url(daemon):
    d = daemon(data(info()))
    out = succeeded(gctoken("info", "--json", at=d))
    assert out.count("\n") == 1 and json.loads(out)["state"] == "fresh"
    assert succeeded(gctoken("info", "--api-url", at=d)) == "https://api.mypurecloud.ie\n"


def test_info_api_url_without_one_is_a_failure(daemon):
    failed(gctoken("info", "other", "--api-url", at=daemon(data(info(apiUrl=None)))), 1,
           "profile other has no API URL")


@pytest.mark.parametrize("state,valid,words", [
    ("empty", False, "no token yet"), ("fetching", False, "getting a token"),
    ("fresh", True, "valid"), ("refreshing", True, "valid, refreshing"),
    ("failing", True, "valid, refresh failing"), ("failing", False, "no token, retrying"),
    ("rejected", False, "rejected"), ("rejected", True, "valid, refresh rejected"),
    ("login_required", False, "login required"), ("login_required", True, "valid, login required"),
    ("disabled", False, "disabled"), ("of_the_future", True, "of_the_future"),
])
def test_states_are_told_in_words(daemon, state, valid, words):
    d = daemon(data(info(state=state, expiration=after(600 if valid else -600))))
    out = succeeded(gctoken("info", at=d))
    assert f"State         {words}\n" in out
    assert ("Time left     9 min 5" if valid else "Time left     expired\n") in out


@pytest.mark.parametrize("seconds,words", [
    (59.9, "59 s"), (60.9, "1 min 0 s"), (3599.9, "59 min 59 s"), (86399, "23 h 59 min"),
    (90030, "1 d 1 h"),
])
def test_times_show_their_two_largest_units(daemon, seconds, words):
    def answer(peer):  # which is that long before, whenever gctoken has started
        peer.recv(65536)
        peer.sendall(data(info(expiration=after(seconds))))

    d = daemon(answer)
    assert f"Time left     {words}\n" in succeeded(gctoken("info", at=d))


STATUS = ("version", "9.8.7"), ("pid", 4242), ("connections", 12), ("counters", {"requests": 5})


def status_reply(*profiles):
    return data(dict(STATUS, startedAt=after(-7260), profiles=list(profiles)))


def test_status_for_people_is_a_header_and_a_table(daemon):
    failing = info(profile="billing", state="failing", refreshAt=after(3630), consecutiveFailures=4,
                   lastError=trouble(message="Gr\u00fc\u00dfe: could not connect"))
    dead = info(profile="x" * 20, state="rejected", expiration=None, refreshAt=after(-1),
                consecutiveFailures=1, lastError=trouble("upstream_rejected", "invalid_client"))
    over = info(lastError=trouble(message="Over by now"))
    out = succeeded(gctoken("status", at=daemon(status_reply(info(), failing, dead, over))))
    lines = out.splitlines()
    assert lines[0].startswith("gctokend 9.8.7, pid 4242, up 2 h 1 min since ")
    assert lines[0].endswith(", connections: 12")
    assert lines[1] == ""
    assert lines[2:4] == [
        "PROFILE               STATE                   TIME LEFT  NEXT REFRESH   LAST ERROR",
        "default               valid                   3 h 0 min  in 2 h 15 min  -"]
    assert lines[4].startswith(
        "billing               valid, refresh failing  3 h 0 min  in 1 h 0 min   upstream_unav")
    assert ("upstream_unavailable: Gr\u00fc\u00dfe: could not connect, 3 d 0 h ago, 4 in a row; "
            "gctokend goes on trying") in lines[4]
    assert lines[5].startswith("x" * 20 + "  rejected                -          now  ")
    assert lines[5].endswith("invalid_client, 3 d 0 h ago; correct the profile's credentials, "
                             "then run gctoken reload")
    assert lines[6].endswith("Over by now, 3 d 0 h ago")
    assert len(lines) == 7


def test_columns_are_aligned_by_characters_not_bytes(daemon):
    d = daemon(status_reply(info(profile="\u00e9\u00e8", lastError=trouble()), info(profile="ab")))
    lines = succeeded(gctoken("status", at=d)).splitlines()
    assert lines[3].index("valid") == lines[4].index("valid") == len("PROFILE  ")


def test_status_without_profiles_and_for_programs(daemon):
    d = daemon(status_reply())
    assert "no profile that you may see" in succeeded(gctoken("status", at=d))
    out = succeeded(gctoken("status", "--json", at=d))
    assert out.count("\n") == 1 and json.loads(out)["pid"] == 4242
    assert d.requests == [{"request": "system.getStatus"}] * 2


def on_a_terminal(path, **env):
    """What status writes to a terminal."""
    master, slave = pty.openpty()
    done = gctoken("status", at=path, stdout=slave, env=env)
    os.close(slave)
    out = b""
    try:
        while more := os.read(master, 65536):
            out += more
    except OSError:  # how Linux tells that the last one has closed the other side
        pass
    os.close(master)
    assert (done.returncode, done.stderr) == (0, "")
    return out.decode().replace("\r\n", "\n")


def test_colours_are_for_terminals_and_for_those_who_want_them(daemon):
    d = daemon(status_reply(info(), info(state="failing"), info(state="rejected", expiration=None)))
    plain = succeeded(gctoken("status", at=d, env={"TERM": "xterm"}))
    assert "\033" not in plain
    coloured = on_a_terminal(d, TERM="xterm")
    for each in ("\033[1mPROFILE\033[0m", "\033[32mvalid\033[0m",
                 "\033[33mvalid, refresh failing\033[0m", "\033[31mrejected\033[0m"):
        assert each in coloured
    assert on_a_terminal(d, TERM="xterm", NO_COLOR="") != plain
    for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}, {}):
        assert "\033" not in on_a_terminal(d, **env)


def test_services(daemon):
    d = daemon(data({"services": ["auth.getJwtToken", "system.getStatus"], "profiles": ["a", "b"]}))
    assert succeeded(gctoken("services", at=d)) == (
        "You may call\n  auth.getJwtToken\n  system.getStatus\non the profiles\n  a\n  b\n")
    assert json.loads(succeeded(gctoken("services", "--json", at=d)))["profiles"] == ["a", "b"]
    assert d.requests == [{"request": "system.getAllowedServices"}] * 2
    none = daemon(data({"services": ["x"], "profiles": []}))
    assert succeeded(gctoken("services", at=none)).endswith("on the profiles\n  (none)\n")


def test_refresh_prints_one_line_or_json(daemon):
    d = daemon(data(info(profile="billing", generation=4)))
    assert succeeded(gctoken("refresh", "billing", at=d)) == (
        "billing: valid, time left 3 h 0 min, next refresh in 2 h 15 min, generation 4\n")
    signed_in = daemon(data(info(account="al\x1bce@example.com")))
    assert succeeded(gctoken("refresh", at=signed_in)).endswith(", generation 3, account al\\x1bce@example.com\n")
    assert "\nAccount       al\\x1bce@example.com\n" in succeeded(gctoken("info", at=signed_in))
    assert json.loads(succeeded(gctoken("refresh", "--json", at=d)))["generation"] == 4
    assert d.requests[0] == {"request": "auth.refresh", "parameters": {"profile": "billing"}}


def test_reload(daemon):
    d = daemon(data({}))
    assert succeeded(gctoken("reload", at=d)) == "Configuration reloaded.\n"
    assert d.requests == [{"request": "system.reload"}]


def test_a_reload_that_was_refused_says_that_nothing_changed(daemon):
    d = daemon(error("invalid_request", "/etc/x.conf:3: no such key: hosst"))
    failed(gctoken("reload", at=d), 1, "/etc/x.conf:3: no such key: hosst (invalid_request); "
           "the configuration from before stays in force")
    denied = daemon(error("access_denied", "Not you"))
    failed(gctoken("reload", at=denied), 4, "Not you (access_denied); gctoken services")


# exec

def shell(d, script, *args, **options):
    return gctoken("exec", *args, "--", "/bin/sh", "-c", script, at=d, **options)


PRINT = 'printf "%s|%s" "$GENESYSCLOUD_ACCESS_TOKEN" "$GENESYSCLOUD_REGION"'


@pytest.mark.parametrize("url,region", [
    ("https://api.mypurecloud.ie", "eu-west-1"), ("https://api.mypurecloud.ie:443/", "eu-west-1"),
    ("https://api.usw2.pure.cloud", "us-west-2"), ("https://api.example.org", ""),
    ("https://mypurecloud.ie", ""), ("http://localhost:8080", ""), (None, ""),
    ("https://api." + "x" * 300, ""),
])
def test_exec_sets_the_token_and_the_region(daemon, url, region):
    d = daemon(token(), data(info(apiUrl=url)))
    assert succeeded(shell(d, PRINT, "billing", "--min-validity", "5")) == f"{TOKEN}|{region}"
    assert d.requests == [
        {"request": "auth.getJwtToken", "parameters": {"profile": "billing", "minValidity": 5}},
        {"request": "auth.getTokenInfo", "parameters": {"profile": "billing"}}]


@pytest.mark.parametrize("second", [error("access_denied"), b"nonsense\n", close,
                                    data(info(apiUrl=None))])
def test_exec_leaves_the_region_as_it_is_where_it_is_not_known(daemon, second):
    d = daemon(token(), second)
    assert succeeded(shell(d, PRINT, env={"GENESYSCLOUD_REGION": "mine"})) == f"{TOKEN}|mine"


def test_exec_waits_for_the_region_no_longer_than_the_timeout_has_left(daemon):
    def late(peer):
        time.sleep(1)
        peer.sendall(token())

    d = daemon(late, stall)
    begin = time.monotonic()
    done = shell(d, PRINT, "--timeout", "2")
    assert succeeded(done) == f"{TOKEN}|"
    assert time.monotonic() - begin < 2.95


def test_exec_hands_over_all_arguments_and_its_own_exit_status(daemon):
    d = daemon(token(), data(info()), token(), data(info()), token(), data(info()))
    done = gctoken("exec", "--", "/bin/sh", "-c", 'echo "$@"; exit 42', "sh", "--json", "--", "-h",
                   at=d)
    assert (done.returncode, done.stdout, done.stderr) == (42, "--json -- -h\n", "")
    assert shell(d, "kill -PIPE $$").returncode == -13
    assert shell(d, "cat", input="stdin stays").stdout == "stdin stays"


def core_limit():
    """A soft limit other than 0, as far as it may be, and what sets it in a child."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    soft = 512 if hard == resource.RLIM_INFINITY else min(hard, 512)
    return soft, lambda: resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def test_exec_gives_back_the_core_limit(daemon):
    d = daemon(token(), data(info()))
    soft, raise_limit = core_limit()
    # The address sanitizer would set the limit to 0 itself.
    sanitizer = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":disable_coredump=0"}
    done = shell(d, "ulimit -S -c", env=sanitizer,
                 preexec_fn=raise_limit)
    assert succeeded(done) == f"{soft // 512}\n"


def test_exec_exits_as_env_does_where_nothing_can_be_run(daemon, place):
    d = daemon(token(), data(info()), token(), data(info()), token(), data(info()))
    failed(gctoken("exec", "--", "no-such-command-here", at=d), 127,
           "cannot run no-such-command-here: No such file")
    failed(gctoken("exec", "--", place, at=d), 126, "Permission denied")


def test_exec_runs_nothing_without_a_token(daemon, place):
    d = daemon(error("login_required"))
    failed(shell(d, f"touch {place}/ran"), 5)
    assert not os.path.exists(place + "/ran")


# arguments

@pytest.mark.parametrize("args,says", [
    ((), "gctoken get"), (("gte",), "no subcommand gte"), (("get", "a", "b"), "leave b out"),
    (("status", "a"), "leave a out"), (("get", ""), "PROFILE"), (("get", b"\xff"), "PROFILE"),
    (("get", "--jsno"), "no option --jsno"), (("get", "-j"), "no option -j"),
    (("get", "--json=1"), "takes no value"), (("get", "--socket"), "wants a value"),
    (("get", "--socket", ""), "wants a path"), (("get", "--timeout", "0"), "--timeout wants"),
    (("get", "--timeout", "-1"), "--timeout wants"), (("get", "--timeout", "5s"), "--timeout"),
    (("get", "--timeout", "inf"), "--timeout wants"), (("get", "--timeout", ""), "--timeout"),
    (("get", "--timeout", "3601"), "--timeout wants"), (("get", "--timeout", "0x1"), "--timeout"),
    (("get", "--min-validity", "1.5"), "whole seconds"),
    (("get", "--min-validity", "-1"), "from 0"),
    (("get", "--min-validity", "1e9"), "from 0"), (("get", "--min-validity", "2678401"), "2678400"),
    (("get", "--json", "--header"), "choose"), (("info", "--json", "--api-url"), "choose"),
    (("info", "--header"), "info takes no --header"), (("get", "--api-url"), "takes no --api-url"),
    (("status", "--min-validity", "5"), "takes no"), (("reload", "--json"), "takes no --json"),
    (("exec", "--json", "--", "true"), "takes no --json"), (("exec",), "gctoken exec -- COMMAND"),
    (("exec", "--"), "gctoken exec -- COMMAND"), (("exec", "a", "ls"), "-- before COMMAND"),
    (("exec", "ls"), "gctoken exec -- COMMAND"), (("get\x1b[31m",), "get\\x1b[31m"),
    (("explain", "--user", ""), "--user wants a text"), (("explain", "--unit", b"\xff"), "--unit wants"),
    (("info", "--user", "root"), "info takes no --user"), (("explain", "--api-url"), "takes no --api-url"),
])
def test_usage_errors(args, says):
    done = gctoken(*args, at="/nonexistent")
    failed(done, 2, says, "--help)")


@pytest.mark.parametrize("subcommand,options", [
    (None, ["--socket", "--timeout", "--help", "--version"]),
    ("get", ["--min-validity", "--reject", "--header", "--json"]),
    ("info", ["--json", "--api-url"]), ("status", ["--json"]), ("services", ["--json"]),
    ("exec", ["--min-validity", "-- COMMAND"]), ("refresh", ["--json"]), ("reload", ["--timeout"]),
    ("explain", ["--user NAME|UID", "--unit X.service", "--json"]),
    ("health", ["-w, --warning", "-c, --critical", "--failures-warning", "--failures-critical"]),
])
def test_help_names_every_option(subcommand, options):
    words = [subcommand] if subcommand else []
    out = succeeded(gctoken(*words, "--help"))
    assert out == succeeded(gctoken("-h", *words))
    assert out.startswith("Usage: gctoken")
    for each in options:
        assert each in out
    assert max(map(len, out.splitlines())) <= 80


def test_version():
    assert succeeded(gctoken("--version")).startswith("gctoken ")


# the process

def test_no_other_process_can_look_in_and_no_core_is_written(daemon, place):
    d = daemon(stall)
    os.chmod(d.path, 0o666)
    options = as_nobody(place)
    program = options.pop("program", GCTOKEN)
    rejected = os.path.join(place, "rejected")
    with open(rejected, "w", encoding="utf-8") as file:
        file.write(TOKEN)
    with subprocess.Popen([program, "get", "--reject", rejected],
                          env=environment(GCTOKEN_SOCKET=d.path), preexec_fn=core_limit()[1],
                          **options) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not d.connections and time.monotonic() < deadline:
                time.sleep(0.01)
            assert d.connections and process.poll() is None
            proc = f"/proc/{process.pid}"
            # The kernel gives the files of a process that is not dumpable to root.
            assert os.stat(proc + "/maps").st_uid == 0
            with open(proc + "/limits", encoding="utf-8") as file:
                assert [line.split()[4] for line in file if "core file" in line] == ["0"]
            with open(proc + "/cmdline", "rb") as file:
                assert TOKEN.encode() not in file.read()
        finally:
            process.kill()


def sign_in(expires_in, redirect_uri=None):
    """An answer to auth.getAuthorizeUrl."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return data({"url": "https://login.example/", "state": "of-this-sign-in", "responseType": "code",
                 "redirectUri": redirect_uri or f"http://127.0.0.1:{port}/", "expiresAt": after(expires_in)})


WITHDRAWN = {"profile": "default", "error": "withdrawn", "state": "of-this-sign-in"}


def test_login_gives_up_when_the_daemon_takes_the_sign_in_no_more(daemon):
    done = gctoken("login", "other", at=daemon(sign_in(1)), env={"BROWSER": "true"})
    assert (done.returncode, done.stdout) == (6, "")
    assert "nobody has signed in in time; begin again with: gctoken login other" in done.stderr.splitlines()[-1]


def test_login_withdraws_what_it_cannot_wait_for(daemon):
    d = daemon(data({}), sign_in(600, redirect_uri="https://app.example/back"), data({}))
    failed(gctoken("login", at=d, env={"BROWSER": "true"}), 1, "https://app.example/back", "--no-browser")
    assert [request["request"] for request in d.requests] == [
        "system.explain", "auth.getAuthorizeUrl", "auth.authorize"]
    assert d.requests[2]["parameters"] == WITHDRAWN


def test_a_pasted_code_is_brought_again_while_the_daemon_is_busy_and_then_withdrawn(daemon):
    d = daemon(data({}), sign_in(600), error("rate_limited", retry_after=1), error("rate_limited", retry_after=60),
               data({}))
    done = gctoken("login", "--no-browser", "--timeout", "2", at=d, input="c0de\n")
    assert done.returncode == 6 and "rate_limited, try again in 60 s" in done.stderr
    brought = {"profile": "default", "code": "c0de", "state": "of-this-sign-in"}
    assert [request["parameters"] for request in d.requests[2:]] == [brought, brought, WITHDRAWN]


@pytest.mark.parametrize(("code", "status", "title", "advice"), [
    ("login_required", 5, "Not signed in", "run: gctoken login default"),
    ("refresh_timeout", 6, "Not signed in yet", "gctokend goes on trying"),
    ("upstream_rejected", 7, "Not signed in", "correct the profile's credentials"),
    ("rate_limited", 6, "Not signed in", "wait, then ask again"),
])
def test_login_says_in_browser_and_terminal_what_to_do(daemon, code, status, title, advice):
    d = daemon(data({}), sign_in(600), error(code, retry_after=60), data({}))
    with Login(d) as login:
        browser = Browser()
        assert browser.get(login.url).location == "https://login.example/"
        page = browser.get(urllib.parse.urljoin(login.url, "/?code=c0de&state=of-this-sign-in"))
        assert f"<h1>{title}</h1>" in page.text and advice in page.text
        assert login.wait() == status and advice in login.err
    assert (d.requests[-1]["parameters"] == WITHDRAWN) is (code == "rate_limited")


def silent(peer):
    while peer.recv(65536):
        pass


@pytest.mark.parametrize("arguments", [(), ("--no-browser",)])
def test_ctrl_c_ends_a_login_that_gets_no_answer(daemon, arguments):
    d = daemon(data({}), silent)
    with Login(d, *arguments) as login:
        wait_until(lambda: d.connections == 2)
        assert login.interrupt() == -signal.SIGINT and login.err == ""


def test_login_with_a_device_asks_again_when_the_daemon_says_so(daemon):
    codes = data({"userCode": "WDJB", "verificationUri": "https://login.example/device"})
    d = daemon(codes, error("rate_limited", retry_after=2), data(info()))
    begun = time.monotonic()
    assert gctoken("login", "--device", at=d).returncode == 0
    assert time.monotonic() - begun >= 2 and d.connections == 3


def test_neither_libcurl_nor_openssl_nor_libevent_is_linked():
    with open(GCTOKEN, "rb") as file:
        content = file.read()
    for each in (b"libcurl", b"libssl", b"libcrypto", b"libevent"):
        assert each not in content
