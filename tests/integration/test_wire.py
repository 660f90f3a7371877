"""The wire, as PROTOCOL.md has it: requests and their references, parameters, strict JSON, lines, the end of a
connection, and what the endpoints answer."""

import json
import re
import socket
import time

import pytest

from callers import BOB, NEEDS_ROOT, ask_as, code, cpu_seconds, status, wait_until
from daemon import SLOWNESS, Daemon, profile
from sandbox import Sandbox

LINE_MAX = 64 * 1024
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ENDPOINTS = ["auth.getJwtToken", "auth.getTokenInfo", "auth.refresh", "auth.logout", "auth.getAuthorizeUrl",
             "auth.authorize", "auth.setAccessToken", "auth.signIn", "auth.getUserCode", "auth.authorizeDevice",
             "authProvider.register", "authProvider.ready", "authProvider.publish", "events.subscribe",
             "events.unsubscribe", "system.getAllowedServices",
             "system.getStatus", "system.explain", "system.reload"]
ERROR_CODES = {"invalid_request", "unknown_request", "access_denied", "rate_limited", "refresh_timeout",
               "upstream_unavailable", "upstream_rejected", "login_required", "shutting_down", "internal"}


@pytest.fixture(scope="module")
def daemon():
    """For tests that leave nothing behind."""
    with Sandbox() as server, Daemon(profile(server)) as started:
        started.wait_state("fresh")
        assert started.get()
        yield started


@pytest.fixture
def connection(daemon):
    with daemon.connect() as connected:
        yield connected


@pytest.fixture
def slow_daemon():
    """A daemon whose profile `slow` gets its token after some seconds; `default` has one."""
    with Sandbox(clients=[{"id": "slow", "secret": "slow-secret"}]) as server:
        server.rule({"match": {"client_id": "slow"}, "delay_ms": int(1000 * max(2, SLOWNESS))})
        config = profile(server) + profile(server, "slow", "slow", "slow-secret", refresh_token_wait_max=60)
        with Daemon(config) as started:
            started.wait_state("fresh")
            started.wait_state("fetching", "slow")
            yield started


def request(name="auth.getTokenInfo", **members):
    return json.dumps({"request": name, **members}).encode()


def ask_raw(connection, line):
    """The reply to a line."""
    connection.send_raw(line + b"\n")
    return connection.reply()


def lines_to_the_end(connection):
    """All lines that still come. A daemon that closes with something unread resets the connection."""
    lines = []
    try:
        while line := connection.line():
            lines.append(json.loads(line))
    except ConnectionResetError:
        pass
    return lines


def check_error(reply, expected):
    assert set(reply) - {"referenceId"} == {"errorMessage", "error"}
    assert set(reply["error"]) == {"code", "retryable", "retryAfter"}
    assert reply["error"]["code"] == expected
    assert isinstance(reply["errorMessage"], str) and len(reply["errorMessage"]) > 10


# Requests and references


def test_reply_is_one_json_object_on_one_line(connection):
    reply = ask_raw(connection, request("auth.getJwtToken", referenceId="7"))
    assert set(reply) == {"referenceId", "data"}
    assert set(reply["data"]) == {"expiration", "jwtToken"}
    assert TIME.fullmatch(reply["data"]["expiration"])


def test_reply_without_a_reference_has_none(connection):
    assert set(ask_raw(connection, request())) == {"data"}


def test_each_of_many_pipelined_requests_has_its_own_answer(connection):
    names = ["auth.getJwtToken", "auth.getTokenInfo", "system.getStatus", "no.such", "auth.getJwtToken"]
    connection.send_raw(b"".join(request(names[i % len(names)], referenceId=i) + b"\n" for i in range(1000)))
    replies = {reply["referenceId"]: reply for reply in (connection.reply() for _ in range(1000))}
    assert sorted(replies) == list(range(1000))
    for i, reply in replies.items():
        name = names[i % len(names)]
        if name == "no.such":
            assert code(reply) == "unknown_request"
        else:
            assert ("jwtToken" in reply["data"]) == (name == "auth.getJwtToken")
            assert ("counters" in reply["data"]) == (name == "system.getStatus")


