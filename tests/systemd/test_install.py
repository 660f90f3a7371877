"""gctokend as it is installed and started by the README's commands."""

import os
import pathlib
import pwd
import socket
import stat

from daemon import profile


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def owner(path):
    return pwd.getpwuid(os.stat(path).st_uid).pw_name


def queue(machine, number):
    """Connections with a request each, which nobody has accepted yet."""
    clients = []
    for _ in range(number):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(machine.SOCKET_PATH)
        client.sendall(b'{"request":"auth.getJwtToken"}\n')
        clients.append(client)
    return clients


def test_the_first_client_activates_the_service(machine, server, user):
    machine.write_config(profile(server, allow=f"user:{user.pw_name} (auth.getJwtToken)"))
    machine.start()
    assert machine.show("ActiveState") == "inactive"
    token = machine.gctoken("get", user=user.pw_uid, group=user.pw_gid, extra_groups=[]).stdout.strip()
    assert server.check(token)["active"], "the sandbox of the unit lets no request for a token out"
    assert machine.show("ActiveState") == "active"


def test_100_clients_queued_during_a_restart_are_all_answered(service, server):
    service.gctoken("get")
    pid = service.main_pid()
    service.drop_in("[Service]\nExecStartPre=/bin/sleep 1\n")
    service.systemctl("--no-block", "restart", service.SERVICE)
    service.wait_until(lambda: service.show("SubState") == "start-pre", "the restart")
    clients = queue(service, 100)
    replies = [client.makefile().readline() for client in clients]
    assert all('"jwtToken"' in reply for reply in replies), replies
    assert service.show("MainPID") not in ("0", str(pid))


def test_the_socket_outlives_the_service(service):
    inode = os.stat(service.SOCKET_PATH).st_ino
    for command in ("start", "restart", "stop"):
        service.systemctl(command, service.SERVICE)
        assert os.stat(service.SOCKET_PATH).st_ino == inode, command
    service.gctoken("get")
    service.stop()
    assert not os.path.exists(service.SOCKET_PATH)


def test_everybody_may_connect_and_nobody_else_may_take_the_place(service):
    service.gctoken("get")
    assert mode(service.SOCKET_PATH) == 0o666
    directory = os.path.dirname(service.SOCKET_PATH)
    assert (mode(directory), owner(directory)) == (0o755, "root")


def test_state_is_for_the_service_alone(machine, server):
    server.client("rotating", "demo-secret", refresh_tokens="burned")
    machine.drop_in(f"[Service]\nSetCredential=first:{server.session('rotating')}\n")
    machine.write_config(profile(server, grant="refresh_token", client_id="rotating", persist_tokens="true",
                                 refresh_token_credential="first", allow="user:root (auth.getJwtToken)"))
    machine.start()
    machine.gctoken("get")
    directory = machine.STATE_DIRECTORY
    assert (mode(directory), owner(directory)) == (0o700, "gctokend")
    files = {path.name: mode(path) for path in directory.iterdir()}
    assert "default.state" in files
    assert set(files.values()) == {0o600}


def test_the_service_runs_as_its_user_with_nothing_to_gain(service):
    service.gctoken("get")
    status = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{service.main_pid()}/status").read_text().splitlines())
    assert pwd.getpwuid(int(status["Uid"].split()[0])).pw_name == "gctokend"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    limits = pathlib.Path(f"/proc/{service.main_pid()}/limits").read_text()
    assert "Max core file size        0                    0 " in limits


def test_it_starts_without_a_warning(service):
    """The limits and the system calls of the unit are enough for it."""
    service.gctoken("get")
    service.systemctl("reload", service.SERVICE)
    service.systemctl("restart", service.SERVICE)
    service.gctoken("get")
    said = [entry["MESSAGE"] for entry in service.journal("--priority=warning", "--boot")]
    assert said == []


def test_enabled_it_serves_after_the_next_boot(service):
    assert service.systemctl("is-enabled", service.SOCKET).stdout == "enabled\n"
    assert service.SOCKET in service.systemctl("list-dependencies", "--plain", "sockets.target").stdout
    service.systemctl("enable", service.SERVICE)
    assert service.SERVICE in service.systemctl("list-dependencies", "--plain", "multi-user.target").stdout


def test_without_its_static_user_it_has_a_dynamic_one(machine, server):
    passwd, group = pathlib.Path("/etc/passwd"), pathlib.Path("/etc/group")
    machine.write_config(profile(server, client_secret_credential="secret", secret=None,
                                 allow="user:root (auth.getJwtToken)"))
    machine.CONFIG.chmod(0o644)
    machine.drop_in("[Service]\nSetCredential=secret:demo-secret\n")
    for path in (passwd, group):
        path.write_text("".join(line for line in path.open() if not line.startswith("gctokend:")))
    try:
        machine.start()
        machine.gctoken("get")
        assert 61184 <= os.stat(machine.STATE_DIRECTORY).st_uid <= 65519
    finally:
        machine.stop()
        machine.run("systemd-sysusers")
