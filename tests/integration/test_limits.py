"""The limits of PROTOCOL.md: what a slow, hostile, greedy or vanishing client may take, and that it costs the others
nothing."""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from callers import (ALICE, BOB, CAROL, NEEDS_ROOT, WRAPPED, check_growth, code, connect_as, cpu_seconds, private_bytes,
                     status, unread_bytes, wait_alone, wait_until)
from daemon import PACE, SLOWNESS, Daemon, profile
from sandbox import Sandbox
from traffic import fairly_timed

PENDING_MAX = 64
OUTPUT_MAX = 128 * 1024
LINES_A_TURN = 64
REQUEST_TIMEOUT_S = 10
UNREAD_TIMEOUT_S = 30
# What the kernel takes for a peer that does not read: SO_SNDBUF by default, and more.
SOCKET_BUFFER = 512 * 1024
GET = b'{"request":"auth.getJwtToken"}\n'
GET_SLOW = b'{"request":"auth.getJwtToken","parameters":{"profile":"slow"}}\n'
INFO = b'{"request":"auth.getTokenInfo"}\n'
SLOW_CLIENT = {"id": "slow", "secret": "slow-secret"}
# Longer than what is done meanwhile, and longer than any test.
FLIGHT_S = max(3, 1.5 * SLOWNESS)
FOR_EVER_S = 600

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def limits(**keys):
    return "[daemon]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def may_get(*uids):
    """An allow line with which these may get tokens, and see the rest."""
    return ", ".join(f"user:{uid} (*, auth.getJwtToken)" for uid in uids)


@contextlib.contextmanager
def slow_daemon(delay_s, config="", **keys):
    """A daemon whose profile `slow` gets its token after delay_s; `default` has one."""
    with Sandbox(clients=[SLOW_CLIENT]) as server:
        server.rule({"match": {"client_id": "slow"}, "delay_ms": int(1000 * delay_s)})
        config += profile(server) + profile(server, "slow", "slow", "slow-secret",
                                            **{"refresh_token_wait_max": 60, "request_timeout": 300, **keys})
        with Daemon(config) as daemon:
            daemon.wait_state("fetching", "slow")
            daemon.wait_state("fresh")
            server.wait(lambda stats: stats["in_flight"] == 1)
            yield daemon


def numbered(line, n):
    """The line with n as its reference."""
    return b'{"referenceId":%d,' % n + line[1:]


def send_what_fits(connection, data):
    """Sends until the daemon has taken nothing more for a while; the number of bytes."""
    connection.socket.setblocking(False)
    sent = 0
    quiet_since = time.monotonic()
    while sent < len(data) and time.monotonic() - quiet_since < 0.3 * SLOWNESS:
        try:
            sent += connection.socket.send(data[sent:sent + 65536])
            quiet_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    connection.socket.settimeout(60)
    return sent


def is_closed(connection):
    """Whether the daemon has closed it, seen without reading."""
    poll = select.poll()
    poll.register(connection.socket, select.POLLIN)
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


def told_and_closed(connection):
    """What a refused connection is told."""
    lines = []
    try:
        while line := connection.line():
            lines.append(json.loads(line))
    except ConnectionResetError:
        pass
    assert len(lines) == 1 and code(lines[0]) == "rate_limited", lines
    assert lines[0]["error"]["retryable"] is True and lines[0]["error"]["retryAfter"] >= 1
    assert "referenceId" not in lines[0]
    return True


def answers(daemon):
    """Whether a new connection is served; else it was told."""
    with daemon.connect() as connection:
        with contextlib.suppress(BrokenPipeError):
            connection.send("auth.getJwtToken")
        reply = connection.reply()
    assert "data" in reply or code(reply) == "rate_limited"
    return "data" in reply


# What takes long goes on beside the other tests, and is judged at the end of the file.


