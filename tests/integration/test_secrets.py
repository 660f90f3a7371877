"""Where secrets and tokens may be seen, and where not: the process from outside, what is printed, what is answered, and the
daemon's memory.
"""

import base64
import collections
import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import urllib.parse

import pytest

from callers import CAROL, NEEDS_ROOT, acting_as, wait_alone, wait_until
from daemon import Daemon, profile
from memory import OWN_ALLOCATOR, Memory, check_gone, pieces, proc
from sandbox import Sandbox

FOR_EVER_MS = 600000
SECURE_HEAP_KIB = 256


# ---- from outside

@NEEDS_ROOT
def test_nobody_of_the_same_user_can_look_in_and_no_core_is_written(server):
    daemon = Daemon(profile(server), user=CAROL)
    os.chown(daemon.dir, CAROL, CAROL)
    with daemon:
        assert re.search(rb"^Max core file size +0 +0 ", proc(daemon, "limits"), re.MULTILINE)
        # A process that is not dumpable is root's (proc(5)).
        assert os.stat(f"/proc/{daemon.pid}/mem").st_uid == 0
        with acting_as(CAROL):
            for name in ("mem", "environ", "maps"):
                with pytest.raises(PermissionError):
                    proc(daemon, name)


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_credentials_are_kept_out_of_swap(bare, daemon):
    locked = int(re.search(rb"^VmLck:\s+(\d+) kB", proc(daemon, "status"), re.MULTILINE)[1])
    assert locked >= SECURE_HEAP_KIB


def test_no_argument_variable_or_child_has_a_secret(bare, server):
    secret = "environment-secret"
    server.client("env", secret)
    config = (f"[gateway]\nhost = 127.0.0.1\nprotocol = http\nport = {server.http.rsplit(':', 1)[1]}\n")
    environment = {"GENESYSCLOUD_OAUTHCLIENT_ID": "env", "GENESYSCLOUD_OAUTHCLIENT_SECRET": secret,
                   "SSLKEYLOGFILE": "/nonexistent/keys"}
    with Daemon(config, environment=environment) as daemon:
        daemon.secrets.add(secret)
        token = daemon.get()
        assert server.check(token)["active"]
        for name in ("cmdline", "environ"):
            assert secret.encode() not in proc(daemon, name) and token.encode() not in proc(daemon, name)
        with contextlib.ExitStack() as stack:
            for task in os.listdir(f"/proc/{daemon.pid}/task"):
                file = stack.enter_context(open(f"/proc/{daemon.pid}/task/{task}/children", encoding="ascii"))
                assert file.read() == ""


def test_no_key_log_of_tls_is_written(tmp_path):
    with Sandbox(tls=True) as server:
        log = tmp_path / "keys"
        config = profile(server, url=server.https, tls_ca_file=server.ca)
        with Daemon(config, environment={"SSLKEYLOGFILE": str(log)}) as daemon:
            assert server.check(daemon.get())["active"]
        assert not log.exists()


# ---- what is printed and answered

ECHOED = "Zq/7+s&cr et=%\"\u00e9#end"


def form_encoded(text):
    """application/x-www-form-urlencoded, as RFC 6749 appendix B has it."""
    return urllib.parse.quote_plus(text, safe="*-._")


def basic(client_id, secret):
    return base64.b64encode(f"{form_encoded(client_id)}:{form_encoded(secret)}".encode()).decode()


# How a server may say a secret back, and where.
SAYING = {
    "raw": lambda name: ECHOED,
    "form": lambda name: form_encoded(ECHOED),
    "pair": lambda name: f"{name}:{ECHOED}",
    "basic": lambda name: basic(name, ECHOED),
    "header": lambda name: f"Authorization: Basic {basic(name, ECHOED)}",
    "twice": lambda name: ECHOED + ECHOED,
    "cut": lambda name: "x" * 190 + ECHOED,
}


def answer(status, **members):
    return {"status": status, "body": json.dumps(members)}


PLACES = {
    "description-400": lambda text: answer(400, error="invalid_client", error_description=text),
    "description-503": lambda text: answer(503, error="busy", error_description=text),
    "genesys": lambda text: answer(401, error="invalid_client", description=text),
    "error": lambda text: answer(400, error=text),
    "text": lambda text: {"status": 400, "body": text, "content_type": "text/plain; charset=utf-8"},
    "unusable": lambda text: answer(200, access_token="x", token_type=text, expires_in=text),
    "no-json": lambda text: {"status": 200, "body": text},
    "other-member": lambda text: {"members": {"note": text}},
}


