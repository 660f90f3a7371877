"""gctoken login against the sandbox, whose user says yes at once, with browsers that the tests play."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from callers import ALICE, NEEDS_ROOT, code, wait_until
from daemon import SLOWNESS, Connection, Daemon, profile
from login import (REDIRECT_URI, Browser, Login, daemon, query_of, section, sent_off, server, still_waits, way_back)
from terminal import Terminal


ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


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
    server.rule({"times": 1, "delay_ms": 1500})
    with Login(daemon) as first, Login(daemon) as second, pasting(daemon) as third, ThreadPoolExecutor(2) as pool:
        pages = [pool.submit(sign_in, login, server) for login in (first, second)]
        wait_until(lambda: daemon.info()["state"] == "fetching")
        out, err = paste(third, way_back(server, begun(third)))
        assert third.returncode == 0 and out.startswith("default: valid, ") and err == ""
        assert ["Signed in" in page.result().text for page in pages] == [True, True]
        assert (first.wait(), second.wait()) == (0, 0)
    assert daemon.info()["generation"] == 3


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


@pytest.mark.parametrize("browser", ["{} --new-window", "{} --new-window  %s", "{} --new-window=%s",
                                     "no-such-program --x:{} --new-window:false"])
def test_a_browser_may_have_arguments(daemon, browser):
    opener = """#!/bin/sh
