"""gctoken health as a plugin of a monitoring system, against a daemon that answers as each test scripts it."""

import os
import re

import pytest

from fake_daemon import (TOKEN, after, daemon, data, error, gctoken, info, place, trouble)

OK, WARNING, CRITICAL, UNKNOWN = range(4)
NAMES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
LINE = re.compile(r"GCTOKEND (OK|WARNING|CRITICAL|UNKNOWN) - ([^|\n]+)(?:\|([^|\n]*))?\n")
PERFDATA = re.compile(r"([A-Za-z0-9._-]+)=(-?\d+)(s?);(\d*:?);(\d*:?);0")


def status_reply(*profiles):
    return data({"version": "1", "pid": 1, "startedAt": after(-60), "connections": 1,
                 "counters": {}, "profiles": list(profiles)})


def dead(**members):
    return info(**{"state": "failing", "expiration": None, "issuedAt": None, "consecutiveFailures": 4,
                   "lastError": trouble(), **members})


def judged(done, status):
    """That status, as one line on stdout and nothing else; its text and its figures by their labels."""
    found = LINE.fullmatch(done.stdout)
    assert found, done
    assert (done.returncode, NAMES[done.returncode], done.stderr) == (status, found.group(1), ""), done
    assert len(done.stdout.encode()) < 8 * 1024 and TOKEN not in done.stdout
    figures = {}
    for figure in (found.group(3) or "").split():
        label, value, unit, warning, critical = PERFDATA.fullmatch(figure).groups()
        assert unit == ("s" if label.endswith("_left") else "")
        figures[label] = (int(value), warning, critical)
    return found.group(2), figures


def health(status, d, *args, **options):
    return judged(gctoken("health", *args, at=d, **options), status)


# one profile

def test_one_profile_that_is_well(daemon):
    d = daemon(data(info(profile="billing", expiration=after(3 * 3600 + 30))))
    text, figures = health(OK, d, "billing")
    assert text == "billing: valid, 3 h 0 min left"
    assert set(figures) == {"billing_left", "billing_failures"}
    assert 10800 < figures["billing_left"][0] <= 10830
    assert figures["billing_left"][1:] == ("", "")
    assert figures["billing_failures"] == (0, "1", "")
    assert d.requests == [{"request": "auth.getTokenInfo", "parameters": {"profile": "billing"}}]


@pytest.mark.parametrize("state,valid,failures,status,words", [
    ("fresh", True, 0, OK, "valid"),
    ("refreshing", True, 0, OK, "valid, refreshing"),
    ("failing", True, 1, OK, "valid, refresh failing"),
    ("failing", True, 2, WARNING, "valid, refresh failing"),
    ("refreshing", True, 2, WARNING, "valid, refreshing"),
    ("rejected", True, 1, WARNING, "valid, refresh rejected"),
    ("login_required", True, 0, WARNING, "valid, login required"),
    ("of_the_future", True, 0, OK, "of_the_future"),
    ("empty", False, 0, WARNING, "no token yet"),
    ("fetching", False, 0, WARNING, "getting a token"),
    ("fetching", False, 1, CRITICAL, "getting a token"),
    ("fresh", False, 0, CRITICAL, "expired"),
    ("failing", False, 1, CRITICAL, "no token, retrying"),
    ("rejected", False, 1, CRITICAL, "rejected"),
    ("login_required", False, 0, CRITICAL, "login required"),
    ("disabled", False, 0, CRITICAL, "disabled"),
    ("of_the_future", False, 0, CRITICAL, "of_the_future"),
])
def test_what_each_state_is_worth(daemon, state, valid, failures, status, words):
    d = daemon(data(info(state=state, expiration=after(600 if valid else -1), consecutiveFailures=failures)))
    text, figures = health(status, d, "default")
    assert text.startswith(f"default: {words}")
    assert ("left" in text) == valid
    assert (figures["default_left"][0] > 0) == valid
    assert figures["default_failures"][0] == failures


def test_what_is_wrong_is_said_with_what_to_do(daemon):
    text, _ = health(CRITICAL, daemon(data(dead())), "default")
    assert text.startswith("default: no token, retrying, upstream_unavailable: Could not connect, 3 d 0 h ago, "
                           "4 in a row; gctokend goes on trying")


def test_an_error_that_harms_nobody_is_not_told(daemon):
    text, _ = health(OK, daemon(data(info(state="failing", consecutiveFailures=1, lastError=trouble()))), "default")
    assert "upstream_unavailable" not in text


# thresholds

