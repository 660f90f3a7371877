"""People sign in with gctoken login and a real browser at npm's oidc-provider."""

import contextlib
import http.server
import os
import socket
import threading
import urllib.parse

import pytest

from chromium import Chromium, check_chromium
from daemon import Daemon
from login import Login
from provider import DIRECTORY, Provider, code_client, profile

REDIRECT_URI = "http://localhost/back"
TOKEN = "t0ken-of-a-fragment"
LOOKS = [(1280, "light"), (1280, "dark"), (320, "light")]


@pytest.fixture(scope="module")
def chromium():
    check_chromium()
    with Chromium() as running:
        yield running


@pytest.fixture(scope="module")
def provider():
    with Provider(app()) as running:
        yield running


def app(**metadata):
    registered = code_client(client_id="app", token_endpoint_auth_method="none",
                             redirect_uris=[REDIRECT_URI], **metadata)
    del registered["client_secret"]
    return registered


def section(provider, name="default", **keys):
    return profile(provider, app(), name, **{
        "grant": "pkce", "redirect_uri": REDIRECT_URI, "authorize_url": provider.issuer + "/auth",
        "scope": "openid read", **keys})


@contextlib.contextmanager
def running(provider, config):
    before = len(provider.requests())
    with Daemon(config) as daemon:
        yield daemon
        daemon.secrets |= {request["received"] for request in provider.requests()[before:]} - {None}


@pytest.fixture
def daemon(provider):
    with running(provider, section(provider)) as daemon:
        yield daemon


def authenticate(tab, user="alice"):
    """At the provider, to whose page the tab has come; one that knows the browser asks for nothing but consent."""
    text = tab.submit(login=user, password="any")
    assert "Authorize" in text
    tab.errors.clear()  # its pages ask for fonts from elsewhere


def sign_in(tab, user="alice"):
    """The page that the browser then comes back to."""
    authenticate(tab, user)
    return tab.submit()


def redirect_of(login):
    return "http://" + urllib.parse.urlsplit(login.url).netloc + "/back"


def end_well(login, tab):
    assert "Signed in" in tab.submit()
    assert login.wait() == 0 and "account alice" in login.out


def keep(tab, name):
    """For a person to look at, as each of them may see it; a style that is refused would be told of."""
    assert tab.errors == []
    for width, colors in LOOKS:
        tab.look(os.path.join(DIRECTORY, f"{name}-{width}-{colors}.png"), width, colors)


def test_a_user_signs_in_and_is_named_in_browser_and_terminal(chromium, provider, daemon):
    with Login(daemon) as login:
        tab = chromium.open()
        tab.go(login.url)
        text = sign_in(tab)
        assert tab.url.startswith(redirect_of(login) + "?")
        for shown in ("Signed in", "alice", "default", provider.issuer):
            assert shown in text
        keep(tab, "signed-in")
        assert login.wait() == 0 and login.out.startswith("default: valid, ") and "account alice" in login.out
    assert provider.introspect(daemon.get())["client_id"] == "app"
    daemon.end()
    daemon.start()
    assert daemon.wait_state("fresh")["account"] == "alice"


def test_who_denies_consent_reads_so_in_browser_and_terminal(chromium, provider, daemon):
    with Login(daemon) as login:
        tab = chromium.open()
        tab.go(login.url)
        authenticate(tab)
        text = tab.click("Cancel")
        assert "Not signed in" in text and "access_denied: End-User aborted interaction" in text
        keep(tab, "not-signed-in")
        assert login.wait() == 5 and login.out == "" and "access_denied: End-User aborted interaction" in login.err
    assert daemon.info()["state"] == "login_required"


def test_the_answer_of_another_sign_in_is_not_taken(chromium, daemon):
    with Login(daemon) as login:
        tab = chromium.open()
        tab.go(login.url)
        other = chromium.open(beside=tab)
        assert "Another sign-in" in other.go(redirect_of(login) + "?code=made-up&state=of-another")
        assert daemon.info()["state"] == "login_required"
        authenticate(tab)
        end_well(login, tab)


def test_a_second_browser_with_the_first_ones_answer_is_refused_and_the_first_goes_on(chromium, daemon):
    with Login(daemon) as login:
        tab = chromium.open()
        tab.go(login.url)
        authenticate(tab)
        stolen = tab.catch(redirect_of(login), "submit")
        thief = chromium.open()
        assert "Another browser" in thief.go(stolen) and "Opened before" in thief.go(login.url)
        assert login.process.poll() is None and daemon.info()["state"] == "login_required"
        assert "Signed in" in tab.go(stolen)
        assert login.wait() == 0
        daemon.secrets.add(urllib.parse.parse_qs(urllib.parse.urlsplit(stolen).query)["code"][0])


def test_a_browser_that_was_closed_leaves_a_login_that_can_be_ended_and_begun_again(chromium, daemon):
    with Login(daemon) as login:
        tab = chromium.open()
        tab.go(login.url)
        tab.close()
        assert "Opened before" in chromium.open().go(login.url)
        assert login.process.poll() is None
        port = urllib.parse.urlsplit(login.url).port
        assert login.interrupt() == -2
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    with Login(daemon) as login:
        tab = chromium.open()
        tab.go(login.url)
        authenticate(tab)
        end_well(login, tab)


@pytest.mark.parametrize("name", ["default", "other"])
def test_two_logins_go_on_at_once_in_one_browser(chromium, provider, name):
    with running(provider, section(provider) + section(provider, "other")) as daemon:
        with Login(daemon) as first, Login(daemon, name) as second:
            tabs = [chromium.open()]
            tabs.append(chromium.open(beside=tabs[0]))
            for login, tab in zip((first, second), tabs):
                tab.go(login.url)
            authenticate(tabs[0])
            # This one does not know yet that somebody has signed in.
            authenticate(tabs[1])
            end_well(second, tabs[1])
            end_well(first, tabs[0])
        assert daemon.info(name)["state"] == "fresh"


def test_a_second_login_at_a_fixed_port_says_that_it_is_taken_and_the_first_goes_on(chromium, provider):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(provider, section(provider, redirect_uri=f"http://localhost:{port}/back")) as daemon:
        with Login(daemon) as first:
            tab = chromium.open()
            tab.go(first.url)
            with Login(daemon) as second:
                assert second.wait() == 1 and f"port {port} of localhost" in second.err and "is taken" in second.err
            authenticate(tab)
            end_well(first, tab)
            assert urllib.parse.urlsplit(tab.url).port == port


class Implicit(http.server.BaseHTTPRequestHandler):
    """An authorization endpoint that says yes at once (RFC 6749 section 4.2.2)."""

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        assert query["response_type"] == "token"
        fragment = urllib.parse.urlencode({"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600,
                                           "state": query["state"]})
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}#{fragment}")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def test_the_token_of_a_fragment_comes_through_and_does_not_stay_in_the_browser(chromium):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Implicit) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = f"""[profile default]
grant = implicit
client_id = app
redirect_uri = {REDIRECT_URI}
authorize_url = http://127.0.0.1:{server.server_port}/authorize
"""
        with Daemon(config) as daemon, Login(daemon) as login:
            daemon.secrets.add(TOKEN)
            tab = chromium.open()
            tab.go(login.url)
            assert "Signed in" in tab.wait_for("Signed in") and tab.errors == []
            assert tab.url == redirect_of(login)
            assert login.wait() == 0 and daemon.get() == TOKEN
            assert TOKEN not in login.out + login.err
        server.shutdown()
