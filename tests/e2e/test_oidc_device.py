"""Users sign in at npm's oidc-provider with a browser elsewhere, by a code (RFC 8628); refresh tokens follow, which rotate."""

import os
import subprocess

import pytest

from callers import code, wait_until
from daemon import SLOWNESS, Daemon
from provider import Provider, at_once, client, profile

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
CODES, AUTHORIZE = "auth.getUserCode", "auth.authorizeDevice"
# A token of 8 s is refreshed after 5.6 to 6.4 s.
SHORT_LIFETIME_S = 8
# The provider does not say how often it is to be asked.
INTERVAL_S = 5

TV = client("tv", grant_types=[DEVICE_CODE, "refresh_token"], application_type="native",
            token_endpoint_auth_method="none")
del TV["client_secret"]
BOX = client("box", "box-secret", grant_types=[DEVICE_CODE, "refresh_token"])


@pytest.fixture(scope="module")
def provider():
    with Provider(TV, BOX, lifetime=SHORT_LIFETIME_S) as running:
        yield running


class Session:
    """A daemon with one profile of that client."""

    def __init__(self, provider, registered=TV, **keys):
        self.provider = provider
        self.client_id = registered["client_id"]
        self.daemon = Daemon(profile(provider, registered, grant="device", scope="openid offline_access read",
                                     device_authorization_url=provider.issuer + "/device/auth", **keys))
        self.before = len(provider.requests())
        self.daemon.secrets.add("box-secret")

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *exception):
        for request in self.requests():
            self.daemon.secrets |= {request["sent"], request["received"]} - {None}
        self.daemon.stop(check=exception[0] is None)

    def requests(self):
        return [each for each in self.provider.requests()[self.before:] if each["client_id"] == self.client_id]

    def begin(self):
        codes = self.daemon.ask(CODES)["data"]
        self.daemon.secrets.add(codes["userCode"])
        return codes

    def end(self, user_code):
        while True:
            reply = self.daemon.ask(AUTHORIZE, {"userCode": user_code})
            if code(reply) != "refresh_timeout":
                return reply


def check_session(provider, registered, auth, place):
    with Session(provider, registered) as session:
        codes = session.begin()
        with session.daemon.connect() as waiter:
            waiter.send(AUTHORIZE, {"userCode": codes["userCode"]})
            wait_until(session.requests)  # which tells that nobody has signed in yet
            assert "Sign-in Success" in provider.sign_in_elsewhere(codes[place], codes["userCode"])
            reply = waiter.reply()
        if code(reply) == "refresh_timeout":
            reply = session.end(codes["userCode"])
        assert (reply["data"]["state"], reply["data"]["account"]) == ("fresh", "alice")
        assert provider.introspect(session.daemon.get())["active"]
        polls = [each for each in session.requests() if each["grant_type"] == DEVICE_CODE]
        *pending, granted = polls
        assert {each["error"] for each in pending} == {"authorization_pending"} and granted["status"] == 200
        assert all(later["at"] - earlier["at"] >= INTERVAL_S for earlier, later in zip(polls, polls[1:]))
        assert {each["auth"] for each in session.requests()} == {auth}
        wait_until(lambda: session.daemon.info()["generation"] >= 2, 20)
        refreshed = next(each for each in session.requests() if each["grant_type"] == "refresh_token")
        assert refreshed["sent"] == granted["received"]
        assert provider.introspect(session.daemon.get())["active"]


def test_users_sign_in_elsewhere_and_their_sessions_go_on(provider):
    at_once([lambda: check_session(provider, TV, "none", "verificationUri"),
             lambda: check_session(provider, BOX, "basic", "verificationUriComplete")])


def test_a_user_who_aborts_is_told_of(provider):
    with Session(provider) as session:
        codes = session.begin()
        assert "interrupted" in provider.sign_in_elsewhere(codes["verificationUriComplete"], codes["userCode"], None)
        reply = session.end(codes["userCode"])
        assert code(reply) == "login_required" and "denied the sign-in" in reply["errorMessage"]


def test_gctoken_signs_in_with_the_code_that_it_prints(provider):
    with Session(provider) as session, subprocess.Popen(
            [os.environ["GCTOKEN"], "login", "--device", "--socket", session.daemon.socket],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as login:
        lines = []
        while sum(line.startswith("    ") for line in lines) < 3:
            lines.append(login.stderr.readline())
            assert lines[-1], lines
        uri, user_code, complete = [line.strip() for line in lines if line.startswith("    ")]
        session.daemon.secrets.add(user_code)
        assert uri == provider.issuer + "/device" and complete == f"{uri}?user_code={user_code}"
        assert "Sign-in Success" in provider.sign_in_elsewhere(uri, user_code)
        out, err = login.communicate(timeout=60 * SLOWNESS)
        assert login.returncode == 0 and out.startswith("default: valid, ") and "account alice" in out