@pytest.mark.parametrize("args,left,status", [
    ((), 2, OK),
    (("-w", "300"), 330, OK), (("-w", "300"), 299, WARNING), (("--warning", "300"), 299, WARNING),
    (("-c", "300"), 330, OK), (("-c", "300"), 299, CRITICAL), (("--critical=300",), 299, CRITICAL),
    (("-w", "300", "-c", "60"), 330, OK), (("-w300", "-c60"), 299, WARNING), (("-w", "300", "-c", "60"), 59, CRITICAL),
    (("-w", "300", "-c", "300"), 299, CRITICAL), (("-w", "0", "-c", "0"), 2, OK),
])
def test_thresholds_of_seconds_left(daemon, args, left, status):
    def answer(peer):  # whose token has that long left, whenever gctoken has started
        peer.recv(65536)
        peer.sendall(data(info(expiration=after(left + 0.5))))

    health(status, daemon(answer), "default", *args)


@pytest.mark.parametrize("args,failures,status", [
    ((), 1, OK), ((), 2, WARNING), ((), 99, WARNING),
    (("--failures-warning", "0"), 99, OK), (("--failures-warning", "5"), 4, OK),
    (("--failures-warning", "5"), 5, WARNING), (("--failures-critical", "5"), 4, WARNING),
    (("--failures-critical", "5"), 5, CRITICAL), (("--failures-critical", "1"), 1, CRITICAL),
    (("--failures-warning", "3", "--failures-critical", "3"), 3, CRITICAL),
    (("--failures-warning", "0", "--failures-critical", "3"), 2, OK),
])
def test_thresholds_of_failures_in_a_row(daemon, args, failures, status):
    d = daemon(data(info(state="failing", consecutiveFailures=failures, lastError=trouble())))
    health(status, d, "default", *args)


def test_figures_come_with_the_ranges_in_which_all_is_well(daemon):
    d = daemon(data(info()))
    _, figures = health(OK, d, "default", "-w", "300", "-c", "60", "--failures-warning", "3",
                        "--failures-critical", "10")
    assert figures["default_left"][1:] == ("300:", "60:")
    assert figures["default_failures"] == (0, "2", "9")


# all profiles

def test_all_profiles_that_are_well_are_counted(daemon):
    d = daemon(status_reply(info(profile="a"), info(profile="b", expiration=after(630)), info(profile="c")))
    text, figures = health(OK, d)
    assert re.fullmatch(r"3 profiles, the first to expire is b: valid, 10 min \d+ s left", text)
    assert [label for label in figures if label.endswith("_left")] == ["a_left", "b_left", "c_left"]
    assert d.requests == [{"request": "system.getStatus"}]


def test_one_profile_in_all_is_named(daemon):
    text, _ = health(OK, daemon(status_reply(info(profile="only"))))
    assert text == "only: valid, 3 h 0 min left"


def test_the_worst_comes_first_and_those_that_are_well_are_counted(daemon):
    d = daemon(status_reply(
        info(profile="well"), info(profile="warned", state="failing", consecutiveFailures=3),
        info(profile="odd", state=None), dead(profile="dead"), info(profile="fine"),
        info(profile="dying", expiration=after(50))))
    text, figures = health(CRITICAL, d, "-c", "60")
    order = [text.index(name + ": ") for name in ("dead", "dying", "odd", "warned")]
    assert order == sorted(order) and order[0] == 0
    assert text.endswith("; 2 of 6 profiles OK")
    assert "well" not in text and "fine" not in text
    assert len(figures) == 12


def test_no_profile_in_sight_is_unknown(daemon):
    for reply in (status_reply(), data({})):
        text, figures = health(UNKNOWN, daemon(reply))
        assert "no profile that you may see" in text and not figures


def test_hundreds_of_profiles_fit_into_the_line(daemon):
    profiles = [dead(profile=f"{'x' * 50}{i}", lastError=trouble(message="y" * 300)) for i in range(500)]
    text, figures = health(CRITICAL, daemon(status_reply(*profiles, info(profile="well"))))
    assert re.search(r"; and 49\d more; 1 of 501 profiles OK$", text)
    assert len(text.encode()) < 1024
    assert 50 < len(figures) < 1002 and "x" * 50 + "0_left" in figures


@pytest.mark.parametrize("length", range(1, 240, 17))
def test_how_many_were_not_named_is_told_however_much_was_said_of_those_before(daemon, length):
    d = daemon(status_reply(*[dead(profile=f"{'x' * length}{i}", lastError=None) for i in range(400)]))
    text, _ = health(CRITICAL, d)
    named = text.count(": no token, retrying")
    assert named > 2 and text.endswith(f"; and {400 - named} more; 0 of 400 profiles OK")


# the daemon

def test_no_daemon_is_critical(place):
    text, _ = health(CRITICAL, place + "/none.sock")
    assert f"no daemon on {place}/none.sock" in text and "systemctl start" in text


def test_a_daemon_that_does_not_answer_is_critical(daemon):
    text, _ = health(CRITICAL, daemon(lambda peer: peer.recv(1) and peer.recv(65536) and peer.recv(1)), "--timeout",
                     "0.3")
    assert "no answer" in text
    text, _ = health(CRITICAL, daemon(lambda peer: peer.recv(65536)))
    assert "closed the connection twice" in text


