"""How the real daemon starts and ends: arguments, exit statuses, files and environment, its socket, signals, its log."""

import contextlib
import datetime
import fcntl
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, acting_as, wait_until
from daemon import SLOWNESS, Connection, Daemon, check_config, own_words, profile
from sandbox import Sandbox

DONE, FAILURE, USAGE, TEMPORARY, BAD_CONFIG = 0, 1, 2, 6, 78
TIMEOUT_S = 60
SHUTDOWN_S = 1
FOR_EVER_MS = 600000
# The most that is written at once (pipe(7)).
LOG_LINE_MAX = 4096
LEVELS = ["none", "error", "warning", "info", "debug", "trace"]

# Of a profile that nobody answers.
DEAD = "[profile default]\nclient_id = id\n{}\ntoken_url = http://127.0.0.1:1/oauth/token\n"
INLINE = DEAD.format("client_secret = inline-secret")


def command(*arguments):
    return shlex.split(os.environ.get("GCTOKEND_WRAPPER", "")) + [os.environ["GCTOKEND"], *map(str, arguments)]


def run(*arguments, environment=None, **options):
    """Runs gctokend to its end, without a variable of its own in the environment."""
    plain = {name: value for name, value in os.environ.items()
             if not name.startswith(("GENESYSCLOUD_", "XDG_", "GCTOKEND_CONFIG", "CREDENTIALS_"))}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run(command(*arguments), text=True, timeout=TIMEOUT_S, check=False,
                          env={**plain, **(environment or {})}, **options)
    done.stderr = own_words(done.stderr or "")
    return done


def write(path, text, mode=0o600):
    path = str(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


@pytest.fixture
def place():
    """A directory that every uid can reach, as pytest's own cannot."""
    path = tempfile.mkdtemp(prefix="gctokend-start-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def bare(monkeypatch):
    """Without a wrapper: valgrind writes to standard error itself, and keeps the environment that it was given."""
    monkeypatch.delenv("GCTOKEND_WRAPPER", raising=False)


def own(path, uid, mode=0o700):
    os.makedirs(path)
    os.chmod(path, mode)
    os.chown(path, uid, uid)
    return path


@contextlib.contextmanager
def started(*arguments, socket_path, environment=None, **options):
    """A daemon without the fixture's habits; waits until it answers."""
    with subprocess.Popen(command(*arguments), stdin=subprocess.DEVNULL, text=True,
                          env={**os.environ, **(environment or {})}, **options) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(socket_path), timeout=60)
            assert process.poll() is None, f"it ended with {process.returncode}"
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(TIMEOUT_S) == DONE


def answers(path):
    try:
        with Connection(path) as connection:
            return "data" in connection.ask("system.getStatus")
    except OSError:
        return False


# ---- arguments and exit statuses

def test_help_goes_to_stdout_and_names_what_the_daemon_takes():
    done = run("--help")
    assert (done.returncode, done.stderr) == (DONE, "")
    for word in ("--config", "--socket", "--check-config", "--log-level", "--log-format", "--version", "SIGHUP", "SIGTERM"):
        assert word in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[1:])


def test_version_goes_to_stdout():
    done = run("--version")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout.startswith("gctokend ") and done.stdout.count("\n") == 1


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_output_that_cannot_be_written_is_a_failure(option):
    with open("/dev/full", "w", encoding="ascii") as full:
        assert run(option, stdout=full).returncode == FAILURE
    assert run(option, stdout=None, preexec_fn=lambda: os.close(1)).returncode == FAILURE


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-x"], ["word"], ["--config"], ["--log-level", "loud"],
                                       ["--log-level"], ["--log-format", "xml"], ["--", "word"], ["--check-config=yes"]],
                         ids=" ".join)
def test_wrong_arguments_are_status_2_and_one_line(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (USAGE, "", 1)
    assert "gctokend" in done.stderr


def test_check_config_says_that_all_is_well_and_how_many_profiles_there_are(place):
    path = write(f"{place}/c", INLINE + INLINE.replace("default", "other"))
    done = run("--config", path, "--check-config")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, f"{path}: good, 2 profiles\n", "")


