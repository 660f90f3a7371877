"""The order in which a provider is asked: at each step one that answers, refuses, hangs, dies, is late, answers twice or for
another profile; and what becomes of callers, of a valid token and of those who listen meanwhile."""

import contextlib
import json
import signal

import pytest

from callers import code, status, wait_until
from cases import each_at_once
from daemon import PACE, Daemon
from plugin import (ALL, REDIRECT_URI, WITHOUT_SIGN_IN, Plugin, ask_in_background, bring, expect_login_required, new_code,
                    section, sent, serving)
from sandbox import Sandbox

# The seconds that a provider has where it is to miss them. What has to happen within them has that long on a slow machine.
SHORT_S = 4 * PACE
UNKNOWN = {"authCode": "x", "redirectUri": REDIRECT_URI}

# What a provider is asked at each step, and what follows when it does so, when it does not, and when it goes away.
STEPS = {
    "first code": ("getAuthCode", "token", "reAuthenticate", "given up"),
    "code after a refused refresh token": ("getAuthCode", "token", "reAuthenticate", "given up"),
    "login after no code": ("reAuthenticate", "getAuthCode", "given up", "comes back"),
    "login after a refused code": ("reAuthenticate", "getAuthCode", "given up", "comes back"),
    "code after the login": ("getAuthCode", "token", "given up", "given up"),
    "sign-in": ("signIn", "token", "sign-in failed", "sign-in failed"),
}


@contextlib.contextmanager
def login_server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def server():
    with login_server() as sandbox:
        yield sandbox


@pytest.fixture
def daemon(server):
    with serving(server) as daemon:
        yield daemon


def end_session(server):
    server.end(server.sessions("app")[-1]["refresh_tokens"][-1]["refresh_token"])


def codes_sent(server):
    return sent(server).count("authorization_code")


class Listener:
    """Somebody who is told when a sign-in succeeds, fails, or is needed."""

    def __init__(self, daemon):
        self.connection = daemon.connect()
        self.connection.send("events.subscribe", {"events": ["Auth.authError", "signedIn", "signInFailed"]})
        self.heard()

    def heard(self):
        """The names of what has happened since this was last asked."""
        self.connection.send("system.getAllowedServices", reference="so far")
        lines = iter(self.connection.reply, None)
        heard = []
        for line in lines:
            if line.get("referenceId") == "so far":
                return heard
            heard += [line["event"]] if "event" in line else []
        raise AssertionError("the daemon has closed the connection")


class Step:
    """A provider that has just been asked what belongs to the step, and a caller who waits for what comes of it."""

    def __init__(self, name, daemon, server):
        self.daemon, self.server = daemon, server
        self.asked, self.success, self.failure, self.death = STEPS[name]
        self.plugin = Plugin(daemon, commands=ALL if name == "sign-in" else WITHOUT_SIGN_IN)
        self.token = None
        request = "auth.getJwtToken"
        if name in ("code after a refused refresh token", "sign-in"):
            bring(self.plugin, server)
            daemon.wait_state("fresh")
            self.token = daemon.get()
            request = "auth.signIn" if name == "sign-in" else "auth.refresh"
        if name == "code after a refused refresh token":
            end_session(server)
        self.waiter = ask_in_background(daemon, request)
        wait_until(lambda: status(daemon)["counters"]["waiting"] == 1)
        if name == "login after a refused code":
            self.plugin.answer(self.plugin.command("getAuthCode"), UNKNOWN)
        elif "login" in name:
            self.plugin.refuse(self.plugin.command("getAuthCode"))
        if name == "code after the login":
            self.plugin.answer(self.plugin.command("reAuthenticate"))
        self.command = self.plugin.command(self.asked)
        self.listener = Listener(daemon)
        self.codes = codes_sent(server)

    def data(self):
        """What it answers when all is well."""
        return {} if self.asked == "reAuthenticate" else new_code(self.daemon, self.server)

    def expect_same(self):
        """Nothing has come of it: the caller waits, a token is handed out that was valid before, no code was sent."""
        assert codes_sent(self.server) == self.codes and self.listener.heard() == []
        assert status(self.daemon)["counters"]["waiting"] == 1
        if self.token:
            assert self.daemon.get() == self.token

    def expect_told(self, command, word):
        """The provider is told that its answer does not count."""
        told = self.plugin.reply()
        assert (told["commandId"], code(told)) == (command["commandId"], "invalid_request") and word in told["errorMessage"]

    def expect(self, what):
        """Goes on to the end from there, which is a token in any case."""
        getattr(self, "_" + what.replace(" ", "_").replace("-", "_"))()
        self.daemon.wait_state("fresh")
        token = self.daemon.get()
        assert token != self.token and self.server.check(token)["client_id"] == "app"
        self.plugin.close()

    def _token(self):
        assert "data" in self.waiter.reply()
        assert codes_sent(self.server) == self.codes + 1
        assert self.listener.heard() == (["signedIn"] if self.asked == "signIn" else [])
        assert self.plugin.silent(0.1)

    def _getAuthCode(self):
        bring(self.plugin, self.server)
        self._token()

    def _reAuthenticate(self):
        command = self.plugin.command("reAuthenticate")
        self.expect_same()
        self.plugin.answer(command)
        self._getAuthCode()

    def _comes_back(self):
        self.expect_same()
        self.plugin = Plugin(self.daemon)
        self._getAuthCode()

    def _given_up(self):
        reply = self.waiter.reply()
        assert code(reply) == "login_required" and "The provider of profile default did not do" in reply["errorMessage"]
        assert codes_sent(self.server) == self.codes and self.listener.heard() == ["Auth.authError"]
        assert self.daemon.info()["state"] == "login_required"
        if self.token:
            assert self.daemon.get() == self.token
        else:
            assert self.daemon.get()["code"] == "login_required"
        self.plugin.close()
        with Plugin(self.daemon) as another:
            bring(another, self.server)
            self.daemon.wait_state("fresh")

    def _sign_in_failed(self):
        reply = self.waiter.reply()
        assert code(reply) == "login_required" and "Nobody was signed in" in reply["errorMessage"]
        assert codes_sent(self.server) == self.codes and self.listener.heard() == ["signInFailed"]
        assert self.daemon.info()["state"] == "fresh" and self.daemon.get() == self.token
        self.plugin.close()
        with Plugin(self.daemon, commands=ALL) as another:
            again = ask_in_background(self.daemon, "auth.signIn")
            bring(another, self.server, "signIn")
            assert "data" in again.reply()


