"""Debian's nginx as an origin: real, quick, on a free port of 127.0.0.1, with a folder of its own."""
import os
import pathlib
import signal
import socket
import subprocess
import time

CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
user {user};
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 64m;
    keepalive_requests 1000000;
    {http}
    types {{ text/html html; text/plain txt; application/octet-stream bin; }}
    server {{
        listen 127.0.0.1:{port} {tls}reuseport;
        root {folder}/files;
        location = /hello {{ return 200 "{name}\\n"; }}
        location = /status/404 {{ return 404; }}
        location = /status/503 {{ return 503; }}
        location /upload {{ dav_methods PUT DELETE; create_full_put_path on; }}
        {more}
    }}
}}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Nginx:
    """Serves `files` and a few fixed answers: /hello (its name), /status/404, /status/503."""

    def __init__(self, folder, name="nginx", more="", http="", tls=None):
        """`tls` is a file with a certificate and its key: then it speaks HTTPS."""
        self.folder = pathlib.Path(folder)
        self.name = name
        self.files = self.folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.config = self.folder / "nginx.conf"
        if tls:
            more = f"ssl_certificate {tls}; ssl_certificate_key {tls};\n        {more}"
        user = "root" if os.getuid() == 0 else "nobody"
        self.config.write_text(CONFIG.format(folder=self.folder, port=self.port, name=name, more=more,
                                             http=http, user=user, tls="ssl " if tls else ""))
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(self.config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    log = self.folder / "error.log"
                    raise AssertionError(log.read_text() if log.exists() else "nginx did not start") from None
                time.sleep(0.02)

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(10)
            self.process = None

    def log(self):
        path = self.folder / "access.log"
        return path.read_text().splitlines() if path.exists() else []
