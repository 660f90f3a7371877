"""The login server's other grants and ways to authenticate do what its --help says."""

import base64
import hashlib
import http.client
import json
import ssl
import time
import urllib.parse

import pytest

from keys import Key, base64url, read
from sandbox import Sandbox, SandboxError

TIMEOUT_S = 30
REDIRECT_URI = "http://localhost:8085/oauth2/callback"
SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def running():
    with Sandbox(tls=True, tls_ask_certificate=True) as sandbox:
        yield sandbox


@pytest.fixture
def server(running):
    for mode in ("none", "kept", "rotated", "burned", "grace"):
        running.client(mode, "secret", refresh_tokens=mode)
    yield running
    running.reset()


@pytest.fixture(scope="module", params=["RS256", "ES256"])
def key(request, tmp_path_factory):
    return Key.make(tmp_path_factory.mktemp("keys"), request.param)


def post(server, form, user=None, context=None):
    """One token request, with Basic for (id, secret): status and the JSON of the answer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
    if context:
        connection = http.client.HTTPSConnection(
            urllib.parse.urlsplit(server.https).netloc, context=context, timeout=TIMEOUT_S)
    else:
        connection = http.client.HTTPConnection(
            urllib.parse.urlsplit(server.http).netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/oauth/token", urllib.parse.urlencode(form), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def authorize_url(server, client_id, **query):
    query = {"client_id": client_id, "redirect_uri": REDIRECT_URI, "response_type": "code", **query}
    return server.http + "/oauth/authorize?" + urllib.parse.urlencode(
        {name: value for name, value in query.items() if value is not None})


def code_form(code, **fields):
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI, **fields}


def refresh(server, mode, token):
    return post(server, {"grant_type": "refresh_token", "refresh_token": token}, (mode, "secret"))


# Codes


def test_the_user_comes_back_with_a_code_and_the_state_as_it_was(server):
    state = "a b&c=d%2B+ü/"
    back = server.visit(authorize_url(server, "rotated", state=state))
    assert set(back) == {"code", "state"} and back["state"] == state
    status, answer = post(server, code_form(back["code"]), ("rotated", "secret"))
    assert status == 200 and answer["refresh_token"] and server.check(answer["access_token"])["active"]


@pytest.mark.parametrize("query,error", [
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"code_challenge": CHALLENGE}, "invalid_request"),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
    ({"org": "acme"}, "invalid_request"),
    ({"provider": "okta"}, "invalid_request"),
])
def test_a_wrong_authorization_request_comes_back_with_an_error(server, query, error):
    back = server.visit(authorize_url(server, "none", state="s", **query))
    assert (back["error"], back["state"]) == (error, "s") and "code" not in back


def test_org_and_provider_are_taken_together(server):
    assert "code" in server.visit(authorize_url(server, "none", org="acme", provider="okta"))


@pytest.mark.parametrize("client,redirect_uri", [
    ("nobody", REDIRECT_URI), ("strict", REDIRECT_URI + "/"), ("strict", None)])
def test_nobody_is_sent_to_a_place_that_is_not_registered(server, client, redirect_uri):
    server.client("strict", "secret", redirect_uris=[REDIRECT_URI])
    assert "code" in server.visit(authorize_url(server, "strict"))
    with pytest.raises(SandboxError, match="^400"):
        server.visit(authorize_url(server, client, redirect_uri=redirect_uri))


def test_a_refusal_by_the_user_can_be_ordered(server):
    server.rule({"match": {"path": "/oauth/authorize"}, "times": 1,
                 "authorize_error": "access_denied", "error_description": "Said no & left"})
    url = authorize_url(server, "none", state="s")
    assert server.visit(url) == {
        "error": "access_denied", "error_description": "Said no & left", "state": "s"}
    assert "code" in server.visit(url)


def test_a_code_is_for_one_use_and_the_second_ends_its_session(server):
    code = server.visit(authorize_url(server, "rotated"))["code"]
    status, answer = post(server, code_form(code), ("rotated", "secret"))
    assert status == 200
    status, again = post(server, code_form(code), ("rotated", "secret"))
    assert (status, again["error"]) == (400, "invalid_grant")
    assert refresh(server, "rotated", answer["refresh_token"])[0] == 400
    assert server.sessions("rotated")[-1]["ended"] == "code_reuse"


@pytest.mark.parametrize("user,fields", [
    (("kept", "secret"), {}),
    (("none", "secret"), {"redirect_uri": REDIRECT_URI + "/"}),
    (("none", "secret"), {"code": "another"}),
    (("none", "secret"), {"code_verifier": VERIFIER}),
])
def test_a_code_is_bound_to_client_redirect_uri_and_challenge(server, user, fields):
    code = server.visit(authorize_url(server, "none"))["code"]
    status, answer = post(server, {**code_form(code), **fields}, user)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert post(server, code_form(code), ("none", "secret"))[0] == 200


@pytest.mark.parametrize("verifier,status", [
    (VERIFIER, 200), (VERIFIER[:-1] + "A", 400), (VERIFIER[:42], 400), ("a" * 129, 400), (None, 400)])
def test_the_verifier_is_held_against_the_challenge(server, verifier, status):
    server.client("app", auth="none", pkce=True, refresh_tokens="rotated")
    code = server.visit(authorize_url(
        server, "app", code_challenge=CHALLENGE, code_challenge_method="S256"))["code"]
    form = code_form(code, client_id="app", **({"code_verifier": verifier} if verifier else {}))
    assert post(server, form)[0] == status


def test_the_longest_verifier_is_taken(server):
    verifier = "a-._~Z09" * 16
    challenge = base64url(hashlib.sha256(verifier.encode()).digest())
    server.client("app", auth="none", pkce=True)
    code = server.visit(authorize_url(
        server, "app", code_challenge=challenge, code_challenge_method="S256"))["code"]
    assert post(server, code_form(code, client_id="app", code_verifier=verifier))[0] == 200


def test_a_client_with_pkce_gets_no_code_without_a_challenge(server):
    server.client("app", auth="none", pkce=True)
    assert server.visit(authorize_url(server, "app"))["error"] == "invalid_request"


# Refresh tokens


def test_a_client_without_refresh_tokens_gets_none(server):
    code = server.visit(authorize_url(server, "none"))["code"]
    assert "refresh_token" not in post(server, code_form(code), ("none", "secret"))[1]
    assert server.session("none") is None


def test_a_kept_refresh_token_goes_on_and_no_new_one_comes(server):
    token = server.session("kept")
    for _ in range(3):
        status, answer = refresh(server, "kept", token)
        assert status == 200 and "refresh_token" not in answer
    assert server.sessions("kept")[-1]["refresh_tokens"] == [{"refresh_token": token, "used": 3}]


@pytest.mark.parametrize("mode,alive", [("rotated", True), ("burned", False)])
def test_an_old_refresh_token_is_refused_and_may_end_the_session(server, mode, alive):
    first = server.session(mode)
    second = refresh(server, mode, first)[1]["refresh_token"]
    third = refresh(server, mode, second)[1]["refresh_token"]
    assert len({first, second, third}) == 3
    status, answer = refresh(server, mode, first)
    assert (status, answer["error"]) == (400, "invalid_grant")
    session = server.sessions(mode)[-1]
    assert (session["alive"], session["ended"]) == (alive, None if alive else "reuse")
    assert [each["used"] for each in session["refresh_tokens"]] == [2, 1, 0]
    assert refresh(server, mode, third)[0] == (200 if alive else 400)


def test_within_the_grace_period_an_old_refresh_token_brings_the_same_successor(server):
    first = server.session("grace")
    answers = [refresh(server, "grace", first) for _ in range(3)]
    assert {status for status, _ in answers} == {200}
    assert len({answer["refresh_token"] for _, answer in answers}) == 1
    assert len({answer["access_token"] for _, answer in answers}) == 3
    assert refresh(server, "grace", answers[0][1]["refresh_token"])[0] == 200


def test_after_the_grace_period_it_ends_the_session(server):
    server.client("grace", "secret", refresh_tokens="grace", grace_ms=50)
    first = server.session("grace")
    second = refresh(server, "grace", first)[1]["refresh_token"]
    time.sleep(0.1)
    assert refresh(server, "grace", first)[0] == 400
    assert refresh(server, "grace", second)[0] == 400
    assert server.sessions("grace")[-1]["ended"] == "reuse"


def test_a_refresh_token_is_bound_to_its_client_and_to_its_living_session(server):
    token = server.session("rotated")
    assert refresh(server, "kept", token)[1]["error"] == "invalid_grant"
    assert refresh(server, "rotated", "unknown")[1]["error"] == "invalid_grant"
    server.end(token)
    assert refresh(server, "rotated", token)[1]["error"] == "invalid_grant"
    assert server.sessions("rotated")[-1]["ended"] == "control"


def test_a_lost_answer_has_used_the_refresh_token_up_and_an_unread_request_has_not(server):
    token = server.session("burned")
    server.rules([{"close": "accept", "times": 1}, {"close": "before_headers", "times": 1}])
    for used in (0, 1):
        with pytest.raises((http.client.HTTPException, OSError)):
            refresh(server, "burned", token)
        assert server.sessions("burned")[-1]["refresh_tokens"][0]["used"] == used
    assert refresh(server, "burned", token)[0] == 400
    assert not server.sessions("burned")[-1]["alive"]


def test_a_refusal_by_a_rule_leaves_the_refresh_token_unused(server):
    token = server.session("burned")
    server.rule({"status": 503, "times": 1})
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.http).netloc, timeout=TIMEOUT_S)
    connection.request("POST", "/oauth/token", urllib.parse.urlencode(
        {"grant_type": "refresh_token", "refresh_token": token, "client_id": "burned",
         "client_secret": "secret"}), {"Content-Type": "application/x-www-form-urlencoded"})
    assert connection.getresponse().status == 503
    connection.close()
    assert refresh(server, "burned", token)[0] == 200


# SAML


@pytest.mark.parametrize("form,error", [
    ({"assertion": "PHg+", "orgName": "acme"}, None),
    ({"assertion": "PHg+"}, "invalid_grant"),
    ({"assertion": "PHg+", "orgName": "other"}, "invalid_grant"),
    ({"assertion": "PHg", "orgName": "acme"}, "invalid_grant"),
    ({"orgName": "acme"}, "invalid_request"),
])
def test_only_the_registered_assertion_and_organization_are_accepted(server, form, error):
    server.client("saml", "secret", assertion="PHg+", org_name="acme")
    status, answer = post(server, {"grant_type": SAML2_BEARER, **form}, ("saml", "secret"))
    assert (status, answer.get("error")) == ((400, error) if error else (200, None))


def test_a_client_without_an_assertion_cannot_use_one(server):
    assert post(server, {"grant_type": SAML2_BEARER, "assertion": "PHg+"}, ("none", "secret"))[0] == 400


# Client authentication


def claims(server, **changes):
    now = int(time.time())
    made = {"iss": "signer", "sub": "signer", "aud": server.http + "/oauth/token", "iat": now,
            "exp": now + 60, "jti": base64url(str(time.monotonic_ns()).encode()), **changes}
    return {name: value for name, value in made.items() if value is not None}


def assertion_form(jwt, **fields):
    return {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER,
            "client_assertion": jwt, **fields}


def test_a_signed_assertion_is_good_once(server, key):
    server.client("signer", auth="private_key_jwt", public_key=read(key.public))
    jwt = key.jwt(claims(server), kid="any")
    assert post(server, assertion_form(jwt))[0] == 200
    record = server.requests("signer")[-1]
    assert (record["auth"], record["secret_ok"]) == ("private_key_jwt", True)
    status, answer = post(server, assertion_form(jwt))
    assert (status, answer["error"]) == (400, "invalid_client") and "before" in answer["description"]
    assert post(server, assertion_form(key.jwt(claims(server)), client_id="signer"))[0] == 200


def test_the_audience_may_be_the_issuer_one_of_a_list_or_a_configured_one(server, key):
    server.client("signer", auth="private_key_jwt", public_key=read(key.public), audience="urn:ours")
    for audience in (server.http, ["urn:other", server.http], "urn:ours"):
        assert post(server, assertion_form(key.jwt(claims(server, aud=audience))))[0] == 200


@pytest.mark.parametrize("changes", [
    {"iss": "other"}, {"aud": "https://other.example/token"}, {"aud": None}, {"exp": None},
    {"exp": 1000}, {"exp": 4000000000}, {"iat": 4000000000}, {"nbf": 4000000000}, {"jti": None}, {"jti": ""}])
def test_a_wrong_assertion_is_refused(server, key, changes):
    server.client("signer", auth="private_key_jwt", public_key=read(key.public))
    status, answer = post(server, assertion_form(key.jwt(claims(server, **changes))))
    assert (status, answer["error"]) == (400, "invalid_client")


def test_what_another_key_or_none_has_signed_is_refused(server, key, tmp_path):
    server.client("signer", auth="private_key_jwt", public_key=read(key.public))
    other = Key.make(tmp_path, key.algorithm)
    head, body, _ = key.jwt(claims(server)).split(".")
    for jwt in (other.jwt(claims(server)), head + "." + body + ".", head + "." + body + ".AAAA",
                base64url(json.dumps({"alg": "none"}).encode()) + "." + body + ".", "x", "..", "a.b.c"):
        assert post(server, assertion_form(jwt, client_id="signer"))[0] == 400, jwt


def test_a_secret_does_not_stand_in_for_an_assertion(server, key):
    server.client("signer", auth="private_key_jwt", public_key=read(key.public))
    for form, user in (({"client_id": "signer"}, None), ({"client_id": "signer", "client_secret": ""}, None),
                       ({}, ("signer", ""))):
        status, answer = post(server, {"grant_type": "client_credentials", **form}, user)
        assert (status, answer["error"]) == (400, "invalid_client")


def test_two_proofs_in_one_request_are_refused(server, key):
    server.client("signer", auth="private_key_jwt", public_key=read(key.public))
    form = assertion_form(key.jwt(claims(server)))
    status, answer = post(server, form, ("none", "secret"))
    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_public_client_names_itself_and_gets_no_client_credentials(server):
    server.client("app", auth="none", refresh_tokens="rotated")
    token = server.session("app")
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "app"}
    assert post(server, form)[0] == 200
    assert server.requests("app")[-1]["auth"] == "none"
    status, answer = post(server, {"grant_type": "client_credentials", "client_id": "app"})
    assert (status, answer["error"]) == (400, "unauthorized_client")


def test_a_client_is_known_by_its_certificate(server, tmp_path):
    ours, other = (Key.make(tmp_path, name=name) for name in ("ours", "other"))
    server.client("tls", auth="certificate", certificate=read(ours.certificate))
    form = {"grant_type": "client_credentials", "client_id": "tls"}
    for key, status in ((ours, 200), (ours, 200), (other, 400), (None, 400)):
        context = ssl.create_default_context(cafile=server.ca)
        if key:
            context.load_cert_chain(key.certificate, key.private)
        assert post(server, form, context=context)[0] == status
        assert (server.requests("tls")[-1]["certificate"] is not None) == bool(key)
    assert post(server, form)[0] == 400


@pytest.mark.parametrize("members,part", [
    ({"auth": "private_key_jwt"}, "public_key must be"),
    ({"auth": "private_key_jwt", "public_key": "-----BEGIN"}, "public_key must be"),
    ({"auth": "certificate", "certificate": "x"}, "certificate must be"),
    ({"auth": "magic"}, "one of secret none"),
    ({"refresh_tokens": "some"}, "one of none kept"),
    ({"grace_ms": -1}, "whole number"),
    ({"redirect_uris": "http://x/"}, "array of strings"),
])
def test_a_client_that_cannot_be_is_refused_with_its_reason(server, members, part):
    with pytest.raises(SandboxError, match="^400: .*" + part):
        server.client("broken", **members)
    with pytest.raises(SandboxError, match="^400"):
        server.session("broken")
