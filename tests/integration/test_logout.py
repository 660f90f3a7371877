"""auth.logout and gctoken logout: token and session are forgotten, durably, and revoked where the server knows how."""

import contextlib
import json
import os
import time
import urllib.parse

import pytest

from callers import ALICE, NEEDS_ROOT, ask_as, code
from daemon import SLOWNESS, Daemon, profile
from fdstore import FdStore
from messenger import AUTHORIZE, EXCHANGE, REDIRECT_URI, REFRESH, REVOKE, gateway
from messenger import section as deployment
from sandbox import Sandbox

LOGOUT = "auth.logout"
TOKENS_ME, RFC_7009 = "/api/v2/tokens/me", "/oauth/revoke"
SECRET = "s3cret-of-the-client"


def machine(server, name="default", **keys):
    """Client credentials, at Genesys Cloud."""
    return profile(server, name, **{**gateway(server), **keys})


def person(server, name="default", **keys):
    """Codes and refresh tokens, at a server with RFC 7009."""
    return profile(server, name, "web", SECRET, **{
        "grant": "authorization_code", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize",
        "revocation_url": server.http + RFC_7009, **keys})


CLIENTS = {machine: "demo", deployment: "deployment", person: "web"}


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("deployment", auth="none", refresh_tokens="kept", expires_in=600)
        sandbox.client("web", SECRET, refresh_tokens="rotated")
        yield sandbox


@contextlib.contextmanager
def running(server, section, bodies=True, **keys):
    """A daemon whose profile `default` has a token, whatever that takes."""
    config = section(server, **keys)
    if bodies:
        config += "[logging]\nlog_request_body = true\nlog_response_body = true\n"
    with Daemon(config) as daemon:
        daemon.secrets.add(SECRET)
        sign_in(daemon, server, section)
        daemon.wait_state("fresh")
        yield daemon
        remember(daemon, server)


def code_for(daemon, server, section):
    query = {"client_id": CLIENTS[section], "redirect_uri": REDIRECT_URI, "response_type": "code"}
    brought = server.visit(server.http + "/oauth/authorize?" + urllib.parse.urlencode(query))["code"]
    daemon.secrets.add(brought)
    return brought


def sign_in(daemon, server, section):
    if section is not machine:
        reply = daemon.ask(AUTHORIZE, {"code": code_for(daemon, server, section), "redirectUri": REDIRECT_URI})
        assert reply["data"]["state"] == "fresh", reply


def remember(daemon, server):
    """No token may stand in a log."""
    daemon.secrets |= {token["refresh_token"] for session in server.sessions() for token in session["refresh_tokens"]}
    daemon.secrets |= {each["token"] for each in server.revocations() if each["token"]}


def logout(daemon):
    reply = daemon.ask(LOGOUT)
    assert "data" in reply, reply
    return reply["data"]


def revocations(server):
    return [(each["method"], each["path"], each["status"]) for each in server.revocations()]


def check_logged_out(daemon):
    error = daemon.get()
    assert error["code"] == "login_required" and "was logged out" in error["text"], error
    info = daemon.info()
    assert (info["state"], info["expiration"], info["refreshAt"]) == ("login_required", None, None)


def dead(server, *tokens):
    return not any(server.check(token)["active"] for token in tokens)


# What is revoked


@pytest.mark.parametrize("section,requests", [
    (machine, [("DELETE", TOKENS_ME, 200)]),
    (deployment, [("DELETE", REVOKE, 204)]),
    (person, [("POST", RFC_7009, 200), ("POST", RFC_7009, 200)]),
])
def test_token_and_session_are_gone_here_and_there(server, section, requests):
    with running(server, section) as daemon:
        token = daemon.get()
        data = logout(daemon)
        assert (data["state"], data["revoked"], data["revocationError"]) == ("login_required", True, None)
        assert dead(server, token) and revocations(server) == requests
        assert [session["ended"] for session in server.sessions()] in ([], ["revoked"])
        check_logged_out(daemon)
        asked = server.stats()["token_requests"]
        time.sleep(1.5)  # nothing comes back by itself
        assert server.stats()["token_requests"] == asked
        daemon.wait_log("logged out, and at the login server too")


def test_rfc_7009_authenticates_the_client_and_names_what_it_revokes(server):
    with running(server, person) as daemon:
        logout(daemon)
        first, second = server.revocations()
        assert first["fields"]["token_type_hint"] == "refresh_token" and second["fields"]["token_type_hint"] == "access_token"
        assert first["content_type"] == "application/x-www-form-urlencoded"
        assert "token_type_hint=refresh_token" in daemon.log() and "token=***" in daemon.log()


def test_a_server_without_a_way_to_revoke_is_told(server):
    with running(server, person, revocation_url=None) as daemon:
        data = logout(daemon)
        assert data["revoked"] is False and "revocation_url" in data["revocationError"]
        check_logged_out(daemon)
        assert server.revocations() == []


