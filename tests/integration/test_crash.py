"""gctokend is killed at random moments of a rotation, over and over: no session is lost that need not be,
and each one that is lost is told as such."""

import contextlib
import os
import random
import signal
import time

import pytest

from daemon import SLOWNESS, Daemon, profile
from sandbox import Sandbox

# Where everything is slow, so is each round: fewer have to do.
ROUNDS = max(8, int(200 / SLOWNESS ** 2))
SESSIONS = 3  # of each kind
SECRET = "app-secret"
ANSWER_DELAY_MS = 5
# How much longer than a whole rotation the daemon may live.
MARGIN = 1.2
REPLY_TIMEOUT_S = 30 * SLOWNESS
SEED = int(os.environ.get("GCTOKEND_CRASH_SEED", random.randrange(1 << 32)))


class World:
    """A server that has clients of both kinds, and a daemon with a profile for each session."""

    def __init__(self, stack):
        self.server = stack.enter_context(Sandbox(
            clients=[{"id": mode, "secret": SECRET, "refresh_tokens": mode, "grace_ms": 3600000}
                     for mode in ("burned", "grace")],
            rules=[{"delay_ms": ANSWER_DELAY_MS}]))
        self.names = [f"{mode}{n}" for mode in ("burned", "grace") for n in range(SESSIONS)]
        self.daemon = Daemon("")
        stack.callback(self.daemon.stop, check=False)
        self.daemon.secrets.add(SECRET)
        self.begun = {}  # name → the first refresh token of its session
        for name in self.names:
            self.sign_in(name)
        self.daemon.write_config("\n".join(
            profile(self.server, name, client_id=self.mode(name), secret=SECRET, grant="refresh_token",
                    refresh_token_file=self.seed_path(name)) for name in self.names))
        self.window_s = 0.0

    @staticmethod
    def mode(name):
        return name.rstrip("0123456789")

    def seed_path(self, name):
        return os.path.join(self.daemon.dir, "seed-" + name)

    def sign_in(self, name):
        self.begun[name] = self.server.session(self.mode(name))
        with open(self.seed_path(name), "w", encoding="utf-8",
                  opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(self.begun[name])

    def sessions(self):
        """The server's view: name → session."""
        by_token = {session["refresh_tokens"][0]["refresh_token"]: session for session in self.server.sessions()}
        return {name: by_token[self.begun[name]] for name in self.names}

    def ask_all(self, connection):
        for name in self.names:
            connection.send("auth.getJwtToken", {"profile": name}, reference=name)

    def rotate_all(self):
        """All of a rotation, from the start of the daemon on: name → reply. Ends with kill -9 too, when there
        is nothing to be lost."""
        self.daemon.start()
        with self.daemon.connect(REPLY_TIMEOUT_S) as connection:
            begun = time.monotonic()
            self.ask_all(connection)
            replies = [connection.reply() for _ in self.names]
            took_s = time.monotonic() - begun
        self.window_s = (self.window_s + took_s) / 2 if self.window_s else took_s
        self.kill()
        return {reply["referenceId"]: reply for reply in replies}

    def rotate_and_be_killed(self):
        """Kills the daemon at a random moment of that: the names whose token had been handed out by then."""
        self.daemon.start()
        with self.daemon.connect(REPLY_TIMEOUT_S) as connection:
            self.ask_all(connection)
            time.sleep(random.uniform(0, self.window_s * MARGIN))
            self.kill()
            replies = []
            with contextlib.suppress(OSError, AssertionError):  # the last line may be cut
                while (reply := connection.reply()):
                    replies.append(reply)
        assert all("data" in reply for reply in replies), replies
        return {reply["referenceId"] for reply in replies}

    def kill(self):
        self.daemon.signal(signal.SIGKILL)
        self.daemon.wait()


@pytest.fixture
def world():
    with contextlib.ExitStack() as stack:
        yield World(stack)


def judge(world, name, reply, session, may_be_lost):
    """Holds what the daemon says of a session after a crash against what the server knows. Whether it was lost."""
    said = f"{name} of seed {SEED}: {reply}, {session}, may be lost: {may_be_lost}"
    if "data" in reply:
        assert session["alive"], said
        return False
    assert world.mode(name) == "burned" and name in may_be_lost, said
    assert session["ended"] == "reuse", said
    assert reply["error"]["code"] == "login_required", said
    assert "was lost" in reply["errorMessage"] and "sign in again" in reply["errorMessage"], said
    return True


def test_a_crash_costs_a_session_only_where_an_answer_was_lost_and_the_server_has_no_grace(world, capsys):
    random.seed(SEED)
    rounds = early = lost = 0
    assert all("data" in reply for reply in world.rotate_all().values())
    # On and on until something was lost: else nothing was tried.
    while rounds < ROUNDS or (lost == 0 and rounds < 10 * ROUNDS):
        rounds += 1
        before = world.sessions()
        handed_out = world.rotate_and_be_killed()
        early += len(handed_out) < len(world.names)
        used = {name for name, session in world.sessions().items()
                if len(session["refresh_tokens"]) > len(before[name]["refresh_tokens"])}
        replies = world.rotate_all()
        after = world.sessions()
        for name, reply in replies.items():
            # What is handed out is durable.
            if judge(world, name, reply, after[name], used - handed_out):
                lost += 1
                world.sign_in(name)
    spared = sum(token["used"] > 1 for session in world.server.sessions("grace") for token in session["refresh_tokens"])
    with capsys.disabled():
        print(f"\n{rounds} crashes, {early} of them before all tokens were handed out: {lost} sessions lost with their "
              f"answer, each told, and {spared} spared by the grace period")
    assert lost > 0
    assert [session["alive"] for session in world.server.sessions("grace")] == [True] * SESSIONS
    for session in world.server.sessions():
        world.daemon.secrets |= {token["refresh_token"] for token in session["refresh_tokens"]}
    world.daemon.check_log()
