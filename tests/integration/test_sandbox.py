"""The login server does on the wire what its --help says."""

import asyncio
import base64
import email.utils
import hashlib
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time
import urllib.parse

import pytest

from daemon import SLOWNESS
from sandbox import Sandbox, SandboxError

TIMEOUT_S = 30
# Requests that are to be seen in flight are so for long enough.
FLIGHT_MS = 1500

CLIENTS = [
    {"id": "a", "secret": "secret-a"},
    {"id": "b", "secret": "secret-b", "expires_in": 60},
    {"id": "rs", "secret": "secret-rs", "token_format": "RS256", "expires_in": 300},
    {"id": "es", "secret": "secret-es", "token_format": "ES256"},
    {"id": "id:with +%ü", "secret": "p%3A+: &=ß"},
]

HEADER_END = b"\r\n\r\n"


@pytest.fixture(scope="module")
def running():
    with Sandbox(tls=True, clients=CLIENTS) as sandbox:
        yield sandbox


@pytest.fixture
def server(running):
    yield running
    running.reset()


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


def form(**fields):
    return urllib.parse.urlencode({"grant_type": "client_credentials", **fields})


def basic(id, secret):
    pair = urllib.parse.quote_plus(id) + ":" + urllib.parse.quote_plus(secret)
    return "Basic " + base64.b64encode(pair.encode()).decode()


def connect(server, scheme="http"):
    """A connected socket, with TLS where asked for."""
    port = urllib.parse.urlsplit(getattr(server, scheme)).port
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    if scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=server.ca)
    # Python's own default would hide that the end comes without a goodbye.
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


