#!/usr/bin/python3
"""Debian's OpenStack Swift with its s3api: a real S3 store, which refuses what is not signed rightly.

    store = Swift(folder); store.start()        one server of each kind on 127.0.0.1, nothing in /etc
    store.put("bucket", "a/b.txt", b"...")      as its owner; the bucket is made where it is missing
    store.address, store.key_id, store.secret   for an S3 client, in path style; other_* is a second key
    store.stop()

Each server is a process of its own: `s3_store.py KIND FOLDER`, with KIND one of account, container, object, proxy.
"""
import datetime
import hashlib
import hmac
import http.client
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

KINDS = ("account", "container", "object", "proxy")
PYTHON = "/usr/bin/python3"  # Debian's, which has Swift
START_S = 60

SWIFT = """[swift-hash]
swift_hash_path_suffix = headwater
swift_hash_path_prefix = headwater
[storage-policy:0]
name = Policy-0
default = yes
"""
SERVER = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
log_level = ERROR
[pipeline:main]
pipeline = {pipeline}
[app:{kind}-server]
use = egg:swift#{kind}
{more}"""
PROXY = """account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{owner} = {secret} .admin
user_{other} = {other_secret} .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Swift:
    key_id, secret = "hw:reader", "secret-of-the-reader"
    other_key_id, other_secret = "hw:second", "secret-of-the-second"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ports = dict(zip(KINDS, free_ports(len(KINDS))))
        self.processes = []
        self._made = set()

    @property
    def address(self):
        return f"127.0.0.1:{self.ports['proxy']}"

    def start(self):
        (self.folder / "devices/d1").mkdir(parents=True)
        (self.folder / "swift.conf").write_text(SWIFT)
        for kind in KINDS:
            self._write_config(kind)
        subprocess.run([PYTHON, __file__, "rings", self.folder, *(str(self.ports[kind]) for kind in KINDS[:3])],
                       check=True, timeout=START_S)  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            for kind in KINDS:
                self.processes.append(subprocess.Popen([PYTHON, __file__, kind, self.folder], stdout=log, stderr=log,
                                                       start_new_session=True))  # fmt: skip
        deadline = time.monotonic() + START_S
        for port in self.ports.values():
            while not self._accepts(port):
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)
        return self

    def _write_config(self, kind):
        proxy = PROXY.format(owner=self.key_id.replace(":", "_"), secret=self.secret,
                             other=self.other_key_id.replace(":", "_"), other_secret=self.other_secret)  # fmt: skip
        pipeline = "catch_errors cache s3api tempauth slo dlo proxy-server" if kind == "proxy" else f"{kind}-server"
        (self.folder / f"{kind}.conf").write_text(SERVER.format(
            port=self.ports[kind], user=pwd.getpwuid(os.getuid()).pw_name, folder=self.folder, kind=kind,
            pipeline=pipeline, more=proxy if kind == "proxy" else ""))  # fmt: skip

    @staticmethod
    def _accepts(port):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self.processes.clear()

    def put(self, bucket, key, body, **fields):
        """Puts an object as the owner would."""
        if bucket not in self._made:
            self._send("PUT", f"/{bucket}", b"", {})
            self._made.add(bucket)
        self._send("PUT", f"/{bucket}/{urllib.parse.quote(key)}", body,
                   {name.replace("_", "-"): value for name, value in fields.items()})  # fmt: skip

    def _send(self, method, path, body, fields):
        """Signature Version 4, for the simplest of requests."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": self.address, "x-amz-content-sha256": digest, "x-amz-date": now}
        signed |= {name: value for name, value in fields.items() if name.startswith("x-amz-")}
        signed = dict(sorted(signed.items()))
        names = ";".join(signed)
        canonical = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in signed.items()), "", names, digest])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.secret.encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        authorization = f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["proxy"], timeout=30)
        connection.request(method, path, body, {**fields, **signed, "Authorization": authorization})
        response = connection.getresponse()
        assert response.status == 200, (response.status, response.read(), (self.folder / "log").read_text()[-2000:])
        connection.close()


# ---- what runs in the processes ----


def use(folder):
    """Has Swift read its configuration from our folder."""
    import swift.common.utils

    swift.common.utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    from swift.common import storage_policy

    storage_policy.reload_storage_policies()


def make_rings(folder, ports):
    from swift.common.ring import RingBuilder

    for kind, port in zip(KINDS, ports):
        builder = RingBuilder(4, 1, 1)
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "d1", "weight": 1.0, "ip": "127.0.0.1",
                         "port": port, "replication_ip": "127.0.0.1", "replication_port": port})  # fmt: skip
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def main(kind, folder, *ports):
    folder = pathlib.Path(folder)
    use(folder)
    if kind == "rings":
        make_rings(folder, map(int, ports))
        return 0
    from swift.common.wsgi import run_wsgi

    sys.argv = [f"swift-{kind}"]
    return run_wsgi(str(folder / f"{kind}.conf"), f"{kind}-server", default_port=0) or 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
