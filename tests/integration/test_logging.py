"""[logging]: what is told of requests to login servers at each level, in each format, on the console and in a file; and
that no secret is among it.
"""

import json
import os
import re
import resource
import shutil
import signal
import stat
import tempfile
import time

import pytest

from callers import wait_until
from daemon import SLOWNESS, Daemon, check_config, own_words, profile
from sandbox import Sandbox

LEVELS = ["none", "error", "warning", "info", "debug", "trace"]
FORMATS = ["text", "json"]
SECRET = "Zq7s/cr et=%\"\u00e9"
CORRELATION_ID = "cid-4711"
LOOK_S = 1  # between two looks whether the file is still there


@pytest.fixture
def place():
    path = tempfile.mkdtemp(prefix="gctokend-logging-")
    yield path
    shutil.rmtree(path)


def logging(**keys):
    values = {key: str(value).lower() if isinstance(value, bool) else value for key, value in keys.items()}
    return "[logging]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def escaped(text):
    """Every character as \\uNNNN."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def percent(text):
    """Every byte as %nn, in small letters."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# ---- levels and formats

UNUSABLE = {"access_token": "token-that-is-unusable", "refresh_token": "refresh-that-is-unusable", "token_type": "mac",
            "id_token": "id-that-is-unusable", "nested": {"accessToken": "token-deep-within"}}
HIDDEN = [value for name, value in UNUSABLE.items() if name.endswith("_token")] + ["token-deep-within", "session-cookie"]

RULES = {
    "good": {"headers": {"ININ-Correlation-Id": CORRELATION_ID, "X-Note": "good-note"}},
    "refused": {"status": 400, "headers": {"ININ-Correlation-Id": CORRELATION_ID, "X-Note": "refused-note",
                                           "Set-Cookie": "sid=session-cookie", "Location": "/x?code=session-cookie"},
                "body": '{"error":"invalid_client","said":["%s","%s"],"hint":"mend it"}' % (escaped(SECRET), percent(SECRET))},
    "unusable": {"status": 200, "headers": {"ININ-Correlation-Id": CORRELATION_ID}, "body": json.dumps(UNUSABLE)},
    "broken": {"status": 502, "headers": {"ININ-Correlation-Id": CORRELATION_ID},
               "body": f"<html>access_token=token-deep-within\n\u0001 {SECRET}"},
    "gone": {"close": "before_headers"},
}


class Exchange:
    """A line about a request, whichever format it has."""

    def __init__(self, line, form):
        if form == "json":
            record = json.loads(line)
            self.level, self.profile = record["level"], record["profile"]
            self.id, self.status, self.url = record.get("correlationId"), record.get("status"), record["url"]
            self.request_headers, self.response_headers = record.get("requestHeaders"), record.get("responseHeaders")
            self.request_body, self.response_body = record.get("requestBody"), record.get("responseBody")
            assert record["method"] == "POST" and record["durationMs"] >= 0
        else:
            head = re.match(r"\S+ (\w+): profile (\S+): POST (\S+): (?:HTTP (\d+) in|no answer after) \d+ ms", line)
            self.level, self.profile, self.url = head[1], head[2], head[3]
            self.status = int(head[4]) if head[4] else None
            found = re.search(r"\(correlation id (.*?)\)", line)
            self.id = found[1] if found else None
            parts = dict(re.findall(r"; (re\w+ (?:headers|body)): (.*?)(?=; re\w+ (?:headers|body): |$)", line))
            self.request_headers, self.response_headers = (
                parts[f"{which} headers"].split(" | ") if f"{which} headers" in parts else None
                for which in ("request", "response"))
            self.request_body, self.response_body = parts.get("request body"), parts.get("response body")


def exchanges(text, form):
    """The last line about each profile's request."""
    lines = [Exchange(line, form) for line in text.splitlines() if "POST http" in line]
    return {line.profile: line for line in lines}


def run(place, level, form, arguments=(), **keys):
    """What a daemon told whose profiles have an answer of each kind: the console's and the file's text."""
    path = os.path.join(place, "log")
    clients = [{"id": name, "secret": SECRET} for name in RULES]
    with Sandbox(clients=clients, rules=[{"match": {"client_id": name}, **rule} for name, rule in RULES.items()]) as server:
        config = logging(log_level=level, log_format=form, log_file_path=path, **keys)
        config += "".join(profile(server, name, name, SECRET, client_auth="post" if name == "refused" else "basic",
                                  scope="a b")
                          for name in RULES)
        with Daemon(config, arguments=arguments, log_level=None) as daemon:
            daemon.secrets.update([SECRET, percent(SECRET), escaped(SECRET), *HIDDEN])
            daemon.log_files.append(path)
            for name in RULES:
                wait_until(lambda name=name: daemon.info(name)["state"] not in ("empty", "fetching"))
            daemon.get("good")
            daemon.write_config("[profil]\n")
            assert "error" in daemon.ask("system.reload")
            daemon.end()
            assert mode(path) == 0o600
            return own_words(daemon.log()), read(path)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("level", LEVELS)