class Patience:
    """One daemon with all that has to be waited for: a connection and a thread for each experiment."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.pool = ThreadPoolExecutor(max_workers=32)
        self.results = {}
        for name in ("slow_reader", "silent_subscriber", "reader_in_steps", "half_a_request",
                     "half_a_request_behind_a_whole_one", "half_a_request_of_a_subscriber", "byte_a_second", "blanks", "idle",
                     "idle_after_a_request", "idle_subscriber", "slow_but_complete",
                     "half_a_request_while_reading_has_stopped", "waits", "others"):
            self.results[name] = self.pool.submit(getattr(self, name), daemon.connect())

    def result(self, name):
        return self.results[name].result(timeout=120 * SLOWNESS)

    @staticmethod
    def seconds_until_closed(connection, begin, each_second=b""):
        """Since begin; None when it stays open. each_second is sent meanwhile."""
        sent = begin
        while time.monotonic() - begin < UNREAD_TIMEOUT_S + 10 * SLOWNESS:
            if is_closed(connection):
                return time.monotonic() - begin
            if each_second and time.monotonic() - sent >= 1:
                connection.send_raw(each_second)
                sent += 1
            time.sleep(0.02)
        return None

    def slow_reader(self, connection):
        """Reads nothing."""
        begin = time.monotonic()
        sent = send_what_fits(connection, GET * 200)
        assert sent == len(GET) * 200
        return self.seconds_until_closed(connection, begin)

    def silent_subscriber(self, connection):
        """Reads nothing while more comes than the kernel holds, and then all that is left for it."""
        connection.send("events.subscribe", {
            "profiles": ["heard"], "events": ["tokenRefreshed"], "withToken": True})
        for n in range(10):
            token = f"{n}" + "x" * 60000
            self.daemon.ask("auth.setAccessToken", {"profile": "heard", "token": token, "expiresIn": 3600})
        time.sleep(UNREAD_TIMEOUT_S + 10)
        assert not is_closed(connection)
        lines = [json.loads(line) for line in iter(connection.line, b"")]
        return [line.get("event") or code(line) for line in lines[1:]]

    def reader_in_steps(self, connection):
        """Reads now and then; has all its answers after more than the time limit."""
        connection.send_raw(GET * 30)
        for n in range(30):
            if n % 4 == 0:
                time.sleep(4.5)
            assert connection.reply()["data"]["jwtToken"]
        return True

    def half_a_request(self, connection):
        begin = time.monotonic()
        connection.send_raw(GET[:20])
        return self.seconds_until_closed(connection, begin)

    def half_a_request_behind_a_whole_one(self, connection):
        connection.send_raw(GET)
        assert connection.reply()["data"]
        time.sleep(3)
        begin = time.monotonic()
        connection.send_raw(GET + GET[:-1])
        assert connection.reply()["data"]
        return self.seconds_until_closed(connection, begin)

    def half_a_request_of_a_subscriber(self, connection):
        """Events come meanwhile, and are read."""
        assert "data" in connection.ask("events.subscribe", {"profiles": ["heard"]})
        return self.half_a_request(connection)

    def byte_a_second(self, connection):
        return self.seconds_until_closed(connection, time.monotonic(), each_second=b"{")

    def blanks(self, connection):
        return self.seconds_until_closed(connection, time.monotonic(), each_second=b" ")

    def idle(self, connection):
        time.sleep(UNREAD_TIMEOUT_S + 3)
        assert not is_closed(connection)
        return connection.get()

    def idle_after_a_request(self, connection):
        connection.send_raw(GET[:20])
        time.sleep(1)
        connection.send_raw(GET[20:] + b"\n\n")
        assert connection.reply()["data"]
        return self.idle(connection)

    def idle_subscriber(self, connection):
        """Nothing happens that it has asked for."""
        assert "data" in connection.ask("events.subscribe", {"profiles": ["heard"], "events": ["signedIn"]})
        return self.idle(connection)

    def slow_but_complete(self, connection):
        """Each request takes five seconds, one follows the other."""
        for _ in range(4):
            for piece in (GET[:10], GET[10:20], GET[20:-1]):
                connection.send_raw(piece)
                time.sleep(1.7)
            connection.send_raw(b"\n")
            assert connection.reply()["data"]
        return True

    def half_a_request_while_reading_has_stopped(self, connection):
        """Nobody can complete what is not read. With the answers its time begins."""
        hang = b'{"request":"auth.getJwtToken","parameters":{"profile":"slow"}}\n'
        connection.send_raw(hang * PENDING_MAX + GET[:20])
        for _ in range(PENDING_MAX):
            assert code(connection.reply()) == "refresh_timeout"
        return self.seconds_until_closed(connection, time.monotonic())

    def waits(self, connection):
        """Longer than a request may take to come."""
        begin = time.monotonic()
        connection.send_raw(GET_SLOW)
        return code(connection.reply()), time.monotonic() - begin

    def others(self, connection):
        """The longest time that another had to wait for a valid token, all the time."""
        longest = 0
        end = time.monotonic() + UNREAD_TIMEOUT_S + 3
        while time.monotonic() < end:
            begin = time.monotonic()
            assert connection.get()["data"]["jwtToken"]
            longest = max(longest, time.monotonic() - begin)
            time.sleep(0.02)
        return longest


@pytest.fixture(scope="module", autouse=True)
def patience():
    with Sandbox(clients=[SLOW_CLIENT]) as server:
        server.rule({"match": {"client_id": "slow"}, "delay_ms": 600000})
        server.rule({"token_size": 60000})
        config = profile(server) + profile(server, "slow", "slow", "slow-secret", refresh_token_wait_max=12,
                                            request_timeout=300)
        config += "[profile heard]\ngrant = static\n"
        with Daemon(config) as daemon:
            daemon.wait_state("fresh")
            running = Patience(daemon)
            yield running
            running.pool.shutdown()
            wait_alone(daemon)


@pytest.fixture(scope="module")
def daemon():
    """For tests that leave nothing behind."""
    with Sandbox() as server, Daemon(profile(server)) as started:
        started.wait_state("fresh")
        assert started.get()
        yield started


@pytest.fixture(scope="module")
def stuck_daemon():
    """The token of `slow` never comes."""
    with slow_daemon(FOR_EVER_S) as started:
        yield started


# Reading stops


def test_reading_stops_at_64_requests_that_wait_and_goes_on_after_their_answers():
    with slow_daemon(FLIGHT_S) as daemon, daemon.connect() as connection:
        connection.send_raw(b"".join(numbered(GET_SLOW, n) for n in range(200)) + numbered(GET, 200))
        wait_until(lambda: status(daemon)["counters"]["waiting"] == PENDING_MAX)
        time.sleep(0.3)
        assert status(daemon)["counters"]["waiting"] == PENDING_MAX
        connection.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.line()
        connection.socket.settimeout(60)
        replies = {reply["referenceId"]: reply for reply in (connection.reply() for _ in range(201))}
        assert sorted(replies) == list(range(201))
        assert all(reply["data"]["jwtToken"] for reply in replies.values())
        assert status(daemon)["counters"]["waiting"] == 0


def test_63_requests_that_wait_let_others_pass():
    with slow_daemon(FLIGHT_S) as daemon, daemon.connect() as connection:
        connection.send_raw(GET_SLOW * (PENDING_MAX - 1))
        wait_until(lambda: status(daemon)["counters"]["waiting"] == PENDING_MAX - 1)
        assert connection.ask("auth.getJwtToken", reference="valid")["referenceId"] == "valid"
        for _ in range(PENDING_MAX - 1):
            assert connection.reply()["data"]["jwtToken"]


def test_what_cannot_be_read_yet_costs_no_memory():
    with slow_daemon(max(3, 2 * SLOWNESS)) as daemon, daemon.connect() as connection:
        before = private_bytes(daemon)
        data = GET_SLOW * 100000
        sent = send_what_fits(connection, data)
        assert sent < SOCKET_BUFFER
        check_growth(before, private_bytes(daemon), 512 * 1024)
        connection.socket.shutdown(socket.SHUT_WR)
        for _ in range(sent // len(GET_SLOW)):
            assert b'"jwtToken"' in connection.line()
        assert connection.line() == b""


@pytest.mark.parametrize(("line", "token_size", "handled"), [
    (GET, 60000, (SOCKET_BUFFER + OUTPUT_MAX) // 60000 + LINES_A_TURN),
    (INFO, 100, (SOCKET_BUFFER + OUTPUT_MAX) // 400 + LINES_A_TURN),
], ids=["shared", "rendered"])
def test_reading_stops_when_answers_are_not_read_and_goes_on_when_they_are(line, token_size, handled):
    with Sandbox() as server:
        server.rule({"token_size": token_size})
        with Daemon(profile(server)) as daemon:
            daemon.wait_state("fresh")
            with daemon.connect() as connection:
                before = private_bytes(daemon)
                requests = status(daemon)["counters"]["requests"]
                n = 20000
                data = b"".join(numbered(line, i) for i in range(n))
                sent = send_what_fits(connection, data)
                assert sent < len(data), "everything was read"
                assert status(daemon)["counters"]["requests"] - requests <= handled + 1
                check_growth(before, private_bytes(daemon), 1024 * 1024)
                connection.socket.shutdown(socket.SHUT_WR)
                for i in range(data.count(b"\n", 0, sent)):
                    assert connection.line().startswith(b'{"referenceId":%d,"data":' % i)
                assert connection.line() == b""


def test_one_that_does_not_read_costs_no_processor_time(daemon):
    with daemon.connect() as connection:
        send_what_fits(connection, GET * 20000)
        before = cpu_seconds(daemon)
        time.sleep(0.5)
        assert cpu_seconds(daemon) - before < 0.1 * SLOWNESS


# Turns


def test_each_connection_has_64_lines_in_a_turn(daemon):
    """Both are ready at once: a thousand requests of one do not come before the only one of the other."""
    with daemon.connect() as many, daemon.connect() as one:
        for connection in (many, one):
            assert connection.get()["data"]
        before = status(daemon)["counters"]["requests"]
        daemon.signal(signal.SIGSTOP)
        try:
            many.send_raw(INFO * 1000)
            one.send("system.getStatus")
        finally:
            daemon.signal(signal.SIGCONT)
        handled = one.reply()["data"]["counters"]["requests"] - before
        assert handled <= 2 * LINES_A_TURN + 1
        for _ in range(1000):
            assert many.reply()["data"]


@contextlib.contextmanager
def flood(daemon, kind, connections=1, **options):
    with subprocess.Popen([sys.executable, os.environ["GCTOKEND_FLOOD"], daemon.socket, kind, str(connections)],
                          **options) as process:
        try:
            wait_until(lambda: status(daemon)["connections"] > connections or kind == "churn")
            time.sleep(0.2)
            yield
            assert process.poll() is None, "the flood has ended"
        finally:
            process.kill()


def latencies(daemon, seconds):
    """Of requests for a valid token, one after the other, sorted."""
    found = []
    with daemon.connect() as connection:
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(found) < 20:
            took, reply = fairly_timed(daemon, connection.get)
            assert reply["data"]["jwtToken"]
            found.append(took)
    return sorted(found)


@pytest.mark.parametrize("kind", ["tokens", "status", "garbage", "blank lines", "long blank lines", "long arrays",
                                  "long objects", "long strings", "churn"])
def test_flood_of_one_connection_does_not_delay_another(daemon, kind):
    with flood(daemon, kind):
        found = latencies(daemon, 0.8)
    assert found[int(len(found) * 0.99) - 1] < 0.1 * SLOWNESS
    wait_alone(daemon)


@NEEDS_ROOT
@pytest.mark.parametrize("kind", ["tokens", "infos", "status"])
def test_flood_of_many_connections_of_one_uid_does_not_delay_others(kind):
    """The connections of a uid share its turns, and several heavy requests are not one turn."""
    with Sandbox() as server, Daemon(profile(server, allow=may_get(0, ALICE))) as daemon:
        daemon.wait_state("fresh")
        with flood(daemon, kind, 256, user=ALICE, group=ALICE, extra_groups=[]):
            found = latencies(daemon, 0.8)
        assert found[int(len(found) * 0.99) - 1] < 0.05 * SLOWNESS
        wait_alone(daemon)


# Numbers of connections


def test_connections_past_the_limit_are_told_and_closed():
    with Sandbox() as server, Daemon(limits(max_connections=8) + profile(server)) as daemon:
        daemon.wait_state("fresh")
        first = daemon.connect()
        wait_until(lambda: first.ask("system.getStatus")["data"]["connections"] == 1)
        served = [first] + [daemon.connect() for _ in range(7)]
        for connection in served:
            assert connection.get()["data"]
        for _ in range(20):
            with daemon.connect() as refused:
                assert told_and_closed(refused)
        for connection in served:
            assert connection.get()["data"]
        served.pop().close()
        wait_until(lambda: answers(daemon))
        for connection in served[1:]:
            connection.close()
        wait_until(lambda: first.ask("system.getStatus")["data"]["connections"] == 1)
        first.close()


@NEEDS_ROOT
def test_one_uid_past_its_connections_is_told_and_others_connect():
    config = limits(max_connections=40, max_connections_per_uid=4)
    with Sandbox() as server, Daemon(config + profile(server, allow=may_get(0, ALICE, BOB))) as daemon:
        daemon.wait_state("fresh")
        held = [connect_as(daemon, ALICE) for _ in range(4)]
        for _ in range(20):
            with connect_as(daemon, ALICE) as refused:
                assert told_and_closed(refused)
        held += [connect_as(daemon, BOB) for _ in range(4)]
        held += [daemon.connect() for _ in range(10)]  # root has no such limit
        for connection in held:
            assert connection.get()["data"]["jwtToken"]
        with connect_as(daemon, BOB) as refused:
            assert told_and_closed(refused)
        held.pop(0).close()
        wait_until(lambda: status(daemon)["connections"] == 18)
        with connect_as(daemon, ALICE) as connection:
            assert connection.get()["data"]["jwtToken"]
        for connection in held:
            connection.close()
        wait_alone(daemon)


@NEEDS_ROOT
def test_limit_of_connections_of_a_uid_is_a_quarter_by_default_and_not_for_the_daemons_own():
    with Sandbox() as server:
        daemon = Daemon(limits(max_connections=16) + profile(server), user=CAROL)
        os.chown(daemon.dir, CAROL, CAROL)
        with daemon:
            with contextlib.ExitStack() as stack:
                for _ in range(4):
                    connection = stack.enter_context(connect_as(daemon, ALICE))
                    assert "data" in connection.ask("system.getAllowedServices")
                assert told_and_closed(stack.enter_context(connect_as(daemon, ALICE)))
                for _ in range(8):
                    connection = stack.enter_context(connect_as(daemon, CAROL))
                    assert "data" in connection.get()


@NEEDS_ROOT
def test_flood_of_connections_of_one_uid_does_not_delay_others():
    """Nearly all of them are refused."""
    config = limits(max_connections_per_uid=1)
    with Sandbox() as server, Daemon(config + profile(server)) as daemon:
        daemon.wait_state("fresh")
        with connect_as(daemon, ALICE), flood(daemon, "churn", user=ALICE, group=ALICE, extra_groups=[]):
            found = latencies(daemon, 0.8)
        assert found[int(len(found) * 0.99) - 1] < 0.1 * SLOWNESS
        wait_alone(daemon)


# Descriptors


def test_connections_are_told_when_descriptors_have_run_out():
    with Sandbox() as server, Daemon(profile(server), command_prefix=["prlimit", "--nofile=64:64"]) as daemon:
        daemon.wait_state("fresh")
        held, refused = [], 0
        for _ in range(150):
            connection = daemon.connect()
            try:
                with contextlib.suppress(BrokenPipeError):
                    connection.send("auth.getJwtToken")
                reply = connection.reply()
            except ConnectionResetError:
                reply = None
            if not reply:
                assert WRAPPED  # valgrind closes what is above the limit by itself
            elif "data" in reply:
                held.append(connection)
            else:
                assert code(reply) == "rate_limited"
                refused += 1
                connection.close()
        assert len(held) >= 20 and (refused >= 86 or WRAPPED)
        before = cpu_seconds(daemon)
        time.sleep(0.3)
        assert cpu_seconds(daemon) - before < 0.1 * SLOWNESS
        for connection in held:
            assert connection.get()["data"]
            connection.close()
        wait_until(lambda: answers(daemon))
        wait_alone(daemon)


def test_daemon_does_not_spin_when_not_even_a_spare_descriptor_is_left():
    """A connection then waits, and is served when there is one."""
    with Sandbox() as server, Daemon(profile(server)) as daemon:
        daemon.wait_state("fresh")
        wait_alone(daemon)
        before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            with daemon.connect() as connection:
                connection.send("auth.getJwtToken")
                time.sleep(0.1)
                cpu = cpu_seconds(daemon)
                time.sleep(1)
                assert cpu_seconds(daemon) - cpu < 0.2 * SLOWNESS
                resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
                assert connection.reply()["data"]["jwtToken"]
        finally:
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
        for _ in range(10):
            assert answers(daemon)


def is_locked(path):
    directory = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(directory)


@NEEDS_ROOT
def test_stranger_who_locks_the_sockets_directory_does_not_keep_the_daemon_from_starting():
    with Sandbox() as server:
        daemon = Daemon(profile(server))
        with subprocess.Popen(["flock", daemon.dir, "sleep", "60"], user=BOB, group=BOB, extra_groups=[],
                              start_new_session=True) as stranger:
            try:
                wait_until(lambda: is_locked(daemon.dir))
                begin = time.monotonic()
                with daemon:
                    assert time.monotonic() - begin < 5 * SLOWNESS
                    daemon.wait_state("fresh")
            finally:
                os.killpg(stranger.pid, signal.SIGKILL)


# Waiting requests


@NEEDS_ROOT
def test_one_uid_may_have_a_quarter_of_all_that_wait():
    config = limits(max_waiters=8)
    with slow_daemon(max(4, 2.5 * SLOWNESS), config, allow=may_get(0, ALICE, BOB)) as daemon:
        with connect_as(daemon, ALICE) as alice, connect_as(daemon, BOB) as bob, daemon.connect() as root:
            alice.send_raw(GET_SLOW * 5)
            for _ in range(3):
                reply = alice.reply()
                assert code(reply) == "rate_limited" and reply["error"]["retryAfter"] >= 1
            bob.send_raw(GET_SLOW * 2)
            wait_until(lambda: status(daemon)["counters"]["waiting"] == 4)
            root.send_raw(GET_SLOW * 6)
            for _ in range(2):
                assert code(root.reply()) == "rate_limited"
            assert status(daemon)["counters"]["waiting"] == 8
            assert root.get()["data"]["jwtToken"]  # who need not wait is not concerned
            for connection, n in ((alice, 2), (bob, 2), (root, 4)):
                for _ in range(n):
                    assert connection.reply()["data"]["jwtToken"]
            assert status(daemon)["counters"]["waiting"] == 0
            assert alice.get("slow")["data"]["jwtToken"]


@NEEDS_ROOT
def test_place_of_a_waiter_that_has_left_is_free_again():
    with slow_daemon(FOR_EVER_S, limits(max_waiters=4), allow=may_get(ALICE)) as daemon:
        for _ in range(20):
            with connect_as(daemon, ALICE) as alice:
                alice.send_raw(GET_SLOW)
                wait_until(lambda: status(daemon)["counters"]["waiting"] == 1)
            wait_until(lambda: status(daemon)["counters"]["waiting"] == 0)


@NEEDS_ROOT
def test_quarter_of_few_is_at_least_one():
    with slow_daemon(1 * SLOWNESS, limits(max_waiters=2), allow=may_get(ALICE)) as daemon:
        with connect_as(daemon, ALICE) as alice:
            assert alice.get("slow")["data"]["jwtToken"]


# Requests a minute


@NEEDS_ROOT
def test_uid_over_its_rate_is_refused_until_its_quarantine_has_passed():
    quarantine = 3 * PACE
    config = limits(rate_limit=5, rate_limit_quarantine_delay=quarantine)
    with Sandbox() as server, Daemon(config + profile(server, allow=may_get(ALICE, BOB))) as daemon:
        server.wait(lambda stats: stats["tokens_issued"] == 1)
        with connect_as(daemon, ALICE) as alice, connect_as(daemon, BOB) as bob:
            for _ in range(5):
                assert alice.get()["data"]["jwtToken"]
            begin = time.monotonic()
            assert code(alice.get()) == "rate_limited"
            told = time.monotonic()
            for name in ("auth.getJwtToken", "system.getStatus", "no.such"):
                reply = alice.ask(name, reference="r")
                assert code(reply) == "rate_limited" and reply["referenceId"] == "r"
                assert reply["error"]["retryable"] is True and 1 <= reply["error"]["retryAfter"] <= quarantine
            with connect_as(daemon, ALICE) as again:  # nor does a new connection help, with another group either
                assert code(again.get()) == "rate_limited"
            with connect_as(daemon, ALICE, gid=BOB) as again:
                assert code(again.get()) == "rate_limited"
            for _ in range(5):
                assert bob.get()["data"]["jwtToken"]
            if time.monotonic() - begin < quarantine - 0.5 * SLOWNESS:
                assert code(alice.get()) == "rate_limited"
            time.sleep(max(0, told + quarantine + 0.01 - time.monotonic()))
            assert alice.get()["data"]["jwtToken"]


@NEEDS_ROOT
def test_what_is_no_request_counts_and_is_told_what_is_wrong_with_it():
    """PROTOCOL.md: syntax comes before rate_limited."""
    config = limits(rate_limit=3, rate_limit_quarantine_delay=30)
    with Sandbox() as server, Daemon(config + profile(server, allow=may_get(ALICE))) as daemon:
        server.wait(lambda stats: stats["tokens_issued"] == 1)
        with connect_as(daemon, ALICE) as alice:
            alice.send_raw(b"x\n" * 5 + GET + b"x\n")
            assert [code(alice.reply()) for _ in range(5)] == ["invalid_request"] * 5
            assert code(alice.reply()) == "rate_limited"
            assert code(alice.reply()) == "invalid_request"


# Memory


def test_idle_connections_cost_less_than_a_kib_each(daemon):
    wait_alone(daemon)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(daemon.connect())
        wait_until(lambda: status(daemon)["connections"] == 51)
        before = private_bytes(daemon)
        for i in range(2000):
            connection = stack.enter_context(daemon.connect())
            if i % 2:
                assert connection.ask("auth.getTokenInfo")["data"]
        wait_until(lambda: status(daemon)["connections"] == 2051)
        check_growth(before, private_bytes(daemon), 2000 * 1024)
        assert daemon.get()
    wait_alone(daemon)


def vanish(daemon, n):
    """A client that leaves in phase n."""
    phase = n % 9
    with contextlib.suppress(BrokenPipeError, ConnectionResetError), daemon.connect() as connection:
        if phase == 1:
            connection.send_raw(GET[:20])
        elif phase == 2:
            connection.send_raw(GET)
        elif phase == 3:
            connection.send_raw(INFO * 200)
        elif phase == 4:
            connection.send_raw(INFO * 50 + GET[:5])
            connection.socket.recv(100)
        elif phase == 5:
            connection.send_raw(GET_SLOW * 3)
        elif phase == 6:
            connection.send_raw(GET + GET_SLOW * 100)
            connection.socket.recv(10)
        elif phase == 7:
            connection.send_raw(b"\xff\n")
        elif phase == 8:
            connection.send_raw(b"x" * 70000)


def test_clients_that_vanish_leave_nothing_behind(stuck_daemon):
    rounds = 10000 if SLOWNESS == 1 else 1000
    for n in range(rounds // 4):
        vanish(stuck_daemon, n)
    wait_alone(stuck_daemon)
    before = private_bytes(stuck_daemon)
    for n in range(rounds):
        vanish(stuck_daemon, n)
    wait_alone(stuck_daemon)
    check_growth(before, private_bytes(stuck_daemon), 256 * 1024)
    assert stuck_daemon.info("slow")["waiters"] == 0


@pytest.mark.parametrize("n", [1, PENDING_MAX - 1, PENDING_MAX, 2000])
@pytest.mark.parametrize("half_closed", [False, True], ids=["at once", "half first"])
def test_client_that_waits_and_vanishes_is_noticed_before_its_answer(stuck_daemon, n, half_closed):
    """Also where nothing is read from it any more."""
    with stuck_daemon.connect() as connection:
        connection.send_raw(GET_SLOW * n)
        wait_until(lambda: status(stuck_daemon)["counters"]["waiting"] == min(n, PENDING_MAX))
        if half_closed:
            connection.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.05)
            assert status(stuck_daemon)["counters"]["waiting"] == min(n, PENDING_MAX)
    wait_alone(stuck_daemon)


def test_connections_that_wait_cost_no_processor_time(stuck_daemon):
    with contextlib.ExitStack() as stack:
        for n in range(12):
            connection = stack.enter_context(stuck_daemon.connect())
            connection.send_raw((GET_SLOW, GET_SLOW * 64, GET_SLOW * 100 + GET[:9], GET_SLOW * 63 + GET[:9])[n % 4])
            if n > 8:
                connection.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: status(stuck_daemon)["counters"]["waiting"] == 3 * (1 + 64 + 64 + 63))
        before = cpu_seconds(stuck_daemon)
        time.sleep(0.5)
        assert cpu_seconds(stuck_daemon) - before < 0.1 * SLOWNESS
    wait_alone(stuck_daemon)


def test_clients_that_vanish_with_answers_unread_leave_nothing_behind(patience):
    """The answers are larger than the socket's buffer."""
    for _ in range(50):
        with patience.daemon.connect() as connection:
            connection.send_raw(GET * 20)
            connection.socket.recv(1000)
    connections = status(patience.daemon)["connections"]
    wait_until(lambda: status(patience.daemon)["connections"] <= 14)
    assert connections < 64


