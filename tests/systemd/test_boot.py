"""The script that boots: what it passes on, and that nothing is left behind, however it ends. This file runs outside."""

import os
import pathlib
import re
import signal
import subprocess
import time
import uuid

import pytest

from daemon import SLOWNESS

BOOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")
TIMEOUT_S = 60 * SLOWNESS
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can boot")


def boot(*arguments, **options):
    return subprocess.run([BOOT, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, **options)


def processes(name, text):
    """The pids of those in whose /proc/PID/name the text stands."""
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (directory / name).read_bytes():
                found.append(int(directory.name))
        except (OSError, ValueError):
            pass
    return found


def cgroups():
    """The names of the first level."""
    return subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t cgroup2 cgroup /sys && ls /sys"],
                          capture_output=True, text=True, check=True).stdout.split()


def mounts():
    return [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if " - tmpfs boot " in line]


class Booted:
    """One that runs a command of the shell."""

    def __init__(self, command):
        self.mark = f"BOOT_TEST={uuid.uuid4()}"
        name, value = self.mark.split("=")
        self.process = subprocess.Popen(
            [BOOT, "sh", "-c", f"echo up; {command}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, name: value}, start_new_session=True)
        assert self.process.stdout.readline() == b"up\n"
        self.cgroup = self._cgroup()

    def _cgroup(self):
        pattern = re.compile(rf"gctokend-boot\.{self.process.pid}\.\d+")
        for pid in processes("cgroup", f"/gctokend-boot.{self.process.pid}."):
            return pattern.search(pathlib.Path(f"/proc/{pid}/cgroup").read_text()).group()
        raise AssertionError("no process is in a cgroup of its own")

    def left(self):
        """What there is of it: empty once it is gone."""
        return {name: found for name, found in {
            "own processes": processes("environ", self.mark),
            "processes in the cgroup": processes("cgroup", self.cgroup),
            "cgroups": [name for name in cgroups() if name == self.cgroup],
            "mounts": mounts(),
        }.items() if found}


def test_output_and_exit_status_are_those_of_the_command():
    done = boot("-e", "WORD=a b", "-e", "PASSED", "-e", "UNSET", "sh", "-c",
                'cat /proc/1/comm; echo "$WORD $PASSED ${UNSET-none}"; exit 7', env={**os.environ, "PASSED": "c"})
    assert done.stdout == "systemd\na b c none\n", done.stderr
    assert done.returncode == 7


def test_a_command_that_is_not_there_is_told():
    done = boot("/nonexistent")
    assert "/nonexistent" in done.stdout
    assert done.returncode == 127


def test_the_command_can_write_to_nothing_of_this_machine(tmp_path):
    done = boot("-B", str(tmp_path), "sh", "-c", f"echo x >/etc/hostname; echo x >/usr/x; echo x >{tmp_path}/x")
    assert done.returncode != 0
    assert done.stdout.count("Read-only file system") == 2
    assert not list(tmp_path.iterdir())
    assert pathlib.Path("/etc/hostname").read_text() != "x\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind_by_one_that_is_killed_with_all_its_group(number):
    booted = Booted("exec sleep 3600")
    assert {"own processes", "processes in the cgroup", "cgroups"} <= booted.left().keys()
    os.killpg(booted.process.pid, number)
    booted.process.wait(TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while left := booted.left():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_nothing_is_left_behind_by_one_that_ends():
    booted = Booted("sleep 3600 & sleep 2")
    assert booted.process.wait(TIMEOUT_S) == 0
    assert not booted.left()
