"""The real programs against a real authorization server: npm's oidc-provider with the grant
client_credentials. What it issues is checked by itself (introspection, RFC 7662) and, for JWTs, by
npm's jose through its JWKS.
"""

import json
import time
import urllib.parse
from datetime import datetime

import pytest

from daemon import PACE, SLOWNESS, Daemon
from provider import RESOURCES, Provider, at_once, basic, client, private_file, profile

# RFC 6749 appendix A: what an id and a secret may hold.
VSCHAR = "".join(map(chr, range(0x20, 0x7F)))

OPAQUE_RESOURCE = "https://opaque.example/"

# A token of 12 s is refreshed after 8.4 to 9.6 s, and not handed out in the last 1.2 s. The provider
# counts in whole seconds, so it may end it after 11.
SHORT_LIFETIME_S = 12 * min(PACE, 2)
EARLIEST_REFRESH_S = SHORT_LIFETIME_S * 0.6
TOKENS = 3


both_ways = pytest.mark.parametrize("auth", ["basic", "post"])

DEMO = {auth: client("demo-" + auth, auth=auth) for auth in ("basic", "post")}
READER = client("reader", scope="read")
# In the configuration file a value has no spaces at its ends; in a secret file it may.
ODD = {auth: client(auth + VSCHAR + "%2B", "%41+%zz" + VSCHAR[::-1], auth) for auth in DEMO}
MEANT = {auth: client(f"an id: 100% of {auth}/b&c+d=e", "it's 50%+ a;b ;c #d \"e\" %2B [f] \\n=", auth) for auth in DEMO}
FIFTY = [client(f"c{i}", f"secret-of-{i}.", "post" if i % 2 else "basic") for i in range(50)]


@pytest.fixture(scope="module")
def running():
    with Provider(*DEMO.values(), READER, *ODD.values(), *MEANT.values(), *FIFTY) as provider:
        yield provider


@pytest.fixture
def provider(running):
    """It tells of this test's requests alone."""
    running.forget()
    return running


@both_ways
def test_a_token_is_fetched_once_and_is_good_at_its_server(provider, auth):
    with Daemon(profile(provider, DEMO[auth])) as daemon:
        token = daemon.get()
        assert daemon.gctoken("get").stdout == token + "\n"
        answer = provider.introspect(token)
        assert answer["active"] and answer["client_id"] == "demo-" + auth
        assert [(each["auth"], each["status"]) for each in provider.requests()] == [(auth, 200)]


def test_the_expiration_told_is_the_servers(provider):
    with Daemon(profile(provider, DEMO["basic"])) as daemon:
        data = daemon.ask("auth.getJwtToken")["data"]
        told = datetime.fromisoformat(data["expiration"].replace("Z", "+00:00")).timestamp()
        # The server cuts its own to whole seconds.
        server = provider.introspect(data["jwtToken"])["exp"]
        assert server - 5 * SLOWNESS < told < server + 1


@both_ways
def test_every_character_that_a_credential_may_hold_arrives(provider, auth, tmp_path):
    registered = ODD[auth]
    secret = registered["client_secret"]
    path = private_file(tmp_path / "secret", secret + "\n")
    with Daemon(profile(provider, registered, client_secret=None, client_secret_file=path)) as daemon:
        daemon.secrets |= {secret, urllib.parse.quote_plus(secret), basic(registered)}
        token = daemon.get()
        assert provider.introspect(token)["client_id"] == registered["client_id"]
        assert [each["auth"] for each in provider.requests()] == [auth]


@both_ways
def test_characters_with_a_meaning_elsewhere_arrive_from_the_configuration_file(provider, auth):
    registered = MEANT[auth]
    with Daemon(profile(provider, registered)) as daemon:
        daemon.secrets |= {registered["client_secret"], basic(registered)}
        assert provider.introspect(daemon.get())["client_id"] == registered["client_id"]


@pytest.mark.parametrize("asked,keys,status,code", [
    ({**DEMO["basic"], "client_secret": "wrong-secret"}, {}, 401, "invalid_client"),
    ({**DEMO["post"], "client_secret": "wrong-secret"}, {}, 401, "invalid_client"),
    (client("unknown"), {}, 401, "invalid_client"),
    (READER, {"scope": "read write"}, 400, "invalid_scope"),
    (DEMO["basic"], {"resource": "https://unknown.example/"}, 400, "invalid_target"),
])
def test_a_refusal_is_told_with_the_servers_code_and_is_not_asked_for_again(
        provider, asked, keys, status, code):
    with Daemon(profile(provider, asked, **keys)) as daemon:
        daemon.secrets.add("wrong-secret")
        errors = [daemon.get() for _ in range(5)]
        assert {error["code"] for error in errors} == {"upstream_rejected"}
        assert not errors[0]["retryable"] and code in errors[0]["text"]
        done = daemon.gctoken("get")
        assert (done.returncode, done.stdout) == (7, "")
        assert code in done.stderr and "(upstream_rejected)" in done.stderr
        info = daemon.info()
        assert info["state"] == "rejected"
        assert (info["lastError"]["upstreamError"], info["lastError"]["upstreamStatus"]) == (
            code, status)
        assert [each["status"] for each in provider.requests()] == [status]


