"""Who may ask for what: allow rules of the real daemon, for callers of several uids and groups. And how gctoken tells them."""

import json
import os
import socket
import subprocess

import pytest

from callers import ALICE, BOB, CAROL, NEEDS_ROOT, acting_as, ask_as, code, connect_as, wait_until
from daemon import SLOWNESS, Daemon, check_config, profile
from sandbox import Sandbox

pytestmark = NEEDS_ROOT

NOBODY = 65534
TEAM = 64100
OPEN = ["system.getAllowedServices", "system.getStatus"]
EXPLAIN = "system.explain"
DENIED = 4

# Names of what each profile grants.
PROFILES = {
    "alice": f"user:{ALICE} (auth.getJwtToken)",
    "team": f"group:{TEAM} (auth.getJwtToken, auth.getTokenInfo)",
    "wild": "*",
    "wilder": "* (*, auth.*, events.*)",
    "tokens": "* (auth.getJwtToken)",
    "refresh": f"user:{ALICE} (auth.refresh), user:{BOB} (auth.*)",
    "union": f"user:{ALICE} (auth.getTokenInfo), group:{TEAM} (auth.getJwtToken), user:{BOB} (auth.getJwtToken)",
    "nobody": f"user:{NOBODY} (auth.getJwtToken), group:{NOBODY} (auth.getJwtToken)",
    "unknown": "user:no-such-user-here (auth.getJwtToken), group:no-such-group-here (auth.getJwtToken)",
    "names": "user:daemon (auth.getJwtToken), group:daemon (auth.getTokenInfo)",
    "closed": None,
    "root": "user:root (auth.getJwtToken, auth.refresh)",
}
TOKEN, INFO, REFRESH = "auth.getJwtToken", "auth.getTokenInfo", "auth.refresh"
URL, AUTHORIZE, SET = "auth.getAuthorizeUrl", "auth.authorize", "auth.setAccessToken"
PROVIDE = ["auth.signIn", "auth.getUserCode", "auth.authorizeDevice", "authProvider.register", "authProvider.ready",
           "authProvider.publish"]
EVENTS = ["events.subscribe", "events.unsubscribe"]


@pytest.fixture(scope="module")
def daemon():
    """Of another uid than root's: CAROL is the daemon's."""
    with Sandbox() as server:
        config = "".join(profile(server, name, allow=allow) for name, allow in PROFILES.items())
        started = Daemon(config, user=CAROL)
        os.chown(started.dir, CAROL, CAROL)
        with started:
            for name in PROFILES:
                started.wait_state("fresh", name)
            yield started


def rights(daemon, name, uid, gid=None, groups=()):
    """Which of getJwtToken and getTokenInfo this caller may use on the profile."""
    with connect_as(daemon, uid, gid, groups) as connection:
        replies = {request: connection.ask(request, {"profile": name}) for request in (TOKEN, INFO)}
    for reply in replies.values():
        assert code(reply) in (None, "access_denied")
    return {request for request, reply in replies.items() if code(reply) is None}


