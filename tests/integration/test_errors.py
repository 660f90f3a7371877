"""Each code of the error list from the real daemon, and each exit status of gctoken with the line that says what to do."""

import collections
import contextlib
import os
import socket
import subprocess

import pytest

from callers import ALICE, NEEDS_ROOT, ask_as, connect_as, wait_until
from daemon import REPLY_TIMEOUT_S, SLOWNESS, Daemon, profile
from sandbox import Sandbox

TOKEN = "auth.getJwtToken"
FOR_EVER_MS = 600000
RETRYABLE = {"rate_limited", "refresh_timeout", "upstream_unavailable", "shutting_down"}
CODES = {"invalid_request", "unknown_request", "access_denied", "rate_limited", "refresh_timeout", "upstream_unavailable",
         "upstream_rejected", "login_required", "shutting_down", "internal"}

# The profiles: the rule of their server, and further keys.
PROFILES = {
    "good": (None, {}),
    "often": (None, {}),
    "slow": ({"delay_ms": FOR_EVER_MS}, {"refresh_token_wait_max": 1, "request_timeout": 300}),
    "hanging": ({"delay_ms": FOR_EVER_MS}, {"refresh_token_wait_max": 300, "request_timeout": 300}),
    "down": ({"status": 503, "retry_after": 100}, {}),
    "refused": ({"error": "invalid_client"}, {}),
    "passed": ({"expires_in": int(SLOWNESS)}, {"refresh_access_token": "false"}),
    "closed": (None, {"allow": "user:no-such-user-here (auth.getJwtToken)"}),
}


@pytest.fixture(scope="module")
def daemon():
    clients = [{"id": name, "secret": f"{name}-secret"} for name in PROFILES]
    with Sandbox(clients=clients) as server:
        server.rules([{"match": {"client_id": name}, **rule} for name, (rule, _) in PROFILES.items() if rule])
        config = "".join(profile(server, name, name, f"{name}-secret", **keys) for name, (_, keys) in PROFILES.items())
        with Daemon(config) as started:
            started.secrets.update(f"{name}-secret" for name in PROFILES)
            started.good_config = config
            for name, state in (("good", "fresh"), ("down", "failing"), ("refused", "rejected"), ("passed", "disabled")):
                started.wait_state(state, name)
            yield started


@contextlib.contextmanager
def bad_config(daemon):
    daemon.write_config("[nonsense]\n")
    try:
        yield
    finally:
        daemon.write_config(daemon.good_config)


# ---- on the wire

def get(daemon, name, **parameters):
    return daemon.ask(TOKEN, {"profile": name, **parameters})


def invalid_request(daemon):
    return daemon.ask(TOKEN, {"profil": "good"})


def unknown_request(daemon):
    return daemon.ask("auth.getJwtTokens")


def access_denied(daemon):
    return get(daemon, "closed")


def access_denied_where_nothing_is(daemon):
    return get(daemon, "nothing")


def access_denied_to_reload(daemon):
    return ask_as(daemon, ALICE, "system.reload")


def rate_limited(daemon):
    """The second refresh within 10 seconds."""
    assert "data" in daemon.ask("auth.refresh", {"profile": "often"})
    return daemon.ask("auth.refresh", {"profile": "often"})


def refresh_timeout(daemon):
    return get(daemon, "slow")


def upstream_unavailable(daemon):
    return get(daemon, "down")


def upstream_rejected(daemon):
    return get(daemon, "refused")


def login_required(daemon):
    return get(daemon, "passed")


def internal(daemon):
    with bad_config(daemon):
        return daemon.ask("system.reload")


