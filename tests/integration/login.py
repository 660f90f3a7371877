"""gctoken login as the tests run it, with a program of theirs as $BROWSER, and browsers that do by hand what a real one does.

    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        browser.get(way_back(server, location))
        assert login.wait() == 0

A test module imports the fixtures `server` and `daemon` by name; they take the place of conftest's.
"""

import http.client
import http.cookies
import os
import signal
import subprocess
import tempfile
import time
import urllib.parse

import pytest

from daemon import SLOWNESS, Daemon, profile
from sandbox import Sandbox

PATIENCE_S = 30
REDIRECT_URI = "http://localhost/back"
OPENER = """#!/bin/sh
[ $# = 1 ] && printf %s "$1" >"$0.new" && mv "$0.new" "$0.url"
"""


class Login:
    """One gctoken login; url is what the browser was opened with, which $BROWSER has the opener in. environment goes before
    the tests' own."""

    def __init__(self, daemon, *arguments, opener=OPENER, browser="{}", environment=None, user=None):
        self._directory = tempfile.TemporaryDirectory(prefix="gctoken-login-")
        self._opener = os.path.join(self._directory.name, "browser")
        with open(self._opener, "w", encoding="utf-8", opener=lambda *of: os.open(*of, 0o700)) as file:
            file.write(opener)
        if user is not None:
            os.chown(self._directory.name, user, user)
            os.chown(self._opener, user, user)
        self.process = subprocess.Popen(
            [os.environ["GCTOKEN"], "login", *arguments, "--socket", daemon.socket, "--timeout", str(15 * SLOWNESS)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "BROWSER": browser.format(self._opener), **(environment or {})},
            user=user, group=user, extra_groups=None if user is None else [])
        self.out = self.err = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        self._directory.cleanup()

    @property
    def has_opened(self):
        return os.path.exists(self._opener + ".url")

    @property
    def url(self):
        path = self._opener + ".url"
        deadline = time.monotonic() + PATIENCE_S * SLOWNESS
        while not self.has_opened:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, "no browser was opened"
            time.sleep(0.01)
        with open(path, encoding="utf-8") as file:
            return file.read()

    def wait(self):
        """The exit status; then out and err are what was printed."""
        if self.out is None:
            self.out, self.err = self.process.communicate(timeout=PATIENCE_S * SLOWNESS)
        return self.process.returncode

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.wait()


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.headers = answer.headers
        self.text = answer.read().decode()

    @property
    def location(self):
        return self.headers["Location"]


class Browser:
    """One browser: its cookies, by host, as RFC 6265 has them."""

    def __init__(self):
        self.cookies = {}

    def get(self, url, method="GET", body=None, address=None, **headers):
        """The answer; address: whom to ask instead of the URL's host. Headers that are None are left out."""
        parts = urllib.parse.urlsplit(url)
        jar = self.cookies.setdefault(parts.hostname, http.cookies.SimpleCookie())
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())
        sent = {"Host": parts.netloc, "Cookie": cookie or None, **headers}
        connection = http.client.HTTPConnection(address or parts.hostname, parts.port, timeout=PATIENCE_S * SLOWNESS)
        try:
            connection.putrequest(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                                  skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body.encode() if body is not None else None)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                jar.pop(name, None)
                if morsel["max-age"] != "0":
                    jar[name] = morsel.value
        return answer


def section(server, name="default", **keys):
    """A [profile] at the sandbox, whose user says yes at once."""
    return profile(server, name, "app", None, **{
        "grant": "pkce", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize", **keys})


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def daemon(server):
    with Daemon(section(server)) as running:
        yield running
        for request in server.requests():
            running.secrets |= {request["fields"][name] for name in ("code", "code_verifier", "refresh_token")
                                if name in request["fields"]}


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True))


def sent_off(login, browser):
    """The browser opens the page; where it is sent: to the authorization endpoint."""
    answer = browser.get(login.url)
    assert (answer.status, answer.text) == (302, "")
    return answer.location


def way_back(server, location, **changes):
    """The address that the login server sends the browser back to."""
    query = {name: value for name, value in {**server.visit(location), **changes}.items() if value is not None}
    return query_of(location)["redirect_uri"] + "?" + urllib.parse.urlencode(query)


def still_waits(login, daemon, server, browser, location):
    """What came before has changed nothing: the sign-in can still be ended well."""
    assert login.process.poll() is None and daemon.info()["state"] == "login_required"
    assert browser.get(way_back(server, location)).status == 200
    assert login.wait() == 0
    assert daemon.info()["state"] == "fresh"
