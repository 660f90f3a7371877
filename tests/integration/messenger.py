"""What tests of the messenger share: the sandbox's endpoints, a profile of a deployment there, and sign-ins at the brand."""

import base64
import contextlib
import json
import urllib.parse

from callers import code
from daemon import Daemon, profile

AUTHORIZE = "auth.authorize"
REDIRECT_URI = "https://brand.example/back"
TOKEN = "/api/v2/webdeployments/token/"
EXCHANGE, REFRESH, REVOKE = TOKEN + "oauthcodegrantjwtexchange", TOKEN + "refresh", TOKEN + "revoke"


def gateway(server):
    """The keys of a profile that make the sandbox Genesys Cloud."""
    parts = urllib.parse.urlsplit(server.http)
    return {"token_url": None, "gateway_protocol": "http", "gateway_host": parts.hostname, "gateway_port": parts.port}


def deployment(server, name="default", deployment_id="deployment", **keys):
    """A profile of a deployment at the sandbox."""
    return profile(server, name, None, None, **{
        "grant": "messenger", "deployment_id": deployment_id, **gateway(server), **keys})


@contextlib.contextmanager
def running(server, **keys):
    """A daemon that logs all it can, with one profile that nobody has signed in to yet."""
    bodies = "[logging]\nlog_request_body = true\nlog_response_body = true\n"
    with Daemon(deployment(server, **keys) + bodies) as daemon:
        daemon.wait_state("login_required")
        yield daemon


def code_of(daemon, server, **query):
    """A code as the brand's login would bring it."""
    query = {"client_id": "deployment", "redirect_uri": REDIRECT_URI, "response_type": "code", **query}
    brought = server.visit(server.http + "/oauth/authorize?" + urllib.parse.urlencode(query))["code"]
    daemon.secrets.add(brought)
    return brought


def sign_in(daemon, server):
    return daemon.ask(AUTHORIZE, {"code": code_of(daemon, server), "redirectUri": REDIRECT_URI})


def check_refused(reply, why):
    """What came of a sign-in was of no use."""
    assert code(reply) == "upstream_unavailable" and why in reply["errorMessage"], reply


def requests_of(daemon, server):
    """The requests so far; what is secret in them and in their sessions may stand in no log."""
    requests = server.requests()
    for request in requests:
        fields = request["fields"] or {}
        for holder in (fields, fields.get("oauth", {})):
            for name in ("code", "codeVerifier", "nonce", "idToken", "refreshToken"):
                if name in holder:
                    daemon.secrets.add(holder[name])
    for session in server.sessions():
        daemon.secrets |= {token["refresh_token"] for token in session["refresh_tokens"]}
    return requests


def paths(requests):
    return [request["path"] for request in requests]


def claims_of(jwt):
    return json.loads(base64.urlsafe_b64decode(jwt.split(".")[1] + "=="))