def echoing():
    """The rule of each profile by its name."""
    return {f"{place}.{saying}": make(say(f"{place}.{saying}"))
            for place, make in PLACES.items() for saying, say in SAYING.items()}


# A header holds what is printable alone.
HEADER_ECHOED = "Zq/7+s&cr-et=%#end"


def header_rules():
    return {f"id.{name}": {"status": 503, "headers": {"ININ-Correlation-Id": text, "Retry-After": text, "Location": text}}
            for name, text in {"raw": HEADER_ECHOED, "form": form_encoded(HEADER_ECHOED),
                               "basic": basic("id.basic", HEADER_ECHOED)}.items()}


TOKENS = {"quotes": "a\"b\\c%s%n'</script>", "unicode": "t\u00f6ken-\u4e2d\u6587-\U0001f511",
          "blanks": "to ken\twith blanks", "long": "L" * 60000, "flat": "abcdefgh" * 8}


def everything_said(daemon, names):
    """All that clients can get out of the daemon without a token in it, as bytes."""
    said = []
    with daemon.connect() as connection:
        for name in names:
            for request in ("auth.getTokenInfo", "auth.getJwtToken", "auth.refresh"):
                connection.send(request, {"profile": name}, reference=request)
        for _ in range(3 * len(names)):
            line = connection.line()
            if b'"jwtToken"' not in line:
                said.append(line)
        for request in ("system.getStatus", "system.getAllowedServices", "system.reload"):
            connection.send(request)
            said.append(connection.line())
    return said


def check_nothing(texts, needles):
    for text in texts:
        for needle in needles:
            assert needle not in text, f"{needle[:40]!r} stands in {text[:2000]!r}"


def test_server_that_says_secrets_back_is_not_quoted_with_them():
    """At the most verbose level: neither in the log, nor in a reply, nor in what gctoken prints."""
    rules, odd, headers = echoing(), TOKENS, header_rules()
    clients = [{"id": name, "secret": ECHOED} for name in rules]
    clients += [{"id": f"token.{name}", "secret": ECHOED} for name in odd]
    clients += [{"id": name, "secret": HEADER_ECHOED} for name in headers]
    with Sandbox(clients=clients) as server:
        server.rules([{"match": {"client_id": name}, **rule} for name, rule in {**rules, **headers}.items()]
                     + [{"match": {"client_id": f"token.{name}"}, "token": token} for name, token in odd.items()])
        config = "".join(profile(server, name, name, HEADER_ECHOED if name in headers else ECHOED,
                                 client_auth="post" if i % 2 else "basic", refresh_token_wait_max=1)
                         for i, name in enumerate([*rules, *(f"token.{name}" for name in odd), *headers]))
        names = [*rules, *headers, *(f"token.{name}" for name in odd)]
        with Daemon(config, arguments=["--log-format", "text"]) as daemon:
            wait_until(lambda: all(daemon.info(name)["state"] not in ("empty", "fetching") for name in names), timeout=30)
            said = everything_said(daemon, names)
            for i, name in enumerate(names):
                arguments = [["get"], ["info"], ["refresh"], ["info", "--json"], ["exec"]][i % 5]
                done = daemon.gctoken(arguments[0], name, *arguments[1:], *(["--", "true"] if arguments == ["exec"] else []))
                said.append(done.stderr.encode())
                if arguments != ["get"]:
                    said.append(done.stdout.encode())
            said += [daemon.gctoken("status", *arguments).stdout.encode() for arguments in ([], ["--json"])]
            tokens = [daemon.get(f"token.{name}") for name in odd]
            assert tokens == list(odd.values())
            for name in odd:
                assert daemon.gctoken("get", f"token.{name}").stdout.rstrip("\n") == odd[name]
            secrets = {ECHOED, form_encoded(ECHOED), HEADER_ECHOED, form_encoded(HEADER_ECHOED)}
            secrets |= {basic(name, HEADER_ECHOED if name in headers else ECHOED) for name in names}
            # As JSON writes them, too, and the greater part of one that was cut.
            secrets |= {json.dumps(text, ensure_ascii=ascii)[1:-1] for text in list(secrets) for ascii in (False, True)}
            secrets |= {ECHOED[:8], form_encoded(ECHOED)[:8]}
            check_nothing(said, {secret.encode() for secret in secrets})
            log = daemon.log().encode()
            assert log.count(b"POST http") >= len(names)
            check_nothing([log], {text.encode() for text in secrets | set(tokens)})
            # It is not that nothing was told.
            assert b"***" in log and any(b"***" in text for text in said)