def test_check_config_tells_all_mistakes_at_once():
    text = ("[genral]\nhost = x\n[daemon]\nmax_waiters = many\n[profile a]\nclient_id = a\nscop = x\n"
            "token_url = ftp://x\n[profile b]\nclient_secret = b\n")
    done = check_config(text)
    assert (done.returncode, done.stdout) == (BAD_CONFIG, "")
    for where, what in ((1, "did you mean [general]"), (4, "max_waiters"), (5, "client_secret: this is missing"),
                        (7, "did you mean scope"), (8, "token_url"), (9, "client_id: this is missing")):
        assert any(f".conf:{where}: " in line and what in line for line in done.stderr.splitlines()), (where, what)


def test_bad_configuration_is_status_78_and_makes_no_socket(place):
    path = write(f"{place}/c", "[profile a]\nclient_id = a\n")
    done = run("--config", path, "--socket", f"{place}/s")
    assert (done.returncode, done.stdout) == (BAD_CONFIG, "")
    assert f"{path}:1: [profile a] client_secret: " in done.stderr
    assert not os.path.exists(f"{place}/s")


# ---- which file

def test_missing_file_is_status_78_and_says_what_to_do(place):
    done = run("--config", f"{place}/missing", "--socket", f"{place}/s")
    assert done.returncode == BAD_CONFIG and done.stderr.count("\n") == 1
    assert f"{place}/missing: there is no such file" in done.stderr and "--config" in done.stderr


@pytest.mark.skipif(os.path.exists("/etc/gctokend/gctokend.conf"), reason="this machine has a configuration of its own")
def test_file_in_etc_is_the_last_that_is_looked_for(place):
    done = run("--check-config", environment={"HOME": place, "XDG_CONFIG_HOME": place})
    assert done.returncode == BAD_CONFIG
    assert "/etc/gctokend/gctokend.conf: there is no such file" in done.stderr


def test_variable_names_the_file_and_the_option_goes_before_it(place):
    one, two = write(f"{place}/one", INLINE), write(f"{place}/two", INLINE)
    assert run("--check-config", environment={"GCTOKEND_CONFIG": one}).stdout == f"{one}: good, 1 profile\n"
    done = run("--check-config", "--config", two, environment={"GCTOKEND_CONFIG": one})
    assert done.stdout == f"{two}: good, 1 profile\n"


@NEEDS_ROOT
def test_users_own_file_is_for_users_and_not_for_root(place):
    home = own(f"{place}/home", ALICE)
    config = own(f"{home}/.config/gctokend", ALICE)
    path = write(f"{config}/gctokend.conf", INLINE)
    os.chown(path, ALICE, ALICE)
    os.chown(f"{home}/.config", ALICE, ALICE)
    as_alice = {"user": ALICE, "group": ALICE, "extra_groups": []}
    assert run("--check-config", environment={"HOME": home}, **as_alice).stdout == f"{path}: good, 1 profile\n"
    # $XDG_CONFIG_HOME goes before $HOME; a relative one counts for nothing.
    other = own(f"{place}/other/gctokend", ALICE)
    there = write(f"{other}/gctokend.conf", INLINE)
    os.chown(there, ALICE, ALICE)
    environment = {"HOME": home, "XDG_CONFIG_HOME": f"{place}/other"}
    assert run("--check-config", environment=environment, **as_alice).stdout == f"{there}: good, 1 profile\n"
    environment = {"HOME": home, "XDG_CONFIG_HOME": "other"}
    assert run("--check-config", environment=environment, cwd=place, **as_alice).stdout == f"{path}: good, 1 profile\n"
    # The users' directories are not root's: what stands there may be another's.
    done = run("--check-config", environment={"HOME": home})
    assert path not in done.stdout + done.stderr


# ---- safety of the file

@NEEDS_ROOT
@pytest.mark.parametrize(("mode", "owner", "text", "says"), [
    (0o600, 0, INLINE, None), (0o400, 0, INLINE, None), (0o640, 0, INLINE, None),
    (0o644, 0, INLINE, "others can read this file"), (0o604, 0, INLINE, "others can read this file"),
    (0o644, 0, DEAD.format("client_secret_file = secret"), None),
    (0o602, 0, INLINE, "can write the file"), (0o620, 0, INLINE, "can write the file"),
    (0o666, 0, DEAD.format("client_secret_file = secret"), "can write the file"),
    (0o600, ALICE, INLINE, f"owned by uid {ALICE}"),
])
def test_who_may_touch_the_file_is_looked_at(place, mode, owner, text, says):
    write(f"{place}/secret", "s")
    path = write(f"{place}/c", text, mode)
    os.chown(path, owner, 0)
    done = run("--config", path, "--check-config")
    assert done.returncode == (BAD_CONFIG if says else DONE)
    assert (says or "good") in done.stderr + done.stdout
    if says:
        assert path in done.stderr and "inline-secret" not in done.stderr


