"""A real authorization server as the e2e tests use it: npm's oidc-provider, whose users sign in and
consent over HTTP.

    with Provider(client(grant_types=[...])) as provider:
        code = provider.sign_in(url)["code"]
        ... provider.issuer, provider.requests() ...

$GCTOKEND_E2E is a directory with this one's .mjs and package files, in which npm ci has been run.
"""

import base64
import http.client
import http.cookiejar
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon import SLOW_LIMITS

DIRECTORY = os.environ["GCTOKEND_E2E"]
SKIP_STATUS = 77  # meson's
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
HTTP_TIMEOUT_S = 30
VERIFY_TIMEOUT_S = 60

# Nobody listens there: only the address to which the browser is sent back counts.
REDIRECT_URI = "http://127.0.0.1:8085/oauth2/callback"

# The provider's resources, and what a token for each of them is signed with.
RESOURCES = [("https://rs256.example/", "RS256"), ("https://es256.example/", "ES256")]


def check_setup():
    """Nothing can be tested without npm's part; the exit status tells meson that it was skipped."""
    if not shutil.which("node"):
        pytest.exit("node is missing: apt install nodejs npm", SKIP_STATUS)
    if not os.path.isdir(os.path.join(DIRECTORY, "node_modules")):
        pytest.exit(f"run npm ci --ignore-scripts --prefix {DIRECTORY}", SKIP_STATUS)


def client(client_id="demo", secret="demo-secret", auth="basic", **metadata):
    """A client as the provider registers it (RFC 7591)."""
    return {"client_id": client_id, "client_secret": secret,
            "token_endpoint_auth_method": "client_secret_" + auth, **metadata}


def code_client(**metadata):
    """A client that signs users in."""
    return client(**{"grant_types": ["authorization_code", "refresh_token"],
                     "redirect_uris": [REDIRECT_URI], "response_types": ["code"],
                     "application_type": "native", **metadata})


