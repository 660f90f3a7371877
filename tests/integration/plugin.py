"""A provider as a test plays it, line by line, so that it can do anything wrong that one can, and the daemon that asks it.

    with Plugin(daemon, "default") as plugin:
        command = plugin.command("getAuthCode")
        plugin.answer(command, new_code(daemon, server))
"""

import base64
import hashlib
import json
import socket
import urllib.parse

from daemon import SLOWNESS, Daemon, profile

REDIRECT_URI = "http://localhost:8400/back"
ALL = ["getAuthCode", "reAuthenticate", "signIn"]
WITHOUT_SIGN_IN = ALL[:2]
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Plugin:
    """A connection that is the provider of a profile, unless told otherwise."""

    def __init__(self, daemon, profile="default", commands=WITHOUT_SIGN_IN, ready=True):
        self.daemon = daemon
        self.profile = profile
        self.connection = daemon.connect(timeout=30 * SLOWNESS)
        self.commands = []  # that came in between
        assert "data" in self.register(commands)
        if ready:
            assert "data" in self.ready()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.connection.close()

    def ask(self, request, **parameters):
        self.connection.send(request, {"profile": self.profile, **parameters})
        return self.reply()

    def register(self, commands):
        return self.ask("authProvider.register", commands=commands)

    def ready(self):
        return self.ask("authProvider.ready")

    def publish(self, event, data=None):
        return self.ask("authProvider.publish", event=event, **({} if data is None else {"data": data}))

    def reply(self):
        """The next line that is no command."""
        while True:
            line = self.connection.reply()
            if line is None or "command" not in line:
                return line
            self.commands.append(line)

    def command(self, name=None):
        """The next command, which has to be that one."""
        line = self.commands.pop(0) if self.commands else self.connection.reply()
        assert line is not None, "the daemon has closed the connection"
        assert set(line) == {"command", "commandId", "profile"} and line["profile"] == self.profile, line
        assert name in (None, line["command"]), line
        return line

    def send(self, **message):
        self.connection.send_raw(json.dumps(message).encode() + b"\n")

    def answer(self, command, data=None):
        self.send(commandId=command["commandId"], data={} if data is None else data)

    def refuse(self, command, text="it cannot be done"):
        self.send(commandId=command["commandId"], errorMessage=text)

    def silent(self, seconds=0.3):
        """Whether nothing comes for that long."""
        self.connection.socket.settimeout(seconds * SLOWNESS or 0.001)
        try:
            return not self.commands and self.connection.socket.recv(1, socket.MSG_PEEK) == b"never"
        except TimeoutError:
            return True
        finally:
            self.connection.socket.settimeout(30 * SLOWNESS)


def section(server, name="default", client="app", **keys):
    """A profile whose codes a provider brings."""
    return profile(server, name, client, None, **{
        "grant": "pkce", "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize", **keys})


def serving(server, **keys):
    """A daemon with that profile alone. Its provider and callers have time enough, unless told otherwise."""
    return Daemon(section(server, **{
        "auth_code_timeout": 300, "sign_in_timeout": 3600, "refresh_token_wait_max": 300, **keys}))


def new_code(daemon, server, client="app", redirect_uri=REDIRECT_URI):
    """What a person's login at the sandbox brings, as a provider tells it."""
    query = urllib.parse.urlencode({
        "response_type": "code", "client_id": client, "redirect_uri": redirect_uri, "state": "of-the-plugin",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256"})
    code = server.visit(f"{server.http}/oauth/authorize?{query}")["code"]
    daemon.secrets.add(code)
    return {"authCode": code, "redirectUri": redirect_uri, "codeVerifier": VERIFIER}


def bring(plugin, server, name="getAuthCode"):
    """Answers the next command, which has to be that one, with a good code."""
    plugin.answer(plugin.command(name), new_code(plugin.daemon, server))


def sent(server):
    """The grant_type of each token request so far."""
    return [request["fields"]["grant_type"] for request in server.requests()]


def ask_in_background(daemon, request="auth.getJwtToken", **parameters):
    """A caller who waits for the answer."""
    connection = daemon.connect()
    connection.send(request, parameters or None)
    return connection


def expect_login_required(daemon, text, profile="default"):
    info = daemon.wait_state("login_required", profile)
    assert text in info["lastError"]["message"], info
    error = daemon.get(profile)
    assert error["code"] == "login_required" and not error["retryable"] and text in error["text"], error
