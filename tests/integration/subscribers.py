"""Subscribers to all events, on a connection each: python3 subscribers.py SOCKET N TOKENS.

Prints a line when all have subscribed, reads until each has heard of TOKENS new tokens beside the state that came first,
and prints what they heard as JSON: faults, events (of one subscriber), spread_s (the longest time between the first and
the last that heard of the same token).
"""

import json
import select
import socket
import sys
import time

GIVE_UP_S = 200


class Subscriber:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(b'{"request":"events.subscribe","parameters":{"events":["tokenRefreshed"]}}\n')
        self.rest = b""
        self.lines = []  # each with the time when it was read
        self.state = 0   # how many of them are the reply and the state

    def read(self):
        now = time.monotonic()
        data = self.socket.recv(1 << 16)
        if not data:
            raise SystemExit(f"the daemon closed the connection behind {self.lines[-1:]}")
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.lines += [(now, line) for line in lines]
        if self.lines and not self.state:
            self.state = 1 + len(json.loads(self.lines[0][1])["data"]["profiles"])

    def heard(self):
        return len(self.lines) - self.state if self.state else 0


def check(subscriber, first_heard, last_heard):
    """What is wrong with what it heard, and when it heard what."""
    generations = {}
    for at, line in subscriber.lines[1:]:
        event = json.loads(line)
        name, generation = event["profile"], event["data"]["generation"]
        if generation != generations.get(name, generation - 1) + 1:
            yield f"{name}: {generation} behind {generations[name]}"
        if name in generations:
            first_heard[name, generation] = min(at, first_heard.get((name, generation), at))
            last_heard[name, generation] = max(at, last_heard.get((name, generation), at))
        generations[name] = generation


def main(path, n, tokens):
    poll = select.epoll()
    subscribers = {}
    for _ in range(n):
        subscriber = Subscriber(path)
        subscribers[subscriber.socket.fileno()] = subscriber
        poll.register(subscriber.socket, select.EPOLLIN)
    waiting = set(subscribers)
    told = False
    until = time.monotonic() + GIVE_UP_S
    while waiting:
        for fd, _ in poll.poll(1, 64):
            subscribers[fd].read()
            if subscribers[fd].heard() >= tokens:
                waiting.discard(fd)
        if not told and all(each.state for each in subscribers.values()):
            print("all have subscribed", flush=True)
            told = True
        if time.monotonic() > until:
            raise SystemExit(f"{len(waiting)} have not heard of {tokens} tokens")
    first_heard, last_heard, faults = {}, {}, []
    for subscriber in subscribers.values():
        faults += check(subscriber, first_heard, last_heard)
    print(json.dumps({"faults": faults[:10], "events": min(each.heard() for each in subscribers.values()),
                      "spread_s": max(last_heard[key] - first_heard[key] for key in first_heard)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
