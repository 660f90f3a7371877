"""Providers on the socket: every step of the order in which one is asked, with a plugin that answers, refuses, hangs, dies,
is late, answers twice or for another; sign-ins; and who may be one."""

import contextlib
import json
import pathlib
import subprocess
import sys
import time

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as, code, connect_as, wait_until
from daemon import PACE, SLOWNESS, Connection, Daemon, profile
from plugin import ALL, WITHOUT_SIGN_IN, Plugin, new_code
from sandbox import Sandbox

REDIRECT_URI = "http://localhost:8400/back"
# The seconds that providers have here. What has to happen within them has that long on a slow machine, too.
CODE_S, SIGN_IN_S = 3 * PACE, 4 * PACE
EXAMPLES = pathlib.Path(__file__).parents[1] / "plugins"
GOOD = {"authCode": "c", "redirectUri": REDIRECT_URI}


def section(server, name="default", client="app", **keys):
    """A profile whose codes a provider brings."""
    return profile(server, name, client, None, **{
        "grant": "pkce", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize", **keys})


@contextlib.contextmanager
def running(server, **keys):
    with Daemon(section(server, **{"auth_code_timeout": CODE_S, "sign_in_timeout": SIGN_IN_S, **keys})) as daemon:
        yield daemon


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def daemon(server):
    """Its provider has time enough."""
    with running(server, auth_code_timeout=300, sign_in_timeout=3600) as daemon:
        yield daemon


def bring(plugin, server, name="getAuthCode"):
    """Answers the next command, which has to be that one, with a good code."""
    plugin.answer(plugin.command(name), new_code(plugin.daemon, server))


def sent(server):
    """The grant_type of each token request so far."""
    return [request["fields"]["grant_type"] for request in server.requests()]


def expect_login_required(daemon, text, profile="default"):
    info = daemon.wait_state("login_required", profile)
    assert text in info["lastError"]["message"], info
    error = daemon.get(profile)
    assert error["code"] == "login_required" and not error["retryable"] and text in error["text"], error


def ask_in_background(daemon, request="auth.getJwtToken"):
    """A caller who waits for the answer."""
    connection = daemon.connect()
    connection.send(request)
    return connection


def wait_waiters(daemon, n=1):
    wait_until(lambda: daemon.info()["waiters"] == n)


# getAuthCode


def test_a_provider_brings_the_first_token_and_the_refresh_token_the_others(daemon, server):
    expect_login_required(daemon, "needs a sign-in")
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["client_id"] == "app"
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2
        assert sent(server) == ["authorization_code", "refresh_token"]
        assert plugin.silent()


def test_a_refused_refresh_token_costs_one_code(daemon, server):
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        server.end(server.sessions("app")[0]["refresh_tokens"][-1]["refresh_token"])
        waiter = ask_in_background(daemon, "auth.refresh")
        bring(plugin, server)
        assert waiter.reply()["data"]["generation"] == 2
        assert sent(server) == ["authorization_code", "refresh_token", "authorization_code"]
        assert plugin.silent()


def test_a_short_token_is_kept_fresh_without_the_provider(server):
    server.client("app", auth="none", pkce=True, refresh_tokens="rotated", expires_in=3 * PACE)
    with running(server) as daemon, Plugin(daemon) as plugin:
        bring(plugin, server)
        deadline = time.monotonic() + 60 * SLOWNESS
        daemon.wait_state("fresh")
        while daemon.info()["generation"] < 4:
            assert time.monotonic() < deadline
            assert isinstance(daemon.get(), str)
            time.sleep(0.2)
        server.end(server.sessions("app")[0]["refresh_tokens"][-1]["refresh_token"])
        bring(plugin, server)
        wait_until(lambda: len(server.sessions("app")) == 2)
        daemon.wait_state("fresh")
        assert plugin.silent(0.1)


def test_callers_wait_their_own_time_and_what_comes_later_is_kept(server):
    with running(server, refresh_token_wait_max=1, auth_code_timeout=300) as daemon, Plugin(daemon) as plugin:
        command = plugin.command("getAuthCode")
        assert daemon.get()["code"] == "refresh_timeout"
        plugin.answer(command, new_code(daemon, server))
        daemon.wait_state("fresh")
        assert isinstance(daemon.get(), str)


@pytest.mark.parametrize(("data", "word"), [
    ({"authCode": ""}, "authCode"), ({}, "authCode is missing"), ({**GOOD, "codeVerifier": "short"}, "codeVerifier"),
    ({**GOOD, "redirectUri": 7}, "redirectUri")])
def test_data_of_no_use_is_told_and_counts_as_no_code(daemon, server, data, word):
    with Plugin(daemon) as plugin:
        command = plugin.command("getAuthCode")
        plugin.answer(command, data)
        told = plugin.reply()
        assert told["commandId"] == command["commandId"] and code(told) == "invalid_request"
        assert word in told["errorMessage"]
        plugin.command("reAuthenticate")
        assert sent(server) == []
        assert word in plugin.publish("signedIn", data)["errorMessage"]


# reAuthenticate


def test_a_refused_code_leads_to_a_new_login_and_another_code(daemon, server):
    with Plugin(daemon) as plugin:
        plugin.answer(plugin.command("getAuthCode"), GOOD)
        plugin.answer(plugin.command("reAuthenticate"))
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert sent(server) == ["authorization_code"] * 2


def test_a_refusal_leads_to_a_new_login_and_another_code(daemon, server):
    with Plugin(daemon) as plugin:
        waiter = ask_in_background(daemon)
        plugin.refuse(plugin.command("getAuthCode"))
        plugin.answer(plugin.command("reAuthenticate"))
        bring(plugin, server)
        assert "jwtToken" in waiter.reply()["data"]
        assert sent(server) == ["authorization_code"]


@pytest.mark.parametrize("step", ["login", "second refusal", "second code"])
def test_when_nothing_helps_somebody_has_to_act(daemon, server, step):
    with Plugin(daemon) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        command = plugin.command("reAuthenticate")
        if step == "login":
            plugin.refuse(command, "the user closed the window")
        else:
            plugin.answer(command)
            command = plugin.command("getAuthCode")
            if step == "second code":
                plugin.answer(command, GOOD)
            else:
                plugin.refuse(command, "the user closed the window")
        expect_login_required(daemon, "refused the code" if step == "second code" else "the user closed the window")
        assert plugin.silent()  # it is not asked again by itself, nor by callers


def test_a_server_that_fails_in_passing_gets_another_code_later(daemon, server):
    server.rule({"times": 1, "status": 503})
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("failing")
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert sent(server) == ["authorization_code"] * 2


# Hanging, dying, late, twice, for another


def test_one_that_hangs_hangs_nobody(server):
    with running(server, refresh_token_wait_max=1) as daemon, Plugin(daemon) as plugin:
        plugin.command("getAuthCode")
        began = time.monotonic()
        assert daemon.get()["code"] == "refresh_timeout"
        plugin.command("reAuthenticate")
        assert time.monotonic() - began < (CODE_S + 10) * SLOWNESS
        expect_login_required(daemon, f"no answer within {SIGN_IN_S} seconds")


def test_a_late_answer_does_not_count(server):
    with running(server, sign_in_timeout=3600) as daemon, Plugin(daemon) as plugin:
        late = plugin.command("getAuthCode")
        login = plugin.command("reAuthenticate")
        plugin.answer(late, new_code(daemon, server))
        told = plugin.reply()
        assert told["commandId"] == late["commandId"] and code(told) == "invalid_request"
        assert sent(server) == []
        plugin.answer(login)
        bring(plugin, server)
        daemon.wait_state("fresh")


def test_a_second_answer_does_not_count(daemon, server):
    with Plugin(daemon) as plugin:
        command = plugin.command("getAuthCode")
        plugin.answer(command, new_code(daemon, server))
        plugin.answer(command, new_code(daemon, server))
        assert code(plugin.reply()) == "invalid_request"
        daemon.wait_state("fresh")
        assert sent(server) == ["authorization_code"]


def test_an_answer_for_another_profile_or_from_another_does_not_count(server):
    with Daemon(section(server) + section(server, "other")) as daemon, \
            Plugin(daemon) as plugin, Plugin(daemon, "other") as other, daemon.connect() as stranger:
        command = plugin.command("getAuthCode")
        others = other.command("getAuthCode")
        data = new_code(daemon, server)
        other.send(commandId=command["commandId"], data=data)
        assert code(other.reply()) == "invalid_request"
        stranger.send_raw(json.dumps({"commandId": command["commandId"], "data": data}).encode() + b"\n")
        assert code(stranger.reply()) == "invalid_request"
        plugin.send(commandId=command["commandId"], data=data, profile="other")
        assert "is for profile default" in plugin.reply()["errorMessage"]
        assert sent(server) == []
        plugin.answer(command, data)
        daemon.wait_state("fresh")
        assert daemon.info("other")["state"] == "fetching"
        other.answer(others, new_code(daemon, server))
        daemon.wait_state("fresh", "other")


def test_one_that_dies_ends_the_wait_and_goes_on_when_it_is_back(daemon, server):
    plugin = Plugin(daemon)
    waiter = ask_in_background(daemon)
    plugin.command("getAuthCode")
    wait_waiters(daemon)
    plugin.close()
    assert "it went away" in waiter.reply()["errorMessage"]
    expect_login_required(daemon, "it went away")
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")


def test_one_that_leaves_to_sign_in_and_comes_back_ready_has_done_it(daemon, server):
    plugin = Plugin(daemon)
    plugin.refuse(plugin.command("getAuthCode"))
    plugin.command("reAuthenticate")
    waiter = ask_in_background(daemon)
    wait_waiters(daemon)
    plugin.close()
    daemon.wait_log("no more")
    assert daemon.info()["state"] == "fetching"
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        assert "jwtToken" in waiter.reply()["data"]


def test_one_that_leaves_to_sign_in_and_does_not_come_back_has_not(server):
    with running(server) as daemon:
        plugin = Plugin(daemon)
        plugin.refuse(plugin.command("getAuthCode"))
        plugin.command("reAuthenticate")
        plugin.close()
        expect_login_required(daemon, "no answer within")


# Sign-ins


def test_one_that_can_sign_in_and_has_no_code_waits_for_a_sign_in(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"), "nobody is signed in")
        expect_login_required(daemon, "auth.signIn")
        assert plugin.silent()
        waiter = ask_in_background(daemon, "auth.signIn")
        bring(plugin, server, "signIn")
        assert waiter.reply()["data"]["state"] == "fresh"
        assert isinstance(daemon.get(), str)


def test_a_sign_in_takes_the_place_of_a_valid_token(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        before = daemon.get()
        waiter = ask_in_background(daemon, "auth.signIn")
        command = plugin.command("signIn")
        assert daemon.get() == before
        plugin.answer(command, new_code(daemon, server))
        assert waiter.reply()["data"]["generation"] == 2
        assert daemon.get() != before


def test_a_published_sign_in_ends_the_one_that_was_asked_for(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        waiter = ask_in_background(daemon, "auth.signIn")
        command = plugin.command("signIn")
        assert plugin.publish("signedIn", new_code(daemon, server))["data"] == {"profile": "default"}
        assert waiter.reply()["data"]["state"] == "fresh"
        plugin.answer(command, new_code(daemon, server))
        assert code(plugin.reply()) == "invalid_request"
        assert daemon.info()["generation"] == 1


def test_a_sign_in_is_published_without_being_asked_for(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert "data" in plugin.publish("signedIn", new_code(daemon, server))
        wait_until(lambda: daemon.info()["generation"] == 2)


@pytest.mark.parametrize("way", ["answer", "event", "silence", "death"])
def test_a_sign_in_that_fails_is_told_and_costs_nothing(server, way):
    with running(server, refresh_token_wait_max=300) as daemon, Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        waiter = ask_in_background(daemon, "auth.signIn")
        command = plugin.command("signIn")
        if way == "answer":
            plugin.refuse(command, "it was not to be")
        elif way == "event":
            assert "data" in plugin.publish("signInFailed", {"errorMessage": "it was not to be"})
        elif way == "death":
            plugin.close()
        reply = waiter.reply()
        word = {"silence": "no answer within", "death": "it went away"}.get(way, "it was not to be")
        assert code(reply) == "login_required" and word in reply["errorMessage"]
        assert daemon.info()["state"] == "fresh"


def test_a_sign_in_whose_code_is_refused_leaves_everything_as_it_was(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        waiter = ask_in_background(daemon, "auth.signIn")
        plugin.answer(plugin.command("signIn"), GOOD)
        assert code(waiter.reply()) == "login_required"
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2


def test_who_cannot_sign_in_is_not_asked_to(daemon):
    assert code(daemon.ask("auth.signIn")) == "login_required"
    with Plugin(daemon) as plugin:
        plugin.command("getAuthCode")
        reply = daemon.ask("auth.signIn")
        assert code(reply) == "invalid_request" and "without signIn" in reply["errorMessage"]


# Who may be one


@NEEDS_ROOT
def test_a_rule_has_to_name_it(server):
    rules = f"user:{ALICE} (authProvider.register), user:{BOB} (*), user:root (auth.getJwtToken)"
    with running(server, allow=rules) as daemon:
        for uid in (BOB, 0):
            reply = ask_as(daemon, uid, "authProvider.register", {"commands": ALL})
            assert code(reply) == "access_denied"
        with connect_as(daemon, ALICE) as connection:
            assert "data" in connection.ask("authProvider.register", {"commands": ALL})
            assert "data" in connection.ask("authProvider.ready")
            assert connection.reply()["command"] == "getAuthCode"
            # A reload takes it away.
            daemon.write_config(section(server, allow="user:root (auth.getJwtToken)"))
            assert "data" in daemon.ask("system.reload")
            told = connection.reply()
            assert code(told) == "access_denied" and "reloaded" in told["errorMessage"]
            expect_login_required(daemon, "it went away")
            assert code(connection.ask("authProvider.ready")) == "access_denied"


def test_a_second_one_is_refused_and_told_so(daemon):
    with Plugin(daemon), daemon.connect() as second:
        reply = second.ask("authProvider.register", {"commands": ALL})
        assert code(reply) == "access_denied" and "has a provider already: process" in reply["errorMessage"]
        for request, parameters in (("authProvider.ready", None), ("authProvider.publish", {"event": "signInFailed"})):
            reply = second.ask(request, parameters)
            assert code(reply) == "invalid_request" and "authProvider.register first" in reply["errorMessage"]
    with Plugin(daemon) as third:
        third.command("getAuthCode")


def test_no_command_comes_before_it_is_ready(daemon):
    with Plugin(daemon, ready=False) as plugin:
        assert daemon.get()["code"] == "login_required"
        assert plugin.silent()
        plugin.ready()
        plugin.command("getAuthCode")


def test_one_that_is_not_ready_in_time_is_none(daemon):
    with Plugin(daemon, ready=False) as plugin:
        told = plugin.reply()
        assert "did not come within 10 seconds" in told["errorMessage"]
        assert code(plugin.ready()) == "invalid_request"
        with Plugin(daemon) as other:
            other.command("getAuthCode")


@pytest.mark.parametrize("commands", [None, [], ["getAuthCode"], ["getAuthCode", "reAuthenticate", "makeCoffee"], "getAuthCode"])
def test_what_it_can_do_has_to_be_told(daemon, commands):
    with daemon.connect() as connection:
        reply = connection.ask("authProvider.register", {} if commands is None else {"commands": commands})
        assert code(reply) == "invalid_request" and "commands has to be" in reply["errorMessage"]


def test_a_grant_that_begins_with_nothing_takes_none(server):
    with Daemon(profile(server)) as daemon:
        reply = daemon.ask("authProvider.register", {"commands": ALL})
        assert code(reply) == "invalid_request" and "client_credentials" in reply["errorMessage"]
        assert code(daemon.ask("auth.signIn")) == "invalid_request"


def test_one_connection_serves_several_profiles(server):
    with Daemon(section(server) + section(server, "other")) as daemon, daemon.connect() as connection:
        for name in ("default", "other"):
            connection.ask("authProvider.register", {"profile": name, "commands": WITHOUT_SIGN_IN})
            connection.send("authProvider.ready", {"profile": name})
            lines = [connection.reply(), connection.reply()]
            command, = (line for line in lines if "command" in line)
            assert command["profile"] == name
            connection.send_raw(json.dumps({"commandId": command["commandId"], "data": new_code(daemon, server)}).encode() + b"\n")
            daemon.wait_state("fresh", name)


def test_answers_do_not_count_as_requests(server):
    config = "[daemon]\nrate_limit = 10\n" + section(server)
    with Daemon(config) as daemon:
        with connect_as(daemon, 0) as connection:
            connection.ask("authProvider.register", {"commands": ALL})
            connection.send("authProvider.ready")
            lines = [connection.reply(), connection.reply()]
            command, = (line for line in lines if "command" in line)
            for _ in range(12):
                connection.send_raw(b'{"commandId":"none of mine","data":{}}\n')
                assert code(connection.reply()) == "invalid_request"
            assert code(connection.ask("auth.getTokenInfo")) == "rate_limited"
            connection.send_raw(json.dumps({"commandId": command["commandId"], "data": new_code(daemon, server)}).encode() + b"\n")
            server.wait(lambda stats: stats["token_requests"] == 1)


# An assertion


def test_an_assertion_is_brought_each_time(server):
    server.client("saml", "s3cret", assertion="PHNhbWw+", org_name="acme")
    config = profile(server, client_id="saml", secret="s3cret", grant="saml2_bearer", org_name="acme",
                     allow="user:root (authProvider.register, auth.getJwtToken, auth.refresh)")
    with Daemon(config) as daemon:
        daemon.secrets.add("PHNhbWw+")
        expect_login_required(daemon, "start the provider")
        with Plugin(daemon) as plugin:
            plugin.answer(plugin.command("getAuthCode"), {"assertion": "PHNhbWw+"})
            daemon.wait_state("fresh")
            waiter = ask_in_background(daemon, "auth.refresh")
            plugin.answer(plugin.command("getAuthCode"), {"assertion": "b2xk"})
            plugin.answer(plugin.command("reAuthenticate"))
            plugin.answer(plugin.command("getAuthCode"), {"assertion": "PHNhbWw+"})
            assert waiter.reply()["data"]["generation"] == 2


# The examples


@pytest.mark.parametrize("arguments", [[sys.executable, str(EXAMPLES / "provider.py")], ["node", str(EXAMPLES / "provider.mjs")]],
                         ids=["python", "node"])
def test_an_example_of_the_manual_signs_in(server, arguments):
    with running(server, auth_code_timeout=300, sign_in_timeout=300) as daemon:
        where = [server.http + "/oauth/authorize", "app", REDIRECT_URI]
        how = ["--socket", daemon.socket, "--profile", "default"] if arguments[0] != "node" else [daemon.socket, "default"]
        plugin = subprocess.Popen([*arguments, *where, *how], stdin=subprocess.DEVNULL)
        try:
            daemon.wait_state("fresh", timeout=30)
            server.end(server.sessions("app")[0]["refresh_tokens"][-1]["refresh_token"])
            assert daemon.ask("auth.refresh")["data"]["generation"] == 2
            assert daemon.ask("auth.signIn")["data"]["generation"] == 3
        finally:
            plugin.terminate()
            plugin.wait()