def test_request_may_come_byte_by_byte(connection):
    for byte in request(referenceId="slowly") + b"\n":
        connection.send_raw(bytes([byte]))
    assert connection.reply()["referenceId"] == "slowly"


def test_request_may_come_in_pieces_with_others(connection):
    whole = b"".join(request(referenceId=i) + b"\n" for i in range(50))
    for at in range(0, len(whole), 37):
        connection.send_raw(whole[at:at + 37])
    assert [connection.reply()["referenceId"] for _ in range(50)] == list(range(50))


def test_replies_overtake_one_that_waits(slow_daemon):
    with slow_daemon.connect() as connection:
        connection.send("auth.getJwtToken", {"profile": "slow"}, "waits")
        connection.send("auth.getJwtToken", reference="valid")
        connection.send("auth.getTokenInfo", {"profile": "slow"}, "info")
        assert connection.reply()["referenceId"] == "valid"
        info = connection.reply()
        assert info["referenceId"] == "info" and info["data"]["waiters"] == 1
        last = connection.reply()
        assert last["referenceId"] == "waits" and last["data"]["jwtToken"]


@pytest.mark.parametrize("reference", [
    "", "7", "a b", "x" * 128, "é" * 64, "😀" * 32, "\"\\/\b\f\n\r\t\x01\x1f\x7f", "\u2028", "null",
    0, 1, -1, 999999999999999, -999999999999999,
], ids=repr)
@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "raw"])
def test_reference_comes_back_as_sent(connection, reference, ascii_only):
    for name, parameters in [("auth.getTokenInfo", None), ("no.such", None), ("auth.getJwtToken", {"no": 1}),
                             ("auth.getJwtToken", {"profile": "nowhere"})]:
        line = json.dumps({"request": name, "referenceId": reference, "parameters": parameters},
                          ensure_ascii=ascii_only)
        reply = ask_raw(connection, line.encode())
        assert reply["referenceId"] == reference
        assert type(reply["referenceId"]) is type(reference)


def test_number_stands_as_an_integer_in_the_reply(connection):
    connection.send_raw(b'{"request":"auth.getTokenInfo","referenceId":100000000000000}\n')
    assert connection.line().startswith(b'{"referenceId":100000000000000,"data":')


@pytest.mark.parametrize("reference", [
    "null", "true", "false", "[]", '["7"]', "{}", "1.5", "-0.5", "1e-1", "1000000000000000", "-1000000000000000",
    "1e15", "1e300", '"' + "x" * 129 + '"', '"' + "é" * 64 + 'x"',
], ids=lambda text: text[:20])
def test_other_reference_is_an_invalid_request(connection, reference):
    reply = ask_raw(connection, b'{"request":"auth.getTokenInfo","referenceId":' + reference.encode() + b"}")
    check_error(reply, "invalid_request")
    assert "referenceId" not in reply
    assert ask_raw(connection, request(referenceId=1))["referenceId"] == 1


def test_reference_that_could_not_be_read_is_left_out(connection):
    reply = ask_raw(connection, b'{"referenceId":"7","request":"auth.getTokenInfo",}')
    check_error(reply, "invalid_request")
    assert "referenceId" not in reply


@pytest.mark.parametrize("members", [
    {"userAgent": "tests/1"}, {"userAgent": None}, {"protocolVersion": 2}, {"protocolVersion": "x"},
    {"foo": {"bar": [1, {"baz": None}]}}, {"": ""}, {"Request": "no.such"}, {"REFERENCEID": []}, {"Parameters": 5},
], ids=str)
def test_other_members_of_a_request_are_ignored(connection, members):
    reply = ask_raw(connection, request(referenceId="7", **members))
    assert reply["referenceId"] == "7" and reply["data"]["profile"] == "default"


@pytest.mark.parametrize("text", ["{}", '{"parameters":{}}', '{"request":null}', '{"request":""}', '{"request":7}',
                                  '{"request":["auth.getTokenInfo"]}', '{"request":{}}', '{"request":true}',
                                  '{"request":"' + "x" * 129 + '"}'], ids=lambda text: text[:30])