def test_a_corrected_secret_file_is_taken_at_a_reload(provider, tmp_path):
    registered = DEMO["basic"]
    path = private_file(tmp_path / "secret", "wrong-secret")
    with Daemon(profile(provider, registered, client_secret=None, client_secret_file=path)) as daemon:
        assert daemon.get()["code"] == "upstream_rejected"
        private_file(path, registered["client_secret"])
        assert daemon.gctoken("reload").returncode == 0
        assert provider.introspect(daemon.get())["active"]
        assert [each["status"] for each in provider.requests()] == [401, 200]


@pytest.mark.parametrize("resource,algorithm", RESOURCES)
@pytest.mark.parametrize("key", ["resource", "audience"])
def test_a_jwt_is_for_the_resource_and_scope_asked_for_and_verifies(provider, key, resource, algorithm):
    with Daemon(profile(provider, DEMO["basic"], scope="read write", **{key: resource})) as daemon:
        done = provider.verify(daemon.gctoken("get").stdout, resource, algorithm)
        assert done.returncode == 0, done.stderr
        claims = json.loads(done.stdout)
        assert (claims["client_id"], claims["scope"]) == ("demo-basic", "read write")
        assert len(provider.requests()) == 1


def test_what_is_not_the_servers_token_for_the_audience_does_not_verify(provider):
    (resource, algorithm), (other_resource, other_algorithm) = RESOURCES
    with Daemon(profile(provider, DEMO["basic"], resource=resource)) as daemon:
        token = daemon.get()
        header, claims, signature = token.split(".")
        forged = ".".join([header, claims, ("B" if signature[0] == "A" else "A") + signature[1:]])
        assert provider.verify(token, resource, algorithm).returncode == 0
        assert provider.verify(token, other_resource, algorithm).returncode == 1
        assert provider.verify(token, resource, other_algorithm).returncode == 1
        assert provider.verify(forged, resource, algorithm).returncode == 1


def test_an_opaque_token_has_the_resource_and_scope_asked_for(provider):
    with Daemon(profile(provider, DEMO["basic"], scope="write", resource=OPAQUE_RESOURCE)) as daemon:
        answer = provider.introspect(daemon.get())
        assert answer["active"]
        assert (answer["aud"], answer["scope"]) == (OPAQUE_RESOURCE, "write")


def test_a_revoked_token_that_is_rejected_is_replaced_by_a_good_one(provider):
    registered = DEMO["basic"]
    with Daemon(profile(provider, registered)) as daemon:
        dead = daemon.get()
        provider.revoke(dead, registered)
        assert not provider.introspect(dead)["active"]
        done = daemon.gctoken("get", "--reject", "-", input=dead + "\n")
        assert done.returncode == 0, done.stderr
        fresh = done.stdout.rstrip("\n")
        daemon.secrets.add(fresh)
        assert provider.introspect(fresh)["active"]
        assert daemon.get() == fresh
        assert len(provider.requests()) == 2


def test_short_tokens_are_refreshed_ahead_of_expiry_while_callers_go_on():
    registered = client()
    tokens, dead = set(), []
    deadline = time.monotonic() + 6 * SHORT_LIFETIME_S

    with Provider(registered, lifetime=SHORT_LIFETIME_S) as provider, \
            Daemon(profile(provider, registered)) as daemon:

        def call():
            while len(tokens) < TOKENS and not dead and time.monotonic() < deadline:
                token = daemon.get()
                tokens.add(token)
                if not provider.introspect(token)["active"]:
                    dead.append(token)
                time.sleep(0.02)

        at_once([call] * 4)
        assert not dead
        assert len(tokens) == TOKENS
        requests = provider.requests()
        assert len(requests) == TOKENS
        for before, after in zip(requests, requests[1:]):
            assert after["at"] - before["at"] > EARLIEST_REFRESH_S


def test_fifty_profiles_at_once_get_a_token_each(provider):
    config = "\n".join(profile(provider, each, each["client_id"], refresh_token_wait_max=10 * PACE) for each in FIFTY)
    with Daemon(config) as daemon:
        daemon.secrets |= {each["client_secret"] for each in FIFTY}
        tokens = at_once([lambda name=each["client_id"]: daemon.get(name) for each in FIFTY])
        assert [provider.introspect(token)["client_id"] for token in tokens] == [each["client_id"] for each in FIFTY]
        assert sorted(each["client_id"] for each in provider.requests()) == sorted(each["client_id"] for each in FIFTY)
