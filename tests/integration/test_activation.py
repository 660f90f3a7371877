"""The daemon on a socket that the service manager made and passes: whose it is, and what callers in its queue get."""

import os
import shutil
import signal
import socket
import tempfile

import pytest

from callers import ALICE, NEEDS_ROOT, ask_as, code, wait_until
from daemon import Connection, Daemon, profile
from manager import Manager

BAD = "[profile default]\nclient_id = id\nclient_secret = hidden-secret\nscop = x\n"
SAYS = "did you mean scope"


@pytest.fixture
def passed():
    """A socket that listens, as a socket unit makes it."""
    directory = tempfile.mkdtemp(prefix="gctokend-socket-")
    os.chmod(directory, 0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(directory, "gctokend.sock"))
        os.chmod(listener.getsockname(), 0o666)
        listener.listen(100)
        yield listener
    shutil.rmtree(directory)


def activated(text, passed, **options):
    """A daemon on that socket; its callers use it too."""
    return Daemon(text, passed=passed, socket_path=passed.getsockname(), **options)


def test_the_passed_socket_is_served_and_left_there(server, passed):
    with activated(profile(server), passed) as daemon:
        assert daemon.get()
        assert f"on {passed.getsockname()}" in daemon.log()
        assert "warning" not in daemon.log()
    assert os.path.exists(passed.getsockname())
    assert not passed.get_inheritable()


def test_callers_in_the_queue_are_answered_by_the_next_daemon(server, passed):
    with activated(profile(server), passed) as daemon:
        daemon.wait_state("fresh")
        assert daemon.end() == 0
        callers = [Connection(passed.getsockname()) for _ in range(50)]
        for caller in callers:
            caller.send("auth.getJwtToken")
        daemon.start()
        for caller in callers:
            assert caller.reply()["data"]["jwtToken"]
            caller.close()


def test_the_passed_socket_goes_before_another_that_is_named(server, passed, tmp_path):
    other = str(tmp_path / "other.sock")
    text = profile(server) + f"[daemon]\nsocket = {other}\n"
    with activated(text, passed) as daemon:
        assert daemon.get()
        assert "warning" not in daemon.log()  # --socket names the passed one, and goes before the file
    with activated(profile(server), passed, arguments=["--socket", other]) as daemon:
        assert daemon.get()
        assert not os.path.exists(other)
        daemon.wait_log(f"the service manager passed; {other} is not used")


def test_a_socket_of_another_name_is_not_served(server, passed):
    with Daemon(profile(server), passed=passed, passed_name="gctokend.socket") as daemon:
        assert daemon.get()  # from one that it made
        daemon.wait_log("FileDescriptorName=gctokend")
        assert daemon.end() == 0
        assert not os.path.exists(daemon.socket)


@pytest.mark.parametrize("kind", ["tcp", "datagram", "not listening"])
def test_a_descriptor_that_is_no_listening_unix_socket_is_refused(server, kind):
    family = socket.AF_INET if kind == "tcp" else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM) as wrong:
        if kind == "tcp":
            wrong.listen()
        daemon = Daemon(profile(server), passed=wrong)
        with pytest.raises(AssertionError, match=r"did not start \(1\)(.|\n)*no Unix stream socket that listens"):
            daemon.start()


# ---- a bad configuration at the start

def internal(reply):
    """The text of an answer that is internal."""
    assert code(reply) == "internal", reply
    return reply["errorMessage"]


def test_each_request_is_answered_with_the_reason(passed):
    with activated(BAD, passed) as daemon:
        for request in ("auth.getJwtToken", "getJwtToken", "auth.getTokenInfo", "system.getStatus",
                        "system.getAllowedServices", "system.reload", "no.such.request"):
            text = internal(daemon.ask(request))
            assert text.startswith(f"{daemon.config_path}:4: ") and SAYS in text
        assert code(daemon.ask("auth.getJwtToken", 7)) == "invalid_request"
        done = daemon.gctoken("get")
        assert done.returncode == 1 and SAYS in done.stderr and done.stderr.count("\n") == 1
        assert SAYS in daemon.log() and "until it is mended" in daemon.log()


@pytest.mark.parametrize("mend", ["file", "hangup", "request"])
def test_a_good_file_brings_it_up(server, passed, mend):
    with Manager() as manager, activated(BAD, passed, environment=manager.environment) as daemon:
        manager.wait_status("No configuration: ")
        assert SAYS in manager.status()
        assert internal(daemon.ask("system.getStatus"))
        daemon.write_config(profile(server))
        if mend == "hangup":
            daemon.signal(signal.SIGHUP)
        elif mend == "request":
            assert daemon.ask("system.reload")["data"]["profiles"] == 1
        wait_until(lambda: "data" in daemon.ask("system.getStatus"))
        assert daemon.get()
        manager.wait_status("1 profile: 1 fresh")


def test_a_reload_tries_again_and_tells_what_is_wrong_now(passed):
    with activated(BAD, passed) as daemon:
        daemon.write_config(BAD.replace("scop", "audienc") + "[general]\nlive_reload_config = no\n")
        assert "did you mean audience" in internal(daemon.ask("system.reload"))
        assert "did you mean audience" in internal(daemon.ask("auth.getJwtToken"))


def test_a_missing_file_is_waited_for(server, passed):
    daemon = activated(BAD, passed)
    os.unlink(daemon.config_path)
    with daemon:
        assert "there is no such file" in internal(daemon.ask("auth.getJwtToken"))
        daemon.write_config(profile(server))
        wait_until(lambda: "data" in daemon.ask("system.getStatus"))
        assert daemon.get()


def test_a_file_that_others_can_write_is_refused_until_its_mode_is_right(server, passed):
    daemon = activated(profile(server), passed)
    os.chmod(daemon.config_path, 0o666)
    with daemon:
        assert "can write the file" in internal(daemon.ask("auth.getJwtToken"))
        os.chmod(daemon.config_path, 0o600)
        wait_until(lambda: "data" in daemon.ask("system.getStatus"))
        assert daemon.get()


def test_a_state_that_cannot_be_opened_is_told_alike(server, passed, tmp_path):
    seed = tmp_path / "seed"
    seed.touch(0o600)
    seed.write_text("demo-secret")
    text = profile(server, grant="refresh_token", refresh_token_file=seed)
    with activated(text, passed, environment={"STATE_DIRECTORY": "/nonexistent/state"}) as daemon:
        assert "/nonexistent/state" in internal(daemon.ask("auth.getJwtToken"))
        assert "/nonexistent/state" in internal(daemon.ask("system.reload"))


@NEEDS_ROOT
def test_who_may_not_reload_gets_the_reason_and_reloads_nothing(passed):
    with activated(BAD, passed) as daemon:
        daemon.wait_log("serves 0 profiles")
        before = daemon.log()
        assert SAYS in internal(ask_as(daemon, ALICE, "system.reload"))
        assert SAYS in internal(ask_as(daemon, ALICE, "auth.getJwtToken"))
        assert daemon.log() == before
        assert SAYS in internal(daemon.ask("system.reload"))
        assert daemon.log() != before
