"""Sign-ins with a browser: auth.getAuthorizeUrl, auth.authorize and gctoken authorize against the sandbox, whose user says
yes at once."""

import base64
import contextlib
import hashlib
import json
import os
import urllib.parse

import pytest

from callers import ALICE, BOB, NEEDS_ROOT, ask_as, code
from daemon import PACE, SLOWNESS, Daemon, profile
from sandbox import Sandbox
from terminal import Terminal

REDIRECT_URI = "http://localhost:8400/back"
URL, AUTHORIZE = "auth.getAuthorizeUrl", "auth.authorize"
SECRET = "s3cret-of-the-client"


def section(server, name="default", grant="pkce", client="app", secret=None, **keys):
    """A profile whose people sign in with a browser."""
    return profile(server, name, client, secret, **{
        "grant": grant, "redirect_uri": REDIRECT_URI, "authorize_url": server.http + "/oauth/authorize", **keys})


@contextlib.contextmanager
def running(server, config):
    with Daemon(config) as daemon:
        daemon.secrets.add(SECRET)
        yield daemon


@pytest.fixture
def server():
    with Sandbox() as sandbox:
        sandbox.client("app", auth="none", pkce=True, refresh_tokens="rotated")
        sandbox.client("web", SECRET, refresh_tokens="rotated")
        yield sandbox


@pytest.fixture
def daemon(server):
    """`default` by PKCE, `web` by a code and a secret."""
    with running(server, section(server) + section(server, "web", "authorization_code", "web", SECRET)) as daemon:
        yield daemon


def begin(daemon, profile="default", **parameters):
    return daemon.ask(URL, {"profile": profile, **parameters})["data"]


def come_back(daemon, server, begun):
    """What the browser brings: code and state."""
    back = server.visit(begun["url"])
    assert back["state"] == begun["state"]
    daemon.secrets.add(back["code"])
    return back


def sign_in(daemon, server, profile="default", **parameters):
    back = come_back(daemon, server, begin(daemon, profile, **parameters))
    return daemon.ask(AUTHORIZE, {"profile": profile, **back})


def requests_of(daemon, server):
    """The token requests so far; what is secret in them may stand in no log."""
    requests = server.requests()
    for request in requests:
        for name in ("code", "code_verifier", "refresh_token"):
            if name in request["fields"]:
                daemon.secrets.add(request["fields"][name])
    return requests


def query_of(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True))


def challenge_of(verifier):
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def expect_invalid(reply):
    assert code(reply) == "invalid_request", reply
    return reply["errorMessage"]


# The way there and back


def test_the_address_is_that_of_rfc_6749_and_rfc_7636(daemon, server):
    begun = begin(daemon)
    query = query_of(begun["url"])
    assert begun["url"].startswith(server.http + "/oauth/authorize?")
    assert set(begun) == {"url", "state", "redirectUri", "responseType", "expiresAt"} and begun["redirectUri"] == REDIRECT_URI
    assert len(begun["state"]) == 43 and len(query.pop("code_challenge")) == 43
    assert query == {"client_id": "app", "redirect_uri": REDIRECT_URI, "response_type": "code",
                     "code_challenge_method": "S256", "state": begun["state"]}


def test_pkce_gets_a_token_with_the_verifier_and_without_a_secret(daemon, server):
    begun = begin(daemon)
    data = daemon.ask(AUTHORIZE, come_back(daemon, server, begun))["data"]
    assert (data["state"], data["generation"], data["lastError"]) == ("fresh", 1, None)
    assert server.check(daemon.get())["client_id"] == "app"
    request, = requests_of(daemon, server)
    verifier = request["fields"]["code_verifier"]
    assert len(verifier) == 128 and challenge_of(verifier) == query_of(begun["url"])["code_challenge"]
    assert request["auth"] == "none" and request["fields"]["client_id"] == "app"
    assert set(request["fields"]) == {"grant_type", "code", "redirect_uri", "code_verifier", "client_id"}


