"""auth.logout and gctoken logout: token and session are forgotten, and revoked where the server knows how."""

import contextlib
import itertools
import json
import os
import time
import urllib.parse

import pytest

from callers import ALICE, NEEDS_ROOT, ask_as, code, wait_until
from cases import each_at_once
from daemon import PACE, SLOWNESS, Daemon, profile
from logouts import (LOGOUT, RFC_7009, TOKENS_ME, agent, check_logged_out, code_for, dead, deployment, logout, machine,
                     person, register, remember, revocations, running, sign_in, silence)
from messenger import AUTHORIZE, EXCHANGE, REDIRECT_URI, REFRESH, REVOKE, gateway
from sandbox import Sandbox

FOR_EVER_MS = 600000
FLIGHT_MS = 1500 * PACE  # in which others are to come


@contextlib.contextmanager
def login_server():
    with Sandbox() as sandbox:
        register(sandbox)
        yield sandbox


@pytest.fixture
def server():
    with login_server() as sandbox:
        yield sandbox


# What is revoked


@each_at_once([
    (machine, [("DELETE", TOKENS_ME, 200)]),
    (deployment, [("DELETE", REVOKE, 204)]),
    (person, [("POST", RFC_7009, 200), ("POST", RFC_7009, 200)]),
    (agent, [("DELETE", TOKENS_ME, 200)]),
])
def test_token_and_session_are_gone_here_and_there(section, requests):
    with login_server() as server, running(server, section) as daemon:
        token = daemon.get()
        data = logout(daemon)
        assert (data["state"], data["revoked"], data["revocationError"]) == ("login_required", True, None)
        assert dead(server, token) and revocations(server) == requests
        assert section is agent or [session["ended"] for session in server.sessions()] in ([], ["revoked"])
        with silence(server):
            check_logged_out(daemon)
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


def test_a_token_of_another_server_is_not_sent_to_the_api_that_is_there_for_all(server):
    parts = urllib.parse.urlsplit(server.http)
    gateway_for_all = f"[gateway]\nhost = {parts.hostname}\nport = {parts.port}\nprotocol = http\n"
    own = profile(server, "own", gateway_host=parts.hostname)
    with Daemon(gateway_for_all + profile(server) + own) as daemon:
        daemon.get()
        data = logout(daemon)
        assert data["revoked"] is False and "revocation_url" in data["revocationError"]
        assert server.revocations() == []
        token = daemon.get("own")
        assert daemon.ask(LOGOUT, {"profile": "own"})["data"]["revoked"] and dead(server, token)


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


def test_a_jwt_that_has_passed_is_renewed_first(server):
    register(server, expires_in=4 * PACE)
    with running(server, deployment, refresh_access_token="false") as daemon:
        daemon.wait_state("disabled")
        assert logout(daemon)["revoked"]
        assert [each["path"] for each in server.requests()] == [EXCHANGE, REFRESH]
        assert revocations(server) == [("DELETE", REVOKE, 204)]
        assert server.sessions()[-1]["ended"] == "revoked"
        check_logged_out(daemon)


@each_at_once([400, 401, 403])
def test_a_session_that_has_ended_at_the_server_is_as_good_as_revoked(status):
    with login_server() as server, running(server, deployment) as daemon:
        server.rules([{"match": {"path": REVOKE}, "status": 401}, {"match": {"path": REFRESH}, "status": status}])
        data = logout(daemon)
        assert (data["revoked"], data["revocationError"]) == (True, None)
        assert [each["path"] for each in server.requests()] == [EXCHANGE, REFRESH]
        check_logged_out(daemon)


def test_a_jwt_that_cannot_be_renewed_to_be_revoked_is_told(server):
    with running(server, deployment) as daemon:
        server.rules([{"match": {"path": REVOKE}, "status": 401}, {"match": {"path": REFRESH}, "status": 503}])
        data = logout(daemon)
        assert not data["revoked"] and "HTTP 503" in data["revocationError"]
        assert [each["path"] for each in server.requests()] == [EXCHANGE, REFRESH]
        check_logged_out(daemon)


