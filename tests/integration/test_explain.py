"""system.explain: which rule grants or denies what to whom, and when and why the next refresh comes."""

import os

import pytest

from callers import ALICE, BOB, CAROL, NEEDS_ROOT, acting_as, ask_as, code, connect_as
from daemon import Daemon, profile
from sandbox import Sandbox
from traffic import seconds

pytestmark = NEEDS_ROOT

TEAM = 64100
UNIT = "billing.service"
TOKEN, INFO, REFRESH = "auth.getJwtToken", "auth.getTokenInfo", "auth.refresh"
HARMLESS = [INFO, "auth.getAuthorizeUrl", "events.subscribe"]  # what no rule has to name
RULES = [f"user:{ALICE} (auth.getTokenInfo)", f"unit:{UNIT} (auth.refresh)",
         f"unit:{UNIT}+user:{BOB} (auth.getJwtToken, auth.refresh)", f"group:{TEAM}"]


@pytest.fixture(scope="module")
def daemon():
    """Of another uid than root's: CAROL is the daemon's."""
    with Sandbox() as server:
        allow = {"default": ", ".join(RULES), "open": "* (auth.getJwtToken)", "closed": None}
        started = Daemon("".join(profile(server, name, allow=rules) for name, rules in allow.items()), user=CAROL)
        os.chown(started.dir, CAROL, CAROL)
        with started:
            for name in allow:
                started.wait_state("fresh", name)
            yield started


def explained(daemon, caller, groups=(), **parameters):
    with connect_as(daemon, caller, groups=groups) as connection:
        return connection.ask("system.explain", parameters)["data"]


def matching(data):
    return [rule["rule"] for rule in data["rules"] if rule["matches"]]


def granted(data):
    """By what each endpoint is granted that is."""
    for right in data["rights"]:
        assert right["granted"] is (right["by"] is not None)
    return {right["endpoint"]: right["by"] for right in data["rights"] if right["granted"]}


def test_caller_sees_the_rules_that_name_it_and_what_they_grant(daemon):
    data = explained(daemon, ALICE, groups=[TEAM])
    assert (data["profile"], data["uid"], data["privileged"]) == ("default", ALICE, False)
    assert [rule["rule"] for rule in data["rules"]] == [RULES[0], RULES[3]] == matching(data)
    assert granted(data) == {**dict.fromkeys(HARMLESS, RULES[3]), INFO: RULES[0]}
    assert len(data["rights"]) > 5


@pytest.mark.parametrize("uid", [0, CAROL])
def test_privileged_see_all_rules_and_what_they_have_without_one(daemon, uid):
    data = explained(daemon, uid)
    assert (data["uid"], data["privileged"]) == (uid, True)
    assert [rule["rule"] for rule in data["rules"]] == RULES and matching(data) == []
    assert granted(data) == dict.fromkeys(HARMLESS, "privileged")
    data = explained(daemon, uid, profile="closed")
    assert data["rules"] == [] and set(granted(data).values()) == {"privileged"} and TOKEN in granted(data)


@pytest.mark.parametrize(("about", "rules", "rights"), [
    ({"uid": ALICE}, [0], {INFO: 0}),
    ({"uid": BOB}, [], {}),
    ({"uid": BOB, "unit": UNIT}, [1, 2], {REFRESH: 1, TOKEN: 2}),
    ({"uid": ALICE, "unit": UNIT}, [0, 1], {INFO: 0, REFRESH: 1}),
    ({"uid": BOB, "unit": "other.service"}, [], {}),
    ({"unit": UNIT}, [1], {REFRESH: 1}),
    ({"uid": BOB, "gids": f"{TEAM}"}, [3], dict.fromkeys(HARMLESS, 3)),
    ({"uid": BOB, "gids": f"0,{BOB},{TEAM}"}, [3], dict.fromkeys(HARMLESS, 3)),
    ({"uid": BOB, "gids": f"{BOB},7"}, [], {}),
    ({"uid": 4294967294}, [], {}),
], ids=str)
def test_privileged_may_ask_about_others(daemon, about, rules, rights):
    for uid in (0, CAROL):
        data = explained(daemon, uid, **about)
        assert (data["uid"], data["unit"], data["privileged"]) == (about.get("uid"), about.get("unit"), False)
        assert [rule["rule"] for rule in data["rules"]] == RULES
        assert matching(data) == [RULES[n] for n in rules]
        assert granted(data) == {endpoint: RULES[n] for endpoint, n in rights.items()}