@contextlib.contextmanager
def at_step(name, **keys):
    """A world of its own, gone as far as that step."""
    with login_server() as server, serving(server, **keys) as daemon:
        yield Step(name, daemon, server)


def short(step):
    """The setting by which the step's command has little time."""
    return {"auth_code_timeout" if STEPS[step][0] == "getAuthCode" else "sign_in_timeout": SHORT_S}


each_step = each_at_once(STEPS)


@each_step
def test_one_that_answers_is_taken_at_its_word(name):
    with at_step(name) as step:
        step.expect_same()
        step.plugin.answer(step.command, step.data())
        step.expect(step.success)


@each_step
def test_one_that_refuses_is_followed_by_what_is_left_to_try(name):
    with at_step(name) as step:
        step.plugin.refuse(step.command)
        step.expect(step.failure)


@each_step
def test_one_that_hangs_has_its_time_and_no_more(name):
    with at_step(name, **short(name)) as step:
        step.expect_same()
        step.expect(step.failure)


@each_step
def test_one_that_dies_is_waited_for_only_where_it_may_come_back(name):
    with at_step(name) as step:
        step.plugin.close()
        step.expect(step.death)


@each_step
def test_one_that_is_late_is_told_so_and_changes_nothing(name):
    with at_step(name, **short(name)) as step:
        if step.failure == "reAuthenticate":
            step.plugin.commands.append(step.plugin.command("reAuthenticate"))
        else:
            wait_until(lambda: status(step.daemon)["counters"]["waiting"] == 0, timeout=SHORT_S + 10)
        step.plugin.answer(step.command, step.data())
        step.expect_told(step.command, "has had its time")
        step.expect(step.failure)


@each_step
def test_one_that_answers_twice_is_heard_once(name):
    with at_step(name) as step:
        step.plugin.answer(step.command, step.data())
        step.plugin.answer(step.command, step.data())
        step.expect_told(step.command, "has been answered")
        step.expect(step.success)


@each_step
def test_one_that_answers_for_another_profile_is_told_so_and_may_answer_still(name):
    with at_step(name) as step:
        step.plugin.send(commandId=step.command["commandId"], data=step.data(), profile="another")
        step.expect_told(step.command, "is for profile default")
        step.plugin.send(commandId=step.command["commandId"] + "0", data=step.data())
        assert code(step.plugin.reply()) == "invalid_request"
        step.expect_same()
        step.plugin.send(commandId=step.command["commandId"], data=step.data(), profile="default")
        step.expect(step.success)


# What else may come


def test_a_code_that_is_refused_after_the_login_too_is_the_end(daemon, server):
    listener = Listener(daemon)
    with Plugin(daemon) as plugin:
        plugin.answer(plugin.command("getAuthCode"), UNKNOWN)
        plugin.answer(plugin.command("reAuthenticate"))
        plugin.answer(plugin.command("getAuthCode"), UNKNOWN)
        expect_login_required(daemon, "refused the code")
        assert listener.heard() == ["Auth.authError"] and codes_sent(server) == 2
        assert plugin.silent()  # it is not asked again by itself, nor by callers
        again = ask_in_background(daemon, "auth.refresh")
        bring(plugin, server)
        assert "data" in again.reply()


