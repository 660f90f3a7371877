"""gctokend beside the real SDK, npm's purecloud-platform-client-v2: their token requests say the same,
they read the same configuration files alike, and a program of the SDK's goes through expiries unharmed
when it takes its token from gctokend."""

import contextlib
import hashlib
import json
import os
import socket
import threading
import urllib.parse

import pytest

import sdk
from daemon import SLOWNESS, Daemon, profile
from keys import base64url
from provider import REDIRECT_URI
from sandbox import Sandbox

ID, SECRET = "01234567-89ab-cdef-0123-456789abcdef", "A-secret_of_Genesys-C1oud"
PUBLIC_ID = "fedcba98-7654-3210-fedc-ba9876543210"  # a public client has no secret
CODE, REFRESH_TOKEN = "a+code/of=theirs", "re+fresh/token=="
VERIFIER = "verifier~of.43-characters_or_more_as_it_has_to_be"
ASSERTION, ORG = "PHNhbWxwOlJlc3BvbnNlPg+/==", "Acme & Söhne"


def setup_of(grant):
    """What the SDK is given for a grant."""
    return {"grant": grant, "id": PUBLIC_ID if grant == "pkce" else ID, "secret": SECRET, "org": ORG,
            "assertion": ASSERTION, "code": CODE, "redirectUri": REDIRECT_URI, "verifier": VERIFIER,
            "refreshToken": REFRESH_TOKEN}


GRANTS = ["client_credentials", "saml2_bearer", "authorization_code", "pkce", "refresh_token"]


def compared(record):
    """What has to be the same of two token requests: the decoded form, who asks, and how that is proven."""
    return {name: record[name] for name in ("path", "client_id", "auth", "secret_ok", "fields")}


@pytest.fixture(scope="module")
def server():
    """Accepts what everybody sends, used before or not."""
    with Sandbox(clients=[{"id": ID, "secret": SECRET}, {"id": PUBLIC_ID, "auth": "none"}], rules=[{
            "status": 200, "body": json.dumps({"access_token": "{{access_token}}", "token_type": "bearer",
                                               "expires_in": 86399})}]) as running:
        yield running


@pytest.fixture(scope="module")
def theirs(server):
    """The SDK's request for each grant."""
    sdk.run("logins", gateway=sdk.gateway(server, path_params_login="login"),
            logins=[setup_of(grant) for grant in GRANTS])
    return dict(zip(GRANTS, map(compared, server.requests())))


def our_profile(server, grant, directory):
    def file(name, text):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8", opener=lambda *of: os.open(*of, 0o600)) as out:
            out.write(text + "\n")
        return path

    keys = {
        "client_credentials": lambda: {},
        "saml2_bearer": lambda: {"org_name": ORG, "assertion_file": file("assertion", ASSERTION)},
        "authorization_code": lambda: {"redirect_uri": REDIRECT_URI},
        "pkce": lambda: {"redirect_uri": REDIRECT_URI, "client_id": PUBLIC_ID, "secret": None},
        "refresh_token": lambda: {"refresh_token_file": file("refresh_token", REFRESH_TOKEN)},
    }[grant]()
    gateway = sdk.gateway(server, path_params_login="login")
    return profile(server, **{
        "client_id": ID, "secret": SECRET, "grant": grant, "token_url": None,
        **{"gateway_" + name: value for name, value in gateway.items()}, **keys})


def sign_in(daemon, grant):
    """Brings the code as a program of the SDK's would; the challenge that went before it, None without one."""
    if grant == "authorization_code":
        assert "data" in daemon.ask("auth.authorize", {"code": CODE, "redirectUri": REDIRECT_URI})
        return None
    given = daemon.ask("auth.getAuthorizeUrl")["data"]
    assert "data" in daemon.ask("auth.authorize", {"code": CODE, "state": given["state"]})
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(given["url"]).query)
    return query["code_challenge"][0]