@pytest.mark.parametrize(("name", "uid", "gid", "groups", "expected"), [
    ("alice", ALICE, None, (), {TOKEN}),
    ("alice", BOB, None, (), set()),
    ("alice", BOB, ALICE, (ALICE,), set()),  # her gid is not her uid
    ("alice", 0, None, (), {INFO}),
    ("alice", CAROL, None, (), {INFO}),
    ("team", ALICE, TEAM, (), {TOKEN, INFO}),
    ("team", ALICE, None, (TEAM,), {TOKEN, INFO}),
    ("team", ALICE, None, tuple(range(70000, 70100)) + (TEAM,), {TOKEN, INFO}),
    ("team", ALICE, None, tuple(range(70000, 70100)), set()),
    ("team", ALICE, None, (), set()),
    ("team", TEAM, ALICE, (), set()),  # a uid is no gid
    ("team", 0, 0, (TEAM,), {TOKEN, INFO}),
    ("wild", ALICE, None, (), {INFO}),
    ("wild", 0, None, (), {INFO}),
    ("wild", NOBODY, None, (), {INFO}),
    ("wilder", BOB, None, (), {INFO}),
    ("wilder", CAROL, None, (), {INFO}),
    ("tokens", ALICE, None, (), {TOKEN}),
    ("tokens", NOBODY, None, (), {TOKEN}),
    ("refresh", ALICE, None, (), set()),
    ("refresh", BOB, None, (), {INFO}),
    ("union", ALICE, None, (), {INFO}),
    ("union", ALICE, None, (TEAM,), {TOKEN, INFO}),
    ("union", BOB, None, (), {TOKEN}),
    ("union", BOB + 100000, TEAM, (), {TOKEN}),
    ("nobody", NOBODY, None, (), set()),
    ("nobody", ALICE, NOBODY, (NOBODY,), set()),
    ("nobody", 0, NOBODY, (NOBODY,), {INFO}),
    ("unknown", ALICE, None, (), set()),
    ("unknown", NOBODY, None, (), set()),
    ("unknown", 0, None, (), {INFO}),
    ("names", 1, None, (), {TOKEN, INFO}),
    ("names", 1, ALICE, (), {TOKEN}),
    ("names", ALICE, None, (1,), {INFO}),
    ("closed", ALICE, None, (), set()),
    ("closed", ALICE, 0, (0, CAROL), set()),  # root's group is not root
    ("closed", 0, None, (), {TOKEN, INFO}),
    ("closed", CAROL, None, (), {TOKEN, INFO}),
    ("root", 0, None, (), {TOKEN, INFO}),
    ("root", CAROL, None, (), {INFO}),
])
def test_caller_may_do_what_the_rules_name(daemon, name, uid, gid, groups, expected):
    assert rights(daemon, name, uid, gid, groups) == expected


def test_wildcards_do_not_grant_a_refresh(daemon):
    for name in ("wild", "wilder", "tokens"):
        for uid in (ALICE, 0, CAROL):
            assert code(ask_as(daemon, uid, REFRESH, {"profile": name})) == "access_denied"
    assert code(ask_as(daemon, BOB, REFRESH, {"profile": "refresh"})) == "access_denied"
    assert ask_as(daemon, ALICE, REFRESH, {"profile": "refresh"})["data"]["profile"] == "refresh"
    assert ask_as(daemon, CAROL, REFRESH, {"profile": "closed"})["data"]["profile"] == "closed"


def test_ids_are_those_at_the_time_of_the_connection(daemon):
    """A descriptor that is handed to others keeps them; one that was made before privileges were dropped too."""
    with connect_as(daemon, ALICE) as connection:
        assert connection.get("alice")["data"]["jwtToken"]
        with acting_as(BOB):
            assert connection.get("alice")["data"]["jwtToken"]
    with daemon.connect() as connection, acting_as(ALICE):
        assert code(connection.get("alice")) == "access_denied"


def without_names(reply, name):
    return json.dumps(reply).replace(name, "NAME")


@pytest.mark.parametrize("request_name", [TOKEN, INFO, REFRESH])
def test_profile_that_is_not_there_looks_like_one_that_is_denied(daemon, request_name):
    for uid in (ALICE, NOBODY):
        denied = ask_as(daemon, uid, request_name, {"profile": "closed"})
        absent = ask_as(daemon, uid, request_name, {"profile": "absent"})
        assert code(denied) == "access_denied"
        assert without_names(denied, "closed") == without_names(absent, "absent")


def test_profile_that_is_not_there_is_named_for_root_and_the_daemons_uid(daemon):
    for uid in (0, CAROL):
        absent = ask_as(daemon, uid, TOKEN, {"profile": "absent"})
        denied = ask_as(daemon, uid, TOKEN, {"profile": "alice"})
        assert code(absent) == code(denied) == "access_denied"
        assert "no profile \"absent\"" in absent["errorMessage"]
        assert "no profile" not in denied["errorMessage"]