def test_callers_wait_their_own_time_and_what_comes_later_is_kept(server):
    with serving(server, refresh_token_wait_max=1) as daemon, Plugin(daemon) as plugin:
        command = plugin.command("getAuthCode")
        assert daemon.get()["code"] == "refresh_timeout"
        plugin.refuse(command)
        command = plugin.command("reAuthenticate")
        assert daemon.get()["code"] == "refresh_timeout"
        plugin.answer(command)
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert isinstance(daemon.get(), str) and sent(server) == ["authorization_code"]


def test_what_took_too_long_is_told_with_its_time(server):
    with serving(server, auth_code_timeout=1, sign_in_timeout=2) as daemon, Plugin(daemon) as plugin:
        plugin.command("getAuthCode")
        plugin.command("reAuthenticate")
        expect_login_required(daemon, "reAuthenticate (there was no answer within 2 seconds)")


def test_one_that_leaves_to_sign_in_and_does_not_come_back_has_not(server):
    with serving(server, sign_in_timeout=2 * PACE) as daemon:
        plugin = Plugin(daemon)
        plugin.refuse(plugin.command("getAuthCode"))
        plugin.command("reAuthenticate")
        plugin.close()
        expect_login_required(daemon, "no answer within")


def test_a_page_that_is_reloaded_is_back_before_its_end_is_noticed(daemon, server):
    plugin = Plugin(daemon)
    plugin.refuse(plugin.command("getAuthCode"))
    plugin.command("reAuthenticate")
    with daemon.connect() as reloaded:
        assert "data" in reloaded.ask("system.getAllowedServices")
        daemon.signal(signal.SIGSTOP)
        try:
            plugin.close()
            reloaded.send("authProvider.register", {"commands": WITHOUT_SIGN_IN})
            reloaded.send("authProvider.ready")
        finally:
            daemon.signal(signal.SIGCONT)
        lines = [reloaded.reply() for _ in range(3)]
        assert [line["command"] for line in lines if "command" in line] == ["getAuthCode"], lines


def test_a_server_that_fails_in_passing_gets_another_code_later(daemon, server):
    server.rule({"times": 1, "status": 503})
    with Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("failing")
        bring(plugin, server)
        daemon.wait_state("fresh")
        assert sent(server) == ["authorization_code"] * 2


def test_answers_and_events_count_from_the_providers_own_connection_alone(server):
    with Daemon(section(server) + section(server, "other")) as daemon, \
            Plugin(daemon) as plugin, Plugin(daemon, "other") as other, daemon.connect() as stranger:
        command = plugin.command("getAuthCode")
        others = other.command("getAuthCode")
        data = new_code(daemon, server)
        other.send(commandId=command["commandId"], data=data)
        assert code(other.reply()) == "invalid_request"
        stranger.send_raw(json.dumps({"commandId": command["commandId"], "data": data}).encode() + b"\n")
        assert code(stranger.reply()) == "invalid_request"
        for connection in (stranger, other.connection):
            for event in ({"event": "signedIn", "data": data}, {"event": "signInFailed"}):
                assert code(connection.ask("authProvider.publish", {"profile": "default", **event})) == "invalid_request"
        assert sent(server) == []
        plugin.answer(command, data)
        daemon.wait_state("fresh")
        assert daemon.info("other")["state"] == "fetching"
        other.answer(others, new_code(daemon, server))
        daemon.wait_state("fresh", "other")


# Sign-ins


def test_one_that_can_sign_in_and_has_no_code_waits_for_a_sign_in(daemon, server):
    listener = Listener(daemon)
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"), "nobody is signed in")
        expect_login_required(daemon, "auth.signIn")
        assert plugin.silent()  # no reAuthenticate
        waiter = ask_in_background(daemon, "auth.signIn")
        bring(plugin, server, "signIn")
        assert waiter.reply()["data"]["state"] == "fresh"
        assert isinstance(daemon.get(), str)
        assert listener.heard() == ["signedIn"]  # nothing went wrong before