@NEEDS_ROOT
def test_group_may_read_an_inline_secret_if_it_is_the_daemons_primary_one(place):
    path = write(f"{place}/c", INLINE, 0o640)
    os.chown(path, 0, BOB)
    assert run("--config", path, "--check-config").returncode == BAD_CONFIG
    assert run("--config", path, "--check-config", group=BOB).returncode == DONE
    assert run("--config", path, "--check-config", user=ALICE, group=BOB, extra_groups=[]).returncode == DONE
    assert run("--config", path, "--check-config", user=ALICE, group=ALICE, extra_groups=[BOB]).returncode == BAD_CONFIG
    # Of the daemon's own uid is as good as root's.
    os.chown(path, ALICE, ALICE)
    os.chmod(path, 0o600)
    assert run("--config", path, "--check-config", user=ALICE, group=ALICE, extra_groups=[]).returncode == DONE


def test_link_to_a_file_is_judged_by_the_file(place):
    write(f"{place}/c", INLINE, 0o644)
    os.symlink(f"{place}/c", f"{place}/link")
    assert run("--config", f"{place}/link", "--check-config").returncode == BAD_CONFIG
    os.chmod(f"{place}/c", 0o600)
    assert run("--config", f"{place}/link", "--check-config").returncode == DONE


# ---- where credentials come from

def test_secret_may_stand_in_a_file_or_in_a_credential_of_the_service(server, place):
    server.client("plain", "plain-secret")
    server.client("crlf", "crlf secret")
    server.client("handed", "handed-secret")
    write(f"{place}/plain", "plain-secret")
    write(f"{place}/crlf", "crlf secret\r\n")
    os.mkdir(f"{place}/credentials")
    write(f"{place}/credentials/billing", "handed-secret\n", 0o400)
    config = (profile(server, "plain", "plain", None, client_secret_file=f"{place}/plain")
              + profile(server, "crlf", "crlf", None, client_secret_file=f"{place}/crlf", client_auth="post")
              + profile(server, "handed", "handed", None, client_secret_credential="billing"))
    with Daemon(config, environment={"CREDENTIALS_DIRECTORY": f"{place}/credentials"}) as daemon:
        daemon.secrets.update(("plain-secret", "crlf secret", "handed-secret"))
        for name in ("plain", "crlf", "handed"):
            assert server.check(daemon.get(name)) ["client_id"] == name


def test_secret_that_cannot_be_read_rejects_its_profile_naming_the_path_and_no_other(server, place):
    os.mkdir(f"{place}/directory")
    write(f"{place}/empty", "")
    write(f"{place}/open", "demo-secret", 0o646)
    paths = {"missing": f"{place}/missing", "directory": f"{place}/directory", "empty": f"{place}/empty",
             "open": f"{place}/open"}
    config = profile(server) + "".join(profile(server, name, secret=None, client_secret_file=path)
                                       for name, path in paths.items())
    config += profile(server, "credential", secret=None, client_secret_credential="billing")
    config += profile(server, "unset", secret=None, client_secret_credential="billing")
    with Daemon(config, environment={"CREDENTIALS_DIRECTORY": f"{place}/credentials"}) as daemon:
        assert server.check(daemon.get())["active"]
        paths["credential"] = f"{place}/credentials/billing"
        for name, path in paths.items():
            info = daemon.wait_state("rejected", name)
            assert path in info["lastError"]["message"]
            error = daemon.get(name)
            assert error["code"] == "upstream_rejected" and path in error["text"]
            assert path in daemon.log()
        assert server.stats()["token_requests"] == 1


def test_credential_without_a_service_manager_says_what_to_add(server):
    config = profile(server) + profile(server, "handed", secret=None, client_secret_credential="billing")
    with Daemon(config) as daemon:
        assert server.check(daemon.get())["active"]
        daemon.wait_state("rejected", "handed")
        assert "LoadCredential=billing:" in daemon.get("handed")["text"]