@pytest.mark.parametrize("grant", GRANTS)
def test_our_token_request_says_what_the_sdks_says(server, theirs, grant, tmp_path):
    before = len(server.requests())
    challenge = None
    with Daemon(our_profile(server, grant, tmp_path)) as daemon:
        daemon.secrets |= {SECRET, ASSERTION, CODE, VERIFIER, REFRESH_TOKEN}
        if grant in ("authorization_code", "pkce"):
            challenge = sign_in(daemon, grant)
        assert isinstance(daemon.get(), str)
        ours = [compared(record) for record in server.requests()[before:]]
        if challenge:
            # The daemon makes it: the SDK's programs do so too.
            verifier = ours[0]["fields"].pop("code_verifier")
            daemon.secrets.add(verifier)
            assert base64url(hashlib.sha256(verifier.encode()).digest()) == challenge
            ours[0]["fields"]["code_verifier"] = VERIFIER
    assert ours == [theirs[grant]]
    assert theirs[grant]["path"] == "/login/oauth/token"


# Configuration files of the SDK, from its README and beyond.
FILES = {
    "empty": "",
    "readme": """
[logging]
log_level = trace
log_format = text
log_to_console = false
log_file_path = {dir}/javascriptsdk.log
log_response_body = false
log_request_body = false
[reauthentication]
refresh_access_token = true
refresh_token_wait_max = 10
[general]
live_reload_config = true
host = https://api.mypurecloud.com
""",
    "readme.json": """
{{
    "logging": {{
        "log_level": "trace",
        "log_format": "text",
        "log_to_console": false,
        "log_file_path": "{dir}/javascriptsdk.log",
        "log_response_body": false,
        "log_request_body": false
    }},
    "reauthentication": {{
        "refresh_access_token": true,
        "refresh_token_wait_max": 10
    }},
    "general": {{
        "live_reload_config": true,
        "host": "https://api.mypurecloud.com"
    }}
}}
""",
    "region": "[general]\nhost = https://api.mypurecloud.ie/\n",
    "domain": "[general]\nhost = euw2.pure.cloud\n",
    "gateway": """
[general]
host = mypurecloud.de
[gateway]
host = mygateway.mydomain.myextension
protocol = https
port = 1443
path_params_login = myadditionalpathforlogin
path_params_api = myadditionalpathforapi
username = username
password = password
""",
    "gateway.json": """
{{
    "general": {{"host": "mypurecloud.de"}},
    "gateway": {{
        "host": "mygateway.mydomain.myextension",
        "protocol": "https",
        "port": 8443,
        "path_params_login": "/a/login/path/",
        "path_params_api": "/an/api/path//"
    }}
}}
""",
    "gateway without paths": "[gateway]\nhost = gateway.example\n",
    "gateway of this host": "[gateway]\nhost = 127.0.0.1\nprotocol = http\nport = 9\n",
}
CREDENTIALS = {"GENESYSCLOUD_OAUTHCLIENT_ID": ID, "GENESYSCLOUD_OAUTHCLIENT_SECRET": SECRET}


class Proxy(threading.Thread):
    """Refuses to connect anybody, and remembers where they wanted to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                self.asked.append(lines.readline().decode().split(" ")[1])
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join()


@pytest.fixture(scope="module")
def sdk_configs(tmp_path_factory):
    """What the SDK makes of each file: name → text of the file, and the SDK's view."""
    directory = tmp_path_factory.mktemp("files")
    texts = {name: text.format(dir=directory) for name, text in FILES.items()}
    paths = []
    for number, text in enumerate(texts.values()):
        path = directory / str(number)
        path.write_text(text)
        paths.append(str(path))
    views = sdk.run("configs", paths=paths)["configs"]
    return {name: (texts[name], view) for name, view in zip(texts, views)}


