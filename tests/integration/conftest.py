"""Fixtures: a login server, and a daemon with one profile at it."""

import atexit
import collections
import os
import shutil
import tempfile

import pytest

from daemon import Daemon, profile
from sandbox import Sandbox


def is_public(path):
    """Whether every user can get at it."""
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


def publish():
    """Other users run the programs too, so what stands in somebody's private directory is copied out of it."""
    here = os.path.dirname(os.path.abspath(__file__))
    os.environ["GCTOKEND_FLOOD"] = os.path.join(here, "flood.py")
    if is_public(os.environ["GCTOKEND"]) and is_public(here):
        return
    directory = tempfile.mkdtemp(prefix="gctokend-public-")
    atexit.register(shutil.rmtree, directory)
    os.chmod(directory, 0o755)
    shutil.copy(os.path.join(os.path.dirname(os.environ["GCTOKEN"]), "gctoken-login"), directory)
    for name in ("GCTOKEND", "GCTOKEN", "GCTOKEND_FLOOD", "GCTOKEND_TEST_NAMES", "GCTOKEND_NO_SOCK_DIAG"):
        os.environ[name] = shutil.copy(os.environ[name], directory)
        os.chmod(os.environ[name], 0o755)


# Test modules read the environment when they are imported, which comes after this.
publish()


def pytest_collection_modifyitems(config, items):
    """Of tests with many cases only the first of each, where GCTOKEND_CASES_MAX says so: for slow wrappers around the
    daemon, whose code the cases share."""
    cases_max = int(os.environ.get("GCTOKEND_CASES_MAX", len(items)))
    seen = collections.Counter()
    left, dropped = [], []
    for item in items:
        test = (item.path, item.originalname)
        seen[test] += 1
        (left if seen[test] <= cases_max else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = left


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


@pytest.fixture
def bare(monkeypatch):
    """Without a wrapper: valgrind has an allocator of its own too, and keeps the environment that it was given."""
    monkeypatch.delenv("GCTOKEND_WRAPPER", raising=False)