def test_authorization_code_gets_one_with_secret_and_verifier(daemon, server):
    assert sign_in(daemon, server, "web")["data"]["state"] == "fresh"
    request, = requests_of(daemon, server)
    assert request["auth"] == "basic" and request["secret_ok"] and len(request["fields"]["code_verifier"]) == 128


@pytest.mark.parametrize("verifier", [None, "v" * 43, "a-._~Z09" * 16])
@pytest.mark.parametrize("redirect_uri", [None, REDIRECT_URI, "http://localhost:9/back"])
def test_code_that_somebody_got_without_our_help_is_taken(daemon, server, verifier, redirect_uri):
    query = {"client_id": "web", "redirect_uri": redirect_uri or REDIRECT_URI, "response_type": "code"}
    parameters = {"profile": "web"}
    if verifier:
        query.update(code_challenge=challenge_of(verifier), code_challenge_method="S256")
        parameters["codeVerifier"] = verifier
    if redirect_uri:
        parameters["redirectUri"] = redirect_uri
    back = server.visit(server.http + "/oauth/authorize?" + urllib.parse.urlencode(query))
    daemon.secrets.update([back["code"], verifier or back["code"]])
    assert daemon.ask(AUTHORIZE, {**parameters, "code": back["code"]})["data"]["state"] == "fresh"


def test_pkce_does_not_take_a_code_without_its_state(daemon, server):
    back = come_back(daemon, server, begin(daemon))
    assert "state" in expect_invalid(daemon.ask(AUTHORIZE, {"code": back["code"]}))
    assert requests_of(daemon, server) == []


def test_another_port_of_loopback_is_asked_for_and_sent(daemon, server):
    other = "http://localhost:51234/back"
    begun = begin(daemon, redirectUri=other)
    assert begun["redirectUri"] == query_of(begun["url"])["redirect_uri"] == other
    back = come_back(daemon, server, begun)
    assert other in expect_invalid(daemon.ask(AUTHORIZE, {**back, "redirectUri": REDIRECT_URI}))
    assert daemon.ask(AUTHORIZE, {**back, "redirectUri": other})["data"]["state"] == "fresh"
    assert requests_of(daemon, server)[0]["fields"]["redirect_uri"] == other


@pytest.mark.parametrize("other", ["http://127.0.0.1:8400/back", "http://localhost:8400/", "https://localhost:8400/back",
                                   "http://localhost:8400/back#x", "https://evil.example/back", ""])
def test_another_place_is_refused_and_the_right_one_told(daemon, server, other):
    assert REDIRECT_URI in expect_invalid(daemon.ask(URL, {"redirectUri": other}))
    reply = daemon.ask(AUTHORIZE, {"profile": "web", "code": "c0de", "redirectUri": other})
    assert REDIRECT_URI in expect_invalid(reply)
    assert requests_of(daemon, server) == []


def test_organization_provider_scope_and_audience_go_along(server):
    config = section(server, org="acme", provider="okta", scope="a b", audience="https://api.example/",
                     authorize_url=server.http + "/oauth/authorize?prompt=login")
    with running(server, config) as daemon:
        query = query_of(begin(daemon)["url"])
        assert (query["prompt"], query["org"], query["provider"]) == ("login", "acme", "okta")
        assert (query["scope"], query["audience"]) == ("a b", "https://api.example/")
        assert sign_in(daemon, server)["data"]["state"] == "fresh"


def test_state_of_the_callers_own_is_used(daemon, server):
    own = "their own & state=1+%"
    begun = begin(daemon, state=own)
    assert begun["state"] == query_of(begun["url"])["state"] == own
    assert "under way" in expect_invalid(daemon.ask(URL, {"state": own}))
    assert daemon.ask(AUTHORIZE, come_back(daemon, server, begun))["data"]["state"] == "fresh"
    assert begin(daemon, state=own)["state"] == own  # it is free again


# States


def test_state_is_good_once(daemon, server):
    back = come_back(daemon, server, begin(daemon))
    assert daemon.ask(AUTHORIZE, back)["data"]["state"] == "fresh"
    assert "getAuthorizeUrl" in expect_invalid(daemon.ask(AUTHORIZE, back))
    assert len(requests_of(daemon, server)) == 1
    assert daemon.info()["generation"] == 1


