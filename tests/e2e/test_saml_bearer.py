"""The grant saml2_bearer with real assertions: xmlsec1 signs them, npm's @node-saml/node-saml checks them in a grant of
npm's oidc-provider."""

import base64

import pytest

import saml
from daemon import Daemon
from keys import Key, read
from provider import Provider, client, private_file, profile

SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"
AUDIENCE = "https://login.example/saml"
REGISTERED = client("saml", "saml-secret", grant_types=[SAML2_BEARER])


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """The identity provider's."""
    return Key.make(tmp_path_factory.mktemp("idp"), "RS256")


@pytest.fixture(scope="module")
def provider(key):
    with Provider(REGISTERED, saml={"certificate": read(key.certificate), "audience": AUDIENCE}) as running:
        yield running


class Login:
    """A file with an assertion, and the daemon that uses it."""

    def __init__(self, provider, path, assertion, org="acme"):
        self.path = path
        self.provider = provider
        self.before = len(provider.requests())
        self.put(assertion)
        self.daemon = Daemon(profile(provider, REGISTERED, grant="saml2_bearer", org_name=org, assertion_file=path))
        self.daemon.secrets |= {assertion, "saml-secret"}

    def put(self, assertion):
        private_file(self.path, assertion + "\n")

    def statuses(self):
        """How its requests were answered."""
        return [(each["status"], each["error"]) for each in self.provider.requests()[self.before:]]


@pytest.fixture
def login(provider, tmp_path):
    return lambda assertion: Login(provider, tmp_path / "assertion", assertion)


def test_a_signed_assertion_brings_a_token_of_its_user(provider, key, tmp_path, login):
    used = login(saml.assertion(key, tmp_path, AUDIENCE, "alice@example.com"))
    with used.daemon as daemon:
        token = daemon.get()
        answer = provider.introspect(token)
        assert answer["active"] and answer["sub"] == "alice@example.com"
        assert daemon.gctoken("get").stdout == token + "\n"
        assert used.statuses() == [(200, None)]


def test_an_assertion_that_is_still_good_is_used_again(key, tmp_path, login):
    used = login(saml.assertion(key, tmp_path, AUDIENCE, "alice@example.com"))
    with used.daemon as daemon:
        first = daemon.get()
        second = daemon.get(rejectedToken=first)
        assert isinstance(second, str) and second != first
        assert used.statuses() == [(200, None)] * 2


@pytest.mark.parametrize("fault", ["expired", "for_another", "forged", "changed"])
def test_a_bad_assertion_means_to_sign_in_again_and_is_sent_once(key, tmp_path, login, fault):
    signer = Key.make(tmp_path, "RS256") if fault == "forged" else key
    audience = "https://other.example/" if fault == "for_another" else AUDIENCE
    valid_s = -60 if fault == "expired" else 300
    xml = saml.response(signer, tmp_path, audience, "alice@example.com", valid_s=valid_s)
    if fault == "changed":
        xml = xml.replace(b"alice@example.com", b"admin@example.com")
    used = login(base64.b64encode(xml).decode())
    with used.daemon as daemon:
        answers = [daemon.get() for _ in range(5)]
        assert {answer["code"] for answer in answers} == {"login_required"}
        assert not answers[0]["retryable"]
        done = daemon.gctoken("get")
        assert done.returncode == 5 and "(login_required)" in done.stderr
        assert daemon.info()["state"] == "login_required"
        assert used.statuses() == [(400, "invalid_grant")]


def test_a_new_assertion_in_the_file_is_used(provider, key, tmp_path, login):
    used = login(saml.assertion(key, tmp_path, AUDIENCE, "alice@example.com", valid_s=-60))
    with used.daemon as daemon:
        assert daemon.get()["code"] == "login_required"
        fresh = saml.assertion(key, tmp_path, AUDIENCE, "bob@example.com")
        daemon.secrets.add(fresh)
        used.put(fresh)
        assert daemon.gctoken("reload").returncode == 0
        assert provider.introspect(daemon.get())["sub"] == "bob@example.com"
        assert used.statuses() == [(400, "invalid_grant"), (200, None)]


def test_raw_xml_is_refused_with_what_to_do_and_is_not_sent(key, tmp_path, login):
    used = login(saml.response(key, tmp_path, AUDIENCE, "alice@example.com").decode())
    with used.daemon as daemon:
        error = daemon.get()
        assert error["code"] == "upstream_rejected"
        assert str(used.path) in error["text"] and "base64" in error["text"]
        assert used.statuses() == []
