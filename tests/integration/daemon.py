"""The real gctokend and gctoken as the tests use them: starts a daemon on a configuration, asks it, stops it, and searches
what it printed for secrets.

    with Daemon(profile(server, "default")) as daemon:
        assert daemon.ask("auth.getJwtToken")["data"]["jwtToken"]
        assert daemon.gctoken("get").returncode == 0

The binaries are $GCTOKEND and $GCTOKEN; $GCTOKEND_WRAPPER (for example "valgrind -q") goes in front of the daemon.
"""

import datetime
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
REPLY_TIMEOUT_S = 60
# Under valgrind the same work takes longer; what is measured in time says so by this factor.
SLOWNESS = float(os.environ.get("GCTOKEND_SLOWNESS", "1"))
# Where what lives for a time, what is late and what has a limit are set against each other, all of them grow by this, so
# that the time between them stays long against what the machine takes.
PACE = max(1, round(SLOWNESS / 3))
# The seconds that a profile's connections and requests may take by default, where the daemon itself is slow.
SLOW_LIMITS = {} if SLOWNESS == 1 else {
    "connect_timeout": int(5 * SLOWNESS), "request_timeout": min(300, int(30 * SLOWNESS))}


def alike(one, other):
    """Whether two views are the same, as two daemons tell them: they may read the clocks 1 ms apart."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if one != other and isinstance(one, str) and isinstance(other, str):
        try:
            apart = datetime.datetime.fromisoformat(one[:-1]) - datetime.datetime.fromisoformat(other[:-1])
        except ValueError:
            return False
        return abs(apart.total_seconds()) <= 0.002
    return one == other


def profile(server, name="default", client_id="demo", secret="demo-secret", url=None, **keys):
    """A [profile] section for a sandbox server; keys are further keys of the profile, None leaves a key out."""
    settings = {"grant": "client_credentials", "client_id": client_id, "client_secret": secret,
                "token_url": (url or server.http) + "/oauth/token", **SLOW_LIMITS, **keys}
    lines = [f"{key} = {value}" for key, value in settings.items() if value is not None]
    return f"[profile {name}]\n" + "\n".join(lines) + "\n"


def own_words(text):
    """Without what valgrind says of system calls that it does not know."""
    return re.sub(r"^--\d+-- .*\n", "", text, flags=re.MULTILINE)


class Connection:
    """One connection to the daemon."""

    def __init__(self, path, timeout=REPLY_TIMEOUT_S):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, request, parameters=None, reference=None):
        message = {"request": request}
        if parameters is not None:
            message["parameters"] = parameters
        if reference is not None:
            message["referenceId"] = reference
        self.send_raw(json.dumps(message).encode() + b"\n")

    def send_raw(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line without its LF; b"" at the end."""
        while b"\n" not in self._input:
            data = self.socket.recv(1 << 16)
            if not data:
                assert not self._input, f"the last line is cut: {self._input!r}"
                return b""
            self._input += data
        line, self._input = self._input.split(b"\n", 1)
        return line

    def reply(self):
        """The next reply; None at the end."""
        line = self.line()
        return json.loads(line) if line else None

    def ask(self, request, parameters=None, reference=None):
        self.send(request, parameters, reference)
        return self.reply()

    def get(self, profile=None, **parameters):
        """The reply to auth.getJwtToken."""
        if profile is not None:
            parameters["profile"] = profile
        return self.ask("auth.getJwtToken", parameters or None)


