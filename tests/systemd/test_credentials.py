"""Secrets that the service manager passes on."""

import pathlib

from daemon import profile

SECRET = pathlib.Path("/etc/gctokend-secret")


def load(machine, server, setting):
    """A configuration whose secret comes by that setting of the unit, as the credential `billing`."""
    machine.drop_in(f"[Service]\n{setting}\n")
    machine.write_config(profile(server, secret=None, client_secret_credential="billing",
                                 allow="user:root (auth.getJwtToken)"))
    machine.start()


def write_secret(text):
    SECRET.touch(0o600)
    SECRET.write_text(text)


def encrypt(machine, name, text):
    return machine.run("systemd-creds", "encrypt", "--with-key=host", f"--name={name}", "-", str(SECRET), input=text)


def test_a_secret_that_only_root_can_read_is_loaded(machine, server, user):
    write_secret("demo-secret")
    load(machine, server, f"LoadCredential=billing:{SECRET}")
    machine.gctoken("get")
    seen = f"/run/credentials/{machine.SERVICE}/billing"
    assert pathlib.Path(seen).read_text() == "demo-secret"
    assert machine.run("cat", seen, check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[]).returncode != 0


def test_an_encrypted_secret_is_loaded(machine, server):
    encrypt(machine, "billing", "demo-secret")
    assert "demo-secret" not in SECRET.read_text()
    load(machine, server, f"LoadCredentialEncrypted=billing:{SECRET}")
    machine.gctoken("get")


def test_credentials_are_those_of_the_start_until_the_next(machine, server):
    write_secret("wrong")
    load(machine, server, f"LoadCredential=billing:{SECRET}")
    assert machine.gctoken("get", check=False).returncode == 7
    write_secret("demo-secret")
    machine.systemctl("reload", machine.SERVICE)
    assert machine.gctoken("get", check=False).returncode == 7
    machine.systemctl("restart", machine.SERVICE)
    machine.gctoken("get")


def test_a_missing_credential_is_named(machine, server):
    machine.write_config(profile(server, secret=None, client_secret_credential="billing",
                                 allow="user:root (auth.getJwtToken)"))
    machine.start()
    done = machine.gctoken("get", check=False)
    assert done.returncode == 7
    assert "billing" in done.stderr


def test_the_key_of_the_state_comes_as_a_credential(machine, server):
    encrypt(machine, "gctokend.state-key", "k" * 32)
    server.client("rotating", "demo-secret", refresh_tokens="burned")
    machine.drop_in(f"[Service]\nLoadCredentialEncrypted=gctokend.state-key:{SECRET}\n"
                    f"SetCredential=first:{server.session('rotating')}\n")
    machine.write_config(profile(server, grant="refresh_token", client_id="rotating",
                                 refresh_token_credential="first", allow="user:root (auth.getJwtToken)"))
    machine.start()
    machine.gctoken("get")
    names = {path.name for path in machine.STATE_DIRECTORY.iterdir()}
    assert "default.state" in names
    assert "key" not in names
