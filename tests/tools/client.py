"""A client that sends exactly the bytes it is told to, and believes a response only when every byte of
it is right: framing, its end, and nothing behind it.
"""
import hashlib
import socket
import ssl
import struct
import time

import wire


class Response:
    """A whole response; `wire.Truncated` carries a broken one."""

    def __init__(self, raw):
        self.raw = raw
        self.status, self.reason, self.version, self.fields = wire.parse_response_head(raw)
        self.interim = []  # the heads of 1xx responses before it
        self.body = b""
        self.size = 0
        self.digest = ""
        self.trailers = wire.Fields()
        self.framing = ""
        self.seconds = 0.0  # until its end
        self.head_seconds = 0.0  # until its head was whole
        self.ended = ""  # "fin" or "rst" where the connection's end was waited for

    def __repr__(self):
        return f"<{self.status} {self.reason} {dict(self.fields)} {self.body[:200]!r}>"

    @property
    def error(self):
        return self.fields.get("X-Headwater-Error")


class Client:
    """One connection."""

    def __init__(self, address, timeout=15.0, source=None, receive_buffer=None, tls=None, name=None, first=b""):
        """With TLS where `tls` is an ssl.SSLContext; `name` is asked for then, behind bytes in the clear."""
        host, port = address
        self.timeout = timeout
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if first:
            self.sock.sendall(first)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=name, suppress_ragged_eofs=False)
        self.buffer = b""
        self.ended = ""  # "fin" or "rst"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def abort(self):
        """Leaves with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish(self):
        """Sends FIN, reads on."""
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        """Sends bytes; true unless the server had ended the connection already."""
        try:
            self.sock.sendall(data)
            return True
        except (ConnectionResetError, BrokenPipeError):
            return False

    def request(self, method="GET", target="/", host="edge.test", fields=(), body=None, version="1.1"):
        """Sends a plain request with Content-Length where there is a body."""
        lines = [f"{method} {target} HTTP/{version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in fields]
        if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in fields):
            lines.append(f"Content-Length: {len(body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return self.send(head + (body or b""))

    def _receive(self, deadline):
        """Appends what comes to the buffer; false at the end of the connection."""
        if self.ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, ssl.SSLEOFError):  # with TLS, an end that is not said is none
            self.ended = "rst"
            return False
        if not data:
            self.ended = "fin"
        self.buffer += data
        return bool(data)

    def _read_head(self, deadline):
        while not (parts := wire.split_head(self.buffer)):
            if len(self.buffer) > 1 << 20:
                raise wire.WireError("a response head without end")
            try:
                alive = self._receive(deadline)
            except TimeoutError:
                raise wire.Truncated("timeout", f"no head, but {self.buffer[:200]!r}") from None
            if not alive:
                raise wire.Truncated(self.ended, f"no head, but {self.buffer[:200]!r}")
        raw, self.buffer = parts
        return Response(raw)

    def response(self, method="GET", timeout=None, keep=True, pause=None):
        """Reads the final response to `method`. keep=False forgets the body but counts and hashes it;
        pause() is called after each piece."""
        begun = time.monotonic()
        deadline = begun + (timeout or self.timeout)
        interim = []
        response = self._read_head(deadline)
        while response.status < 200 and response.status != 101:
            interim.append(response)
            response = self._read_head(deadline)
        response.interim = interim
        response.head_seconds = time.monotonic() - begun
        body = wire.response_body(method, response.status, response.version, response.fields)
        response.framing = body.framing
        self._read_body(response, body, deadline, keep, pause)
        response.trailers = body.trailers
        response.seconds = time.monotonic() - begun
        return response

    def _read_body(self, response, body, deadline, keep, pause):
        digest, pieces = hashlib.sha256(), []

        def note():
            response.body = b"".join(pieces)
            response.size, response.digest = body.count, digest.hexdigest()

        while True:
            piece, self.buffer = body.feed(self.buffer)
            digest.update(piece)
            if keep:
                pieces.append(piece)
            if body.whole:
                return note()
            if pause:
                pause()
            try:
                alive = self._receive(deadline)
            except TimeoutError:
                note()
                raise wire.Truncated("timeout", f"body stops after {body.count}", response) from None
            if not alive:
                if self.ended == "fin" and body.end():
                    return note()
                note()
                raise wire.Truncated(self.ended, f"body ends after {body.count}", response)

    def end(self, timeout=None):
        """Waits for the server to end the connection; (bytes before that, "fin" or "rst")."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while self._receive(deadline):
            pass
        rest, self.buffer = self.buffer, b""
        return rest, self.ended

    def is_quiet(self, seconds=0.1):
        """Whether nothing comes and the connection stays for so long."""
        if self.buffer:
            return False
        try:
            self._receive(time.monotonic() + seconds)
        except TimeoutError:
            return True
        return False


def exchange(address, method="GET", target="/", *, host="edge.test", fields=(), body=None,
             version="1.1", timeout=15.0, keep=True, source=None):  # fmt: skip
    """One request on a connection of its own, which must end, cleanly, right behind the response."""
    with Client(address, timeout, source) as client:
        begun = time.monotonic()
        fields = list(fields) + ([("Connection", "close")] if version == "1.1" else [])
        client.request(method, target, host, fields, body, version)
        response = client.response(method, keep=keep)
        response.seconds = time.monotonic() - begun
        rest, response.ended = client.end()
        if rest or response.ended != "fin":
            raise wire.WireError(f"behind {response}: {rest[:200]!r} {response.ended}")
        return response


def raw_exchange(address, data, timeout=15.0, finish=False, source=None):
    """Sends bytes and reads all there is until the server ends the connection: (bytes, how it ended)."""
    with Client(address, timeout, source) as client:
        client.send(data)
        if finish:
            client.finish()
        return client.end()
