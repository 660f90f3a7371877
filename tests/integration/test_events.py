"""Events: who subscribes hears what happens, once and in order, and who may."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, code, connect_as
from daemon import Daemon, profile
from listening import SUBSCRIBE, UNSUBSCRIBE, expect, expect_end, plant, subscribed
from plugin import ALL, REDIRECT_URI, Plugin, bring, new_code, serving

KINDS = ["tokenRefreshed", "refreshFailed", "loginRequired", "signedIn", "signInFailed", "Auth.loggedOut",
         "Auth.authError", "configReloaded"]
NOTHING_WRONG = {"code": None, "message": None, "upstreamError": None, "correlationId": None}


# ---- what is heard


def test_subscriber_is_told_what_it_will_hear_then_the_state_then_what_happens(daemon):
    info = daemon.info()
    with subscribed(daemon) as connection:
        assert connection.subscription == {"profiles": ["default"], "tokens": [], "events": KINDS}
        assert expect(connection, "tokenRefreshed") == {"expiration": info["expiration"], "generation": 1}
        new = daemon.ask("auth.refresh")["data"]
        assert expect(connection, "tokenRefreshed") == {"expiration": new["expiration"], "generation": 2}
        assert new["generation"] == 2


def test_token_comes_for_those_who_ask_for_it(daemon):
    with subscribed(daemon, withToken=True) as connection:
        assert connection.subscription["tokens"] == ["default"]
        assert expect(connection, "tokenRefreshed")["jwtToken"] == daemon.get()
        odd = 'odd "token" \\ of é and ' + "x" * 5000
        plant(daemon, odd)
        assert expect(connection, "tokenRefreshed")["jwtToken"] == odd


def test_profile_without_a_token_is_told_with_what_is_wrong(server):
    server.client("other", "other-secret")
    config = profile(server, "down", url="http://127.0.0.1:1") + profile(server, "wrong", secret="not-it") + profile(
        server, "nobody", grant="static", client_id=None, secret=None)
    with Daemon(config) as daemon:
        daemon.wait_state("failing", "down")
        daemon.wait_state("rejected", "wrong")
        daemon.wait_state("login_required", "nobody")
        with subscribed(daemon) as connection:
            assert connection.subscription["profiles"] == ["down", "nobody", "wrong"]
            for name, event, error_code, upstream in [
                    ("down", "refreshFailed", "upstream_unavailable", None),
                    ("nobody", "loginRequired", "login_required", None),
                    ("wrong", "refreshFailed", "upstream_rejected", "invalid_client")]:
                last, data = daemon.info(name)["lastError"], expect(connection, event, name)
                assert set(data) == set(NOTHING_WRONG)
                assert (data["code"], data["upstreamError"]) == (error_code, upstream)
                assert data["message"].split("(")[0] == last["message"].split("(")[0]
            assert data["correlationId"] == last["correlationId"] is not None


def test_failure_is_heard_when_it_happens_and_the_token_from_before_stays(daemon, server):
    server.rule({"status": 503, "retry_after": 60})
    with subscribed(daemon, events=["refreshFailed"]) as connection:
        assert daemon.ask("auth.refresh")["error"]["code"] == "upstream_unavailable"
        data = expect(connection, "refreshFailed")
        assert data["code"] == "upstream_unavailable" and "503" in data["message"]
    with subscribed(daemon) as connection:
        assert expect(connection, "tokenRefreshed")["generation"] == 1
        assert expect(connection, "refreshFailed") == data


def test_sign_in_is_heard_with_its_failure_and_its_token(server):
    server.client("app", auth="none", pkce=True, refresh_tokens="rotated")
    config = profile(server, client_id="app", secret=None, grant="pkce", redirect_uri=REDIRECT_URI,
                     authorize_url=server.http + "/oauth/authorize")
    with Daemon(config) as daemon:
        daemon.wait_state("login_required")
        with subscribed(daemon) as connection:
            expect(connection, "loginRequired")
            begun = daemon.ask("auth.getAuthorizeUrl")["data"]
            assert code(daemon.ask("auth.authorize", {"state": begun["state"], "code": "made-up"})) == "login_required"
            failed = expect(connection, "signInFailed")
            assert (failed["code"], failed["upstreamError"]) == ("login_required", "invalid_grant")
            assert "made-up" not in json.dumps(failed)
            state = daemon.ask("auth.getAuthorizeUrl")["data"]["state"]
            denied = daemon.ask("auth.authorize", {"state": state, "error": "access_denied"})
            assert expect(connection, "signInFailed") == {
                "code": code(denied), "message": denied["errorMessage"], "upstreamError": "access_denied",
                "correlationId": None}
            back = server.visit(daemon.ask("auth.getAuthorizeUrl")["data"]["url"])
            daemon.secrets.add(back["code"])
            assert daemon.ask("auth.authorize", back)["data"]["state"] == "fresh"
            assert expect(connection, "signedIn") == NOTHING_WRONG
            assert expect(connection, "tokenRefreshed")["generation"] == 1


def test_requests_are_answered_between_events(daemon):
    with subscribed(daemon) as connection:
        expect(connection, "tokenRefreshed")
        for n in range(5):
            plant(daemon, f"planted-{n}-12345")
            expect(connection, "tokenRefreshed")
            assert connection.ask("auth.getJwtToken", reference=n)["referenceId"] == n
        assert connection.ask(UNSUBSCRIBE)["data"] == {}
        plant(daemon, "planted-at-last-12345")
        assert connection.get()["data"]["jwtToken"] == "planted-at-last-12345"


def test_who_shuts_down_its_sending_side_gets_its_answers_and_the_end(daemon):
    with daemon.connect() as connection:
        connection.send(SUBSCRIBE)
        connection.socket.shutdown(1)
        assert connection.reply()["data"]["profiles"] == ["default"]
        expect(connection, "tokenRefreshed")
        assert connection.line() == b""


def test_end_of_the_daemon_is_told(daemon):
    with subscribed(daemon) as connection:
        expect(connection, "tokenRefreshed")
        daemon.signal(signal.SIGTERM)
        expect_end(connection, "shutting_down")
        assert connection.line() == b""
        assert daemon.wait() == 0


def test_what_a_provider_does_is_told(server):
    server.client("app", auth="none", pkce=True, refresh_tokens="rotated")
    with serving(server) as daemon, Plugin(daemon, commands=ALL) as plugin:
        with subscribed(daemon, events=[kind for kind in KINDS if kind != "tokenRefreshed"]) as connection:
            plugin.refuse(plugin.command("getAuthCode"), "nobody is there")
            data = expect(connection, "loginRequired")
            if "needs a sign-in" in data["message"]:
                data = expect(connection, "loginRequired")  # that was from before there was a provider
            assert data["code"] == "login_required" and "nobody is there" in data["message"]
            assert "data" in plugin.publish("signInFailed", {"errorMessage": "the window was closed"})
            assert "the window was closed" in expect(connection, "signInFailed")["message"]
            assert "data" in plugin.publish("signedIn", new_code(daemon, server))
            assert expect(connection, "signedIn") == NOTHING_WRONG


def test_refused_refresh_token_is_told_before_the_provider_has_helped(server):
    server.client("app", auth="none", pkce=True, refresh_tokens="rotated")
    with serving(server) as daemon, Plugin(daemon) as plugin:
        bring(plugin, server)
        daemon.wait_state("fresh")
        with subscribed(daemon) as connection:
            expect(connection, "tokenRefreshed")
            server.end(server.sessions("app")[0]["refresh_tokens"][-1]["refresh_token"])
            with daemon.connect() as waiting:
                waiting.send("auth.refresh")
                failed = expect(connection, "refreshFailed")
                assert (failed["code"], failed["upstreamError"]) == ("login_required", "invalid_grant")
                assert failed["correlationId"] and failed["message"]
                bring(plugin, server)
                assert expect(connection, "tokenRefreshed")["generation"] == 2
                assert waiting.reply()["data"]["generation"] == 2


def test_logout_is_told_and_the_way_back(daemon):
    with subscribed(daemon) as connection:
        assert expect(connection, "tokenRefreshed")["generation"] == 1
        assert daemon.ask("auth.logout")["data"]["state"] == "login_required"
        assert expect(connection, "Auth.loggedOut") == NOTHING_WRONG
        with subscribed(daemon) as late:
            assert expect(late, "Auth.loggedOut") == NOTHING_WRONG
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2
        assert expect(connection, "tokenRefreshed")["generation"] == 2


def test_token_that_a_browser_brings_is_told(server):
    config = profile(None, "default", "app", None, url="https://login.example", grant="implicit", token_url=None,
                     authorize_url="https://login.example/oauth/authorize", redirect_uri="http://localhost/back")
    with Daemon(config) as daemon, subscribed(daemon, events=["tokenRefreshed"], withToken=True) as connection:
        state = daemon.ask("auth.getAuthorizeUrl")["data"]["state"]
        daemon.secrets.add("browsers-token")
        daemon.ask("auth.authorize", {"token": "browsers-token", "state": state, "expiresIn": 3600})
        assert expect(connection, "tokenRefreshed")["jwtToken"] == "browsers-token"


# ---- gctoken watch


@contextlib.contextmanager
def watching(daemon, *arguments):
    """gctoken watch, and what it prints."""
    with subprocess.Popen([os.environ["GCTOKEN"], "watch", *arguments, "--socket", daemon.socket], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_watch_prints_what_happens_and_goes_on_with_the_next_daemon(daemon):
    with watching(daemon, "--timeout", "60") as process:
        assert re.search(r"default: new token, time left .*, generation 1$", process.stdout.readline())
        daemon.ask("auth.refresh")
        assert "generation 2" in process.stdout.readline()
        assert daemon.end() == 0
        told = process.stderr.readline()
        assert "shutting down" in told and "connecting again" in told
        daemon.start()
        assert "default: new token" in process.stdout.readline()
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        assert "closed the connection; connecting again" in process.stderr.readline()
        daemon.start()
        assert "default: new token" in process.stdout.readline()
        assert daemon.ask("auth.logout")["data"]["state"] == "login_required"
        assert process.stdout.readline().endswith("default: logged out\n")


def test_watch_prints_json_of_one_profile(server):
    with Daemon(profile(server, "one") + profile(server, "two")) as daemon:
        for name in ("one", "two"):
            daemon.wait_state("fresh", name)
        with watching(daemon, "two", "--json") as process:
            for generation in (1, 2, 3):
                event = json.loads(process.stdout.readline())
                plant(daemon, f"of-the-other-{generation}-12345", "one")
                plant(daemon, f"of-this-one-{generation}-12345", "two")
                assert (event["event"], event["profile"]) == ("tokenRefreshed", "two")
                assert event["data"]["generation"] == generation and "jwtToken" not in event["data"]


@NEEDS_ROOT
def test_watch_ends_when_a_reload_takes_away_what_it_asked_for(server):
    with Daemon(profile(server, allow=f"user:{ALICE} (*), user:0 (auth.getJwtToken)")) as daemon:
        daemon.wait_state("fresh")
        with subprocess.Popen([os.environ["GCTOKEN"], "watch", "--socket", daemon.socket], text=True, user=ALICE, group=ALICE,
                              extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            assert "new token" in process.stdout.readline()
            daemon.write_config(profile(server, allow=f"user:{BOB} (*)"))
            assert "data" in daemon.ask("system.reload")
            assert process.wait(60) == 4
            assert "you may no longer subscribe" in process.stderr.read()


# ---- who may


@NEEDS_ROOT
def test_token_comes_where_it_is_granted_by_name(server):
    config = profile(server, allow=f"user:{ALICE} (*, auth.getJwtToken), user:{BOB} (*)")
    with Daemon(config) as daemon:
        daemon.wait_state("fresh")
        for uid, tokens in ((ALICE, ["default"]), (BOB, [])):
            with connect_as(daemon, uid) as connection:
                reply = connection.ask(SUBSCRIBE, {"withToken": True})
                assert reply["data"]["tokens"] == tokens
                data = expect(connection, "tokenRefreshed")
                assert ("jwtToken" in data) == bool(tokens)
                if tokens:
                    daemon.secrets.add(data["jwtToken"])
        daemon.wait_log(f"a token was handed to uid {ALICE}")


@NEEDS_ROOT
def test_who_may_not_is_told_neither_of_events_nor_of_profiles(server):
    with Daemon(profile(server, allow=f"user:{ALICE} (auth.getJwtToken)")) as daemon:
        for parameters in (None, {"profiles": ["default"]}, {"profiles": ["nowhere"]}):
            with connect_as(daemon, ALICE) as connection:
                reply = connection.ask(SUBSCRIBE, parameters)
                assert code(reply) == "access_denied"
                assert "There is no profile" not in reply["errorMessage"]


@NEEDS_ROOT
def test_reload_judges_subscribers_again(server):
    def config(one, two):
        return profile(server, "one", allow=one) + profile(server, "two", allow=two)

    mine, named, other = (f"user:{ALICE} (*)", f"user:{ALICE} (*, auth.getJwtToken)",
                          f"user:{BOB} (*), user:{os.getuid()} (auth.setAccessToken)")
    with Daemon(config(mine, other)) as daemon:
        for name in ("one", "two"):
            daemon.wait_state("fresh", name)

        def reload(*rules):
            daemon.write_config(config(*rules))
            assert "data" in daemon.ask("system.reload")

        with connect_as(daemon, ALICE) as whole, connect_as(daemon, ALICE) as picked:
            assert whole.ask(SUBSCRIBE, {"withToken": True})["data"]["profiles"] == ["one"]
            assert picked.ask(SUBSCRIBE, {"profiles": ["one"]})["data"]["profiles"] == ["one"]
            for connection in (whole, picked):
                expect(connection, "tokenRefreshed", "one")
            reload(other, named)
            assert expect(whole, "configReloaded", None) == {"profiles": ["two"], "tokens": ["two"]}
            daemon.secrets.add(expect(whole, "tokenRefreshed", "two")["jwtToken"])
            expect_end(picked, "access_denied")
            plant(daemon, "not-for-alice-12345", "one")
            reload(other, other)
            expect_end(whole, "access_denied")
            assert picked.ask("system.getStatus", reference=1)["referenceId"] == 1  # the connection stays


def test_bad_reload_ends_and_tells_nothing(daemon):
    with subscribed(daemon) as connection:
        expect(connection, "tokenRefreshed")
        daemon.write_config("[profile default]\ngrant = no such\n")
        assert code(daemon.ask("system.reload")) == "internal"
        plant(daemon, "after-the-reload-12345")
        expect(connection, "tokenRefreshed")
