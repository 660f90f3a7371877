"""Real proxies before the login server: tinyproxy for HTTP and CONNECT, microsocks for SOCKS5, each with a password.
The login server's name, login.test, is known to the proxies alone."""

import asyncio
import collections
import contextlib
import ssl
import threading
import urllib.parse

import pytest

from daemon import Daemon, profile
from sandbox import Sandbox
from servers import PASSWORD, USER, Microsocks, Nginx, Pki, Tinyproxy, free_port

World = collections.namedtuple("World", "server pki http tls tinyproxy over_tls microsocks daemon")
GONE = "127.0.0.1:9"
NO_PASSWORD = {"username": None, "password": None}


class TlsFront:
    """Takes TLS from connections to tinyproxy, which makes it an HTTPS proxy."""

    def __init__(self, pki, port):
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(pki.path("login.pem"), pki.path("login.key"))
        self._behind = port
        self.address = f"127.0.0.1:{free_port()}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self):
        self._thread.start()
        host, port = self.address.split(":")
        asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, host, int(port), ssl=self._context), self._loop).result()
        return self

    def __exit__(self, *exception):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader, writer):
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(self._copy(reader, back_writer), self._copy(back_reader, writer))

    @staticmethod
    async def _copy(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


def port_of(url):
    return urllib.parse.urlsplit(url).port


def through(server, url, name, proxy_url, username=USER, password=PASSWORD, **keys):
    """A profile at that URL of the login server by way of the proxy."""
    server.client(name, "demo-secret")
    return profile(server, name, client_id=name, url=url, proxy_url=proxy_url, proxy_username=username,
                   proxy_password=password, **keys)


def profiles(server, http, tls, tinyproxy, over_tls, microsocks):
    plain, secure, socks = f"http://{tinyproxy}", f"https://{over_tls}", f"socks5h://{microsocks}"
    # The plain port of the login server is none that tinyproxy's ConnectPort lists.
    forbidden = tls.replace(str(port_of(tls)), str(port_of(http)))
    rows = [
        (http, "http", plain, {}), (tls, "connect", plain, {}),
        (http, "https-http", secure, {}), (tls, "https-connect", secure, {}),
        (http, "socks-http", socks, {}), (tls, "socks-tls", socks, {}),
        (http, "no-password-http", plain, NO_PASSWORD),
        (tls, "no-password-connect", plain, NO_PASSWORD),
        (tls, "no-password-socks", socks, NO_PASSWORD),
        (http, "wrong-password-http", plain, {"password": "proxy-wrong-5Hk"}),
        (tls, "wrong-password-connect", plain, {"password": "proxy-wrong-5Hk"}),
        (tls, "wrong-password-socks", socks, {"password": "proxy-wrong-5Hk"}),
        (forbidden, "forbidden-port", plain, {}),
        (http, "gone-http", f"http://{GONE}", {}), (tls, "gone-connect", f"http://{GONE}", {}),
        (tls, "gone-https", f"https://{GONE}", {}), (tls, "gone-socks", f"socks5h://{GONE}", {}),
        (server.http, "loopback", f"http://{GONE}", {}),
        (tls, "untrusted-proxy", secure, {"tls_ca_file": "/etc/ssl/certs/ca-certificates.crt"}),
        ("https://nobody.test:9", "server-gone", plain, {}),
        ("https://nobody.test:9", "server-gone-socks", socks, {}),
        (tls.replace("login.test", "wrong.test"), "wrong-host", socks, {}),
    ]
    return "".join(through(server, url, name, proxy, **keys) for url, name, proxy, keys in rows)


@pytest.fixture(scope="module")
def world():
    with contextlib.ExitStack() as stack:
        pki = stack.enter_context(Pki())
        server = stack.enter_context(Sandbox(
            tls_listen="127.0.0.1:0", tls_cert=pki.path("login.pem"), tls_key=pki.path("login.key")))
        http, tls = (f"{scheme}://login.test:{port_of(url)}"
                     for scheme, url in (("http", server.http), ("https", server.https)))
        tinyproxy = stack.enter_context(Tinyproxy(connect_ports=[port_of(server.https), 9]))
        over_tls = stack.enter_context(TlsFront(pki, tinyproxy.port))
        microsocks = stack.enter_context(Microsocks())
        config = ("[daemon]\ninsecure_http = true\n" + f"[tls]\nca_file = {pki.ca}\n"
                  + profiles(server, http, tls, tinyproxy.address, over_tls.address, microsocks.address))
        daemon = Daemon(config)
        daemon.secrets |= {PASSWORD, "proxy-wrong-5Hk"}
        stack.enter_context(daemon)
        yield World(server, pki, http, tls, tinyproxy, over_tls, microsocks, daemon)


@pytest.mark.parametrize("name", [
    "http", "connect", "https-http", "https-connect", "socks-http", "socks-tls", "loopback"])
def test_a_token_comes_through_the_proxy(world, name):
    world.daemon.wait_state("fresh", name)
    token = world.daemon.get(name)
    assert world.server.check(token)["client_id"] == name


# What the message says, {} being the proxy.
REFUSED = {
    "no-password-connect": ("tinyproxy", "the proxy {} wants a user and password"),
    "no-password-socks": ("microsocks", "the proxy {} wants a user and password"),
    "wrong-password-connect": ("tinyproxy", "the proxy {} does not accept its user and password"),
    "wrong-password-socks": ("microsocks", "the proxy {} does not accept its user and password"),
    "forbidden-port": ("tinyproxy", "the proxy {} refuses a connection to login.test:"),
    "gone-http": (None, "cannot connect to the proxy {}: Connection refused"),
    "gone-connect": (None, "cannot connect to the proxy {}: Connection refused"),
    "gone-https": (None, "cannot connect to the proxy {}: Connection refused"),
    "gone-socks": (None, "cannot connect to the proxy {}: Connection refused"),
    "untrusted-proxy": (None, "the proxy's certificate is not trusted"),
    "server-gone": ("tinyproxy", "the proxy {} refuses a connection to nobody.test:9 with status 500"),
    "server-gone-socks": ("microsocks", "the proxy {} has no connection to nobody.test:9"),
    "wrong-host": (None, "the server's certificate is not trusted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_proxy_refuses_is_told_as_the_proxys(world, name):
    proxy, text = REFUSED[name]
    info = world.daemon.wait_error(text.format(getattr(world, proxy).address if proxy else GONE), name)
    assert info["lastError"]["code"] == "upstream_unavailable"
    assert info["lastError"]["upstreamStatus"] is None
    assert world.server.stats()["clients"].get(name, {}).get("token_requests", 0) == 0


@pytest.mark.parametrize("name", ["no-password-http", "wrong-password-http"])
def test_a_plain_request_that_the_proxy_refuses_is_not_passed_on(world, name):
    """tinyproxy does not read the request that it refuses, and its answer can be lost by that. Its 401 to a wrong
    password cannot be told from the login server's."""
    world.daemon.wait_error(("HTTP 401", f"the proxy {world.tinyproxy.address}"), name)
    assert world.server.stats()["clients"].get(name, {}).get("token_requests", 0) == 0


def test_the_login_server_sees_nothing_of_the_proxys_password(world):
    world.daemon.wait_state("fresh", "http")
    for request in world.server.requests("http"):
        assert PASSWORD not in str(request)
        assert request["host"] == f"login.test:{port_of(world.server.http)}"


def test_a_proxy_for_all_profiles_stands_in_its_section(world):
    world.server.client("all", "demo-secret")
    config = (f"[proxy]\nurl = http://{world.tinyproxy.address}\nusername = {USER}\npassword = {PASSWORD}\n"
              f"[tls]\nca_file = {world.pki.ca}\n" + profile(world.server, client_id="all", url=world.tls))
    daemon = Daemon(config)
    daemon.secrets.add(PASSWORD)
    with daemon:
        daemon.wait_state("fresh")


def test_a_proxy_of_the_environment_is_used(world):
    world.server.client("environment", "demo-secret")
    config = f"[tls]\nca_file = {world.pki.ca}\n" + profile(world.server, client_id="environment", url=world.tls)
    proxy = f"http://{USER}:{urllib.parse.quote(PASSWORD)}@{world.tinyproxy.address}"
    daemon = Daemon(config, environment={"https_proxy": proxy})
    daemon.secrets |= {PASSWORD, urllib.parse.quote(PASSWORD)}
    with daemon:
        daemon.wait_state("fresh")


def test_a_client_certificate_passes_the_proxy_to_the_server(world):
    block = ("ssl_certificate {pki}/login.pem; ssl_certificate_key {pki}/login.key; ssl_verify_client on;"
             "ssl_client_certificate {pki}/ca.pem; location / { proxy_pass %s; }" % world.server.http)
    with Nginx(world.pki, {"mtls": (" ssl", block)}) as nginx:
        config = f"[tls]\nca_file = {world.pki.ca}\n" + through(
            world.server, f"https://login.test:{nginx.ports_of['mtls']}", "default",
            f"socks5h://{world.microsocks.address}", tls_client_cert_file=world.pki.path("client.pem"),
            tls_client_key_file=world.pki.path("client.key"))
        daemon = Daemon(config)
        daemon.secrets.add(PASSWORD)
        with daemon:
            daemon.wait_state("fresh")