def request_bytes(id="a", path="/oauth/token", **fields):
    body = form(**fields)
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {basic(id, 'secret-' + id)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def read_answer(file):
    """Reads one answer and no byte behind it: status line, body."""
    status = file.readline()
    length = 0
    while (line := file.readline().strip()):
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    return status, file.read(length)


def raw(server, scheme="http", **request):
    """Sends one token request and returns all bytes until the server ends the connection."""
    with connect(server, scheme) as sock:
        sock.sendall(request_bytes(**request))
        got = b""
        while True:
            more = sock.recv(65536)
            if not more:
                return got
            got += more


def call(server, method, path, body=None, headers=None, scheme="http"):
    """One request as an ordinary client makes it: status, headers, body."""
    netloc = urllib.parse.urlsplit(getattr(server, scheme)).netloc
    if scheme == "https":
        context = ssl.create_default_context(cafile=server.ca)
        connection = http.client.HTTPSConnection(netloc, context=context, timeout=TIMEOUT_S)
    else:
        connection = http.client.HTTPConnection(netloc, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def ask(server, id="a", secret=None, path="/oauth/token", scheme="http", **fields):
    """One token request with Basic."""
    headers = {"Authorization": basic(id, "secret-" + id if secret is None else secret),
               "Content-Type": "application/x-www-form-urlencoded"}
    return call(server, "POST", path, form(**fields), headers, scheme)


def issued(server, id="a", **request):
    status, _, body = ask(server, id, **request)
    assert status == 200, body
    return json.loads(body)


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Tokens and clients


def test_basic_gets_an_opaque_token_with_the_headers_of_the_real_server(server, scheme):
    status, headers, body = ask(server, scheme=scheme)
    answer = json.loads(body)
    assert status == 200
    assert answer["token_type"] == "bearer" and answer["expires_in"] == 86400
    assert len(answer["access_token"]) >= 40 and "." not in answer["access_token"]
    assert headers["Content-Type"] == "application/json"
    assert headers["inin-correlation-id"] == server.requests()[0]["correlation_id"]
    date = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    assert abs(date - time.time()) < 3
    assert server.check(answer["access_token"])["client_id"] == "a"


def test_credentials_in_the_form_work_and_are_not_shown(server):
    body = form(client_id="b", client_secret="secret-b", scope="x y")
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    status, _, answer = call(server, "POST", "/oauth/token", body, headers)
    assert status == 200 and json.loads(answer)["expires_in"] == 60
    record = server.requests()[0]
    assert record["auth"] == "post" and record["secret_ok"] is True
    assert record["fields"] == {"grant_type": "client_credentials", "client_id": "b",
                                "scope": "x y", "secret_ok": True}
    assert "secret-b" not in json.dumps(server.requests())


def test_basic_is_form_urlencoded_inside(server):
    odd = CLIENTS[-1]
    assert ask(server, odd["id"], odd["secret"])[0] == 200
    plain = base64.b64encode(f"{odd['id']}:{odd['secret']}".encode()).decode()
    status, _, body = call(server, "POST", "/oauth/token", form(), {
        "Authorization": "Basic " + plain, "Content-Type": "application/x-www-form-urlencoded"})
    assert status == 400 and json.loads(body)["error"] == "invalid_client"


@pytest.mark.parametrize("id, secret", [("a", "wrong"), ("nobody", "secret"), ("a", "")])
def test_wrong_credentials_are_a_400_invalid_client(server, id, secret):
    status, headers, body = ask(server, id, secret)
    assert status == 400 and headers["inin-correlation-id"]
    answer = json.loads(body)
    assert answer["error"] == "invalid_client"
    assert answer["description"] == answer["error_description"] != ""
    assert server.requests()[0]["secret_ok"] is False


@pytest.mark.parametrize("headers, body, error", [
    ({}, form(client_id="a"), "invalid_client"),
    ({"Authorization": "Basic %%%"}, form(), "invalid_client"),
    ({"Authorization": "Bearer abc"}, form(), "invalid_client"),
    ({"Authorization": basic("a", "secret-a")}, form(client_secret="x"), "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, form(client_id="b"), "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, "", "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, "scope=x", "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, form() + "&scope=1&scope=2", "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, form() + "&x=%zz", "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, form() + "&x=%00", "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, form(x="y" * 70000), "invalid_request"),
    ({"Authorization": basic("a", "secret-a")}, "grant_type=password", "unsupported_grant_type"),
    ({"Authorization": basic("a", "secret-a"), "Content-Type": "text/plain"}, form(),
     "invalid_request"),
])
def test_bad_token_requests_are_told_what_is_wrong(server, headers, body, error):
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    status, _, answer = call(server, "POST", "/oauth/token", body, headers)
    assert (status, json.loads(answer)["error"]) == (400, error)


def test_the_token_endpoint_takes_post_alone_and_any_prefix(server):
    status, headers, _ = call(server, "GET", "/oauth/token")
    assert (status, headers["Allow"]) == (405, "POST")
    assert ask(server, path="/login/oauth/token")[0] == 200
    assert server.requests()[0]["path"] == "/login/oauth/token"
    assert call(server, "POST", "/oauth/tokens")[0] == 404


def jwt_parts(token):
    head, body, signature = token.split(".")
    return (json.loads(unbase64url(head)), json.loads(unbase64url(body)),
            f"{head}.{body}".encode(), unbase64url(signature))


def rs256_ok(jwk, text, signature):
    n, e = (int.from_bytes(unbase64url(jwk[name]), "big") for name in "ne")
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = prefix + hashlib.sha256(text).digest()
    padded = b"\x00\x01".ljust(n.bit_length() // 8 - len(digest) - 1, b"\xff") + b"\x00" + digest
    return pow(int.from_bytes(signature, "big"), e, n) == int.from_bytes(padded, "big")


P = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BASE = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def p256_add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % P == 0:
        return None
    if p == q:
        slope = 3 * (p[0] * p[0] - 1) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def p256_multiply(k, point):
    result = None
    while k:
        if k & 1:
            result = p256_add(result, point)
        point = p256_add(point, point)
        k >>= 1
    return result


def es256_ok(jwk, text, signature):
    x, y = (int.from_bytes(unbase64url(jwk[name]), "big") for name in "xy")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    digest = int.from_bytes(hashlib.sha256(text).digest(), "big")
    inverse = pow(s, -1, ORDER)
    point = p256_add(p256_multiply(digest * inverse % ORDER, BASE),
                     p256_multiply(r * inverse % ORDER, (x, y)))
    return len(signature) == 64 and point[0] % ORDER == r


@pytest.mark.parametrize("id, alg, verify", [("rs", "RS256", rs256_ok), ("es", "ES256", es256_ok)])
def test_signed_tokens_verify_through_the_published_keys(server, scheme, id, alg, verify):
    _, _, body = call(server, "GET", "/.well-known/openid-configuration", scheme=scheme)
    discovered = json.loads(body)
    keys_path = urllib.parse.urlsplit(discovered["jwks_uri"]).path
    keys = json.loads(call(server, "GET", keys_path, scheme=scheme)[2])["keys"]
    answer = issued(server, id, scheme=scheme)
    head, claims, text, signature = jwt_parts(answer["access_token"])
    key = next(key for key in keys if key["kid"] == head["kid"])
    assert head["alg"] == key["alg"] == alg
    assert verify(key, text, signature) and not verify(key, text + b"x", signature)
    assert claims["client_id"] == claims["sub"] == id
    assert claims["iss"] == discovered["issuer"] == getattr(server, scheme)
    assert claims["exp"] - claims["iat"] == answer["expires_in"]
    assert abs(claims["iat"] - time.time()) < 3


def test_discovery_keeps_the_prefix_of_a_gateway(server):
    _, _, body = call(server, "GET", "/login/.well-known/openid-configuration")
    assert json.loads(body)["token_endpoint"] == server.http + "/login/oauth/token"


def test_a_token_works_at_the_api_until_it_expires_or_is_revoked(server):
    def me(token, method="GET"):
        headers = {"Authorization": "Bearer " + token} if token else {}
        return call(server, method, "/api/v2/tokens/me?preserveIdleTTL=true", headers=headers)[0]

    server.rules([{"times": 1, "expires_in": 2}])
    short, long = (issued(server)["access_token"] for _ in range(2))
    assert [me(short), me(long), me("x"), me(None)] == [200, 200, 401, 401]
    assert server.check(short)["expires_in"] <= 2
    time.sleep(2.05)
    assert me(short) == 401 and server.check(short) == {"active": False}
    assert me(long, "DELETE") == 200
    assert me(long) == 401


def test_a_connection_is_kept_and_the_reuse_is_told(server):
    with connect(server) as sock, sock.makefile("rb") as file:
        for _ in range(2):
            sock.sendall(request_bytes())
            assert read_answer(file)[0] == b"HTTP/1.1 200 OK\r\n"
    first, second = server.requests()
    assert first["connection"] == second["connection"]
    assert [first["reused"], second["reused"]] == [False, True]
    stats = server.stats()
    assert stats["connections"] == stats["clients"]["a"]["connections"] == 1


# Counting


def test_requests_and_connections_are_counted_for_each_client_and_together(server):
    for id in ("a", "a", "b"):
        issued(server, id)
    ask(server, "a", "wrong")
    call(server, "GET", "/jwks")
    with connect(server):
        pass
    stats = server.wait(lambda s: s["connections"] == 6)
    assert stats["token_requests"] == 4 and stats["tokens_issued"] == 3
    assert stats["other_requests"] == 1 and stats["in_flight"] == 0
    assert stats["max_in_flight"] == 1
    assert stats["clients"]["a"]["token_requests"] == 3
    assert stats["clients"]["a"]["connections"] == 3
    assert stats["clients"]["b"]["tokens_issued"] == 1


def test_control_on_the_plain_listener_is_not_counted(server):
    for _ in range(3):
        status, _, body = call(server, "GET", "/_sandbox/stats")
        assert status == 200
    assert json.loads(body)["connections"] == json.loads(body)["token_requests"] == 0
    assert call(server, "GET", "/_sandbox/stats", scheme="https")[0] == 403


def test_a_request_is_in_flight_while_it_is_delayed(server):
    server.rules([{"match": {"client_id": "a"}, "delay_ms": FLIGHT_MS}])
    threads = [threading.Thread(target=issued, args=(server, id)) for id in ("a", "a", "a")]
    for thread in threads:
        thread.start()
    stats = server.wait(lambda s: s["in_flight"] == 3)
    assert [r["outcome"] for r in server.requests()] == ["pending"] * 3
    issued(server, "b")
    for thread in threads:
        thread.join()
    stats = server.stats()
    assert stats["in_flight"] == 0 and stats["max_in_flight"] == 4
    assert stats["clients"]["a"]["max_in_flight"] == 3
    assert stats["clients"]["b"]["max_in_flight"] == 1
    assert [r["in_flight"] for r in server.requests()] == [1, 2, 3, 4]
    assert [r["client_in_flight"] for r in server.requests("a")] == [1, 2, 3]
    assert all(r["duration_ms"] >= FLIGHT_MS - 5 for r in server.requests("a"))


def test_the_list_keeps_the_last_2000_requests(server):
    with connect(server) as sock, sock.makefile("rb") as file:
        for _ in range(2010):
            sock.sendall(request_bytes())
            read_answer(file)
    requests = server.requests()
    assert [r["n"] for r in requests] == list(range(11, 2011))
    assert requests[0]["at_ms"] <= requests[-1]["at_ms"]
    assert server.stats()["token_requests"] == 2010


def test_a_client_that_vanishes_in_the_delay_is_noticed(server, scheme):
    server.rules([{"delay_ms": 20000}])
    with connect(server, scheme) as sock:
        sock.sendall(request_bytes())
        server.wait(lambda s: s["in_flight"] == 1)
    stats = server.wait(lambda s: s["in_flight"] == 0)
    assert stats["vanished"] == stats["clients"]["a"]["vanished"] == 1
    record = server.requests()[0]
    assert (record["status"], record["outcome"]) == (None, "vanished")


def test_a_client_that_vanishes_in_the_drip_is_noticed(server, scheme):
    server.rules([{"drip": {"bytes": 1, "interval_ms": 50}}])
    with connect(server, scheme) as sock:
        sock.sendall(request_bytes())
        assert sock.recv(1)
    assert server.wait(lambda s: s["in_flight"] == 0)["vanished"] == 1


def test_a_reset_in_the_middle_of_a_request_keeps_the_count_in_flight_right(server):
    server.rules([{"delay_ms": FLIGHT_MS}])
    with connect(server) as sock:
        sock.sendall(request_bytes())
        server.wait(lambda s: s["in_flight"] == 1)
        server.reset()
        stats = server.stats()
        assert stats["token_requests"] == 0 and stats["in_flight"] == stats["max_in_flight"] == 1
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    stats = server.stats()
    assert stats["in_flight"] == 0 and server.requests() == []


def test_a_thousand_requests_at_once_are_all_answered(server, scheme):
    count = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    # By then all are connected, which takes more time with TLS.
    server.rules([{"delay_ms": 4000 if scheme == "http" else 12000}])
    context = ssl.create_default_context(cafile=server.ca) if scheme == "https" else None
    port = urllib.parse.urlsplit(getattr(server, scheme)).port

    async def one():
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=name, limit=2**20,
            **({"ssl_handshake_timeout": 60} if context else {}))
        writer.write(request_bytes())
        status = await reader.readline()
        length = 0
        while (line := (await reader.readline()).strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        answer = json.loads(await reader.readexactly(length))
        writer.close()
        return status, answer["access_token"]

    async def everyone():
        return await asyncio.gather(*(one() for _ in range(count)))

    try:
        answers = asyncio.run(everyone())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {status for status, _ in answers} == {b"HTTP/1.1 200 OK\r\n"}
    assert len({token for _, token in answers}) == count
    stats = server.stats()
    assert stats["token_requests"] == stats["connections"] == count
    assert stats["max_in_flight"] > count * 9 // 10


# Rules


def test_the_first_rule_that_matches_and_is_not_used_up_is_applied(server):
    server.rules([
        {"match": {"client_id": "b"}, "status": 403},
        {"match": {"path": "/login/oauth/token"}, "status": 404},
        {"times": 2, "status": 503},
        {"times": 1, "status": 502},
    ])
    assert ask(server, "b")[0] == 403
    assert ask(server, path="/login/oauth/token")[0] == 404
    assert [ask(server)[0] for _ in range(4)] == [503, 503, 502, 200]
    assert [rule["used"] for rule in server.call("GET", "rules")] == [1, 1, 2, 1]


def test_a_rule_for_a_path_reaches_the_api_too(server):
    token = issued(server)["access_token"]
    server.rule({"match": {"path": "/api/v2/tokens/me"}, "times": 1, "status": 401})
    server.rule({"status": 500})
    headers = {"Authorization": "Bearer " + token}
    statuses = [call(server, "GET", "/api/v2/tokens/me", headers=headers)[0] for _ in range(2)]
    assert statuses == [401, 200]


@pytest.mark.parametrize("rule, part", [
    ({"delay": 5}, "unknown member delay"),
    ({"delay_ms": -1}, "delay_ms must be a whole number from 0"),
    ({"delay_ms": "5"}, "delay_ms"),
    ({"delay_ms": 1.5}, "delay_ms"),
    ({"status": 100}, "status"),
    ({"times": 0}, "times"),
    ({"close": "sometime"}, "close must be one of"),
    ({"close": "accept before_headers"}, "close must be one of"),
    ({"close": "accept", "match": {"client_id": "a"}}, "accept"),
    ({"match": {"client": "a"}}, "unknown member client"),
    ({"match": "a"}, "match must be an object"),
    ({"drip": {"bytes": 0}}, "bytes"),
    ({"drip": 5}, "drip must be an object"),
    ({"reset": 1}, "reset must be true or false"),
    ({"headers": {"A": "b\r\nC: d"}}, "headers"),
    ({"headers": {"A": 5}}, "headers"),
    ({"headers": {"A:": "b"}}, "headers"),
    ({"redirect": "/\r\nX: y"}, "redirect"),
    ({"preset": "surprise"}, "preset"),
    ({"token_size": 1 << 30}, "token_size"),
    ({"huge_body": 1 << 40}, "huge_body"),
    ({"body_base64": "A"}, "base64"),
    ({"omit": "expires_in"}, "omit"),
    (5, "must be an object"),
])
def test_a_bad_rule_is_refused_with_its_reason_and_changes_nothing(server, rule, part):
    server.rules([{"status": 418}])
    with pytest.raises(SandboxError, match="^400: .*" + part):
        server.rule(rule)
    with pytest.raises(SandboxError, match="^400: .*rule 2: .*" + part):
        server.rules([{"status": 200}, rule])
    assert ask(server)[0] == 418


def test_other_bad_control_input_is_refused_with_its_reason(server):
    for path, value, part in [
            ("rules", {}, "must be an array"),
            ("rules", [{}] * 1001, "at most 1000"),
            ("clients", {"id": "x"}, "id and secret must be strings"),
            ("clients", {"id": "x", "secret": "y", "expires": 5}, "unknown member expires"),
            ("clients", {"id": "x", "secret": "y", "expires_in": 0}, "from 1 to"),
            ("clients", {"id": "x", "secret": "y", "token_format": "HS256"}, "RS256 ES256"),
            ("clients", 5, "must be an object"),
            ("check", {}, "token")]:
        with pytest.raises(SandboxError, match="^400: .*" + part):
            server.call("POST", path, value)
    for body in ("", "{", "[] []", "{'a': 1}"):
        status, _, answer = call(server, "POST", "/_sandbox/rules", body)
        assert status == 400 and b"not JSON" in answer
    with pytest.raises(SandboxError, match="^404"):
        server.call("GET", "nothing")
    with pytest.raises(SandboxError, match="^405"):
        server.call("GET", "reset")


def test_a_client_can_be_added_and_changed(server):
    server.client("new", "one", expires_in=7)
    assert issued(server, "new", secret="one")["expires_in"] == 7
    server.client("new", "two", token_format="ES256")
    assert ask(server, "new", "one")[0] == 400
    assert issued(server, "new", secret="two")["access_token"].count(".") == 2


# Delivery


def test_a_delay_comes_before_the_first_byte(server, scheme):
    server.rules([{"delay_ms": 300}])
    with connect(server, scheme) as sock:
        start = time.monotonic()
        sock.sendall(request_bytes())
        assert sock.recv(1) == b"H"
        assert 0.29 <= time.monotonic() - start < 1 * SLOWNESS


def test_a_delayed_answer_leaves_the_connection_usable(server, scheme):
    server.rules([{"times": 1, "delay_ms": 50}])
    with connect(server, scheme) as sock, sock.makefile("rb") as file:
        sock.sendall(request_bytes() + request_bytes())
        for _ in range(2):
            status, body = read_answer(file)
            assert status == b"HTTP/1.1 200 OK\r\n" and json.loads(body)["access_token"]


def test_a_drip_comes_in_pieces_from_the_status_line_to_the_end(server, scheme):
    server.rules([{"drip": {"bytes": 5, "interval_ms": 10}}])
    pieces = []
    with connect(server, scheme) as sock:
        sock.sendall(request_bytes())
        while (piece := sock.recv(65536)):
            pieces.append(piece)
    answer = b"".join(pieces)
    # What comes while the reader is not scheduled comes to it as one piece.
    assert len(pieces) > len(answer) / 5 / 3 and len(pieces[0]) % 5 == 0
    head, body = answer.split(HEADER_END)
    assert json.loads(body)["access_token"]
    assert f"Content-Length: {len(body)}".encode() in head


def test_close_at_accept_is_unread_and_leaves_control_alone(server):
    server.rules([{"times": 2, "close": "accept"}])
    for _ in range(2):
        with connect(server) as sock:
            assert sock.recv(1) == b""
    assert issued(server)
    stats = server.stats()
    assert stats["connections"] == 3 and stats["token_requests"] == 1


def test_close_at_accept_ends_a_tls_handshake(server):
    server.rules([{"times": 1, "close": "accept"}])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(server, "https")
    assert issued(server, scheme="https")


def test_reset_at_accept_is_a_reset(server):
    server.rules([{"times": 1, "close": "accept", "reset": True}])
    with pytest.raises(ConnectionResetError):
        with connect(server) as sock:
            sock.sendall(request_bytes())
            sock.recv(1)
            sock.recv(1)


def test_accept_rules_wait_for_those_before_them(server):
    server.rules([{"match": {"client_id": "b"}, "status": 403}, {"times": 1, "status": 500},
                  {"times": 1, "close": "accept"}])
    assert ask(server)[0] == 500
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(server)
    assert ask(server)[0] == 200


def test_close_before_the_headers_sends_no_byte_and_counts_one_request(server, scheme):
    server.rules([{"close": "before_headers"}])
    assert raw(server, scheme) == b""
    record, = server.requests()
    assert (record["status"], record["outcome"]) == (None, "closed")


def test_close_within_the_headers_sends_the_status_line_and_half_a_header(server, scheme):
    server.rules([{"close": "within_headers"}])
    got = raw(server, scheme)
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert HEADER_END not in got and not got.endswith(b"\r\n") and b":" not in got.split(b"\r\n")[1]
    assert server.requests()[0]["status"] == 200


def test_close_after_the_headers_sends_them_all_and_no_body(server, scheme):
    server.rules([{"close": "after_headers"}])
    head, rest = raw(server, scheme).split(HEADER_END)
    assert rest == b"" and b"\r\nContent-Length: 124" in head


def test_close_within_the_body_sends_half_of_it(server, scheme):
    server.rules([{"close": "within_body"}])
    head, rest = raw(server, scheme).split(HEADER_END)
    assert b"\r\nContent-Length: 124" in head and len(rest) == 62
    assert rest.startswith(b'{"access_token":"')


def test_a_reset_comes_instead_of_the_answer(server):
    server.rules([{"reset": True}])
    with pytest.raises(ConnectionResetError):
        raw(server)
    assert server.requests()[0]["outcome"] == "reset"


def test_a_reset_can_come_after_half_of_the_body(server):
    server.rules([{"reset": True, "close": "within_body"}])
    got = b""
    with connect(server) as sock:
        sock.sendall(request_bytes())
        with pytest.raises(ConnectionResetError):
            while True:
                piece = sock.recv(65536)
                assert piece != b""
                got += piece
    assert len(got.split(HEADER_END)[1]) == 62


def test_delay_drip_and_close_work_together(server, scheme):
    server.rules([{"delay_ms": 200, "drip": {"bytes": 50, "interval_ms": 20},
                   "close": "after_headers", "status": 503}])
    start = time.monotonic()
    got = raw(server, scheme)
    assert time.monotonic() - start >= 0.24
    assert got.startswith(b"HTTP/1.1 503 ") and got.endswith(HEADER_END)


# Answers


@pytest.mark.parametrize("status", [201, 204, 301, 400, 401, 403, 404, 408, 425, 429, 500, 503, 599])
def test_any_status_can_be_ordered(server, status):
    server.rules([{"status": status}])
    got, _, body = ask(server)
    assert got == status
    assert (b"access_token" in body) == (status == 201)


def test_any_body_comes_as_it_stands(server):
    text = '\ufeffno { json: "%s"\n\0 ü'
    server.rules([{"status": 401, "body": text, "content_type": "text/plain"}])
    status, headers, body = ask(server)
    assert (status, headers["Content-Type"], body) == (401, "text/plain", text.encode())
    data = bytes(range(256))
    server.rules([{"body_base64": base64.b64encode(data).decode()}])
    assert ask(server)[2] == data
    server.rules([{"body": ""}])
    assert ask(server)[0::2] == (200, b"")
    assert server.stats()["tokens_issued"] == 0


def test_a_token_can_be_put_into_a_body(server):
    server.rules([{"body": '{"access_token":"{{access_token}}","expires_in":1e999}'}])
    _, _, body = ask(server)
    token = json.loads(body)["access_token"]
    assert b"1e999" in body and server.check(token)["active"]


def test_headers_can_be_added_changed_and_taken_away(server):
    server.rules([{"headers": {"X-One": "1", "content-type": None, "Date": "yesterday"}}])
    _, headers, _ = ask(server)
    assert (headers["X-One"], headers["Content-Type"], headers["Date"]) == ("1", None, "yesterday")
    assert headers.get_all("Date") == ["yesterday"]


def test_a_false_content_length_is_sent(server):
    server.rules([{"headers": {"Content-Length": "1000"}}])
    with pytest.raises(http.client.IncompleteRead):
        ask(server)


def test_retry_after_comes_in_seconds_and_as_a_date_by_the_servers_clock(server):
    server.rules([{"times": 1, "status": 429, "retry_after": 7},
                  {"status": 503, "retry_after_date": 90, "date_skew_s": -7200}])
    assert ask(server)[1]["Retry-After"] == "7"
    _, headers, _ = ask(server)
    date, retry = (email.utils.parsedate_to_datetime(headers[name]).timestamp()
                   for name in ("Date", "Retry-After"))
    assert retry - date == 90 and abs(date - (time.time() - 7200)) < 3


def test_the_date_can_be_left_out(server, scheme):
    server.rules([{"no_date": True}])
    status, headers, body = ask(server, scheme=scheme)
    assert status == 200 and "Date" not in headers and json.loads(body)["access_token"]


def test_the_rate_limit_of_genesys_is_a_400(server):
    server.rules([{"preset": "genesys_rate_limit"}])
    status, _, body = ask(server)
    answer = json.loads(body)
    assert (status, answer["error"]) == (400, "invalid_request")
    assert answer["description"].startswith("rate limit exceeded")


def test_a_captive_portal_answers_200_with_html(server):
    server.rules([{"preset": "html"}])
    status, headers, body = ask(server)
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert body.startswith(b"<!DOCTYPE html>")


def test_cut_json_is_a_whole_answer_with_half_of_the_json(server):
    server.rules([{"preset": "cut_json"}])
    status, headers, body = ask(server)
    assert status == 200 and len(body) == int(headers["Content-Length"]) == 62
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_an_oauth_error_can_be_ordered_with_any_status(server):
    server.rules([{"times": 1, "error": "temporarily_unavailable"},
                  {"error": "slow_down", "status": 401}])
    for expected in ((400, "temporarily_unavailable"), (401, "slow_down")):
        status, _, body = ask(server)
        assert (status, json.loads(body)["error"]) == expected


def test_a_redirect_names_its_target(server):
    server.rules([{"times": 1, "redirect": "/elsewhere"},
                  {"redirect": "http://127.0.0.1:1/x", "status": 307}])
    status, headers, _ = ask(server)
    assert (status, headers["Location"]) == (302, "/elsewhere")
    assert ask(server)[0] == 307


@pytest.mark.parametrize("size", [2 << 20, 64 << 20])
def test_a_huge_body_is_streamed_and_ends_with_the_answer(server, scheme, size):
    server.rules([{"huge_body": size}])
    _, headers, body = ask(server, scheme=scheme)
    assert len(body) == int(headers["Content-Length"]) == size
    assert json.loads(body)["access_token"]


# Tokens that are odd


@pytest.mark.parametrize("value", ["3600", -5, 0, 1.5, 1e20, 99999999999, True, [], {"a": [{}]},
                                   "soon", ""])
def test_expires_in_can_be_anything(server, value):
    server.rules([{"expires_in": value}])
    got = issued(server)["expires_in"]
    assert got == value and isinstance(got, bool) == isinstance(value, bool)


@pytest.mark.parametrize("rule", [{"expires_in": None}, {"expires_in_missing": True},
                                  {"omit": ["expires_in"]}])
def test_expires_in_can_be_missing(server, rule):
    server.rules([rule])
    assert set(issued(server)) == {"access_token", "token_type"}


def test_the_token_lives_as_long_as_expires_in_says_unless_the_server_lies(server):
    server.rules([{"times": 1, "expires_in": 40}, {"times": 1, "expires_in": "50"},
                  {"times": 1, "expires_in": -1}, {"expires_in": 3600, "lifetime_s": 20}])
    lives = [server.check(issued(server)["access_token"])["expires_in"] for _ in range(4)]
    assert all(s - 3 <= life <= s for life, s in zip(lives, (40, 50, 86400, 20)))


def test_members_can_be_set_added_and_omitted(server):
    server.rules([{"refresh_in": 5, "refresh_token": "r", "token_type": "MAC",
                   "members": {"scope": "x", "expires_in": None}, "omit": ["access_token"]}])
    assert issued(server) == {"refresh_in": 5, "refresh_token": "r", "token_type": "MAC",
                              "scope": "x", "expires_in": None}


@pytest.mark.parametrize("token", ['%s%n"\\\n\t\x7f', "nul\0in\0it", "ünïcödé 🎫", "", " "])
def test_a_token_can_hold_odd_bytes(server, token):
    server.rules([{"token": token}])
    assert issued(server)["access_token"] == token
    assert server.check(token)["active"]


def test_a_token_can_be_of_another_type(server):
    server.rules([{"times": 1, "token": 5}, {"token": None}])
    assert [issued(server)["access_token"] for _ in range(2)] == [5, None]


@pytest.mark.parametrize("size", [1, 60000, 64001])
def test_a_token_can_have_any_size(server, scheme, size):
    server.rules([{"token_size": size}])
    token = issued(server, scheme=scheme)["access_token"]
    assert len(token) == size and server.check(token)["active"]


def test_the_same_token_can_come_again_with_what_is_left_of_it(server):
    server.client("again", "secret-again", expires_in=100)
    server.rules([{"match": {"client_id": "again"}, "same_token": True}])
    first = issued(server, "again")
    time.sleep(1.1)
    second = issued(server, "again")
    assert first["access_token"] == second["access_token"]
    assert first["expires_in"] == 100 and 95 <= second["expires_in"] <= 98
    server.rules([])
    assert issued(server, "again")["access_token"] != first["access_token"]


def test_claims_can_be_changed_and_taken_away(server):
    server.rules([{"claims": {"iat": None, "exp": 5, "x": ["y"]}, "token_format": "ES256"}])
    _, claims, _, _ = jwt_parts(issued(server)["access_token"])
    assert "iat" not in claims and claims["exp"] == 5 and claims["x"] == ["y"]


def test_a_wrong_clock_shows_in_the_claims(server):
    server.rules([{"date_skew_s": 86400}])
    _, claims, _, _ = jwt_parts(issued(server, "rs")["access_token"])
    assert abs(claims["iat"] - time.time() - 86400) < 3 and claims["exp"] - claims["iat"] == 300


# The program


def run(*arguments):
    return subprocess.run([os.environ["GCTOKEND_SANDBOX"], *arguments], timeout=TIMEOUT_S,
                          capture_output=True, text=True, check=False)


def test_help_names_every_option_control_path_and_rule_member(server):
    text = run("--help").stdout
    for name in ("--listen", "--tls-listen", "--tls-cert", "--tls-key", "--dir", "--client-file",
                 "--expires-in", "--token-format", "--rules", "--log", "/_sandbox/rules",
                 "/_sandbox/rule ", "/_sandbox/reset", "/_sandbox/stats", "/_sandbox/requests",
                 "/_sandbox/clients", "/_sandbox/check", "/_sandbox/sessions", "/_sandbox/session ",
                 "/_sandbox/end", "--tls-ask-certificate", "demo-secret"):
        assert name in text, name
    assert max(map(len, text.splitlines())) <= 120


def test_the_examples_of_rules_in_the_help_are_taken(server):
    examples = [line.strip() for line in run("--help").stdout.splitlines()
                if line.startswith("  {") and line.endswith("}")]
    rules = [json.loads(line) for line in examples if not line.startswith('{"http"')]
    assert len(rules) >= 5
    server.rules(rules)


@pytest.mark.parametrize("arguments, part, status", [
    (["--listen", "0.0.0.0:0"], "only loopback", 1),
    (["--listen", "192.0.2.1:80"], "only loopback", 1),
    (["--listen", "[::]:0"], "only loopback", 1),
    (["--listen", "127.0.0.1"], "only loopback", 1),
    (["--listen", "127.0.0.1:70000"], "only loopback", 1),
    (["--tls-listen", "127.0.0.1:0"], "--dir", 2),
    (["--tls-cert", "x"], "go together", 2),
    (["--tls-listen", "127.0.0.1:0", "--tls-cert", "/none", "--tls-key", "/none"], "/none", 1),
    (["--client-file", "/none"], "/none", 1),
    (["--rules", "/dev/null"], "not a JSON file", 1),
    (["--expires-in", "soon"], "--expires-in", 2),
    (["--token-format", "HS256"], "--token-format", 2),
    (["--surprise"], "--help", 2),
    (["argument"], "unexpected argument", 2),
])
def test_bad_options_are_refused_in_one_line(arguments, part, status):
    result = run(*arguments)
    assert result.returncode == status and result.stdout == ""
    assert part in result.stderr.splitlines()[-1]


def test_keys_are_private_and_survive_an_outage(tmp_path):
    with Sandbox(tls=True, dir=tmp_path / "tls") as server:
        assert issued(server, "demo", scheme="https", secret="demo-secret")
        before = (server.http, server.https, open(server.ca, "rb").read())
        server.down()
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        server.up()
        assert (server.http, server.https, open(server.ca, "rb").read()) == before
        assert issued(server, "demo", scheme="https", secret="demo-secret")
    for path in (tmp_path / "tls").iterdir():
        private = path.name.endswith(".key")
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == (0 if private else 0o044), path


def test_a_given_certificate_is_used(tmp_path):
    with Sandbox(tls=True, dir=tmp_path) as made:
        ca = made.ca
    with Sandbox(tls_listen="127.0.0.1:0", tls_cert=tmp_path / "server.pem",
                 tls_key=tmp_path / "server.key") as server:
        assert server.ca is None
        server.ca = ca
        assert issued(server, "demo", scheme="https", secret="demo-secret")


def test_defaults_rules_and_log_come_from_options(tmp_path):
    log = tmp_path / "log"
    with Sandbox(rules=[{"times": 1, "status": 503}], expires_in=30, token_format="ES256",
                 log=log) as server:
        assert server.https is None and server.ca is None
        assert ask(server, "demo", "demo-secret")[0] == 503
        answer = issued(server, "demo", secret="demo-secret", scope="not-in-the-log")
        assert answer["expires_in"] == 30 and answer["access_token"].count(".") == 2
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["status"] for line in lines] == [503, 200]
        for secret in ("demo-secret", answer["access_token"], "not-in-the-log"):
            assert secret not in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_ipv6_loopback_is_served():
    with Sandbox(listen="[::1]:0") as server:
        assert server.http.startswith("http://[::1]:")
        assert ask(server, "demo", "demo-secret")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_with_requests_in_flight(number):
    server = Sandbox.start(tls=True, clients=CLIENTS, rules=[{"delay_ms": 60000}])
    try:
        with connect(server) as plain, connect(server, "https") as secure:
            plain.sendall(request_bytes())
            secure.sendall(request_bytes())
            server.wait(lambda s: s["in_flight"] == 2)
            start = time.monotonic()
            os.kill(server.pid, number)
            assert plain.recv(1) == b""
            server.down()
            assert time.monotonic() - start < 2 * SLOWNESS
    finally:
        server.stop()