@NEEDS_ROOT
def test_secret_file_that_the_daemons_user_may_not_read_rejects_its_profile(server, place):
    path = write(f"{place}/secret", "demo-secret")
    config = profile(server) + profile(server, "closed", secret=None, client_secret_file=path)
    daemon = Daemon(config, user=ALICE)
    os.chown(daemon.dir, ALICE, ALICE)
    with daemon:
        assert server.check(daemon.get())["active"]
        assert f"{path} cannot be read: Permission denied" in daemon.wait_state("rejected", "closed")["lastError"]["message"]


def gateway(server):
    """What sends the environment's profile to a test server."""
    return f"[gateway]\nhost = 127.0.0.1\nprotocol = http\nport = {server.http.rsplit(':', 1)[1]}\n"


CREDENTIALS = {"GENESYSCLOUD_OAUTHCLIENT_ID": "demo", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "demo-secret",
               "GENESYSCLOUD_REGION": "eu_west_1"}


def test_credentials_may_come_from_the_environment_and_are_gone_from_it_at_once(server, bare):
    with Daemon(gateway(server), environment=CREDENTIALS) as daemon:
        assert server.check(daemon.get())["active"]
        info = daemon.info()
        assert info["profile"] == "default" and info["apiUrl"] == server.http
        with open(f"/proc/{daemon.pid}/environ", "rb") as file:
            environ = file.read()
        assert b"PATH=" in environ
        for value in (b"demo-secret", b"eu_west_1", b"=demo\0"):
            assert value not in environ


def test_environment_and_no_file_are_enough(place):
    done = run("--config", f"{place}/missing", "--check-config", environment=CREDENTIALS)
    assert (done.returncode, done.stdout) == (DONE, f"{place}/missing: good, 1 profile\n")
    half = {"GENESYSCLOUD_OAUTHCLIENT_ID": "demo"}
    done = run("--config", f"{place}/missing", "--check-config", environment=half)
    assert done.returncode == BAD_CONFIG and "GENESYSCLOUD_OAUTHCLIENT_SECRET" in done.stderr
    bad = {**CREDENTIALS, "GENESYSCLOUD_REGION": "mars"}
    done = run("--config", f"{place}/missing", "--check-config", environment=bad)
    assert done.returncode == BAD_CONFIG and "GENESYSCLOUD_REGION" in done.stderr and "demo-secret" not in done.stderr


def test_file_goes_before_the_environment(server, bare):
    environment = {**CREDENTIALS, "GENESYSCLOUD_OAUTHCLIENT_SECRET": "unused-secret"}
    with Daemon("[general]\nhost = mypurecloud.ie\n" + profile(server, "mine"), environment=environment) as daemon:
        assert server.check(daemon.get("mine"))["active"]
        assert daemon.get()["code"] == "access_denied"
        assert daemon.info("mine")["apiUrl"] == "https://api.mypurecloud.ie"
        with open(f"/proc/{daemon.pid}/environ", "rb") as file:
            assert b"unused-secret" not in file.read()


# ---- the socket

def mode(path):
    return os.stat(path).st_mode & 0o7777


def test_socket_is_for_all_in_a_directory_made_for_it(server, place):
    before = os.umask(0o077)
    try:
        with Daemon(profile(server), socket_path=f"{place}/made/s") as daemon:
            assert mode(f"{place}/made") == 0o755 and mode(daemon.socket) == 0o666
            assert server.check(daemon.get())["active"]
    finally:
        os.umask(before)
    assert os.listdir(f"{place}/made") == []


def test_directory_that_is_there_keeps_its_mode(server, place):
    os.mkdir(f"{place}/mine", 0o700)
    with Daemon(profile(server), socket_path=f"{place}/mine/s"):
        assert mode(f"{place}/mine") == 0o700


def test_socket_may_be_named_in_the_file_and_the_option_goes_before_it(place):
    path = write(f"{place}/c", f"[daemon]\nsocket = {place}/file/s\n" + INLINE)
    with started("--config", path, socket_path=f"{place}/file/s"):
        assert not os.path.exists(f"{place}/option")
    with started("--config", path, "--socket", f"{place}/option/s", socket_path=f"{place}/option/s"):
        assert not os.path.exists(f"{place}/file/s")


