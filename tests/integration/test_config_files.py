"""Configurations of several files, in either syntax, and those that the Genesys SDK for JavaScript reads."""

import json
import os

import pytest

from daemon import Daemon, check_config, profile

CREDENTIALS = {"GENESYSCLOUD_OAUTHCLIENT_ID": "demo", "GENESYSCLOUD_OAUTHCLIENT_SECRET": "demo-secret",
               "GENESYSCLOUD_REGION": "eu_central_1"}


def sdk_sections(server, log_file):
    """All that SDK 212.1.0 knows, with the sandbox for a gateway."""
    return {
        "logging": {"log_level": "trace", "log_format": "text", "log_to_console": True, "log_file_path": log_file,
                    "log_response_body": False, "log_request_body": False},
        "reauthentication": {"refresh_access_token": True, "refresh_token_wait_max": 10},
        "general": {"live_reload_config": True, "host": "https://api.mypurecloud.com"},
        "gateway": {"host": "127.0.0.1", "protocol": "http", "port": int(server.http.rsplit(":", 1)[1]),
                    "path_params_login": "", "path_params_api": "api/proxy", "username": "username",
                    "password": "password"},
    }


def as_json(sections):
    return json.dumps(sections, indent=4)


def as_ini(sections):
    def written(value):
        return str(value).lower() if isinstance(value, bool) else str(value)

    return "".join(f"[{section}]\n" + "".join(f"{key} = {written(value)}\n" for key, value in keys.items())
                   for section, keys in sections.items())


@pytest.mark.parametrize("syntax", [as_ini, as_json])
def test_file_of_the_sdk_works_unchanged(server, syntax, tmp_path):
    with Daemon(syntax(sdk_sections(server, str(tmp_path / "sdk.log"))), environment=CREDENTIALS) as daemon:
        info = daemon.wait_state("fresh")
        assert info["apiUrl"] == f"{server.http}/api/proxy"
        assert len(daemon.get()) > 8
        assert "are taken, but never sent" in daemon.log()


def test_json_has_profiles_with_lists(server):
    config = {"profile": {"default": {"client_id": "demo", "client_secret": "demo-secret",
                                      "token_url": f"{server.http}/oauth/token", "scope": ["read", "write"],
                                      "allow": ["user:0 (auth.getJwtToken, auth.refresh)"]}}}
    with Daemon(json.dumps(config)) as daemon:
        daemon.wait_state("fresh")
        assert len(daemon.get()) > 8


def test_mistakes_name_each_file_and_line(server):
    good = profile(server)
    line = good.count("\n") + 1
    daemon = Daemon(good + "[profile second]\n")
    os.mkdir(f"{daemon.config_path}.d")
    for name, text in {"1.conf": '{\n"profile": {"second": {\n"client_idd": 7}}}', "2.conf": "[loging]\n"}.items():
        with open(f"{daemon.config_path}.d/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    with pytest.raises(AssertionError) as raised:
        daemon.start()
    for text in (f"{daemon.config_path}:{line}: [profile second] client_id: this is missing",
                 f"{daemon.config_path}.d/1.conf:3: [profile second] client_idd: there is no such key; did you mean "
                 "client_id?",
                 f"{daemon.config_path}.d/2.conf:1: [loging]: there is no such section; did you mean [logging]?",
                 "(78)"):
        assert text in str(raised.value)


def test_broken_json_is_told_with_its_line():
    checked = check_config('{\n"general": {\n"host": "eu_west_1",\n}}\n')
    assert checked.returncode == 78
    assert ":4: a name in double quotes is missing here" in checked.stderr


def test_proxy_of_the_environment_is_never_asked_for_loopback(server):
    variables = {name: "http://127.0.0.1:1" for name in ("http_proxy", "https_proxy", "all_proxy")}
    with Daemon(profile(server), environment=variables) as daemon:
        daemon.wait_state("fresh")