class Provider:
    """One provider with these clients; its tokens live so many seconds. Further options are those of
    provider.mjs. With tls, trust is a PEM file that its certificate is checked with."""

    API = client("api", "api-secret", grant_types=[])

    def __init__(self, *clients, lifetime=3600, trust=None, **options):
        self.issuer = None
        self._setup = {"clients": [self.API, *clients], "lifetime": lifetime, **options}
        self._context = ssl.create_default_context(cafile=trust) if trust else None
        self._process = None
        self._stderr = tempfile.TemporaryFile()
        self._forgotten = 0

    def __enter__(self):
        self._process = subprocess.Popen(
            ["node", os.path.join(DIRECTORY, "provider.mjs")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr)
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        self._process.stdin.write(json.dumps(self._setup).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            self.__exit__()
        self.issuer = json.loads(line)["issuer"]
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._stderr.seek(0)
        print(self._stderr.read().decode("utf-8", "replace"))
        self._stderr.close()
        assert self._process.returncode == 0

    def requests(self):
        """The token requests answered so far, since forget()."""
        return self._call("GET", "/_requests")[self._forgotten:]

    def forget(self):
        self._forgotten += len(self.requests())

    def introspect(self, token):
        """What the provider says of an opaque token now (RFC 7662)."""
        return self._call("POST", "/token/introspection", {"token": token}, self.API)

    def revoke(self, token, owner):
        """RFC 7009."""
        self._call("POST", "/token/revocation", {"token": token}, owner)

    def verify(self, token, audience, algorithm):
        """Has jose verify a JWT: a CompletedProcess, whose output is the claims."""
        return subprocess.run(
            ["node", os.path.join(DIRECTORY, "verify.mjs"), self.issuer, audience, algorithm],
            input=token, capture_output=True, text=True, timeout=VERIFY_TIMEOUT_S)

    def refresh(self, refresh_token, owner):
        """Uses a refresh token as a thief would who has the client's secret too: the status."""
        return self._request("POST", "/token", {
            "grant_type": "refresh_token", "refresh_token": refresh_token}, owner)[0]

    def sign_in(self, url, user="alice"):
        """Goes to an authorization URL as a user's browser, signs in and says yes, or no with user=None: the query with
        which it is sent back to REDIRECT_URI."""
        browser = Browser(self._context)
        page = browser.open(url)
        if user is None:
            return browser.back(re.search(r'href="([^"]*/abort)"', page)[1])
        page = browser.submit(page, prompt="login", login=user, password="any")
        return browser.submit_and_go_back(page, prompt="consent")

    def sign_in_elsewhere(self, url, user_code, user="alice"):
        """Goes to a verification URI, enters the code unless it is there, compares it, and signs in and says yes, or
        aborts with user=None; the last page."""
        browser = Browser(self._context)
        page = browser.send(browser.open(url), user_code=user_code)
        assert user_code in page, page
        if user is None:
            return browser.send(page, abort="yes")
        page = browser.submit(browser.send(page, confirm="yes"), prompt="login", login=user, password="any")
        return browser.submit(page, prompt="consent")

    def _request(self, method, path, form=None, as_client=None):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        if as_client:
            headers["Authorization"] = "Basic " + basic(as_client)
        netloc = urllib.parse.urlsplit(self.issuer).netloc
        if self._context:
            connection = http.client.HTTPSConnection(
                netloc, timeout=HTTP_TIMEOUT_S, context=self._context)
        else:
            connection = http.client.HTTPConnection(netloc, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request(method, path, urllib.parse.urlencode(form or {}), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _call(self, method, path, form=None, as_client=None):
        status, body = self._request(method, path, form, as_client)
        assert status == 200, body
        return json.loads(body) if body else None


class SentBack(Exception):
    """The browser is sent to the client's REDIRECT_URI."""

    def __init__(self, url):
        super().__init__(url)
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True))


class Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, file, code, message, headers, url):
        if url.startswith(REDIRECT_URI):
            raise SentBack(url)
        return super().redirect_request(request, file, code, message, headers, url)


class Browser:
    """Cookies, redirects and forms, as far as signing in needs them."""

    def __init__(self, context):
        handlers = [Redirects, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())]
        if context:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def open(self, url, form=None):
        """The page behind url."""
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with self._opener.open(url, data, HTTP_TIMEOUT_S) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{error}: {error.read().decode()}") from error

    def send(self, page, **fields):
        """The page behind the form of a page, with what it holds already."""
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page))
        return self.open(re.search(r'action="([^"]*)"', page)[1], {**hidden, **fields})

    def submit(self, page, **fields):
        """The page behind the form of a page."""
        assert f'name="prompt" value="{fields["prompt"]}"' in page, page
        return self.open(re.search(r'action="([^"]*)"', page)[1], fields)

    def submit_and_go_back(self, page, **fields):
        with pytest.raises(SentBack) as back:
            self.submit(page, **fields)
        return back.value.query

    def back(self, url):
        with pytest.raises(SentBack) as back:
            self.open(url)
        return back.value.query


def basic(registered):
    """RFC 6749 section 2.3.1."""
    pair = [urllib.parse.quote_plus(registered[part]) for part in ("client_id", "client_secret")]
    return base64.b64encode(":".join(pair).encode()).decode()


def profile(provider, registered, name="default", **keys):
    """A [profile] section for a client with a secret; keys are further keys, None leaves one out."""
    settings = {"grant": "client_credentials", "client_id": registered["client_id"],
                "client_secret": registered.get("client_secret"),
                "client_auth": registered["token_endpoint_auth_method"].removeprefix("client_secret_"),
                "token_url": provider.issuer + "/token", **SLOW_LIMITS, **keys}
    lines = [f"{key} = {value}" for key, value in settings.items() if value is not None]
    return f"[profile {name}]\n" + "\n".join(lines) + "\n"


def private_file(path, text):
    with open(path, "w", encoding="utf-8", opener=lambda *of: os.open(*of, 0o600)) as file:
        file.write(text)
    return path


def at_once(calls):
    """Runs each in a thread; their results."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [running.result() for running in [pool.submit(call) for call in calls]]