@pytest.mark.parametrize("code,status", [
    ("internal", CRITICAL), ("shutting_down", CRITICAL), ("access_denied", UNKNOWN),
    ("rate_limited", UNKNOWN), ("invalid_request", UNKNOWN), ("unknown_request", UNKNOWN),
    ("of_the_future", UNKNOWN),
])
@pytest.mark.parametrize("args", [(), ("billing",)])
def test_what_each_error_is_worth(daemon, args, code, status):
    text, figures = health(status, daemon(error(code, "The sentence")), *args)
    assert text.startswith(f"The sentence ({code}); ") and not figures


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_no_permission_on_the_socket_is_unknown(daemon):
    d = daemon(status_reply(info()))
    os.chmod(d.path, 0)
    text, _ = health(UNKNOWN, d, user=65534, group=65534, extra_groups=[])
    assert "no permission" in text


@pytest.mark.parametrize("reply", [b"hello\n", b'{"data":7}\n', b"x" * 600000],
                         ids=["words", "no_object", "endless"])
def test_nonsense_is_unknown(daemon, reply):
    health(UNKNOWN, daemon(reply))
    health(UNKNOWN, daemon(reply), "billing")


@pytest.mark.parametrize("content", [
    {}, {"profile": 7, "state": []}, {"profile": "x"}, {"state": "fresh", "expiration": after(600)},
    {"profile": "x", "state": None, "lastError": 5, "consecutiveFailures": "many"},
])
def test_a_profile_without_name_or_state_is_unknown(daemon, content):
    health(UNKNOWN, daemon(data(content)), "x")
    health(UNKNOWN, daemon(status_reply(content)))
    health(UNKNOWN, daemon(status_reply(content, info(profile="well"))))


def test_profiles_that_are_none_are_unknown(daemon):
    for profiles in ([1], [None, [], "x"], [info(), 5]):
        health(UNKNOWN, daemon(status_reply(*profiles)))


def test_text_of_the_daemon_can_neither_end_the_line_nor_begin_figures(daemon):
    bad = "a|b=1\nc\x1b[31m\u202e|d"
    d = daemon(data(dead(profile=bad, lastError=trouble(code=bad, message=bad * 100))))
    text, figures = health(CRITICAL, d, "x")
    assert text.startswith("a/b=1\\nc\\x1b[31m\\u202e/d: no token")
    assert all(re.fullmatch(r"a_b_1_c__31m_+d_(left|failures)", label) for label in figures) and len(figures) == 2
    health(CRITICAL, daemon(error("internal", bad * 5000)))


def test_numbers_beyond_all_bounds_are_borne(daemon):
    d = daemon(data(info(consecutiveFailures=1e300, expiration="9999-12-31T23:59:59.999Z")))
    _, figures = health(WARNING, d, "default")
    assert figures["default_failures"][0] > 1000000 and figures["default_left"][0] > 10**11
    _, figures = health(OK, daemon(data(info(consecutiveFailures=-1e300))), "default")
    assert figures["default_failures"][0] == 0


# arguments

@pytest.mark.parametrize("args,says", [
    (("health", "a", "b"), "leave b out"), (("health", "--json"), "takes no --json"),
    (("health", "-w"), "-w wants a value"), (("health", "-w", "-1"), "--warning wants whole seconds"),
    (("health", "-w", "1.5"), "--warning wants"), (("health", "-c", "5m"), "--critical wants"),
    (("health", "-c", "10:20"), "--critical wants"), (("health", "-x"), "no option -x"),
    (("health", "--failures-warning", "x"), "--failures-warning wants"),
    (("health", "--failures-critical", "1000001"), "--failures-critical wants"),
    (("health", "-w", "60", "-c", "300"), "at most what --warning is"),
    (("health", "--failures-warning", "3", "--failures-critical", "2"), "at least what --failures-warning is"),
    (("--timeout", "x", "health"), "--timeout wants"), (("--bogus", "health"), "no option --bogus"),
    (("health", "--socket", "/" + "x" * 200), "107 bytes"),
])
def test_usage_errors_are_unknown(args, says):
    text, figures = judged(gctoken(*args, at="/nonexistent"), UNKNOWN)
    assert says in text and "--help)" in text and not figures


@pytest.mark.parametrize("args", [("get", "-w", "5"), ("status", "--failures-warning", "5"), ("-c", "5", "info")])
def test_the_thresholds_are_for_health_alone(args):
    done = gctoken(*args, at="/nonexistent")
    assert done.returncode == 2 and "takes no --" in done.stderr


def test_a_line_that_cannot_be_written_is_unknown(daemon):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = gctoken("health", at=daemon(status_reply(info())), stdout=full)
    assert done.returncode == UNKNOWN and "No space left" in done.stderr


def test_help_says_that_the_exit_statuses_are_others():
    done = gctoken("health", "--help")
    assert done.returncode == 0 and "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN" in done.stdout
