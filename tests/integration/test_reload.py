"""Reloads of the real daemon, by request and by SIGHUP: whole or not at all, and what becomes of tokens, flights and
waiters.
"""

import os
import signal
import time

import pytest

from callers import ALICE, NEEDS_ROOT, ask_as, code, wait_until
from daemon import PACE, SLOW_LIMITS, SLOWNESS, Daemon, check_config, profile
from sandbox import Sandbox
from traffic import seconds

TOKEN, RELOAD = "auth.getJwtToken", "system.reload"
# No answer comes within a test.
FOR_EVER_MS = 600000


def reload(daemon, config):
    """Puts the configuration in force."""
    daemon.write_config(config)
    assert "data" in daemon.ask(RELOAD)


def by_request(daemon):
    return daemon.ask(RELOAD)


def by_signal(daemon):
    """SIGHUP; waits until the log tells what came of it."""
    told = daemon.log().count("configuration reloaded from") + daemon.log().count("stays in force")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.log().count("configuration reloaded from") + daemon.log().count("stays in force") > told)


def clients(*names, **defaults):
    return [{"id": name, "secret": f"{name}-secret", **defaults} for name in names]


def account(server, name, client=None, **keys):
    """A profile whose client id is its name."""
    client = client or name
    return profile(server, name, client, keys.pop("secret", f"{client}-secret"), **keys)


def requests(server, client=None):
    return len(server.requests(client))


# ---- whole or not at all

MISTAKES = """[reauthentication]
refresh_token_wait_max = soon
[profile new]
client_id = new
client_secert = new-secret
token_url = http://example.com/oauth/token
"""


@pytest.mark.parametrize("way", [by_request, by_signal])
def test_bad_file_leaves_what_was_there_in_force_and_all_mistakes_are_told(server, daemon, way):
    token = daemon.get()
    good = profile(server)
    daemon.write_config(good + MISTAKES)
    reply = way(daemon)
    first = good.count("\n") + 1
    told = [f"{daemon.config_path}:{first + 1}: [reauthentication] refresh_token_wait_max: ",
            f"{daemon.config_path}:{first + 4}: [profile new] client_secert: there is no such key; did you mean "
            "client_secret?",
            f"{daemon.config_path}:{first + 5}: [profile new] token_url: "]
    for text in told:
        assert text in daemon.log()
        assert not reply or text in reply["errorMessage"]
    if reply:
        assert reply["error"] == {"code": "internal", "retryable": False, "retryAfter": None}
    assert "stays in force" in daemon.log() and "configuration reloaded" not in daemon.log()
    # Neither the new profile nor the new limit is there.
    assert daemon.get() == token
    assert daemon.get("new")["code"] == "access_denied"
    assert [info["profile"] for info in daemon.ask("system.getStatus")["data"]["profiles"]] == ["default"]
    assert requests(server) == 1
    # Once it is right it is taken.
    daemon.write_config(good)
    way(daemon)
    assert "configuration reloaded" in daemon.log()
    assert daemon.get() == token


def test_gctoken_tells_every_mistake_in_one_line(server, daemon):
    daemon.write_config(profile(server) + MISTAKES)
    done = daemon.gctoken("reload")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    for text in ("refresh_token_wait_max", "client_secert", "token_url", "stays in force"):
        assert text in done.stderr
    daemon.write_config(profile(server))
    done = daemon.gctoken("reload")
    assert (done.returncode, done.stderr) == (0, "")


def test_very_many_mistakes_are_told_as_far_as_a_reply_goes(server, daemon):
    # Of characters of two bytes, so that the cut falls within one.
    odd = "".join(f"[profile p{i}]\nallow = \u00e9\u00e9\u00e9\u00e9{'x' * (i % 2)}\n" for i in range(200))
    daemon.write_config(odd)
    reply = daemon.ask(RELOAD)
    assert code(reply) == "internal"
    assert f"{daemon.config_path}:1: " in reply["errorMessage"]
    assert daemon.gctoken("reload").stderr.count("\n") == 1
    assert daemon.get() == daemon.get()


def missing(daemon, server):
    os.unlink(daemon.config_path)


def writable(daemon, server):
    os.chmod(daemon.config_path, 0o666)


def readable(daemon, server):
    os.chmod(daemon.config_path, 0o644)


