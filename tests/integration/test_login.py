"""gctoken login against the sandbox, whose user says yes at once, with browsers that the tests play."""

import json
import os
import socket
import subprocess
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from callers import ALICE, BOB, NEEDS_ROOT
from daemon import PACE, SLOWNESS, Daemon, profile
from login import Browser, Login
from sandbox import Sandbox

REDIRECT_URI = "http://localhost/back"
OTHER_NAME = "rebound.example"


def section(server, name="default", **keys):
    return profile(server, name, "app", None, **{
        "grant": "pkce", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize", **keys})


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def daemon(server):
    with Daemon(section(server)) as running:
        yield running
        for request in server.requests():
            running.secrets |= {request["fields"][name] for name in ("code", "code_verifier", "refresh_token")
                                if name in request["fields"]}


def sent_off(login, browser):
    """The browser opens the page; where it is sent: to the authorization endpoint."""
    answer = browser.get(login.url)
    assert (answer.status, answer.text) == (302, "")
    return answer.location


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True))


def way_back(server, location, **changes):
    """The address that the login server sends the browser back to."""
    query = {name: value for name, value in {**server.visit(location), **changes}.items() if value is not None}
    return query_of(location)["redirect_uri"] + "?" + urllib.parse.urlencode(query)


def sign_in(login, server, browser=None):
    browser = browser or Browser()
    return browser.get(way_back(server, sent_off(login, browser)))


def is_free(port):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return taken.connect_ex(("127.0.0.1", port)) != 0


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def still_waits(login, daemon, server, browser, location):
    """What came before has changed nothing: the sign-in can still be ended well."""
    assert login.process.poll() is None and daemon.info()["state"] == "login_required"
    assert browser.get(way_back(server, location)).status == 200
    assert login.wait() == 0
    assert daemon.info()["state"] == "fresh"


