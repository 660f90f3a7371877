"""gctokend as it is installed and started by the README's commands."""

import os
import stat

from daemon import profile


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_the_first_client_activates_the_service(machine, server):
    machine.write_config(profile(server, allow="user:root (auth.getJwtToken)"))
    machine.start()
    assert machine.show("ActiveState") == "inactive"
    assert machine.gctoken("get").stdout.strip()
    assert machine.show("ActiveState") == "active"