def test_level_says_what_is_told_of_an_exchange(place, level, form):
    console, file = run(place, level, form, log_request_body=True, log_response_body=True)
    index = LEVELS.index(level)
    for text in (console, file):
        lines = text.splitlines()
        assert lines and all(line.endswith("}") and json.loads(line) for line in lines if form == "json")
        told = exchanges(text, form)
        expected = {name for name in RULES if index >= LEVELS.index("debug" if name == "good" else "error")}
        assert set(told) == expected
        for name, exchange in told.items():
            failed = name != "good"
            assert exchange.level == ("error" if failed else "debug")
            assert exchange.url.endswith("/oauth/token")
            assert exchange.status == {"good": 200, "refused": 400, "unusable": 200, "broken": 502}.get(name)
            assert exchange.id == (None if name == "gone" else CORRELATION_ID)
            assert "Accept: application/json" in exchange.request_headers
            assert ("Authorization: ***" in exchange.request_headers) == (name != "refused")
            assert "grant_type=client_credentials" in exchange.request_body and "scope=a+b" in exchange.request_body
            assert bool(exchange.response_headers) == (name != "gone" and (failed or level == "trace"))
            assert bool(exchange.response_body) == (failed and name != "gone")
        # Errors of the daemon itself are told at every level.
        assert any("the configuration before stays in force" in line for line in lines)
        assert any("new token" in line for line in lines) == (index >= LEVELS.index("info"))
        assert any("next attempt in" in line for line in lines) == (index >= LEVELS.index("warning"))


def test_secrets_are_hidden_and_the_rest_is_told(place):
    console, file = run(place, "trace", "json", log_request_body=True, log_response_body=True)
    for told in (exchanges(console, "json"), exchanges(file, "json")):
        refused, unusable, broken = told["refused"], told["unusable"], told["broken"]
        assert "client_secret=***" in refused.request_body and "client_id=refused" in refused.request_body
        assert json.loads(refused.response_body) == {"error": "invalid_client", "said": ["***", "***"], "hint": "mend it"}
        assert "X-Note: refused-note" in refused.response_headers
        assert "Set-Cookie: ***" in refused.response_headers and "Location: /x?***" in refused.response_headers
        assert json.loads(unusable.response_body) == {"access_token": "***", "refresh_token": "***", "token_type": "mac",
                                                      "id_token": "***", "nested": {"accessToken": "***"}}
        assert broken.response_body == "<html>access_token=***\\x0a\\x01 ***"
        assert "X-Note: good-note" in told["good"].response_headers


def test_bodies_are_told_only_when_asked_for(place):
    console, file = run(place, "trace", "text")
    for told in (exchanges(console, "text"), exchanges(file, "text")):
        assert set(told) == set(RULES)
        assert all(not exchange.request_body and not exchange.response_body for exchange in told.values())
    assert "grant_type" not in console + file and "mend it" not in console + file


@pytest.mark.parametrize("form", FORMATS)
def test_every_line_about_an_answer_has_its_correlation_id(place, form):
    console, file = run(place, "trace", form)
    for text in (console, file):
        about = [line for line in text.splitlines()
                 if re.search(r"HTTP \d|new token|next attempt|refused profile", line) and "cannot be reached" not in line]
        assert len(about) >= 8
        for line in about:
            assert CORRELATION_ID in (json.loads(line)["correlationId"] if form == "json" else line)


def test_long_body_is_cut(place):
    path = os.path.join(place, "log")
    with Sandbox(rules=[{"status": 500, "body": "x" * 100000}]) as server:
        config = logging(log_file_path=path, log_response_body=True) + profile(server)
        with Daemon(config, log_level="error") as daemon:
            wait_until(lambda: "POST" in read(path))
            body = exchanges(read(path), "text")["default"].response_body
            assert body.startswith("xxxx") and body.endswith("\u2026") and len(body) < 3000
            # The file comes first.
            wait_until(lambda: own_words(daemon.log()).count("\n") == read(path).count("\n"))


# ---- where it goes

def test_command_line_goes_before_the_configuration(place, server):
    path = os.path.join(place, "log")
    config = logging(log_level="none", log_format="text", log_file_path=path, log_to_console=False) + profile(server)
    with Daemon(config, log_level="info", arguments=["--log-format", "json"]) as daemon:
        daemon.wait_state("fresh")
        wait_until(lambda: "new token" in read(path))
        assert all(json.loads(line) for line in read(path).splitlines())
        assert own_words(daemon.log()) == ""


