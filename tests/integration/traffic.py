"""Callers that ask a daemon again and again, what they saw, and what it took of the machine.

    with Caller(daemon, "default", every=0.02) as caller:
        ...
    assert all("data" in call.reply for call in caller.calls)

    took, n = slowest(daemon, "cached", until=flight.done)
"""

import collections
import concurrent.futures
import datetime
import gc
import mmap
import os
import struct
import threading
import time

from daemon import SLOWNESS

# A caller whose token is there is answered within this, whatever else goes on. Valgrind translates what is run for the
# first time, which takes more than its factor.
CACHED_MAX_S = 0.020 if SLOWNESS == 1 else 0.1 * SLOWNESS

# One request: when it was sent and when its answer was there (seconds since the epoch), how long it took in fairness,
# what came.
Call = collections.namedtuple("Call", "at came took reply")


def seconds(text):
    """A time as the wire has it, in seconds since the epoch."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def in_background(function, *arguments, **parameters):
    """A future: its caller goes on meanwhile."""
    executor = concurrent.futures.ThreadPoolExecutor(1)
    future = executor.submit(function, *arguments, **parameters)
    executor.shutdown(wait=False)
    return future


def timed(function, *arguments, **parameters):
    """How many seconds it took, and what it returned. Python collects its garbage, which takes it some 10 ms, later."""
    gc.disable()
    try:
        began = time.monotonic()
        result = function(*arguments, **parameters)
        return time.monotonic() - began, result
    finally:
        gc.enable()


def _queued_s(task):
    """How long a thread has been ready to run while others had the processors (proc(5))."""
    with open(f"/proc/{task}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


def _stolen_s():
    """How long the processors have been with other machines (proc(5))."""
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def _lost_s(daemon):
    return _queued_s("thread-self") + _queued_s(daemon.pid) + _stolen_s()


class _Pulse:
    """A process that does nothing but sleep, and tells how long the whole machine stood still: what it overslept by
    more than a beat, less the time in which others had the processor. It ends with this one."""

    BEAT_S = 0.005

    def __init__(self):
        self._shared = mmap.mmap(-1, 8)
        parent = os.getpid()
        if os.fork() == 0:
            try:
                self._beat(parent)
            finally:
                os._exit(0)

    def _beat(self, parent):
        stood_s, last, queued = 0, time.monotonic(), _queued_s("self")
        while os.getppid() == parent:
            time.sleep(self.BEAT_S)
            now, queued_now = time.monotonic(), _queued_s("self")
            stood_s += max(0, now - last - (queued_now - queued) - 2 * self.BEAT_S)
            last, queued = now, queued_now
            struct.pack_into("d", self._shared, 0, stood_s)

    def stood_s(self):
        return struct.unpack_from("d", self._shared)[0]


_pulse = _Pulse()  # here, before there are threads: it forks


def fairly_timed(daemon, function, *arguments):
    """As timed, but time in which the machine ran something else than the two of us, or nothing at all, is nobody's fault
    and does not count."""
    lost, stood = _lost_s(daemon), _pulse.stood_s()
    took, result = timed(function, *arguments)
    took -= _lost_s(daemon) - lost
    if took > _Pulse.BEAT_S:
        time.sleep(2 * _Pulse.BEAT_S)  # it tells after it has woken, too
        took -= _pulse.stood_s() - stood
    return max(0, took), result


class Caller:
    """Asks for one profile's token on a connection of its own until the with-block ends. What a
    call brought is handed to check, where there is one."""

    def __init__(self, daemon, profile, every, check=None):
        self.calls = []
        self._daemon, self._profile, self._every, self._check = daemon, profile, every, check
        self._ending = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ending.set()
        self._thread.join()
        if self._failure and exception[0] is None:
            raise self._failure

    def _run(self):
        try:
            with self._daemon.connect() as connection:
                while not self._ending.wait(self._every):
                    at = time.time()
                    took, (reply, came) = fairly_timed(self._daemon, self._ask, connection)
                    call = Call(at, came, took, reply)
                    self.calls.append(call)
                    if self._check:
                        self._check(call)
        except Exception as failure:
            self._failure = failure

    def _ask(self, connection):
        return connection.get(self._profile), time.time()


def slowest(daemon, profile, until, pause=0.005):
    """Asks for a token that is there, on a kept and on a new connection by turns, until until() is
    true. Returns how many seconds the slowest answer took, and how many there were."""
    def on_a_new_one(profile):
        with daemon.connect() as new:
            return new.get(profile)

    worst, n = 0, 0
    with daemon.connect() as kept:
        while not until():
            took, reply = fairly_timed(daemon, (kept.get, on_a_new_one)[n % 2], profile)
            assert "data" in reply, reply
            worst = max(worst, took)
            n += 1
            time.sleep(pause)
    return worst, n


def peak_kib(daemon):
    """The most memory that it ever had."""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
