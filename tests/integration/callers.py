"""Callers with other ids than the tests' own, and what a running daemon takes: for the tests of its limits and of its
access rules. They need root.
"""

import contextlib
import fcntl
import os
import struct
import termios
import time

import pytest

from daemon import SLOWNESS, Connection

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="callers of other uids need root")

# Whether the daemon runs under valgrind or the like.
WRAPPED = bool(os.environ.get("GCTOKEND_WRAPPER"))

# Ids that nothing else on the machine has.
ALICE, BOB, CAROL = 64001, 64002, 64003


@contextlib.contextmanager
def acting_as(uid, gid=None, groups=()):
    """Who connects within is that caller: the kernel notes the effective ids at connect() (unix(7), SO_PEERCRED)."""
    own_gid, own_groups = os.getegid(), os.getgroups()
    os.setgroups(list(groups))
    os.setegid(uid if gid is None else gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_gid)
        os.setgroups(own_groups)


def connect_as(daemon, uid, gid=None, groups=()):
    """A connection of that caller."""
    with acting_as(uid, gid, groups):
        return Connection(daemon.socket)


def ask_as(daemon, uid, request, parameters=None, gid=None, groups=()):
    """One request of that caller; the reply."""
    with connect_as(daemon, uid, gid, groups) as connection:
        return connection.ask(request, parameters)


def code(reply):
    """The error's code; None in an answer with data."""
    return reply["error"]["code"] if "error" in reply else None


def status(daemon):
    return daemon.ask("system.getStatus")["data"]


def wait_until(condition, timeout=10):
    """Waits until condition() is true; returns what it gave."""
    deadline = time.monotonic() + timeout * SLOWNESS
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {timeout} s in vain"
        time.sleep(0.01)


def wait_alone(daemon):
    """Waits until the daemon has forgotten all others: nobody is connected, nobody waits."""
    def is_alone():
        data = status(daemon)
        return data["connections"] == 1 and data["counters"]["waiting"] == 0
    wait_until(is_alone)


def cpu_seconds(daemon):
    """What the daemon has used of the processors."""
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def unread_bytes(connection):
    """What was sent on it and the daemon has not read yet, as the kernel accounts for it (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(connection.socket, termios.TIOCOUTQ, bytes(4)))[0]


def private_bytes(daemon):
    """RssAnon of the daemon."""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell RssAnon")


def _is_native():
    with open(os.environ["GCTOKEND"], "rb") as file:
        return not WRAPPED and b"__asan_init" not in file.read()


def check_growth(before, after, most):
    """Asserts that a daemon's memory grew by at most so many bytes. Valgrind and the address sanitizer keep freed memory
    and add to each block, so that there is nothing to compare."""
    if _is_native():
        assert after - before <= most, f"RssAnon grew by {after - before} bytes, from {before}"
