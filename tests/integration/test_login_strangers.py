"""What gctoken login does not take: from other browsers, pages, names and users, and from what is no browser at all."""

import contextlib
import os
import socket
import subprocess
import sys
import urllib.parse

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, wait_until
from daemon import SLOWNESS, Daemon
from login import PATIENCE_S, Browser, Login, daemon, query_of, section, sent_off, server, still_waits, way_back

OTHER_NAME = "rebound.example"
MOST_DESCRIPTORS = 512
IDLE_MS = 5000


def test_another_browser_cannot_bring_the_answer(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        page = Browser().get(way_back(server, location))
        assert page.status == 403 and "Another browser" in page.text
        still_waits(login, daemon, server, browser, location)


@pytest.mark.parametrize("cookie", ["", "gctoken_login_PORT=", "gctoken_login_PORT=" + "0" * 32, "gctoken_login=VALUE",
                                    "xgctoken_login_PORT=VALUE", "gctoken_login_PORT=VALUEx"])
def test_no_other_cookie_will_do(daemon, server, cookie):
    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        (name, morsel), = browser.cookies["localhost"].items()
        port = str(urllib.parse.urlsplit(login.url).port)
        assert name == "gctoken_login_" + port
        wrong = cookie.replace("PORT", port).replace("VALUE", morsel.value)
        assert Browser().get(way_back(server, location), Cookie=wrong).status == 403
        assert Browser().get(way_back(server, location), Cookie=f"a=b; {name}={morsel.value};c=d").status == 200
        assert login.wait() == 0


@pytest.mark.parametrize("state", [None, "", "another-state"])
def test_the_answer_of_another_sign_in_is_not_taken(daemon, server, state):
    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        page = browser.get(way_back(server, location, state=state))
        assert page.status == 403 and "Another sign-in" in page.text
        still_waits(login, daemon, server, browser, location)


@pytest.mark.parametrize("host", [OTHER_NAME, OTHER_NAME + ":PORT", "localhost", "127.0.0.1:PORT", "LOCALHOST:PORT", None])
def test_another_name_does_not_lead_here(daemon, server, host):
    with Login(daemon) as login:
        browser = Browser()
        port = str(urllib.parse.urlsplit(login.url).port)
        rebound = host.replace("PORT", port) if host else None
        assert browser.get(login.url, Host=rebound).status in (400, 421)
        location = sent_off(login, browser)
        assert browser.get(way_back(server, location), Host=rebound).status in (400, 421)
        still_waits(login, daemon, server, browser, location)


def test_whatever_else_is_asked_brings_nothing(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        back = query_of(location)["redirect_uri"]
        origin = back.removesuffix("/back")
        for url in (origin + "/", origin + "/favicon.ico", origin + "/back/", login.url + "0", login.url[:-1]):
            assert browser.get(url).status == 404
        for query in ("", "?", "?code", "?state=x", "?code=a&code=b", "?code=%zz", "?code=%00"):
            assert browser.get(back + query).status == 400
        assert browser.get(way_back(server, location), "POST", "").status == 404
        assert browser.get(way_back(server, location), "PUT", "").status in (405, 501)
        still_waits(login, daemon, server, browser, location)


def test_the_page_is_good_for_one_browser_and_once(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        for again in (browser, Browser()):
            page = again.get(login.url)
            assert page.status == 409 and "Opened before" in page.text and not page.location
        still_waits(login, daemon, server, browser, location)


def ask_as(uid, url, family):
    """What another user's browser gets."""
    parts = urllib.parse.urlsplit(url)
    ask = f"""import socket, sys
with socket.socket(socket.{family}) as s:
    s.connect(("{'::ffff:' * (family == "AF_INET6")}127.0.0.1", {parts.port}))
    s.sendall(b"GET {parts.path} HTTP/1.1\\r\\nHost: {parts.netloc}\\r\\n\\r\\n")
    sys.stdout.write(s.makefile().read())
"""
    return subprocess.run([sys.executable, "-c", ask], user=uid, group=uid, extra_groups=[], capture_output=True,
                          text=True, check=True, timeout=60).stdout


@NEEDS_ROOT
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
@pytest.mark.parametrize("sock_diag", [True, False])
def test_browsers_of_other_users_are_refused(server, family, sock_diag):
    allow = f"user:{ALICE} (auth.getAuthorizeUrl, auth.authorize)"
    environment = None if sock_diag else {"LD_PRELOAD": os.environ["GCTOKEND_NO_SOCK_DIAG"]}
    with Daemon(section(server, allow=allow)) as daemon, Login(daemon, user=ALICE, environment=environment) as login:
        refused = ask_as(BOB, login.url, family)
        assert refused.startswith("HTTP/1.1 403 ") and "Another user" in refused and "Set-Cookie" not in refused
        own = ask_as(ALICE, login.url, family)
        assert own.startswith("HTTP/1.1 302 ") and "Set-Cookie" in own
        assert ask_as(BOB, login.url, family).startswith("HTTP/1.1 403 ")
        assert login.interrupt() == -2


def test_a_browser_that_speaks_ipv6_is_served(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        assert browser.get(login.url, address="::1").status == 302
        assert browser.get(login.url, address="127.0.0.1").status == 409
        assert login.interrupt() == -2


# What is no browser


def connect(login):
    parts = urllib.parse.urlsplit(login.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S * SLOWNESS)


def exchange(login, request):
    """What comes back until the connection closes."""
    with connect(login) as stream, contextlib.suppress(ConnectionError):
        stream.sendall(request)
        return stream.makefile("rb").read()
    return b""


def leave(login, request):
    with connect(login) as stream, contextlib.suppress(ConnectionError):
        stream.sendall(request)


JUNK = {
    "noise": bytes(range(256)) * 16,
    "no version": b"GET PATH\r\n\r\n",
    "another version": b"GET PATH HTTP/7.5\r\nHost: HOST\r\n\r\n",
    "no Host": b"GET PATH HTTP/1.0\r\n\r\n",
    "a header that is none": b"GET PATH HTTP/1.1\r\nHost HOST\r\n\r\n",
    "a long line": b"GET PATH?" + b"x" * 200000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "long headers": b"GET PATH HTTP/1.1\r\n" + b"X: " + b"x" * 200000 + b"\r\nHost: HOST\r\n\r\n",
    "many headers": b"GET PATH HTTP/1.1\r\n" + b"X: y\r\n" * 50000 + b"Host: HOST\r\n\r\n",
    "a line without end": b"x" * 1000000,
    "a proxy's request": b"GET http://HOSTPATH HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "a length below 0": b"POST PATH HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n",
    "too great a length": b"POST PATH HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999999999\r\n\r\nx",
    "too great a chunk": b"POST PATH HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx",
}


def test_junk_brings_nothing_and_opens_no_page(daemon, server):
    with Login(daemon) as login:
        parts = urllib.parse.urlsplit(login.url)
        for name, junk in JUNK.items():
            answer = exchange(login, junk.replace(b"PATH", parts.path.encode()).replace(b"HOST", parts.netloc.encode()))
            assert b" 302 " not in answer and b" 200 " not in answer and b"Set-Cookie" not in answer, name
        tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
        for begun in (b"", tls_hello, b"CONNECT / HTTP/1.1\r\n\r\n", b"GET", b"GET / HTTP/1.1\r\nHost: ",
                      b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"):
            leave(login, begun)
        browser = Browser()
        still_waits(login, daemon, server, browser, sent_off(login, browser))


def test_requests_that_do_not_come_to_an_end_delay_nobody(daemon, server):
    with Login(daemon) as login, contextlib.ExitStack() as held:
        for begun in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: ", b"POST /back HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"):
            for _ in range(10):
                held.enter_context(connect(login)).sendall(begun)
        browser = Browser()
        still_waits(login, daemon, server, browser, sent_off(login, browser))


def test_a_request_that_does_not_come_to_an_end_is_ended_but_not_one_whose_answer_takes_long(daemon, server):
    server.rule({"times": 1, "delay_ms": IDLE_MS + 1000})
    with Login(daemon) as login, connect(login) as silent, connect(login) as slow, Login(daemon) as late:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
        browser = Browser()
        page = browser.get(way_back(server, sent_off(late, browser)))
        assert "Signed in" in page.text and late.wait() == 0
        for stream in (silent, slow):
            stream.settimeout(60 * SLOWNESS)
            assert b" 302 " not in stream.makefile("rb").read()
        assert login.interrupt() == -2


def descriptors(login):
    return len(os.listdir(f"/proc/{login.process.pid}/fd"))


@NEEDS_ROOT
def test_connections_are_limited_and_the_sign_in_goes_on_once_they_are_closed(daemon, server):
    with Login(daemon) as login:
        with contextlib.ExitStack() as held:
            streams = [held.enter_context(connect(login)) for _ in range(600)]
            with contextlib.suppress(ConnectionError):
                assert streams[-1].recv(1) == b""
            wait_until(lambda: descriptors(login) <= MOST_DESCRIPTORS)
        wait_until(lambda: descriptors(login) < 40)
        browser = Browser()
        still_waits(login, daemon, server, browser, sent_off(login, browser))


HOLD = """import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(600)]
print(flush=True)
sys.stdin.read()
"""


@NEEDS_ROOT
def test_connections_of_other_users_take_no_browsers_place(daemon, server):
    with Login(daemon) as login, subprocess.Popen(
            [sys.executable, "-c", HOLD, str(urllib.parse.urlsplit(login.url).port)], user=BOB, group=BOB, extra_groups=[],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holding:
        assert holding.stdout.readline() == b"\n"
        browser = Browser()
        still_waits(login, daemon, server, browser, sent_off(login, browser))
        holding.communicate()
