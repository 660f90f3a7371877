"""The messenger's JWTs: exchanged for what a sign-in at the brand brings, renewed by their refresh token, and gone with it."""

import contextlib
import time

import pytest

from callers import code
from daemon import PACE, SLOWNESS, Daemon, profile
from messenger import AUTHORIZE, EXCHANGE, REDIRECT_URI, REFRESH, claims_of, code_of, paths, requests_of, running, sign_in
from plugin import Plugin, new_code
from sandbox import Sandbox

# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
LIFE_S = 5 * PACE
# A minute, but where everything takes longer.
MINUTE_S = 60 if SLOWNESS == 1 else 4 * LIFE_S


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("deployment", auth="none", refresh_tokens="kept", expires_in=600)
        yield sandbox


@pytest.fixture
def daemon(server):
    with running(server) as daemon:
        yield daemon


# What a sign-in brings


def test_without_a_sign_in_nothing_is_asked_and_it_is_told_what_to_do(daemon, server):
    error = daemon.get()
    assert error["code"] == "login_required" and "auth.authorize" in error["text"]
    assert server.requests() == []
    info = daemon.info()
    assert (info["grant"], info["loginUrl"], info["apiUrl"]) == ("messenger", server.http, server.http)


def test_a_code_is_exchanged_for_the_deployments_jwt(daemon, server):
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    jwt = daemon.get()
    assert server.check(jwt)["client_id"] == "deployment"
    info = daemon.info()
    assert info["expiration"][:16] and claims_of(jwt)["exp"] - claims_of(jwt)["iat"] == 600
    request, = requests_of(daemon, server)
    assert request["path"] == EXCHANGE and request["authorization"] is None
    assert request["content_type"] == "application/json" and request["accept"] == "application/json"
    assert set(request["fields"]["oauth"]) == {"code", "redirectUri"}


def test_all_that_an_openid_provider_adds_is_passed_on(daemon, server):
    brought = code_of(daemon, server, nonce="nonce-of-the-brand", code_challenge=CHALLENGE,
                      code_challenge_method="S256")
    reply = daemon.ask(AUTHORIZE, {
        "code": brought, "redirectUri": REDIRECT_URI, "nonce": "nonce-of-the-brand", "codeVerifier": VERIFIER,
        "maxAge": 300, "iss": server.http})
    assert reply["data"]["state"] == "fresh", reply
    request, = requests_of(daemon, server)
    assert request["fields"]["oauth"] == {
        "code": brought, "redirectUri": REDIRECT_URI, "nonce": "nonce-of-the-brand", "codeVerifier": VERIFIER,
        "maxAge": 300, "iss": server.http}
    log = daemon.log()
    assert '"deploymentId":"deployment","oauth":{"code":"***"' in log.replace("\\", "") and REDIRECT_URI in log


def test_an_id_token_is_exchanged_with_its_nonce(daemon, server):
    token = server.id_token("deployment", "nonce-of-the-brand")
    reply = daemon.ask(AUTHORIZE, {"idToken": token, "nonce": "nonce-of-the-brand"})
    assert reply["data"]["state"] == "fresh", reply
    assert server.check(daemon.get())["active"]
    request, = requests_of(daemon, server)
    assert request["fields"] == {
        "deploymentId": "deployment", "oauth": {"idToken": token, "nonce": "nonce-of-the-brand"}}


def test_the_profiles_redirect_uri_stands_in_for_a_missing_one_and_is_held_to(server):
    with running(server, redirect_uri=REDIRECT_URI) as daemon:
        reply = daemon.ask(AUTHORIZE, {"code": code_of(daemon, server), "redirectUri": REDIRECT_URI + "/"})
        assert code(reply) == "invalid_request"
        assert daemon.ask(AUTHORIZE, {"code": code_of(daemon, server)})["data"]["state"] == "fresh"
        requests_of(daemon, server)


@pytest.mark.parametrize("parameters", [
    {"code": "made-up"},
    {"code": "made-up", "redirectUri": ""},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "state": "12345678"},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "nonce": ""},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "maxAge": 1.5},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "maxAge": -1},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "maxAge": "300"},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "iss": "a\nb"},
    {"code": "made-up", "redirectUri": REDIRECT_URI, "codeVerifier": "short"},
    {"idToken": "a.b.c"},
    {"idToken": "a.b.c", "nonce": "n", "code": "made-up"},
    {"idToken": "a.b.c", "nonce": "n", "redirectUri": REDIRECT_URI},
    {"idToken": "", "nonce": "n"},
    {"nonce": "n"},
    {"error": "access_denied", "state": "12345678", "nonce": "n"},
])
def test_what_does_not_go_together_is_told_before_anything_is_sent(daemon, server, parameters):
    assert code(daemon.ask(AUTHORIZE, parameters)) == "invalid_request"
    assert server.requests() == []


def test_other_grants_take_nothing_of_the_messenger(server):
    server.client("web", "web-secret")
    web = profile(server, "default", "web", "web-secret", grant="authorization_code",
                  redirect_uri=REDIRECT_URI, authorize_url=server.http + "/oauth/authorize")
    with Daemon(web) as daemon:
        daemon.secrets.add("web-secret")
        for parameters in ({"code": "c", "nonce": "n"}, {"idToken": "a.b.c", "nonce": "n"}):
            reply = daemon.ask(AUTHORIZE, parameters)
            assert code(reply) == "invalid_request" and "messenger" in reply["errorMessage"]
        assert server.requests() == []