def of_another(daemon, server):
    os.chown(daemon.config_path, ALICE, ALICE)


def directory(daemon, server):
    os.unlink(daemon.config_path)
    os.mkdir(daemon.config_path)


def binary(daemon, server):
    with open(daemon.config_path, "ab") as file:
        file.write(b"# \xff\n")


def fifo(daemon, server):
    os.unlink(daemon.config_path)
    os.mkfifo(daemon.config_path, 0o600)


def authorities_that_are_none(daemon, server):
    with open(os.path.join(daemon.dir, "ca.pem"), "w", encoding="ascii") as file:
        file.write("not PEM\n")
    daemon.write_config(profile(server) + "[tls]\nca_file = ca.pem\n")


def authorities_that_are_missing(daemon, server):
    daemon.write_config(profile(server, tls_ca_file="missing.pem"))


@pytest.mark.parametrize(("spoil", "says"), [
    (missing, "there is no such file"), (writable, "can write the file"), (readable, "others can read this file"),
    pytest.param(of_another, f"owned by uid {ALICE}", marks=NEEDS_ROOT), (directory, "not a regular file"),
    (binary, "not UTF-8"), (fifo, "not a regular file"),
    (authorities_that_are_none, f"{7 + len(SLOW_LIMITS)}: [tls] ca_file: cannot read certificate authorities from"),
    (authorities_that_are_missing, f"{6 + len(SLOW_LIMITS)}: [profile default] tls_ca_file: "),
], ids=lambda value: getattr(value, "__name__", ""))
def test_file_that_is_not_to_be_used_leaves_what_was_there_in_force(server, daemon, spoil, says):
    token = daemon.get()
    spoil(daemon, server)
    reply = daemon.ask(RELOAD)
    assert code(reply) == "internal"
    assert daemon.config_path in reply["errorMessage"] and says in reply["errorMessage"]
    assert says in daemon.log()
    assert daemon.get() == token
    assert requests(server) == 1


def test_mistake_does_not_show_the_secret_beside_it(server, daemon):
    secret = "hush-hush-hush"
    daemon.secrets.add(secret)
    daemon.write_config(f"[profile default]\nclient_id = demo\nclient_secert = {secret}\n{secret}\n"
                        f"grant = {secret}\nclient_auth = {secret}\n[gateway]\npassword = {secret}\nport = {secret}\n")
    reply = daemon.ask(RELOAD)
    assert code(reply) == "internal" and secret not in reply["errorMessage"]
    assert "client_secert" in daemon.log()


def test_check_config_refuses_authorities_that_are_none(tmp_path):
    (tmp_path / "ca.pem").write_text("not PEM\n", encoding="ascii")
    done = check_config("[profile a]\nclient_id = a\nclient_secret = a-secret\n"
                        "[profile b]\nclient_id = b\nclient_secret = b-secret\n"
                        f"[tls]\nca_file = {tmp_path}/ca.pem\n")
    assert done.returncode == 78
    assert f":8: [tls] ca_file: cannot read certificate authorities from {tmp_path}/ca.pem" in done.stderr
    assert done.stderr.count("\n") == 1


# ---- identity: what keeps token and flight, and what drops them

# The profile's name: keys before, keys after.
KEEPING = {
    "secret": ({}, {"secret": "another-secret"}),
    "secret-in-a-file": ({}, {"secret": None, "client_secret_file": "FILE"}),
    "wait": ({"refresh_token_wait_max": 60}, {"refresh_token_wait_max": 1}),
    "allow": ({}, {"allow": "user:root (auth.getJwtToken), user:0 (auth.getTokenInfo)"}),
    "refresh": ({}, {"refresh_access_token": "false"}),
    "auth": ({}, {"client_auth": "post"}),
    "timeouts": ({}, {"connect_timeout": 3, "request_timeout": 40}),
    "lifetime": ({}, {"default_lifetime": 60}),
}
DROPPING = {
    "id": ({}, {"client": "id-2"}),
    "scope": ({"scope": "one"}, {"scope": "one two"}),
    "scope-gone": ({"scope": "one"}, {}),
    "url": ({}, {"url": "URL/login"}),
    "audience": ({}, {"audience": "https://api.example.com"}),
    "resource": ({}, {"resource": "https://api.example.com/"}),
}


