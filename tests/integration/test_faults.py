"""Every kind of damaged answer: what callers get, what gctoken says, how often the server is asked.

The cases are tables. All of their profiles live in one daemon, each with a client id and a rule of
the login server of its own, so that they take their time together.
"""

import base64
import collections
import contextlib
import socket
import time
import urllib.parse

import pytest

from callers import wait_until
from daemon import PACE, SLOWNESS, Daemon, profile
from sandbox import Sandbox
from traffic import peak_kib, seconds, timed

DAY_S = 86400
LIFETIME_MAX_S = 31 * DAY_S
TOKEN_MAX = 64000
BODY_MAX = 1 << 20
BACKOFF_MIN_S = 0.8
BACKOFF_MAX_S = 1.2
# Of those whose server gives no whole answer: enough for a connection, which is not what they are about.
SHORT_LIMIT_S = int(SLOWNESS)
WITHIN_LIMIT = f"within {SHORT_LIMIT_S} second{'s' if SHORT_LIMIT_S > 1 else ''}"

EXIT_LOGIN_REQUIRED, EXIT_TEMPORARY, EXIT_REJECTED = 5, 6, 7

# One way of answering: the rule, further keys of the profile, and what is to be seen of it.
Case = collections.namedtuple("Case", "rule keys seen", defaults=({}, {}))


def name_cases(prefix, cases):
    return {f"{prefix}-{name}": case for name, case in cases.items()}


# ---- verdicts (section 4 of the design): temporary

def passing(rule, **seen):
    return Case(rule, {}, seen)