def test_without_a_refresh_token_a_jwt_that_the_server_does_not_take_is_as_good_as_revoked(server):
    register(server, refresh_tokens="none")
    with running(server, deployment) as daemon:
        server.rule({"match": {"path": REVOKE}, "status": 401})
        assert logout(daemon)["revoked"]
        assert revocations(server) == [("DELETE", REVOKE, 401)]
        check_logged_out(daemon)


def test_at_genesys_cloud_a_token_that_is_not_taken_is_renewed_too(server):
    with running(server, agent) as daemon:
        server.rule({"match": {"path": TOKENS_ME}, "times": 1, "status": 401})
        assert logout(daemon)["revoked"]
        assert revocations(server) == [("DELETE", TOKENS_ME, 401), ("DELETE", TOKENS_ME, 200)]
        assert [each["fields"]["grant_type"] for each in server.requests()] == ["authorization_code", "refresh_token"]


@each_at_once((section, path, rule) for rule, (section, path) in itertools.product([
    {"status": 503}, {"close": "before_headers"}, {"reset": True}, {"status": 429}, {"close": "within_headers"},
    {"redirect": "https://sign-in.example/"}, {"status": 404}, {"status": 500, "body": "<html>oops</html>"}],
    [(machine, TOKENS_ME), (deployment, REVOKE), (person, RFC_7009)]))
def test_a_server_that_fails_is_told_and_makes_it_no_less_of_a_logout(section, path, rule):
    with login_server() as server, running(server, section) as daemon:
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
        done = daemon.gctoken("logout")
        assert (done.returncode, done.stdout) == (0, "Logged out; there was nothing to revoke.\n")
        server.up()
        register(server)


def test_a_server_that_never_answers_is_told_once_the_request_ends(server):
    with running(server, deployment, request_timeout=2 * PACE) as daemon:
        server.rule({"match": {"path": REVOKE}, "times": 1, "drip": {"bytes": 1, "interval_ms": FOR_EVER_MS}})
        data = logout(daemon)
        assert not data["revoked"] and "cannot be reached" in data["revocationError"]
        check_logged_out(daemon)


def test_an_answer_that_comes_byte_by_byte_is_as_good_as_another(server):
    with running(server, person) as daemon:
        server.rule({"match": {"path": RFC_7009}, "drip": {"bytes": 10, "interval_ms": 10}})
        assert logout(daemon)["revoked"]


def test_a_server_that_hangs_delays_the_answer_to_the_wait_and_no_other_caller(server):
    wait_s = 2
    with running(server, deployment, refresh_token_wait_max=wait_s) as daemon:
        server.rule({"match": {"path": REVOKE}, "delay_ms": FLIGHT_MS * wait_s * 2})
        begun = time.monotonic()
        with daemon.connect() as connection:
            connection.send(LOGOUT)
            check_logged_out(daemon)
            data = connection.reply()["data"]
        assert time.monotonic() - begun >= wait_s
        assert not data["revoked"] and "has not answered within 2 seconds" in data["revocationError"]
        daemon.wait_log("logged out, and at the login server too")


def test_a_second_logout_ends_what_began_while_the_server_was_still_asked(server):
    wait_s = 2
    with running(server, deployment, refresh_token_wait_max=wait_s, request_timeout=60 * PACE) as daemon:
        server.rule({"match": {"path": REVOKE}, "times": 1, "delay_ms": FOR_EVER_MS})
        assert "has not answered within" in logout(daemon)["revocationError"]
        sign_in(daemon, server, deployment)
        token = daemon.get()
        assert logout(daemon)["revoked"]
        check_logged_out(daemon)
        assert dead(server, token) and server.sessions()[-1]["ended"] == "revoked"
        daemon.end()
        assert "The daemon ended before the login server" in daemon.log()  # of the first
        daemon.start()
        daemon.wait_state("login_required")
        check_logged_out(daemon)


