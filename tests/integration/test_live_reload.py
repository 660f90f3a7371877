"""The daemon reads its configuration again by itself when a file of it changes."""

import os
import shutil
import time

from callers import wait_until
from daemon import SLOWNESS, Daemon, profile

RELOADED = "configuration reloaded from"
# Longer than the daemon waits for quiet.
SETTLED_S = 1


def n_reloads(daemon):
    return daemon.log().count(RELOADED)


def names(daemon):
    return [profile["profile"] for profile in daemon.ask("system.getStatus")["data"]["profiles"]]


def wait_names(daemon, *expected):
    wait_until(lambda: names(daemon) == list(expected))


def replace(path, text):
    """As editors and tools that manage configurations do."""
    with open(f"{path}.new", "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    os.rename(f"{path}.new", path)


def test_changed_file_is_read_by_itself(server, daemon):
    token = daemon.get()
    daemon.write_config(profile(server) + profile(server, "second"))
    wait_names(daemon, "default", "second")
    replace(daemon.config_path, profile(server) + profile(server, "third"))
    wait_names(daemon, "default", "third")
    assert daemon.get() == token
    assert n_reloads(daemon) == 2


def test_many_changes_at_once_are_one_reload(server, daemon):
    for i in range(20):
        replace(daemon.config_path, profile(server) + profile(server, f"p{i}"))
    wait_names(daemon, "default", "p19")
    # The machine may have paused in between.
    assert n_reloads(daemon) <= 3


def test_bad_file_leaves_what_was_there_and_its_correction_is_read(server, daemon):
    good = profile(server)
    line = good.count("\n") + 1
    daemon.write_config(good + "[profile second]\n")
    daemon.wait_log("stays in force")
    assert f"{daemon.config_path}:{line}: [profile second] client_id: this is missing" in daemon.log()
    assert names(daemon) == ["default"]
    daemon.write_config(profile(server) + profile(server, "second"))
    wait_names(daemon, "default", "second")


def test_removed_file_leaves_the_last_configuration_with_a_warning(server, daemon):
    os.unlink(daemon.config_path)
    daemon.wait_log(f"{daemon.config_path} was removed; the configuration before stays in force")
    assert names(daemon) == ["default"] and n_reloads(daemon) == 0
    daemon.write_config(profile(server, "second"))
    wait_names(daemon, "second")


def test_file_that_appears_later_is_read(server):
    daemon = Daemon("", environment={"GENESYSCLOUD_OAUTHCLIENT_ID": "demo",
                                     "GENESYSCLOUD_OAUTHCLIENT_SECRET": "demo-secret",
                                     # The login server's name is not looked for.
                                     "https_proxy": "http://127.0.0.1:1"})
    os.unlink(daemon.config_path)
    with daemon:
        assert names(daemon) == ["default"]
        daemon.write_config(profile(server, "other"))
        wait_names(daemon, "other")


def test_drop_ins_are_read_when_they_appear_change_and_go(server, daemon):
    directory = f"{daemon.config_path}.d"
    os.mkdir(directory)
    replace(f"{directory}/10.conf", profile(server, "second"))
    wait_names(daemon, "default", "second")
    replace(f"{directory}/10.conf", profile(server, "third"))
    wait_names(daemon, "default", "third")
    shutil.rmtree(directory)
    wait_names(daemon, "default")


def test_directory_that_is_removed_and_made_again_is_watched_again(server):
    with Daemon(profile(server)) as home:
        directory = os.path.join(home.dir, "etc", "gctokend")
        path = os.path.join(directory, "gctokend.conf")
        os.makedirs(directory)
        replace(path, profile(server))
        with Daemon("", arguments=["--config", path]) as daemon:
            shutil.rmtree(os.path.dirname(directory))
            daemon.wait_log("was removed")
            os.makedirs(directory)
            replace(path, profile(server, "second"))
            wait_names(daemon, "second")


def test_swapped_link_is_followed(server):
    """As Kubernetes mounts a ConfigMap: the file leads through ..data into a directory that is never changed."""
    daemon = Daemon("")
    os.unlink(daemon.config_path)
    for name in ("one", "two"):
        os.mkdir(os.path.join(daemon.dir, f"..{name}"))
        replace(os.path.join(daemon.dir, f"..{name}", "gctokend.conf"), profile(server, name))
    data = os.path.join(daemon.dir, "..data")
    os.symlink("..one", data)
    os.symlink("..data/gctokend.conf", daemon.config_path)
    with daemon:
        assert names(daemon) == ["one"]
        os.symlink("..two", f"{data}_tmp")
        os.rename(f"{data}_tmp", data)
        wait_names(daemon, "two")


def test_live_reload_can_be_switched_off_and_on(server, daemon):
    off = "[general]\nlive_reload_config = false\n"
    daemon.write_config(profile(server) + off)
    daemon.wait_log(RELOADED)
    daemon.write_config(profile(server) + profile(server, "second") + off)
    time.sleep(SETTLED_S * SLOWNESS)
    assert names(daemon) == ["default"] and n_reloads(daemon) == 1
    daemon.write_config(profile(server) + profile(server, "second"))
    assert "data" in daemon.ask("system.reload")
    assert names(daemon) == ["default", "second"]
    daemon.write_config(profile(server) + profile(server, "third"))
    wait_names(daemon, "default", "third")


def test_what_was_reloaded_by_hand_is_not_read_again(server, daemon):
    daemon.write_config(profile(server) + profile(server, "second"))
    assert "data" in daemon.ask("system.reload")
    time.sleep(SETTLED_S * SLOWNESS)
    assert n_reloads(daemon) == 1


def test_other_files_beside_it_are_no_matter(server, daemon):
    for name in ("gctokend.conf~", ".gctokend.conf.swp", "another.conf"):
        replace(os.path.join(daemon.dir, name), "nonsense\n")
        os.unlink(os.path.join(daemon.dir, name))
    time.sleep(SETTLED_S * SLOWNESS)
    assert n_reloads(daemon) == 0 and "has changed" not in daemon.log()
