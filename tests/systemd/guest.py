"""The booted machine that these tests run in, as root, and gctokend as its systemd runs it."""

import json
import os
import pathlib
import pwd
import shutil
import subprocess
import time

from daemon import SLOWNESS, Connection

SERVICE = "gctokend.service"
SOCKET = "gctokend.socket"
SOCKET_PATH = "/run/gctokend/gctokend.sock"
STATE_DIRECTORY = pathlib.Path("/var/lib/gctokend")
CONFIG = pathlib.Path("/etc/gctokend/gctokend.conf")
UNITS = pathlib.Path("/etc/systemd/system")
GCTOKEN = "/usr/local/bin/gctoken"
COMMAND_TIMEOUT_S = 60 * SLOWNESS


def run(*command, check=True, **options):
    """A CompletedProcess with text output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, **options)
    assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def systemctl(*arguments, check=True):
    return run("systemctl", *arguments, check=check)


def show(name, unit=SERVICE):
    """A property of a unit, as text."""
    return systemctl("show", "--value", "--property", name, unit).stdout.strip()


def main_pid():
    return int(show("MainPID"))


def gctoken(*arguments, check=True, **options):
    """The installed client, without --socket; user=, group= and extra_groups= say as whom."""
    return run(GCTOKEN, *arguments, check=check, **options)


def ask(request, parameters=None):
    """The reply to one request, as root."""
    with Connection(SOCKET_PATH) as connection:
        return connection.ask(request, parameters)


def wait_until(condition, what, timeout=10):
    """The first true value of condition()."""
    deadline = time.monotonic() + timeout * SLOWNESS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout} s\n{journal_text()}"
        time.sleep(0.02)
    return value


def journal(*matches):
    """The entries of the service's journal, oldest first, as dictionaries."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--output=json", "--all", f"--unit={SERVICE}", *matches).stdout.splitlines()
    return [json.loads(line) for line in lines]


def journal_text():
    """What the programs and the service managers said since the test began."""
    return run("journalctl", "--no-pager", "--output=short-precise", "--identifier=gctokend", "--identifier=gctoken",
               "--identifier=systemd", check=False).stdout


def drop_in(text, unit=SERVICE, name="test"):
    """Adds to a unit; takes effect at its next start."""
    directory = UNITS / f"{unit}.d"
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.conf").write_text(text)
    systemctl("daemon-reload")


def write_config(text):
    """As the README says: for root, and the group gctokend to read."""
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.touch(0o600)
    shutil.chown(CONFIG, "root", "gctokend")
    CONFIG.chmod(0o640)
    CONFIG.write_text(text)


def start():
    """Serves, from the socket on, as the README says."""
    systemctl("enable", "--now", SOCKET)


def stop():
    """Ends all, and with it what the service manager stored."""
    systemctl("disable", "--now", SOCKET, SERVICE)


def clean():
    """Takes back what a test has written."""
    stop()
    systemctl("reset-failed")
    for unit in (SERVICE, SOCKET):
        shutil.rmtree(UNITS / f"{unit}.d", ignore_errors=True)
    for path in ("/etc/gctokend", "/var/lib/private/gctokend", "/var/log/private/gctokend"):
        shutil.rmtree(path, ignore_errors=True)
    write_environment()
    run("journalctl", "--rotate", "--vacuum-time=1us")


def add_user(name):
    """A new user with a home directory and a group of that name, as pwd.getpwnam() returns it."""
    run("useradd", "--create-home", "--user-group", name)
    return pwd.getpwnam(name)


def write_environment():
    """What the tests have the service run with, where they have to (sanitizers)."""
    if text := os.environ.get("GCTOKEND_SERVICE_ENVIRONMENT"):
        drop_in(f"[Service]\nEnvironment={text}\n", name="environment")
    else:
        systemctl("daemon-reload")
