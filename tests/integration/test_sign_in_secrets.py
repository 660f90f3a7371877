"""No code, verifier, nonce, id token, refresh token, assertion, device code or implicit token stands in a log, in an argument of
any process, in an event or in what the daemon tells of its profiles, whichever way they came and whatever the login server says
of them."""

import base64
import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.parse

from callers import code, wait_until
from cases import each_at_once
from daemon import Daemon, profile
from login import Browser, Login, query_of, sent_off, way_back
from messenger import deployment
from plugin import ALL, REDIRECT_URI, VERIFIER, Plugin, ask_in_background, new_code, section
from sandbox import Sandbox

EXAMPLE = pathlib.Path(__file__).parents[1] / "plugins" / "provider.py"
ASSERTION = base64.b64encode(b"<saml:Assertion>this is only known to those who sign in</saml:Assertion>?>").decode()
# What is secret in token requests, in forms and in the messenger's JSON.
FIELDS = {"code", "code_verifier", "codeVerifier", "nonce", "idToken", "refresh_token", "refreshToken", "assertion",
          "device_code"}
FORMATS = ["text", "json"]


class World:
    """A daemon that logs all it can, a server, somebody who watches, and all that was secret so far."""

    def __init__(self, daemon, server, watched):
        self.daemon, self.server, self.watched = daemon, server, watched
        self.secrets = {VERIFIER, ASSERTION}
        self.said = []  # by the daemon, on any connection
        self.nonces = 0

    def bearing(self, texts):
        """These are secret."""
        self.secrets |= set(texts)
        self.daemon.secrets |= set(texts)

    def collect(self):
        """So is what has come to the server, and what it has given."""
        for request in self.server.requests():
            fields = request["fields"] or {}
            self.bearing({value for holder in (fields, fields.get("oauth") or {})
                          for name, value in holder.items() if name in FIELDS})
        for session in self.server.sessions():
            self.bearing({token["refresh_token"] for token in session["refresh_tokens"]})
        self.bearing({device["device_code"] for device in self.server.devices()})

    def check_arguments(self):
        """No process of this machine has one in its arguments or, where it can be read, in its environment."""
        self.collect()
        for process in pathlib.Path("/proc").iterdir():
            for name in ("cmdline", "environ") if process.name.isdecimal() else ():
                with contextlib.suppress(OSError):
                    text = (process / name).read_bytes()
                    assert not [s for s in self.secrets if s.encode() in text], f"{process.name}: {name}: {text[:300]}"

    def check_said(self):
        """Neither was any told to those who listen or look. The log is searched when the daemon has ended."""
        self.collect()
        for request in ("system.getStatus", "system.explain"):
            self.said.append(json.dumps(self.daemon.ask(request)))
        self.said.append(self.watched.read_text(encoding="utf-8"))
        forms = {form for secret in self.secrets for form in (secret, urllib.parse.quote_plus(secret), json.dumps(secret)[1:-1])}
        for text in self.said:
            for form in forms:
                assert form not in text, f"{form[:20]}… was told: {text[:2000]}"
        self.daemon.secrets |= forms


# Where gctoken login listens: a port of its own on localhost.
BACK = "http://localhost/back"
TIMES = {"auth_code_timeout": 300, "sign_in_timeout": 3600, "refresh_token_wait_max": 300}


def config_of(server, log_format, log_file):
    logging = {"log_level": "trace", "log_format": log_format, "log_file_path": log_file, "log_to_console": "true",
               "log_request_body": "true", "log_response_body": "true"}
    command = f"{EXAMPLE} {server.http}/oauth/authorize started {REDIRECT_URI}"
    return "".join([
        "[logging]\n", *(f"{key} = {value}\n" for key, value in logging.items()),
        "[reauthentication]\n", *(f"{key} = {value}\n" for key, value in TIMES.items()),
        section(server, "pkce", "app"),
        section(server, "started", "started", auth_provider_command=command),
        section(server, "browser", "browser", redirect_uri=BACK),
        section(server, "implicit", "browser", grant="implicit", token_url=None, redirect_uri=BACK),
        profile(server, "tv", "tv", None, grant="device", device_authorization_url=server.http + "/oauth/device_authorization"),
        profile(server, "web", "web", "s3cret!", grant="authorization_code", redirect_uri=REDIRECT_URI,
                authorize_url=server.http + "/oauth/authorize"),
        deployment(server, "brand", "brand"), deployment(server, "openid", "openid"),
        profile(server, "saml", "saml", "s3cret!", grant="saml2_bearer", org_name="acme",
                allow="user:root (authProvider.register, auth.getJwtToken, auth.refresh, auth.signIn, auth.logout)")])


