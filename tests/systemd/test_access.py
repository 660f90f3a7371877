"""Rules by user, group and unit, for processes of real services, and what does not count as one of them."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import tempfile

import pytest

import guest
from daemon import SLOWNESS, profile
from test_user import Manager

AGENT = pathlib.Path(__file__).with_name("agent.py").read_text(encoding="utf-8")
BILLING, REPORTS = "billing.service", "reports.service"
GROUP = "tokens"
TOKEN, RELOAD, EXPLAIN = "auth.getJwtToken", "system.reload", "system.explain"
SO_PEERPIDFD = 77
ALLOW = {
    "of-etl": "user:etl",
    "of-group": f"group:{GROUP}",
    "of-billing": f"unit:{BILLING}",
    "of-etl-in-billing": f"unit:{BILLING}+user:etl",
    "of-group-in-reports": f"group:{GROUP}+unit:{REPORTS}",
    "of-any": "*",
}


@contextlib.contextmanager
def listening():
    """A socket that every user can connect to."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as made:
        os.chmod(directory, 0o755)
        made.bind(directory + "/socket")
        os.chmod(directory + "/socket", 0o666)
        made.listen()
        made.settimeout(60 * SLOWNESS)
        yield made


class Agent:
    """agent.py as a service of that user; None: of whoever runs systemd-run."""

    def __init__(self, user, unit, *options, run=guest.run):
        self.unit = unit
        with listening() as made:
            run("systemd-run", "--quiet", "--collect", f"--unit={unit}", *(("--uid", user) if user else ()), *options,
                "/usr/bin/python3", "-c", AGENT, made.getsockname())
            self.control, _ = made.accept()
        self.control.settimeout(60 * SLOWNESS)
        self.lines = self.control.makefile()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.lines.close()
        self.control.close()
        guest.systemctl("stop", self.unit, check=False)

    def wait(self):
        """Until it has ended."""
        guest.wait_until(lambda: guest.show("ActiveState", self.unit) == "inactive", f"the end of {self.unit}")

    def tell(self, *command):
        self.control.sendall(json.dumps(command).encode() + b"\n")

    def do(self, *command):
        self.tell(*command)
        return json.loads(self.lines.readline())

    def send(self, request, **parameters):
        self.do("send", json.dumps({"request": request, "parameters": parameters}))

    def reply(self):
        return json.loads(self.do("line"))

    def ask(self, request, **parameters):
        self.send(request, **parameters)
        return self.reply()


@contextlib.contextmanager
def connected(user, unit, *options):
    with Agent(user, unit, *options) as agent:
        agent.do("connect")
        yield agent


def code(reply):
    return reply["error"]["code"] if "error" in reply else None


def granted(agent):
    """The profiles of which it gets a token."""
    replies = {name: agent.ask(TOKEN, profile=name) for name in ALLOW}
    assert {code(reply) for reply in replies.values()} <= {None, "access_denied"}
    return {name for name, reply in replies.items() if code(reply) is None}


def config(server, **keys):
    return "".join(profile(server, name, allow=f"{caller} (auth.getJwtToken)", **keys) for name, caller in ALLOW.items())


@pytest.fixture(scope="module")
def users(installed):
    """Three users, of whom ops is in the group, too."""
    guest.run("groupadd", GROUP)
    found = {name: guest.add_user(name) for name in ("etl", "ops", "mallory")}
    guest.run("usermod", "-aG", GROUP, "ops")
    return found


@pytest.fixture
def service(users, machine, server):
    machine.write_config(config(server))
    machine.start()
    return machine


@pytest.mark.parametrize(("user", "unit", "expected"), [
    ("etl", BILLING, {"of-etl", "of-billing", "of-etl-in-billing"}),
    ("etl", REPORTS, {"of-etl"}),
    ("ops", BILLING, {"of-group", "of-billing"}),
    ("ops", REPORTS, {"of-group", "of-group-in-reports"}),
    ("mallory", BILLING, {"of-billing"}),
    ("mallory", REPORTS, set()),
    ("root", BILLING, {"of-billing"}),
])
def test_process_may_do_what_its_user_its_groups_and_its_unit_may(service, user, unit, expected):
    with connected(user, unit) as agent:
        assert granted(agent) == expected | {"of-any"}


def test_process_is_told_of_its_unit(service, users):
    with connected("etl", BILLING) as agent:
        data = agent.ask(EXPLAIN, profile="of-etl-in-billing")["data"]
    assert (data["uid"], data["unit"]) == (users["etl"].pw_uid, BILLING)
    assert [rule["rule"] for rule in data["rules"]] == [ALLOW["of-etl-in-billing"] + " (auth.getJwtToken)"]


def test_unit_of_a_users_own_manager_is_not_one_of_the_system(service, users):
    """Not even by its name."""
    manager = Manager(service, users["mallory"])
    try:
        agent = Agent(None, BILLING, "--user", run=manager.run)
        agent.do("connect")
        assert agent.do("group").endswith("/" + BILLING)
        assert granted(agent) == {"of-any"}
    finally:
        manager.stop()


def test_control_group_that_is_called_like_a_unit_is_none(service):
    with Agent("mallory", "work.service", "--property=Delegate=yes") as agent:
        agent.do("sink", BILLING)
        agent.do("connect")
        assert granted(agent) == {"of-any"}


