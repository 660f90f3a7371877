"""nginx in front of the login server, as people run it: path prefixes, Unix sockets, TLS on both sides, and pages
that are not the login server's."""

import collections
import contextlib

import pytest

from daemon import Daemon, profile
from sandbox import Sandbox
from servers import PASSPHRASE, Nginx, Pki

HTML = "<html><body>Please sign in to the network of the airport</body></html>"
TLS = ("ssl_certificate {pki}/%s.pem; ssl_certificate_key {pki}/%s.key; ssl_protocols %s;"
       "ssl_client_certificate {pki}/ca.pem;")
BOTH_TLS = "TLSv1.2 TLSv1.3"

World = collections.namedtuple("World", "server pki nginx daemon")


def tls(certificate="login", protocols=BOTH_TLS):
    return TLS % (certificate, certificate, protocols)


def blocks(server):
    forward = f"location / {{ proxy_pass {server.http}; }}"
    prefix = (f"location /genesys/login/ {{ proxy_pass {server.http}/; }}"
              f"location / {{ return 404 '{HTML}'; default_type text/html; }}")
    page = "default_type text/html; location / { return %d '" + HTML + "'; }"
    return {
        "plain": ("", prefix + "listen unix:{dir}/plain.sock;"),
        "tls": (" ssl", tls() + prefix + "listen unix:{dir}/tls.sock ssl;"),
        "old": (" ssl", tls(protocols="TLSv1.2") + forward),
        "optional": (" ssl", tls() + "ssl_verify_client optional;" + forward),
        "mandatory": (" ssl", tls() + "ssl_verify_client on;" + forward),
        "other": (" ssl", tls("other") + forward),
        "portal": ("", page % 200),
        "502": ("", page % 502),
        "404": ("", page % 404),
        "403": ("", page % 403),
        "301": ("", "location / { return 301 https://127.0.0.1:9/; }"),
    }


def at(server, nginx, name, block, **keys):
    """A profile at that block of nginx."""
    settings = {"client_id": name, "gateway_host": "127.0.0.1", "gateway_port": nginx.ports_of[block], "token_url": None, **keys}
    server.client(settings["client_id"], "demo-secret")
    return profile(server, name, **settings)


def pair(pki, cert="client", key="client", **keys):
    return {"tls_client_cert_file": pki.path(cert + ".pem"), "tls_client_key_file": pki.path(key + ".key"), **keys}


def inline(pem):
    return "\n    ".join(pem.strip().splitlines())


def profiles(server, pki, nginx):
    plain, secure = {"gateway_protocol": "http"}, {"gateway_protocol": "https"}
    prefix = {"gateway_path_params_login": "/genesys/login/"}
    return "".join(at(server, nginx, name, block, **keys) for name, block, keys in [
        ("prefix-plain", "plain", {**plain, **prefix, "gateway_path_params_api": "genesys/api"}),
        ("prefix-tls", "tls", {**prefix}),
        ("prefix-missing", "plain", plain),
        ("unix-plain", "plain", {**plain, **prefix, "gateway_host": "localhost", "gateway_port": None,
                                 "gateway_unix_socket": nginx.directory.path("plain.sock")}),
        ("unix-tls", "tls", {**prefix, "gateway_host": "login.test", "gateway_port": None,
                             "gateway_unix_socket": nginx.directory.path("tls.sock")}),
        ("unix-tls-other-name", "tls", {**prefix, "gateway_host": "wrong.test", "gateway_port": None,
                                        "gateway_unix_socket": nginx.directory.path("tls.sock")}),
        ("unix-nobody", "plain", {**plain, "gateway_unix_socket": nginx.directory.path("none.sock")}),
        ("tls-1.2", "old", secure),
        ("wrong-host", "other", secure),
        ("system-authorities", "tls", {**prefix, "tls_ca_file": "/etc/ssl/certs/ca-certificates.crt"}),
        ("optional-without", "optional", {}),
        ("optional-with", "optional", pair(pki)),
        ("mandatory-with", "mandatory", pair(pki)),
        ("mandatory-encrypted", "mandatory", pair(pki, key="encrypted", tls_client_key_passphrase=PASSPHRASE)),
        ("mandatory-passphrase-file", "mandatory",
         pair(pki, key="encrypted", tls_client_key_passphrase_file=pki.path("passphrase"))),
        ("mandatory-inline", "mandatory", {"tls_client_cert": inline(pki.read("client.pem")),
                                           "tls_client_key": inline(pki.read("client.key"))}),
        ("mandatory-without", "mandatory", {}),
        ("mandatory-stranger", "mandatory", pair(pki, "stranger", "stranger")),
        ("key-does-not-fit", "mandatory", pair(pki, "client", "stranger")),
        ("passphrase-wrong", "mandatory", pair(pki, key="encrypted", tls_client_key_passphrase="wrong")),
        ("passphrase-missing", "mandatory", pair(pki, key="encrypted")),
        ("portal", "portal", plain), ("502", "502", plain), ("404", "404", plain), ("403", "403", plain),
        ("301", "301", plain),
    ])


