"""The servers: how each is set up and started, what it must answer, and how it ends."""
import contextlib
import os
import pathlib
import re
import socket
import ssl
import string
import subprocess
import sys
import time

import machine
from client import EVENTS, HITS, HOST, PASS, fetch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILT = ROOT / "build/bench"
PRELOADED = os.environ | {"LD_PRELOAD": str(BUILT / "cubic.so")}
START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 5
SCAN_S = 1  # a disk that was begun with is laid out or read meanwhile

# What Varnish says of each request in its log in memory, which is switched off as the access logs of the others are.
VARNISH_TAGS = ("Begin End Hit Link ReqAcct ReqHeader ReqMethod ReqProtocol ReqStart ReqURL RespHeader "
                "RespProtocol RespReason RespStatus RespUnset Timestamp VCL_call VCL_return Filters").split()


# What the handshakes of all servers have to agree on, that their cost be of the same thing; clients offer nothing else
# (openssl.cnf).
SUITE = "TLS_AES_256_GCM_SHA384"


def make_certificate(path):
    """A certificate (ECDSA, P-256) for the host that is asked for, and for what wrk takes its name from, with its key."""
    key = path.with_suffix(".key")
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost", "-keyout", key, "-out", path],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: no certificate: {done.stderr}")
    path.write_text(path.read_text() + key.read_text())
    key.unlink()


