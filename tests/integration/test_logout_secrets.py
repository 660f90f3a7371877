"""After a logout nothing secret is left: not in the daemon's memory, nor on its disk, nor with the service manager; and
nothing of a sign-in ever stands in a log or an argument.
"""

import contextlib
import glob
import itertools
import os

import pytest

from callers import NEEDS_ROOT, code, wait_alone
from cases import each_at_once
from daemon import PACE, Daemon
from fdstore import FdStore
from logouts import (BODIES, RFC_7009, SECRET, TOKENS_ME, agent, check_logged_out, code_for, deployment, logout, machine,
                     person, refresh_tokens, register, running, sign_in)
from memory import OWN_ALLOCATOR, Memory, check_gone, proc
from messenger import AUTHORIZE, REDIRECT_URI, REFRESH, REVOKE, code_of
from plugin import ALL, VERIFIER, Plugin, new_code
from sandbox import Sandbox

NONCE = "n0nce-7f3a9c1e5b2d"
# RFC 7636 appendix B.
OTHER_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
OTHER_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


pytestmark = [NEEDS_ROOT, OWN_ALLOCATOR, pytest.mark.usefixtures("bare")]


@contextlib.contextmanager
def login_server(**options):
    with Sandbox(**options) as sandbox:
        register(sandbox, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def server():
    with login_server(tls=True) as sandbox:
        yield sandbox


def all_that_was_secret(daemon, server):
    """What was in play, but for the client's secret, which the configuration keeps; by names."""
    texts = set(daemon.secrets) | refresh_tokens(server) | {each["token"] for each in server.revocations() if each["token"]}
    return {text[:10]: text for text in texts - {SECRET, "demo-secret"} if text}


def check_nothing_left(daemon, server):
    texts = all_that_was_secret(daemon, server)
    assert texts
    daemon.secrets |= set(texts.values())
    wait_alone(daemon)
    check_gone(daemon, texts)
    for name in ("cmdline", "environ"):
        assert not [text for text in texts.values() if text.encode() in proc(daemon, name)]
    daemon.check_log()


def renew(daemon):
    """Another token and refresh token."""
    assert daemon.ask("auth.refresh")["data"]["generation"] >= 2
    daemon.get()


@each_at_once(itertools.product(["false", "true"], [machine, deployment, person, agent]))
def test_nothing_is_left_of_token_and_session(persists, section):
    with login_server() as server, FdStore() as manager, \
            running(server, section, environment=manager.environment, persist_tokens=persists) as daemon:
        with daemon.connect() as listener:
            assert "data" in listener.ask("events.subscribe", {"withToken": True})
            token = daemon.get()
            assert Memory(daemon).count(token) > 0
            renew(daemon)
            assert token.encode() not in manager.text() and daemon.get().encode() in manager.text()
            assert logout(daemon)["revoked"]
        check_logged_out(daemon)
        check_nothing_left(daemon, server)
        kept = manager.text()
        for path in glob.glob(os.path.join(daemon.state, "*.state")):
            with open(path, "rb") as file:
                kept += file.read()
        assert not [text for text in all_that_was_secret(daemon, server).values() if text.encode() in kept]


def bring(daemon, server, token):
    """Signs in with all that there can be of a code, or with an id token."""
    daemon.secrets.add(NONCE)
    if token:
        id_token = server.id_token("deployment", NONCE)
        daemon.secrets.add(id_token.rsplit(".", 1)[1])  # the rest of it is like that of the JWT
        return daemon.ask(AUTHORIZE, {"idToken": id_token, "nonce": NONCE})
    daemon.secrets.add(OTHER_VERIFIER)
    brought = code_of(daemon, server, nonce=NONCE, code_challenge=OTHER_CHALLENGE, code_challenge_method="S256")
    return daemon.ask(AUTHORIZE, {"code": brought, "redirectUri": REDIRECT_URI, "nonce": NONCE,
                                  "codeVerifier": OTHER_VERIFIER, "maxAge": 300})


@pytest.mark.parametrize("token", [False, True], ids=["code", "id token"])
def test_nothing_is_left_of_a_sign_in_also_before_the_logout(server, token):
    with Daemon(deployment(server) + BODIES) as daemon:
        assert bring(daemon, server, token)["data"]["state"] == "fresh"
        brought = {text[:10]: text for text in daemon.secrets - {"demo-secret"}}
        wait_alone(daemon)
        check_gone(daemon, brought)  # it is good for one use
        daemon.get()
        assert logout(daemon)["revoked"]
        check_nothing_left(daemon, server)


def test_nothing_is_left_of_what_a_provider_brought(server):
    with Daemon(deployment(server) + BODIES) as daemon:
        daemon.secrets.add(VERIFIER)
        with Plugin(daemon, commands=ALL) as plugin, daemon.connect() as signer:
            plugin.answer(plugin.command("getAuthCode"), new_code(daemon, server, "deployment", REDIRECT_URI))
            daemon.wait_state("fresh")
            daemon.get()
            signer.send("auth.signIn")
            command = plugin.command("signIn")
            assert logout(daemon)["revoked"]
            plugin.answer(command, new_code(daemon, server, "deployment", REDIRECT_URI))
            assert code(signer.reply()) == "login_required"
        check_logged_out(daemon)
        check_nothing_left(daemon, server)


FAILS = {
    "away": {"close": "before_headers"},
    "refuses": {"status": 401, "body": '{"code":"bad.credentials","message":"no {TOKEN}"}'},
    "breaks": {"status": 500, "body": "{TOKEN}" * 20},
    "hangs": {"drip": {"bytes": 1, "interval_ms": 600000}},
}


def said_back(rule, token):
    return {name: value.replace("{TOKEN}", token) if isinstance(value, str) else value for name, value in rule.items()}


@each_at_once(itertools.product(
    [(machine, TOKENS_ME), (deployment, REVOKE), (person, RFC_7009)], FAILS.values()))
def test_nothing_is_left_where_the_server_does_not_revoke(place, rule):
    section, path = place
    with login_server() as server, running(server, section, request_timeout=2 * PACE) as daemon:
        token = daemon.get()
        server.rules([{"match": {"path": path}, "times": 1, **said_back(rule, token)},
                      {"match": {"path": path}, "status": rule.get("status", 503)}])
        data = logout(daemon)
        assert token not in str(data) and (section is machine or not data["revoked"])
        check_logged_out(daemon)
        check_nothing_left(daemon, server)


@each_at_once([machine, deployment, person])
def test_nothing_is_left_of_what_came_late(section):
    with login_server() as server, running(server, section) as daemon:
        daemon.get()
        server.rule({"times": 1, "delay_ms": 1500})
        with daemon.connect() as connection:
            connection.send("auth.refresh")
            server.wait(lambda stats: stats["in_flight"] == 1)
            assert logout(daemon)["revoked"]
            assert code(connection.reply()) == "login_required"
        daemon.wait_log("what came after the logout was revoked", timeout=15)
        check_nothing_left(daemon, server)


def test_nothing_is_left_of_a_session_whose_refresh_was_refused(server):
    with running(server, deployment) as daemon:
        daemon.get()
        server.rule({"match": {"path": REFRESH}, "times": 1, "status": 401})
        assert code(daemon.ask("auth.refresh")) == "login_required"
        check_nothing_left(daemon, server)


@pytest.mark.parametrize("section", [machine, person])
def test_nothing_is_left_over_tls(server, section):
    with running(server, section, tls_ca_file=server.ca, token_url=server.https + "/oauth/token",
                 revocation_url=server.https + RFC_7009) as daemon:
        daemon.get()
        assert logout(daemon)["revoked"]
        assert {each["tls"] for each in server.revocations()} == {True}
        check_nothing_left(daemon, server)


def test_nothing_is_left_of_two_sessions(server):
    with running(server, deployment) as daemon:
        for _ in range(2):
            daemon.get()
            assert logout(daemon)["revoked"]
            sign_in(daemon, server, deployment)
        daemon.get()
        code_for(daemon, server, deployment)  # one that nobody brings
        assert logout(daemon)["revoked"]
        check_nothing_left(daemon, server)
