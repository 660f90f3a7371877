"""auth_provider_command: the daemon starts the program when it needs it, talks to it on its standard input and output, and
ends it with all that it has started."""

import contextlib
import json
import pathlib
import sys
import textwrap

import pytest

from callers import WRAPPED, code, wait_until
from daemon import PACE, Daemon, profile
from plugin import ALL
from sandbox import Sandbox

REDIRECT_URI = "http://localhost:8400/back"
EXAMPLES = pathlib.Path(__file__).parents[1] / "plugins"

# A program that does what its first argument says, and writes about itself into the file that is the second.
PROBE = """\
    import json, os, subprocess, sys, time
    what, report = sys.argv[1:3]
    def send(**message):
        print(json.dumps(message), flush=True)
    def tell(**facts):
        with open(report, "a") as file:
            file.write(json.dumps({"pid": os.getpid(), **facts}) + "\\n")
    def descriptors():
        return sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))
    if what == "die":
        tell()
        sys.exit(3)
    if what == "mute":
        tell(child=subprocess.Popen(["sleep", "1000"]).pid)
        time.sleep(1000)
    if what == "stubborn":
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(argv=sys.argv[3:], environment=dict(os.environ), descriptors=descriptors(), group=os.getpgrp())
    commands = ["getAuthCode", "reAuthenticate"] + ["signIn"] * (what == "begin")
    send(request="authProvider.register", parameters={"commands": commands})
    send(request="authProvider.ready")
    for line in sys.stdin:
        message = json.loads(line)
        if "error" in message:
            tell(error=message)
        elif "command" in message:
            tell(command=message["command"])
            if what in ("hang", "stubborn") or (what, message["command"]) == ("login", "reAuthenticate"):
                tell(child=subprocess.Popen(["sleep", "1000"]).pid)
                time.sleep(1000)
            if message["command"] == "signIn":
                send(commandId=message["commandId"])
                sys.exit(0)
            send(commandId=message["commandId"], errorMessage="it is only a probe")
"""


def section(server, command, **keys):
    return profile(server, client_id="app", secret=None, **{
        "grant": "pkce", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize",
        "auth_provider_command": command, **keys})


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        yield sandbox


class Probe:
    """The probe as a program in a directory of its own."""

    def __init__(self, directory, what, arguments):
        self.program = directory / "probe"
        self.report = directory / "report"
        self.program.write_text(f"#!{sys.executable} -BS\n" + textwrap.dedent(PROBE))
        self.program.chmod(0o755)
        self.command = f"{self.program} {what} {self.report} {arguments}"

    def facts(self):
        """What it has told of itself so far, each a line."""
        return [json.loads(line) for line in self.report.read_text().splitlines()] if self.report.exists() else []

    def pids(self):
        return {fact[name] for fact in self.facts() for name in ("pid", "child") if name in fact}