def test_unknown_state_sends_nothing(daemon, server):
    for state in ("", "unknown-state", "x" * 10000):
        expect_invalid(daemon.ask(AUTHORIZE, {"code": "c0de", "state": state}))
    assert requests_of(daemon, server) == []


def test_state_of_another_profile_is_refused_and_stays_good(daemon, server):
    back = come_back(daemon, server, begin(daemon))
    expect_invalid(daemon.ask(AUTHORIZE, {"profile": "web", **back}))
    assert requests_of(daemon, server) == []
    assert daemon.ask(AUTHORIZE, back)["data"]["state"] == "fresh"


@NEEDS_ROOT
def test_state_of_another_user_is_refused_and_stays_good(server):
    both = f"user:{ALICE} (auth.getAuthorizeUrl, auth.authorize), user:{BOB} (auth.getAuthorizeUrl, auth.authorize)"
    with running(server, section(server, allow=both)) as daemon:
        back = come_back(daemon, server, ask_as(daemon, ALICE, URL)["data"])
        expect_invalid(ask_as(daemon, BOB, AUTHORIZE, back))
        expect_invalid(ask_as(daemon, BOB, AUTHORIZE, {"state": back["state"], "error": "access_denied"}))
        assert requests_of(daemon, server) == []
        assert ask_as(daemon, ALICE, AUTHORIZE, back)["data"]["state"] == "fresh"
        requests_of(daemon, server)


@NEEDS_ROOT
def test_who_asks_for_addresses_without_end_pushes_out_nobody_else(server):
    with running(server, section(server, allow="* (*, auth.authorize)")) as daemon:
        back = come_back(daemon, server, ask_as(daemon, ALICE, URL)["data"])
        states = [ask_as(daemon, BOB, URL)["data"]["state"] for _ in range(20)]
        expect_invalid(ask_as(daemon, BOB, AUTHORIZE, {"state": states[0], "code": "c0de"}))
        refusal = {"state": states[-15], "error": "access_denied"}
        assert code(ask_as(daemon, BOB, AUTHORIZE, refusal)) == "login_required"
        assert ask_as(daemon, ALICE, AUTHORIZE, back)["data"]["state"] == "fresh"
        requests_of(daemon, server)


def test_the_seventeenth_pushes_out_the_first(daemon):
    states = [begin(daemon)["state"] for _ in range(17)]
    expect_invalid(daemon.ask(AUTHORIZE, {"state": states[0], "error": "x"}))
    for state in states[1:]:
        assert code(daemon.ask(AUTHORIZE, {"state": state, "error": "x"})) == "login_required"


def test_reload_in_between_disturbs_nothing(daemon, server):
    back = come_back(daemon, server, begin(daemon))
    assert "data" in daemon.ask("system.reload")
    assert daemon.ask(AUTHORIZE, back)["data"]["state"] == "fresh"
    requests_of(daemon, server)


def test_reload_to_another_client_ends_what_was_begun(server):
    with running(server, section(server)) as daemon:
        back = come_back(daemon, server, begin(daemon))
        server.client("other", auth="none", pkce=True)
        daemon.write_config(section(server, client="other"))
        assert "data" in daemon.ask("system.reload")
        expect_invalid(daemon.ask(AUTHORIZE, back))
        assert requests_of(daemon, server) == []


def test_restart_forgets_what_was_begun_and_keeps_who_is_signed_in(daemon, server):
    assert sign_in(daemon, server)["data"]["state"] == "fresh"
    token, begun = daemon.get(), begin(daemon)
    daemon.end()
    daemon.start()
    assert daemon.wait_state("fresh")["generation"] == 1 and daemon.get() != token
    assert [request["fields"]["grant_type"] for request in requests_of(daemon, server)] == [
        "authorization_code", "refresh_token"]
    expect_invalid(daemon.ask(AUTHORIZE, {"code": "c0de", "state": begun["state"]}))


# What goes wrong


