"""A user who takes all that a daemon gives: python3 noisy.py SOCKET LIMIT. Holds LIMIT connections, with as many requests
on each as the daemon reads, and knocks for more all the time. At the end of its input it stops, waits for all that it is
owed, and prints what it got as JSON."""

import json
import resource
import select
import socket
import sys

KNOCKERS = 8  # at once, beyond the limit
BATCH = 64  # requests of a connection that wait
REQUEST = b'{"request":"auth.getJwtToken"}\n'

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


class Line:
    """A connection, what it is owed and what came."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.setblocking(False)
        self.owed = 0
        self.tail = b""
        self.told = 0  # answers so far

    def ask(self):
        try:
            self.socket.sendall(REQUEST * BATCH)  # which any socket's buffer takes
            self.owed = BATCH
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was refused, and says so

    def read(self):
        """What has come; None at the end."""
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            return None
        *lines, self.tail = (self.tail + data).split(b"\n")
        self.told += len(lines)
        self.owed -= len(lines)
        return lines


class Noise:
    def __init__(self, path, limit):
        self.path, self.room = path, limit + KNOCKERS
        self.poll = select.poll()
        self.poll.register(sys.stdin, select.POLLIN)
        self.lines = {}
        self.counts = {"tokens": 0, "rate_limited": 0, "refused": 0, "silent": 0, "others": 0}

    def connect(self):
        line = Line(self.path)
        self.lines[line.socket.fileno()] = line
        self.poll.register(line.socket, select.POLLIN)
        line.ask()

    def count(self, replies):
        for reply in replies:
            kind = "tokens" if b'"jwtToken"' in reply else "rate_limited" if b'"rate_limited"' in reply else "others"
            self.counts[kind] += 1

    def close(self, fd):
        line = self.lines.pop(fd)
        self.poll.unregister(fd)
        line.socket.close()
        self.counts["refused" if line.told else "silent"] += 1

    def round(self, goes_on):
        """False: there is no more input."""
        for fd, _ in self.poll.poll(1000):
            if fd == sys.stdin.fileno():
                return False
            line = self.lines[fd]
            replies = line.read()
            if replies is None:
                self.close(fd)
                continue
            self.count(replies)
            if goes_on and line.owed == 0:
                line.ask()
        return True

    def run(self):
        goes_on = True
        while goes_on:
            while len(self.lines) < self.room:
                self.connect()
            goes_on = self.round(True)
        self.poll.unregister(sys.stdin)
        while any(line.owed > 0 for line in self.lines.values()):
            self.round(False)
        return {**self.counts, "served": sum(line.told > 1 for line in self.lines.values())}


if __name__ == "__main__":
    print(json.dumps(Noise(sys.argv[1], int(sys.argv[2])).run()))
