"""A provider as the service starts it: in its sandbox, as its user, and gone with it."""

import pathlib

import pytest

from plugin import REDIRECT_URI, section

EXAMPLES = "/usr/local/share/doc/gctokend/examples"


@pytest.fixture
def started(machine, server):
    """The service, whose profile `default` has a token that a provider's code has brought."""
    server.client("app", auth="none", pkce=True, refresh_tokens="rotated")
    machine.write_config(section(
        server, auth_provider_command=f"{EXAMPLES}/provider.py {server.http}/oauth/authorize app {REDIRECT_URI}",
        allow="user:root (auth.getJwtToken, auth.signIn)"))
    machine.start()
    assert server.check(machine.gctoken("get").stdout.strip())["active"], "it cannot do its work in the sandbox of the unit"
    return machine


def providers(machine):
    """The processes of the service but its own."""
    group = pathlib.Path("/sys/fs/cgroup") / machine.show("ControlGroup").lstrip("/") / "cgroup.procs"
    return [int(pid) for pid in group.read_text().split() if int(pid) != machine.main_pid()] if group.exists() else []


def test_one_is_started_as_the_services_user_and_ended_when_it_has_nothing_to_do(started):
    pid, = providers(started)
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    daemons = pathlib.Path(f"/proc/{started.main_pid()}/status").read_text(encoding="ascii")
    for field in ("Uid:", "CapEff:", "NoNewPrivs:", "Seccomp:"):
        values = {line for text in (status, daemons) for line in text.splitlines() if line.startswith(field)}
        assert len(values) == 1, values
    started.wait_until(lambda: not providers(started), "the end of the provider", timeout=30)
    assert "data" in started.ask("auth.signIn")
    assert len(providers(started)) == 1


def test_it_ends_with_the_service(started):
    pid, = providers(started)
    started.systemctl("restart", started.SERVICE)
    assert not pathlib.Path(f"/proc/{pid}").exists()
    assert started.gctoken("get").stdout