def test_request_has_to_be_a_name(connection, text):
    check_error(ask_raw(connection, text.encode()), "invalid_request")


@pytest.mark.parametrize("name", ["x", "auth", "auth.", "auth.getjwttoken", "AUTH.getJwtToken", "getTokenInfo", "refresh",
                                  " auth.getJwtToken", "auth.getJwtToken ", "auth.logOut", "auth.signin",
                                  "authProvider", "events.publish", "*", "%s%n", "x" * 128])
def test_other_endpoint_is_an_unknown_request(connection, name):
    check_error(ask_raw(connection, request(name)), "unknown_request")


def test_getJwtToken_alone_is_taken_for_the_whole_name(connection):
    assert ask_raw(connection, request("getJwtToken"))["data"]["jwtToken"]


# Parameters


@pytest.mark.parametrize("text", ["{}", "[{}]", "[]", "null", '{"profile":"default"}', '[{"profile":"default"}]',
                                  ' [ { "profile" : "default" } ] '])
def test_parameters_are_an_object_or_an_array_with_it_or_nothing(connection, text):
    reply = ask_raw(connection, b'{"request":"auth.getTokenInfo","parameters":' + text.encode() + b"}")
    assert reply["data"]["profile"] == "default"


@pytest.mark.parametrize("text", ["5", '"default"', "true", "false", "[null]", '["default"]', "[[]]", "[[{}]]", "[{},{}]",
                                  "[{},null]", "[5]"])
def test_other_parameters_are_an_invalid_request(connection, text):
    line = b'{"request":"auth.getTokenInfo","referenceId":"7","parameters":' + text.encode() + b"}"
    reply = ask_raw(connection, line)
    check_error(reply, "invalid_request")
    assert reply["referenceId"] == "7"


@pytest.mark.parametrize(("name", "parameters"), [
    ("auth.getJwtToken", {"profil": "default"}), ("auth.getJwtToken", {"Profile": "default"}),
    ("auth.getJwtToken", {"profile": "default", "scope": None}), ("auth.getTokenInfo", {"minValidity": 5}),
    ("auth.getTokenInfo", {"rejectedToken": "x"}), ("auth.refresh", {"minValidity": 5}),
    ("system.getStatus", {"profile": "default"}), ("system.getAllowedServices", {"profile": "default"}),
    ("system.reload", {"force": True}), ("auth.getTokenInfo", {"": "default"}),
], ids=str)
@pytest.mark.parametrize("in_array", [False, True], ids=["object", "array"])
def test_unknown_parameter_is_named(connection, name, parameters, in_array):
    reply = ask_raw(connection, request(name, parameters=[parameters] if in_array else parameters))
    check_error(reply, "invalid_request")
    assert f'"{list(parameters)[-1]}"' in reply["errorMessage"]


@pytest.mark.parametrize("text", [
    '"profile":null', '"profile":7', '"profile":true', '"profile":["default"]', '"profile":{}',
    '"minValidity":null', '"minValidity":"60"', '"minValidity":-1', '"minValidity":-0.001', '"minValidity":true',
    '"minValidity":[60]', '"minValidity":-1e300', '"minValidity":1e999', '"rejectedToken":null', '"rejectedToken":7',
    '"rejectedToken":["x"]', '"rejectedToken":false',
])
def test_parameter_of_another_type_is_an_invalid_request(connection, text):
    reply = ask_raw(connection, b'{"request":"auth.getJwtToken","parameters":{' + text.encode() + b"}}")
    check_error(reply, "invalid_request")


@pytest.mark.parametrize("text", ["0", "-0", "0.5", "60", "1e3", "1E+3", "1e300", "9007199254740993",
                                  "123456789012345678901234567890", "4e-320"])
def test_minimum_validity_is_any_number_from_zero(connection, text):
    reply = ask_raw(connection, b'{"request":"auth.getJwtToken","parameters":{"minValidity":' + text.encode() + b"}}")
    assert reply["data"]["jwtToken"]


