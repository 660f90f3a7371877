"""Sends requests to a daemon as fast as it takes them, until it is killed: python3 flood.py SOCKET KIND [CONNECTIONS]."""

import json
import select
import socket
import sys

CHUNK = 1 << 18


def repeat(line, size=CHUNK):
    return line * (size // len(line) + 1)


def line(name, **members):
    return json.dumps({"request": name, **members}).encode() + b"\n"


KINDS = {
    "tokens": repeat(line("auth.getJwtToken")),
    "status": repeat(line("system.getStatus")),
    "infos": repeat(line("auth.getTokenInfo")),
    "garbage": repeat(b"x\n"),
    "blank lines": repeat(b"\n"),
    "long blank lines": repeat(b" " * 65536 + b"\n"),
    "long arrays": repeat(line("auth.getTokenInfo", x=[1] * 20000)),
    "long objects": repeat(line("auth.getTokenInfo", x=[{f"name{j}": 0 for j in range(60)} for _ in range(80)])),
    "long strings": repeat(line("auth.getTokenInfo", x="\\" * 30000)),
}


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.setblocking(False)
    return connection


def churn(path):
    """A connection for each request."""
    request = KINDS["tokens"][:KINDS["tokens"].index(b"\n") + 1]
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            try:
                connection.sendall(request)
                connection.recv(1 << 16)
            except (BrokenPipeError, ConnectionResetError):
                pass


def flood(path, data, n):
    poll = select.poll()
    connections = {}
    for _ in range(n):
        connection = connect(path)
        connections[connection.fileno()] = [connection, 0]
        poll.register(connection, select.POLLIN | select.POLLOUT)
    while True:
        for fd, events in poll.poll():
            state = connections[fd]
            if events & select.POLLIN and not state[0].recv(1 << 20):
                sys.exit("the daemon closed the connection")
            if events & select.POLLOUT:
                state[1] = (state[1] + state[0].send(data[state[1]:state[1] + 65536])) % len(data)


if __name__ == "__main__":
    if sys.argv[2] == "churn":
        churn(sys.argv[1])
    flood(sys.argv[1], KINDS[sys.argv[2]], int(sys.argv[3]) if len(sys.argv) > 3 else 1)
