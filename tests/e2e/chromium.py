"""Real browsers: headless Chromium, driven by playwright-core.

    with Chromium() as chromium:
        alice = chromium.open()
        assert "Sign-in" in alice.go(url)
        assert "Signed in" in alice.submit(login="alice", password="any")
"""

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading

import pytest

from provider import DIRECTORY, SKIP_STATUS

PROGRAM = shutil.which("chromium")
ANSWER_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60


def check_chromium():
    if not PROGRAM:
        pytest.exit("chromium is missing: apt install chromium", SKIP_STATUS)


class BrowserError(Exception):
    pass


class Chromium:
    def __init__(self):
        self._numbers = itertools.count()
        self._stderr = tempfile.TemporaryFile()
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            ["node", os.path.join(DIRECTORY, "browser.mjs"), PROGRAM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True)
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._stderr.seek(0)
        print(self._stderr.read().decode("utf-8", "replace"))
        self._stderr.close()

    def open(self, beside=None):
        """A tab in a browser of its own, with no cookies, or in the one of another tab."""
        tab = Tab(self, f"tab {next(self._numbers)}")
        tab.tell("open", **({"in": beside.name} if beside else {}))
        return tab

    def ask(self, command):
        timer = threading.Timer(ANSWER_TIMEOUT_S, self._process.kill)
        timer.start()
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        timer.cancel()
        assert line, "the browser has gone"
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer


class Tab:
    """What goes somewhere returns the text of the page that is then there."""

    def __init__(self, chromium, name):
        self.name = name
        self.url = None
        self.overflow = None  # how many pixels of the page's width cannot be seen
        self.errors = []  # what the console has told
        self._chromium = chromium

    def tell(self, do, **command):
        answer = self._chromium.ask({"do": do, "tab": self.name, **command})
        self.url = answer.get("url")
        self.overflow = answer.get("overflow")
        self.errors += answer.get("errors", [])
        return answer.get("text")

    def go(self, url):
        return self.tell("go", url=url)

    def submit(self, **fields):
        return self.tell("submit", fields=fields)

    def click(self, text):
        return self.tell("click", text=text)

    def catch(self, at, do, **command):
        """Does so, and stops before the address that begins with `at`: that address."""
        self.tell("catch", at=at, then={"do": do, **command})
        return self.url

    def wait_for(self, text):
        """Until the page says that."""
        return self.tell("wait", text=text)

    def look(self, path, width, colors):
        """A screenshot, which has to show all of the page's width."""
        self.tell("look", path=path, width=width, colors=colors)
        assert self.overflow <= 0

    def close(self):
        """The whole browser."""
        self.tell("close")
