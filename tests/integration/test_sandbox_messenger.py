"""The login server's endpoints for messenger's JWTs, and those that end tokens, do what its --help says."""

import base64
import http.client
import json
import time
import urllib.parse

import pytest

from sandbox import Sandbox

TIMEOUT_S = 30
REDIRECT_URI = "https://brand.example/back"
TOKEN = "/api/v2/webdeployments/token/"
EXCHANGE, REFRESH, REVOKE = TOKEN + "oauthcodegrantjwtexchange", TOKEN + "refresh", TOKEN + "revoke"

# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def running():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def server(running):
    running.client("deployment", auth="none", refresh_tokens="kept", expires_in=60)
    running.client("rotating", auth="none", refresh_tokens="rotated")
    running.client("web", "secret", refresh_tokens="rotated")
    yield running
    running.reset()


def call(server, method, path, body=None, token=None, headers=None):
    """One request: status and the JSON of the answer, None for an empty one."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(body)
    if token:
        headers["Authorization"] = "Bearer " + token
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.http).netloc, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def code_of(server, client="deployment", **query):
    query = {"client_id": client, "redirect_uri": REDIRECT_URI, "response_type": "code", **query}
    return server.visit(server.http + "/oauth/authorize?" + urllib.parse.urlencode(query))["code"]


def exchange(server, deployment="deployment", **oauth):
    return call(server, "POST", EXCHANGE, {"deploymentId": deployment, "oauth": oauth})


def sign_in(server, deployment="deployment"):
    status, answer = exchange(server, deployment, code=code_of(server, deployment), redirectUri=REDIRECT_URI)
    assert status == 200
    return answer


def refresh(server, token):
    return call(server, "POST", REFRESH, {"refreshToken": token})


def claims_of(jwt):
    return json.loads(base64.urlsafe_b64decode(jwt.split(".")[1] + "=="))


# Exchange and refresh


def test_a_code_brings_a_jwt_that_tells_its_life_and_a_refresh_token(server):
    answer = sign_in(server)
    claims = claims_of(answer["jwt"])
    assert set(answer) == {"jwt", "refreshToken"} and claims["exp"] - claims["iat"] == 60
    assert server.check(answer["jwt"])["active"]
    request, = server.requests("deployment")
    assert request["path"] == EXCHANGE and request["authorization"] is None and request["status"] == 200
    assert request["fields"]["oauth"]["redirectUri"] == REDIRECT_URI


def test_a_refresh_brings_another_jwt_and_a_refresh_token_only_where_they_rotate(server):
    first = sign_in(server)
    status, answer = refresh(server, first["refreshToken"])
    assert status == 200 and set(answer) == {"jwt"} and answer["jwt"] != first["jwt"]
    status, answer = refresh(server, sign_in(server, "rotating")["refreshToken"])
    assert status == 200 and set(answer) == {"jwt", "refreshToken"}


@pytest.mark.parametrize("query,oauth,status", [
    ({}, {}, 200),
    ({}, {"redirectUri": REDIRECT_URI + "/"}, 400),
    ({}, {"nonce": "n"}, 400),
    ({"nonce": "n-1"}, {"nonce": "n-1", "maxAge": 300}, 200),
    ({"nonce": "n-1"}, {"nonce": "n-2"}, 400),
    ({"nonce": "n-1"}, {}, 400),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, {"codeVerifier": VERIFIER}, 200),
    ({"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, {"codeVerifier": VERIFIER[::-1]}, 400),
    ({}, {"iss": "https://other.example"}, 400),
    ({}, {"maxAge": "300"}, 400),
    ({}, {"maxAge": 1.5}, 400),
    ({}, {"scope": "openid"}, 400),
    ({}, {"idToken": "a.b.c"}, 400),
])
def test_all_of_a_code_has_to_fit(server, query, oauth, status):
    code = code_of(server, **query)
    assert exchange(server, **{"code": code, "redirectUri": REDIRECT_URI, **oauth})[0] == status


def test_iss_is_the_servers_own(server):
    assert exchange(server, code=code_of(server), redirectUri=REDIRECT_URI, iss=server.http)[0] == 200


def test_a_code_is_for_its_deployment_and_one_use(server):
    code = code_of(server)
    assert exchange(server, "rotating", code=code, redirectUri=REDIRECT_URI)[0] == 400
    assert exchange(server, "nowhere", code=code, redirectUri=REDIRECT_URI)[0] == 400
    assert exchange(server, code=code, redirectUri=REDIRECT_URI)[0] == 200
    assert exchange(server, code=code, redirectUri=REDIRECT_URI)[0] == 400


@pytest.mark.parametrize("client,nonce,status", [
    ("deployment", "n-1", 200), ("rotating", "n-1", 400), ("deployment", "n-2", 400)])
def test_an_id_token_is_for_its_deployment_and_nonce(server, client, nonce, status):
    token = server.id_token(client, "n-1")
    assert exchange(server, idToken=token, nonce=nonce)[0] == status


def test_an_id_token_of_somebody_else_is_refused(server):
    token = server.id_token("deployment", "n-1")
    assert exchange(server, idToken=token[:-4] + "AAAA", nonce="n-1")[0] == 400


@pytest.mark.parametrize("body,headers", [
    ({"deploymentId": "deployment"}, None), ({}, None), ([], None),
    ("deploymentId=deployment", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("{}", {"Content-Type": "text/plain"}), ("{", {"Content-Type": "application/json"}),
])
def test_what_is_no_exchange_gets_an_error_of_the_api(server, body, headers):
    status, answer = call(server, "POST", EXCHANGE, body, headers=headers)
    assert status == 400 and answer["status"] == 400 and answer["code"] and answer["message"]


def test_a_refresh_token_that_is_not_known_or_whose_session_has_ended_is_refused(server):
    token = sign_in(server)["refreshToken"]
    server.end(token)
    for each in (token, "unknown"):
        status, answer = refresh(server, each)
        assert status == 401 and answer["code"] == "bad.credentials"


def test_faults_of_the_token_endpoint_work_here_too(server):
    code = code_of(server)
    server.rules([{"times": 1, "status": 503, "retry_after": 2},
                  {"match": {"client_id": "deployment"}, "times": 1, "claims": {"exp": None}, "omit": ["refreshToken"],
                   "members": {"more": 1}},
                  {"match": {"path": REFRESH}, "times": 1, "status": 200, "body": '{"jwt":"{{access_token}}"}'}])
    assert exchange(server, code=code, redirectUri=REDIRECT_URI)[0] == 503
    status, answer = exchange(server, code=code, redirectUri=REDIRECT_URI)
    assert status == 200 and set(answer) == {"jwt", "more"} and "exp" not in claims_of(answer["jwt"])
    token = server.session("deployment")
    assert server.check(refresh(server, token)[1]["jwt"])["active"]


def test_the_clock_of_the_server_can_be_off(server):
    server.rule({"date_skew_s": -3600})
    claims = claims_of(sign_in(server)["jwt"])
    assert -3700 < claims["iat"] - time.time() < -3500 and claims["exp"] - claims["iat"] == 60


def test_paths_may_have_a_prefix(server):
    body = {"deploymentId": "deployment", "oauth": {"code": code_of(server), "redirectUri": REDIRECT_URI}}
    status, answer = call(server, "POST", "/gateway" + EXCHANGE, body)
    assert status == 200
    assert call(server, "DELETE", "/gateway" + REVOKE, token=answer["jwt"])[0] == 204


# The end of tokens


def test_a_messenger_jwt_ends_with_its_session(server):
    answer = sign_in(server)
    assert call(server, "DELETE", REVOKE, token=answer["jwt"]) == (204, None)
    assert not server.check(answer["jwt"])["active"] and refresh(server, answer["refreshToken"])[0] == 401
    assert server.sessions("deployment")[-1]["ended"] == "revoked"
    status, refusal = call(server, "DELETE", REVOKE, token=answer["jwt"])
    assert status == 401 and refusal["code"] == "bad.credentials"
    assert call(server, "DELETE", REVOKE)[1]["code"] == "authentication.required"
    assert [(each["method"], each["path"], each["token"], each["status"]) for each in server.revocations()] == [
        ("DELETE", REVOKE, answer["jwt"], 204), ("DELETE", REVOKE, answer["jwt"], 401), ("DELETE", REVOKE, None, 401)]


def test_only_delete_revokes_a_jwt(server):
    assert call(server, "POST", REVOKE, token=sign_in(server)["jwt"])[0] == 405 and server.revocations() == []


def post_form(server, path, user=("web", "secret"), **fields):
    headers = {"Content-Type": "application/x-www-form-urlencoded",
               "Authorization": "Basic " + base64.b64encode(":".join(user).encode()).decode()}
    return call(server, "POST", path, urllib.parse.urlencode(fields), headers=headers)


def test_rfc_7009_ends_sessions_and_access_tokens_of_the_client_that_asks(server):
    first = server.session("web")
    answer = post_form(server, "/oauth/token", grant_type="refresh_token", refresh_token=first)[1]
    assert post_form(server, "/oauth/revoke", token=answer["access_token"])[0] == 200
    assert not server.check(answer["access_token"])["active"] and server.sessions("web")[-1]["alive"]
    assert post_form(server, "/oauth/revoke", token=answer["refresh_token"], token_type_hint="refresh_token")[0] == 200
    assert server.sessions("web")[-1]["ended"] == "revoked"
    assert post_form(server, "/oauth/revoke", token="unknown")[0] == 200
    others = sign_in(server)
    assert post_form(server, "/oauth/revoke", token=others["refreshToken"])[0] == 200
    assert server.check(others["jwt"])["active"] and refresh(server, others["refreshToken"])[0] == 200


def test_rfc_7009_wants_the_client_to_prove_itself_and_a_token(server):
    token = server.session("web")
    assert post_form(server, "/oauth/revoke", ("web", "wrong"), token=token)[0] == 401
    assert post_form(server, "/oauth/revoke", tokens=token)[0] == 400
    assert server.sessions("web")[-1]["alive"]


def test_revocations_are_told_whatever_they_are_answered(server):
    server.rule({"match": {"path": "/api/v2/tokens/me"}, "times": 1, "status": 503})
    assert call(server, "DELETE", "/api/v2/tokens/me", token="t")[0] == 503
    assert call(server, "GET", "/api/v2/tokens/me", token="t")[0] == 401
    assert [(each["token"], each["status"]) for each in server.revocations()] == [("t", 503)]
