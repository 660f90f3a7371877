"""Fixtures for what runs in a booted machine; see boot."""

import os

import pytest

import guest
from daemon import profile
from sandbox import Sandbox


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with what the service said."""
    report = (yield).get_result()
    if report.failed and "GCTOKEND_BUILD" in os.environ:
        report.sections.append(("journal", guest.journal_text()))


@pytest.fixture(scope="session")
def installed():
    """The built tree, installed as the README says."""
    build = os.environ["GCTOKEND_BUILD"]
    # Its log is the one thing that meson install writes into the build directory.
    guest.run("mount", "-t", "tmpfs", "tmpfs", f"{build}/meson-logs")
    guest.run("meson", "install", "--no-rebuild", "-C", build)
    guest.run("systemd-sysusers")
    guest.write_environment()


@pytest.fixture
def machine(installed):
    """The module guest; afterwards everything is as it was once installed."""
    yield guest
    guest.clean()


@pytest.fixture(scope="session")
def user():
    """A user of the machine, as pwd.getpwnam() returns it."""
    return guest.add_user("etl")


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def service(machine, server):
    """The module guest, where the socket is served and root may have the token of `default`."""
    machine.write_config(profile(server, allow="user:root (auth.getJwtToken)"))
    machine.start()
    return machine
