"""Real gateways and proxies as the integration tests use them, on free ports of loopback, as an ordinary user:

    with Pki() as pki, Nginx(pki, blocks) as nginx: ...
    with Tinyproxy(connect_ports=[443]) as proxy: ... proxy.address ...
    with Microsocks() as proxy: ...

Proxies know names below .test (names.c), which are this machine; nobody else does.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time

NOBODY = 65534
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
USER, PASSWORD = "proxy-user", "proxy-secret-7Qx"
PASSPHRASE = "key-passphrase-3Zt"


kept = []


def free_port():
    """A port of loopback that nobody else is given while the tests run: it stays bound by a socket that does not listen,
    beside which a server may, if it sets SO_REUSEADDR."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    kept.append(keeper)
    return keeper.getsockname()[1]


class Directory:
    """A directory of the ordinary user; path(name) is a file in it."""

    def __init__(self):
        self.user = NOBODY if os.geteuid() == 0 else None
        self.dir = tempfile.mkdtemp(prefix="gctokend-server-")
        self.give(self.dir)
        os.chmod(self.dir, 0o755)

    def path(self, name):
        return os.path.join(self.dir, name)

    def give(self, path):
        if self.user is not None:
            os.chown(path, self.user, self.user)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8",
                  opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
        self.give(self.path(name))
        return self.path(name)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Pki(Directory):
    """An authority, certificates of servers and of clients that it signed, and one of a stranger.

    ca, and for each name NAME.pem and NAME.key: login (for login.test and 127.0.0.1), other (for other.test),
    client and its encrypted.key under PASSPHRASE, stranger (self-signed).
    """

    def __enter__(self):
        self._self_signed("ca", "/CN=test authority", ["basicConstraints=critical,CA:TRUE"])
        self._self_signed("stranger", "/CN=stranger", [])
        self._signed("login", "subjectAltName=DNS:login.test,DNS:localhost,IP:127.0.0.1")
        self._signed("other", "subjectAltName=DNS:other.test")
        self._signed("client", "extendedKeyUsage=clientAuth")
        with open(self.path("passphrase"), "w", encoding="utf-8") as file:
            file.write(PASSPHRASE)
        self._openssl("pkcs8", "-topk8", "-in", self.path("client.key"), "-out", self.path("encrypted.key"),
                      "-passout", "file:" + self.path("passphrase"))
        for name in os.listdir(self.dir):
            self.give(self.path(name))
            os.chmod(self.path(name), 0o600)
        os.chmod(self.path("ca.pem"), 0o644)
        return self

    def __exit__(self, *exception):
        self.remove()

    @property
    def ca(self):
        return self.path("ca.pem")

    def read(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return file.read()

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=START_TIMEOUT_S)

    def _request(self, name, subject, *arguments):
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                      "-keyout", self.path(name + ".key"), *arguments)

    def _self_signed(self, name, subject, extensions):
        options = [part for extension in extensions for part in ("-addext", extension)]
        self._request(name, subject, "-x509", "-days", "2", "-out", self.path(name + ".pem"), *options)

    def _signed(self, name, extension):
        request, extensions = self.path(name + ".csr"), self.path(name + ".ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(extension + "\n")
        self._request(name, "/CN=" + name, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.path("ca.key"), "-days", "2",
                      "-CAcreateserial", "-extfile", extensions, "-out", self.path(name + ".pem"))


class Server:
    """A program that serves until it is stopped. ports are those that it has to accept on before it counts as
    started."""

    def __init__(self):
        self.directory = Directory()
        self.ports = []
        self._process = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def __enter__(self):
        try:
            with open(self.directory.path("output"), "ab") as output:
                self._process = subprocess.Popen(
                    self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    cwd=self.directory.dir, env={**os.environ, **self.environment()},
                    user=self.directory.user, group=self.directory.user,
                    extra_groups=None if self.directory.user is None else [])
            for port in self.ports:
                self._wait_for(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_for(self, port):
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self._process.poll() is None and time.monotonic() < deadline, \
                f"{self._process.args[0]} does not serve:\n{self.output()}"
            time.sleep(0.01)

    def __exit__(self, *exception):
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.directory.remove()

    def output(self):
        with open(self.directory.path("output"), encoding="utf-8", errors="replace") as file:
            return file.read()


class Nginx(Server):
    """nginx with one server for each block: NAME: (listen options, directives). ports_of[NAME] is its port. In
    blocks, {dir} is nginx's directory and {pki} the certificates'."""

    def __init__(self, pki, blocks):
        super().__init__()
        self.ports_of = {name: free_port() for name in blocks}
        self.ports = list(self.ports_of.values())
        self._config = self.directory.write("nginx.conf", self._configure(pki, blocks))

    def _configure(self, pki, blocks):
        servers = [self._block(pki, name, *block) for name, block in blocks.items()]
        places = "".join(f"{kind}_temp_path {self.directory.path(kind)};\n"
                         for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return (f"daemon off; master_process off; pid {self.directory.path('pid')}; error_log stderr;\n"
                "events {}\n"
                f"http {{\naccess_log off;\n{places}{''.join(servers)}}}\n")

    def _block(self, pki, name, options, directives):
        directives = directives.replace("{pki}", pki.dir).replace("{dir}", self.directory.dir)
        return f"server {{\nlisten 127.0.0.1:{self.ports_of[name]}{options};\n{directives}\n}}\n"

    def command(self):
        return ["/usr/sbin/nginx", "-e", "stderr", "-c", self._config]


class Proxy(Server):
    def __init__(self):
        super().__init__()
        self.port = free_port()
        self.ports = [self.port]
        self.address = f"127.0.0.1:{self.port}"

    def environment(self):
        return {"LD_PRELOAD": os.environ["GCTOKEND_TEST_NAMES"]}


class Tinyproxy(Proxy):
    """An HTTP proxy that wants USER and PASSWORD and connects to connect_ports alone."""

    def __init__(self, connect_ports):
        super().__init__()
        lines = [f"Port {self.port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 50", "LogLevel Info",
                 f"BasicAuth {USER} {PASSWORD}", *(f"ConnectPort {port}" for port in connect_ports)]
        self._config = self.directory.write("tinyproxy.conf", "\n".join(lines) + "\n")

    def command(self):
        return ["/usr/bin/tinyproxy", "-d", "-c", self._config]


class Microsocks(Proxy):
    """A SOCKS5 proxy that wants USER and PASSWORD."""

    def command(self):
        return ["/usr/bin/microsocks", "-i", "127.0.0.1", "-p", str(self.port), "-u", USER, "-P", PASSWORD]