def test_incomplete_lines_are_given_back(daemon):
    n = int(100 / SLOWNESS)  # all of them before the time of the first is up

    def hold():
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(daemon.connect()) for _ in range(n)]
            for connection in connections:
                connection.send_raw(b'{"x":"' + b"x" * 65000)
            wait_until(lambda: not any(map(unread_bytes, connections)))
            assert status(daemon)["connections"] == n + 1
            held = private_bytes(daemon)
        wait_alone(daemon)
        return held, private_bytes(daemon)
    held, after = hold()
    for _ in range(3):
        held_again, after_again = hold()
    check_growth(held, held_again, 4 * 1024 * 1024)
    check_growth(after, after_again, 4 * 1024 * 1024)


# At the end, what has gone on meanwhile


@pytest.mark.parametrize("name", ["half_a_request", "half_a_request_behind_a_whole_one", "half_a_request_of_a_subscriber",
                                  "byte_a_second", "blanks", "half_a_request_while_reading_has_stopped"])
def test_request_that_is_not_complete_in_10_seconds_is_closed(patience, name):
    seconds = patience.result(name)
    assert seconds is not None and REQUEST_TIMEOUT_S - 0.5 * SLOWNESS < seconds < REQUEST_TIMEOUT_S + 2 * SLOWNESS + 1


