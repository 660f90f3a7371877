"""The programs of sdk.mjs, as the tests start them."""

import json
import os
import subprocess
import tempfile
import urllib.parse

from provider import DIRECTORY

TIMEOUT_S = 120


def gateway(server, **more):
    """The SDK's gateway for a sandbox."""
    parts = urllib.parse.urlsplit(server.http)
    return {"protocol": "http", "host": parts.hostname, "port": parts.port, **more}


class Program:
    """One program that runs."""

    def __init__(self, command, **setup):
        # The SDK reads ~/.genesyscloudjavascript/config.
        self._home = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            ["node", os.path.join(DIRECTORY, "sdk.mjs"), command], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "HOME": self._home.name})
        self._process.stdin.write(json.dumps(setup))
        self._process.stdin.close()
        self._process.stdin = None

    def answer(self, timeout=TIMEOUT_S):
        try:
            out, err = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        finally:
            self._home.cleanup()
        assert self._process.returncode == 0, err
        return json.loads(out.splitlines()[-1])


def run(command, **setup):
    return Program(command, **setup).answer()
