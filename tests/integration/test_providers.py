"""Providers on the socket: who may be one, and what it brings."""

import json

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as, code, connect_as
from daemon import Daemon, profile
from plugin import (ALL, REDIRECT_URI, WITHOUT_SIGN_IN, Plugin, ask_in_background, bring, expect_login_required, new_code,
                    section, sent, serving)
from sandbox import Sandbox

GOOD = {"authCode": "c", "redirectUri": REDIRECT_URI}


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def daemon(server):
    with serving(server) as daemon:
        yield daemon


def test_a_provider_brings_the_first_token_and_the_refresh_token_the_others(daemon, server):
    expect_login_required(daemon, "needs a sign-in")
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["client_id"] == "app"
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2
        assert sent(server) == ["authorization_code", "refresh_token"]
        assert plugin.silent()


@pytest.mark.parametrize(("data", "word"), [
    ({"authCode": ""}, "authCode"), ({}, "authCode is missing"), ({**GOOD, "codeVerifier": "v" * 129}, "codeVerifier"),
    ({**GOOD, "redirectUri": 7}, "redirectUri"), ("oops", "data has to be an object")])
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


def test_an_answer_whose_rest_is_no_answer_is_a_refusal(daemon):
    with Plugin(daemon) as plugin:
        command = plugin.command("getAuthCode")
        plugin.send(commandId=command["commandId"], data=GOOD, errorMessage={})
        told = plugin.reply()
        assert (told["commandId"], code(told)) == (command["commandId"], "invalid_request")
        plugin.command("reAuthenticate")


def test_what_is_null_counts_as_left_out(daemon, server):
    with Plugin(daemon) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        plugin.send(commandId=plugin.command("reAuthenticate")["commandId"], data=None, errorMessage=None, profile=None)
        plugin.send(commandId=plugin.command("getAuthCode")["commandId"], data=new_code(daemon, server), errorMessage=None)
        daemon.wait_state("fresh")


def test_what_comes_of_a_login_anew_is_not_looked_at(daemon, server):
    with Plugin(daemon) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        plugin.answer(plugin.command("reAuthenticate"), "oops")
        bring(plugin, server)
        daemon.wait_state("fresh")


@pytest.mark.parametrize(("data", "text"), [
    (None, "it does not say why"), ("oops", "it does not say why"), ({"errorMessage": 7, "message": "closed"}, "closed"),
    ({"error": "access_denied"}, "access_denied"), ({"errorMessage": "first", "message": "then"}, "first")])
def test_a_failure_that_is_told_badly_ends_the_sign_in_too(daemon, data, text):
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        waiter = ask_in_background(daemon, "auth.signIn")
        plugin.command("signIn")
        assert "data" in plugin.ask("authProvider.publish", event="signInFailed", data=data)
        assert waiter.reply()["errorMessage"].endswith(": " + text)


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
    with serving(server, allow=rules) as daemon:
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
            assert [code(connection.reply()) for _ in range(12)] == ["invalid_request"] * 8 + ["rate_limited"] * 4
            assert code(connection.ask("auth.getTokenInfo")) == "rate_limited"
            connection.send_raw(json.dumps({"commandId": command["commandId"], "data": new_code(daemon, server)}).encode() + b"\n")
            server.wait(lambda stats: stats["token_requests"] == 1)


def test_answers_that_nobody_waits_for_are_counted(daemon, server):
    with Plugin(daemon) as plugin:
        before = daemon.ask("system.getStatus")["data"]["counters"]["requests"]
        for _ in range(3):
            plugin.send(commandId="none of mine")
            assert code(plugin.reply()) == "invalid_request"
        bring(plugin, server)
        assert daemon.ask("system.getStatus")["data"]["counters"]["requests"] == before + 4


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