@pytest.fixture
def taker():
    """Where an agent may pass its connection to."""
    with listening() as made:
        yield made


def take(taker):
    """The connection that is passed."""
    other, _ = taker.accept()
    with other:
        _, fds, _, _ = socket.recv_fds(other, 1, 1)
        return socket.socket(fileno=fds[0])


def token_through(connection, name):
    connection.settimeout(60)
    connection.sendall(json.dumps({"request": TOKEN, "parameters": {"profile": name}}).encode() + b"\n")
    return json.loads(connection.makefile().readline())


class Stopped:
    """Within, the daemon accepts nothing."""

    def __init__(self, machine):
        self.machine = machine

    def __enter__(self):
        os.kill(self.machine.main_pid(), signal.SIGSTOP)

    def __exit__(self, *exception):
        os.kill(self.machine.main_pid(), signal.SIGCONT)


def test_process_that_ends_before_it_is_accepted_has_no_unit(service, taker):
    service.ask("system.getStatus")
    with Agent("etl", BILLING) as agent:
        with Stopped(service):
            agent.do("connect")
            agent.tell("pass", taker.getsockname())
            connection = take(taker)
            agent.wait()
        with connection:
            assert code(token_through(connection, "of-billing")) == "access_denied"
            assert code(token_through(connection, "of-etl-in-billing")) == "access_denied"
            assert code(token_through(connection, "of-etl")) is None


def knows_peers():
    """Whether the kernel has SO_PEERPIDFD (6.5)."""
    one, other = socket.socketpair()
    with one, other:
        try:
            with open(one.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD), "rb"):
                return True
        except OSError:
            return False


def test_number_of_a_process_that_has_ended_does_not_bring_the_unit_of_its_next_owner(service, users, taker):
    """Where the kernel can tell them apart; with +user: the other user never helps."""
    service.ask("system.getStatus")
    with Agent("mallory", REPORTS) as agent, Agent("root", BILLING) as owner:
        with Stopped(service):
            agent.do("connect")
            pid = agent.do("pid")
            agent.tell("pass", taker.getsockname())
            connection = take(taker)
            agent.wait()
            assert owner.do("become", pid, users["mallory"].pw_uid) == pid
        with connection:
            assert (code(token_through(connection, "of-billing")) == "access_denied") is knows_peers()
            assert code(token_through(connection, "of-etl-in-billing")) == "access_denied"


def test_connection_that_was_accepted_keeps_the_unit(service, taker):
    with connected("mallory", BILLING) as agent:
        assert code(agent.ask(TOKEN, profile="of-billing")) is None
        agent.tell("pass", taker.getsockname())
        with take(taker) as connection:
            agent.wait()
            assert code(token_through(connection, "of-billing")) is None


def test_units_are_looked_up_when_a_reload_brings_the_first_rule_with_one(users, machine, server):
    machine.write_config(profile(server))
    machine.start()
    with connected("mallory", BILLING) as billing, connected("mallory", REPORTS) as reports:
        for agent in (billing, reports):
            assert code(agent.ask(TOKEN)) == "access_denied"
        machine.write_config(profile(server, allow=f"unit:{BILLING} (auth.getJwtToken)"))
        assert "data" in machine.ask(RELOAD)
        assert code(billing.ask(TOKEN)) is None
        assert code(reports.ask(TOKEN)) == "access_denied"


def test_waiters_are_judged_by_their_unit_at_a_reload(users, machine, server):
    server.rule({"delay_ms": int(2000 * SLOWNESS)})
    both = f"unit:{BILLING} (auth.getJwtToken), unit:{REPORTS} (auth.getJwtToken)"
    machine.write_config(profile(server, allow=both, refresh_token_wait_max=60))
    machine.start()
    with connected("mallory", BILLING) as billing, connected("mallory", REPORTS) as reports:
        for agent in (billing, reports):
            agent.send(TOKEN)
        machine.wait_until(
            lambda: machine.ask("system.getStatus")["data"]["counters"]["waiting"] == 2, "two who wait")
        machine.write_config(profile(server, allow=f"unit:{BILLING} (auth.getJwtToken)", refresh_token_wait_max=60))
        assert "data" in machine.ask(RELOAD)
        assert code(reports.reply()) == "access_denied"
        assert code(billing.reply()) is None


def test_quarantine_is_a_users_whatever_the_unit_and_the_connection(users, machine, server):
    limits = "[daemon]\nrate_limit = 5\nrate_limit_quarantine_delay = 3600\n"
    machine.write_config(limits + profile(server, allow="* (auth.getJwtToken)"))
    machine.start()
    with connected("etl", BILLING) as agent:
        assert [code(agent.ask(TOKEN)) for _ in range(7)] == [None] * 5 + ["rate_limited"] * 2
    for unit in (BILLING, REPORTS):
        with connected("etl", unit) as agent:
            reply = agent.ask(TOKEN)
            assert code(reply) == "rate_limited" and 3500 < reply["error"]["retryAfter"] <= 3600
    with connected("ops", BILLING) as agent:
        assert code(agent.ask(TOKEN)) is None