@contextlib.contextmanager
def world_of(log_format):
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log, watched = directory / "log", directory / "watched"
        server = stack.enter_context(Sandbox())
        for name in ("app", "started", "browser"):
            server.client(name, auth="none", pkce=True, refresh_tokens="rotated")
        server.client("web", "s3cret!", refresh_tokens="kept")
        for name in ("brand", "openid"):
            server.client(name, auth="none", refresh_tokens="kept")
        server.client("saml", "s3cret!", assertion=ASSERTION, org_name="acme")
        server.client("tv", auth="none", refresh_tokens="rotated", device_interval=1)
        daemon = stack.enter_context(Daemon(config_of(server, log_format, log), log_level=None))
        daemon.log_files.append(log)
        command = [os.environ["GCTOKEN"], "watch", "--json", "--socket", daemon.socket]
        with open(watched, "wb") as output:
            watch = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: watched.stat().st_size > 0)
            yield World(daemon, server, watched)
        finally:
            watch.terminate()
            watch.wait()


def bring_code(world, client):
    return new_code(world.daemon, world.server, client)


def bring_openid(world, client):
    """A code with all that an OpenID provider adds."""
    world.nonces += 1
    nonce = f"nonce-of-the-brand-{world.nonces}"
    query = {"client_id": client, "redirect_uri": REDIRECT_URI, "response_type": "code", "nonce": nonce}
    brought = world.server.visit(world.server.http + "/oauth/authorize?" + urllib.parse.urlencode(query))["code"]
    return {"authCode": brought, "redirectUri": REDIRECT_URI, "nonce": nonce, "maxAge": 300, "iss": world.server.http}


def bring_id_token(world, client):
    world.nonces += 1
    nonce = f"nonce-of-the-implicit-flow-{world.nonces}"
    return {"idToken": world.server.id_token(client, nonce), "nonce": nonce}


def bring_assertion(world, client):
    return {"assertion": ASSERTION}


WAYS = {"pkce": ("app", bring_code), "web": ("web", bring_code), "brand": ("brand", bring_openid),
        "openid": ("openid", bring_id_token), "saml": ("saml", bring_assertion)}


def secrets_in(data):
    return [value for name, value in data.items() if isinstance(value, str) and name not in ("redirectUri", "iss")]


def say_back(world, client, texts, status, error):
    """The next answer to that client quotes what it has sent, in the ways that servers do."""
    text = "we do not like " + " and ".join(texts)
    body = {"error": error, "error_description": text, "code": error, "message": text}
    world.server.rule({"match": {"client_id": client}, "times": 1, "status": status, "body": json.dumps(body)})


def signs_in(world, name, client, bring):
    """All that can happen: a code that is refused, one that is taken, its refresh, a sign-in, one that fails."""
    daemon, server = world.daemon, world.server

    def data():
        brought = bring(world, client)
        world.bearing(secrets_in(brought))
        return brought

    with Plugin(daemon, name, ALL) as plugin:
        refused = data()
        say_back(world, client, secrets_in(refused), 400, "invalid_grant")
        plugin.answer(plugin.command("getAuthCode"), refused)
        plugin.answer(plugin.command("reAuthenticate"), refused)  # whose data is of no interest
        world.said.append(json.dumps(daemon.info(name)))
        plugin.answer(plugin.command("getAuthCode"), data())
        daemon.wait_state("fresh", name)
        world.check_arguments()
        if name != "saml":
            tokens = server.sessions(client)[-1]["refresh_tokens"]
            say_back(world, client, [tokens[-1]["refresh_token"]], 503, "busy")
        with daemon.connect() as caller:
            caller.send("auth.refresh", {"profile": name})
            if name == "saml":
                plugin.answer(plugin.command("getAuthCode"), data())
            world.said.append(json.dumps(caller.reply()))
        with ask_in_background(daemon, "auth.signIn", profile=name) as caller:
            refused = data()
            say_back(world, client, secrets_in(refused), 400, "invalid_grant")
            plugin.answer(plugin.command("signIn"), refused)
            world.said.append(json.dumps(caller.reply()))
        published = data()
        assert "data" in plugin.publish("signedIn", published)
        wait_until(lambda: daemon.info(name)["generation"] == 3)
        # What is of no use, is late or was never asked for.
        unfit = {**published, "codeVerifier": "short-verifier", "authCode": "\x01" + "made-up", "assertion": ["x"], "nonce": 7}
        told = [plugin.publish("signedIn", unfit)]
        plugin.send(commandId="1000", data=published)
        told += [plugin.reply()]
        assert [code(reply) for reply in told] == ["invalid_request"] * 2
        plugin.connection.send_raw(json.dumps({"commandId": "1", "data": published}).encode()[:-2] + b"\n")
        told += [plugin.reply()]
        world.bearing(["short-verifier"])
        world.said += map(json.dumps, told)
        world.check_arguments()