def test_token_that_is_not_the_current_one_is_rejected_in_vain(connection):
    current = connection.get()["data"]["jwtToken"]
    for rejected in ["", "x", current[:-1], current + "x", "\u00e9" * 10000]:
        assert connection.get(rejectedToken=rejected)["data"]["jwtToken"] == current


def test_what_is_wrong_first_is_the_answer(connection):
    """Syntax, unknown_request, parameters, access."""
    assert code(ask_raw(connection, b'{"request":"no.such","parameters":{"no":1},}')) == "invalid_request"
    assert code(ask_raw(connection, request("no.such", parameters={"no": 1}))) == "unknown_request"
    wrong = {"profile": "nowhere", "no": 1}
    assert code(ask_raw(connection, request(parameters=wrong))) == "invalid_request"
    assert code(ask_raw(connection, request(parameters={"profile": "nowhere"}))) == "access_denied"


@NEEDS_ROOT
def test_parameters_are_looked_at_before_access(daemon):
    assert code(ask_as(daemon, BOB, "auth.getJwtToken", {"no": 1})) == "invalid_request"
    assert code(ask_as(daemon, BOB, "auth.getJwtToken")) == "access_denied"


# Strict JSON


def nested(depth):
    """A request whose innermost array lies at that depth."""
    return b'{"request":"auth.getTokenInfo","x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def nested_objects(depth):
    return b'{"request":"auth.getTokenInfo","x":' + b'{"x":' * (depth - 2) + b"{}" + b"}" * (depth - 1)


def with_members(n):
    """A request of n members."""
    return json.dumps({"request": "auth.getTokenInfo", **{f"m{i}": i for i in range(n - 1)}}).encode()


def with_inner_members(n):
    return request(x={f"m{i}": i for i in range(n)})


VALID = {
    "blanks": b' \t{ \r"request"\t:\r"auth.getTokenInfo" \t} \r',
    "depth 16": nested(16),
    "objects at depth 16": nested_objects(16),
    "64 members": with_members(64),
    "64 members within": with_inner_members(64),
    "many small objects": request(x=[{"a": 1}] * 4000),
    "same name in two objects": request(x=[{"a": 1}, {"a": 1, "b": {"a": 1}}]),
    "names differ in case": b'{"request":"auth.getTokenInfo","a":1,"A":2}',
    "escaped name": b'{"\\u0072equest":"auth.getTokenInfo"}',
    "escaped value": b'{"request":"\\u0061uth.getToken\\u0049nfo"}',
    "all escapes": b'{"request":"auth.getTokenInfo","x":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\ude00"}',
    "utf-8 up to the last character": '{"request":"auth.getTokenInfo","x":"\u00e9\u20ac\ud7ff\ue000\uffff\U0010ffff"}'
                                      .encode(),
    "numbers": b'{"request":"auth.getTokenInfo","x":[0,-0,0.0,1e5,1E-5,-1.5e+10,1.7976931348623157e308]}',
    "number of 63 characters": b'{"request":"auth.getTokenInfo","x":0.' + b"1" * 61 + b"}",
    "delete is no control character": b'{"request":"auth.getTokenInfo","x":"\x7f"}',
}

