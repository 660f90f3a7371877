"""What the journal has of gctokend: its messages with fields, read back with journalctl."""

import pathlib
import re
import time

import pytest

import guest
from daemon import profile

TOKEN = "auth.getJwtToken"
SERVER_ID = "cid-4711"
EVENTS = pathlib.Path(__file__).resolve().parents[2] / "daemon/io/log_event.h"
MESSAGE_IDS = dict(re.findall(r'X\(\w+, "(\w+)", "(\w+)"\)', EVENTS.read_text()))
NOBODY = 65534


@pytest.fixture(autouse=True)
def begin():
    """What was there before is not looked at."""
    guest.run("journalctl", "--sync")
    journal.begin_us = time.time_ns() // 1000


def journal(*matches):
    return [entry for entry in guest.journal(*matches) if int(entry["__REALTIME_TIMESTAMP"]) > journal.begin_us]


def entries(event):
    """The journal's entries of that kind of event, as soon as there is one."""
    return guest.wait_until(lambda: journal(f"MESSAGE_ID={MESSAGE_IDS[event]}"), event)


def check(entry, **fields):
    assert {name: entry.get(name) for name in fields} == fields


def test_start_and_end_are_found_by_their_ids(service):
    service.gctoken("get")
    service.stop()
    [started], [stopping] = entries("started"), entries("stopping")
    check(started, PRIORITY="6", SYSLOG_IDENTIFIER="gctokend", _SYSTEMD_UNIT="gctokend.service", _TRANSPORT="journal")
    assert started["MESSAGE"].startswith("info: gctokend ") and "serves 1 profile on /run/gctokend" in started["MESSAGE"]
    check(stopping, MESSAGE="info: stopping", PRIORITY="6")


def test_a_token_says_who_has_it(service):
    service.run("systemd-run", "--unit=etl", service.GCTOKEN, "get")
    [obtained], [handed_out] = entries("token_obtained"), entries("token_handed_out")
    check(obtained, PROFILE="default", PRIORITY="6")
    assert "PEER_UID" not in obtained and "ERROR_CODE" not in obtained
    check(handed_out, PROFILE="default", PRIORITY="6", ENDPOINT=TOKEN, PEER_UID="0", PEER_UNIT="etl.service")
    assert f"uid 0 (pid {handed_out['PEER_PID']}, etl.service)" in handed_out["MESSAGE"]


def test_a_denial_says_who_wanted_what(service):
    assert service.gctoken("get", check=False, user=NOBODY, group=NOBODY, extra_groups=[]).returncode == 4
    [denied] = entries("access_denied")
    check(denied, PROFILE="default", PRIORITY="4", ENDPOINT=TOKEN, PEER_UID=str(NOBODY), ERROR_CODE="access_denied")
    assert int(denied["PEER_PID"]) > 1
    # By the field alone, as an administrator would look.
    assert len(journal(f"PEER_UID={NOBODY}")) == 1


@pytest.mark.parametrize("status, error, event, code", [
    (503, "", "refresh_failed", "upstream_unavailable"),
    (401, '{"error":"invalid_client"}', "rejected", "upstream_rejected")])
def test_a_refresh_that_failed_has_the_servers_correlation_id(machine, server, status, error, event, code):
    server.rules([{"status": status, "headers": {"ININ-Correlation-Id": SERVER_ID}, "body": error}])
    machine.write_config(profile(server, refresh_token_wait_max=0))
    machine.start()
    machine.gctoken("get", check=False)
    failed, exchange = entries(event)[0], entries("exchange")[0]
    check(failed, PROFILE="default", PRIORITY="4", ERROR_CODE=code, CORRELATION_ID=SERVER_ID)
    check(exchange, PROFILE="default", PRIORITY="3", CORRELATION_ID=SERVER_ID, HTTP_METHOD="POST",
          HTTP_STATUS=str(status), HTTP_URL=f"{server.http}/oauth/token")
    assert int(exchange["HTTP_DURATION_MS"]) >= 0
    assert f"(correlation id {SERVER_ID})" in failed["MESSAGE"]


def test_a_reload_that_failed_is_found_with_its_mistakes(service):
    service.gctoken("get")
    service.write_config("[profil]\n")
    assert service.systemctl("reload", service.SERVICE, check=False).returncode != 0
    # The daemon may have seen the file change before it was asked, and then says it twice.
    (failed, *_), mistakes = entries("reload_failed"), entries("bad_setting")
    check(failed, PRIORITY="3", MESSAGE="error: the configuration before stays in force")
    assert any("/etc/gctokend/gctokend.conf:1" in mistake["MESSAGE"] for mistake in mistakes)
    assert not journal(f"MESSAGE_ID={MESSAGE_IDS['reloaded']}")


def test_with_json_the_message_is_an_object_and_the_fields_stay(machine, server):
    machine.write_config("[logging]\nlog_format = json\n" + profile(server))
    machine.start()
    machine.gctoken("get")
    [handed_out] = entries("token_handed_out")
    check(handed_out, PROFILE="default", PRIORITY="6", PEER_UID="0")
    assert re.fullmatch(r'\{"time":.*"event":"token_handed_out","profile":"default".*\}', handed_out["MESSAGE"])


def test_without_journalds_socket_lines_come_by_standard_error(machine, server):
    machine.write_config(profile(server))
    machine.drop_in("[Service]\nInaccessiblePaths=/run/systemd/journal/socket\n")
    machine.start()
    machine.gctoken("get")
    line = guest.wait_until(lambda: [entry for entry in journal() if "a token was handed" in entry["MESSAGE"]],
                            "the line")[0]
    check(line, PRIORITY="6", _TRANSPORT="stdout")
    assert line["MESSAGE"].startswith("info: profile default: a token was handed to uid 0 ")
    assert "PROFILE" not in line
