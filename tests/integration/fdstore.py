"""A service manager as far as gctokend knows one: hears its messages, keeps the descriptors that it stores, and passes
them to the next one that is started.

    with FdStore() as store, Daemon(config, environment=manager.environment) as daemon:
        daemon.wait_state("fresh")
        manager.kill(daemon)
        manager.start(daemon)
        assert daemon.get() == token
"""

import fcntl
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

from callers import wait_until
from daemon import SLOWNESS

FDS_MAX = 16
END = b"END=1"
SETTLE_TIMEOUT_S = 10

# Puts the descriptors in its first argument where sd_listen_fds(3) looks for them, and becomes the rest.
PASS = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",") if fd]
os.closerange(3, 100)
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


class FdStore:
    def __init__(self):
        self._dir = tempfile.mkdtemp(prefix="gctokend-manager-")
        self._path = os.path.join(self._dir, "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._path)
        self.environment = {"NOTIFY_SOCKET": self._path}
        self.stored = {}    # name → descriptor
        self.messages = []  # all that was said, as dicts
        self.names = []     # under which something was ever stored
        self.busy = threading.Lock()  # who holds it keeps it from hearing more than one message
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._tell(END)
        self._thread.join()
        self._socket.close()
        self.forget()
        shutil.rmtree(self._dir)

    # Hearing

    def _listen(self):
        while True:
            with self.busy:
                pass
            data, fds, _, _ = socket.recv_fds(self._socket, 1 << 16, FDS_MAX)
            if data == END:
                self._settled.set()
                return
            if data == b"SETTLE=1":
                self._settled.set()
                continue
            message = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.messages.append(message)
            name = message.get("FDNAME", "stored")
            if "FDSTORE" in message:
                assert len(fds) == 1 and name not in self.stored, (message, fds)
                assert message["FDPOLL"] == "0"
                self.stored[name] = fds.pop()
                self.names.append(name)
            elif "FDSTOREREMOVE" in message and name in self.stored:
                os.close(self.stored.pop(name))
            for fd in fds:
                os.close(fd)

    def _tell(self, data):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(data, self._path)

    def settle(self):
        """Waits until all that was sent is handled."""
        self._settled.clear()
        self._tell(b"SETTLE=1")
        assert self._settled.wait(SETTLE_TIMEOUT_S * SLOWNESS)

    # The store

    @staticmethod
    def _read(fd):
        return os.pread(fd, os.fstat(fd).st_size, 0)

    def text(self):
        """What is stored, as bytes, once there is one descriptor."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S * SLOWNESS
        self.settle()
        while len(self.stored) != 1:
            assert time.monotonic() < deadline, self.stored
            self.settle()
        (fd,) = self.stored.values()
        return self._read(fd)

    def wait(self, n, text):
        """Waits until the newest has that text n times. (What finds the queue of messages full is stored a little later; an
        older one is then taken out with the next change.)"""
        def has_it():
            self.settle()
            return self.names and self._read(self.stored[self.names[-1]]).count(text.encode()) == n
        wait_until(has_it)

    def put(self, data, name="gctokend-store-1000", seal=True):
        """Stores another memfd."""
        fd = os.memfd_create("test", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        os.write(fd, data)
        if seal:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS,
                        fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        self.stored[name] = fd

    def forget(self):
        while self.stored:
            os.close(self.stored.popitem()[1])

    # The service

    def kill(self, daemon, number=signal.SIGKILL):
        """Ends it by a signal, and waits until all that it said is heard; its exit status."""
        daemon.signal(number)
        status = daemon.wait()
        self.settle()
        return status

    def start(self, daemon):
        """Starts it with what is stored."""
        names = list(self.stored)
        fds = [self.stored[name] for name in names]
        daemon.pass_fds = fds
        daemon.environment["LISTEN_FDNAMES"] = ":".join(names)
        daemon.prefix = [sys.executable, "-c", PASS, ",".join(map(str, fds))]
        started = daemon.start()
        self.settle()  # the queue of messages has room for ten
        return started

    def restart(self, daemon, number=signal.SIGKILL):
        self.kill(daemon, number)
        return self.start(daemon)