def test_refusal_is_told_and_sends_nothing(daemon, server):
    server.rule({"match": {"path": "/oauth/authorize"}, "times": 1, "authorize_error": "access_denied",
                 "error_description": "Said no\u0007 & left " + "x" * 300})
    begun = begin(daemon)
    back = server.visit(begun["url"])
    parameters = {"state": back["state"], "error": back["error"], "errorDescription": back["error_description"]}
    reply = daemon.ask(AUTHORIZE, parameters)
    assert code(reply) == "login_required"
    assert "access_denied: Said no\\x07 & left xxx" in reply["errorMessage"] and "x" * 201 not in reply["errorMessage"]
    expect_invalid(daemon.ask(AUTHORIZE, parameters))
    assert requests_of(daemon, server) == []


@pytest.mark.parametrize("name", ["default", "web"])
def test_refused_code_touches_no_running_session(daemon, server, name):
    assert sign_in(daemon, server, name)["data"]["state"] == "fresh"
    token, before = daemon.get(name), daemon.info(name)
    reply = daemon.ask(AUTHORIZE, {"profile": name, "code": "made-up-c0de", "state": begin(daemon, name)["state"]})
    assert code(reply) == "login_required" and "refused the code" in reply["errorMessage"]
    assert daemon.get(name) == token
    assert {key: value for key, value in daemon.info(name).items() if key != "lastAnswer"} == {
        key: value for key, value in before.items() if key != "lastAnswer"}
    assert daemon.ask("auth.refresh", {"profile": name})["data"]["generation"] == 2  # its refresh token is good
    requests_of(daemon, server)


def test_without_a_sign_in_callers_are_told_what_to_do(daemon, server):
    error = daemon.get()
    assert error["code"] == "login_required" and "gctoken login default" in error["text"]
    assert requests_of(daemon, server) == []
    done = daemon.gctoken("status")
    assert "gctoken login default" in done.stdout


def test_second_code_waits_its_turn_and_its_state_stays_good(daemon, server):
    server.rule({"times": 1, "delay_ms": int(1000 * PACE)})
    first, second = (come_back(daemon, server, begin(daemon)) for _ in range(2))
    with daemon.connect() as connection:
        connection.send(AUTHORIZE, first)
        server.wait(lambda stats: stats["in_flight"] == 1)
        assert code(daemon.ask(AUTHORIZE, second)) == "rate_limited"
        assert connection.reply()["data"]["generation"] == 1
    assert daemon.ask(AUTHORIZE, second)["data"]["generation"] == 2
    requests_of(daemon, server)


def test_slow_exchange_is_a_timeout_and_its_result_is_kept(server):
    server.rule({"times": 1, "delay_ms": int(2500 * SLOWNESS)})
    with running(server, section(server, refresh_token_wait_max=1)) as daemon:
        reply = sign_in(daemon, server)
        assert code(reply) == "refresh_timeout"
        assert daemon.wait_state("fresh")["generation"] == 1
        requests_of(daemon, server)


@pytest.mark.parametrize("grant", ["client_credentials", "static"])
def test_grants_without_codes_say_which_take_them(server, grant):
    keys = {"grant": grant} if grant == "client_credentials" else {"grant": grant, "secret": None}
    with Daemon(profile(server, **keys)) as daemon:
        for request, parameters in ((URL, {}), (AUTHORIZE, {"code": "c0de"}), (AUTHORIZE, {"state": "s", "error": "x"})):
            text = expect_invalid(daemon.ask(request, parameters))
            takers = "implicit or pkce" if request == URL else "implicit or messenger or pkce"
            assert f"grant = authorization_code or {takers};" in text and f"grant = {grant}" in text


