"""The examples of README.md, PROTOCOL.md and gctokend(8) that are programs or configurations: what they show is what runs."""

import contextlib
import pathlib
import re
import subprocess
import sys
import textwrap
import urllib.parse

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as
from daemon import Daemon, profile
from login import Browser, Login, sent_off, way_back
from plugin import REDIRECT_URI, sent, serving
from sandbox import Sandbox

ROOT = pathlib.Path(__file__).parents[2]
PLUGINS = ROOT / "tests" / "plugins"
PROGRAMS = {"python": "provider.py", "js": "provider.mjs"}
INSTALLED = "/usr/share/doc/gctokend/examples"
# What stands in the examples for the reader's own.
AUTHORIZE_URL, CLIENT = "https://login.example.com/authorize", " gctokend "
DEPLOYMENT = "0a1b2c3d-0000-4000-8000-000000000000"
CRM = "7f0e5c1a-0000-4000-8000-00000000abcd"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def fenced(text, language):
    """The blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def blocks(text):
    """The indented examples, and those that scdoc has between fences."""
    for block in re.split(r"^\t*```$|\n(?! {4}|\t)", text, flags=re.MULTILINE):
        yield textwrap.dedent(block.replace("\\\\", "\\")).strip() + "\n"


def block_with(name, *words):
    """The one example with these words."""
    found, = (block for block in blocks(read(name)) if all(word in block for word in words))
    return found


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        sandbox.client(DEPLOYMENT, auth="none", refresh_tokens="kept")
        sandbox.client(CRM, auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


def own(text, server):
    """An example with what is ours in place of what is the reader's."""
    return (text.replace(AUTHORIZE_URL, server.http + "/oauth/authorize").replace(CLIENT, f" {DEPLOYMENT} ")
            .replace(INSTALLED, str(PLUGINS)))


def gateway(server):
    """To the sandbox, instead of to Genesys Cloud."""
    parts = urllib.parse.urlsplit(server.http)
    return f"[gateway]\nprotocol = http\nhost = {parts.hostname}\nport = {parts.port}\n"


@contextlib.contextmanager
def started(*command):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


# Providers


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_protocol_shows_the_providers_as_they_are(language):
    shown, = fenced(read("proto/PROTOCOL.md"), language)
    assert shown == (PLUGINS / PROGRAMS[language]).read_text(encoding="utf-8")


def test_they_are_installed_where_the_manual_says():
    installed, = re.findall(r"^install_data\('tests/plugins.*?\n\n", read("meson.build"), re.MULTILINE | re.DOTALL)
    assert "get_option('datadir') / 'doc' / meson.project_name() / 'examples'" in installed
    for name in PROGRAMS.values():
        assert f"tests/plugins/{name}'" in installed
        for page in ("daemon/gctokend.8.scd", "proto/PROTOCOL.md", "README.md"):
            assert name in read(page), page


@pytest.mark.parametrize("program", PROGRAMS.values())
def test_a_provider_on_its_own_does_all_that_it_is_asked(server, program):
    server.rule({"times": 1, "error": "invalid_grant"})
    with serving(server) as daemon:
        with started(PLUGINS / program, server.http + "/oauth/authorize", "app", REDIRECT_URI, daemon.socket):
            daemon.wait_state("fresh", timeout=30)
            assert sent(server) == ["authorization_code"] * 2  # behind a reAuthenticate
            server.end(server.sessions("app")[0]["refresh_tokens"][-1]["refresh_token"])
            assert daemon.ask("auth.refresh")["data"]["generation"] == 2
            assert daemon.ask("auth.signIn")["data"]["generation"] == 3
        assert sent(server)[2:] == ["refresh_token", "authorization_code", "authorization_code"]


@pytest.mark.parametrize("program", PROGRAMS.values())
def test_a_provider_that_the_login_refuses_says_why(server, program):
    server.rule({"match": {"path": "/oauth/authorize"}, "authorize_error": "access_denied", "error_description": "not today"})
    with serving(server) as daemon:
        with started(PLUGINS / program, server.http + "/oauth/authorize", "app", REDIRECT_URI, daemon.socket, "default"):
            # It has signIn, so that nobody is signed in there yet.
            info = daemon.wait_error("Nobody is signed in at the provider", timeout=30)
            assert "not today" in info["lastError"]["message"] and sent(server) == []