def services(daemon, *caller):
    with connect_as(daemon, *caller) as connection:
        data = connection.ask("system.getAllowedServices")["data"]
        seen = [info["profile"] for info in connection.ask("system.getStatus")["data"]["profiles"]]
    return data["services"], data["profiles"], seen


def test_services_and_status_are_cut_to_what_the_caller_may_see(daemon):
    assert services(daemon, ALICE) == (
        [TOKEN, INFO, REFRESH, URL, *EVENTS, *OPEN, EXPLAIN], ["alice", "refresh", "tokens", "union", "wild", "wilder"],
        ["union", "wild", "wilder"])
    assert services(daemon, BOB) == (
        [TOKEN, INFO, URL, *EVENTS, *OPEN, EXPLAIN], ["refresh", "tokens", "union", "wild", "wilder"],
        ["refresh", "wild", "wilder"])
    assert services(daemon, NOBODY) == (
        [TOKEN, INFO, URL, *EVENTS, *OPEN, EXPLAIN], ["tokens", "wild", "wilder"], ["wild", "wilder"])
    everything = [TOKEN, INFO, REFRESH, "auth.logout", URL, AUTHORIZE, SET, *PROVIDE, *EVENTS, *OPEN, EXPLAIN,
                  "system.reload"]
    assert services(daemon, CAROL) == (everything, sorted(PROFILES), sorted(PROFILES))
    assert services(daemon, 0) == (everything, sorted(PROFILES), sorted(PROFILES))


def test_reload_is_for_root_and_the_daemons_uid(daemon):
    for uid in (ALICE, NOBODY):
        assert code(ask_as(daemon, uid, "system.reload")) == "access_denied"
    for uid in (0, CAROL):
        assert ask_as(daemon, uid, "system.reload")["data"] == {"profiles": len(PROFILES)}


def test_reload_is_for_those_whom_the_daemons_section_allows():
    with Sandbox() as server:
        section = f"[daemon]\nallow = user:{ALICE} (system.reload), group:{TEAM}\n"
        with Daemon(section + profile(server)) as daemon:
            daemon.wait_state("fresh")
            assert ask_as(daemon, ALICE, "system.reload")["data"] == {"profiles": 1}
            assert ask_as(daemon, BOB, "system.reload", gid=TEAM)["data"] == {"profiles": 1}
            assert code(ask_as(daemon, BOB, "system.reload")) == "access_denied"
            assert "system.reload" in ask_as(daemon, ALICE, "system.getAllowedServices")["data"]["services"]
            assert "system.reload" not in ask_as(daemon, BOB, "system.getAllowedServices")["data"]["services"]
            assert code(ask_as(daemon, ALICE, TOKEN)) == "access_denied"


def test_waiter_that_a_reload_denies_is_told_and_others_stay():
    with Sandbox() as server:
        server.rule({"delay_ms": int(1000 * max(3, 1.5 * SLOWNESS))})
        both = f"user:{ALICE} (auth.getJwtToken), user:{BOB} (auth.getJwtToken)"
        with Daemon(profile(server, allow=both, refresh_token_wait_max=60)) as daemon:
            with connect_as(daemon, ALICE) as alice, connect_as(daemon, BOB) as bob:
                for connection in (alice, bob):
                    connection.send(TOKEN)
                wait_until(lambda: daemon.info()["waiters"] == 2)
                daemon.write_config(profile(server, allow=f"user:{BOB} (auth.getJwtToken)", refresh_token_wait_max=60))
                assert daemon.ask("system.reload")["data"] == {"profiles": 1}
                assert code(alice.reply()) == "access_denied"
                assert daemon.info()["waiters"] == 1
                assert bob.reply()["data"]["jwtToken"]
                assert code(alice.get()) == "access_denied"
            assert server.stats()["token_requests"] == 1