def test_socket_that_a_reload_names_is_told_to_be_for_the_next_start(place):
    path = write(f"{place}/c", f"[daemon]\nsocket = {place}/s\n" + INLINE)
    with started("--config", path, socket_path=f"{place}/s", stderr=subprocess.PIPE) as process, \
            Connection(f"{place}/s") as connection:
        write(path, INLINE.replace("[profile", f"[daemon]\nsocket = {place}/other\n[profile", 1))
        assert "data" in connection.ask("system.reload")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=TIMEOUT_S)
        assert f"the socket stays {place}/s; {place}/other takes effect at the next start" in log
        assert not os.path.exists(f"{place}/other")


def test_socket_that_a_dead_daemon_left_is_replaced(server, place):
    path = f"{place}/s"
    with Daemon(profile(server), socket_path=path) as daemon:
        daemon.signal(signal.SIGKILL)
        assert daemon.wait() == -signal.SIGKILL
        assert os.path.exists(path)
        daemon.start()
        assert daemon.get() and mode(path) == 0o666


def test_socket_that_answers_is_left_alone(server, daemon):
    done = run("--config", daemon.config_path, "--socket", daemon.socket)
    assert (done.returncode, done.stderr.count("\n")) == (FAILURE, 1)
    assert f"serving {daemon.socket} already" in done.stderr and "--socket" in done.stderr
    assert daemon.get()
    # Nor is the login server asked twice.
    assert server.stats()["token_requests"] == 1


def test_another_programs_socket_is_left_alone(place):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{place}/s")
        other.listen()
        done = run("--config", write(f"{place}/c", INLINE), "--socket", f"{place}/s")
        assert done.returncode == FAILURE and f"{place}/s" in done.stderr
        assert os.path.exists(f"{place}/s")


@pytest.mark.parametrize("make", [lambda path: write(path, "precious"), os.mkdir, os.mkfifo,
                                  lambda path: os.symlink("/nowhere", path)], ids=["file", "directory", "fifo", "link"])
def test_what_is_no_socket_is_not_replaced(place, make):
    make(f"{place}/s")
    before = os.lstat(f"{place}/s")
    done = run("--config", write(f"{place}/c", INLINE), "--socket", f"{place}/s")
    assert (done.returncode, done.stderr.count("\n")) == (FAILURE, 1)
    assert f"{place}/s is there already and is no socket" in done.stderr
    assert os.lstat(f"{place}/s") == before


def test_path_that_no_socket_can_have_is_a_failure_that_names_it(place):
    config = write(f"{place}/c", INLINE)
    long = f"{place}/{'x' * 120}"
    done = run("--config", config, "--socket", long)
    assert done.returncode == FAILURE and long in done.stderr and "shorter" in done.stderr
    done = run("--config", config, "--socket", f"{place}/no/such/s")
    assert done.returncode == FAILURE and f"{place}/no/such" in done.stderr
    done = run("--config", config, "--socket", "")
    assert done.returncode == USAGE and "--socket" in done.stderr


def test_socket_is_removed_at_the_end(server):
    with Daemon(profile(server)) as daemon:
        assert daemon.end() == DONE
        assert not os.path.exists(daemon.socket)


def test_socket_that_another_has_put_there_is_not_removed(server):
    with Daemon(profile(server)) as daemon, socket.socket(socket.AF_UNIX) as other:
        os.unlink(daemon.socket)
        other.bind(daemon.socket)
        assert daemon.end() == DONE
        assert os.path.exists(daemon.socket)
        os.unlink(daemon.socket)


