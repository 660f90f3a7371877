"""The promises of the broker, kept by the real daemon against a real server."""

import threading
import time

import pytest

from callers import wait_until
from daemon import PACE, REPLY_TIMEOUT_S, SLOWNESS, Daemon, profile
from traffic import in_background, seconds, timed

# Between the starts of two attempts of a profile.
ATTEMPT_GAP_S = 1
DAY_S = 86400
# What is answered at once, and how long a flight takes beside which it is.
AT_ONCE_S = 0.5 * SLOWNESS
FLIGHT_S = min(1 * SLOWNESS, 8)
FLIGHT_MS = int(1000 * FLIGHT_S)


def get_in_threads(daemon, n, **parameters):
    """n callers at once; their replies."""
    replies = [None] * n
    ready = threading.Barrier(n, timeout=REPLY_TIMEOUT_S)

    def call(i):
        with daemon.connect() as connection:
            ready.wait()
            replies[i] = connection.get(**parameters)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_a_thousand_callers_at_once_make_one_request_and_get_a_thousand_tokens(server):
    server.rule({"delay_ms": 1000})
    with Daemon(profile(server)) as daemon:
        replies = get_in_threads(daemon, 1000)
        assert len({reply["data"]["jwtToken"] for reply in replies}) == 1
        assert len(replies) == 1000
        assert server.stats()["token_requests"] == 1


def test_a_token_is_there_before_anybody_asks(server, daemon):
    assert server.stats()["token_requests"] == 1
    token = daemon.get()
    assert server.check(token)["active"]
    assert server.stats()["token_requests"] == 1


# ---- one request

def test_a_token_is_handed_out_until_it_is_renewed_without_another_request(server, daemon):
    tokens = {daemon.get() for _ in range(200)}
    assert len(tokens) == 1
    assert server.stats()["token_requests"] == 1


def test_profiles_have_a_token_each_even_with_the_same_client(server):
    with Daemon(profile(server, "one") + profile(server, "two")) as daemon:
        assert daemon.get("one") != daemon.get("two")
        assert server.stats()["token_requests"] == 2


def test_a_caller_who_never_waits_is_told_so_and_the_flight_goes_on(server):
    server.rule({"times": 1, "delay_ms": FLIGHT_MS})
    with Daemon(profile(server, refresh_token_wait_max=0)) as daemon:
        server.wait(lambda stats: stats["in_flight"] == 1)
        took, error = timed(daemon.get)
        assert (error["code"], error["retryable"]) == ("refresh_timeout", True)
        assert took <= AT_ONCE_S
        daemon.wait_state("fresh")
        assert server.check(daemon.get())["active"]
        assert server.stats()["token_requests"] == 1


def test_a_caller_stays_through_attempts_while_an_answer_can_still_come_in_time(server):
    server.rule({"times": 2, "status": 503, "delay_ms": FLIGHT_MS})
    with Daemon(profile(server, refresh_token_wait_max=10 * PACE)) as daemon:
        server.wait(lambda stats: stats["in_flight"] == 1)
        took, token = timed(daemon.get)
        assert server.check(token)["active"]
        assert 2.4 + FLIGHT_S <= took <= 3.6 + 2 * FLIGHT_S + AT_ONCE_S
        assert server.stats()["token_requests"] == 3


def test_a_caller_for_whom_no_answer_can_come_in_time_is_told_now(server):
    server.rule({"status": 503, "retry_after": 60, "delay_ms": FLIGHT_MS})
    with Daemon(profile(server)) as daemon:
        server.wait(lambda stats: stats["in_flight"] == 1)
        took, error = timed(daemon.get)
        assert error["code"] == "upstream_unavailable"
        assert error["retryAfter"] == 60
        assert took <= FLIGHT_S + AT_ONCE_S


def test_waiters_are_answered_at_the_end_of_the_daemon(server):
    server.rule({"delay_ms": 60000})
    with Daemon(profile(server, refresh_token_wait_max=60)) as daemon:
        connections = [daemon.connect() for _ in range(50)]
        for connection in connections:
            connection.send("auth.getJwtToken")
        program = in_background(daemon.gctoken, "get", "--timeout", "60")
        wait_until(lambda: daemon.info()["waiters"] == len(connections) + 1)
        took, status = timed(daemon.end)
        assert status == 0 and took <= 1 * SLOWNESS
        for connection in connections:
            error = connection.reply()["error"]
            assert (error["code"], error["retryable"]) == ("shutting_down", True)
            assert connection.reply() is None
            connection.close()
        done = program.result()
        assert done.returncode == 6 and "shutting_down" in done.stderr