@NEEDS_ROOT
@pytest.mark.parametrize(("provoke", "code", "says"), [
    (invalid_request, "invalid_request", "profil"),
    (unknown_request, "unknown_request", "system.getAllowedServices"),
    (access_denied, "access_denied", "allow"),
    (access_denied_where_nothing_is, "access_denied", "system.getStatus"),
    (access_denied_to_reload, "access_denied", "[daemon] allow"),
    (rate_limited, "rate_limited", "less than 10 seconds ago"),
    (refresh_timeout, "refresh_timeout", "Token refresh took longer than 1 second"),
    (upstream_unavailable, "upstream_unavailable", "HTTP 503"),
    (upstream_rejected, "upstream_rejected", "check its client_id, secret and grant, then reload"),
    (login_required, "login_required", "auth.refresh"),
    (internal, "internal", "there is no such section"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_error_has_its_code_its_text_and_says_whether_and_when_to_try_again(daemon, provoke, code, says):
    before = daemon.ask("system.getStatus")["data"]["counters"]["errors"]
    reply = provoke(daemon)
    assert set(reply) == {"errorMessage", "error"}
    error = reply["error"]
    assert error["code"] == code and says in reply["errorMessage"]
    assert error["retryable"] is (code in RETRYABLE)
    if code in RETRYABLE:
        assert isinstance(error["retryAfter"], int) and error["retryAfter"] >= 1
    else:
        assert error["retryAfter"] is None
    after = daemon.ask("system.getStatus")["data"]["counters"]["errors"]
    assert set(after) == CODES
    assert after[code] == before[code] + 1


def test_server_says_when_to_try_again(daemon):
    assert 100 - 20 * min(SLOWNESS, 4) <= upstream_unavailable(daemon)["error"]["retryAfter"] <= 100


def test_error_to_many_who_wait_is_one_for_each(daemon):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(daemon.connect()) for _ in range(20)]
        for number, connection in enumerate(connections):
            connection.send(TOKEN, {"profile": "slow"}, reference=number)
        for number, connection in enumerate(connections):
            reply = connection.reply()
            assert reply["referenceId"] == number and reply["error"]["code"] == "refresh_timeout"


# ---- gctoken

# What is run, on which profile, what it exits with, what its one line says is wrong and what to do about it.
Case = collections.namedtuple("Case", "arguments status says advice", defaults=(None,))
CASES = {
    "done": Case(["get", "good"], 0, None),
    "info": Case(["info", "refused"], 0, None),
    "no-api": Case(["info", "good", "--api-url"], 1, "has no API URL"),
    "reload-refused": Case(["reload"], 1, "(internal)", "the configuration from before stays in force"),
    "nothing-to-reject": Case(["get", "good", "--reject", "/dev/null"], 1, "no token to reject in /dev/null"),
    "no-file": Case(["get", "good", "--reject", "/nonexistent"], 1, "/nonexistent: No such file"),
    "usage": Case(["get", "good", "better"], 2, "leave better out", "gctoken get --help"),
    "no-subcommand": Case([], 2, "say what to do", "gctoken --help"),
    "unknown-option": Case(["get", "--token"], 2, "--token", "gctoken get --help"),
    "nothing-to-run": Case(["exec", "good"], 2, "--", "gctoken exec --help"),
    "denied": Case(["get", "closed"], 4, "(access_denied)", "gctoken services"),
    "denied-where-nothing-is": Case(["info", "nothing"], 4, "(access_denied)", "gctoken services"),
    "login": Case(["get", "passed"], 5, "(login_required)", "gctoken refresh"),
    "timeout": Case(["get", "slow"], 6, "(refresh_timeout, try again in ", "gctoken info"),
    "own-timeout": Case(["get", "hanging", "--timeout", "0.2"], 6, "no answer", "--timeout"),
    "unavailable": Case(["get", "down"], 6, "(upstream_unavailable, try again in ", "check the network"),
    "rate": Case(["refresh", "good"], 6, "(rate_limited, try again in ", "wait"),
    "refused": Case(["get", "refused"], 7, "(upstream_rejected)", "gctoken reload"),
    "refresh-of-refused": Case(["refresh", "refused"], 7, "(upstream_rejected)", "gctoken reload"),
    "exec": Case(["exec", "good", "--", "sh", "-c", "exit 42"], 42, None),
    "exec-killed": Case(["exec", "good", "--", "sh", "-c", "kill -9 $$"], -9, None),
    "exec-without-token": Case(["exec", "refused", "--", "sh", "-c", "exit 42"], 7, "(upstream_rejected)", "gctoken reload"),
    "exec-denied": Case(["exec", "closed", "--", "true"], 4, "(access_denied)", "gctoken services"),
    "exec-passed": Case(["exec", "passed", "--", "true"], 5, "(login_required)", "gctoken refresh"),
    "exec-down": Case(["exec", "down", "--", "true"], 6, "(upstream_unavailable", "check the network"),
    "not-executable": Case(["exec", "good", "--", "/etc/passwd"], 126, "cannot run /etc/passwd: Permission denied"),
    "directory": Case(["exec", "good", "--", "/etc"], 126, "cannot run /etc: Permission denied"),
    "not-found": Case(["exec", "good", "--", "no-such-command-here"], 127, "cannot run no-such-command-here: No such file"),
    "path-not-found": Case(["exec", "good", "--", "/nonexistent/command"], 127, "cannot run /nonexistent/command: No such"),
}


def check_line(done, case):
    assert done.returncode == case.status, done.stderr
    if case.says is None:
        assert done.stderr == ""
        return
    assert done.stdout == ""
    assert done.stderr.startswith("gctoken: ") and done.stderr.count("\n") == 1 and done.stderr.endswith("\n")
    assert case.says in done.stderr and (case.advice or "") in done.stderr


@pytest.mark.parametrize("name", CASES)
def test_gctoken_exits_with_the_status_and_says_what_to_do(daemon, name):
    case = CASES[name]
    if name == "rate":
        daemon.gctoken("refresh", "good")
    with bad_config(daemon) if name == "reload-refused" else contextlib.nullcontext():
        # The option goes in front of the words: behind -- it would be the command's.
        done = subprocess.run([os.environ["GCTOKEN"], "--socket", daemon.socket, *case.arguments], capture_output=True,
                              text=True, timeout=REPLY_TIMEOUT_S, check=False)
    check_line(done, case)


@NEEDS_ROOT
def test_gctoken_refused_a_reload_exits_with_4(daemon):
    done = subprocess.run([os.environ["GCTOKEN"], "reload", "--socket", daemon.socket], user=ALICE, group=ALICE,
                          extra_groups=[], capture_output=True, text=True, timeout=REPLY_TIMEOUT_S, check=False)
    check_line(done, Case(["reload"], 4, "(access_denied)", "[daemon] allow"))


def test_gctoken_without_room_for_its_output_exits_with_1(daemon):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([os.environ["GCTOKEN"], "get", "good", "--socket", daemon.socket], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=REPLY_TIMEOUT_S, check=False)
    assert done.returncode == 1 and "No space left on device" in done.stderr and done.stderr.count("\n") == 1


def test_gctoken_without_a_daemon_exits_with_3(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    for name in ("missing", "dead", "no/directory"):
        for arguments in (["get"], ["status"], ["exec", "--", "true"]):
            done = subprocess.run([os.environ["GCTOKEN"], "--socket", tmp_path / name, *arguments], capture_output=True,
                                  text=True, timeout=REPLY_TIMEOUT_S, check=False)
            check_line(done, Case(arguments, 3, f"no daemon on {tmp_path / name}", "systemctl start gctokend"))


@NEEDS_ROOT
def test_gctoken_past_the_connections_of_its_user_exits_with_6(server):
    with Daemon(profile(server) + "[daemon]\nmax_connections_per_uid = 2\n") as daemon:
        with connect_as(daemon, ALICE) as one, connect_as(daemon, ALICE) as two:
            for connection in (one, two):
                assert "data" in connection.ask("system.getStatus")
            done = subprocess.run([os.environ["GCTOKEN"], "status", "--socket", daemon.socket], user=ALICE, group=ALICE,
                                  extra_groups=[], capture_output=True, text=True, timeout=REPLY_TIMEOUT_S, check=False)
        check_line(done, Case(["status"], 6, "(rate_limited, try again in 1 s)", "wait"))


def test_gctoken_whose_daemon_ends_exits_with_6(server):
    server.rule({"delay_ms": FOR_EVER_MS})
    with Daemon(profile(server, refresh_token_wait_max=300)) as daemon:
        with subprocess.Popen([os.environ["GCTOKEN"], "get", "--timeout", "60", "--socket", daemon.socket],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            wait_until(lambda: daemon.info()["waiters"] == 1)
            daemon.end()
            out, error = client.communicate(timeout=REPLY_TIMEOUT_S)
        check_line(subprocess.CompletedProcess([], client.returncode, out, error),
                   Case([], 6, "(shutting_down, try again in ", "once gctokend runs again"))
        # And killed without a word, it is as if there were none.
        daemon.start()
        daemon.signal(9)
        daemon.wait()
        assert daemon.gctoken("get").returncode == 3
        os.unlink(daemon.socket)
