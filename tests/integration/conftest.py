"""Fixtures: a login server, and a daemon with one profile at it."""

import pytest

from daemon import Daemon, profile
from sandbox import Sandbox


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def daemon(server):
    """A daemon whose profile `default` has a token."""
    with Daemon(profile(server)) as started:
        started.wait_state("fresh")
        yield started
