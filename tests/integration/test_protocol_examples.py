"""Replays the examples of PROTOCOL.md against a running daemon and compares its replies."""

import json
import pathlib
import re
import socket

import pytest

from daemon import Daemon, profile

PROTOCOL = pathlib.Path(__file__).parents[2] / "proto" / "PROTOCOL.md"
REPLY_TIMEOUT_S = 60
CLIENT, REDIRECT_URI = "browser", "http://localhost:8400/back"
ANY = "…"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def read_examples(text):
    """The examples in order: (line number in the document, [(arrow, text), …])."""
    examples = []
    steps = None
    for number, line in enumerate(text.splitlines(), 1):
        if steps is None:
            if line.strip() == "```wire":
                steps = []
                examples.append((number, steps))
        elif line.strip() == "```":
            steps = None
        elif line[:2] in ("→ ", "← "):
            steps.append((line[0], line[2:]))
        elif line.startswith(" ") and steps:
            arrow, above = steps[-1]
            steps[-1] = (arrow, above + line.lstrip())
        else:
            raise ValueError(f"line {number} of an example is neither a request nor a reply: {line}")
    if steps is not None:
        raise ValueError("the last example is not closed")
    return examples


def matches_text(shown, got):
    if shown == ANY and got is None:
        return True
    if not isinstance(got, str):
        return False
    if TIME.fullmatch(shown):
        return TIME.fullmatch(got) is not None
    pattern = ".*".join(re.escape(part) for part in shown.split(ANY))
    return re.fullmatch(pattern, got, re.DOTALL) is not None


def matches_object(shown, got):
    if not isinstance(got, dict):
        return False
    named = [name for name in shown if name != ANY]
    if ANY not in shown and len(got) != len(named):
        return False
    return all(name in got and matches(shown[name], got[name], name) for name in named)


def matches(shown, got, name=None):
    """Whether a reply is what an example shows, by the rules in the document's first section."""
    if name == "referenceId":
        return type(shown) is type(got) and shown == got
    if shown is None or isinstance(shown, bool):
        return got is shown
    if isinstance(shown, (int, float)):
        return isinstance(got, (int, float)) and not isinstance(got, bool)
    if isinstance(shown, str):
        return matches_text(shown, got)
    if isinstance(shown, list):
        return isinstance(got, list) and all(any(matches(one, each) for each in got) for one in shown)
    return matches_object(shown, got)


def replay(steps, path):
    """Sends what an example sends; its replies may come in any order."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(REPLY_TIMEOUT_S)
        connection.connect(str(path))
        with connection.makefile("r", encoding="utf-8", newline="\n") as replies:
            shown = []
            for (arrow, text), following in zip(steps, [*steps[1:], ("→", "")]):
                if arrow == "→":
                    connection.sendall(text.encode() + b"\n")
                    continue
                shown.append(text)
                if following[0] == "→":
                    expect_replies(shown, [replies.readline() for _ in shown])
                    shown = []


def expect_replies(shown, lines):
    left = list(lines)
    for text in shown:
        for line in left:
            if line.endswith("\n") and matches(json.loads(text), json.loads(line)):
                left.remove(line)
                break
        else:
            pytest.fail(f"PROTOCOL.md shows\n  {text}\nthe daemon said\n  {''.join(left)!r}")


@pytest.fixture
def daemon(server):
    """With the profiles of the examples."""
    server.client(CLIENT, "s3cret!")
    server.client("tv", auth="none")
    browser = profile(server, "browser", CLIENT, "s3cret!", grant="authorization_code", redirect_uri=REDIRECT_URI,
                      authorize_url=server.http + "/oauth/authorize")
    tv = profile(server, "tv", "tv", None, grant="device",
                 device_authorization_url=server.http + "/oauth/device_authorization")
    with Daemon(profile(server) + browser + tv) as started:
        started.wait_state("fresh")
        yield started


EXAMPLES = read_examples(PROTOCOL.read_text(encoding="utf-8"))


@pytest.mark.parametrize("steps", [pytest.param(s, id=f"line_{n}") for n, s in EXAMPLES])
def test_example_of_the_protocol_is_what_the_daemon_says(daemon, steps):
    assert any(arrow == "←" for arrow, _ in steps)
    replay(steps, daemon.socket)


def test_examples_name_every_endpoint():
    """An endpoint without an example would go untested here."""
    table = re.findall(r"^\| \[`([a-z]+\.[A-Za-z]+)`\]", PROTOCOL.read_text(encoding="utf-8"), re.M)
    sent = " ".join(text for _, steps in EXAMPLES for arrow, text in steps if arrow == "→")
    assert table
    for endpoint in table:
        assert f'"{endpoint}"' in sent


@pytest.mark.parametrize(
    ("shown", "got"),
    [
        ('{"a":"…"}', '{"a":1}'),
        ('{"a":"x…"}', '{"a":null}'),
        ('{"a":1}', '{"a":"1"}'),
        ('{"a":1}', '{"a":true}'),
        ('{"a":1}', '{"a":1,"b":2}'),
        ('{"a":1,"…":"…"}', '{"b":2}'),
        ('{"a":null}', '{"a":0}'),
        ('{"a":false}', '{"a":0}'),
        ('{"referenceId":7}', '{"referenceId":8}'),
        ('{"referenceId":7}', '{"referenceId":"7"}'),
        ('{"a":"2026-11-21T18:00:00.000Z"}', '{"a":"2026-11-21T18:00:00Z"}'),
        ('["a","b"]', '["a","c"]'),
    ],
)
def test_reply_that_differs_is_told(shown, got):
    assert not matches(json.loads(shown), json.loads(got))
