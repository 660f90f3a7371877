"""Connections that have subscribed to events, and what they hear.

    with subscribed(daemon, withToken=True) as connection:
        assert expect(connection, "tokenRefreshed")["generation"] == 1
"""

import contextlib

from callers import code

SUBSCRIBE, UNSUBSCRIBE = "events.subscribe", "events.unsubscribe"


@contextlib.contextmanager
def subscribed(daemon, **parameters):
    """A connection that has subscribed, and read the reply."""
    with daemon.connect() as connection:
        reply = connection.ask(SUBSCRIBE, parameters or None)
        assert "data" in reply, reply
        connection.subscription = reply["data"]
        yield connection


def plant(daemon, token, name="default"):
    """A new token, without a request to any server."""
    daemon.secrets.add(token)
    reply = daemon.ask("auth.setAccessToken", {"profile": name, "token": token, "expiresIn": 3600})
    assert reply["data"]["state"] == "fresh"
    return reply["data"]["generation"]


def expect(connection, event, name="default"):
    """The next line is that event of that profile; its data."""
    line = connection.reply()
    assert list(line) == ["event", "profile", "data"], line
    assert (line["event"], line["profile"]) == (event, name), line
    return line["data"]


def expect_end(connection, error_code):
    """The next line is an error behind which no event comes."""
    line = connection.reply()
    assert code(line) == error_code and "referenceId" not in line, line
    return line["errorMessage"]