def test_secret_in_a_wrong_place_of_the_configuration_is_not_told():
    with Daemon("[general]\n", log_level="trace") as daemon:
        secret = "hush-hush-hush"
        daemon.secrets.add(secret)
        for text in (f"client_secret: {secret}", f"client_secret {secret}", f"secret = {secret}",
                     f"[profile x]\nclient_secret\n {secret}",
                     f"[profile x]\nclient_id = x\nclient_secret = {secret}\nclient_secret = {secret}2",
                     f"[profile x]\nclient_secret_file = x\nclient_secret = {secret}",
                     f"[profile x]\nclient_id = x\nclient_secret = {secret * 2000}",
                     f"[profile x]\ntoken_url = http://user:{secret}@127.0.0.1/",
                     f"[profile x]\nclient_secret = \"{secret}\"\ntoken_url = https://example.com/oauth/token",
                     f"[proxy]\nurl = http://user:{secret}@127.0.0.1:3128",
                     f"[proxy]\nurl = http://127.0.0.1:3128\npassword = {secret}",
                     f"[gateway]\nhost = x.example.com\npassword = {secret}\nusername = x\nport = x",
                     f"[tls]\nclient_key = {secret}\nclient_key_passphrase = {secret}",
                     f"\x00{secret}", f"{{\"profile\": {{\"default\": {{\"client_secret\": \"{secret}\"}}}}}}",
                     f"{{\"profile\": {{\"default\": {{\"client_secret\": \"{secret}}}}}}}",
                     f"{{\"profile\": {{\"default\": {{\"client_id\": true, \"client_secret\": [\"{secret}\"]}}}}}}"):
            daemon.write_config(text + "\n")
            reply = daemon.ask("system.reload")
            assert "error" in reply, text
            assert secret not in reply["errorMessage"] and secret not in daemon.gctoken("reload").stderr
        # daemon.stop() looks for it in the log.


# ---- memory

