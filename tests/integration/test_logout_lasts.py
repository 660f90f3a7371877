"""A logout lasts, over restarts of every kind, until somebody signs in, asks for a token's refresh, or brings a token."""

import contextlib
import glob
import itertools
import os
import signal

import pytest

from callers import code
from cases import each_at_once
from daemon import Daemon, profile
from fdstore import FdStore
from logouts import (LOGOUT, agent, check_logged_out, code_for, deployment, logout, machine, person, register, remember,
                     running, sign_in, silence)
from messenger import AUTHORIZE, REDIRECT_URI, gateway
from plugin import ALL, Plugin, new_code
from sandbox import Sandbox

EVERY = [machine, deployment, person]
ENDS = [signal.SIGTERM, signal.SIGKILL]


@contextlib.contextmanager
def login_server():
    with Sandbox() as sandbox:
        register(sandbox)
        yield sandbox


@pytest.fixture
def server():
    with login_server() as sandbox:
        yield sandbox


def states(daemon):
    return glob.glob(os.path.join(daemon.state, "*.state"))


# Restarts


@each_at_once(itertools.product(ENDS, EVERY))
def test_it_outlives_restarts_and_crashes(number, section):
    with login_server() as server, running(server, section) as daemon:
        logout(daemon)
        with silence(server):
            daemon.signal(number)
            daemon.wait()
            daemon.start()
            daemon.wait_state("login_required")
            check_logged_out(daemon)
            assert code(daemon.ask("auth.getJwtToken")) == "login_required"


@each_at_once(itertools.product([False, True], ENDS, EVERY))
def test_it_outlives_a_restart_by_a_service_manager(lost, number, section):
    with login_server() as server, FdStore() as manager, \
            running(server, section, environment=manager.environment) as daemon:
        daemon.get()
        logout(daemon)
        manager.wait(1, '"loggedOut":true')
        with silence(server):
            for path in states(daemon) if lost else ():
                os.remove(path)  # the manager's store alone knows
            for _ in range(2):
                manager.restart(daemon, number)
                daemon.wait_state("login_required")
                check_logged_out(daemon)
        remember(daemon, server)


def test_it_outlives_a_restart_with_another_configuration_of_the_same_profile(server):
    with running(server, machine, bodies=False) as daemon:
        logout(daemon)
        with silence(server):
            daemon.end()
            daemon.write_config(machine(server, secret="another-secret", scope="more", persist_tokens="true"))
            daemon.start()
            daemon.wait_state("login_required")
            check_logged_out(daemon)


def test_a_persisted_token_is_gone_from_the_disk_and_revoked(server):
    with running(server, machine, persist_tokens="true") as daemon:
        token = daemon.get()
        daemon.end()
        daemon.start()
        assert daemon.get() == token  # it is the one of the disk
        assert logout(daemon)["revoked"]
        assert not server.check(token)["active"]
        daemon.end()
        daemon.start()
        daemon.wait_state("login_required")
        check_logged_out(daemon)


def test_a_disk_that_fails_is_told(server):
    with running(server, machine) as daemon:
        os.rmdir(daemon.state)
        with open(daemon.state, "w", encoding="utf-8"):
            pass
        reply = daemon.ask(LOGOUT)
        assert code(reply) == "internal" and "logged out" in reply["errorMessage"]
        check_logged_out(daemon)
        assert server.revocations()[-1]["status"] == 200
        done = daemon.gctoken("logout")
        assert done.returncode == 1 and "will be forgotten with the daemon" in done.stderr


# What does not end it


def test_a_reload_with_new_credentials_does_not_end_it(server):
    with running(server, machine, bodies=False) as daemon:
        logout(daemon)
        with silence(server):
            server.client("other", "other-secret")
            for keys in ({"secret": "another-secret"}, {"scope": "more"}, {}):
                daemon.write_config(machine(server, **keys))
                assert "data" in daemon.ask("system.reload")
                daemon.wait_state("login_required")
                check_logged_out(daemon)


def test_asking_does_not_end_it(server):
    with running(server, person) as daemon:
        token = daemon.get()
        logout(daemon)
        with silence(server):
            for parameters in ({"minValidity": 60}, {"rejectedToken": token}, {"rejectedToken": "another"}):
                assert code(daemon.ask("auth.getJwtToken", parameters)) == "login_required"
            assert "data" in daemon.ask("auth.getAuthorizeUrl")
            assert code(daemon.ask("auth.signIn")) == "login_required"
            assert daemon.gctoken("get").returncode == 5
            check_logged_out(daemon)


@each_at_once([{"status": 400}, {"status": 503}, {"close": "before_headers"}, {"preset": "html"}])
def test_a_sign_in_that_fails_does_not_end_it(rule):
    with login_server() as server, running(server, deployment) as daemon:
        logout(daemon)
        server.rule({"times": 1, **rule})
        assert "error" in daemon.ask(AUTHORIZE, {"code": code_for(daemon, server, deployment),
                                                 "redirectUri": REDIRECT_URI})
        check_logged_out(daemon)
        daemon.end()
        daemon.start()
        daemon.wait_state("login_required")
        check_logged_out(daemon)