TEMPORARY = name_cases("temporary", {
    **{str(status): passing({"status": status}, status=status)
       for status in (300, 301, 302, 303, 304, 307, 308, 404, 408, 425, 429, 500, 502, 503, 504, 599)},
    "400-temporarily-unavailable": passing({"error": "temporarily_unavailable"}, status=400,
                                           error="temporarily_unavailable"),
    "400-server-error": passing({"error": "server_error"}, status=400, error="server_error"),
    "400-slow-down": passing({"error": "slow_down"}, status=400, error="slow_down"),
    "400-genesys-rate-limit": passing({"preset": "genesys_rate_limit"}, status=400, error="invalid_request"),
    "500-html": passing({"status": 500, "body": "<html>%s%n\"</html>", "content_type": "text/html"}, status=500),
    "503-plain-text": passing({"status": 503, "body": "try later", "content_type": "text/plain"}, status=503),
    "500-with-a-token": passing({"status": 500, "body": '{"access_token":"{{access_token}}","expires_in":60}'},
                                status=500),
    # An answer with 2xx that cannot be used.
    "200-html": passing({"preset": "html"}, status=200, says="not JSON"),
    "200-cut-json": passing({"preset": "cut_json"}, status=200, says="not JSON"),
    "200-empty": passing({"status": 200, "body": ""}, status=200, says="not JSON"),
    "204": passing({"status": 204, "body": ""}, status=204, says="not JSON"),
    "200-blank": passing({"body": " \r\n"}, status=200, says="not JSON"),
    "200-trailing-text": passing({"body": '{"access_token":"abcdefgh","expires_in":60} x'}, status=200,
                                 says="not JSON"),
    "200-array": passing({"body": "[]"}, status=200, says="not a JSON object"),
    "200-null": passing({"body": "null"}, status=200, says="not a JSON object"),
    "200-error-object": passing({"body": '{"error":"invalid_client"}'}, status=200, says="no access_token"),
    "no-token": passing({"omit": ["access_token"]}, status=200, says="no access_token"),
    "token-empty": passing({"token": ""}, status=200, says="no access_token"),
    "token-null": passing({"token": None}, status=200, says="no access_token"),
    "token-number": passing({"token": 12345678}, status=200, says="no access_token"),
    "token-object": passing({"token": {"value": "abcdefgh"}}, status=200, says="no access_token"),
    "token-nul": passing({"token": "abcd\0efgh"}, status=200, says="NUL or a line break"),
    "token-cr": passing({"token": "abcd\refgh"}, status=200, says="NUL or a line break"),
    "token-lf": passing({"token": "abcdefgh\n"}, status=200, says="NUL or a line break"),
    "token-too-long": passing({"token_size": TOKEN_MAX + 1}, status=200, says="longer than 64000 bytes"),
    "token-not-utf8": passing({"body_base64": base64.b64encode(
        b'{"access_token":"abcd\xffefgh","expires_in":60}').decode()}, status=200, says="not UTF-8"),
    "type-mac": passing({"token_type": "mac"}, status=200, says="token_type is not Bearer"),
    "type-number": passing({"token_type": 1}, status=200, says="token_type is not Bearer"),
    # Lifetimes.
    "expires-in-negative": passing({"expires_in": -1}, status=200, says="lifetime"),
    "expires-in-negative-string": passing({"expires_in": "-3600"}, status=200, says="lifetime"),
    "expires-in-zero": passing({"expires_in": 0}, status=200, says="lifetime"),
    "expires-in-below-1": passing({"expires_in": 0.99}, status=200, says="lifetime"),
    "expires-in-words": passing({"expires_in": "an hour"}, status=200, says="lifetime"),
    "expires-in-empty": passing({"expires_in": ""}, status=200, says="lifetime"),
    "expires-in-object": passing({"expires_in": {}}, status=200, says="lifetime"),
    "expires-in-true": passing({"expires_in": True}, status=200, says="lifetime"),
    "expires-in-missing": passing({"expires_in_missing": True}, status=200, says="set default_lifetime"),
    "expires-in-null": passing({"expires_in": None}, status=200, says="set default_lifetime"),
    "expires-in-wrong-despite-default": Case({"expires_in": "soon"}, {"default_lifetime": 60},
                                             {"status": 200, "says": "lifetime"}),
    "jwt-that-has-expired": passing({"token_format": "RS256", "expires_in_missing": True, "claims": {"exp": 1}},
                                    status=200, says="lifetime"),
    # No whole answer.
    "body-over-1-MiB": passing({"huge_body": BODY_MAX + 1}, says="too long"),
    "drip-slower-than-the-time-limit": Case({"drip": {"bytes": 20, "interval_ms": 200 * SHORT_LIMIT_S}},
                                            {"request_timeout": SHORT_LIMIT_S}, {"says": f"no whole answer {WITHIN_LIMIT}"}),
    "hang": Case({"delay_ms": 60000}, {"request_timeout": SHORT_LIMIT_S}, {"says": f"no answer {WITHIN_LIMIT}"}),
    **{f"closes-{when}": passing({"close": when}, says="before its answer was whole")
       for when in ("before_headers", "within_headers", "after_headers", "within_body")},
    # What it began to say does not count.
    "closes-within-the-headers-of-a-401": passing({"status": 401, "close": "within_headers"},
                                                  says="before its answer was whole"),
    "closes-within-the-body-of-a-400": passing({"error": "invalid_client", "close": "within_body"},
                                               says="before its answer was whole"),
    # Where the answer does not even begin; {…} are places of the servers.
    "refused": Case(None, {"url": "{closed}"}, {"says": "Connection refused"}),
    # No name server is asked for a name with so long a part.
    "unknown-host": Case(None, {"url": f"https://{'x' * 64}.invalid"}, {"says": "cannot resolve xxx"}),
    "tls-unknown-ca": Case({}, {"url": "{https}", "tls_ca_file": "{other_ca}"}, {"says": "not trusted"}),
    "tls-system-ca": Case({}, {"url": "{https}"}, {"says": "not trusted"}),
    "tls-other-name": Case({}, {"url": "{https_other_name}", "tls_ca_file": "{ca}"}, {"says": "not trusted"}),
    "tls-to-a-plain-port": Case(None, {"url": "{http_as_https}", "tls_ca_file": "{ca}"}, {"says": "no TLS"}),
    "plain-to-a-tls-port": Case(None, {"url": "{https_as_http}"}, {}),
})

# ---- verdicts: permanent

