"""What of secrets is left in the daemon's memory.

    wait_alone(daemon)
    check_gone(daemon, {"token": token})

The daemon has to run without a wrapper (fixture bare), and built without sanitizers (OWN_ALLOCATOR).
"""

import os
import re
import time

import pytest

from daemon import SLOWNESS

# What is looked for: this many bytes of a secret tell as much as the whole.
PIECE = 12
GONE_S = 2 * SLOWNESS


def is_sanitized():
    with open(os.environ["GCTOKEND"], "rb") as file:
        return b"__asan_init" in file.read()


OWN_ALLOCATOR = pytest.mark.skipif(is_sanitized(), reason="the sanitizers' allocator keeps what was freed")


def proc(daemon, name):
    with open(f"/proc/{daemon.pid}/{name}", "rb") as file:
        return file.read()


class Memory:
    """All that the daemon's process can write to, at one moment."""

    def __init__(self, daemon):
        self._maps = []
        with open(f"/proc/{daemon.pid}/maps", encoding="utf-8", errors="replace") as maps, \
                open(f"/proc/{daemon.pid}/mem", "rb", 0) as memory:
            for line in maps:
                fields = line.split(None, 5)
                begin, end = (int(address, 16) for address in fields[0].split("-"))
                name = fields[5].strip() if len(fields) > 5 else ""
                if fields[1].startswith("rw"):
                    memory.seek(begin)
                    self._maps.append((name, begin, memory.read(end - begin)))

    def places(self, needle):
        """Mapping and address of each copy, with what is around it."""
        return [(name, hex(begin + at.start()), data[max(0, at.start() - 32):at.end() + 32])
                for name, begin, data in self._maps for at in re.finditer(re.escape(needle), data)]

    def count(self, text):
        return len(self.places(text.encode()))


def pieces(text):
    """Parts of it at every fourth byte, so that a copy overwritten in parts is found too."""
    data = text.encode()
    return {data[at:at + PIECE] for at in range(0, len(data) - PIECE + 1, 4)}


def left(daemon, texts):
    """What of the texts is found, and where; all of them are looked for at once."""
    memory = Memory(daemon)
    found = {}
    for what, text in texts.items():
        step = pieces(text) if len(text) < 1000 else {text[at:at + 40].encode() for at in range(0, len(text), 997)}
        places = [place for piece in step for place in memory.places(piece)]
        if places:
            found[what] = places[:3]
    return found


def check_gone(daemon, texts):
    """Asserts that soon no piece of the texts is left. (Requests end in a thread of their own.) What counts is when a
    look begins: it may take seconds."""
    deadline = time.monotonic() + GONE_S
    is_last = False
    while found := left(daemon, texts):
        assert not is_last, found
        time.sleep(0.1)
        is_last = time.monotonic() >= deadline