@pytest.mark.parametrize("name", FILES)
def test_a_configuration_file_of_the_sdk_is_read_as_the_sdk_reads_it(sdk_configs, name):
    text, view = sdk_configs[name]
    with Proxy() as proxy:
        environment = {**CREDENTIALS, "https_proxy": proxy.url, "http_proxy": proxy.url, "no_proxy": ""}
        with Daemon(text, environment=environment) as daemon:
            daemon.secrets.add(SECRET)
            info = daemon.wait_state("failing")
            assert (info["loginUrl"], info["apiUrl"]) == (view["loginUrl"], view["apiUrl"])
            assert info["grant"] == "client_credentials"
    # Where it really went: this host is never asked for through a proxy.
    authority = view["loginUrl"].split("/")[2]
    expected = set() if authority == "127.0.0.1:9" else {authority if ":" in authority else authority + ":443"}
    assert set(proxy.asked) == expected


# A token is asked for that still lives for half of this. A call that takes longer on a slow machine, and is refused for
# that, is no failure: it is counted as late.
LIFETIME_S = 6 * min(SLOWNESS, 4)
EARLIEST_PART = 0.45
EXPIRIES = 10 if SLOWNESS <= 1 else 3
IN_FLIGHT = 200
API_DELAY_MS = int(500 * min(SLOWNESS, 4))
PROGRAM_LIMIT_S = 15 * EXPIRIES * max(SLOWNESS, 1)


@contextlib.contextmanager
def api():
    """A server whose API takes its time."""
    program = {"id": "program", "secret": SECRET, "expires_in": int(LIFETIME_S), "refresh_tokens": "rotated"}
    with Sandbox(clients=[program]) as running:
        running.rule({"match": {"path": "/api/v2/tokens/me"}, "delay_ms": API_DELAY_MS})
        yield running


def test_a_program_of_the_sdks_goes_through_expiries_without_a_failed_call(capsys):
    common = {"expiries": EXPIRIES, "workers": IN_FLIGHT, "seconds": PROGRAM_LIMIT_S}
    with api() as ours, api() as theirs:
        code = theirs.visit(theirs.http + "/oauth/authorize?client_id=program&response_type=code&redirect_uri="
                            + REDIRECT_URI)["code"]
        with Daemon(profile(ours, client_id="program", secret=SECRET)) as daemon:
            daemon.secrets.add(SECRET)
            program = sdk.Program("calls", gateway=sdk.gateway(ours), socket=daemon.socket, profile="default",
                                  minValidity=LIFETIME_S / 2, **common)
            # As long as the other one needs.
            alone = sdk.Program("calls", gateway=sdk.gateway(theirs), id="program", secret=SECRET, code=code,
                                redirectUri=REDIRECT_URI,
                                **{**common, "seconds": EXPIRIES * LIFETIME_S * 0.6})
            with_gctokend = program.answer(PROGRAM_LIMIT_S + 60)
            ours_stats, records = ours.stats(), ours.requests()
            by_itself = alone.answer(PROGRAM_LIMIT_S + 60)
            theirs_stats = theirs.stats()
    with capsys.disabled():
        print(f"\n{IN_FLIGHT} calls in flight, tokens of {LIFETIME_S:.0f} s")
        for name, told, stats in (("gctokend", with_gctokend, ours_stats),
                                  ("the SDK alone", by_itself, theirs_stats)):
            print(f"  {name}: {json.dumps(told)}, {stats['token_requests']} token requests")
    assert with_gctokend["failures"] == {}
    assert with_gctokend["mostInFlight"] == IN_FLIGHT
    assert with_gctokend["tokens"] == EXPIRIES + 1
    # One request for each token: none comes before half of the last one's life is over.
    gaps = [after["at_ms"] - before["at_ms"] for before, after in zip(records, records[1:])]
    assert len(gaps) >= EXPIRIES and min(gaps) > 1000 * LIFETIME_S * EARLIEST_PART
    assert ours_stats["max_in_flight"] == 1
    assert {record["status"] for record in records} == {200}
    assert by_itself["failed"] > 0
