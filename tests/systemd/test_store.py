"""What the service manager keeps: no end of the daemon but `systemctl stop` costs a token request, and no caller fails."""

import os
import signal
import threading
import time

import pytest

import guest
from daemon import SLOWNESS, Connection, alike, profile

RESTARTS = max(4, int(20 / SLOWNESS))
UPGRADES = 4
PAUSE_S = 0.02  # of a caller, between two calls


@pytest.fixture
def kept(service):
    """The module guest, where `default` has a token."""
    service.wait_until(lambda: info()["state"] == "fresh", "a token")
    return service


def info():
    return guest.ask("auth.getTokenInfo", {"profile": "default"})["data"]


def token():
    return guest.ask("auth.getJwtToken")["data"]["jwtToken"]


def wait_for_another(pid):
    guest.wait_until(lambda: guest.main_pid() not in (0, pid), "another daemon", timeout=30)


def restart():
    guest.systemctl("restart", guest.SERVICE)


def kill_with(number):
    return lambda: os.kill(guest.main_pid(), number)


def starve_watchdog():
    os.kill(guest.main_pid(), signal.SIGSTOP)


@pytest.mark.parametrize("end, result", [
    (restart, "success"),
    (kill_with(signal.SIGKILL), "signal"),
    (kill_with(signal.SIGABRT), "signal"),
    (starve_watchdog, "watchdog"),
], ids=["restart", "SIGKILL", "SIGABRT", "watchdog"])
def test_token_and_generation_go_on(server, kept, end, result):
    kept.drop_in(f"[Service]\nRestartSec=100ms\nWatchdogSec={int(SLOWNESS)}s\n")
    restart()
    before, was = info(), token()
    for _ in range(2):
        pid = guest.main_pid()
        end()
        wait_for_another(pid)
        assert token() == was
        assert alike(info(), before)
    assert server.stats()["token_requests"] == 1
    if result != "success":
        assert f"Failed with result '{result}'" in guest.journal_text().replace("core-dump", "signal")


def test_stop_forgets(server, kept):
    kept.systemctl("stop", guest.SERVICE)
    assert token()
    assert server.stats()["token_requests"] == 2


def test_one_descriptor_is_stored_whatever_happens(kept):
    for _ in range(3):
        kept.gctoken("status")
        restart()
        info()
        # systemd takes the new one, then lets go of the old one.
        kept.wait_until(lambda: guest.show("NFileDescriptorStore") == "1", "one descriptor in the store")


class Callers:
    """Callers in a loop; one that is not answered asks once more."""

    def __init__(self, n):
        self.calls = 0
        self.repeated = 0
        self.failures = []
        self.tokens = set()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(n)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._ended.wait(PAUSE_S):
            reply = self._ask() or self._ask(again=True)
            if reply and "data" in reply:
                self.calls += 1
                self.tokens.add(reply["data"]["jwtToken"])
            else:
                self.failures.append(reply)

    def _ask(self, again=False):
        self.repeated += again
        try:
            with Connection(guest.SOCKET_PATH) as connection:
                return connection.get()
        except (ConnectionError, AssertionError) as error:
            if again:
                self.failures.append(error)
            return None

    def wait(self, n):
        """Until so many more calls were answered."""
        goal = self.calls + n
        guest.wait_until(lambda: self.calls >= goal, "answers")


def test_200_callers_do_not_notice_20_restarts(server, kept):
    was = token()
    with Callers(200) as callers:
        for _ in range(RESTARTS):
            callers.wait(200)
            restart()
        callers.wait(200)
    assert not callers.failures, callers.failures[:3]
    assert callers.tokens == {was}
    assert server.stats()["token_requests"] == 1


def test_50_callers_do_not_notice_an_upgrade(server, kept):
    was, generation = token(), info()["generation"]
    programs = set()
    with Callers(50) as callers:
        for _ in range(UPGRADES):
            guest.run("meson", "install", "--no-rebuild", "-C", os.environ["GCTOKEND_BUILD"])
            kept.systemctl("daemon-reload")
            restart()
            callers.wait(50)
            programs.add(os.stat(f"/proc/{guest.main_pid()}/exe").st_ino)
    assert len(programs) == UPGRADES
    assert not callers.failures, callers.failures[:3]
    assert callers.tokens == {was} and info()["generation"] == generation
    assert server.stats()["token_requests"] == 1


def test_callers_do_not_notice_a_kill(server, kept):
    kept.drop_in("[Service]\nRestartSec=100ms\n")
    restart()
    was = token()
    with Callers(50) as callers:
        for _ in range(UPGRADES):
            callers.wait(50)
            pid = guest.main_pid()
            os.kill(pid, signal.SIGKILL)
            wait_for_another(pid)
        callers.wait(50)
    assert not callers.failures, callers.failures[:3]
    assert callers.tokens == {was}
    assert server.stats()["token_requests"] == 1


def test_tokens_of_another_identity_are_not_used(server, kept):
    was = token()
    kept.write_config(profile(server, allow="user:root (auth.getJwtToken)", audience="https://other.example/"))
    # Not seen as a change of the file: it is stopped while it is written, or comes first.
    restart()
    kept.wait_until(lambda: info()["state"] == "fresh", "a token")
    assert token() != was
    assert server.stats()["token_requests"] == 2
