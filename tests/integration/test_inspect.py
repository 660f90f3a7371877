"""What operators look with, on the real daemon: gctoken explain, and gctoken health as profiles fare well and badly."""

import os
import subprocess

import pytest

from callers import ALICE, NEEDS_ROOT, wait_until
from daemon import REPLY_TIMEOUT_S, Daemon, profile

OK, WARNING, CRITICAL, UNKNOWN = range(4)


def health(daemon, *args):
    """The exit status and the line."""
    done = daemon.gctoken("health", *args)
    assert done.stderr == "" and done.stdout.count("\n") == 1, done
    return done.returncode, done.stdout


def as_alice(daemon, *args):
    return subprocess.run([os.environ["GCTOKEN"], *args, "--socket", daemon.socket], user=ALICE, group=ALICE,
                          extra_groups=[], capture_output=True, text=True, timeout=REPLY_TIMEOUT_S)


def test_a_profile_with_a_token_is_well_and_no_token_is_fetched_to_tell(server, daemon):
    before = server.stats()["token_requests"]
    for args in ((), ("default",)):
        status, line = health(daemon, *args)
        assert status == OK and line.startswith("GCTOKEND OK - default: valid, 23 h 5")
    status, line = health(daemon, "--warning", "100000")
    assert status == WARNING and line.startswith("GCTOKEND WARNING - default: valid, 23 h 5")
    assert health(daemon, "default", "-w", "200000", "-c", "100000")[0] == CRITICAL
    assert server.stats()["token_requests"] == before
    for _, line in (health(daemon), health(daemon, "default")):
        assert daemon.get() not in line


def test_a_token_that_cannot_be_renewed_is_a_warning(server, daemon):
    token = daemon.get()
    server.rule({"status": 503})
    with daemon.connect() as waiter:
        waiter.send("auth.getJwtToken", {"rejectedToken": token})
        wait_until(lambda: daemon.info()["consecutiveFailures"] >= 2)
    status, line = health(daemon)
    assert status == WARNING and "default: valid, refresh failing, 23 h 5" in line and " left, upstream_unavailable: " in line
    assert health(daemon, "--failures-warning", "0")[0] == OK
    assert health(daemon, "--failures-critical", "2")[0] == CRITICAL


def test_profiles_without_a_token_are_critical_and_come_first(server):
    config = (profile(server, "well") + profile(server, "refused", secret="wrong")
              + profile(server, "away", url="http://127.0.0.1:9") + profile(server, "unsigned", grant="static",
                                                                           client_id=None, client_secret=None))
    with Daemon(config) as daemon:
        daemon.wait_state("fresh", "well")
        daemon.wait_state("rejected", "refused")
        daemon.wait_state("login_required", "unsigned")
        wait_until(lambda: daemon.info("away")["consecutiveFailures"] > 0)
        status, line = health(daemon)
        assert status == CRITICAL
        for name in ("refused", "away", "unsigned"):
            assert f"{name}: " in line.split("|")[0]
            status, one = health(daemon, name)
            assert status == CRITICAL and f"GCTOKEND CRITICAL - {name}: " in one and f"{name}_left=0s" in one
        assert "; 1 of 4 profiles OK|" in line and "well_left=86" in line
        assert health(daemon, "well")[0] == OK


def test_a_daemon_that_is_gone_is_critical(daemon):
    daemon.end()
    status, line = health(daemon)
    assert status == CRITICAL and "no daemon on " in line


@NEEDS_ROOT
def test_who_may_not_see_a_profile_gets_unknown(server):
    with Daemon(profile(server, allow=f"user:{ALICE}") + profile(server, "closed")) as daemon:
        daemon.wait_state("fresh")
        daemon.wait_state("fresh", "closed")
        done = as_alice(daemon, "health")
        assert done.returncode == OK and "closed" not in done.stdout and " default: valid" in done.stdout
        for name in ("closed", "nowhere"):
            done = as_alice(daemon, "health", name)
            assert done.returncode == UNKNOWN and "(access_denied)" in done.stdout, done
        assert health(daemon, "nowhere")[0] == UNKNOWN


# explain

RULES = f"user:daemon (auth.getJwtToken), group:daemon (auth.refresh), user:{ALICE}, unit:etl.service (auth.getJwtToken)"


def explain(daemon, *args):
    done = daemon.gctoken("explain", *args)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def rights(text):
    """What explain says of each endpoint."""
    return dict(line.split(maxsplit=1) for line in text.split("\nRights\n")[1].splitlines())


@NEEDS_ROOT
def test_explain_judges_users_and_units_for_root(server):
    with Daemon(profile(server, allow=RULES)) as daemon:
        daemon.wait_state("fresh")
        text = explain(daemon, "--user", "daemon")
        assert text.startswith("Profile       default\nCaller        daemon (uid 1)\nNext refresh  in ")
        assert "75 % of the token's lifetime" in text
        assert ("\nRules\n  matches         user:daemon (auth.getJwtToken)\n  matches         group:daemon "
                f"(auth.refresh)\n  does not match  user:{ALICE}\n  does not match  unit:etl.service") in text
        granted = rights(text)
        assert granted["auth.getJwtToken"] == "granted by user:daemon (auth.getJwtToken)"
        assert granted["auth.refresh"] == "granted by group:daemon (auth.refresh)"
        assert granted["auth.getTokenInfo"] == "denied"
        granted = rights(explain(daemon, "--unit", "etl.service"))
        assert granted["auth.getJwtToken"] == "granted by unit:etl.service (auth.getJwtToken)"
        assert granted["auth.refresh"] == "denied"
        granted = rights(explain(daemon, "--unit", "etl.service", "--user", "daemon"))
        assert granted["auth.refresh"] != "denied" and "user:daemon" in granted["auth.getJwtToken"]
        text = explain(daemon)
        assert "\nCaller        root (uid 0), privileged" in text
        assert rights(text)["auth.getTokenInfo"] == "granted to root and gctokend's own user"
        assert rights(text)["auth.getJwtToken"] == "denied"


@NEEDS_ROOT
def test_explain_tells_others_what_is_about_them(server):
    with Daemon(profile(server, allow=RULES) + profile(server, "closed")) as daemon:
        done = as_alice(daemon, "explain")
        assert done.returncode == 0 and f"\nRules\n  matches         user:{ALICE}\n\nRights\n" in done.stdout, done
        assert rights(done.stdout)["auth.getTokenInfo"] == f"granted by user:{ALICE}"
        assert rights(done.stdout)["auth.getJwtToken"] == "denied"
        for args, says in ((("closed",), "gctoken services"), (("--user", "root"), "run it with sudo"),
                           (("--unit", "etl.service"), "run it with sudo")):
            done = as_alice(daemon, "explain", *args)
            assert done.returncode == 4 and "(access_denied)" in done.stderr and says in done.stderr, done


def test_explain_says_why_no_refresh_comes(server):
    with Daemon(profile(server, grant="static", client_id=None, client_secret=None)) as daemon:
        assert "\nNext refresh  never by itself: auth.setAccessToken brings the token\n" in explain(daemon)


def test_explain_of_a_unit_that_is_none_is_refused(daemon):
    done = daemon.gctoken("explain", "--unit", "etl")
    assert done.returncode == 1 and "(invalid_request)" in done.stderr and "billing.service" in done.stderr