@NEEDS_ROOT
def test_daemon_of_an_ordinary_user_serves_all_of_it_from_its_runtime_directory(server, place):
    runtime, config = own(f"{place}/run", ALICE), own(f"{place}/config/gctokend", ALICE)
    path = write(f"{config}/gctokend.conf", profile(server) + profile(server, "bob", allow=f"user:{BOB} (auth.getJwtToken)"))
    os.chown(path, ALICE, ALICE)
    environment = {"XDG_RUNTIME_DIR": runtime, "XDG_CONFIG_HOME": f"{place}/config"}
    where = f"{runtime}/gctokend/gctokend.sock"
    with open(f"{place}/log", "wb") as log, \
            started(environment=environment, socket_path=where, user=ALICE, group=ALICE, extra_groups=[], stderr=log):
        assert mode(where) == 0o666 and mode(f"{runtime}/gctokend") == 0o755
        assert os.stat(where).st_uid == ALICE
        result = subprocess.run([os.environ["GCTOKEN"], "get"], env={**os.environ, "XDG_RUNTIME_DIR": runtime}, user=ALICE,
                                group=ALICE, extra_groups=[], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert result.returncode == 0 and server.check(result.stdout.strip())["active"]
        # Others reach it where they can reach the directory.
        with acting_as(BOB), pytest.raises(PermissionError):
            Connection(where)
        os.chmod(runtime, 0o711)
        with acting_as(BOB), Connection(where) as connection:
            assert connection.get("bob")["data"]["jwtToken"]
            assert connection.get()["error"]["code"] == "access_denied"
    assert os.listdir(f"{runtime}/gctokend") == []


# ---- the end

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_signal_answers_those_who_wait_and_ends_within_a_second(number, tls):
    with Sandbox(tls=tls) as server:
        server.rule({"delay_ms": FOR_EVER_MS})
        keys = {"url": server.https, "tls_ca_file": server.ca} if tls else {}
        config = "".join(profile(server, name, refresh_token_wait_max=300, **keys) for name in ("default", "two"))
        with Daemon(config) as daemon:
            server.wait(lambda stats: stats["in_flight"] == 2)
            connections = [daemon.connect() for _ in range(500)]
            for connection in connections:
                connection.send("auth.getJwtToken", reference=7)
            with subprocess.Popen([os.environ["GCTOKEN"], "get", "two", "--timeout", "60", "--socket", daemon.socket],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
                wait_until(lambda: daemon.info()["waiters"] == 500 and daemon.info("two")["waiters"] == 1)
                began = time.monotonic()
                daemon.signal(number)
                assert daemon.wait() == DONE
                assert time.monotonic() - began <= SHUTDOWN_S * SLOWNESS
                out, error = client.communicate(timeout=TIMEOUT_S)
            assert (client.returncode, out, error.count("\n")) == (TEMPORARY, "", 1)
            assert "shutting_down" in error
            for connection in connections:
                reply = connection.reply()
                assert reply["referenceId"] == 7
                assert reply["error"]["code"] == "shutting_down" and reply["error"]["retryable"]
                assert connection.reply() is None
                connection.close()


def test_second_signal_and_a_reload_at_the_end_change_nothing(server):
    server.rule({"delay_ms": FOR_EVER_MS})
    with Daemon(profile(server)) as daemon, daemon.connect() as connection:
        connection.send("auth.getJwtToken")
        wait_until(lambda: daemon.info()["waiters"] == 1)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            daemon.signal(number)
        assert daemon.wait() == DONE
        assert connection.reply()["error"]["code"] == "shutting_down"


def test_other_signals_leave_the_daemon_alone(server, daemon):
    daemon.signal(signal.SIGPIPE)
    assert daemon.get() == daemon.get()


def test_daemon_starts_again_at_once(server):
    with Daemon(profile(server)) as daemon:
        for _ in range(3):
            assert daemon.end() == DONE
            daemon.start()
        assert server.check(daemon.get())["active"]


# ---- descriptors

@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)], ids=str)
def test_closed_standard_descriptors_are_not_taken_for_something_else(server, place, closed, bare):
    """Else the log would go to whatever has got its number: a connection to the login server, or to a client."""
    config = write(f"{place}/c", profile(server))
    redirections = " ".join(f"{fd}<&-" for fd in closed)
    shell = ["sh", "-c", f'exec "$@" {redirections}', "sh"]
    options = {} if {1, 2} & set(closed) else {"stdout": subprocess.DEVNULL}
    path = f"{place}/s"
    with subprocess.Popen(shell + command("--config", config, "--socket", path, "--log-level", "trace"),
                          stderr=subprocess.DEVNULL, **options) as process:
        try:
            wait_until(lambda: process.poll() is not None or answers(path), timeout=60)
            with Connection(path) as connection:
                token = connection.get()["data"]["jwtToken"]
                assert server.check(token)["active"]
                for _ in range(3):
                    assert "data" in connection.ask("system.reload")
                assert connection.get()["data"]["jwtToken"] == token
            for fd in closed:
                assert os.readlink(f"/proc/{process.pid}/fd/{fd}") == "/dev/null"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == DONE