@pytest.mark.parametrize("name", ["idle", "idle_after_a_request", "idle_subscriber"])
def test_idle_connection_stays_open(patience, name):
    assert patience.result(name)["data"]["jwtToken"]


def test_requests_that_come_slowly_but_in_time_are_answered(patience):
    assert patience.result("slow_but_complete")


def test_connection_that_waits_for_an_answer_longer_than_a_request_may_take_stays_open(patience):
    answer, seconds = patience.result("waits")
    assert answer == "refresh_timeout" and 11.9 < seconds < 13 * SLOWNESS


def test_reader_of_nothing_is_dropped_after_30_seconds(patience):
    seconds = patience.result("slow_reader")
    assert seconds is not None and UNREAD_TIMEOUT_S - 0.5 < seconds < UNREAD_TIMEOUT_S + 3 * SLOWNESS


def test_subscriber_that_reads_nothing_for_30_seconds_is_told_why_it_is_dropped(patience):
    *events, last = patience.result("silent_subscriber")
    assert last == "rate_limited" and set(events) == {"tokenRefreshed"} and 1 <= len(events) < 10


def test_reader_that_reads_at_times_is_not_dropped(patience):
    assert patience.result("reader_in_steps")


def test_others_were_served_all_the_time(patience):
    assert patience.result("others") < 1 * SLOWNESS