def test_unknown_users_and_those_without_a_number_are_a_warning():
    with Sandbox() as server:
        for caller in ("user:no-such-user-here", "group:no-such-group-here", "user:65534", "group:nogroup", "user:nobody"):
            result = check_config(profile(server, allow=f"{caller} (auth.getJwtToken)"))
            assert result.returncode == 0
            assert "allow" in result.stderr and caller.split(":")[1] in result.stderr + " 65534"


# gctoken


def gctoken_as(daemon, uid, *arguments, groups=()):
    return subprocess.run([os.environ["GCTOKEN"], *arguments], user=uid, group=uid, extra_groups=list(groups),
                          env={**os.environ, "GCTOKEN_SOCKET": daemon.socket}, capture_output=True, text=True,
                          timeout=60, check=False)


def test_gctoken_prints_the_token_of_who_may_have_it(daemon):
    result = gctoken_as(daemon, ALICE, "get", "alice")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.strip() == ask_as(daemon, ALICE, TOKEN, {"profile": "alice"})["data"]["jwtToken"]
    daemon.secrets.add(result.stdout.strip())
    assert gctoken_as(daemon, BOB, "get", "team", groups=[TEAM]).returncode == 0


@pytest.mark.parametrize("arguments", [("get", "closed"), ("info", "closed"), ("refresh", "closed"), ("get", "absent"),
                                       ("exec", "closed", "--", "true"), ("reload",)], ids=" ".join)
def test_gctoken_exits_with_4_when_access_is_denied(daemon, arguments):
    result = gctoken_as(daemon, ALICE, *arguments)
    assert (result.returncode, result.stdout) == (DENIED, "")
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("gctoken: ")


def test_gctoken_shows_everybody_what_is_theirs(daemon):
    result = gctoken_as(daemon, ALICE, "services", "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["profiles"] == ["alice", "refresh", "tokens", "union", "wild", "wilder"]
    result = gctoken_as(daemon, ALICE, "status")
    assert result.returncode == 0 and "closed" not in result.stdout and "wild" in result.stdout


def test_gctoken_exits_with_4_without_permission_on_the_sockets_directory():
    with Sandbox() as server, Daemon(profile(server, allow="* (auth.getJwtToken)")) as daemon:
        daemon.wait_state("fresh", timeout=10)
        assert gctoken_as(daemon, ALICE, "get").returncode == 0
        os.chmod(daemon.dir, 0o700)
        result = gctoken_as(daemon, ALICE, "get")
        assert (result.returncode, result.stdout) == (DENIED, "")
        assert result.stderr.count("\n") == 1 and daemon.socket in result.stderr


def test_gctoken_exits_with_4_without_permission_on_the_socket():
    with Sandbox() as server, Daemon(profile(server, allow="* (auth.getJwtToken)")) as daemon:
        daemon.wait_state("fresh")
        os.chmod(daemon.socket, 0o600)
        result = gctoken_as(daemon, ALICE, "get")
        assert (result.returncode, result.stdout) == (DENIED, "")
        os.chmod(daemon.socket, 0o666)
        assert gctoken_as(daemon, ALICE, "get").returncode == 0


def test_socket_is_open_to_all_whatever_the_umask():
    with Sandbox() as server, Daemon(profile(server), command_prefix=["sh", "-c", 'umask 077; exec "$@"', "sh"]) as daemon:
        assert os.stat(daemon.socket).st_mode & 0o777 == 0o666
        with acting_as(BOB), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(daemon.socket)


def test_second_daemon_leaves_the_first_ones_socket_alone():
    with Sandbox() as server, Daemon(profile(server)) as daemon:
        daemon.wait_state("fresh")
        result = subprocess.run([os.environ["GCTOKEND"], "--config", daemon.config_path, "--socket", daemon.socket],
                                capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 1 and daemon.socket in result.stderr
        assert daemon.get()
