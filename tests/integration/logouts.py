"""What tests of logouts share: profiles of each kind of server at the sandbox, with somebody signed in."""

import contextlib
import time
import urllib.parse

from daemon import Daemon, profile
from messenger import AUTHORIZE, REDIRECT_URI, deployment, gateway

LOGOUT = "auth.logout"
TOKENS_ME, RFC_7009 = "/api/v2/tokens/me", "/oauth/revoke"
SECRET = "s3cret-of-the-client"
BODIES = "[logging]\nlog_request_body = true\nlog_response_body = true\n"
# Longer than any back-off that a second attempt would wait for.
QUIET_S = 1.5


def machine(server, name="default", **keys):
    """Client credentials, at Genesys Cloud."""
    return profile(server, name, **{**gateway(server), **keys})


def person(server, name="default", **keys):
    """Codes and refresh tokens, at a server with RFC 7009."""
    return profile(server, name, "web", SECRET, **{
        "grant": "authorization_code", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize",
        "revocation_url": server.http + RFC_7009, **keys})


def agent(server, name="default", **keys):
    """Codes and refresh tokens, at Genesys Cloud."""
    return profile(server, name, "web", SECRET, **{
        "grant": "authorization_code", "redirect_uri": REDIRECT_URI, **gateway(server), **keys})


CLIENTS = {machine: "demo", deployment: "deployment", person: "web", agent: "web"}


def register(server, **members):
    """The clients of all of them."""
    server.client("deployment", auth="none", **{"refresh_tokens": "kept", "expires_in": 600, **members})
    server.client("web", SECRET, **{"refresh_tokens": "rotated", **members})


def code_for(daemon, server, section):
    query = {"client_id": CLIENTS[section], "redirect_uri": REDIRECT_URI, "response_type": "code"}
    brought = server.visit(server.http + "/oauth/authorize?" + urllib.parse.urlencode(query))["code"]
    daemon.secrets.add(brought)
    return brought


def sign_in(daemon, server, section):
    if section is not machine:
        reply = daemon.ask(AUTHORIZE, {"code": code_for(daemon, server, section), "redirectUri": REDIRECT_URI})
        assert reply["data"]["state"] == "fresh", reply


@contextlib.contextmanager
def running(server, section, bodies=True, environment=None, **keys):
    """A daemon whose profile `default` has a token, whatever that takes."""
    with Daemon(section(server, **keys) + (BODIES if bodies else ""), environment=environment) as daemon:
        daemon.secrets.add(SECRET)
        sign_in(daemon, server, section)
        daemon.wait_state("fresh")
        yield daemon
        remember(daemon, server)


def remember(daemon, server):
    """No token may stand in a log."""
    daemon.secrets |= refresh_tokens(server) | {each["token"] for each in server.revocations() if each["token"]}


def refresh_tokens(server):
    return {token["refresh_token"] for session in server.sessions() for token in session["refresh_tokens"]}


def logout(daemon):
    reply = daemon.ask(LOGOUT)
    assert "data" in reply, reply
    return reply["data"]


def revocations(server):
    return [(each["method"], each["path"], each["status"]) for each in server.revocations()]


def check_logged_out(daemon):
    error = daemon.get()
    assert error["code"] == "login_required" and "was logged out" in error["text"], error
    info = daemon.info()
    assert (info["state"], info["expiration"], info["refreshAt"]) == ("login_required", None, None)


@contextlib.contextmanager
def silence(server):
    """Asserts that the server is asked for no token meanwhile, nor just afterwards."""
    asked = server.stats()["token_requests"]
    yield
    time.sleep(QUIET_S)
    assert server.stats()["token_requests"] == asked


def dead(server, *tokens):
    return not any(server.check(token)["active"] for token in tokens)