# ---- minValidity

def test_more_validity_than_the_server_gives_does_not_make_every_call_a_request(server):
    server.client("demo", "demo-secret", expires_in=100)
    with Daemon(profile(server)) as daemon:
        tokens = {daemon.get(minValidity=each) for each in (76, 100, 3600, 1e9, 1e300) for _ in range(4)}
        assert len(tokens) == 1
        assert server.stats()["token_requests"] == 1


def test_a_token_with_too_little_left_is_renewed_for_who_asks_for_more_and_others_do_not_wait(server):
    server.client("demo", "demo-secret", expires_in=8 * PACE)
    with Daemon(profile(server)) as daemon:
        first = daemon.get(minValidity=5 * PACE)
        time.sleep(3.1 * PACE)  # it is renewed after 5.6 of 8
        flight = 1.5 * PACE
        server.rule({"times": 1, "delay_ms": int(1000 * flight)})
        assert daemon.get(minValidity=2 * PACE) == first
        assert server.stats()["token_requests"] == 1
        asked = in_background(timed, daemon.ask, "auth.getJwtToken", {"minValidity": 5 * PACE})
        server.wait(lambda stats: stats["in_flight"] == 1)
        took, token = timed(daemon.get)
        assert token == first and took <= AT_ONCE_S
        took, reply = asked.result()
        assert reply["data"]["jwtToken"] != first
        assert seconds(reply["data"]["expiration"]) - time.time() >= 5 * PACE
        assert flight - 0.01 <= took <= flight + AT_ONCE_S
        assert server.stats()["token_requests"] == 2


def test_validity_that_cannot_be_had_gets_the_valid_token_there_is(server):
    server.client("demo", "demo-secret", expires_in=8 * PACE)
    with Daemon(profile(server)) as daemon:
        first = daemon.get()
        time.sleep(3 * PACE)
        server.rule({"status": 503, "retry_after": 100})
        # The flight fails; after that it is in back-off.
        for _ in range(20):
            took, token = timed(daemon.get, minValidity=6 * PACE)
            assert token == first and took <= AT_ONCE_S
        assert server.stats()["token_requests"] == 2
        assert daemon.gctoken("get", "--min-validity", str(6 * PACE)).stdout == first + "\n"


# ---- rejectedToken

def test_a_rejected_token_is_renewed_for_who_rejects_it_and_others_go_on_getting_it(server, daemon):
    first = daemon.get()
    time.sleep(ATTEMPT_GAP_S)
    server.rule({"times": 1, "delay_ms": FLIGHT_MS})
    rejections = in_background(get_in_threads, daemon, 50, rejectedToken=first)
    server.wait(lambda stats: stats["in_flight"] == 1)
    took, token = timed(daemon.get)
    assert token == first and took <= AT_ONCE_S
    tokens = {reply["data"]["jwtToken"] for reply in rejections.result()}
    assert tokens == {daemon.get()} and first not in tokens
    assert server.check(daemon.get())["active"]
    assert server.stats()["token_requests"] == 2
    # Who comes late with the old one has the new one, without a request.
    assert {daemon.get(rejectedToken=first), daemon.get(rejectedToken="another")} == tokens
    assert server.stats()["token_requests"] == 2


def test_a_second_rejection_within_10_s_is_rate_limited_and_makes_no_request(server, daemon, tmp_path):
    first = daemon.get()
    path = tmp_path / "rejected"
    path.write_text(first + "\n")
    done = daemon.gctoken("get", "--reject", str(path))
    assert done.returncode == 0
    second = done.stdout.strip()
    daemon.secrets.add(second)
    assert second == daemon.get() != first
    error = daemon.get(rejectedToken=second)
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert 1 <= error["retryAfter"] <= 10
    done = daemon.gctoken("get", "--reject", "-", input=second)
    assert done.returncode == 6 and "rate_limited" in done.stderr and done.stdout == ""
    assert daemon.get() == second
    assert server.stats()["token_requests"] == 2


def test_a_server_that_issues_the_same_token_again_gives_the_answer(server, daemon):
    first = daemon.get()
    server.rule({"same_token": True})
    assert daemon.get(rejectedToken=first) == first
    assert daemon.info()["generation"] == 2
    assert server.stats()["token_requests"] == 2


