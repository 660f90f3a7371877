"""A daemon that answers as each test scripts it, and gctoken run against it.

    d = daemon(token())
    assert succeeded(gctoken("get", at=d)) == TOKEN + "\n"

A test module imports the fixtures `daemon` and `place` by name; they take the place of conftest's.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from datetime import datetime, timedelta, timezone

import pytest

GCTOKEN = os.environ["GCTOKEN"]
TOKEN = "tok-\u00e9-%\"\\/-1234567890"
PATIENCE_S = 30


def after(seconds):
    """A time as the wire has it, so many seconds from now."""
    at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def data(content):
    return json.dumps({"data": content}).encode() + b"\n"


def error(code, text="It went wrong", retry_after=None, retryable=False):
    detail = {"code": code, "retryable": retryable, "retryAfter": retry_after}
    return json.dumps({"errorMessage": text, "error": detail}).encode() + b"\n"


def token(text=TOKEN):
    return data({"expiration": after(3600), "jwtToken": text})


def info(**members):
    whole = {
        "profile": "default", "grant": "client_credentials", "state": "fresh",
        "expiration": after(3 * 3600 + 30), "issuedAt": after(-1), "refreshAt": after(8130),
        "generation": 3, "waiters": 0, "consecutiveFailures": 0,
        "apiUrl": "https://api.mypurecloud.ie", "loginUrl": "https://login.mypurecloud.ie",
        "lastAnswer": {"status": 200, "correlationId": "c-1", "at": after(-7230), "durationMs": 85},
        "lastError": None,
    }
    whole.update(members)
    return whole


def trouble(code="upstream_unavailable", message="Could not connect"):
    return {"code": code, "message": message, "upstreamError": None, "upstreamStatus": None,
            "correlationId": None, "at": after(-3 * 86400 - 30)}


class Daemon:
    """Answers its connections by the script, one entry each; the last one stays. An entry is the
    bytes to answer a request with, or a function that gets the connection."""

    def __init__(self, path, *script):
        self.path = self.socket = path
        self.script = list(script)
        self.requests = []
        self.connections = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            threading.Thread(target=self.attend, args=(peer, act), daemon=True).start()

    def attend(self, peer, act):
        try:
            with peer:
                if callable(act):
                    act(peer)
                else:
                    self.read(peer)
                    peer.sendall(act)
        except OSError:
            pass

    def read(self, peer):
        line = b""
        while not line.endswith(b"\n"):
            more = peer.recv(65536)
            if not more:
                break
            line += more
        self.requests.append(json.loads(line))

    def stop(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


@pytest.fixture
def place():
    """A directory that every user may pass through, unlike pytest's own."""
    path = tempfile.mkdtemp(prefix="gctoken-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def daemon(place):
    started = []

    def start(*script, path=None):
        path = path or os.path.join(place, f"d{len(started)}.sock")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        started.append(Daemon(path, *script))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def environment(**changes):
    env = {name: value for name, value in os.environ.items()
           if name not in ("GCTOKEN_SOCKET", "XDG_RUNTIME_DIR", "NO_COLOR", "TERM")
           and not name.startswith("GENESYSCLOUD_")}
    env.update(changes)
    return env


def gctoken(*args, at=None, env=None, program=GCTOKEN, **options):
    """Runs it to its end; `at` is a Daemon, or the path of a socket."""
    env = environment(**(env or {}))
    if at is not None:
        env["GCTOKEN_SOCKET"] = getattr(at, "path", at)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([program, *args], env=env, stderr=subprocess.PIPE, encoding="utf-8",
                          timeout=PATIENCE_S, check=False, **options)


def failed(done, status, *says):
    """One line on stderr that says all that, nothing on stdout, and the exit status."""
    assert done.returncode == status, done
    assert not done.stdout
    assert done.stderr.startswith("gctoken: ") and done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1
    for each in says:
        assert each in done.stderr
    assert TOKEN not in done.stderr


def succeeded(done):
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def as_nobody(place):
    """What to run gctoken with so that permissions count, also when root runs the tests."""
    if os.geteuid() != 0:
        return {}
    copy = os.path.join(place, "gctoken")
    shutil.copy(GCTOKEN, copy)
    os.chmod(copy, 0o755)
    return {"program": copy, "user": 65534, "group": 65534, "extra_groups": []}
