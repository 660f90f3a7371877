"""Users sign in at npm's oidc-provider, which issues codes (with PKCE), and refresh tokens that rotate:
one that comes a second time ends the session."""

import json
import time
import urllib.parse

import pytest

from daemon import SLOWNESS, Daemon
from provider import REDIRECT_URI, RESOURCES, Provider, at_once, code_client, profile

# A token of 8 s is refreshed after 5.6 to 6.4 s.
SHORT_LIFETIME_S = 8
ROTATIONS = 3

CLIENTS = {
    "code": code_client(client_id="code", secret="code-secret"),
    "poster": code_client(client_id="poster", secret="poster-secret", auth="post"),
    "app": code_client(client_id="app", token_endpoint_auth_method="none"),
    "session-less": code_client(client_id="session-less", grant_types=["authorization_code"]),
    **{"jwt-" + algorithm.lower(): code_client(client_id="jwt-" + algorithm.lower(), default_resource=resource)
       for resource, algorithm in RESOURCES},
}
# The public client has no secret.
del CLIENTS["app"]["client_secret"]


@pytest.fixture(scope="module")
def provider():
    with Provider(*CLIENTS.values()) as running:
        yield running


@pytest.fixture(scope="module")
def short_lived():
    with Provider(*CLIENTS.values(), lifetime=SHORT_LIFETIME_S) as running:
        yield running


class Session:
    """A daemon with one profile of a code grant, and how its client stands with the provider."""

    def __init__(self, provider, client_id, **keys):
        registered = CLIENTS[client_id]
        public = registered["token_endpoint_auth_method"] == "none"
        settings = {"grant": "pkce" if public else "authorization_code", "redirect_uri": REDIRECT_URI,
                    "authorize_url": provider.issuer + "/auth", "scope": "read write", **keys}
        self.client = registered
        self.provider = provider
        self.daemon = Daemon(profile(provider, registered, **settings))
        self.before = len(provider.requests())
        self.daemon.secrets |= {registered.get("client_secret", "demo-secret")}

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *exception):
        for request in self.requests():
            self.daemon.secrets |= {request["sent"], request["received"]} - {None}
        self.daemon.stop(check=exception[0] is None)

    def requests(self):
        return [each for each in self.provider.requests()[self.before:]
                if each["client_id"] == self.client["client_id"]]

    def authorize_url(self, **parameters):
        return self.daemon.ask("auth.getAuthorizeUrl", parameters or None)["data"]

    def authorize(self, **parameters):
        self.daemon.secrets |= {parameters[name] for name in ("code", "codeVerifier") if name in parameters}
        return self.daemon.ask("auth.authorize", parameters)

    def sign_in(self):
        """All of it, as a program that serves redirectUri does; the answer to auth.authorize."""
        back = self.provider.sign_in(self.authorize_url()["url"])
        return self.authorize(code=back["code"], state=back["state"])

    def good(self):
        """The current token, which its server knows."""
        token = self.daemon.get()
        assert isinstance(token, str), token
        assert self.provider.introspect(token)["active"]
        return token


@pytest.mark.parametrize("client_id,auth", [("code", "basic"), ("poster", "post"), ("app", "none")])
def test_a_user_signs_in_with_a_code_and_pkce(provider, client_id, auth):
    with Session(provider, client_id) as session:
        before = session.daemon.get()
        assert before["code"] == "login_required" and not before["retryable"]
        assert session.daemon.gctoken("get").returncode == 5
        answer = session.sign_in()["data"]
        assert (answer["state"], answer["grant"]) == ("fresh", "pkce" if auth == "none" else "authorization_code")
        told = provider.introspect(session.good())
        assert (told["client_id"], told["scope"]) == (client_id, "read write")
        assert session.daemon.gctoken("get").returncode == 0
        assert [(each["auth"], each["grant_type"], each["status"]) for each in session.requests()] == [
            (auth, "authorization_code", 200)]


def test_the_authorization_url_asks_for_a_code_with_a_challenge_by_s256(provider):
    with Session(provider, "app") as session:
        given = session.authorize_url(state="a state & more")
        parts = urllib.parse.urlsplit(given["url"])
        query = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=True))
        assert given["url"].startswith(provider.issuer + "/auth?")
        assert (query["client_id"], query["response_type"]) == ("app", "code")
        assert query["redirect_uri"] == given["redirectUri"] == REDIRECT_URI
        assert query["state"] == given["state"] == "a state & more"
        assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
        assert session.requests() == []


def test_each_state_is_good_once_and_for_its_own_code(provider):
    with Session(provider, "code") as session:
        back = provider.sign_in(session.authorize_url()["url"])
        unknown = session.authorize(code=back["code"], state="unknown")
        assert unknown["error"]["code"] == "invalid_request"
        assert session.authorize(code=back["code"], state=back["state"])["data"]["state"] == "fresh"
        again = session.authorize(code=back["code"], state=back["state"])
        assert again["error"]["code"] == "invalid_request"
        assert len(session.requests()) == 1
        session.good()