def test_reload_changes_everything_at_once(place, server):
    first, second = os.path.join(place, "first"), os.path.join(place, "second")
    with Daemon(logging(log_file_path=first, log_to_console=False) + profile(server), log_level=None) as daemon:
        daemon.log_files += [first, second]
        daemon.wait_state("fresh")
        daemon.write_config(logging(log_file_path=second, log_level="debug", log_format="json") + profile(server))
        assert "data" in daemon.ask("system.reload")
        assert "configuration reloaded" not in read(first)
        for text in (read(second), own_words(daemon.log())):
            assert "configuration reloaded" in json.loads(text.splitlines()[-1])["message"]
        assert "data" in daemon.ask("auth.refresh", {"profile": "default"})
        wait_until(lambda: "POST http" in read(second))
        daemon.write_config(profile(server))
        assert "data" in daemon.ask("system.reload")
        assert "configuration reloaded" in own_words(daemon.log()).splitlines()[-1]
        assert read(second).count("configuration reloaded") == 1


def test_rotation_as_logrotate_does_it_loses_nothing(place, server):
    path = os.path.join(place, "log")
    with Daemon(logging(log_file_path=path, log_to_console=False) + profile(server), log_level=None) as daemon:
        daemon.wait_state("fresh")
        for n in range(1, 4):
            os.rename(path, f"{path}.{n}")
            daemon.log_files.append(f"{path}.{n}")
            daemon.signal(signal.SIGUSR1)
            wait_until(lambda: os.path.exists(path))
            assert "data" in daemon.ask("system.reload")
            assert read(path).count("configuration reloaded") == 1
        assert "serves 1 profile" in read(f"{path}.1")
        assert all(mode(name) == 0o600 for name in [path, *daemon.log_files])
        assert own_words(daemon.log()) == ""


@pytest.mark.parametrize("take_away", [lambda path: os.rename(path, path + ".old"), os.unlink])
def test_file_that_was_taken_away_is_made_again(place, server, take_away):
    path = os.path.join(place, "log")
    with Daemon(logging(log_file_path=path) + profile(server), log_level=None) as daemon:
        daemon.wait_state("fresh")
        take_away(path)
        time.sleep(LOOK_S + 0.1)
        assert "data" in daemon.ask("system.reload")
        assert "configuration reloaded" in read(path)
        assert mode(path) == 0o600


@pytest.mark.parametrize("path", ["/dev/full", "/nonexistent/log", "."])
def test_file_that_cannot_be_written_is_a_warning_and_the_console_stands_in(server, path):
    with Daemon(logging(log_file_path=os.path.abspath(path), log_to_console=False) + profile(server), log_level=None) as daemon:
        daemon.wait_state("fresh")
        wait_until(lambda: "new token" in own_words(daemon.log()))
        assert re.search(r" warning: log_file_path: .* cannot be opened", own_words(daemon.log()))


def test_file_that_others_can_read_is_tightened(place, server):
    path = os.path.join(place, "log")
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
    with Daemon(logging(log_file_path=path) + profile(server), log_level=None) as daemon:
        daemon.wait_state("fresh")
        assert mode(path) == 0o600
        assert "its mode was 644" in own_words(daemon.log())


def test_full_disk_loses_messages_but_no_request(place, server):
    path = os.path.join(place, "log")
    with Daemon(logging(log_file_path=path, log_to_console=False, log_level="trace", log_format="json")
                + profile(server), log_level=None) as daemon:
        daemon.wait_state("fresh")
        limit = os.path.getsize(path) + 50
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for _ in range(5):
            assert "data" in daemon.ask("system.reload")
            assert server.check(daemon.get())["active"]
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert "data" in daemon.ask("system.reload")
        messages = [json.loads(line)["message"] for line in read(path).splitlines()]
        assert any("10 messages were lost" in message for message in messages)  # each reload, and to whom the token went
        assert "configuration reloaded" in messages[-1]


def test_console_that_is_full_disturbs_nobody(server):
    with Daemon(profile(server), command_prefix=["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]) as daemon:
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["active"]
        assert "data" in daemon.ask("system.reload")


def test_checking_the_configuration_opens_no_file(place, server):
    path = os.path.join(place, "log")
    done = check_config(logging(log_file_path=path, log_to_console=False, log_level="trace") + profile(server))
    assert done.returncode == 0, done.stderr
    assert not os.path.exists(path)


def test_slow_answer_has_its_duration(place):
    path = os.path.join(place, "log")
    with Sandbox(rules=[{"delay_ms": 300}]) as server:
        config = logging(log_level="debug", log_format="json", log_file_path=path) + profile(server)
        with Daemon(config, log_level=None) as daemon:
            daemon.wait_state("fresh")
            record = next(json.loads(line) for line in read(path).splitlines() if "POST" in line)
            assert 300 <= record["durationMs"] <= 300 + 5000 * SLOWNESS