class Daemon:
    """One daemon. arguments go to it; environment is added to its own. log_level None: the configuration says it.
    passed is a socket that it gets as from a service manager, under that name; it then has to leave it there."""

    def __init__(self, config, arguments=(), environment=None, socket_path=None, user=None,
                 command_prefix=(), log_level="trace", passed=None, passed_name="gctokend"):
        self.dir = tempfile.mkdtemp(prefix="gctokend-")
        os.chmod(self.dir, 0o755)
        self.config_path = os.path.join(self.dir, "gctokend.conf")
        self.socket = socket_path or os.path.join(self.dir, "gctokend.sock")
        self.state = os.path.join(self.dir, "state")
        os.mkdir(self.state, 0o700)
        if user is not None:
            os.chown(self.state, user, user)
        self.secrets = {"demo-secret"}
        self.log_files = []  # what else it writes; searched for secrets too
        self._log_path = os.path.join(self.dir, "log")
        self._arguments = list(arguments)
        self.environment = dict(environment or {})
        self._user = user
        self.prefix = list(command_prefix)
        self.pass_fds = ()
        self._log_level = log_level
        self._passed = passed
        self._passed_name = passed_name
        self._process = None
        self.write_config(config)

    def __enter__(self):
        if not self._process:
            self.start()
        return self

    def __exit__(self, *exception):
        self.stop(check=exception[0] is None)

    # Running

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8", opener=_private) as file:
            file.write(text)
        if self._user is not None:
            for path in (self.config_path, self.state):
                os.chown(path, self._user, self._user)

    def start(self):
        command = (self.prefix + shlex.split(os.environ.get("GCTOKEND_WRAPPER", ""))
                   + [os.environ["GCTOKEND"], "--config", self.config_path, "--socket", self.socket]
                   + (["--log-level", self._log_level] if self._log_level else []) + self._arguments)
        environment = {**os.environ, "STATE_DIRECTORY": self.state, **self.environment}
        pass_fds = self.pass_fds
        if self._passed:
            pass_fds = [self._passed.fileno()]
            command = ["bash", "-c", f'exec 3<&{pass_fds[0]}; LISTEN_PID=$$ exec "$@"', "bash"] + command
            environment.update(LISTEN_FDS="1", LISTEN_FDNAMES=self._passed_name)
        with open(self._log_path, "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                user=self._user, group=self._user, pass_fds=pass_fds,
                extra_groups=None if self._user is None else [])
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                log = self.log()
                self.stop(check=False)
                raise AssertionError(f"the daemon did not start ({status}):\n{log}")
            time.sleep(0.01)
        return self

    def _answers(self):
        try:
            Connection(self.socket).close()
        except OSError:
            return False
        return True

    @property
    def pid(self):
        """The daemon's own, also behind a wrapper that has not replaced itself by it."""
        return self._process.pid

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, timeout=STOP_TIMEOUT_S):
        """Waits for its end; its exit status."""
        status = self._process.wait(timeout)
        self._process = None
        return status

    def end(self, timeout=STOP_TIMEOUT_S):
        """SIGTERM; the exit status. Its directory stays until stop()."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def stop(self, check=True):
        """Ends it and removes its directory. check: it must end with 0 and have printed no secret."""
        status = 0
        try:
            if self._process:
                try:
                    status = self.end()
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                    self._process = None
                    raise
            if check:
                log = self.log()
                assert status == 0, f"the daemon ended with {status}:\n{log}"
                self.check_log()
                if not self._passed:
                    assert not os.path.exists(self.socket), "the socket was left behind"
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    # What it printed

    def log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def check_log(self):
        """No secret and no token that was seen in this test stands in what it printed or wrote."""
        log = self.log()
        for path in self.log_files:
            with open(path, encoding="utf-8", errors="replace") as file:
                log += file.read()
        for secret in self.secrets:
            assert secret not in log, f"a secret of {len(secret)} bytes stands in the log:\n{log}"

    def wait_log(self, text, timeout=10):
        deadline = time.monotonic() + timeout * SLOWNESS
        while text not in self.log():
            assert time.monotonic() < deadline, f"no {text!r} in the log:\n{self.log()}"
            time.sleep(0.01)

    # Asking

    def connect(self, timeout=REPLY_TIMEOUT_S):
        return Connection(self.socket, timeout)

    def ask(self, request, parameters=None, reference=None):
        """One request on a connection of its own; the reply."""
        with self.connect() as connection:
            reply = connection.ask(request, parameters, reference)
        self._remember(reply)
        return reply

    def get(self, profile=None, **parameters):
        """auth.getJwtToken: the token, or the error object with its errorMessage as "text"."""
        if profile is not None:
            parameters["profile"] = profile
        reply = self.ask("auth.getJwtToken", parameters or None)
        if "data" in reply:
            return reply["data"]["jwtToken"]
        return {**reply["error"], "text": reply["errorMessage"]}

    def info(self, profile="default"):
        return self.ask("auth.getTokenInfo", {"profile": profile})["data"]

    def _remember(self, reply):
        token = ((reply or {}).get("data") or {}).get("jwtToken")
        if token and len(token) >= 8:
            self.secrets.add(token)

    def wait_state(self, state, profile="default", timeout=10):
        deadline = time.monotonic() + timeout * SLOWNESS
        while True:
            info = self.info(profile)
            if info["state"] == state:
                return info
            assert time.monotonic() < deadline, f"not {state} after {timeout} s: {info}"
            time.sleep(0.01)

    def wait_error(self, texts, profile="default", timeout=10):
        """Waits until the profile's last error has that text in it, or one of several; its info."""
        texts = [texts] if isinstance(texts, str) else texts
        deadline = time.monotonic() + timeout * SLOWNESS
        while True:
            info = self.info(profile)
            message = (info["lastError"] or {}).get("message") or ""
            if any(text in message for text in texts):
                return info
            assert time.monotonic() < deadline, f"no {texts} after {timeout} s: {info}"
            time.sleep(0.01)

    def gctoken(self, *arguments, **options):
        """Runs gctoken on this daemon; a CompletedProcess with text output."""
        return subprocess.run([os.environ["GCTOKEN"], *arguments, "--socket", self.socket],
                              capture_output=True, text=True, timeout=REPLY_TIMEOUT_S, **options)


def check_config(text, *arguments, environment=None):
    """gctokend --check-config on that text; a CompletedProcess with text output."""
    directory = tempfile.mkdtemp(prefix="gctokend-check-")
    try:
        path = os.path.join(directory, "gctokend.conf")
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(text)
        return subprocess.run(
            [os.environ["GCTOKEND"], "--config", path, "--check-config", *arguments],
            capture_output=True, text=True, timeout=REPLY_TIMEOUT_S,
            env={**os.environ, **(environment or {})})
    finally:
        shutil.rmtree(directory)


def _private(path, flags):
    return os.open(path, flags, 0o600)
