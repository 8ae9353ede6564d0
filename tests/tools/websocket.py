"""WebSocket (RFC 6455) by hand, as far as tests need it: an origin with a thread for each connection, and a client."""
import base64
import contextlib
import hashlib
import os
import socket
import struct
import threading

import wire

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class Peer:
    """One end of a connection; a client's frames are masked."""

    def __init__(self, connection, is_client):
        self.socket = connection
        self.is_client = is_client
        self.got = b""  # received, and not taken
        self.head = None  # of the request, or of the response
        self.method = self.target = self.fields = self.status = None

    def read_head(self):
        while b"\r\n\r\n" not in self.got:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self.got)
            self.got += piece
        self.head, self.got = wire.split_head(self.got)
        lines = wire.head_lines(self.head)
        self.fields = wire.parse_fields(lines[1:])
        return lines[0]

    def read(self, count):
        while len(self.got) < count:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError(self.got)
            self.got += piece
        data, self.got = self.got[:count], self.got[count:]
        return data

    def read_all(self):
        """Everything until the end, and how that came."""
        data, self.got = [self.got], b""
        try:
            while piece := self.socket.recv(65536):
                data.append(piece)
        except (ConnectionError, OSError) as error:
            return b"".join(data), "timeout" if isinstance(error, TimeoutError) else "rst"
        return b"".join(data), "fin"

    def send(self, payload, kind=BINARY):
        mask = os.urandom(4) if self.is_client else b""
        flag = 0x80 if self.is_client else 0
        length = len(payload)
        if length < 126:
            head = struct.pack(">BB", 0x80 | kind, flag | length)
        elif length < 65536:
            head = struct.pack(">BBH", 0x80 | kind, flag | 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | kind, flag | 127, length)
        self.socket.sendall(head + mask + (masked(payload, mask) if mask else payload))

    def receive(self):
        """(kind, payload) of the next frame."""
        first, second = self.read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.read(8))
        assert bool(second & 0x80) != self.is_client, "who must mask did not, or the other one did"
        mask = self.read(4) if second & 0x80 else b""
        payload = self.read(length)
        return first & 0x0F, masked(payload, mask) if mask else payload

    def echo(self, payload):
        self.send(payload)
        return self.receive()[1] == payload

    def say_goodbye(self, code=1000):
        """Close frames both ways, and the end of the connection behind them."""
        self.send(struct.pack(">H", code), CLOSE)
        kind, payload = self.receive()
        assert (kind, payload) == (CLOSE, struct.pack(">H", code))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def masked(payload, mask):
    whole = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(payload), "big")


def switch(peer, protocol="websocket", more=b"", fields=()):
    """Answers 101; `more` leaves together with the head."""
    lines = ["HTTP/1.1 101 Switching Protocols", f"Upgrade: {protocol}", "Connection: Upgrade"]
    key = peer.fields.get("Sec-WebSocket-Key")
    if key:
        lines.append(f"Sec-WebSocket-Accept: {accept_of(key)}")
    lines += [f"{name}: {value}" for name, value in fields]
    peer.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + more)


def echo(peer):
    """What an origin does for a test that says nothing else: switches, and echoes frames until Close."""
    switch(peer)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            kind, payload = peer.receive()
            peer.send(payload, kind)
            if kind == CLOSE:
                return


def plain(body=b"plain", status="200 OK"):
    """An origin that knows nothing of upgrades, and keeps its connections."""

    def serve(peer):
        while True:
            length = str(len(body)).encode()
            peer.socket.sendall(b"HTTP/1.1 " + status.encode() + b"\r\nContent-Length: " + length + b"\r\n\r\n" + body)
            peer.server.read_request(peer)

    return serve


class Server:
    """An origin; `serve(peer)` is called once the first head of a connection was read, and closes it by returning."""

    def __init__(self, serve=echo, tls=None):
        self.serve = serve
        self.tls = tls
        self.requests = []  # (request line, fields)
        self.peers = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def read_request(self, peer):
        line = peer.read_head().decode()
        peer.method, peer.target, _ = line.split(" ")
        self.requests.append((line, peer.fields))

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection):
        with contextlib.suppress(OSError, EOFError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(30)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                peer = Peer(connection, False)
                peer.server = self
                self.read_request(peer)
                self.peers.append(peer)
                self.serve(peer)
                if self.tls is not None:
                    connection.unwrap()

    def stop(self):
        with contextlib.suppress(OSError):  # not the first time
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.socket.close()


class Client(Peer):
    """A client that asks for an upgrade; `status` is what came."""

    def __init__(self, address, target="/", host="edge.test", protocol="websocket", fields=(), more=b"", tls=None,
                 timeout=10, receive_buffer=None, connection="Upgrade", version="1.1"):  # fmt: skip
        connected = socket.socket()
        if receive_buffer:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.settimeout(timeout)
        connected.connect(address)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connected = tls.wrap_socket(connected, server_hostname=host)
        super().__init__(connected, True)
        self.key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {target} HTTP/{version}", f"Host: {host}", f"Connection: {connection}", f"Upgrade: {protocol}",
                 f"Sec-WebSocket-Key: {self.key}", "Sec-WebSocket-Version: 13"]  # fmt: skip
        lines += [f"{name}: {value}" for name, value in fields]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + more)
        self.status = int(self.read_head().split(b" ")[1])

    @property
    def is_open(self):
        return (
            self.status == 101
            and self.fields.tokens("Connection") == ["upgrade"]
            and self.fields.get("Upgrade").lower() == "websocket"
            and self.fields.get("Sec-WebSocket-Accept") == accept_of(self.key)
        )

    def body(self):
        return self.read(int(self.fields.get("Content-Length")))