@pytest.fixture(scope="module")
def world():
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Sandbox())
        pki = stack.enter_context(Pki())
        nginx = stack.enter_context(Nginx(pki, blocks(server)))
        config = f"[tls]\nca_file = {pki.ca}\n" + profiles(server, pki, nginx)
        daemon = Daemon(config)
        daemon.secrets |= {PASSPHRASE, "PRIVATE KEY"}
        stack.enter_context(daemon)
        yield World(server, pki, nginx, daemon)


@pytest.mark.parametrize("name", [
    "prefix-plain", "prefix-tls", "unix-plain", "unix-tls", "tls-1.2", "optional-without", "optional-with",
    "mandatory-with", "mandatory-encrypted", "mandatory-passphrase-file", "mandatory-inline"])
def test_a_token_comes_through_the_gateway(world, name):
    world.daemon.wait_state("fresh", name)
    token = world.daemon.get(name)
    assert world.server.check(token)["client_id"] == name


# state, and what of the message tells people what to do
REFUSED = {
    "prefix-missing": ("failing", "HTTP 404"),
    "unix-tls-other-name": ("failing", "certificate is not trusted"),
    "unix-nobody": ("failing", "none.sock: No such file or directory"),
    "wrong-host": ("failing", "certificate is not trusted"),
    "system-authorities": ("failing", "certificate is not trusted"),
    "mandatory-without": ("rejected", "HTTP 400"),
    "mandatory-stranger": ("rejected", "HTTP 400"),
    "key-does-not-fit": ("rejected", "the client key does not fit the client certificate"),
    "passphrase-wrong": ("rejected", "the client key cannot be decrypted"),
    "passphrase-missing": ("rejected", "the client key is encrypted, and there is no client_key_passphrase"),
    "portal": ("failing", "not JSON"),
    "502": ("failing", "HTTP 502"),
    "404": ("failing", "HTTP 404"),
    "403": ("rejected", "HTTP 403"),
    "301": ("failing", "HTTP 301"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_gateway_refuses_is_told(world, name):
    state, text = REFUSED[name]
    message = world.daemon.wait_error(text, name)["lastError"]["message"]
    assert world.daemon.info(name)["state"] == state
    assert "airport" not in message
    assert world.server.stats()["clients"].get(name, {}).get("tokens_issued", 0) == 0


def test_the_gateway_is_the_login_server_and_the_api_for_people(world):
    info = world.daemon.info("prefix-plain")
    port = world.nginx.ports_of["plain"]
    assert info["loginUrl"] == f"http://127.0.0.1:{port}/genesys/login"
    assert info["apiUrl"] == f"http://127.0.0.1:{port}/genesys/api"


def test_the_path_of_the_gateway_is_what_the_login_server_is_asked_with(world):
    world.daemon.get("prefix-plain")
    assert {request["path"] for request in world.server.requests("prefix-plain")} == {"/oauth/token"}


def test_gateway_and_certificate_for_all_profiles_stand_in_their_sections(world):
    world.server.client("all", "demo-secret")
    config = (f"[gateway]\nhost = 127.0.0.1\nport = {world.nginx.ports_of['mandatory']}\n"
              f"[tls]\nca_file = {world.pki.ca}\nclient_cert_file = {world.pki.path('client.pem')}\n"
              f"client_key_file = {world.pki.path('encrypted.key')}\nclient_key_passphrase = {PASSPHRASE}\n"
              + profile(world.server, client_id="all", token_url=None))
    daemon = Daemon(config)
    daemon.secrets.add(PASSPHRASE)
    with daemon:
        daemon.wait_state("fresh")


def test_a_gateway_socket_for_all_profiles_stands_in_its_section(world):
    world.server.client("all-unix", "demo-secret")
    config = (f"[gateway]\nhost = login.test\npath_params_login = genesys/login\n"
              f"unix_socket = {world.nginx.directory.path('tls.sock')}\n[tls]\nca_file = {world.pki.ca}\n"
              + profile(world.server, client_id="all-unix", token_url=None))
    with Daemon(config) as daemon:
        daemon.wait_state("fresh")


def test_what_is_not_the_gateways_is_not_sent_to_its_socket(world):
    world.server.client("past", "demo-secret")
    config = at(world.server, world.nginx, "default", "plain", client_id="past", gateway_protocol="http", gateway_host="localhost",
                gateway_port=None, gateway_path_params_login="genesys/login", revocation_url=world.server.http + "/oauth/revoke",
                gateway_unix_socket=world.nginx.directory.path("plain.sock"),
                allow="user:root (auth.getJwtToken, auth.logout, auth.refresh)")
    with Daemon(config) as daemon:
        daemon.wait_state("fresh")
        assert daemon.ask("auth.logout")["data"]["revoked"]
        daemon.write_config(config.replace(world.server.http, "http://LOCALHOST:80/genesys/login"))
        assert "data" in daemon.ask("system.reload")
        assert "data" in daemon.ask("auth.refresh")
        assert daemon.ask("auth.logout")["data"]["revoked"]


def test_a_key_that_was_mended_is_taken_at_the_next_reload(world):
    def config(key):
        return f"[tls]\nca_file = {world.pki.ca}\n" + at(
            world.server, world.nginx, "default", "mandatory", client_id="mended", **pair(world.pki, key=key))

    with Daemon(config("stranger")) as daemon:
        daemon.wait_state("rejected")
        daemon.write_config(config("client"))
        assert daemon.gctoken("reload").returncode == 0
        daemon.wait_state("fresh")
