"""The misbehaving login server as the integration tests use it: starts it, steers it, stops it.

    with Sandbox(tls=True, clients=[{"id": "a", "secret": "s"}]) as server:
        server.rule({"times": 1, "status": 503, "retry_after": 2})
        ... server.http, server.https, server.ca ...
        assert server.stats()["token_requests"] == 1

The binary is $GCTOKEND_SANDBOX; $GCTOKEND_SANDBOX_WRAPPER (for example "valgrind -q") goes in front of it.
What rules, clients and counters can do is in `gctokend-sandbox --help`.
"""

import http.client
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from daemon import SLOWNESS

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
CONTROL_TIMEOUT_S = 30


class SandboxError(Exception):
    pass


class Sandbox:
    """One server. Further options are those of the program: expires_in=60 is --expires-in 60."""

    def __init__(self, tls=False, clients=None, rules=None, **options):
        self.http = self.https = self.ca = self.control = self.pid = None
        self.dir = None
        self._tls = tls
        self._clients = clients
        self._rules = rules
        self._options = options
        self._process = None
        self._ports = []

    @classmethod
    def start(cls, tls=False, clients=None, rules=None, **options):
        sandbox = cls(tls, clients, rules, **options)
        sandbox.up()
        return sandbox

    def __enter__(self):
        if not self._process:
            self.up()
        return self

    def __exit__(self, *exception):
        self.stop()

    # Running

    def up(self):
        """Starts it; after down() on the same ports, with the same CA, and with nothing remembered."""
        try:
            self._start()
        finally:
            self._free_ports()

    def _start(self):
        if not self.dir:
            self.dir = tempfile.mkdtemp(prefix="gctokend-sandbox-")
        wrapper = shlex.split(os.environ.get("GCTOKEND_SANDBOX_WRAPPER", ""))
        command = wrapper + [os.environ["GCTOKEND_SANDBOX"]] + self._arguments()
        with open(self._path("stderr"), "ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            self.stop(check=False)
            raise SandboxError("the sandbox did not start:\n" + self.last_stderr)
        ready = json.loads(line)
        for name in ("http", "https", "ca", "control", "pid"):
            setattr(self, name, ready[name])

    def down(self, check=True):
        """Ends the process and keeps its directory and ports, for an outage. check: it has to end cleanly."""
        if self._process:
            self._end(check)
            self._keep_ports()

    def _end(self, check):
        process, self._process = self._process, None
        if not process:
            return
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        process.stdout.close()
        if check and status != 0:
            raise SandboxError(f"the sandbox ended with {status}:\n{self.stderr()}")

    def stop(self, check=True):
        try:
            self._end(check)
        finally:
            self._free_ports()
            if self.dir:
                self.last_stderr = self.stderr()
                shutil.rmtree(self.dir)
                self.dir = None

    def stderr(self):
        with open(self._path("stderr"), encoding="utf-8", errors="replace") as file:
            return file.read()

    # Steering

    def rules(self, rules):
        """Replaces all rules."""
        self.call("POST", "rules", rules)

    def rule(self, rule):
        """Adds one rule behind the others."""
        self.call("POST", "rule", rule)

    def client(self, id, secret=None, **members):
        """Adds or changes a client; its other members are in --help."""
        self.call("POST", "clients",
                  {"id": id, **({} if secret is None else {"secret": secret}), **members})

    def session(self, client_id):
        """Begins a session as if a user had signed in; its first refresh token, None where the client gets none."""
        tokens = self.call("POST", "session", {"client_id": client_id})["refresh_tokens"]
        return tokens[0]["refresh_token"] if tokens else None

    def sessions(self, client_id=None):
        """All sessions, oldest first: n, client_id, alive, ended, refresh_tokens."""
        sessions = self.call("GET", "sessions")
        return [s for s in sessions if client_id is None or s["client_id"] == client_id]

    def end(self, refresh_token):
        """Ends a session, as an administrator would."""
        self.call("POST", "end", {"refresh_token": refresh_token})

    def devices(self):
        """All device authorizations, oldest first: client_id, device_code, user_code, scope, state, polls, early."""
        return self.call("GET", "devices")

    def decide(self, user_code, decision="approve"):
        """Enters a code as a user would, and says yes ("approve") or no ("deny"), or lets it "expire"."""
        self.call("POST", "device", {"user_code": user_code, "decision": decision})

    def id_token(self, client_id, nonce):
        """An id token as an implicit flow brings one."""
        return self.call("POST", "id_token", {"client_id": client_id, "nonce": nonce})["id_token"]

    def visit(self, url):
        """Goes to an authorization URL as the browser of a user who says yes: the query of the redirect."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=CONTROL_TIMEOUT_S)
        try:
            connection.request("GET", parts.path + "?" + parts.query)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        if answer.status != 302:
            raise SandboxError(f"{answer.status}: {text}")
        query = urllib.parse.urlsplit(answer.headers["Location"]).query
        return dict(urllib.parse.parse_qsl(query, strict_parsing=True))

    def reset(self):
        """Forgets rules, counters and requests; clients and tokens stay."""
        self.call("POST", "reset")

    def stats(self):
        return self.call("GET", "stats")

    def requests(self, client_id=None):
        """The last token requests, oldest first; those of one client where it is given."""
        requests = self.call("GET", "requests")
        return [r for r in requests if client_id is None or r["client_id"] == client_id]

    def revocations(self):
        """The last requests that were to end a token, oldest first: method, path, token, fields, status."""
        return self.call("GET", "revocations")

    def check(self, token):
        """{"active", "client_id", "expires_in"} by the server's own clock."""
        return self.call("POST", "check", {"token": token})

    def wait(self, condition, timeout=10):
        """Waits until condition(stats) is true and returns these stats."""
        deadline = time.monotonic() + timeout * SLOWNESS
        while True:
            stats = self.stats()
            if condition(stats):
                return stats
            if time.monotonic() > deadline:
                raise SandboxError(f"waited {timeout} s in vain; last: {stats}")
            time.sleep(0.01)

    def call(self, method, path, value=None):
        """One control request; SandboxError with the server's message unless it answers 200."""
        connection = http.client.HTTPConnection(
            urllib.parse.urlsplit(self.control).netloc, timeout=CONTROL_TIMEOUT_S)
        try:
            body = None if value is None else json.dumps(value)
            connection.request(method, "/_sandbox/" + path, body)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        if answer.status != 200:
            raise SandboxError(f"{answer.status}: {text}")
        return json.loads(text)

    # Inside

    def _keep_ports(self):
        """Binds them without listening: connections are refused, and nobody else can be given the ports."""
        for url in filter(None, (self.http, self.https)):
            parts = urllib.parse.urlsplit(url)
            keeper = socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET)
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            keeper.bind((parts.hostname, parts.port))
            self._ports.append(keeper)

    def _free_ports(self):
        while self._ports:
            self._ports.pop().close()

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _write(self, name, value):
        with open(self._path(name), "w", encoding="utf-8", opener=_private) as file:
            json.dump(value, file)
        return self._path(name)

    def _arguments(self):
        options = dict(self._options)
        if self.http:
            options["listen"] = urllib.parse.urlsplit(self.http).netloc
        if self._tls:
            port = urllib.parse.urlsplit(self.https).port if self.https else 0
            options.setdefault("dir", self._path("tls"))
            options["tls_listen"] = f"127.0.0.1:{port}"
        if self._clients is not None:
            options["client_file"] = self._write("clients.json", self._clients)
        if self._rules is not None:
            options["rules"] = self._write("rules.json", self._rules)
        return [part for name, value in options.items()
                for part in ("--" + name.replace("_", "-"), *([] if value is True else [str(value)]))]


def _private(path, flags):
    return os.open(path, flags, 0o600)