def test_a_rejection_that_brings_nothing_is_told_and_others_keep_their_valid_token(server):
    with Daemon(profile(server, refresh_token_wait_max=5 * PACE)) as daemon:
        first = daemon.get()
        server.rule({"status": 503, "retry_after": 30})
        error = daemon.get(rejectedToken=first)
        assert error["code"] == "upstream_unavailable" and error["retryAfter"] >= 1
        assert daemon.get() == first
        assert server.stats()["token_requests"] == 2


def test_attempts_of_a_profile_start_a_second_apart(server, daemon):
    sent = [seconds(daemon.info()["issuedAt"])]
    daemon.get(rejectedToken=daemon.get())
    sent.append(seconds(daemon.info()["issuedAt"]))
    daemon.ask("auth.refresh")
    sent.append(seconds(daemon.info()["issuedAt"]))
    assert server.stats()["token_requests"] == 3
    assert all(b - a >= ATTEMPT_GAP_S - 0.005 for a, b in zip(sent, sent[1:]))


# ---- auth.refresh

def refresh_in_threads(daemon, n):
    futures = [in_background(daemon.ask, "auth.refresh") for _ in range(n)]
    return [future.result() for future in futures]


def test_refreshes_join_one_flight_and_the_next_within_10_s_is_rate_limited(server, daemon):
    first = daemon.get()
    server.rule({"times": 1, "delay_ms": FLIGHT_MS})
    replies = refresh_in_threads(daemon, 20)
    assert {reply["data"]["generation"] for reply in replies} == {2}
    assert {reply["data"]["state"] for reply in replies} == {"fresh"}
    assert daemon.get() != first
    assert server.stats()["token_requests"] == 2
    error = daemon.ask("auth.refresh")["error"]
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert 1 <= error["retryAfter"] <= 10
    assert server.stats()["token_requests"] == 2


def test_a_refresh_joins_the_flight_that_is_under_way(server):
    server.rule({"delay_ms": FLIGHT_MS})
    with Daemon(profile(server)) as daemon:
        server.wait(lambda stats: stats["in_flight"] == 1)
        assert daemon.ask("auth.refresh")["data"]["generation"] == 1
        assert server.stats()["token_requests"] == 1


def test_a_refresh_obeys_the_back_off_and_loses_no_valid_token(server, daemon):
    first = daemon.get()
    server.rule({"status": 503, "retry_after": 30})
    error = daemon.ask("auth.refresh")["error"]
    assert error["code"] == "upstream_unavailable"
    assert server.stats()["token_requests"] == 2
    took, reply = timed(daemon.ask, "auth.refresh")
    assert reply["error"]["code"] == "upstream_unavailable" and took <= AT_ONCE_S
    assert 1 <= reply["error"]["retryAfter"] <= 30
    assert server.stats()["token_requests"] == 2
    assert daemon.get() == first
    done = daemon.gctoken("refresh")
    assert done.returncode == 6 and "upstream_unavailable" in done.stderr


def test_a_permanent_verdict_loses_no_valid_token(server, daemon):
    first = daemon.get()
    server.rule({"error": "invalid_client"})
    assert daemon.ask("auth.refresh")["error"]["code"] == "upstream_rejected"
    info = daemon.info()
    assert info["state"] == "rejected" and info["expiration"] is not None
    assert daemon.get() == first
    assert daemon.gctoken("get").stdout == first + "\n"
    assert server.stats()["token_requests"] == 2


# ---- when a token is renewed

@pytest.mark.parametrize("refresh_in, share", [(None, 0.75), (DAY_S * 0.4, 0.4), (1, 0.0), (10 * DAY_S, 1.0)])
def test_refresh_point_is_the_servers_word_or_75_percent(server, refresh_in, share):
    if refresh_in is not None:
        server.rule({"refresh_in": refresh_in})
    with Daemon(profile(server)) as daemon:
        info = daemon.wait_state("fresh")
        point = (seconds(info["refreshAt"]) - seconds(info["issuedAt"])) / DAY_S
        assert max(0, share - 0.05) <= point <= min(1, share + 0.05)
        # It is renewed before it is below its margin.
        assert seconds(info["refreshAt"]) <= seconds(info["expiration"]) - 10