HUSH = "hush-hush"
WRONG = [
    (URL, {"state": "1234567"}), (URL, {"state": "x" * 129}), (URL, {"state": "eight\u00e9\u00e9\u00e9"}),
    (URL, {"state": "tab\tstate"}), (URL, {"state": 12345678}), (URL, {"redirectUri": None}), (URL, {"code": HUSH}),
    (AUTHORIZE, {}), (AUTHORIZE, {"state": "s"}), (AUTHORIZE, {"code": "", "state": "s"}),
    (AUTHORIZE, {"code": HUSH + "x" * 4096, "state": "s"}), (AUTHORIZE, {"code": HUSH + "\n", "state": "s"}),
    (AUTHORIZE, {"code": 7, "state": "s"}), (AUTHORIZE, {"code": [HUSH], "state": "s"}),
    (AUTHORIZE, {"code": "c0de", "state": "s", "codeVerifier": HUSH * 5}),
    (AUTHORIZE, {"profile": "web", "code": "c0de", "codeVerifier": HUSH}),
    (AUTHORIZE, {"profile": "web", "code": "c0de", "codeVerifier": HUSH * 15}),
    (AUTHORIZE, {"profile": "web", "code": "c0de", "codeVerifier": HUSH * 5 + "+"}),
    (AUTHORIZE, {"profile": "web", "code": "c0de", "codeVerifier": 7}),
    (AUTHORIZE, {"error": "access_denied"}), (AUTHORIZE, {"error": "x", "code": HUSH, "state": "s"}),
    (AUTHORIZE, {"error": "x", "redirectUri": REDIRECT_URI, "state": "s"}),
    (AUTHORIZE, {"errorDescription": "x", "code": HUSH, "state": "s"}), (AUTHORIZE, {"error": 7, "state": "s"}),
    (AUTHORIZE, {"token": HUSH}), (AUTHORIZE, {"codeverifier": HUSH}),
]


@pytest.mark.parametrize(("request_name", "parameters"), WRONG)
def test_wrong_parameters_are_told_and_nothing_secret_of_them(daemon, server, request_name, parameters):
    daemon.secrets.add(HUSH)
    assert HUSH not in json.dumps(daemon.ask(request_name, parameters))
    expect_invalid(daemon.ask(request_name, parameters))
    assert requests_of(daemon, server) == []


@NEEDS_ROOT
def test_wildcards_grant_the_address_and_not_the_code(server):
    with running(server, section(server, allow=f"*, user:{ALICE} (auth.authorize)")) as daemon:
        back = come_back(daemon, server, ask_as(daemon, BOB, URL)["data"])
        assert code(ask_as(daemon, BOB, AUTHORIZE, back)) == "access_denied"
        assert code(ask_as(daemon, 0, AUTHORIZE, back)) == "access_denied"  # named for nobody but her
        assert AUTHORIZE not in ask_as(daemon, BOB, "system.getAllowedServices")["data"]["services"]
        assert URL in ask_as(daemon, BOB, "system.getAllowedServices")["data"]["services"]
        assert AUTHORIZE in ask_as(daemon, ALICE, "system.getAllowedServices")["data"]["services"]
        back = come_back(daemon, server, ask_as(daemon, ALICE, URL)["data"])
        assert ask_as(daemon, ALICE, AUTHORIZE, back)["data"]["state"] == "fresh"
        requests_of(daemon, server)


# gctoken authorize


def address(back):
    return REDIRECT_URI + "?" + urllib.parse.urlencode(back)


def begun_by_gctoken(daemon, *arguments):
    done = daemon.gctoken("authorize", *arguments, "--url")
    assert done.returncode == 0 and done.stderr == ""
    url, state = done.stdout.splitlines()
    return {"url": url, "state": state}