INVALID = {
    "depth 17": nested(17),
    "objects at depth 17": nested_objects(17),
    "depth 30000": b"[" * 30000 + b"]" * 30000,
    "depth 60000, not closed": b"[" * 60000,
    "65 members": with_members(65),
    "65 members within": with_inner_members(65),
    "65 members of parameters": request(parameters={f"m{i}": i for i in range(65)}),
    "duplicate member": b'{"request":"auth.getTokenInfo","request":"auth.getTokenInfo"}',
    "duplicate ignored member": b'{"request":"auth.getTokenInfo","x":1,"x":1}',
    "duplicate by an escape": b'{"request":"auth.getTokenInfo","x":1,"\\u0078":1}',
    "duplicate within": b'{"request":"auth.getTokenInfo","x":[{"a":1,"b":2,"a":3}]}',
    "duplicate parameter": b'{"request":"auth.getTokenInfo","parameters":{"profile":"default","profile":"default"}}',
    "duplicate empty name": b'{"request":"auth.getTokenInfo","":1,"":2}',
    "escaped NUL": b'{"request":"auth.getTokenInfo","x":"\\u0000"}',
    "escaped NUL in a profile": b'{"request":"auth.getTokenInfo","parameters":{"profile":"default\\u0000x"}}',
    "escaped NUL in a name": b'{"request":"auth.getTokenInfo","x\\u0000":1}',
    "raw NUL in a string": b'{"request":"auth.getTokenInfo","x":"\x00"}',
    "raw NUL behind": b'{"request":"auth.getTokenInfo"}\x00',
    "raw NUL before": b'\x00{"request":"auth.getTokenInfo"}',
    "byte order mark": b'\xef\xbb\xbf{"request":"auth.getTokenInfo"}',
    "no-break space": '\u00a0{"request":"auth.getTokenInfo"}'.encode(),
    "raw control character": b'{"request":"auth.getTokenInfo","x":"\x01"}',
    "raw tab": b'{"request":"auth.getTokenInfo","x":"\t"}',
    "lone high surrogate": b'{"request":"auth.getTokenInfo","x":"\\ud83d"}',
    "lone low surrogate": b'{"request":"auth.getTokenInfo","x":"\\ude00"}',
    "surrogates the wrong way round": b'{"request":"auth.getTokenInfo","x":"\\ude00\\ud83d"}',
    "short escape": b'{"request":"auth.getTokenInfo","x":"\\u00e"}',
    "unknown escape": b'{"request":"auth.getTokenInfo","x":"\\x41"}',
    "trailing comma": b'{"request":"auth.getTokenInfo",}',
    "trailing comma in an array": b'{"request":"auth.getTokenInfo","x":[1,]}',
    "leading comma": b'{,"request":"auth.getTokenInfo"}',
    "missing colon": b'{"request" "auth.getTokenInfo"}',
    "missing value": b'{"request":}',
    "single quotes": b"{'request':'auth.getTokenInfo'}",
    "bare name": b'{request:"auth.getTokenInfo"}',
    "comment": b'{"request":"auth.getTokenInfo"/* x */}',
    "not closed": b'{"request":"auth.getTokenInfo"',
    "string not closed": b'{"request":"auth.getTokenInfo',
    "closed twice": b'{"request":"auth.getTokenInfo"}}',
    "closed wrongly": b'{"request":"auth.getTokenInfo"]',
    "two objects": b'{"request":"auth.getTokenInfo"}{"request":"auth.getTokenInfo"}',
    "text behind": b'{"request":"auth.getTokenInfo"} x',
    "leading zero": b'{"request":"auth.getTokenInfo","x":01}',
    "leading plus": b'{"request":"auth.getTokenInfo","x":+1}',
    "no digit before the point": b'{"request":"auth.getTokenInfo","x":.5}',
    "no digit behind the point": b'{"request":"auth.getTokenInfo","x":1.}',
    "no exponent": b'{"request":"auth.getTokenInfo","x":1e}',
    "hexadecimal": b'{"request":"auth.getTokenInfo","x":0x10}',
    "NaN": b'{"request":"auth.getTokenInfo","x":NaN}',
    "Infinity": b'{"request":"auth.getTokenInfo","x":Infinity}',
    "beyond a double": b'{"request":"auth.getTokenInfo","x":1e999}',
    "beyond a double, negative": b'{"request":"auth.getTokenInfo","x":[-1e999]}',
    "number of 64 characters": b'{"request":"auth.getTokenInfo","x":0.' + b"1" * 62 + b"}",
    "capital word": b'{"request":"auth.getTokenInfo","x":True}',
    "half a word": b'{"request":"auth.getTokenInfo","x":nul}',
    "array": b'["auth.getTokenInfo"]',
    "string": b'"auth.getTokenInfo"',
    "number": b"7",
    "null": b"null",
    "word": b"hello",
    "http": b"GET / HTTP/1.1",
    "binary": bytes(range(1, 10)) + bytes(range(11, 128)),
}