@each_at_once([machine, deployment, person])
def test_who_never_waits_can_log_out(section):
    with login_server() as server, running(server, section) as daemon:
        daemon.write_config(section(server, refresh_token_wait_max=0))
        assert "data" in daemon.ask("system.reload")
        token = daemon.get()
        assert logout(daemon)["state"] == "login_required"
        wait_until(lambda: dead(server, token))
        check_logged_out(daemon)


# What comes late


@each_at_once([machine, deployment, person])
def test_what_a_flight_brings_after_the_logout_is_revoked(section):
    with login_server() as server, running(server, section) as daemon:
        server.rule({"times": 1, "delay_ms": FLIGHT_MS})
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


def test_all_who_wait_are_told_and_cost_no_request(server):
    with Daemon(machine(server, grant="client_credentials")) as daemon, contextlib.ExitStack() as stack:
        daemon.wait_state("fresh")
        token = daemon.get()
        server.rule({"times": 1, "delay_ms": 2 * FLIGHT_MS})
        connections = [stack.enter_context(daemon.connect()) for _ in range(50)]
        for connection in connections:
            connection.send("auth.getJwtToken", {"rejectedToken": token})
        wait_until(lambda: daemon.info()["waiters"] == 50 and server.stats()["in_flight"] == 1)
        asked = server.stats()["token_requests"]
        assert logout(daemon)["revoked"]
        assert {code(connection.reply()) for connection in connections} == {"login_required"}
        daemon.wait_log("what came after the logout was revoked", timeout=15)
        assert server.stats()["token_requests"] == asked and len(server.revocations()) == 2
        check_logged_out(daemon)
        remember(daemon, server)


@each_at_once([{"status": 401}, {"close": "within_body"}, {"preset": "html"}])
def test_a_flight_that_brings_nothing_after_the_logout_is_the_end_of_it(rule):
    with login_server() as server, running(server, deployment) as daemon, daemon.connect() as connection:
        server.rule({"match": {"path": REFRESH}, "times": 1, "delay_ms": FLIGHT_MS, **rule})
        connection.send("auth.refresh")
        server.wait(lambda stats: stats["in_flight"] == 1)
        assert logout(daemon)["revoked"]
        assert code(connection.reply()) == "login_required"
        with silence(server):
            server.wait(lambda stats: stats["in_flight"] == 0)
            check_logged_out(daemon)
        assert [each["path"] for each in server.requests()] == [EXCHANGE, REFRESH]
        assert len(server.revocations()) == 1


def test_a_sign_in_that_is_under_way_ends_with_the_logout(server):
    with running(server, deployment) as daemon:
        server.rule({"times": 1, "delay_ms": FLIGHT_MS})
        with daemon.connect() as connection:
            connection.send(AUTHORIZE, {"code": code_for(daemon, server, deployment), "redirectUri": REDIRECT_URI})
            server.wait(lambda stats: stats["in_flight"] == 1)
            logout(daemon)
            assert code(connection.reply()) == "login_required"
        daemon.wait_log("what came after the logout was revoked", timeout=15)
        assert {session["ended"] for session in server.sessions()} == {"revoked"}
        check_logged_out(daemon)


# Who and how


def test_logging_out_twice_is_as_good_as_once(server):
    with running(server, machine) as daemon:
        assert logout(daemon)["revoked"]
        data = logout(daemon)
        assert (data["revoked"], data["revocationError"]) == (False, None)
        assert len(server.revocations()) == 1


def test_many_at_once_make_one_request(server):
    with running(server, deployment) as daemon, contextlib.ExitStack() as stack:
        server.rule({"match": {"path": REVOKE}, "delay_ms": FLIGHT_MS})
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