@pytest.mark.parametrize("page", ["README.md", "daemon/gctokend.8.scd"])
def test_a_profile_with_a_provider_to_be_started_works_as_it_is_shown(server, page):
    shown = block_with(page, "[profile brand]", "auth_provider_command")
    with Daemon(gateway(server) + own(shown, server).replace("user:etl", "user:root")) as daemon:
        daemon.wait_state("fresh", "brand", timeout=30)
        assert server.check(daemon.get("brand"))["client_id"] == DEPLOYMENT


def test_a_provider_as_a_service_works_as_it_is_shown(server):
    shown = block_with("daemon/gctokend.8.scd", "[profile brand]", "user:brand")
    config = gateway(server) + own(shown, server).replace("user:etl", "user:root").replace("user:brand", "user:root")
    service = block_with("daemon/gctokend.8.scd", "[Service]", "ExecStart=")
    command = re.search(r"^ExecStart=((?:.*\\\n)*.*)", service, re.MULTILINE).group(1).replace("\\\n", " ")
    with Daemon(config) as daemon:
        with started(*own(command, server).replace("/run/gctokend/gctokend.sock", daemon.socket).split()):
            daemon.wait_state("fresh", "brand", timeout=30)
            assert server.check(daemon.get("brand"))["client_id"] == DEPLOYMENT


# Sign-ins


@NEEDS_ROOT
def test_a_person_signs_in_and_out_with_the_rule_and_the_commands_that_are_shown(server):
    config = gateway(server) + block_with("README.md", "[profile crm]").replace("user:ann", f"user:{ALICE}")
    shown = block_with("README.md", "gctoken login crm", "gctoken logout crm")
    login_words, logout_words = (line.split("#")[0].split() for line in shown.splitlines())
    assert (login_words[:2], logout_words[:2]) == (["gctoken", "login"], ["gctoken", "logout"])
    with Daemon(config) as daemon:
        with Login(daemon, *login_words[2:], user=ALICE) as login:
            browser = Browser()
            assert browser.get(way_back(server, sent_off(login, browser))).status == 200
            assert login.wait() == 0, login.err
        token = ask_as(daemon, ALICE, "auth.getJwtToken", {"profile": "crm"})["data"]["jwtToken"]
        daemon.secrets.add(token)
        assert server.check(token)["client_id"] == CRM
        done = daemon.gctoken(*logout_words[1:], user=ALICE, group=ALICE, extra_groups=[])
        assert (done.returncode, done.stdout) == (0, "Logged out, and at the login server too.\n"), done.stderr
        assert not server.check(token)["active"]


# Clients


@pytest.mark.parametrize(("language", "command", "last"), [
    ("python", [sys.executable, "-c"], "print(token())"),
    ("js", ["node", "--input-type=module", "-e"], "console.log(await token());")])
def test_a_client_of_the_readme_gets_a_token(server, language, command, last):
    program, = (block for block in fenced(read("README.md"), language) if "token(" in block)
    with Daemon(profile(server)) as daemon:
        program = program.replace("/run/gctokend/gctokend.sock", daemon.socket)
        done = subprocess.run([*command, f"{program}\n{last}"], capture_output=True, text=True, timeout=60)
        daemon.secrets.add(done.stdout.strip())
        assert done.returncode == 0 and server.check(done.stdout.strip())["active"], done.stderr


@NEEDS_ROOT
def test_rule_for_subscribers_in_the_manual_grants_what_it_says(server):
    rule = block_with("daemon/gctokend.8.scd", "user:desk", "events.subscribe").removeprefix("allow = ").strip()
    rule = rule.replace("user:desk", f"user:{ALICE}").replace("user:etl", f"user:{BOB}")
    with Daemon(profile(server, allow=rule)) as daemon:
        daemon.wait_state("fresh")
        for uid, tokens in ((ALICE, []), (BOB, ["default"])):
            reply = ask_as(daemon, uid, "events.subscribe", {"withToken": True})
            assert (reply["data"]["profiles"], reply["data"]["tokens"]) == (["default"], tokens)