NOT_UTF8 = {
    "lone continuation byte": b"\x80",
    "overlong slash": b"\xc0\xaf",
    "overlong NUL": b"\xc0\x80",
    "overlong of three bytes": b"\xe0\x80\xaf",
    "overlong of four bytes": b"\xf0\x80\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "above the last character": b"\xf4\x90\x80\x80",
    "byte that never occurs": b"\xff",
    "cut character": b"\xe2\x82",
    "latin-1": "é".encode("latin-1"),
}


@pytest.mark.parametrize("line", VALID.values(), ids=VALID.keys())
def test_valid_json_is_taken(connection, line):
    assert ask_raw(connection, line)["data"]["profile"] == "default"


@pytest.mark.parametrize("line", INVALID.values(), ids=INVALID.keys())
def test_what_is_no_strict_json_is_an_invalid_request(connection, line):
    """And the connection goes on."""
    check_error(ask_raw(connection, line), "invalid_request")
    assert ask_raw(connection, request(referenceId="next"))["referenceId"] == "next"


@pytest.mark.parametrize("data", NOT_UTF8.values(), ids=NOT_UTF8.keys())
@pytest.mark.parametrize("form", [b'{"request":"auth.getTokenInfo","x":"%s"}', b'{"%s":1}', b"%s",
                                  b'{"request":"auth.getTokenInfo"}%s', b'{"x":1,"x":1,"y":"%s"}', b'{,%s}'],
                         ids=["value", "name", "alone", "behind", "with a duplicate", "with bad syntax"])
def test_connection_is_closed_behind_what_is_not_utf8(connection, data, form):
    connection.send_raw(request(referenceId="before") + b"\n" + form.replace(b"%s", data) + b"\n"
                        + request(referenceId="behind") + b"\n")
    before, error, *rest = lines_to_the_end(connection)
    assert before["referenceId"] == "before"
    check_error(error, "invalid_request")
    assert not rest


def test_answers_that_are_owed_still_come_when_the_rest_is_not_utf8(slow_daemon):
    with slow_daemon.connect() as connection:
        connection.send("auth.getJwtToken", {"profile": "slow"}, "waits")
        connection.send_raw(b"\xff\n")
        error, token = lines_to_the_end(connection)
        check_error(error, "invalid_request")
        assert token["referenceId"] == "waits" and token["data"]["jwtToken"]


# Lines


def line_of(size):
    """A valid request of exactly so many bytes."""
    line = request(referenceId="long", x="")
    return line[:-2] + b"x" * (size - len(line)) + line[-2:]


def test_line_may_have_64_kib(connection):
    for _ in range(3):
        assert ask_raw(connection, line_of(LINE_MAX))["referenceId"] == "long"
    connection.send_raw((line_of(LINE_MAX) + b"\n") * 5 + request(referenceId="next") + b"\n")
    assert [connection.reply()["referenceId"] for _ in range(6)] == ["long"] * 5 + ["next"]


@pytest.mark.parametrize("size", [LINE_MAX + 1, LINE_MAX + 2, 2 * LINE_MAX, 10 * LINE_MAX])
def test_connection_is_closed_behind_a_longer_line(connection, size):
    connection.send_raw(request(referenceId="before") + b"\n")
    try:
        connection.send_raw(line_of(size) + b"\n" + request(referenceId="behind") + b"\n")
    except BrokenPipeError:
        pass
    before, error, *rest = lines_to_the_end(connection)
    assert before["referenceId"] == "before"
    check_error(error, "invalid_request")
    assert "65536" in error["errorMessage"]
    assert not rest


def test_line_is_too_long_before_its_end_has_come(connection):
    connection.send_raw(b"x" * LINE_MAX)
    connection.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        connection.line()
    connection.socket.settimeout(10 * SLOWNESS)
    connection.send_raw(b"x")
    error, = lines_to_the_end(connection)
    check_error(error, "invalid_request")