def runs(pid):
    """Whether there is such a process that is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def probing(server, directory, what, arguments="", **keys):
    probe = Probe(directory, what, arguments)
    with Daemon(section(server, probe.command, **keys)) as daemon:
        yield daemon, probe
    wait_until(lambda: not any(runs(pid) for pid in probe.pids()))  # none outlives the daemon


def login_required(daemon):
    return daemon.wait_state("login_required", timeout=60)["lastError"]["message"]


@pytest.mark.parametrize("program", ["provider.py", "provider.mjs"])
def test_an_example_of_the_manual_is_started_when_it_is_needed_and_ended_when_not(server, program):
    command = f"{EXAMPLES / program} {server.http}/oauth/authorize app {REDIRECT_URI}"
    with Daemon(section(server, command, auth_code_timeout=300, sign_in_timeout=300)) as daemon:
        daemon.wait_state("fresh", timeout=30)
        assert daemon.ask("auth.refresh")["data"]["generation"] == 2  # by the refresh token
        wait_until(lambda: "has ended" in daemon.log(), timeout=30)
        assert daemon.log().count("was started as process") == 1
        assert daemon.ask("auth.signIn")["data"]["generation"] == 3  # another one
        assert daemon.log().count("was started as process") == 2


def test_it_gets_nothing_of_the_daemon(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "of-the-daemons-environment")
    with probing(server, tmp_path, "answer", "$(id)  ; *") as (daemon, probe):
        assert "it is only a probe" in login_required(daemon)
        facts = probe.facts()[0]
        assert facts["argv"] == ["$(id)", ";", "*"]
        assert facts["environment"] == {"PATH": "/usr/local/bin:/usr/bin:/bin", "GCTOKEN_PROFILE": "default"} | {
            name: value for name, value in facts["environment"].items() if name == "LC_CTYPE"}  # Python's own
        assert facts["descriptors"] == [0, 1, 2] and facts["group"] == facts["pid"]
        assert [fact["command"] for fact in probe.facts() if "command" in fact] == ["getAuthCode", "reAuthenticate"]
        assert len({fact["pid"] for fact in probe.facts()}) == 1


@pytest.mark.parametrize("what", ["hang", "stubborn", "mute"])
def test_it_is_ended_at_its_deadline_with_all_that_it_has_started(server, tmp_path, what):
    times = {"auth_code_timeout": 3 * PACE, "sign_in_timeout": 3 * PACE, "refresh_token_wait_max": 1}
    with probing(server, tmp_path, what, **times) as (daemon, probe):
        assert daemon.get()["code"] == "refresh_timeout"
        assert "no answer within" in login_required(daemon)
        assert len(probe.pids()) == 4  # one for each command, and its child
        wait_until(lambda: not any(runs(pid) for pid in probe.pids()), timeout=15)


def test_one_that_dies_is_started_once_more_and_hangs_nobody(server, tmp_path):
    with probing(server, tmp_path, "die") as (daemon, probe):
        assert "reAuthenticate (it has ended)" in login_required(daemon)
        assert daemon.get()["code"] == "login_required"
        assert len(probe.pids()) == 2
        daemon.wait_log("has ended with exit status 3")


def test_one_that_cannot_be_started_is_told(server, tmp_path):
    with Daemon(section(server, f"{tmp_path}/missing --x")) as daemon:
        # Where posix_spawn() is what valgrind makes of it, the child cannot tell.
        why = "it has ended" if WRAPPED else "missing cannot be started: No such file or directory"
        assert why in login_required(daemon)


def test_why_one_cannot_be_started_is_told_of_a_long_command_too(server, tmp_path):
    with Daemon(section(server, f"{tmp_path}/{'x' * 200} {'--secret ' * 40}")) as daemon:
        told = login_required(daemon)
        assert WRAPPED or "cannot be started: No such file or directory" in told
        assert "--secret" not in told


def test_a_sign_in_that_one_has_begun_ends_with_it(server, tmp_path):
    with probing(server, tmp_path, "begin", refresh_token_wait_max=300) as (daemon, _):
        login_required(daemon)
        assert daemon.ask("auth.signIn")["errorMessage"].endswith("it has ended")


def test_one_that_says_nothing_is_given_up(server, tmp_path):
    with probing(server, tmp_path, "mute", auth_code_timeout=300, sign_in_timeout=3600) as (daemon, probe):
        wait_until(lambda: len(probe.pids()) == 4, timeout=30)  # the second one, after 10 seconds
        assert "authProvider.ready did not come within 10 seconds" in login_required(daemon)


def test_nobody_else_is_its_provider(server, tmp_path):
    with probing(server, tmp_path, "hang", auth_code_timeout=300) as (daemon, _), daemon.connect() as connection:
        reply = connection.ask("authProvider.register", {"commands": ALL})
        assert code(reply) == "access_denied" and "auth_provider_command" in reply["errorMessage"]


def test_a_reload_that_brings_another_one_ends_what_hangs(server, tmp_path):
    times = {"auth_code_timeout": 300, "sign_in_timeout": 3600, "refresh_token_wait_max": 300}
    with probing(server, tmp_path, "login", **times) as (daemon, probe), daemon.connect() as caller:
        caller.send("auth.getJwtToken")
        wait_until(lambda: any("child" in fact for fact in probe.facts()), timeout=30)
        another = f"{EXAMPLES}/provider.py {server.http}/oauth/authorize app {REDIRECT_URI}"
        daemon.write_config(section(server, another, **times))
        assert "data" in daemon.ask("system.reload")
        daemon.secrets.add(caller.reply()["data"]["jwtToken"])
        wait_until(lambda: not any(runs(pid) for pid in probe.pids()))
        assert daemon.log().count("was started as process") == 2


def test_it_needs_no_rule(server, tmp_path):
    with probing(server, tmp_path, "answer", allow="user:root (auth.getJwtToken)") as (daemon, probe):
        assert "it is only a probe" in login_required(daemon)
        assert not [fact for fact in probe.facts() if "error" in fact]