# ---- the log

def full_pipe():
    """A pipe that takes nothing more, and both its ends."""
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    for size in (LOG_LINE_MAX, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * size)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags)
    return reader, writer


def test_log_that_nobody_reads_does_not_hang_the_daemon(server, place, bare):
    config = write(f"{place}/c", profile(server))
    reader, writer = full_pipe()
    with started("--config", config, "--socket", f"{place}/s", "--log-level", "trace", socket_path=f"{place}/s",
                 stdout=subprocess.DEVNULL, stderr=writer) as process, Connection(f"{place}/s") as connection:
        for _ in range(20):
            assert "data" in connection.ask("system.reload")
        assert server.check(connection.get()["data"]["jwtToken"])["active"]
        # Once it is read again the log goes on.
        os.set_blocking(reader, False)
        with contextlib.suppress(BlockingIOError):
            while os.read(reader, 1 << 16):
                pass
        assert "data" in connection.ask("system.reload")
        assert b"configuration reloaded" in os.read(reader, 1 << 16)
        # Nor is it the daemon's end when the reader is gone.
        os.close(reader)
        os.close(writer)
        assert "data" in connection.ask("system.reload")
        assert process.poll() is None


def run_through_levels(server, level, form):
    """The lines of a daemon that sees success, failure and a reload of each kind."""
    server.client("gone", "gone-secret")
    config = profile(server) + profile(server, "odd", "unknown \"client\" \u00e9 \\", "odd-secret")
    with Daemon(config, arguments=["--log-format", form], log_level=level) as daemon:
        daemon.secrets.add("odd-secret")
        daemon.wait_state("fresh")
        daemon.wait_state("rejected", "odd")
        daemon.write_config("[profil \"\u00e9\\\t]\n" + config)
        assert "error" in daemon.ask("system.reload")
        daemon.write_config(config)
        assert "data" in daemon.ask("system.reload")
        assert daemon.end() == DONE
        return own_words(daemon.log()).splitlines()


@pytest.mark.parametrize("level", LEVELS)
def test_log_level_cuts_what_is_told(server, level):
    lines = run_through_levels(server, level, "text")
    seen = set()
    for line in lines:
        at, told, rest = line.split(" ", 2)[0], line.split(" ", 2)[1].rstrip(":"), line.split(" ", 2)[2]
        datetime.datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ")
        assert rest and told in LEVELS
        seen.add(told)
    # An error is told at every level.
    index = max(LEVELS.index(level), 1)
    assert seen <= set(LEVELS[1:index + 1])
    assert seen >= {"error", "warning", "info", "debug"} & set(LEVELS[1:index + 1])


def test_json_log_is_one_object_a_line(server):
    lines = [json.loads(line) for line in run_through_levels(server, "trace", "json")]
    assert {"error", "warning", "info", "debug"} <= {line["level"] for line in lines} <= set(LEVELS[1:])
    for line in lines:
        assert {"time", "level", "message"} <= set(line)
        datetime.datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert {line["profile"] for line in lines if "profile" in line} == {"default", "odd"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_line_is_never_longer_than_a_pipe_takes_whole(server, place, form):
    """The server's text is cut long before; the path of a configuration is not."""
    deep = place
    while len(os.fsencode(deep)) < os.pathconf("/", "PC_PATH_MAX") - 100:
        deep += "/" + "\u00e9" * 40
    os.makedirs(deep)
    quotes = '"' * 500
    path = write(os.path.join(deep, "c"), "".join(f"[profile p{i}]\nallow = {quotes}\n" for i in range(3)))
    done = run("--config", path, "--log-format", form, "--check-config")
    assert done.returncode == BAD_CONFIG
    lines = done.stderr.encode().splitlines(keepends=True)
    assert lines and all(len(line) <= LOG_LINE_MAX for line in lines)
    if form == "json":
        assert {json.loads(line)["level"] for line in lines} == {"error", "warning"}
    assert any("\u2026" in line.decode() for line in lines)