def test_the_daemon_has_no_address_to_sign_in_at(daemon):
    reply = daemon.ask("auth.getAuthorizeUrl")
    assert code(reply) == "invalid_request" and "authorization_code or implicit or pkce" in reply["errorMessage"]


def test_a_refused_code_is_login_required_with_what_the_server_said(daemon, server):
    reply = daemon.ask(AUTHORIZE, {"code": "made-up-code", "redirectUri": REDIRECT_URI})
    daemon.secrets.add("made-up-code")
    assert code(reply) == "login_required" and "HTTP 400 bad.request: no such code" in reply["errorMessage"]
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    requests_of(daemon, server)


# Going on


def keep(daemon, server, seconds):
    """Has the JWT used all the time; all that were seen."""
    end, seen = time.monotonic() + seconds, []
    while time.monotonic() < end:
        jwt = daemon.get()
        assert isinstance(jwt, str), jwt
        assert server.check(jwt)["active"]
        if jwt not in seen:
            seen.append(jwt)
        time.sleep(0.25)
    return seen


def test_a_jwt_is_kept_fresh_for_a_minute_by_its_refresh_token_and_then_by_exactly_one_code(server):
    server.client("deployment", auth="none", refresh_tokens="kept", expires_in=LIFE_S)
    with running(server, refresh_token_wait_max=60) as daemon, Plugin(daemon) as plugin:
        plugin.answer(plugin.command("getAuthCode"), new_code(daemon, server, "deployment", REDIRECT_URI))
        seen = keep(daemon, server, MINUTE_S)
        requests = requests_of(daemon, server)
        assert paths(requests)[0] == EXCHANGE and set(paths(requests)[1:]) == {REFRESH}
        # A refresh at 75 % of a life of 5 s, give or take 5 %, and no other request.
        assert MINUTE_S / LIFE_S <= len(requests) - 1 <= MINUTE_S / (LIFE_S * 0.7)
        assert len(seen) >= MINUTE_S / LIFE_S
        session, = server.sessions("deployment")
        assert [token["used"] for token in session["refresh_tokens"]] == [len(requests) - 1]
        assert plugin.silent(0)

        server.end(session["refresh_tokens"][0]["refresh_token"])
        before = len(server.requests())
        command = plugin.command("getAuthCode")
        with daemon.connect() as caller:
            caller.send("auth.getJwtToken")
            plugin.answer(command, new_code(daemon, server, "deployment", REDIRECT_URI))
            daemon.secrets.add(caller.reply()["data"]["jwtToken"])
        keep(daemon, server, LIFE_S)
        refused, exchange, *refreshes = paths(requests_of(daemon, server)[before:])
        assert (refused, exchange, set(refreshes)) == (REFRESH, EXCHANGE, {REFRESH})
        assert plugin.silent(0)


def test_a_new_refresh_token_takes_the_place_of_the_old_one(server):
    server.client("deployment", auth="none", refresh_tokens="burned", expires_in=LIFE_S)
    with running(server) as daemon:
        sign_in(daemon, server)
        server.wait(lambda stats: stats["tokens_issued"] == 3, 2 * LIFE_S)
        daemon.wait_state("fresh")
        requests_of(daemon, server)
        session, = server.sessions("deployment")
        assert session["alive"] and [token["used"] for token in session["refresh_tokens"]] == [1, 1, 0]


def test_the_refresh_token_outlives_the_daemon(daemon, server):
    sign_in(daemon, server)
    daemon.get()
    daemon.end()
    daemon.start()
    daemon.wait_state("fresh")
    assert server.check(daemon.get())["active"]
    assert paths(requests_of(daemon, server)) == [EXCHANGE, REFRESH]


def test_many_callers_make_one_request(daemon, server):
    server.rule({"times": 1, "delay_ms": 500})
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(daemon.connect()) for _ in range(50)]
        waiting = stack.enter_context(daemon.connect())
        waiting.send(AUTHORIZE, {"code": code_of(daemon, server), "redirectUri": REDIRECT_URI})
        server.wait(lambda stats: stats["in_flight"] == 1)
        for connection in connections:
            connection.send("auth.getJwtToken")
        tokens = {connection.reply()["data"]["jwtToken"] for connection in connections}
        assert len(tokens) == 1 and waiting.reply()["data"]["state"] == "fresh"
    daemon.secrets |= tokens
    assert paths(requests_of(daemon, server)) == [EXCHANGE]


def test_a_provider_brings_codes_and_is_asked_for_another_when_the_session_has_ended(daemon, server):
    def bring(**openid):
        plugin.answer(plugin.command("getAuthCode"), new_code(daemon, server, "deployment", REDIRECT_URI) | openid)

    with Plugin(daemon) as plugin:
        bring(maxAge=300, iss=server.http)
        daemon.wait_state("fresh")
        server.rule({"match": {"path": REFRESH}, "times": 1, "status": 401})
        with daemon.connect() as caller:
            caller.send("auth.refresh")
            bring()
            assert caller.reply()["data"]["state"] == "fresh"
        requests = requests_of(daemon, server)
        assert paths(requests) == [EXCHANGE, REFRESH, EXCHANGE]
        assert requests[0]["fields"]["oauth"]["maxAge"] == 300 and requests[0]["fields"]["oauth"]["iss"] == server.http
        assert daemon.ask("auth.logout")["data"]["revoked"] is True
        assert plugin.silent()
