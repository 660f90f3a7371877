"""gctoken explain against a daemon that answers as each test scripts it."""

import json
import os
import pwd

import pytest

from fake_daemon import after, as_nobody, daemon, data, error, failed, gctoken, place, succeeded

ETL = "user:etl (auth.getJwtToken)"
OPS = "group:ops (*, auth.getJwtToken)"
NOT_THERE = next(uid for uid in range(54321, 60000) if uid not in {each.pw_uid for each in pwd.getpwall()})


def explained(**members):
    whole = {
        "profile": "billing", "uid": NOT_THERE, "unit": None, "privileged": False,
        "rules": [{"rule": ETL, "matches": True}, {"rule": OPS, "matches": False}],
        "rights": [{"endpoint": "auth.getJwtToken", "granted": True, "by": ETL},
                   {"endpoint": "auth.refresh", "granted": False, "by": None}],
        "refresh": {"at": after(8130), "why": "75 % of the token's lifetime will have passed"},
    }
    whole.update(members)
    return whole


def explain(d, *args):
    return succeeded(gctoken("explain", *args, at=d))


def test_people_get_who_is_judged_the_rules_the_rights_and_the_next_refresh(daemon):
    d = daemon(data(explained(unit="etl.service")))
    assert explain(d, "billing") == (
        "Profile       billing\n"
        f"Caller        uid {NOT_THERE}, unit etl.service\n"
        "Next refresh  in 2 h 15 min: 75 % of the token's lifetime will have passed\n"
        "\n"
        "Rules\n"
        f"  matches         {ETL}\n"
        f"  does not match  {OPS}\n"
        "\n"
        "Rights\n"
        f"  auth.getJwtToken  granted by {ETL}\n"
        "  auth.refresh      denied\n")
    assert d.requests == [{"request": "system.explain", "parameters": {"profile": "billing"}}]


def test_programs_get_json(daemon):
    out = explain(daemon(data(explained())), "--json")
    assert out.count("\n") == 1 and json.loads(out)["rules"][1] == {"rule": OPS, "matches": False}


def test_root_without_rules_and_without_a_refresh_to_come(daemon):
    d = daemon(data(explained(
        uid=0, privileged=True, rules=[], refresh={"at": None, "why": "never by itself: login required"},
        rights=[{"endpoint": "auth.getTokenInfo", "granted": True, "by": "privileged"}])))
    out = explain(d)
    assert "\nCaller        root (uid 0), privileged\n" in out
    assert "\nNext refresh  never by itself: login required\n" in out
    assert "\nRules\n  none: without allow, only root and gctokend's own user" in out
    assert out.endswith("  auth.getTokenInfo  granted to root and gctokend's own user\n")


def test_a_user_is_judged_with_uid_and_groups(daemon):
    for user in (pwd.getpwuid(0), pwd.getpwnam("nobody")):
        for given in (user.pw_name, str(user.pw_uid)):
            d = daemon(data(explained(uid=user.pw_uid)))
            assert f"\nCaller        {user.pw_name} (uid {user.pw_uid})\n" in explain(d, "--user", given)
            parameters = d.requests[0]["parameters"]
            gids = parameters.pop("gids").split(",")
            assert parameters == {"profile": "default", "uid": user.pw_uid}
            assert sorted(map(int, gids)) == sorted(os.getgrouplist(user.pw_name, user.pw_gid))


def test_a_unit_is_judged_alone_or_with_a_user(daemon):
    d = daemon(data(explained(uid=None, unit="x.service")))
    assert "\nCaller        no user in particular, unit x.service\n" in explain(d, "--unit", "x.service")
    explain(d, "--unit", "x.service", "--user", "root")
    assert d.requests[0]["parameters"] == {"profile": "default", "unit": "x.service"}
    assert {**d.requests[1]["parameters"], "gids": ""} == {
        "profile": "default", "unit": "x.service", "uid": 0, "gids": ""}


@pytest.mark.parametrize("user", ["no-such-user-here", str(NOT_THERE), "-1", "0x0", "4294967295", "9" * 30, "a:b"])
def test_an_unknown_user_is_told_before_anything_is_asked(daemon, user):
    d = daemon(data(explained()))
    failed(gctoken("explain", "--user=" + user, at=d), 1, f"there is no user {user} on this machine")
    assert not d.requests


@pytest.mark.parametrize("args", [("--user", "root"), ("--unit", "x.service")])
def test_who_asks_about_others_without_being_root_is_sent_to_sudo(daemon, place, args):
    d = daemon(error("access_denied", "Not you"))
    os.chmod(d.path, 0o666)
    failed(gctoken("explain", *args, at=d, **as_nobody(place)), 4, "Not you (access_denied); ", "sudo")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is root")
def test_root_is_not_sent_to_sudo(daemon):
    done = gctoken("explain", "--user", "root", at=daemon(error("access_denied", "Not you")))
    failed(done, 4, "Not you (access_denied); ")
    assert "sudo" not in done.stderr


def test_who_asks_about_oneself_is_not_sent_to_sudo(daemon, place):
    d = daemon(error("access_denied", "Not you"))
    os.chmod(d.path, 0o666)
    done = gctoken("explain", at=d, **as_nobody(place))
    failed(done, 4, "Not you (access_denied); ")
    assert "sudo" not in done.stderr


@pytest.mark.parametrize("content", [
    {"rules": 7, "rights": "x", "refresh": []}, {"rules": [1, None, {}], "rights": [None, {}, {"granted": True}]},
    {"uid": "x", "unit": 7, "privileged": "yes", "refresh": {"at": "soon", "why": 5}},
    {"uid": 1e300}, {"uid": -1},
])
def test_members_that_are_missing_or_of_another_kind_are_borne(daemon, content):
    assert "\nRights\n" in explain(daemon(data(content)))


def test_uids_above_two_thousand_millions_are_shown_whole(daemon):
    assert "uid 4294967294" in explain(daemon(data(explained(uid=4294967294))))


def test_text_of_the_daemon_cannot_steer_the_terminal(daemon):
    bad = "a\x1b[31m\nb\u202e"
    out = explain(daemon(data(explained(
        profile=bad, unit=bad, rules=[{"rule": bad, "matches": True}], refresh={"at": None, "why": bad},
        rights=[{"endpoint": bad, "granted": True, "by": bad * 1000}]))))
    assert out.count("a\\x1b[31m\\nb\\u202e") > 6 and "\x1b" not in out and "\u202e" not in out
    assert len(out.splitlines()) == 9 and len(out) < 2000


def test_hundreds_of_rules_are_shown(daemon):
    rules = [{"rule": f"user:{n}", "matches": False} for n in range(3000)]
    assert explain(daemon(data(explained(rules=rules)))).count("does not match  user:") == 3000