def test_what_is_said_of_others_is_what_they_get(daemon):
    for uid, groups in ((ALICE, ()), (ALICE, (TEAM,)), (BOB, ()), (BOB, (TEAM,)), (0, ()), (CAROL, ())):
        for name in ("default", "open", "closed"):
            about = {"uid": uid, "gids": ",".join(map(str, (uid, *groups))), "profile": name}
            rights = granted(explained(daemon, 0, **about))
            with connect_as(daemon, uid, groups=groups) as connection:
                for endpoint in (TOKEN, INFO):
                    denied = code(connection.ask(endpoint, {"profile": name})) == "access_denied"
                    assert denied is (endpoint not in rights)


def test_others_may_not_ask_about_others(daemon):
    for about in ({"uid": BOB}, {"uid": ALICE}, {"unit": UNIT}, {"uid": BOB, "gids": "7", "unit": UNIT}):
        assert code(ask_as(daemon, ALICE, "system.explain", about)) == "access_denied"


def test_who_has_no_right_is_not_told_whether_the_profile_is_there(daemon):
    replies = [ask_as(daemon, ALICE, "system.explain", {"profile": name}) for name in ("closed", "absent")]
    assert [code(reply) for reply in replies] == ["access_denied"] * 2
    assert replies[0]["errorMessage"].replace("closed", "absent") == replies[1]["errorMessage"]
    assert code(ask_as(daemon, BOB, "system.explain")) == "access_denied"
    for about in ({}, {"uid": ALICE}):
        reply = ask_as(daemon, 0, "system.explain", {"profile": "absent", **about})
        assert code(reply) == "access_denied" and 'no profile "absent"' in reply["errorMessage"]


@pytest.mark.parametrize("parameters", [
    {"uid": -1}, {"uid": 1.5}, {"uid": 4294967295}, {"uid": 1e300}, {"uid": "root"}, {"gids": "7"}, {"uid": 1, "gids": ""},
    {"uid": 1, "gids": "7,"}, {"uid": 1, "gids": ",7"}, {"uid": 1, "gids": "7, 8"}, {"uid": 1, "gids": "wheel"},
    {"uid": 1, "gids": "4294967295"}, {"uid": 1, "gids": "99999999999999999999999"}, {"uid": 1, "gids": 7},
    {"unit": "billing"}, {"unit": ""}, {"unit": "a@.service"}, {"unit": "a/b.service"}, {"unit": 1}, {"user": "root"},
], ids=str)
def test_parameters_are_checked(daemon, parameters):
    for uid in (0, ALICE):
        assert code(ask_as(daemon, uid, "system.explain", parameters)) == "invalid_request"


def test_user_may_be_in_thousands_of_groups(daemon):
    gids = ",".join(str(gid) for gid in range(100000, 108000)) + f",{TEAM}"
    assert matching(explained(daemon, 0, uid=BOB, gids=gids)) == [RULES[3]]


def test_next_refresh_is_told(daemon):
    data = explained(daemon, ALICE, profile="open")
    assert data["refresh"] == {"at": daemon.info("open")["refreshAt"],
                               "why": "75 % of the token's lifetime will have passed"}


def test_next_attempt_of_a_profile_that_fails_is_told():
    with Sandbox() as server:
        server.rule({"status": 503, "retry_after": 100})
        with Daemon(profile(server) + profile(server, "planted", None, None, grant="static", token_url=None)) as daemon:
            daemon.wait_state("failing")
            refresh = explained(daemon, 0)["refresh"]
            assert refresh["why"] == "the server said Retry-After"
            error = daemon.info()["lastError"]
            assert 90 < seconds(refresh["at"]) - seconds(error["at"]) < 110
            assert explained(daemon, 0, profile="planted")["refresh"] == {
                "at": None, "why": "never by itself: auth.setAccessToken brings the token"}


def test_rule_is_shown_with_single_blanks():
    with Sandbox() as server:
        with Daemon(profile(server, allow=f"user:{ALICE}\t(auth.getJwtToken,\n    auth.refresh),\n    *")) as daemon:
            assert [rule["rule"] for rule in explained(daemon, 0)["rules"]] == [
                f"user:{ALICE} (auth.getJwtToken, auth.refresh)", "*"]


# Units, where no systemd is in sight


def test_nobody_gets_a_unit_of_his_own_making(daemon):
    """Neither at the connection nor at a reload that brings the first rule with a unit."""
    allow = f"unit:{UNIT} (auth.getJwtToken)"
    with Sandbox() as server, Daemon(profile(server)) as other:
        other.wait_state("fresh")
        with connect_as(other, ALICE) as before:
            assert code(before.get()) == "access_denied"
            other.write_config(profile(server, allow=allow))
            assert "data" in other.ask("system.reload")
            assert code(before.get()) == "access_denied"
        with acting_as(ALICE), other.connect() as connection:
            assert code(connection.get()) == "access_denied"
        assert code(ask_as(other, 0, TOKEN)) == "access_denied"
        data = explained(other, 0, uid=ALICE, unit=UNIT)
        assert granted(data) == {TOKEN: allow}