def brings(daemon, server):
    return new_code(daemon, server, "deployment", REDIRECT_URI)


def test_providers_that_come_and_go_do_not_end_it(server):
    with running(server, deployment) as daemon, Plugin(daemon, commands=ALL) as plugin:
        logout(daemon)
        with silence(server):
            assert plugin.silent()
            plugin.close()
            for _ in range(2):
                with Plugin(daemon, commands=ALL) as another:
                    assert another.silent()
                    assert "data" in another.publish("signInFailed", {"errorMessage": "the window was closed"})
                    check_logged_out(daemon)
            daemon.end()
            daemon.start()
            with Plugin(daemon, commands=ALL) as another:
                assert another.silent()
                check_logged_out(daemon)


def test_what_a_provider_was_asked_for_before_it_comes_in_vain(server):
    """The code that comes after it, and the sign-in that was under way."""
    with Daemon(deployment(server)) as daemon, Plugin(daemon, commands=ALL) as plugin, \
            daemon.connect() as caller, daemon.connect() as signer:
        command = plugin.command("getAuthCode")
        caller.send("auth.getJwtToken")
        signer.send("auth.signIn")
        sign_in_command = plugin.command("signIn")
        with silence(server):
            assert logout(daemon)["revoked"] is False
            assert code(caller.reply()) == code(signer.reply()) == "login_required"
            for each in (command, sign_in_command):
                plugin.answer(each, brings(daemon, server))
            check_logged_out(daemon)
        assert server.requests() == []


# What ends it


def test_a_refresh_ends_it_for_good_where_no_sign_in_is_needed(server):
    with running(server, machine) as daemon:
        logout(daemon)
        assert daemon.ask("auth.refresh")["data"]["state"] == "fresh"
        assert server.check(daemon.get())["active"]
        assert not states(daemon)
        daemon.end()
        daemon.start()
        daemon.wait_state("fresh")
        daemon.get()


@each_at_once([deployment, person, agent])
def test_a_sign_in_ends_it_and_a_refresh_does_not_help(section):
    with login_server() as server, running(server, section) as daemon:
        logout(daemon)
        assert code(daemon.ask("auth.refresh")) == "login_required"
        sign_in(daemon, server, section)
        assert server.check(daemon.get())["active"]
        daemon.end()
        daemon.start()
        daemon.wait_state("fresh")
        daemon.get()


def test_a_refresh_after_it_asks_the_provider(server):
    with running(server, deployment) as daemon, Plugin(daemon) as plugin, daemon.connect() as caller:
        logout(daemon)
        caller.send("auth.refresh")
        plugin.answer(plugin.command("getAuthCode"), brings(daemon, server))
        assert caller.reply()["data"]["state"] == "fresh"
        assert server.check(daemon.get())["active"]


@each_at_once([False, True])
def test_a_sign_in_at_the_provider_ends_it_for_good(asked):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(login_server())
        manager = stack.enter_context(FdStore())
        daemon = stack.enter_context(running(server, deployment, environment=manager.environment))
        plugin = stack.enter_context(Plugin(daemon, commands=ALL))
        logout(daemon)
        if asked:
            caller = stack.enter_context(daemon.connect())
            caller.send("auth.signIn")
            plugin.answer(plugin.command("signIn"), brings(daemon, server))
            assert caller.reply()["data"]["state"] == "fresh"
        else:
            assert "data" in plugin.publish("signedIn", brings(daemon, server))
            daemon.wait_state("fresh")
        token = daemon.get()
        assert server.check(token)["active"] and plugin.silent()
        manager.restart(daemon)  # neither the disk nor the manager's store brings it back
        daemon.wait_state("fresh")
        assert daemon.get() == token
        manager.kill(daemon, signal.SIGTERM)
        manager.forget()
        daemon.prefix, daemon.pass_fds = [], ()
        daemon.start()
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["active"]
        remember(daemon, server)


def planted(server, name="default", **keys):
    return profile(server, name, None, None, **{"grant": "static", **gateway(server), **keys})


@each_at_once([*EVERY, planted])
def test_a_token_that_somebody_brings_ends_it(section):
    with login_server() as server, Daemon(section(server)) as daemon:
        daemon.secrets |= {"first-of-the-tokens", "another-of-the-tokens"}
        daemon.ask("auth.setAccessToken", {"token": "first-of-the-tokens", "expiresIn": 600})
        logout(daemon)
        check_logged_out(daemon)
        reply = daemon.ask("auth.setAccessToken", {"token": "another-of-the-tokens", "expiresIn": 600})
        assert reply["data"]["state"] == "fresh"
        assert daemon.get() == "another-of-the-tokens"
        daemon.end()
        daemon.start()
        assert "logged out" not in str(daemon.info()["lastError"])
        if section is machine:
            daemon.wait_state("fresh")


@each_at_once([
    (machine, "gctoken refresh default"), (person, "gctoken login default"), (deployment, "auth.authorize")])
def test_the_message_names_what_to_do(section, what):
    with login_server() as server, running(server, section) as daemon:
        logout(daemon)
        assert what in daemon.get()["text"]
