"""One user who takes all that the daemon gives, and another who only wants a token now and then."""

import contextlib
import json
import pathlib
import subprocess
import sys
import time

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, connect_as, status, wait_until
from daemon import SLOWNESS, Daemon, profile
from sandbox import Sandbox
from traffic import fairly_timed

pytestmark = NEEDS_ROOT

NOISE = pathlib.Path(__file__).with_name("noisy.py").read_text(encoding="utf-8")
CONNECTIONS = 1024
CONNECTIONS_PER_UID = CONNECTIONS // 4
REQUESTS = 1000 if SLOWNESS == 1 else 200
RATE_LIMIT = 3 * REQUESTS  # of which the quiet one stays below
P99_MAX_S = 0.005 * SLOWNESS


def quiet_p99(daemon):
    """Of BOB's requests, every other one on a connection of its own."""
    def on_a_new_one():
        with connect_as(daemon, BOB) as connection:
            return connection.get()

    found = []
    with connect_as(daemon, BOB) as kept:
        for n in range(REQUESTS):
            took, reply = fairly_timed(daemon, on_a_new_one if n % 2 else kept.get)
            assert reply["data"]["jwtToken"]
            found.append(took)
            time.sleep(0.001)
    return sorted(found)[len(found) * 99 // 100 - 1]


@contextlib.contextmanager
def noise(daemon, counts):
    """ALICE, within; then counts says what came of it."""
    with subprocess.Popen([sys.executable, "-c", NOISE, daemon.socket, str(CONNECTIONS_PER_UID)], user=ALICE, group=ALICE,
                          extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            wait_until(lambda: status(daemon)["connections"] > CONNECTIONS_PER_UID)
            yield
            counts.update(json.loads(process.communicate(timeout=60 * SLOWNESS)[0]))
        finally:
            process.kill()


@pytest.mark.parametrize("rate_limit", [0, RATE_LIMIT])
def test_noisy_user_delays_no_other_and_is_told_so(rate_limit):
    limits = (f"[daemon]\nmax_connections = {CONNECTIONS}\nrate_limit = {rate_limit}\n"
              "rate_limit_quarantine_delay = 3600\n")
    allow = f"user:{ALICE} (auth.getJwtToken), user:{BOB} (auth.getJwtToken), user:0"
    counts = {}
    with Sandbox() as server, Daemon(limits + profile(server, allow=allow), log_level=None) as daemon:
        daemon.wait_state("fresh")
        alone = quiet_p99(daemon)
        with noise(daemon, counts):
            beside = quiet_p99(daemon)
    print(f"p99 of the quiet user: {1000 * alone:.2f} ms alone, {1000 * beside:.2f} ms beside {counts}")
    assert beside < P99_MAX_S
    # All that it asked was answered, and each connection past its limit was told.
    assert counts["silent"] == counts["others"] == 0 and counts["refused"] > 0
    assert counts["served"] == CONNECTIONS_PER_UID
    if rate_limit:
        assert 0 < counts["tokens"] <= rate_limit and counts["rate_limited"] > counts["tokens"]
