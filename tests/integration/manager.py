"""A service manager's ears: receives what a daemon notifies by sd_notify(3), but for what it stores (see fdstore.py)."""

import os
import shutil
import socket
import tempfile
import time

from daemon import SLOWNESS


class Manager:
    """One notification socket. environment is for the daemon; watchdog_s has it send WATCHDOG=1 within that time."""

    def __init__(self, watchdog_s=None):
        self._dir = tempfile.mkdtemp(prefix="gctokend-manager-")
        os.chmod(self._dir, 0o755)
        path = os.path.join(self._dir, "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self.environment = {"NOTIFY_SOCKET": path}
        if watchdog_s:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        self.messages = []  # (when, {name: value}), oldest first

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._socket.close()
        shutil.rmtree(self._dir)

    def hear(self):
        """Takes what has come; all messages so far."""
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return [message for _, message in self.messages]
            message = dict(line.split("=", 1) for line in data.decode().split("\n"))
            if "FDNAME" not in message:
                self.messages.append((time.monotonic(), message))

    def values(self, name):
        """All values of a name so far."""
        return [message[name] for message in self.hear() if name in message]

    def status(self):
        """The last one; None before the first."""
        return (self.values("STATUS") or [None])[-1]

    def wait(self, condition, what, timeout=10):
        """Waits until condition() is true; returns what it gave."""
        deadline = time.monotonic() + timeout * SLOWNESS
        while not (value := condition()):
            assert time.monotonic() < deadline, f"{what}: not within {timeout} s: {self.messages}"
            time.sleep(0.01)
        return value

    def wait_status(self, text, timeout=10):
        return self.wait(lambda: text in (self.status() or "") and self.status(), f"status with {text!r}", timeout)

    def wait_ready(self, n=1):
        self.wait(lambda: len(self.values("READY")) >= n, f"READY {n} times")