def test_a_sign_in_ends_with_a_token_and_says_so_in_browser_and_terminal(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        page = sign_in(login, server, browser)
        assert page.status == 200 and "Signed in" in page.text and "default" in page.text and server.http in page.text
        assert login.wait() == 0
        assert login.out.startswith("default: valid, ") and login.out.count("\n") == 1
        assert browser.cookies["localhost"] == {}
    assert server.check(daemon.get())["client_id"] == "app"


def test_the_state_is_in_json_where_that_is_asked_for(daemon, server):
    with Login(daemon, "default", "--json") as login:
        sign_in(login, server)
        assert login.wait() == 0 and json.loads(login.out)["state"] == "fresh"


def test_no_argument_and_no_line_of_the_terminal_holds_state_or_code(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        state = query_of(location)["state"]
        with open(f"/proc/{login.process.pid}/cmdline", encoding="utf-8") as file:
            assert state not in file.read()
        assert state not in login.url
        back = way_back(server, location)
        browser.get(back)
        login.wait()
        assert state not in login.out + login.err and query_of(back)["code"] not in login.out + login.err


def test_pages_are_kept_nowhere_and_run_nothing(daemon, server):
    with Login(daemon) as login:
        page = sign_in(login, server)
        assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "<script" not in page.text and page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_port_is_a_free_one_where_none_is_registered(daemon, server):
    with Login(daemon) as login:
        location = sent_off(login, Browser())
        redirect = urllib.parse.urlsplit(query_of(location)["redirect_uri"])
        assert (redirect.hostname, redirect.path) == ("localhost", "/back") and redirect.port > 1023
        assert urllib.parse.urlsplit(login.url).netloc == redirect.netloc


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_the_port_that_is_registered_is_the_one(server, host):
    uri = f"http://{host}:{free_port()}/a/path?with=query"
    with Daemon(section(server, redirect_uri=uri)) as daemon, Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        assert query_of(location)["redirect_uri"] == uri
        code = server.visit(location)
        assert browser.get(uri + "&" + urllib.parse.urlencode(code)).status == 200
        assert login.wait() == 0


def test_nobody_else_can_listen_where_the_browser_may_look(daemon, server):
    with Login(daemon) as login:
        port = urllib.parse.urlsplit(login.url).port
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "0.0.0.0")):
            with socket.socket(family) as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with pytest.raises(OSError):
                    other.bind((address, port))
                    other.listen()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_on_one_address_is_told(server, address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as taken:
        taken.bind((address, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Daemon(section(server, redirect_uri=f"http://localhost:{port}/")) as daemon, Login(daemon) as login:
            assert login.wait() == 1
            assert f"port {port} of localhost" in login.err and "is taken" in login.err and login.err.count("\n") == 1


def test_two_sign_ins_go_on_at_once_in_one_browser(server):
    with Daemon(section(server) + section(server, "other")) as daemon:
        with Login(daemon) as first, Login(daemon, "other") as second:
            browser = Browser()
            locations = [sent_off(login, browser) for login in (first, second)]
            for login, location in reversed(list(zip((first, second), locations))):
                assert browser.get(way_back(server, location)).status == 200
                assert login.wait() == 0
        assert [daemon.info(name)["state"] for name in ("default", "other")] == ["fresh", "fresh"]


def test_who_comes_back_while_another_code_is_exchanged_is_not_turned_away(daemon, server):
    server.rule({"times": 1, "delay_ms": int(1500 * PACE)})
    with Login(daemon) as first, Login(daemon) as second, ThreadPoolExecutor(2) as pool:
        pages = [pool.submit(sign_in, login, server) for login in (first, second)]
        assert ["Signed in" in page.result().text for page in pages] == [True, True]
        assert (first.wait(), second.wait()) == (0, 0)
    assert daemon.info()["generation"] == 2


# What is not taken


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
def test_browsers_of_other_users_are_refused(server, family):
    allow = f"user:{ALICE} (auth.getAuthorizeUrl, auth.authorize)"
    with Daemon(section(server, allow=allow)) as daemon, Login(daemon, user=ALICE) as login:
        refused = ask_as(BOB, login.url, family)
        assert refused.startswith("HTTP/1.1 403 ") and "Another user" in refused and "Set-Cookie" not in refused
        own = ask_as(ALICE, login.url, family)
        assert own.startswith("HTTP/1.1 302 ") and "Set-Cookie" in own
        assert ask_as(BOB, login.url, family).startswith("HTTP/1.1 403 ")
        assert login.interrupt() == -2


# What goes wrong


def test_who_says_no_is_told_in_browser_and_terminal(daemon, server):
    server.rule({"match": {"path": "/oauth/authorize"}, "times": 1, "authorize_error": "access_denied",
                 "error_description": "Said <b>no</b>\u0007 & left"})
    with Login(daemon) as login:
        page = sign_in(login, server)
        assert "Not signed in" in page.text and "access_denied: Said &lt;b&gt;no&lt;/b&gt;\\x07 &amp; left" in page.text
        assert login.wait() == 5 and "access_denied: Said <b>no</b>\\x07 & left" in login.err and login.out == ""
    assert server.requests() == []


def test_a_code_that_is_refused_is_told_in_browser_and_terminal(daemon, server):
    with Login(daemon) as login:
        browser = Browser()
        page = browser.get(way_back(server, sent_off(login, browser), code="made-up-c0de"))
        assert page.status == 200 and "Not signed in" in page.text and "invalid_grant" in page.text
        assert login.wait() == 5 and "invalid_grant" in login.err and "gctoken login default" in login.err


def test_a_daemon_that_has_gone_is_told_in_browser_and_terminal(server):
    with Daemon(section(server)) as daemon, Login(daemon) as login:
        browser = Browser()
        location = sent_off(login, browser)
        daemon.end()
        page = browser.get(way_back(server, location))
        assert "Not signed in" in page.text and "no daemon" in page.text
        assert login.wait() == 3 and "no daemon" in login.err


@pytest.mark.parametrize("uri", ["https://app.example.com/back", "com.example.app:/back"])
def test_a_redirect_uri_elsewhere_is_told(server, uri):
    with Daemon(section(server, redirect_uri=uri)) as daemon, Login(daemon) as login:
        assert login.wait() == 1 and uri in login.err and "--no-browser" in login.err and login.err.count("\n") == 1


def test_grants_without_a_browser_are_told(server):
    with Daemon(profile(server)) as daemon, Login(daemon) as login:
        assert login.wait() == 1 and "grant = client_credentials" in login.err


@pytest.mark.parametrize("opener", ["#!/bin/sh\nexit 3\n", "no program\n"])
def test_a_browser_that_cannot_be_opened_is_told_and_another_will_do(daemon, server, opener):
    with Login(daemon, opener=opener) as login:
        lines = [login.process.stderr.readline() for _ in range(5)]
        assert "no browser could be opened" in lines[4]
        browser = Browser()
        location = browser.get(lines[2].strip()).location
        still_waits(login, daemon, server, browser, location)


def test_ctrl_c_leaves_nothing_behind(daemon, server):
    with Login(daemon) as login:
        location = sent_off(login, Browser())
        assert login.interrupt() == -2
        assert is_free(urllib.parse.urlsplit(login.url).port)
        back = server.visit(location)
        assert daemon.ask("auth.authorize", back)["error"]["code"] == "invalid_request"
    assert server.requests() == []


def test_what_opens_a_browser_outlives_ctrl_c_and_holds_nothing_of_ours(daemon, tmp_path):
    opener = f"""#!/bin/sh
trap 'echo interrupted >{tmp_path}/told' INT
ls -l /proc/$$/fd >{tmp_path}/open
printf %s "$1" >"$0.new" && mv "$0.new" "$0.url"
exec sleep {20 * SLOWNESS}
"""
    with Login(daemon, opener=opener) as login:
        assert login.url
        held = (tmp_path / "open").read_text()
        assert "socket:" not in held and held.count("/dev/null") >= 2
        children = open(f"/proc/{login.process.pid}/task/{login.process.pid}/children", encoding="utf-8").read().split()
        assert login.interrupt() == -2
        child, = children
        assert os.path.exists(f"/proc/{child}")
        os.kill(int(child), 15)
    assert not (tmp_path / "told").exists()


def test_without_a_browser_the_address_is_pasted(daemon, server):
    done = daemon.gctoken("login", "--no-browser", input="made-up-c0de")
    assert done.returncode == 5 and "invalid_grant" in done.stderr


@pytest.mark.parametrize("arguments", [("--state", "12345678"), ("a", "b"), ("--no-browser=x",)])
def test_wrong_arguments_are_usage_errors(daemon, arguments):
    done = daemon.gctoken("login", *arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
