"""Profiles with grant = implicit: the browser brings the token itself, in a fragment that no server sees, so that gctoken
login has a page post it. The tests play the login server and the browser."""

import json
import urllib.parse

import pytest

from callers import code
from daemon import SLOWNESS, Daemon, check_config, profile
from listening import expect, subscribed
from login import Browser, Login

REDIRECT_URI = "http://localhost/back"
AUTHORIZE_URL = "https://login.example/oauth/authorize"
TOKEN = "t0ken-of-a-browser+/%= &"
URL, AUTHORIZE = "auth.getAuthorizeUrl", "auth.authorize"


def section(name="default", **keys):
    return profile(None, name, "app", None, url="https://login.example", **{
        "grant": "implicit", "token_url": None, "authorize_url": AUTHORIZE_URL, "redirect_uri": REDIRECT_URI, **keys})


@pytest.fixture
def server():
    """There is none."""


@pytest.fixture
def daemon():
    with Daemon(section()) as running:
        running.secrets |= {TOKEN, urllib.parse.quote(TOKEN)}
        yield running


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True))


def begin(daemon, **parameters):
    return daemon.ask(URL, parameters or None)["data"]


def expect_invalid(reply):
    assert code(reply) == "invalid_request", reply
    return reply["errorMessage"]


# What the daemon takes


def test_the_address_asks_for_a_token(daemon):
    begun = begin(daemon)
    assert begun["responseType"] == "token"
    assert query_of(begun["url"]) == {"client_id": "app", "redirect_uri": REDIRECT_URI, "response_type": "token",
                                      "state": begun["state"]}


def test_the_token_is_handed_out_until_it_expires_and_then_somebody_has_to_sign_in(daemon):
    assert "gctoken login default" in daemon.get()["text"]
    state = begin(daemon)["state"]
    with subscribed(daemon) as connection:
        expect(connection, "loginRequired")
        data = daemon.ask(AUTHORIZE, {"state": state, "token": TOKEN, "expiresIn": 3 * SLOWNESS})["data"]
        expect(connection, "signedIn")
        expect(connection, "tokenRefreshed")
    assert (data["state"], data["grant"], data["loginUrl"], data["apiUrl"]) == (
        "fresh", "implicit", "https://login.example", None)
    assert daemon.get() == TOKEN
    explained = daemon.ask("system.explain")["data"]["refresh"]
    assert explained == {"at": None, "why": "never by itself: a sign-in brings the token"}
    daemon.wait_state("login_required")
    assert daemon.get()["code"] == "login_required"


def test_without_a_lifetime_the_profile_says_it():
    with Daemon(section() + section("other", default_lifetime=600)) as daemon:
        state = begin(daemon)["state"]
        assert "default_lifetime" in expect_invalid(daemon.ask(AUTHORIZE, {"state": state, "token": TOKEN}))
        assert "data" in daemon.ask(AUTHORIZE, {"state": state, "token": TOKEN, "expiresIn": 60})
        state = begin(daemon, profile="other")["state"]
        assert "data" in daemon.ask(AUTHORIZE, {"profile": "other", "state": state, "token": TOKEN})
        assert daemon.get("other") == TOKEN


def test_each_state_is_good_once(daemon):
    state = begin(daemon)["state"]
    expect_invalid(daemon.ask(AUTHORIZE, {"state": "unknown-state", "token": TOKEN, "expiresIn": 60}))
    assert "data" in daemon.ask(AUTHORIZE, {"state": state, "token": TOKEN, "expiresIn": 60})
    expect_invalid(daemon.ask(AUTHORIZE, {"state": state, "token": "another", "expiresIn": 60}))
    assert daemon.get() == TOKEN


@pytest.mark.parametrize("parameters", [
    {"token": TOKEN, "expiresIn": 60}, {"token": "", "expiresIn": 60, "state": "STATE"},
    {"token": "a\nb", "expiresIn": 60, "state": "STATE"}, {"expiresIn": 60, "state": "STATE"},
    {"token": TOKEN, "expiresIn": 0, "state": "STATE"}, {"token": TOKEN, "code": "c0de", "state": "STATE"},
    {"token": TOKEN, "expiresIn": 60, "expiration": "2100-01-01T00:00:00Z", "state": "STATE"},
    {"token": TOKEN, "error": "x", "state": "STATE"}, {"error": "x", "expiresIn": 60, "state": "STATE"},
    {"token": TOKEN, "expiresIn": 60, "redirectUri": REDIRECT_URI, "state": "STATE"},
])
def test_wrong_parameters_are_told_and_spend_no_state(daemon, parameters):
    state = begin(daemon)["state"]
    wrong = {name: state if value == "STATE" else value for name, value in parameters.items()}
    assert TOKEN not in expect_invalid(daemon.ask(AUTHORIZE, wrong))
    assert "data" in daemon.ask(AUTHORIZE, {"state": state, "token": TOKEN, "expiresIn": 60})


