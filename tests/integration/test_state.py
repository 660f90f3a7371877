"""Refresh tokens that rotate survive restarts, crashes, full disks and lost permissions."""

import contextlib
import glob
import os
import signal
import subprocess
import time

import pytest

from daemon import SLOWNESS, Daemon, profile
from sandbox import Sandbox

NOBODY = 65534
LIFETIME_S = 3600


class World:
    """A server with one client whose refresh tokens rotate, and a daemon that has the first one in a file."""

    def __init__(self, stack, mode="rotated", lifetime_s=LIFETIME_S, user=None, command_prefix=(), **keys):
        self.server = stack.enter_context(Sandbox(clients=[
            {"id": "app", "secret": "app-secret", "refresh_tokens": mode, "expires_in": lifetime_s}]))
        self.daemon = Daemon("", user=user, command_prefix=command_prefix)
        stack.callback(self.daemon.stop, check=False)
        self.daemon.secrets.add("app-secret")
        self.seed = os.path.join(self.daemon.dir, "seed")
        self.user = user
        if user is not None:
            os.chown(self.daemon.dir, user, user)
        self.plant()
        self.configure(**keys)

    def plant(self):
        """Signs in, and puts the first refresh token into the file."""
        token = self.server.session("app")
        self.daemon.secrets.add(token)
        with open(self.seed, "w", encoding="utf-8",
                  opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(token + "\n")
        if self.user is not None:
            os.chown(self.seed, self.user, self.user)

    def configure(self, **keys):
        self.daemon.write_config(profile(
            self.server, client_id="app", secret="app-secret", grant="refresh_token",
            refresh_token_file=self.seed, **keys))

    def session(self):
        """The newest session of the server."""
        session = self.server.sessions("app")[-1]
        self.daemon.secrets |= {token["refresh_token"] for token in session["refresh_tokens"]}
        return session

    def refresh(self):
        return self.daemon.ask("auth.refresh")

    def crash(self):
        self.daemon.signal(signal.SIGKILL)
        self.daemon.wait()

    def done(self):
        self.session()
        self.daemon.stop()


@pytest.fixture
def world():
    with contextlib.ExitStack() as stack:
        yield lambda **options: World(stack, **options)


def used(session):
    return [token["used"] for token in session["refresh_tokens"]]


def test_tokens_that_rotate_are_each_sent_once(world):
    here = world(mode="burned", lifetime_s=8)
    here.daemon.start()
    here.daemon.wait_state("fresh")
    deadline = time.monotonic() + 60 * SLOWNESS
    while len(here.session()["refresh_tokens"]) < 4:
        assert here.daemon.info()["state"] in ("fresh", "refreshing")
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert here.session()["alive"]
    assert max(used(here.session())) == 1
    here.done()


def test_a_restart_goes_on_with_the_newest_token(world):
    here = world(mode="burned")
    for n in range(1, 4):
        here.daemon.start()
        here.daemon.wait_state("fresh")
        assert used(here.session()) == [1] * n + [0]
        here.daemon.end()
    assert here.session()["alive"]


def test_with_persist_tokens_a_restart_makes_no_request(world):
    here = world(persist_tokens="true")
    here.daemon.start()
    here.daemon.wait_state("fresh")
    token = here.daemon.get()
    here.daemon.end()
    here.daemon.start()
    assert here.daemon.get() == token
    assert here.server.stats()["token_requests"] == 1
    here.done()


def test_without_persist_tokens_a_restart_fetches_a_token(world):
    here = world()
    here.daemon.start()
    token = here.daemon.get()
    here.daemon.end()
    here.daemon.start()
    assert here.daemon.get() != token
    assert here.server.stats()["token_requests"] == 2
    here.done()


def test_no_file_of_the_state_directory_shows_a_secret_or_can_be_read_by_others(world):
    here = world(persist_tokens="true")
    here.daemon.start()
    token = here.daemon.get()
    here.daemon.end()
    files = glob.glob(os.path.join(here.daemon.state, "*"))
    assert any(file.endswith("default.state") for file in files)
    secrets = [token] + [t["refresh_token"] for t in here.session()["refresh_tokens"]]
    for file in files:
        assert os.stat(file).st_mode & 0o777 == 0o600, file
        with open(file, "rb") as opened:
            data = opened.read()
        assert not [secret for secret in secrets if secret.encode() in data], file


def test_a_session_that_the_server_has_ended_is_not_asked_for_again_until_the_seed_changes(world):
    here = world()
    here.daemon.start()
    here.daemon.wait_state("fresh")
    here.server.end(here.session()["refresh_tokens"][-1]["refresh_token"])
    assert here.refresh()["error"]["code"] == "login_required"
    requests = here.server.stats()["token_requests"]
    here.daemon.end()
    here.daemon.start()
    here.daemon.wait_state("login_required")
    assert here.daemon.gctoken("get").returncode == 5
    assert here.server.stats()["token_requests"] == requests
    here.plant()
    time.sleep(1.1)  # it is looked for once in a second
    assert here.daemon.gctoken("get").returncode == 0
    assert here.session()["alive"]


def crash_in_flight(here):
    """Kills the daemon while the server has its request, and starts it again when the server has acted."""
    here.daemon.start()
    here.daemon.wait_state("fresh")
    here.server.rule({"times": 1, "delay_ms": 300})
    with here.daemon.connect() as connection:
        connection.send("auth.refresh")
        while here.server.stats()["in_flight"] == 0:
            time.sleep(0.01)
        here.crash()
    while here.server.stats()["in_flight"] > 0:
        time.sleep(0.01)
    here.daemon.start()


def test_an_answer_lost_in_a_crash_costs_nothing_where_the_server_allows_a_grace_period(world):
    here = world(mode="grace")
    crash_in_flight(here)
    here.daemon.wait_state("fresh")
    assert here.session()["alive"]
    here.done()


def test_an_answer_lost_in_a_crash_is_told_as_such_where_the_server_allows_none(world):
    here = world(mode="burned")
    crash_in_flight(here)
    info = here.daemon.wait_state("login_required")
    assert "was lost" in info["lastError"]["message"]
    assert "sign in again" in info["lastError"]["message"]
    requests = here.server.stats()["token_requests"]
    time.sleep(2)
    assert here.server.stats()["token_requests"] == requests
    here.done()


def test_sigterm_waits_for_the_answer_that_brings_a_refresh_token(world):
    here = world(mode="burned")
    here.daemon.start()
    here.daemon.wait_state("fresh")
    here.server.rule({"times": 1, "delay_ms": 1000})
    with here.daemon.connect() as connection:
        connection.send("auth.refresh")
        while here.server.stats()["in_flight"] == 0:
            time.sleep(0.01)
        here.daemon.signal(signal.SIGTERM)
        assert connection.reply()["error"]["code"] == "shutting_down"
        assert here.daemon.wait() == 0
    here.daemon.start()
    here.daemon.wait_state("fresh")
    assert here.session()["alive"]
    here.done()


def test_sigterm_waits_five_seconds_at_most(world):
    here = world()
    here.daemon.start()
    here.daemon.wait_state("fresh")
    here.server.rule({"times": 1, "delay_ms": 20000})
    with here.daemon.connect() as connection:
        connection.send("auth.refresh")
        while here.server.stats()["in_flight"] == 0:
            time.sleep(0.01)
        began = time.monotonic()
        assert here.daemon.end() == 0
        assert 4.5 <= time.monotonic() - began <= 5 + 2 * SLOWNESS


def test_a_second_daemon_on_the_same_state_ends_and_names_the_first(world):
    here = world()
    here.daemon.start()
    done = subprocess.run(
        [os.environ["GCTOKEND"], "--config", here.daemon.config_path, "--socket", here.daemon.socket + "2"],
        env={**os.environ, "STATE_DIRECTORY": here.daemon.state}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert str(here.daemon.pid) in done.stderr
    here.done()


def test_another_token_url_does_not_get_the_stored_token(world):
    here = world()
    here.daemon.start()
    here.daemon.wait_state("fresh")
    here.daemon.end()
    requests = here.server.stats()["token_requests"]
    other = here.server.http.replace("127.0.0.1", "localhost")
    here.configure(token_url=other + "/oauth/token")
    here.daemon.start()
    here.daemon.wait_state("login_required")  # the seed was used up with the first
    assert here.server.stats()["token_requests"] == requests + 1
    assert glob.glob(os.path.join(here.daemon.state, "default.*foreign*"))
    here.done()


def test_a_damaged_file_is_kept_aside_and_said(world):
    here = world()
    here.daemon.start()
    here.daemon.wait_state("fresh")
    here.daemon.end()
    path = os.path.join(here.daemon.state, "default.state")
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    here.daemon.start()
    here.daemon.wait_state("login_required")
    here.daemon.wait_log("damaged")
    assert glob.glob(os.path.join(here.daemon.state, "default.*damaged*"))
    here.done()


def spoil_by_permission(here):
    os.chmod(here.daemon.state, 0o500)


def mend_permission(here):
    os.chmod(here.daemon.state, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="permissions are for others than root")
def test_a_directory_that_cannot_be_written_costs_no_session_and_no_token_that_is_valid(world):
    here = world(mode="burned", user=NOBODY - 1, refresh_token_wait_max=2)
    here.daemon.start()
    here.daemon.wait_state("fresh")
    token = here.daemon.get()
    spoil_by_permission(here)
    reply = here.refresh()
    assert reply["error"]["code"] == "upstream_unavailable"
    assert here.daemon.state in reply["errorMessage"]
    assert here.daemon.get() == token
    assert used(here.session()) == [1, 0]
    mend_permission(here)
    here.daemon.wait_state("fresh", timeout=20)
    assert here.session()["alive"]
    assert max(used(here.session())) == 1
    here.done()


@pytest.mark.skipif(os.geteuid() != 0, reason="permissions are for others than root")
def test_a_permission_that_is_taken_away_in_mid_flight_holds_the_token_back_until_it_is_safe(world):
    here = world(mode="burned", user=NOBODY - 1, refresh_token_wait_max=2)
    here.daemon.start()
    here.daemon.wait_state("fresh")
    token = here.daemon.get()
    here.server.rule({"times": 1, "delay_ms": 500})
    with here.daemon.connect() as connection:
        connection.send("auth.refresh")
        while here.server.stats()["in_flight"] == 0:
            time.sleep(0.01)
        spoil_by_permission(here)
        assert connection.reply()["error"]["code"] == "upstream_unavailable"
    assert here.daemon.get() == token  # not the new one
    mend_permission(here)
    info = here.daemon.wait_state("fresh", timeout=20)
    assert info["generation"] == 2
    assert here.daemon.get() != token
    assert here.server.stats()["token_requests"] == 2  # nothing was asked again
    assert used(here.session()) == [1, 1, 0]
    here.done()


def test_a_full_disk_costs_no_session_and_no_token_that_is_valid(world):
    mount = 'mount -t tmpfs -o size=64k,mode=700 tmpfs "$STATE_DIRECTORY" && exec "$@"'
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    here = world(mode="burned", refresh_token_wait_max=2,
                 command_prefix=[*namespace, "sh", "-c", mount, "sh"])
    here.daemon.start()
    here.daemon.wait_state("fresh")
    token = here.daemon.get()
    fill = f"/proc/{here.daemon.pid}/root{here.daemon.state}/fill"
    with open(fill, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    reply = here.refresh()
    assert reply["error"]["code"] == "upstream_unavailable"
    assert "No space left" in reply["errorMessage"]
    assert here.daemon.get() == token
    assert used(here.session()) == [1, 0]
    os.unlink(fill)
    here.daemon.wait_state("fresh", timeout=20)
    assert here.session()["alive"]
    assert max(used(here.session())) == 1
    here.done()


def test_a_read_only_state_directory_is_told_at_start(world):
    mount = ('mount --bind "$STATE_DIRECTORY" "$STATE_DIRECTORY" && mount -o remount,bind,ro "$STATE_DIRECTORY"'
             ' && exec "$@"')
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    here = world(command_prefix=[*namespace, "sh", "-c", mount, "sh"])
    with pytest.raises(AssertionError, match="did not start \\(1\\)") as told:
        here.daemon.start()
    assert here.daemon.state in str(told.value) and "Read-only" in str(told.value)
