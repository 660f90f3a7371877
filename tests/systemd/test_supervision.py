"""The service under systemd: ready, its status, reloads, a bad start, and a watchdog that replaces what hangs."""

import os
import re
import shutil
import signal

import pytest

from daemon import SLOWNESS, Connection, profile
from guest import SERVICE, SOCKET_PATH

ALLOW = "user:root (auth.getJwtToken)"
TYPO = "did you mean scope"
WATCHDOG = f"[Service]\nWatchdogSec={2 * SLOWNESS:g}s\nRestartSec=100ms\n"
LIBRARIES = "/usr/local/lib"


def status_text(machine):
    return machine.show("StatusText")


def wait_status(machine, text):
    return machine.wait_until(lambda: text in status_text(machine) and status_text(machine), f"status with {text!r}")


def told(machine, text):
    """Whether it stands in what an administrator looks at first."""
    return text in machine.systemctl("status", "--no-pager", "--full", SERVICE, check=False).stdout


def good(server, **keys):
    return profile(server, allow=ALLOW, **keys)


def test_a_start_ends_when_the_socket_is_served_and_the_status_tells_how_profiles_are(service):
    service.systemctl("start", SERVICE)
    assert service.show("ActiveState") == "active"
    assert service.show("NotifyAccess") == "main"
    status = wait_status(service, "1 profile: 1 fresh; next refresh in ")
    assert int(re.fullmatch(r".* in (\d+) s", status).group(1)) > 60
    assert told(service, "1 profile: 1 fresh")


def test_a_reload_puts_the_new_file_in_place(service, server):
    token = service.gctoken("get").stdout
    pid = service.main_pid()
    service.write_config("[general]\nlive_reload_config = no\n" + good(server))
    service.systemctl("reload", SERVICE)
    service.write_config("[general]\nlive_reload_config = no\n" + good(server) + profile(server, "second", allow=ALLOW))
    service.systemctl("reload", SERVICE)
    assert service.gctoken("get", "second").stdout
    assert service.gctoken("get").stdout == token
    assert service.main_pid() == pid
    wait_status(service, "2 profiles: 2 fresh")


def test_a_reload_of_a_bad_file_fails_and_says_why(service, server):
    service.write_config("[general]\nlive_reload_config = no\n" + good(server))
    token = service.gctoken("get").stdout
    pid = service.main_pid()
    service.write_config("[general]\nlive_reload_config = no\n" + good(server, scop="x"))
    done = service.systemctl("reload", SERVICE, check=False)
    assert done.returncode != 0 and f"journalctl -xeu {SERVICE}" in done.stderr
    assert TYPO in service.journal_text()
    assert TYPO in wait_status(service, "the last reload failed")
    assert told(service, TYPO)
    # Nothing else has changed.
    assert (service.show("ActiveState"), service.show("SubState")) == ("active", "running")
    assert (service.gctoken("get").stdout, service.main_pid()) == (token, pid)
    service.write_config("[general]\nlive_reload_config = no\n" + good(server))
    service.systemctl("reload", SERVICE)
    service.wait_until(lambda: "failed" not in status_text(service), "a status without the mistake")


def spoil_by_a_typo(machine, server):
    machine.write_config(good(server, scop="x"))
    return TYPO


def spoil_by_a_mode(machine, server):
    machine.write_config(good(server))
    machine.CONFIG.chmod(0o666)
    return "can write the file"


def spoil_by_nothing(machine, server):
    return "there is no such file"


@pytest.mark.parametrize("spoil", [spoil_by_a_typo, spoil_by_a_mode, spoil_by_nothing])
def test_a_bad_file_at_the_start_is_told_to_callers_until_it_is_mended(machine, server, spoil):
    reason = spoil(machine, server)
    machine.start()
    done = machine.gctoken("get", check=False)
    assert done.returncode == 1 and reason in done.stderr
    assert reason in wait_status(machine, "No configuration: ")
    assert told(machine, reason)
    assert reason in machine.journal_text()
    assert machine.show("ActiveState") == "active"
    assert machine.systemctl("reload", SERVICE, check=False).returncode != 0
    pid = machine.main_pid()
    machine.write_config(good(server))
    machine.wait_until(lambda: machine.gctoken("get", check=False).returncode == 0, "a token")
    assert (machine.main_pid(), machine.show("NRestarts")) == (pid, "0")
    wait_status(machine, "1 profile: 1 fresh")


# ---- watchdog

def wait_replaced(machine, pid):
    """Waits until the watchdog has put another process in its place."""
    machine.wait_until(lambda: machine.show("NRestarts") != "0", "a restart", timeout=30)
    machine.wait_until(lambda: machine.show("ActiveState") == "active", "active again")
    assert machine.main_pid() not in (0, pid)
    assert "Watchdog timeout" in machine.journal_text()


def test_a_daemon_that_is_well_is_left_alone(machine, server):
    machine.drop_in(WATCHDOG)
    machine.write_config(good(server))
    machine.start()
    machine.gctoken("get")
    pid = machine.main_pid()
    first = machine.show("WatchdogTimestampMonotonic")
    for _ in range(3):
        machine.wait_until(lambda: machine.show("WatchdogTimestampMonotonic") != first, "a sign of life")
        first = machine.show("WatchdogTimestampMonotonic")
    assert (machine.main_pid(), machine.show("NRestarts")) == (pid, "0")


def test_a_stopped_daemon_is_replaced_and_who_came_meanwhile_is_answered(machine, server):
    machine.drop_in(WATCHDOG)
    machine.write_config(good(server))
    machine.start()
    machine.gctoken("get")
    pid = machine.main_pid()
    os.kill(pid, signal.SIGSTOP)
    with Connection(SOCKET_PATH) as waiting:
        waiting.send("auth.getJwtToken")
        assert waiting.reply()["data"]["jwtToken"]
    wait_replaced(machine, pid)


def test_a_daemon_that_overlooks_a_refresh_is_replaced(machine, server):
    library = shutil.copy(os.environ["GCTOKEND_STUCK_TIMERS"], LIBRARIES)
    machine.drop_in(WATCHDOG + f"Environment=LD_PRELOAD={library}\n")
    server.rule({"expires_in": 4})
    machine.write_config(good(server))
    machine.start()
    machine.gctoken("get")
    pid = machine.main_pid()
    wait_replaced(machine, pid)
    assert "has been overlooked" in machine.journal_text()
    assert server.stats()["token_requests"] > 1