def test_blank_line_of_64_kib_is_skipped_and_a_longer_one_is_too_long(daemon):
    with daemon.connect() as connection:
        connection.send_raw(b" " * LINE_MAX + b"\n" + request(referenceId=1) + b"\n")
        assert connection.reply()["referenceId"] == 1
        connection.send_raw(b" " * (LINE_MAX + 1) + b"\n")
        error, = lines_to_the_end(connection)
        check_error(error, "invalid_request")


def test_blank_lines_are_skipped(connection):
    before = status_of(connection)["counters"]["requests"]
    connection.send_raw(b"\n\n \n\t\n\r\n \t\r\n" + request(referenceId="first") + b"\r\n\n" + b"\n" * 200000
                        + request(referenceId="second") + b"\n")
    assert connection.reply()["referenceId"] == "first"
    assert connection.reply()["referenceId"] == "second"
    assert status_of(connection)["counters"]["requests"] == before + 3


def status_of(connection):
    return connection.ask("system.getStatus")["data"]


# The end of a connection


def test_half_closed_connection_gets_all_its_answers_and_then_the_end(connection):
    connection.send_raw(b"".join(request("auth.getJwtToken", referenceId=i) + b"\n" for i in range(1500)))
    connection.socket.shutdown(socket.SHUT_WR)
    assert [connection.reply()["referenceId"] for _ in range(1500)] == list(range(1500))
    assert connection.line() == b""


def test_half_closed_connection_gets_the_answer_that_it_waits_for(slow_daemon):
    with slow_daemon.connect() as connection:
        connection.send("auth.getJwtToken", {"profile": "slow"}, "waits")
        connection.send("auth.getJwtToken", reference="valid")
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.reply()["referenceId"] == "valid"
        assert connection.reply()["data"]["jwtToken"]
        assert connection.line() == b""


def test_half_closed_connection_that_waits_costs_no_processor_time(slow_daemon):
    with slow_daemon.connect() as connection:
        connection.send("auth.getJwtToken", {"profile": "slow"})
        connection.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: status(slow_daemon)["counters"]["waiting"] == 1)
        before = cpu_seconds(slow_daemon)
        time.sleep(0.5)
        assert cpu_seconds(slow_daemon) - before < 0.1 * SLOWNESS
        assert connection.reply()["data"]["jwtToken"]
        assert connection.line() == b""


def test_half_closed_connection_without_requests_is_closed(connection):
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.line() == b""


def test_line_that_never_ended_is_not_answered(connection):
    connection.send_raw(request(referenceId=1) + b"\n" + request(referenceId=2))
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.reply()["referenceId"] == 1
    assert connection.line() == b""


# What the endpoints answer


def check_info(info):
    assert set(info) == {"profile", "grant", "state", "expiration", "issuedAt", "refreshAt", "generation", "waiters",
                         "consecutiveFailures", "apiUrl", "loginUrl", "account", "lastAnswer", "lastError"}
    assert (info["profile"], info["grant"]) == ("default", "client_credentials")
    for name in ("expiration", "issuedAt", "refreshAt"):
        assert TIME.fullmatch(info[name])
    assert info["issuedAt"] < info["refreshAt"] < info["expiration"]
    assert info["waiters"] == 0 and info["consecutiveFailures"] == 0 and info["generation"] >= 1
    assert set(info["lastAnswer"]) == {"status", "correlationId", "at", "durationMs"}
    assert info["lastAnswer"]["status"] == 200 and TIME.fullmatch(info["lastAnswer"]["at"])
    assert info["lastAnswer"]["durationMs"] >= 0
    assert info["lastError"] is None


def test_token_info_has_its_members_and_no_token(daemon):
    token = daemon.get()
    with daemon.connect() as connection:
        connection.send("auth.getTokenInfo")
        line = connection.line()
        check_info(json.loads(line)["data"])
        connection.send("system.getStatus")
        line += connection.line()
    assert token.encode() not in line and b"demo-secret" not in line


