"""gctokend as a service of a user, under that user's own manager."""

import os
import pathlib
import shutil

import pytest

from daemon import profile


class Manager:
    """systemd --user of a user who has not logged in."""

    def __init__(self, machine, user):
        self.machine = machine
        self.home = pathlib.Path(user.pw_dir)
        self.runtime = pathlib.Path(f"/run/user/{user.pw_uid}")
        self._as_user = {
            "user": user.pw_uid, "group": user.pw_gid, "extra_groups": [],
            "env": {"HOME": user.pw_dir, "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.runtime)},
        }
        environment = [f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.runtime}"]
        environment += filter(None, [os.environ.get("GCTOKEND_SERVICE_ENVIRONMENT")])
        self._unit = f"test-user@{user.pw_uid}.service"
        self.runtime.mkdir(parents=True, mode=0o700)
        shutil.chown(self.runtime, user.pw_uid, user.pw_gid)
        machine.run("systemd-run", f"--unit={self._unit}", f"--uid={user.pw_uid}", f"--gid={user.pw_gid}",
                    "--property=Delegate=yes", "--property=Type=notify", *(f"--setenv={text}" for text in environment),
                    "/lib/systemd/systemd", "--user", "--unit=basic.target")

    def run(self, *command, check=True):
        return self.machine.run(*command, check=check, **self._as_user)

    def stop(self):
        self.machine.systemctl("stop", self._unit)
        shutil.rmtree(self.runtime)


@pytest.fixture
def manager(machine, user):
    started = Manager(machine, user)
    yield started
    started.stop()


def test_a_user_has_a_daemon_of_their_own(manager, server):
    config = manager.home / ".config/gctokend/gctokend.conf"
    manager.run("mkdir", "-p", "-m", "700", str(config.parent))
    manager.run("touch", str(config))
    config.chmod(0o600)
    config.write_text(profile(server, allow="user:etl (auth.getJwtToken)", persist_tokens="true"))
    manager.run("systemctl", "--user", "enable", "--now", "gctokend.socket")
    token = manager.run(manager.machine.GCTOKEN, "get").stdout.strip()
    assert server.check(token)["active"]
    assert (manager.runtime / "gctokend/gctokend.sock").is_socket()
    manager.run("systemctl", "--user", "reload", "gctokend.service")
    config.write_text("[profile default]\ngrant = none\n")
    assert manager.run("systemctl", "--user", "reload", "gctokend.service", check=False).returncode != 0
    assert manager.run(manager.machine.GCTOKEN, "get").stdout.strip() == token
    assert (manager.home / ".local/state/gctokend/default.state").exists()