def check_log(world):
    """It is not that nothing was told."""
    world.check_said()
    log = world.daemon.log()
    assert "POST http" in log and "***" in log


@each_at_once(itertools.product(FORMATS, WAYS))
def test_nothing_of_a_sign_in_is_told(log_format, name):
    with world_of(log_format) as world:
        signs_in(world, name, *WAYS[name])
        world.daemon.ask("auth.logout", {"profile": name})
        check_log(world)


@each_at_once(FORMATS)
def test_nothing_of_what_a_started_provider_brings_is_told(log_format):
    with world_of(log_format) as world:
        daemon, server = world.daemon, world.server
        daemon.wait_state("fresh", "started", timeout=30)
        world.check_arguments()  # the provider is still there
        server.end(server.sessions("started")[-1]["refresh_tokens"][-1]["refresh_token"])
        assert "data" in daemon.ask("auth.refresh", {"profile": "started"})
        assert "data" in daemon.ask("auth.signIn", {"profile": "started"})
        world.check_arguments()
        assert len(server.sessions("started")) == 3
        world.check_said()


@each_at_once(FORMATS)
def test_nothing_of_a_sign_in_with_a_browser_is_told(log_format):
    with world_of(log_format) as world, Login(world.daemon, "browser") as login:
        browser = Browser()
        back = way_back(world.server, sent_off(login, browser))
        world.bearing([query_of(back)["code"]])
        world.check_arguments()
        assert browser.get(back).status == 200
        assert login.wait() == 0
        world.said += [login.out, login.err]
        world.check_arguments()
        assert "data" in world.daemon.ask("auth.refresh", {"profile": "browser"})
        verifiers = [request["fields"]["code_verifier"] for request in world.server.requests("browser")
                     if "code_verifier" in request["fields"]]
        assert len(verifiers) == 1 and verifiers[0] in world.secrets
        check_log(world)


@each_at_once(FORMATS)
def test_nothing_of_a_token_that_a_browser_brings_is_told(log_format):
    with world_of(log_format) as world, Login(world.daemon, "implicit") as login:
        browser, token = Browser(), f"t0ken-in-a-fragment+/%= &{log_format}"
        world.bearing([token])
        asked = query_of(sent_off(login, browser))
        world.check_arguments()
        body = urllib.parse.urlencode({"access_token": token, "expires_in": 3600, "state": asked["state"]})
        page = browser.get(asked["redirect_uri"], "POST", body, **{
            "Content-Type": "application/x-www-form-urlencoded", "Origin": asked["redirect_uri"].removesuffix("/back")})
        assert page.status == 200 and login.wait() == 0
        world.said += [login.out, login.err, page.text]
        assert world.daemon.get("implicit") == token
        world.check_arguments()
        world.check_said()


@each_at_once(FORMATS)
def test_nothing_of_a_sign_in_by_a_code_is_told(log_format):
    with world_of(log_format) as world:
        daemon, server = world.daemon, world.server
        command = [os.environ["GCTOKEN"], "login", "--device", "tv", "--socket", daemon.socket]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as login:
            try:
                wait_until(lambda: server.devices() and server.devices()[-1]["polls"] > 0)
                world.check_arguments()
                server.decide(server.devices()[-1]["user_code"])
                said, _ = login.communicate()
            finally:
                login.kill()
        assert login.returncode == 0
        world.said.append(said)
        world.check_arguments()
        assert "data" in daemon.ask("auth.refresh", {"profile": "tv"})
        assert server.devices()[-1]["device_code"] in world.secrets
        check_log(world)