def test_a_planted_token_is_revoked_too(server):
    with running(server, machine) as donor:
        token = donor.get()
        with Daemon(profile(server, "default", None, None, grant="static", **gateway(server))) as daemon:
            daemon.secrets.add(token)
            daemon.ask("auth.setAccessToken", {"token": token, "expiresIn": 600})
            assert logout(daemon)["revoked"] and dead(server, token)
            check_logged_out(daemon)
            daemon.ask("auth.setAccessToken", {"token": "another-token", "expiresIn": 600})
            assert daemon.get() == "another-token"


def test_a_jwt_that_the_server_does_not_take_is_renewed_once(server):
    with running(server, deployment) as daemon:
        server.rule({"match": {"path": REVOKE}, "times": 1, "status": 401})
        assert logout(daemon)["revoked"]
        assert [each["path"] for each in server.requests()] == [EXCHANGE, REFRESH]
        assert revocations(server) == [("DELETE", REVOKE, 401), ("DELETE", REVOKE, 204)]
        assert server.sessions()[-1]["ended"] == "revoked"


def test_and_three_times_at_most(server):
    with running(server, deployment) as daemon:
        server.rule({"match": {"path": REVOKE}, "status": 401, "body": '{"code":"bad.credentials"}'})
        data = logout(daemon)
        assert not data["revoked"] and "HTTP 401 bad.credentials" in data["revocationError"]
        assert [each["path"] for each in server.requests()] == [EXCHANGE] + 3 * [REFRESH]
        assert revocations(server) == 4 * [("DELETE", REVOKE, 401)]
        check_logged_out(daemon)


@pytest.mark.parametrize("section,path", [(machine, TOKENS_ME), (deployment, REVOKE), (person, RFC_7009)])
@pytest.mark.parametrize("rule", [{"status": 503}, {"close": "before_headers"}, {"reset": True}, {"status": 429}])
def test_a_server_that_fails_is_told_and_makes_it_no_less_of_a_logout(server, section, path, rule):
    with running(server, section) as daemon:
        server.rule({"match": {"path": path}, **rule})
        data = logout(daemon)
        assert data["state"] == "login_required" and data["revoked"] is False and data["revocationError"]
        check_logged_out(daemon)
        daemon.wait_log("logged out here, but not at the login server")
        assert len(server.revocations()) == 1


def test_a_server_that_is_away_is_told(server):
    with running(server, deployment) as daemon:
        remember(daemon, server)
        server.down()
        data = logout(daemon)
        assert not data["revoked"] and "cannot be reached" in data["revocationError"]
        check_logged_out(daemon)
        server.up()
        server.client("deployment", auth="none", refresh_tokens="kept")


def test_a_server_that_hangs_delays_the_answer_to_the_wait_and_no_other_caller(server):
    wait_s = 2
    with running(server, deployment, refresh_token_wait_max=wait_s) as daemon:
        server.rule({"match": {"path": REVOKE}, "delay_ms": 1000 * wait_s * 2})
        begun = time.monotonic()
        with daemon.connect() as connection:
            connection.send(LOGOUT)
            check_logged_out(daemon)
            data = connection.reply()["data"]
        assert time.monotonic() - begun >= wait_s
        assert not data["revoked"] and "has not answered within 2 seconds" in data["revocationError"]
        daemon.wait_log("logged out, and at the login server too")


# What comes late


@pytest.mark.parametrize("section", [machine, deployment, person])
def test_what_a_flight_brings_after_the_logout_is_revoked(server, section):
    with running(server, section) as daemon:
        server.rule({"times": 1, "delay_ms": 1500})
        with daemon.connect() as connection:
            connection.send("auth.refresh")
            server.wait(lambda stats: stats["in_flight"] == 1)
            logout(daemon)
            assert code(connection.reply()) == "login_required"
        daemon.wait_log("what came after the logout was revoked", timeout=15)
        check_logged_out(daemon)
        late = server.requests()[-1]
        assert late["outcome"] == "answered" and late["status"] == 200
        ended = [session["ended"] for session in server.sessions()]
        assert ended in ([], ["revoked"])
        remember(daemon, server)


def test_a_sign_in_that_is_under_way_ends_with_the_logout(server):
    with running(server, deployment) as daemon:
        server.rule({"times": 1, "delay_ms": 1500})
        with daemon.connect() as connection:
            connection.send(AUTHORIZE, {"code": code_for(daemon, server, deployment), "redirectUri": REDIRECT_URI})
            server.wait(lambda stats: stats["in_flight"] == 1)
            logout(daemon)
            assert code(connection.reply()) == "login_required"
        daemon.wait_log("what came after the logout was revoked", timeout=15)
        assert {session["ended"] for session in server.sessions()} == {"revoked"}
        check_logged_out(daemon)


# How long it lasts


@pytest.mark.parametrize("section", [machine, deployment, person])
@pytest.mark.parametrize("crash", [False, True])
def test_it_outlives_restarts_and_crashes(server, section, crash):
    with running(server, section) as daemon:
        logout(daemon)
        asked = server.stats()["token_requests"]
        if crash:
            daemon.signal(9)
            daemon.wait()
        else:
            daemon.end()
        daemon.start()
        daemon.wait_state("login_required")
        check_logged_out(daemon)
        assert code(daemon.ask("auth.getJwtToken")) == "login_required"
        assert server.stats()["token_requests"] == asked