def secret_of(name):
    """A secret no piece of which stands anywhere else."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return f"{digits[:10]}&{digits[10:20]}/%{digits[20:30]}+= {digits[30:40]}"


Kept = collections.namedtuple("Kept", "source auth tls")
KEPT = {f"{source}-{auth}-{'https' if tls else 'http'}": Kept(source, auth, tls)
        for source in ("inline", "file") for auth in ("basic", "post") for tls in (False, True)}


def forms_of(name, secret):
    return {f"{name}: secret": secret, f"{name}: form": form_encoded(secret), f"{name}: basic": basic(name, secret)}


@pytest.fixture
def place():
    path = tempfile.mkdtemp(prefix="gctokend-secrets-")
    yield path
    shutil.rmtree(path)


def private(path, text):
    with open(path, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text)
    return path


def kept_profile(server, name, kept, place):
    secret = secret_of(name)
    keys = {"url": server.https, "tls_ca_file": server.ca} if kept.tls else {}
    if kept.source == "file":
        keys["client_secret_file"] = private(f"{place}/{name}", secret + "\n")
    return profile(server, name, name, secret if kept.source == "inline" else None, client_auth=kept.auth, **keys)


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_secret_stands_once_in_memory_while_it_is_configured_and_nowhere_after_its_profile_is_removed(bare, place):
    secrets = {name: secret_of(name) for name in KEPT}
    clients = [{"id": name, "secret": secret, "expires_in": 3600} for name, secret in secrets.items()]
    with Sandbox(tls=True, clients=clients) as server:
        keep = profile(server, "keep")
        config = keep + "".join(kept_profile(server, name, kept, place) for name, kept in KEPT.items())
        with Daemon(config) as daemon:
            daemon.secrets.update(secrets.values())
            first = {name: daemon.get(name) for name in KEPT}
            for name in KEPT:
                assert daemon.gctoken("refresh", name).returncode == 0
            second = {name: daemon.get(name) for name in KEPT}
            wait_alone(daemon)
            memory = Memory(daemon)
            for name, secret in secrets.items():
                # The one copy of the configuration, in the locked heap, which has no name.
                (where, _, _), = memory.places(secret.encode())
                assert where == ""
                assert memory.count(form_encoded(secret)) == memory.count(basic(name, secret)) == 0
                assert memory.count(first[name]) == 0
                # The token itself, and the reply that holds it.
                assert memory.count(second[name]) == 2
            # The kept profile shows that a token can be found at all.
            kept = daemon.get("keep")
            daemon.write_config(keep)
            assert daemon.ask("system.reload")["data"] == {"profiles": 1}
            wait_alone(daemon)
            texts = {}
            for name, secret in secrets.items():
                texts.update(forms_of(name, secret))
                texts.update({f"{name}: token": second[name], f"{name}: old token": first[name]})
            check_gone(daemon, texts)
            assert Memory(daemon).count(kept) == 2


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_nothing_is_left_on_the_stack_while_the_first_requests_are_in_flight(bare, place):
    """Whoever parses, encodes or sends leaves pieces behind that no later call may come to overwrite."""
    secrets = {name: secret_of(name) for name in KEPT}
    with Sandbox(tls=True, clients=[{"id": name, "secret": secret} for name, secret in secrets.items()]) as server:
        server.rule({"delay_ms": FOR_EVER_MS})
        config = "".join(kept_profile(server, name, kept, place) for name, kept in KEPT.items())
        with Daemon(config) as daemon:
            daemon.secrets.update(secrets.values())
            server.wait(lambda stats: stats["in_flight"] == len(KEPT))
            for again in (False, True):
                if again:
                    assert "data" in daemon.ask("system.reload")
                memory = Memory(daemon)
                left = {what: place for name, secret in secrets.items() for what, text in forms_of(name, secret).items()
                        for piece in pieces(text) for place in memory.places(piece) if place[0] == "[stack]"}
                assert not left, left
                # A flight keeps the settings that it was sent with, so that their secrets are known in its answer.
                assert all(memory.count(secret) == (2 if again else 1) for secret in secrets.values())


# What a profile is in when it is removed: the rules of its server.
MOMENTS = {
    "in-flight": [{"delay_ms": FOR_EVER_MS}],
    "half-answered": [{"drip": {"bytes": 100, "interval_ms": 60000}, "token": secret_of("half of a token")}],
    "rejected": [answer(400, error="invalid_client", error_description="{SECRET} {FORM} {BASIC}")],
    "failing": [answer(503, error="x", error_description="{SECRET}")],
    "unusable": [{"expires_in": -1}],
    "refused": [{"close": "within_body"}],
    "odd-token": [{"token": "\"odd\\token\u00e9" * 4}],
    "long-token": [{"token_size": 60000}],
    "jwt": [{"token_format": "RS256", "expires_in_missing": True}],
}
ANSWERED = ("odd-token", "long-token", "jwt")


def filled(value, name, secret):
    if isinstance(value, dict):
        return {key: filled(item, name, secret) for key, item in value.items()}
    if isinstance(value, str):
        value = value.replace("{SECRET}", secret).replace("{FORM}", form_encoded(secret))
        return value.replace("{BASIC}", basic(name, secret))
    return value


@NEEDS_ROOT
@OWN_ALLOCATOR
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_nothing_is_left_of_a_profile_whatever_it_was_doing_when_it_was_removed(bare, tls):
    secrets = {name: secret_of(name) for name in MOMENTS}
    with Sandbox(tls=tls, clients=[{"id": name, "secret": secret} for name, secret in secrets.items()]) as server:
        server.rules([{"match": {"client_id": name}, **filled(rule, name, secrets[name])}
                      for name, rules in MOMENTS.items() for rule in rules])
        keys = {"url": server.https, "tls_ca_file": server.ca} if tls else {}
        config = "".join(profile(server, name, name, secret, client_auth="post" if name == "failing" else "basic", **keys)
                         for name, secret in secrets.items())
        with Daemon(config) as daemon, daemon.connect() as waiting:
            daemon.secrets.update(secrets.values())
            for name in ("rejected", "failing", "unusable", "refused"):
                wait_until(lambda name=name: daemon.info(name)["lastError"])
            tokens = {name: daemon.get(name) for name in ANSWERED}
            daemon.secrets.update(tokens.values())
            # A token that is rejected goes through the daemon once more.
            with daemon.connect() as connection:
                connection.send("auth.getJwtToken", {"profile": "odd-token", "rejectedToken": tokens["odd-token"]})
                connection.reply()
            server.wait(lambda stats: stats["clients"]["in-flight"]["in_flight"] == 1
                        and stats["clients"]["half-answered"]["in_flight"] == 1)
            for name in ("in-flight", "half-answered"):
                waiting.send("auth.getJwtToken", {"profile": name})
            wait_until(lambda: daemon.info("in-flight")["waiters"] == daemon.info("half-answered")["waiters"] == 1)
            daemon.write_config("[general]\n")
            assert daemon.ask("system.reload")["data"] == {"profiles": 0}
            for _ in range(2):
                assert waiting.reply()["error"]["code"] == "access_denied"
            waiting.close()
            wait_alone(daemon)
            texts = {"half-answered: token": MOMENTS["half-answered"][0]["token"],
                     **{f"{name}: token": token for name, token in tokens.items()},
                     "odd-token: as JSON": json.dumps(tokens["odd-token"], ensure_ascii=False)[1:-1]}
            for name, secret in secrets.items():
                texts.update(forms_of(name, secret))
            check_gone(daemon, texts)


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_secret_that_is_replaced_is_gone_and_so_is_the_token_of_an_identity_that_is(bare, place):
    with Sandbox(clients=[{"id": "a", "secret": secret_of("a")}]) as server:
        old, new = secret_of("a"), secret_of("b")
        with Daemon(profile(server, "a", "a", old)) as daemon:
            daemon.secrets.update((old, new))
            token = daemon.get("a")
            daemon.write_config(profile(server, "a", "a", new))
            assert "data" in daemon.ask("system.reload")
            wait_alone(daemon)
            check_gone(daemon, forms_of("a", old))
            assert Memory(daemon).count(token) == 2 and Memory(daemon).count(new) == 1
            server.client("a", new)
            daemon.write_config(profile(server, "a", "a", new, scope="another"))
            assert "data" in daemon.ask("system.reload")
            assert daemon.get("a") != token
            wait_alone(daemon)
            check_gone(daemon, {"token": token})


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_token_that_has_passed_is_gone(bare):
    with Sandbox(clients=[{"id": "a", "secret": "a-secret", "expires_in": 5}]) as server:
        with Daemon(profile(server, "a", "a", "a-secret", refresh_access_token="false")) as daemon:
            token = daemon.get("a")
            daemon.info("a")  # by then the answer that brought it has been freed too
            assert Memory(daemon).count(token) == 2
            daemon.wait_state("disabled", "a")
            wait_alone(daemon)
            check_gone(daemon, {"token": token})


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_bad_configuration_leaves_none_of_its_secrets_behind(bare, server, daemon):
    secret = secret_of("bad")
    daemon.secrets.add(secret)
    for text in (f"[profile bad]\nclient_id = bad\nclient_secret = {secret}\ntoken_url = nonsense\n",
                 f"[profile bad]\nclient_secert = {secret}\n{secret}\n", f"[{secret}\n"):
        daemon.write_config(profile(server) + text)
        assert "error" in daemon.ask("system.reload")
    wait_alone(daemon)
    check_gone(daemon, {"secret": secret})


@NEEDS_ROOT
@OWN_ALLOCATOR
def test_secret_of_the_environment_stands_in_the_locked_memory_alone(bare, server):
    secret = secret_of("environment")
    server.client("env", secret)
    config = f"[gateway]\nhost = 127.0.0.1\nprotocol = http\nport = {server.http.rsplit(':', 1)[1]}\n"
    environment = {"GENESYSCLOUD_OAUTHCLIENT_ID": "env", "GENESYSCLOUD_OAUTHCLIENT_SECRET": secret}
    with Daemon(config, environment=environment) as daemon:
        daemon.secrets.add(secret)
        assert server.check(daemon.get())["active"]
        wait_alone(daemon)
        # One for the profile, one for the reloads to come.
        assert [where for where, _, _ in Memory(daemon).places(secret.encode())] == ["", ""]
        daemon.write_config(profile(server, "other"))
        assert "data" in daemon.ask("system.reload")
        wait_alone(daemon)
        assert [where for where, _, _ in Memory(daemon).places(secret.encode())] == [""]
