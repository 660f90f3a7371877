"""The promises of the broker, kept by the real daemon against a real server."""

import threading
import time

import pytest

from daemon import SLOWNESS, Daemon, profile


def get_in_threads(daemon, n, **parameters):
    """n callers at once; their replies."""
    replies = [None] * n
    ready = threading.Barrier(n)

    def call(i):
        with daemon.connect() as connection:
            ready.wait()
            replies[i] = connection.get(**parameters)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_a_thousand_callers_at_once_make_one_request_and_get_a_thousand_tokens(server):
    server.rule({"delay_ms": 1000})
    with Daemon(profile(server)) as daemon:
        replies = get_in_threads(daemon, 1000)
        assert len({reply["data"]["jwtToken"] for reply in replies}) == 1
        assert len(replies) == 1000
        assert server.stats()["token_requests"] == 1


def test_a_token_is_there_before_anybody_asks(server, daemon):
    assert server.stats()["token_requests"] == 1
    token = daemon.get()
    assert server.check(token)["active"]
    assert server.stats()["token_requests"] == 1