def compose(server, changes, after, directory):
    with open(os.path.join(directory, "secret"), "w", encoding="ascii",
              opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write("secret-in-a-file-secret\n")

    def placed(value):
        return value.replace("URL", server.http).replace("FILE", file.name) if isinstance(value, str) else value

    # A flight that is not dropped outlives those who wait for it.
    common = {"refresh_token_wait_max": 60, "request_timeout": 300}
    return "".join(account(server, name, **common | {key: placed(value) for key, value in keys[after].items()})
                   for name, keys in changes.items())


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """Of each profile: its token, and what is known of it, before and after a reload."""
    directory = tmp_path_factory.mktemp("secrets")
    changes = {**KEEPING, **DROPPING}
    with Sandbox(clients=clients(*changes, "id-2", expires_in=3600)) as server:
        with Daemon(compose(server, changes, 0, directory)) as daemon:
            before = {name: (daemon.wait_state("fresh", name), daemon.get(name)) for name in changes}
            reload(daemon, compose(server, changes, 1, directory))
            after = {name: (daemon.wait_state("fresh", name), daemon.get(name)) for name in changes}
            yield server, before, after


@pytest.mark.parametrize("name", KEEPING)
def test_change_of_another_key_keeps_the_token(idle, name):
    server, before, after = idle
    (info, token), (info_after, token_after) = before[name], after[name]
    assert token_after == token
    assert info_after["generation"] == info["generation"] == 1
    # A time is told by two clocks, which are not read at the same moment.
    assert abs(seconds(info_after["expiration"]) - seconds(info["expiration"])) < 1
    assert requests(server, name) == 1


@pytest.mark.parametrize("name", DROPPING)
def test_change_of_the_identity_drops_the_token(idle, name):
    server, before, after = idle
    (info, token), (info_after, token_after) = before[name], after[name]
    assert token_after != token
    assert info_after["generation"] == info["generation"] + 1 == 2
    assert requests(server, name) + (requests(server, "id-2") if name == "id" else 0) == 2
    assert server.check(token_after)["active"]


def test_request_after_the_reload_has_the_new_identity(idle):
    server, _, _ = idle
    assert server.requests("scope")[-1]["fields"]["scope"] == "one two"
    assert "scope" not in server.requests("scope-gone")[-1]["fields"]
    assert server.requests("url")[-1]["path"] == "/login/oauth/token"
    assert server.requests("audience")[-1]["fields"]["audience"] == "https://api.example.com"
    assert server.requests("resource")[-1]["fields"]["resource"] == "https://api.example.com/"


def test_refresh_point_follows_refresh_access_token(idle):
    _, before, after = idle
    assert before["refresh"][0]["refreshAt"] and after["refresh"][0]["refreshAt"] is None


@pytest.fixture(scope="module")
def flying(tmp_path_factory):
    """A reload while each profile has a request in flight and two callers who wait for it: their replies by profile."""
    directory = tmp_path_factory.mktemp("secrets")
    with Sandbox(clients=clients(*KEEPING), rules=[{"delay_ms": int(1000 * max(3, 1.5 * SLOWNESS))}]) as slow, \
            Sandbox(clients=clients(*DROPPING, "gone", "id-2")) as other:
        for name in (*DROPPING, "gone"):
            other.rule({"match": {"client_id": name}, "times": 1, "delay_ms": FOR_EVER_MS})
        config = compose(slow, KEEPING, 0, directory) + compose(other, DROPPING, 0, directory)
        with Daemon(config + account(other, "gone", refresh_token_wait_max=60)) as daemon:
            other.wait(lambda stats: stats["in_flight"] == len(DROPPING) + 1)
            slow.wait(lambda stats: stats["in_flight"] == len(KEEPING))
            waiters = {name: [daemon.connect(), daemon.connect()] for name in (*KEEPING, *DROPPING, "gone")}
            for name, connections in waiters.items():
                for connection in connections:
                    connection.send(TOKEN, {"profile": name})
            wait_until(lambda: daemon.ask("system.getStatus")["data"]["counters"]["waiting"] == 2 * len(waiters))
            reload(daemon, compose(slow, KEEPING, 1, directory) + compose(other, DROPPING, 1, directory))
            replies = {name: [connection.reply() for connection in connections]
                       for name, connections in waiters.items()}
            infos = {name: daemon.info(name) for name in (*KEEPING, *DROPPING)}
            for connections in waiters.values():
                for connection in connections:
                    connection.close()
            daemon.secrets.update(reply["data"]["jwtToken"] for pair in replies.values() for reply in pair
                                  if "data" in reply)
            yield slow, other, replies, infos


@pytest.mark.parametrize("name", KEEPING)
def test_change_of_another_key_keeps_the_flight(flying, name):
    server, _, replies, infos = flying
    assert replies[name][0]["data"]["jwtToken"] == replies[name][1]["data"]["jwtToken"]
    assert requests(server, name) == 1
    assert infos[name]["generation"] == 1
    assert server.stats()["vanished"] == 0


@pytest.mark.parametrize("name", DROPPING)
def test_change_of_the_identity_drops_the_flight_and_its_callers_get_the_new_token(flying, name):
    _, server, replies, infos = flying
    tokens = {reply["data"]["jwtToken"] for reply in replies[name]}
    assert len(tokens) == 1 and server.check(tokens.pop())["active"]
    assert infos[name]["generation"] == 1
    assert server.requests(name)[0]["outcome"] == "vanished"
    assert [r["outcome"] for r in server.requests("id-2" if name == "id" else name)][-1] == "answered"


def test_callers_of_a_profile_that_is_removed_are_denied_and_its_flight_is_dropped(flying):
    _, server, replies, _ = flying
    assert [code(reply) for reply in replies["gone"]] == ["access_denied"] * 2
    assert [r["outcome"] for r in server.requests("gone")] == ["vanished"]


# ---- profiles that come and go

def test_new_profiles_are_fetched_and_removed_ones_are_forgotten():
    with Sandbox(clients=clients("a", "b", "c")) as server, Daemon(account(server, "a") + account(server, "b")) as daemon:
        token_a, token_b = daemon.get("a"), daemon.get("b")
        reload(daemon, account(server, "b") + account(server, "c"))
        daemon.wait_state("fresh", "c")
        assert daemon.get("b") == token_b
        assert daemon.get("a")["code"] == "access_denied"
        reload(daemon, account(server, "b") + account(server, "a"))
        assert daemon.get("a") not in (token_a, token_b)
        assert daemon.info("a")["generation"] == 1
        assert requests(server, "a") == 2 and requests(server, "b") == 1


def test_all_profiles_may_go_and_come_back(server, daemon):
    token = daemon.get()
    reload(daemon, "[general]\n")
    assert daemon.ask("system.getStatus")["data"]["profiles"] == []
    assert daemon.get()["code"] == "access_denied"
    reload(daemon, profile(server))
    assert daemon.get() != token


def test_gctoken_that_waits_for_a_profile_that_is_removed_exits_with_4(server):
    server.rule({"delay_ms": FOR_EVER_MS})
    with Daemon(profile(server)) as daemon, daemon.connect() as connection:
        connection.send(TOKEN)
        wait_until(lambda: daemon.info()["waiters"] == 1)
        server.wait(lambda stats: stats["in_flight"] == 1)
        reload(daemon, "[general]\n")
        assert code(connection.reply()) == "access_denied"
        # The connection goes on.
        assert code(connection.get()) == "access_denied"
        assert daemon.gctoken("get").returncode == 4
        server.wait(lambda stats: stats["vanished"] == 1)


# ---- credentials

def test_permanent_verdict_ends_with_a_reload_that_changes_the_credentials_and_no_other():
    with Sandbox(clients=clients("a")) as server, Daemon(account(server, "a", secret="wrong-secret")) as daemon:
        daemon.secrets.update(("wrong-secret", "a-secret"))
        daemon.wait_state("rejected", "a")
        assert daemon.get("a")["code"] == "upstream_rejected"
        for config in (account(server, "a", secret="wrong-secret"),
                       account(server, "a", secret="wrong-secret", refresh_token_wait_max=5)):
            reload(daemon, config)
            assert daemon.get("a")["code"] == "upstream_rejected"
        time.sleep(1.2)  # longer than two attempts are apart
        assert daemon.info("a")["state"] == "rejected" and requests(server) == 1
        reload(daemon, account(server, "a"))
        assert server.check(daemon.get("a"))["active"]
        assert requests(server) == 2
        assert daemon.info("a")["lastError"] is None and daemon.info("a")["consecutiveFailures"] == 0


def write_private(path, text):
    with open(path, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text)


def test_secret_file_is_read_again_at_a_reload(tmp_path):
    path = tmp_path / "secret"
    write_private(path, "wrong-secret\n")
    with Sandbox(clients=clients("a")) as server:
        with Daemon(account(server, "a", secret=None, client_secret_file=path)) as daemon:
            daemon.secrets.update(("wrong-secret", "a-secret"))
            daemon.wait_state("rejected", "a")
            write_private(path, "a-secret\n")
            assert by_request(daemon)["data"] == {"profiles": 1}
            assert server.check(daemon.get("a"))["active"]
            assert [r["secret_ok"] for r in server.requests()] == [False, True]


def test_secret_file_that_appears_is_used_at_the_reload(tmp_path):
    path = tmp_path / "secret"
    with Sandbox(clients=clients("a")) as server:
        with Daemon(account(server, "a", secret=None, client_secret_file=path)) as daemon:
            daemon.wait_state("rejected", "a")
            assert str(path) in daemon.get("a")["text"] and requests(server) == 0
            by_request(daemon)
            assert daemon.wait_state("rejected", "a")
            write_private(path, "a-secret\n")
            by_signal(daemon)
            assert server.check(daemon.get("a"))["active"]


def test_secret_file_that_has_changed_keeps_the_token_and_goes_with_the_next_request(tmp_path):
    path = tmp_path / "secret"
    write_private(path, "a-secret\n")
    with Sandbox(clients=clients("a")) as server:
        with Daemon(account(server, "a", secret=None, client_secret_file=path)) as daemon:
            token = daemon.get("a")
            server.client("a", "turned-secret")
            daemon.secrets.add("turned-secret")
            write_private(path, "turned-secret\n")
            by_request(daemon)
            assert daemon.get("a") == token and requests(server) == 1
            assert daemon.ask("auth.refresh", {"profile": "a"})["data"]["generation"] == 2
            assert [r["secret_ok"] for r in server.requests()] == [True, True]


def test_profile_of_the_environment_survives_reloads(server):
    gateway = f"[gateway]\nhost = 127.0.0.1\nprotocol = http\nport = {server.http.rsplit(':', 1)[1]}\n"
    environment = {"GENESYSCLOUD_OAUTHCLIENT_ID": "demo", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "demo-secret"}
    with Daemon(gateway, environment=environment) as daemon:
        token = daemon.get()
        assert server.check(token)["active"]
        for way in (by_request, by_signal):
            way(daemon)
            assert daemon.get() == token and daemon.info()["generation"] == 1
        assert requests(server) == 1
        # A profile in the file goes before it, and it comes back with the file.
        reload(daemon, gateway + profile(server, "other"))
        assert daemon.get()["code"] == "access_denied" and server.check(daemon.get("other"))["active"]
        reload(daemon, gateway)
        assert daemon.get() != token and requests(server) == 3
        os.unlink(daemon.config_path)
        reply = daemon.ask(RELOAD)
        assert "data" in reply, reply  # without a file, the environment is the whole configuration


# ---- other keys

def test_refresh_access_token_can_be_turned_off_and_on():
    with Sandbox(clients=clients("a", "b", expires_in=4 * PACE)) as server:
        on = account(server, "a") + account(server, "b")
        off = account(server, "a", refresh_access_token="false") + account(server, "b", refresh_access_token="false")
        with Daemon(on) as daemon:
            daemon.wait_state("fresh", "a")
            daemon.wait_state("fresh", "b")
            reload(daemon, off)
            daemon.wait_state("disabled", "a")
            daemon.wait_state("disabled", "b")
            assert daemon.get("a")["code"] == "login_required"
            assert requests(server) == 2
            reload(daemon, off.replace("refresh_access_token = false", "refresh_access_token = true"))
            # It is fetched though nobody asks.
            daemon.wait_state("fresh", "a")
            assert server.check(daemon.get("b"))["active"]


def test_wait_max_counts_for_those_who_ask_after_the_reload(server):
    """Those before keep their time, and are told it."""
    server.rule({"delay_ms": FOR_EVER_MS})
    wait_max = int(3 * SLOWNESS)
    with Daemon(profile(server, refresh_token_wait_max=wait_max, request_timeout=300)) as daemon, daemon.connect() as early:
        early.send(TOKEN)
        wait_until(lambda: daemon.info()["waiters"] == 1)
        reload(daemon, profile(server, refresh_token_wait_max=1, request_timeout=300))
        began = time.monotonic()
        error = daemon.get()
        assert error["code"] == "refresh_timeout" and "1 second" in error["text"]
        assert 1 <= time.monotonic() - began <= 1 + SLOWNESS
        reload(daemon, profile(server, refresh_token_wait_max=0, request_timeout=300))
        began = time.monotonic()
        assert daemon.get()["code"] == "refresh_timeout"
        assert time.monotonic() - began <= 0.5 * SLOWNESS
        assert early.reply()["errorMessage"] == f"Token refresh took longer than {wait_max} seconds"
        assert requests(server) == 1


@NEEDS_ROOT
def test_who_may_reload_is_what_the_reload_before_says(server):
    section = f"[daemon]\nallow = user:{ALICE} (system.reload)\n"
    with Daemon(profile(server)) as daemon:
        assert code(ask_as(daemon, ALICE, RELOAD)) == "access_denied"
        reload(daemon, section + profile(server))
        assert ask_as(daemon, ALICE, RELOAD)["data"] == {"profiles": 1}
        daemon.write_config(profile(server))
        assert ask_as(daemon, ALICE, RELOAD)["data"] == {"profiles": 1}
        assert code(ask_as(daemon, ALICE, RELOAD)) == "access_denied"


def test_authorities_are_read_again_at_a_reload():
    with Sandbox(tls=True) as server, Sandbox(tls=True) as other:
        with Daemon("[general]\n") as daemon:
            path = os.path.join(daemon.dir, "ca.pem")

            def trust(trusted):
                with open(trusted.ca, encoding="ascii") as source, open(path, "w", encoding="ascii") as copy:
                    copy.write(source.read())

            trust(other)
            config = profile(server, url=server.https, tls_ca_file="ca.pem")
            reload(daemon, config)
            daemon.wait_state("failing")
            assert "not trusted" in daemon.info()["lastError"]["message"]
            trust(server)
            by_request(daemon)
            daemon.wait_state("fresh")
            assert server.check(daemon.get())["active"]


def test_limits_of_the_daemon_follow_the_reload(server):
    server.rule({"delay_ms": FOR_EVER_MS})
    with Daemon(profile(server, refresh_token_wait_max=300)) as daemon, daemon.connect() as connection:
        for _ in range(3):
            connection.send(TOKEN)
        wait_until(lambda: daemon.info()["waiters"] == 3)
        reload(daemon, profile(server, refresh_token_wait_max=300) + "[daemon]\nmax_waiters = 3\n")
        # Those who wait already stay.
        connection.send(TOKEN)
        assert code(connection.reply()) == "rate_limited"
        assert daemon.info()["waiters"] == 3
        reload(daemon, profile(server, refresh_token_wait_max=300))
        connection.send(TOKEN)
        wait_until(lambda: daemon.info()["waiters"] == 4)


def test_storm_of_reloads_disturbs_nobody(server):
    server.rule({"times": 1, "delay_ms": int(1000 * SLOWNESS)})
    with Daemon(profile(server, refresh_token_wait_max=300)) as daemon, \
            daemon.connect() as waiter, daemon.connect() as other:
        waiter.send(TOKEN)
        wait_until(lambda: daemon.info()["waiters"] == 1)
        for i in range(60):
            # As editors do it: the file is never seen half written.
            write_private(daemon.config_path + "~", profile(server, refresh_token_wait_max=30 + i))
            os.rename(daemon.config_path + "~", daemon.config_path)
            if i % 3 == 0:
                daemon.signal(signal.SIGHUP)
            other.send(RELOAD, reference=i)
        for i in range(60):
            assert "data" in other.reply()
        token = waiter.reply()["data"]["jwtToken"]
        assert daemon.get() == token
        assert requests(server) == 1 and daemon.info()["generation"] == 1