def test_and_a_published_one_will_do(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"), "nobody is signed in")
        expect_login_required(daemon, "auth.signIn")
        assert "data" in plugin.publish("signedIn", new_code(daemon, server))
        daemon.wait_state("fresh")
        assert plugin.silent()


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


def test_a_published_failure_ends_it_with_its_text(daemon, server):
    listener = Listener(daemon)
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        waiter = ask_in_background(daemon, "auth.signIn")
        command = plugin.command("signIn")
        assert "data" in plugin.publish("signInFailed", {"errorMessage": "it was not to be"})
        reply = waiter.reply()
        assert code(reply) == "login_required" and "it was not to be" in reply["errorMessage"]
        assert listener.heard() == ["signInFailed"] and daemon.info()["state"] == "fresh"
        plugin.answer(command, new_code(daemon, server))
        assert code(plugin.reply()) == "invalid_request" and codes_sent(server) == 1


@pytest.mark.parametrize("answer", [{"data": {}}, {"data": None}, {}])
def test_a_sign_in_that_has_begun_ends_by_its_event(daemon, server, answer):
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        waiter = ask_in_background(daemon, "auth.signIn")
        command = plugin.command("signIn")
        plugin.send(commandId=command["commandId"], **answer)
        plugin.send(commandId=command["commandId"], **answer)
        assert code(plugin.reply()) == "invalid_request"  # the second one; the first was taken
        assert status(daemon)["counters"]["waiting"] == 1
        plugin.publish("signedIn", new_code(daemon, server))
        assert waiter.reply()["data"]["state"] == "fresh"


def test_a_sign_in_that_has_begun_may_fail_or_end_with_its_provider(daemon):
    with Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        waiters = [ask_in_background(daemon, "auth.signIn")]
        plugin.answer(plugin.command("signIn"))
        plugin.publish("signInFailed", {"errorMessage": "the window was closed"})
        assert waiters[0].reply()["errorMessage"].endswith("the window was closed")
        waiters.append(ask_in_background(daemon, "auth.signIn"))
        plugin.answer(plugin.command("signIn"))
    assert waiters[1].reply()["errorMessage"].endswith("it went away")


def test_a_sign_in_that_has_begun_has_its_time_and_no_more(server):
    with serving(server, sign_in_timeout=1) as daemon, Plugin(daemon, commands=ALL) as plugin:
        plugin.refuse(plugin.command("getAuthCode"))
        waiter = ask_in_background(daemon, "auth.signIn")
        plugin.answer(plugin.command("signIn"))
        assert waiter.reply()["errorMessage"].endswith("no answer within 1 seconds")
        waiter = ask_in_background(daemon, "auth.signIn")
        bring(plugin, server, "signIn")  # nothing is left of the one before
        assert waiter.reply()["data"]["state"] == "fresh"


def test_a_sign_in_is_published_without_being_asked_for(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        before = daemon.get()
        assert "data" in plugin.publish("signedIn", new_code(daemon, server))
        wait_until(lambda: daemon.info()["generation"] == 2)
        assert daemon.get() != before


def test_a_sign_in_whose_code_is_refused_leaves_everything_as_it_was(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        waiter = ask_in_background(daemon, "auth.signIn")
        plugin.answer(plugin.command("signIn"), UNKNOWN)
        assert code(waiter.reply()) == "login_required"
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2


def test_who_asks_for_a_sign_in_waits_its_own_time_and_what_comes_later_is_kept(server):
    with serving(server, refresh_token_wait_max=1) as daemon, Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        reply = daemon.ask("auth.signIn")
        assert code(reply) == "refresh_timeout"
        assert reply["errorMessage"] == "The sign-in took longer than 1 second; it goes on"
        bring(plugin, server, "signIn")
        wait_until(lambda: daemon.info()["generation"] == 2)


def test_who_asks_while_somebody_signs_in_joins(daemon, server):
    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")  # else the code of the sign-in may take the place of this one
        waiters = [ask_in_background(daemon, "auth.signIn") for _ in range(3)]
        wait_until(lambda: status(daemon)["counters"]["waiting"] == 3)
        bring(plugin, server, "signIn")
        assert [waiter.reply()["data"]["generation"] for waiter in waiters] == [2] * 3
        assert plugin.silent()


def test_after_a_logout_it_is_asked_for_nothing_until_somebody_signs_in_or_refreshes(daemon, server):
    def log_out():
        assert "data" in daemon.ask("auth.logout")
        expect_login_required(daemon, "logged out")

    with Plugin(daemon, commands=ALL) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        log_out()
        assert plugin.silent()
    with Plugin(daemon, commands=ALL) as plugin:
        assert plugin.silent()
        waiter = ask_in_background(daemon, "auth.signIn")
        bring(plugin, server, "signIn")
        assert waiter.reply()["data"]["state"] == "fresh"
        log_out()
        assert "data" in plugin.publish("signedIn", new_code(daemon, server))
        daemon.wait_state("fresh")
        log_out()
        waiter = ask_in_background(daemon, "auth.refresh")
        bring(plugin, server)
        assert waiter.reply()["data"]["state"] == "fresh"