class Server:
    """A running server: its port, and its process tree, which is ended with it."""

    def __init__(self, bench, name, command, port):
        self.name, self.port = name, port
        self.secure = bench.secure and name != "origin"
        self.tls = bench.tls
        self.log = open(bench.folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", str(bench.cores[1 if name == "origin" else 0]), *map(str, command)],
            stdout=self.log, stderr=self.log, cwd=bench.folder,
            env=PRELOADED)

    @property
    def pid(self):
        return self.process.pid

    def connect(self):
        """A connection, with TLS where that is measured; OSError or ValueError when it is not the one that it must be."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=2)
        if not self.secure:
            return connection
        try:
            connection = self.tls.wrap_socket(connection, server_hostname=HOST)
            if connection.cipher()[0] != SUITE:
                raise ValueError(f"agreed on {connection.cipher()[0]}, not on {SUITE}")
            return connection
        except (OSError, ValueError):
            connection.close()
            raise

    def is_right(self, content):
        """Answers twice on one connection with the right bytes, or says why not."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with self.connect() as connection:
                    fetch(connection, content)
                    fetch(connection, content)
                    return True
            except (OSError, ValueError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.flush()
                    print(f"{self.name}: left out of {content.path}: {error}; its log:", file=sys.stderr)
                    print(pathlib.Path(self.log.name).read_text(errors="replace")[-2000:], file=sys.stderr)
                    return False
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            for pid in reversed(machine.tree(self.pid)):
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
            self.process.wait()
        self.log.close()


class Bench:
    """Where and how servers are started: the folders, the cores, whether they cache, and whether they are asked by TLS."""

    def __init__(self, folder, memory, cores, *, cached=False, secure=False, workers=1):
        self.folder, self.memory, self.cores = pathlib.Path(folder), pathlib.Path(memory), cores
        self.cached, self.secure, self.workers = cached, secure, workers
        for each in (self.folder, self.memory):
            each.chmod(0o755)
        (self.folder / "temp").mkdir()
        for content in (PASS, *EVENTS.values(), *HITS.values()):
            path = self.folder / "www" / content.path.removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.body)
        self.origin_port = machine.free_port()
        (self.folder / "certificates").mkdir()
        self.pem = self.folder / "certificates/site.pem"
        make_certificate(self.pem)
        self.tls = ssl.create_default_context(cafile=self.pem)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3

    def config(self, template, name, **values):
        """Fills in a template; the file is called as the server is."""
        text = string.Template((HERE / f"{template}.in").read_text()).substitute(
            folder=self.folder, memory=self.memory, name=name, host=HOST, origin=self.origin_port,
            workers=self.workers, pem=self.pem, cached="on" if self.cached else "off", **values)
        path = self.folder / f"{name}-{template}"
        path.write_text(text)
        return path

    def command(self, name, port):
        if name in ("nginx", "nginx-nopush", "origin"):
            nopush = "on" if name == "nginx-nopush" else "off"
            template = "origin.conf" if name == "origin" else "nginx.conf"
            return ["nginx", "-p", self.folder, "-e", f"{name}-error.log",
                    "-c", self.config(template, name, port=port, nopush=nopush, tls=" ssl http2" if self.secure else "")]
        if name == "haproxy":
            tls = f" ssl crt {self.pem} alpn h2,http/1.1" if self.secure else ""
            return ["haproxy", "-db", "-f", self.config("haproxy.cfg", name, port=port, tls=tls)]
        if name == "varnish":
            return ["varnishd", "-F", "-j", "none", "-T", "none", "-n", self.folder / "varnish",
                    "-a", f"127.0.0.1:{port}", "-f", self.config("varnish.vcl", name),
                    "-s", "malloc,1g", "-p", "thread_pools=1", "-p", "thread_pool_min=300",
                    "-p", "timeout_idle=3600",
                    "-p", "vsl_mask=" + ",".join(f"-{tag}" for tag in VARNISH_TAGS)]
        if name == "h2o":
            tls = f", ssl: {{certificate-file: {self.pem}, key-file: {self.pem}}}" if self.secure else ""
            return ["h2o", "-m", "worker", "-c", self.config("h2o.conf", name, port=port, tls=tls)]
        if name == "floor" and self.secure:
            return [BUILT / "floor_tls", port, HOST, self.folder / "www/hit", self.pem]
        if name == "floor":
            hit = [BUILT / "floor_hit", port, HOST, self.folder / "www/hit"]
            return hit if self.cached else [BUILT / "floor_pass", port, self.origin_port]
        if name in ("headwater", "headwater-unready", "headwater-disk"):
            disks = f"{self.memory}/disk:1g" if name == "headwater-disk" else ""
            listens = {"plain": machine.free_port(), "tls": f"127.0.0.1:{port}"} if self.secure else {
                "plain": port, "tls": "off"}
            return [ROOT / "build/release/headwater", "serve",
                    "--config", self.config("headwater.yaml", name, disks=disks, **listens),
                    "--domains", self.config("domains.yaml", name, resume=0 if name == "headwater-unready" else 3)]
        raise SystemExit(f"bench: no server is called {name}")

    def start(self, name):
        port = self.origin_port if name == "origin" else machine.free_port()
        return Server(self, name, self.command(name, port), port)

    def start_with_full_disk(self, name):
        """A server that has begun with an empty memory, and with all contents on its disk."""
        filling = self.start(name)
        time.sleep(SCAN_S)
        is_right = all(filling.is_right(content) for content in HITS.values())
        filling.stop()
        server = self.start(name)
        time.sleep(SCAN_S)
        before = self.pulls()
        is_right = is_right and all(server.is_right(content) for content in HITS.values())
        pulls = self.pulls() - before - 1  # asking was one
        if not is_right or pulls > 0:
            server.stop()
            raise SystemExit(f"bench: {name}: not all was on the disk, the origin was asked {pulls} times")
        return server

    @contextlib.contextmanager
    def running(self, names, content):
        """The servers that answer rightly; all are ended with the block."""
        started, right = [], []
        try:
            for name in names:
                start = self.start_with_full_disk if name == "headwater-disk" else self.start
                server = start(name)
                started.append(server)
                if server.is_right(content):
                    right.append(server)
                elif name == "origin":
                    raise SystemExit("bench: no measurement without the origin")
            yield right
        finally:
            for server in reversed(started):
                server.stop()

    def pulls(self):
        """How many requests the origin has answered."""
        with socket.create_connection(("127.0.0.1", self.origin_port), timeout=5) as connection:
            connection.sendall(b"GET /pulls HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        return int(re.search(r"\n\s*\d+ \d+ (\d+)", answer)[1])
