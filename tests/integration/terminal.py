"""A program at a terminal of its own, as a person uses it.

    with Terminal("gctoken", "authorize") as terminal:
        terminal.read_until("Password: ")
        terminal.write("hush\r")
        assert terminal.status() == 0
"""

import os
import pty
import select
import signal
import subprocess
import termios
import time

from daemon import SLOWNESS

PATIENCE_S = 30
ECHO_FLAGS = termios.ECHO | termios.ICANON


class Terminal:
    def __init__(self, *command):
        self._master, self._slave = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=self._slave, stdout=self._slave, stderr=self._slave, preexec_fn=self._take_over)

    def _take_over(self):
        """The program's session owns the terminal, and ^C is not ignored, as it is below a shell's background job."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        termios_fd = os.open(os.ttyname(self._slave), os.O_RDWR)
        os.close(termios_fd)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._master)
        os.close(self._slave)

    def write(self, text):
        """As typed; a terminal takes some thousand bytes at once, so that more waits for its reader."""
        data = text.encode()
        while data:
            data = data[os.write(self._master, data[:1024]):]

    def interrupt(self):
        """As by ^C."""
        self._process.send_signal(signal.SIGINT)

    def read_until(self, end):
        text = ""
        deadline = time.monotonic() + PATIENCE_S * SLOWNESS
        while end not in text:
            assert time.monotonic() < deadline, f"no {end!r} in {text!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                text += os.read(self._master, 65536).decode()
        return text

    def read_to_end(self):
        """What is left once the program has ended."""
        self._process.wait(PATIENCE_S * SLOWNESS)
        text = ""
        while select.select([self._master], [], [], 0)[0]:
            text += os.read(self._master, 65536).decode()
        return text

    def status(self):
        """The exit status; negative for a signal."""
        return self._process.wait(PATIENCE_S * SLOWNESS)

    def echoes(self):
        """Whether the terminal shows what is typed, and takes it by lines."""
        return termios.tcgetattr(self._slave)[3] & ECHO_FLAGS == ECHO_FLAGS