def test_it_outlives_a_restart_by_a_service_manager(server):
    with FdStore() as manager, Daemon(machine(server), environment=manager.environment) as daemon:
        daemon.wait_state("fresh")
        daemon.get()
        logout(daemon)
        asked = server.stats()["token_requests"]
        for name in os.listdir(daemon.state):
            if name.endswith(".state"):
                os.remove(os.path.join(daemon.state, name))  # the manager's store alone knows
        manager.restart(daemon)
        daemon.wait_state("login_required")
        check_logged_out(daemon)
        assert server.stats()["token_requests"] == asked
        remember(daemon, server)


def test_a_refresh_ends_it_for_good_where_no_sign_in_is_needed(server):
    with running(server, machine) as daemon:
        logout(daemon)
        assert daemon.ask("auth.refresh")["data"]["state"] == "fresh"
        assert server.check(daemon.get())["active"]
        assert not [name for name in os.listdir(daemon.state) if name.endswith(".state")]
        daemon.end()
        daemon.start()
        daemon.wait_state("fresh")
        daemon.get()


@pytest.mark.parametrize("section", [deployment, person])
def test_a_sign_in_ends_it_and_a_refresh_does_not_help(server, section):
    with running(server, section) as daemon:
        logout(daemon)
        assert code(daemon.ask("auth.refresh")) == "login_required"
        sign_in(daemon, server, section)
        assert server.check(daemon.get())["active"]
        daemon.end()
        daemon.start()
        daemon.wait_state("fresh")
        daemon.get()


def test_a_reload_with_new_credentials_does_not_end_it(server):
    with running(server, machine, bodies=False) as daemon:
        logout(daemon)
        asked = server.stats()["token_requests"]
        server.client("other", "other-secret")
        daemon.write_config(machine(server, secret="another-secret"))
        assert "data" in daemon.ask("system.reload")
        daemon.wait_state("login_required")
        check_logged_out(daemon)
        assert server.stats()["token_requests"] == asked


def test_a_disk_that_fails_is_told(server):
    with running(server, machine) as daemon:
        os.rmdir(daemon.state)
        with open(daemon.state, "w", encoding="utf-8"):
            pass
        reply = daemon.ask(LOGOUT)
        assert code(reply) == "internal" and "logged out" in reply["errorMessage"]
        check_logged_out(daemon)
        assert server.revocations()[-1]["status"] == 200


# Who and how


def test_logging_out_twice_is_as_good_as_once(server):
    with running(server, machine) as daemon:
        assert logout(daemon)["revoked"]
        data = logout(daemon)
        assert (data["revoked"], data["revocationError"]) == (False, None)
        assert len(server.revocations()) == 1


def test_many_at_once_make_one_request(server):
    with running(server, deployment) as daemon, contextlib.ExitStack() as stack:
        server.rule({"match": {"path": REVOKE}, "delay_ms": 500})
        connections = [stack.enter_context(daemon.connect()) for _ in range(20)]
        for connection in connections:
            connection.send(LOGOUT)
        assert all(connection.reply()["data"]["revoked"] for connection in connections)
        assert len(server.revocations()) == 1


def test_a_stop_waits_for_the_revocation(server):
    with running(server, machine) as daemon:
        token = daemon.get()
        server.rule({"match": {"path": TOKENS_ME}, "delay_ms": 500})
        with daemon.connect() as connection:
            connection.send(LOGOUT)
            deadline = time.monotonic() + 10 * SLOWNESS
            while not server.revocations():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            daemon.end()
            reply = connection.reply()  # before the disk has it, nobody is told that it is done
            assert "data" in reply or code(reply) == "shutting_down"
        assert dead(server, token)
        daemon.start()
        daemon.wait_state("login_required")


@NEEDS_ROOT
def test_only_who_is_granted_it_by_name_may_log_out(server):
    with running(server, machine, allow=f"user:{ALICE} (auth.*, auth.getJwtToken), user:0 (auth.logout, auth.getJwtToken)") as daemon:
        assert code(ask_as(daemon, ALICE, LOGOUT)) == "access_denied"
        assert server.revocations() == []
        assert logout(daemon)["revoked"]


def test_gctoken_says_what_became_of_it(server):
    with running(server, machine) as daemon:
        done = daemon.gctoken("logout")
        assert (done.returncode, done.stdout, done.stderr) == (0, "Logged out, and at the login server too.\n", "")
        done = daemon.gctoken("logout")
        assert (done.returncode, done.stdout) == (0, "Logged out; there was nothing to revoke.\n")
        assert daemon.gctoken("get").returncode == 5
        assert daemon.gctoken("refresh").returncode == 0
        server.rule({"match": {"path": TOKENS_ME}, "status": 503})
        done = daemon.gctoken("logout")
        assert done.returncode == 0 and "not at the login server" in done.stderr and "503" in done.stderr
        data = json.loads(daemon.gctoken("logout", "--json").stdout)
        assert data["state"] == "login_required" and data["revoked"] is False
        assert daemon.gctoken("logout", "nowhere").returncode == 4