def test_a_code_of_another_challenge_is_refused_and_the_session_goes_on(provider):
    with Session(provider, "code") as session:
        session.sign_in()
        token = session.good()
        stolen = provider.sign_in(session.authorize_url()["url"])
        other = session.authorize_url()
        refused = session.authorize(code=stolen["code"], state=other["state"])
        assert refused["error"]["code"] == "login_required" and "invalid_grant" in refused["errorMessage"]
        assert session.good() == token
        assert session.daemon.info()["state"] == "fresh"
        assert [each["status"] for each in session.requests()] == [200, 400]


def test_a_user_who_says_no_is_told_of_and_the_session_goes_on(provider):
    with Session(provider, "code") as session:
        back = provider.sign_in(session.authorize_url()["url"], user=None)
        assert back["error"] == "access_denied"
        told = session.authorize(state=back["state"], error=back["error"],
                                 errorDescription=back["error_description"])
        assert told["error"]["code"] == "login_required" and "access_denied" in told["errorMessage"]
        assert session.requests() == []
        session.sign_in()
        session.good()


def test_without_a_refresh_token_the_user_has_to_sign_in_again(short_lived):
    with Session(short_lived, "session-less") as session:
        session.sign_in()
        session.good()
        session.daemon.wait_state("login_required", timeout=2 * SHORT_LIFETIME_S)
        assert session.daemon.get()["code"] == "login_required"
        assert len(session.requests()) == 1


@pytest.mark.parametrize("resource,algorithm", RESOURCES)
def test_a_jwt_of_a_user_verifies(provider, resource, algorithm):
    with Session(provider, "jwt-" + algorithm.lower()) as session:
        session.sign_in()
        done = provider.verify(session.daemon.get(), resource, algorithm)
        assert done.returncode == 0, done.stderr
        claims = json.loads(done.stdout)
        assert (claims["sub"], claims["client_id"]) == ("alice", "jwt-" + algorithm.lower())


def check_rotation(provider, client_id):
    with Session(provider, client_id) as session:
        session.sign_in()
        deadline = time.monotonic() + 4 * ROTATIONS * SHORT_LIFETIME_S * SLOWNESS
        restarted = False
        while len(session.requests()) <= ROTATIONS:
            session.good()
            assert time.monotonic() < deadline
            if len(session.requests()) == 2 and not restarted:
                assert session.daemon.end() == 0
                session.daemon.start()
                restarted = True
            time.sleep(0.05)
        requests = session.requests()
        assert {each["status"] for each in requests} == {200}
        for before, after in zip(requests, requests[1:]):
            assert (after["grant_type"], after["sent"]) == ("refresh_token", before["received"])
        assert len({each["received"] for each in requests}) == len(requests)


def test_refresh_tokens_rotate_while_callers_go_on_and_over_a_restart(short_lived):
    at_once([lambda: check_rotation(short_lived, "code"), lambda: check_rotation(short_lived, "app")])


def test_a_refresh_token_that_was_stolen_ends_the_session_and_signing_in_begins_another(provider):
    with Session(provider, "code") as session:
        session.sign_in()
        first = session.requests()[0]["received"]
        assert "data" in session.daemon.ask("auth.refresh")
        token = session.good()
        # The thief comes second, so the server ends the session of both.
        assert provider.refresh(first, session.client) == 400
        answers = [session.daemon.get(rejectedToken=token) for _ in range(3)]
        assert answers[0]["code"] == "login_required" and not answers[0]["retryable"]
        assert [(each["sent"] == first, each["status"]) for each in session.requests()[1:]] == [
            (True, 200), (True, 400), (False, 400)]
        assert session.daemon.info()["state"] == "login_required"
        session.sign_in()
        assert session.good() != token


def test_a_code_comes_through_gctoken(provider):
    with Session(provider, "app") as session:
        url, state = session.daemon.gctoken("authorize", "--url").stdout.splitlines()
        back = provider.sign_in(url)
        session.daemon.secrets.add(back["code"])
        done = session.daemon.gctoken("authorize", "--state", state, input=back["code"] + "\n")
        assert done.returncode == 0, done.stderr
        session.good()


def test_a_user_of_two_profiles_signs_in_to_each(provider):
    with Session(provider, "code") as session:
        grants = {"code": "authorization_code", "app": "pkce"}
        both = "\n".join(profile(
            provider, CLIENTS[name], name=name, grant=grant, scope="read", redirect_uri=REDIRECT_URI,
            authorize_url=provider.issuer + "/auth") for name, grant in grants.items())
        session.daemon.write_config(both)
        assert session.daemon.gctoken("reload").returncode == 0
        urls = {name: session.authorize_url(profile=name)["url"] for name in ("code", "app")}
        backs = {name: provider.sign_in(url) for name, url in urls.items()}
        crossed = session.authorize(profile="app", **pick(backs["code"]))
        assert crossed["error"]["code"] == "invalid_request"
        for name, back in backs.items():
            assert session.authorize(profile=name, **pick(back))["data"]["profile"] == name
            assert provider.introspect(session.daemon.get(name))["client_id"] == name


def pick(back):
    return {"code": back["code"], "state": back["state"]}