PERMANENT = name_cases("permanent", {
    "400-empty": passing({"status": 400}, status=400),
    "400-html": passing({"status": 400, "body": "<p>rate limit exceeded</p>", "content_type": "text/html"}, status=400),
    **{f"400-{error}": passing({"error": error}, status=400, error=error)
       for error in ("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
                     "invalid_request", "out_of_cheese")},
    # With client_credentials no session was sent that it could be about.
    "400-invalid-grant": passing({"error": "invalid_grant"}, status=400, error="invalid_grant"),
    "401-empty": passing({"status": 401}, status=401),
    "401-invalid-client": passing(
        {"status": 401, "body": '{"error":"invalid_client","error_description":"no \\u001b[1m"}'},
        status=401, error="invalid_client"),
    "403-empty": passing({"status": 403}, status=403),
    "403-html": passing({"status": 403, "body": "<html>no</html>", "content_type": "text/html"}, status=403),
    "wrong-secret": Case({}, {"secret": "not-the-secret"}, {"status": 400, "error": "invalid_client"}),
})

# ---- good answers in odd clothes; seen: lifetime, token

ODD_TOKEN = ("%s%n%\"\\/'`$(x) \t\x01\x1f\x7f" + "".join(map(chr, range(0x20, 0x180)))
             + "\u2028\ufeff\ufffd\uffff\U0001f600\U0010ffff {}[]:,")

GOOD = name_cases("good", {
    "expires-in-string": Case({"expires_in": "3600"}, {}, {"lifetime": 3600}),
    "expires-in-fraction": Case({"expires_in": 100.5}, {}, {"lifetime": 100.5}),
    "expires-in-fraction-string": Case({"expires_in": "100.5"}, {}, {"lifetime": 100.5}),
    "expires-in-huge": Case({"expires_in": 1e20}, {}, {"lifetime": LIFETIME_MAX_S}),
    "expires-in-huge-string": Case({"expires_in": "9" * 400}, {}, {"lifetime": LIFETIME_MAX_S}),
    "expires-in-beyond-a-double": Case(
        {"status": 200, "body": '{"access_token":"{{access_token}}","expires_in":1e999}'}, {},
        {"lifetime": LIFETIME_MAX_S}),
    "expires-in-31-days": Case({"expires_in": LIFETIME_MAX_S}, {}, {"lifetime": LIFETIME_MAX_S}),
    "expires-in-missing-with-default": Case({"expires_in_missing": True}, {"default_lifetime": 120},
                                            {"lifetime": 120}),
    "expires-in-null-with-default": Case({"expires_in": None}, {"default_lifetime": 120}, {"lifetime": 120}),
    "expires-in-goes-before-default": Case({"expires_in": 600}, {"default_lifetime": 120}, {"lifetime": 600}),
    "jwt-without-expires-in": Case({"token_format": "ES256", "lifetime_s": 900, "expires_in_missing": True},
                                   {"default_lifetime": 120}, {"lifetime": 900}),
    "jwt-of-a-clock-that-is-wrong": Case(
        {"token_format": "RS256", "lifetime_s": 900, "expires_in_missing": True, "date_skew_s": DAY_S}, {},
        {"lifetime": 900}),
    "jwt-without-iat": Case({"token_format": "RS256", "lifetime_s": 900, "expires_in_missing": True,
                             "claims": {"iat": None}, "date_skew_s": -DAY_S}, {}, {"lifetime": 900, "by": 1}),
    "type-upper-case": Case({"token_type": "BEARER"}),
    "type-missing": Case({"omit": ["token_type"]}),
    "type-null": Case({"token_type": None}),
    "content-type-text": Case({"content_type": "text/html; charset=iso-8859-1"}),
    "201": Case({"status": 201, "body": '{"access_token":"{{access_token}}","expires_in":600}'}, {}, {"lifetime": 600}),
    "more-members": Case({"members": {"scope": "x", "error": "none", "access-token": "y", "a": [{"b": None}]}}),
    "body-of-1-MiB": Case({"huge_body": BODY_MAX}),
    "drip": Case({"drip": {"bytes": 20, "interval_ms": 10}}),
    "no-date": Case({"no_date": True}),
    "token-odd": Case({"token": ODD_TOKEN}, {}, {"token": ODD_TOKEN}),
    "token-60-kB": Case({"token_size": 60000}, {}, {"length": 60000}),
    "token-64000-bytes": Case({"token": "€" * 21333 + "x"}, {}, {"token": "€" * 21333 + "x"}),
    "token-of-quotes": Case({"token": '"' * TOKEN_MAX}, {}, {"token": '"' * TOKEN_MAX}),
    "token-of-controls": Case({"token": "\x01" * TOKEN_MAX}, {}, {"token": "\x01" * TOKEN_MAX}),
    "token-short": Case({"token": "x"}, {}, {"token": "x"}),
    "tls": Case({}, {"url": "{https}", "tls_ca_file": "{ca}"}),
})