@pytest.mark.parametrize("form", ["code", "address", "relative", "fragment"])
def test_gctoken_takes_the_code_or_the_address(daemon, server, form):
    begun = begun_by_gctoken(daemon)
    back = come_back(daemon, server, begun)
    text = {"code": back["code"] + "\n", "address": f"  {address(back)}  \r\n", "relative": "?" + address(back).split("?")[1],
            "fragment": address(back) + "&iss=x#_=_"}[form]
    done = daemon.gctoken("authorize", "--state", begun["state"], input=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("default: valid, ") and done.stdout.count("\n") == 1
    requests_of(daemon, server)


def test_gctoken_says_it_in_json(daemon, server):
    state = "state-of-the-script"
    begun = json.loads(daemon.gctoken("authorize", "default", "--url", "--state", state, "--json").stdout)
    assert set(begun) == {"url", "state", "redirectUri", "responseType", "expiresAt"} and begun["state"] == state
    back = come_back(daemon, server, begun)
    done = daemon.gctoken("authorize", "--state", state, "--json", input=back["code"])
    assert json.loads(done.stdout)["state"] == "fresh"
    requests_of(daemon, server)


def test_gctoken_has_the_browser_sent_to_another_port(daemon, server):
    other = "http://localhost:1234/back"
    begun = begun_by_gctoken(daemon, "--redirect-uri", other)
    assert query_of(begun["url"])["redirect_uri"] == other
    back = come_back(daemon, server, begun)
    done = daemon.gctoken("authorize", "--redirect-uri", other, "--state", begun["state"], input=back["code"])
    assert done.returncode == 0, done.stderr
    requests_of(daemon, server)


@pytest.mark.parametrize(("text", "status", "says"), [
    ("", 1, "no code on standard input"), ("\n", 1, "no code on standard input"), ("x" * 70000, 1, "no code on standard input"),
    (REDIRECT_URI + "?code=c0de&state=another", 1, "its state is another"), (REDIRECT_URI + "?code=c0de", 1, "is missing"),
    (REDIRECT_URI + "?state=STATE", 1, "neither a code nor an error"), (REDIRECT_URI + "?", 1, "neither a code nor an error"),
    (REDIRECT_URI + "?code=a&code=b&state=STATE", 1, "neither"), (REDIRECT_URI + "?code=%0&state=STATE", 1, "neither"),
    (REDIRECT_URI + "?code=%00&state=STATE", 1, "neither"),
    (REDIRECT_URI + "?error=access_denied&error_description=Not+today%21&state=STATE", 5, "access_denied: Not today!"),
])
def test_gctoken_tells_what_is_wrong_with_the_address_and_sends_nothing(daemon, server, text, status, says):
    begun = begun_by_gctoken(daemon)
    done = daemon.gctoken("authorize", "--state", begun["state"], input=text.replace("STATE", begun["state"]))
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr and done.stderr.count("\n") == 1 and "c0de" not in done.stderr
    assert requests_of(daemon, server) == []


def test_gctoken_exits_with_5_for_a_refused_code(daemon, server):
    begun = begun_by_gctoken(daemon)
    done = daemon.gctoken("authorize", "--state", begun["state"], input="made-up-c0de")
    assert done.returncode == 5 and "made-up-c0de" not in done.stderr + done.stdout
    requests_of(daemon, server)


def test_gctoken_exits_with_1_for_a_grant_without_codes():
    with Sandbox() as server, Daemon(profile(server)) as daemon:
        done = daemon.gctoken("authorize", "--url")
        assert done.returncode == 1 and "grant = authorization_code or implicit or pkce" in done.stderr


@pytest.mark.parametrize("arguments", [("--state", ""), ("--redirect-uri", ""), ("--state", "\udcff"), ("a", "b"),
                                       ("--min-validity", "1")])
def test_gctoken_exits_with_2_for_wrong_arguments(daemon, arguments):
    done = daemon.gctoken("authorize", *map(os.fsencode, arguments))
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1


def test_person_at_a_terminal_signs_in(daemon, server):
    with Terminal(os.environ["GCTOKEN"], "authorize", "--socket", daemon.socket, "--timeout", str(15 * SLOWNESS)) as terminal:
        shown = terminal.read_until("not shown): ")
        url = next(line for line in shown.splitlines() if line.startswith(server.http))
        back = come_back(daemon, server, {"url": url, "state": query_of(url)["state"]})
        terminal.write(address(back) + "\r")
        shown = terminal.read_to_end()
        assert terminal.status() == 0 and "default: valid, " in shown
        assert back["code"] not in shown and terminal.echoes()
    requests_of(daemon, server)


def test_person_at_a_terminal_gives_up(daemon):
    with Terminal(os.environ["GCTOKEN"], "authorize", "--socket", daemon.socket) as terminal:
        terminal.read_until("not shown): ")
        assert not terminal.echoes()
        terminal.interrupt()
        terminal.read_to_end()
        assert terminal.status() == -2 and terminal.echoes()