[ "$1" = --new-window ] && shift
[ $# = 1 ] && printf %s "${1#--new-window=}" >"$0.new" && mv "$0.new" "$0.url"
"""
    with Login(daemon, opener=opener, browser=browser) as login:
        assert Browser().get(login.url).status == 302
        assert login.interrupt() == -signal.SIGINT


@pytest.mark.parametrize("opener", ["#!/bin/sh\nexit 3\n", "no program\n"])
def test_a_browser_that_cannot_be_opened_is_told_and_another_will_do(daemon, server, opener):
    with Login(daemon, opener=opener) as login:
        lines = [login.process.stderr.readline() for _ in range(5)]
        assert "no browser could be opened" in lines[4]
        browser = Browser()
        location = browser.get(lines[2].strip()).location
        still_waits(login, daemon, server, browser, location)


@pytest.mark.parametrize("number", ENDING)
def test_ctrl_c_leaves_nothing_behind(daemon, server, number):
    with Login(daemon) as login:
        location = sent_off(login, Browser())
        login.process.send_signal(number)
        assert login.wait() == -number and login.out == ""
        assert is_free(urllib.parse.urlsplit(login.url).port)
        back = server.visit(location)
        assert daemon.ask("auth.authorize", back)["error"]["code"] == "invalid_request"
    assert server.requests() == []


def test_what_is_ignored_ends_nothing(daemon, server):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        login = Login(daemon)
    finally:
        signal.signal(signal.SIGHUP, before)
    with login:
        browser = Browser()
        location = sent_off(login, browser)
        login.process.send_signal(signal.SIGHUP)
        still_waits(login, daemon, server, browser, location)


@NEEDS_ROOT
@pytest.mark.parametrize("arguments", [(), ("--no-browser",)])
def test_who_may_not_end_a_sign_in_is_told_before_it_begins(server, arguments):
    with Daemon(section(server, allow=f"user:{ALICE} (auth.getAuthorizeUrl)")) as daemon:
        with Login(daemon, *arguments, user=ALICE) as login:
            assert login.wait() == 4 and not login.has_opened and login.err.count("\n") == 1
            assert "access_denied" in login.err and "auth.getAuthorizeUrl and auth.authorize" in login.err


def test_who_listens_hears_of_those_who_said_yes_or_no_alone(daemon, server):
    with Connection(daemon.socket) as listener:
        listener.ask("events.subscribe", {"events": ["signedIn", "signInFailed"]})
        with Login(daemon) as login:
            assert login.url and login.interrupt() == -signal.SIGINT
        for answer in ("access_denied", None):
            if answer:
                server.rule({"match": {"path": "/oauth/authorize"}, "times": 1, "authorize_error": answer})
            with Login(daemon) as login:
                sign_in(login, server)
                login.wait()
        failed, signed_in = listener.get(), listener.get()
        assert (failed["event"], failed["data"]["upstreamError"]) == ("signInFailed", "access_denied")
        assert signed_in["event"] == "signedIn"


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


# Without a browser


def begun(process):
    """The address that it says to sign in at."""
    return next(line for line in iter(process.stderr.readline, "") if line.startswith("http")).strip()


@contextlib.contextmanager
def pasting(daemon, *arguments):
    """gctoken login --no-browser, whose standard input is a pipe."""
    with subprocess.Popen([os.environ["GCTOKEN"], "login", "--no-browser", *arguments, "--socket", daemon.socket],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def paste(process, text):
    """What it then prints."""
    process.stdin.buffer.write(text.encode(errors="surrogateescape"))
    process.stdin.close()
    out, err = process.stdout.read(), process.stderr.read()
    process.wait(30 * SLOWNESS)
    return out, err.strip()


def is_forgotten(daemon, server, location):
    return code(daemon.ask("auth.authorize", server.visit(location))) == "invalid_request"


def test_without_a_browser_the_address_is_pasted(daemon, server):
    with pasting(daemon) as process:
        location = begun(process)
        assert query_of(location)["redirect_uri"] == REDIRECT_URI
        out, err = paste(process, way_back(server, location) + "\n")
        assert process.returncode == 0 and out.startswith("default: valid, ") and err == ""
    assert server.check(daemon.get())["client_id"] == "app"


@pytest.mark.parametrize(("text", "says"), [
    ("", "no code"), ("http://localhost/back", "neither a code nor an error"), ("https://login.example/", "neither"),
    ("LOCATION", "neither"), (REDIRECT_URI + "?code=c0de&state=another", "its state is another"),
    (REDIRECT_URI + "?code=c0de", "its state is missing"), (REDIRECT_URI + "?code=a&code=b&state=STATE", "neither"),
    ("\0", "no code"), ("\udcff", "no code"), pytest.param("x" * 70000, "no code", id="long"),
])
def test_what_else_is_pasted_is_told_and_sent_nowhere_and_the_sign_in_is_forgotten(daemon, server, text, says):
    with pasting(daemon) as process:
        location = begun(process)
        out, err = paste(process, text.replace("LOCATION", location).replace("STATE", query_of(location)["state"]))
        assert process.returncode == 1 and out == "" and says in err and err.count("\n") == 0 and "c0de" not in err
        assert is_forgotten(daemon, server, location)
    assert server.requests() == []


def test_a_code_that_is_refused_is_told(daemon):
    done = daemon.gctoken("login", "--no-browser", input="made-up-c0de")
    assert done.returncode == 5 and "invalid_grant" in done.stderr


@pytest.mark.parametrize("number", ENDING)
def test_ctrl_c_instead_of_an_address_leaves_nothing_behind(daemon, server, number):
    with pasting(daemon) as process:
        location = begun(process)
        process.send_signal(number)
        assert process.wait(30 * SLOWNESS) == -number
        assert is_forgotten(daemon, server, location)
        assert process.stdout.read() + process.stderr.read().strip() == ""


def test_a_token_that_is_valid_outlives_a_sign_in_that_is_given_up(daemon, server):
    with Login(daemon) as login:
        sign_in(login, server)
        assert login.wait() == 0
    token = daemon.get()
    with Login(daemon) as login:
        assert login.url and login.interrupt() == -2
    assert daemon.get() == token and daemon.info()["state"] == "fresh"


def test_who_pastes_the_wrong_address_at_a_terminal_may_try_again(daemon, server):
    with Terminal(os.environ["GCTOKEN"], "login", "--no-browser", "--socket", daemon.socket) as terminal:
        shown = terminal.read_until("not shown): ")
        location = next(line for line in shown.splitlines() if line.startswith("http"))
        for wrong, says in ((location, "neither a code nor an error"), (REDIRECT_URI, "neither a code nor an error"),
                            (REDIRECT_URI + "?code=c0de&state=another", "its state is another")):
            terminal.write(wrong + "\r")
            assert says in terminal.read_until("not shown): ")
        terminal.write(way_back(server, location) + "\r")
        assert "default: valid, " in terminal.read_to_end()
        assert terminal.status() == 0 and terminal.echoes()


def test_ctrl_c_at_a_terminal_leaves_nothing_behind(daemon, server):
    with Terminal(os.environ["GCTOKEN"], "login", "--no-browser", "--socket", daemon.socket) as terminal:
        shown = terminal.read_until("not shown): ")
        location = next(line for line in shown.splitlines() if line.startswith("http"))
        terminal.interrupt()
        terminal.read_to_end()
        assert terminal.status() == -2 and terminal.echoes()
        assert is_forgotten(daemon, server, location)


# Usage


@pytest.mark.parametrize("arguments", [("--state", "12345678"), ("a", "b"), ("--no-browser=x",)])
def test_wrong_arguments_are_usage_errors(daemon, arguments):
    done = daemon.gctoken("login", *arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