def test_tokens_and_codes_are_for_the_grants_that_have_them():
    coded = section("coded", grant="pkce", token_url="https://login.example/token")
    with Daemon(section() + coded) as daemon:
        state = begin(daemon)["state"]
        assert "bring the token" in expect_invalid(daemon.ask(AUTHORIZE, {"state": state, "code": "c0de"}))
        state = begin(daemon, profile="coded")["state"]
        wrong = {"profile": "coded", "state": state, "token": TOKEN, "expiresIn": 60}
        assert "bring the code" in expect_invalid(daemon.ask(AUTHORIZE, wrong))


def test_keys_that_implicit_does_not_take_are_mistakes():
    for key in ("client_secret = s", "client_auth = post", "token_url = https://login.example/token"):
        done = check_config(section() + key + "\n")
        assert done.returncode == 78 and "grant = implicit does not take this" in done.stderr
    for missing in ("client_id", "redirect_uri"):
        lines = [line for line in section().splitlines() if not line.startswith(missing)]
        done = check_config("\n".join(lines) + "\n")
        assert done.returncode == 78 and f"{missing}: this is missing" in done.stderr


# gctoken login


def sent_off(login, browser):
    location = browser.get(login.url).location
    return query_of(location)["redirect_uri"], query_of(location)["state"]


def post(browser, back, origin=None, **fields):
    """What the page posts."""
    origin = back.removesuffix("/back") if origin is None else origin
    return browser.get(back, "POST", urllib.parse.urlencode(fields), Origin=origin or None,
                       **{"Content-Type": "application/x-www-form-urlencoded"})


def test_a_sign_in_ends_with_the_token_of_the_fragment(daemon):
    with Login(daemon) as login:
        browser = Browser()
        back, state = sent_off(login, browser)
        page = browser.get(back)
        assert page.status == 200 and "<script nonce=" in page.text
        nonce = page.text.split('<script nonce="')[1].split('"')[0]
        policy = page.headers["Content-Security-Policy"]
        assert f"script-src 'nonce-{nonce}'" in policy and "form-action 'self'" in policy
        assert page.headers["Referrer-Policy"] == "same-origin"
        page = post(browser, back, access_token=TOKEN, expires_in="3600", state=state)
        assert page.status == 200 and "Signed in" in page.text and TOKEN not in page.text
        assert login.wait() == 0 and login.out.startswith("default: valid, ")
    assert daemon.get() == TOKEN


def test_a_refusal_comes_in_the_fragment_too(daemon):
    with Login(daemon) as login:
        browser = Browser()
        back, state = sent_off(login, browser)
        assert "access_denied" in post(browser, back, error="access_denied", state=state).text
        assert login.wait() == 5 and "access_denied" in login.err


@pytest.mark.parametrize("origin", ["", "null", "http://localhost", "https://evil.example", "http://127.0.0.1:PORT"])
def test_no_other_page_can_post(daemon, origin):
    with Login(daemon) as login:
        browser = Browser()
        back, state = sent_off(login, browser)
        origin = origin.replace("PORT", str(urllib.parse.urlsplit(back).port))
        page = post(browser, back, origin, access_token="of another", expires_in="3600", state=state)
        assert page.status == 403 and "Another page" in page.text
        assert post(browser, back, access_token=TOKEN, expires_in="3600", state=state).status == 200
        assert login.wait() == 0
    assert daemon.get() == TOKEN


def test_what_is_posted_needs_cookie_state_and_a_token(daemon):
    with Login(daemon) as login:
        browser = Browser()
        back, state = sent_off(login, browser)
        fields = {"access_token": "of another", "expires_in": "3600"}
        assert post(Browser(), back, **fields, state=state).status == 403
        assert post(browser, back, **fields).status == 403
        assert post(browser, back, **fields, state=state + "x").status == 403
        assert post(browser, back, state=state).status == 400
        assert post(browser, back).status == 400
        assert post(browser, back, **fields, state=state, filler="x" * 300000).status == 413
        assert post(browser, login.url).status == 404
        assert daemon.info()["state"] == "login_required"
        assert post(browser, back, access_token=TOKEN, expires_in="3600", state=state).status == 200
        assert login.wait() == 0
    assert daemon.get() == TOKEN


def test_the_longest_token_comes_through(daemon):
    longest = "%" * 64000
    with Login(daemon) as login:
        browser = Browser()
        back, state = sent_off(login, browser)
        page = post(browser, back, access_token=longest, expires_in="3600", state=state)
        assert "Signed in" in page.text and login.wait() == 0
    assert daemon.get() == longest


@pytest.mark.parametrize("query", ["", "?x=y"])
def test_the_address_can_be_pasted(daemon, query):
    url, state = daemon.gctoken("authorize", "--url").stdout.splitlines()
    assert query_of(url)["state"] == state
    fragment = urllib.parse.urlencode({"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600, "state": state})
    done = daemon.gctoken("authorize", "--state", state, "--json", input=f"{REDIRECT_URI}{query}#{fragment}")
    assert done.returncode == 0 and json.loads(done.stdout)["state"] == "fresh"
    assert daemon.get() == TOKEN