def test_status_has_its_members(daemon, connection):
    data = status_of(connection)
    assert set(data) == {"version", "pid", "startedAt", "connections", "counters", "profiles"}
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", data["version"])
    assert data["pid"] == daemon.pid
    assert TIME.fullmatch(data["startedAt"])
    assert set(data["counters"]) == {"requests", "tokensHandedOut", "waiting", "upstreamRequests", "upstreamTokens",
                                     "upstreamFailures", "errors"}
    assert set(data["counters"]["errors"]) == ERROR_CODES
    profile_info, = data["profiles"]
    check_info(profile_info)


def test_status_counts_what_happened(connection):
    before = status_of(connection)["counters"]
    for _ in range(3):
        connection.get()
    connection.ask("no.such")
    ask_raw(connection, b"{")
    ask_raw(connection, b"[")
    connection.get("nowhere")
    after = status_of(connection)["counters"]
    assert after["requests"] - before["requests"] == 8
    assert after["tokensHandedOut"] - before["tokensHandedOut"] == 3
    changed = {name: after["errors"][name] - before["errors"][name] for name in ERROR_CODES}
    assert {name: n for name, n in changed.items() if n} == {
        "unknown_request": 1, "invalid_request": 2, "access_denied": 1}
    assert after["waiting"] == 0


def test_status_counts_connections(daemon, connection):
    wait_until(lambda: status_of(connection)["connections"] == 1)
    others = [daemon.connect() for _ in range(5)]
    wait_until(lambda: status_of(connection)["connections"] == 6)
    for other in others:
        other.close()
    wait_until(lambda: status_of(connection)["connections"] == 1)


def test_services_are_all_for_root(connection):
    data = connection.ask("system.getAllowedServices")["data"]
    assert data == {"services": ENDPOINTS, "profiles": ["default"]}


def test_reload_tells_how_many_profiles_there_are(connection):
    assert connection.ask("system.reload", reference="r") == {"referenceId": "r", "data": {"profiles": 1}}


def test_refresh_answers_as_token_info_and_once_in_ten_seconds():
    with Sandbox() as server, Daemon(profile(server)) as daemon:
        before = daemon.wait_state("fresh")
        reply = daemon.ask("auth.refresh")
        check_info(reply["data"])
        assert reply["data"]["generation"] == before["generation"] + 1
        again = daemon.ask("auth.refresh")
        check_error(again, "rate_limited")
        assert again["error"]["retryable"] is True and 1 <= again["error"]["retryAfter"] <= 10
        assert server.stats()["token_requests"] == 2


def test_error_says_whether_to_try_again(connection):
    for line in [b"{", request("no.such"), request(parameters={"profile": "nowhere"})]:
        error = ask_raw(connection, line)["error"]
        assert error["retryable"] is False and error["retryAfter"] is None


def test_error_that_quotes_odd_text_is_json(connection):
    for name in ["\"\\\n\x01", "\u00e9" * 60, "<script>", "%s%n%999999d"]:
        reply = ask_raw(connection, request(name))
        check_error(reply, "unknown_request")
        assert name in reply["errorMessage"]
        reply = ask_raw(connection, request(parameters={"profile": name}))
        check_error(reply, "access_denied")
        reply = ask_raw(connection, request(parameters={name: 1}))
        check_error(reply, "invalid_request")


def test_name_that_is_cut_within_a_character_is_json(connection):
    check_error(ask_raw(connection, request(parameters={"profile": "x" + "\u20ac" * 1000})), "access_denied")
    check_error(ask_raw(connection, request(parameters={"x" + "\u20ac" * 1000: 1})), "invalid_request")


def test_reply_of_the_longest_token_comes_whole():
    """63 000 bytes of which each takes six on the wire."""
    token = "\x01" * 63000
    with Sandbox() as server:
        server.rule({"token": token})
        with Daemon(profile(server)) as daemon:
            daemon.wait_state("fresh")
            with daemon.connect() as connection:
                connection.send_raw((request("auth.getJwtToken") + b"\n") * 20)
                for _ in range(20):
                    line = connection.line()
                    assert len(line) > 370000
                    assert json.loads(line)["data"]["jwtToken"] == token
