"""Each way of a client to prove who it is, against npm's oidc-provider."""

import os

import pytest

from daemon import Daemon
from keys import Key, read
from provider import Provider, client, profile

KEY_ID = "the key of 2026"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keys by name. The CA has signed the certificates of server and client."""
    directory = tmp_path_factory.mktemp("keys")
    made = {name: Key.make(directory, name) for name in ("RS256", "ES256")}
    made["ca"] = Key.make(directory, name="ca")
    made["other"] = Key.make(directory, name="other")
    made["server"] = Key.make(directory, name="server", issuer=made["ca"],
                              extensions="subjectAltName=DNS:localhost")
    made["client"] = Key.make(directory, name="client", issuer=made["ca"])
    return made


def registrations(keys):
    def with_(client_id, auth, **metadata):
        return {"client_id": client_id, "token_endpoint_auth_method": auth, **metadata}

    return [
        client(), client("poster", auth="post"),
        with_("rs256", "private_key_jwt", public_key=read(keys["RS256"].public),
              token_endpoint_auth_signing_alg="RS256"),
        with_("es256", "private_key_jwt", public_key=read(keys["ES256"].public),
              token_endpoint_auth_signing_alg="ES256", key_id=KEY_ID),
        with_("pki", "tls_client_auth", tls_client_auth_subject_dn="CN=client"),
        with_("pinned", "self_signed_tls_client_auth", certificate=read(keys["ES256"].certificate)),
    ]


@pytest.fixture(scope="module")
def provider(keys):
    tls = {"cert": read(keys["server"].certificate), "key": read(keys["server"].private),
           "ca": read(keys["ca"].certificate)}
    with Provider(*registrations(keys), tls=tls, trust=keys["ca"].certificate) as running:
        yield running


@pytest.fixture
def daemon(provider, keys):
    """Starts a daemon with one profile: its client, and more keys."""
    def start(client_id, auth, **more):
        registered = next(each for each in registrations(keys) if each["client_id"] == client_id)
        settings = {"client_auth": auth, "tls_ca_file": keys["ca"].certificate, **more}
        made = Daemon(profile(provider, registered, **settings))
        for key in keys.values():
            made.secrets |= set(read(key.private).splitlines()[1:-1])
        return made
    return start


def answers(provider, client_id):
    return [(each["auth"], each["status"]) for each in provider.requests()
            if each["client_id"] == client_id]


@pytest.mark.parametrize("client_id,auth", [("demo", "basic"), ("poster", "post")])
def test_a_secret_is_good_over_tls(provider, daemon, client_id, auth):
    before = answers(provider, client_id)
    with daemon(client_id, auth) as running:
        assert provider.introspect(running.get())["client_id"] == client_id
        assert answers(provider, client_id)[len(before):] == [(auth, 200)]


@pytest.mark.parametrize("alg,key_id", [("RS256", None), ("ES256", KEY_ID)])
def test_a_signed_assertion_is_good_and_each_attempt_has_one_of_its_own(
        provider, daemon, keys, alg, key_id):
    client_id = alg.lower()
    before = answers(provider, client_id)
    with daemon(client_id, "private_key_jwt", private_key_file=keys[alg].private,
                signing_alg=alg, private_key_id=key_id) as running:
        first = running.get()
        assert provider.introspect(first)["client_id"] == client_id
        # The server refuses a jti that it has seen.
        second = running.get(rejectedToken=first)
        assert provider.introspect(second)["active"] and second != first
        assert answers(provider, client_id)[len(before):] == [("private_key_jwt", 200)] * 2


def test_a_key_that_the_server_has_under_another_name_is_refused(provider, daemon, keys):
    with daemon("es256", "private_key_jwt", private_key_file=keys["ES256"].private,
                signing_alg="ES256", private_key_id="another") as running:
        assert running.get()["code"] == "upstream_rejected"


def test_another_key_is_refused_and_is_not_tried_again(provider, daemon, keys):
    before = answers(provider, "es256")
    with daemon("es256", "private_key_jwt", private_key_file=keys["other"].private,
                signing_alg="ES256") as running:
        errors = [running.get() for _ in range(3)]
        assert {error["code"] for error in errors} == {"upstream_rejected"}
        assert "invalid_client" in errors[0]["text"]
        assert answers(provider, "es256")[len(before):] == [("private_key_jwt", 401)]


def test_a_certificate_of_the_servers_ca_is_good(provider, daemon, keys):
    before = answers(provider, "pki")
    with daemon("pki", "tls_client_auth", tls_client_cert_file=keys["client"].certificate,
                tls_client_key_file=keys["client"].private) as running:
        assert provider.introspect(running.get())["client_id"] == "pki"
        assert answers(provider, "pki")[len(before):] == [("tls_client_auth", 200)]


def test_a_registered_certificate_that_has_signed_itself_is_good(provider, daemon, keys):
    before = answers(provider, "pinned")
    with daemon("pinned", "tls_client_auth", tls_client_cert_file=keys["ES256"].certificate,
                tls_client_key_file=keys["ES256"].private) as running:
        assert provider.introspect(running.get())["client_id"] == "pinned"
        assert answers(provider, "pinned")[len(before):] == [("tls_client_auth", 200)]


@pytest.mark.parametrize("client_id", ["pki", "pinned"])
def test_another_certificate_is_refused(provider, daemon, keys, client_id):
    with daemon(client_id, "tls_client_auth", tls_client_cert_file=keys["other"].certificate,
                tls_client_key_file=keys["other"].private) as running:
        error = running.get()
        assert error["code"] == "upstream_rejected" and "invalid_client" in error["text"]
        assert answers(provider, client_id)[-1] == ("tls_client_auth", 401)


def test_a_key_with_a_passphrase_is_used_by_file(provider, daemon, keys, tmp_path):
    passphrase = "correct horse + battery"
    encrypted = keys["client"].encrypt(tmp_path, passphrase)
    path = tmp_path / "passphrase"
    with open(path, "w", encoding="utf-8", opener=lambda *of: os.open(*of, 0o600)) as file:
        file.write(passphrase + "\n")
    with daemon("pki", "tls_client_auth", tls_client_cert_file=keys["client"].certificate,
                tls_client_key_file=encrypted, tls_client_key_passphrase_file=path) as running:
        running.secrets.add(passphrase)
        assert provider.introspect(running.get())["client_id"] == "pki"