# ---- connections that end too soon, once

CLOSINGS = name_cases("close", {
    f"{when}-{how}-{scheme}": Case(
        {"times": 1, "close": when, **({"reset": True} if how == "reset" else {})},
        {"url": "{https}", "tls_ca_file": "{ca}"} if scheme == "https" else {})
    for when in ("before_headers", "within_headers", "after_headers", "within_body")
    for how in ("end", "reset")
    for scheme in ("http", "https")
})

CASES = {**TEMPORARY, **PERMANENT, **GOOD, **CLOSINGS}


def secret_of(name):
    return f"{name}-secret"


def config_of(name, case, server, places):
    keys = {key: value.format(**places) if isinstance(value, str) else value for key, value in case.keys.items()}
    return profile(server, name, name, **{"secret": secret_of(name), **keys})


@pytest.fixture(scope="module")
def running():
    """The server and the daemon of all cases."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            Sandbox(tls=True, clients=[{"id": name, "secret": secret_of(name)} for name in CASES]))
        other = stack.enter_context(Sandbox(tls=True))
        # Bound, but nobody listens: no other process can come and take the port.
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        port = urllib.parse.urlsplit(server.https).port
        places = {
            "closed": "http://127.0.0.1:%d" % closed.getsockname()[1],
            "https": server.https, "ca": server.ca, "other_ca": other.ca,
            # libcurl takes each name in .localhost for the loopback address.
            "https_other_name": f"https://other.localhost:{port}",
            "http_as_https": server.http.replace("http:", "https:"),
            "https_as_http": server.https.replace("https:", "http:"),
        }
        redirect = {"Location": other.http + "/oauth/token"}
        rules = []
        for name, case in CASES.items():
            if case.rule:
                rule = {"match": {"client_id": name}, **case.rule}
                if 300 <= rule.get("status", 0) < 400:
                    rule["headers"] = redirect
                rules.append(rule)
        server.rules(rules)
        # Nobody waits: between attempts all have the result of the last one, however long the next one takes.
        config = "[reauthentication]\nrefresh_token_wait_max = 0\n"
        daemon = stack.enter_context(Daemon(config + "".join(
            config_of(name, case, server, places) for name, case in CASES.items())))
        daemon.secrets |= {secret_of(name) for name in CASES}
        yield server, daemon, other


def between_attempts(ask):
    """What ask() brings then; during an attempt, one who does not wait is told refresh_timeout."""
    def answer():
        said = ask()
        return None if "refresh_timeout" in str(said) else said
    return wait_until(answer)


def check_error(daemon, name, code, retryable, exit_status):
    """What the wire and gctoken say of a profile that has no token."""
    error = between_attempts(lambda: daemon.get(name))
    assert error["code"] == code
    assert error["retryable"] is retryable
    if retryable:
        assert error["retryAfter"] >= 1
    else:
        assert error["retryAfter"] is None
    done = between_attempts(lambda: daemon.gctoken("get", name))
    assert done.returncode == exit_status
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and code in done.stderr
    return error


def check_last_error(info, code, seen):
    """What getTokenInfo says of the last attempt."""
    error = info["lastError"]
    assert error["code"] == code
    assert error["upstreamStatus"] == seen.get("status")
    assert error["upstreamError"] == seen.get("error")
    assert seen.get("says", "") in error["message"]
    assert error["message"].isprintable()
    if "status" in seen:
        assert info["lastAnswer"]["status"] == seen["status"]
    assert info["consecutiveFailures"] >= 1
    assert info["expiration"] is None and info["generation"] == 0


def wait_failure(daemon, name):
    def failed():
        info = daemon.info(name)
        return info if info["lastError"] else None
    return wait_until(failed)


@pytest.mark.parametrize("name", TEMPORARY)
def test_temporary_verdict_is_upstream_unavailable_and_6(running, name):
    _, daemon, _ = running
    info = wait_failure(daemon, name)
    check_last_error(info, "upstream_unavailable", TEMPORARY[name].seen)
    assert info["state"] in ("failing", "fetching")
    check_error(daemon, name, "upstream_unavailable", True, EXIT_TEMPORARY)


@pytest.mark.parametrize("name", PERMANENT)
def test_permanent_verdict_is_upstream_rejected_and_7_and_is_not_tried_again(running, name):
    server, daemon, _ = running
    info = daemon.wait_state("rejected", name)
    check_last_error(info, "upstream_rejected", PERMANENT[name].seen)
    left = seconds(info["refreshAt"]) - seconds(info["lastError"]["at"])
    assert 299 <= left <= 301
    error = check_error(daemon, name, "upstream_rejected", False, EXIT_REJECTED)
    assert f"profile {name}" in error["text"]
    assert len(server.requests(name)) == 1


@pytest.mark.parametrize("name", GOOD)
def test_answer_in_odd_clothes_is_used(running, name):
    server, daemon, _ = running
    seen = GOOD[name].seen
    info = daemon.wait_state("fresh", name)
    lifetime = seconds(info["expiration"]) - seconds(info["issuedAt"])
    assert abs(lifetime - seen.get("lifetime", DAY_S)) <= seen.get("by", 0) + 0.005
    token = daemon.get(name)
    assert token == seen.get("token", token)
    assert len(token) == seen.get("length", len(token))
    assert server.check(token)["active"]
    done = daemon.gctoken("get", name, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, token + "\n", "")
    done = daemon.gctoken("get", "--header", name, encoding="utf-8")
    assert done.stdout == f"Authorization: Bearer {token}\n"
    assert len(server.requests(name)) == 1


@pytest.mark.parametrize("name", CLOSINGS)
def test_a_server_that_closes_too_soon_sees_each_request_once(running, name):
    server, daemon, _ = running
    daemon.wait_state("fresh", name)
    first, second = server.requests(name)
    assert first["outcome"] == ("reset" if "reset" in name else "closed")
    assert second["outcome"] == "answered"
    assert second["connection"] != first["connection"] and not second["reused"]
    # What came after it was the next attempt by back-off, not a repetition.
    assert second["at_ms"] - first["at_ms"] >= BACKOFF_MIN_S * 1000
    assert first["fields"] == second["fields"] == {"grant_type": "client_credentials"}


def test_redirects_are_not_followed(running):
    _, daemon, other = running
    for name in TEMPORARY:
        if "temporary-30" in name:
            wait_failure(daemon, name)
    stats = other.stats()
    assert stats["connections"] == 0
    assert stats["token_requests"] == 0 and stats["other_requests"] == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_server_that_closes_right_after_accept_sees_one_connection_an_attempt(scheme, how):
    rule = {"times": 2, "close": "accept", **({"reset": True} if how == "reset" else {})}
    with Sandbox(tls=True, rules=[rule]) as server:
        keys = {"url": server.https, "tls_ca_file": server.ca} if scheme == "https" else {}
        began = time.monotonic()
        with Daemon(profile(server, **keys)) as daemon:
            daemon.wait_state("fresh")
            # The back-off of two failures.
            assert time.monotonic() - began >= BACKOFF_MIN_S * 3
            counters = daemon.ask("system.getStatus")["data"]["counters"]
            assert (counters["upstreamRequests"], counters["upstreamFailures"]) == (3, 2)
            assert server.stats()["connections"] == 3


def test_each_token_request_has_a_connection_of_its_own(running):
    server, daemon, _ = running
    for name in GOOD:
        daemon.wait_state("fresh", name)
    requests = server.requests()
    assert not any(request["reused"] for request in requests)
    assert len({request["connection"] for request in requests}) == len(requests)


@pytest.mark.parametrize("first", ["other", "own", "system"])
def test_each_profile_trusts_its_own_authorities_alone_whoever_was_first(first):
    with Sandbox(tls=True) as server, Sandbox(tls=True) as other:
        # Without a ca_file it is the system's: for this daemon, that of the other server.
        keys = {"other": {"tls_ca_file": other.ca}, "own": {"tls_ca_file": server.ca}, "system": {}}
        config = profile(server, f"a-{first}", url=server.https, **keys[first])
        config += "".join(profile(server, name, url=server.https, **keys[name]) for name in keys)
        with Daemon(config, environment={"SSL_CERT_FILE": other.ca}) as daemon:
            daemon.wait_state("fresh", "own")
            for name in ("other", "system"):
                assert "not trusted" in wait_failure(daemon, name)["lastError"]["message"]
                assert daemon.get(name)["code"] == "upstream_unavailable"
        with Daemon(config, environment={"SSL_CERT_FILE": server.ca}) as daemon:
            for name in ("own", "system"):
                daemon.wait_state("fresh", name)
            assert "not trusted" in wait_failure(daemon, "other")["lastError"]["message"]


def test_an_endless_body_is_cut_off_and_takes_no_memory(server, daemon):
    before = peak_kib(daemon)
    server.rule({"times": 1, "huge_body": 64 << 20})
    time.sleep(1)  # between two attempts
    took, reply = timed(daemon.ask, "auth.refresh")
    # The same call had the answer of the next attempt.
    assert reply["data"]["generation"] == 2
    assert took <= 2 + 1 * SLOWNESS
    assert server.stats()["token_requests"] == 3
    assert "the answer is too long" in daemon.log()
    assert peak_kib(daemon) - before < 16 * 1024


def test_an_answer_that_drips_beyond_the_time_limit_is_given_up_in_time(server):
    limit = 2 * PACE
    server.rule({"times": 1, "drip": {"bytes": 1, "interval_ms": 100}})
    began = time.monotonic()
    with Daemon(profile(server, request_timeout=limit)) as daemon:
        took, token = timed(daemon.get)
        assert time.monotonic() - began >= limit + BACKOFF_MIN_S
        assert took <= limit + BACKOFF_MAX_S + 0.5 * SLOWNESS
        assert server.check(token)["active"]
        first, _ = server.requests()
        assert first["outcome"] == "vanished"
        # The server's count begins when it has read the request.
        assert abs(first["duration_ms"] / 1000 - limit) <= 0.5 * SLOWNESS


# ---- exit statuses that no verdict of a client_credentials answer has

def test_login_required_is_5_where_refresh_access_token_is_false(server):
    server.client("demo", "demo-secret", expires_in=4 * PACE)
    with Daemon(profile(server, refresh_access_token="false")) as daemon:
        token = daemon.get()
        assert server.check(token)["active"]
        daemon.wait_state("disabled")
        error = check_error(daemon, "default", "login_required", False, EXIT_LOGIN_REQUIRED)
        assert "refresh_access_token" in error["text"]
        assert server.stats()["token_requests"] == 1
        # Who asks for it has one more.
        assert daemon.gctoken("refresh").returncode == 0
        assert daemon.get() != token
        assert server.stats()["token_requests"] == 2


def test_other_errors_have_their_exit_statuses(server):
    server.client("slow", "slow-secret")
    server.rule({"match": {"client_id": "slow"}, "delay_ms": 60000})
    config = profile(server) + profile(server, "slow", "slow", "slow-secret", refresh_token_wait_max=1)
    with Daemon(config) as daemon:
        assert daemon.get("slow")["code"] == "refresh_timeout"
        done = daemon.gctoken("get", "slow")
        assert done.returncode == 6 and "refresh_timeout" in done.stderr
        done = daemon.gctoken("get", "slow", "--timeout", "0.2")
        assert done.returncode == 6
        done = daemon.gctoken("get", "nowhere")
        assert done.returncode == 4 and "access_denied" in done.stderr
        assert daemon.gctoken("refresh").returncode == 0
        done = daemon.gctoken("refresh")
        assert done.returncode == 6 and "rate_limited" in done.stderr
        socket_path = daemon.socket
    # With the daemon its socket is gone.
    assert daemon.gctoken("get").returncode == 3, socket_path
