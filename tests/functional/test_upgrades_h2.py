"""WebSocket over HTTP/2 (RFC 8441): an extended CONNECT is a tunnel, within the one connection of many requests."""
import contextlib
import os
import re
import shutil
import socket
import ssl
import struct
import threading
import time

import h2wire
import pytest
import websocket
from caching import wait_until
from certificates import Authority
from domains import SLACK, domain
from h2wire import DATA, END_STREAM, RST_STREAM, Connection, frame
from origin import Generated, Reply
from websocket import CLOSE, Peer, Server, plain, switch

ALLOWED = {"protocols": ["websocket"], "idle_timeout": "1s"}
ENABLE_CONNECT_PROTOCOL = 8
SIZES = [0, 1, 126, 4096, 16384, 65536, 300_000]


@pytest.fixture
def sockets(make):
    def start(*args, **options):
        return make.closing.add(Server(*args, **options), Server.stop)

    return start


@pytest.fixture
def serve(make):
    def start(master, backup=None, upgrade=ALLOWED, flags=(), **fields):
        return make.headwater([domain(master, backup, upgrade=upgrade, **fields)], dict(flags))

    return start


def connect_head(path="/", protocol="websocket", method="CONNECT", fields=()):
    return [(":method", method), (":protocol", protocol), (":scheme", "https"), (":authority", "edge.test"),
            (":path", path), ("sec-websocket-version", "13"), *fields]  # fmt: skip


class _Pipe:
    """A stream as the socket of a websocket.Peer; minds the server's windows."""

    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.taken = self.sent = 0

    @property
    def stream(self):
        return self.connection.streams[self.number]

    def _credit(self):
        updates = sum(count for number, count in self.connection.updates if number == self.number)
        return 65535 + updates - self.sent

    def sendall(self, data, end=False):
        data = bytes(data)
        while data or end:
            self.connection.wait(lambda: self._credit() > 0 or not data, what="room")
            piece, data = data[: min(16384, self._credit())], data[min(16384, self._credit()) :]
            self.sent += len(piece)
            last = end and not data
            self.connection.send(frame(DATA, END_STREAM if last else 0, self.number, piece))
            if last:
                return

    def recv(self, _):
        self.connection.wait(lambda: len(self.stream.body) > self.taken or self.stream.is_over, what="more")
        data = bytes(self.stream.body[self.taken :])
        self.taken += len(data)
        if not data and self.stream.reset is not None:
            raise ConnectionResetError
        return data

    def close(self):
        pass


def open_tunnel(connection, path="/", **options):
    """A Peer on a new stream, once its head has come."""
    number = connection.request(head=connect_head(path, **options), end=False)
    pipe = _Pipe(connection, number)
    connection.wait(lambda: pipe.stream.heads or pipe.stream.is_over, what="a head")
    return Peer(pipe, True)


def answer(connection, **options):
    return connection.response(connection.request(head=connect_head(**options), end=False))


def test_it_is_announced(serve, sockets):
    with Connection(serve(sockets()).address) as connection:
        connection.ping()
        assert connection.settings[ENABLE_CONNECT_PROTOCOL] == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_messages_of_many_sizes_pass_both_ways(make, serve, sockets, scheme):
    origin = sockets()
    authority = Authority(make.inside("ca"))
    folder = make.inside("certificates")
    shutil.copy(authority.issue("edge.test"), folder)
    server = serve(origin, flags={"listen_tls": "127.0.0.1:0", "certificates": folder})
    address, context = server.address, None
    if scheme == "https":
        line = server.wait_line(r"TLS is on 127")
        address = ("127.0.0.1", int(re.search(r"TLS is on 127\.0\.0\.1:(\d+)", line)[1]))
        context = ssl.create_default_context(cafile=authority.path)
    with Connection(address, tls=context) as connection:
        peer = open_tunnel(connection, "/chat", fields=[("sec-websocket-protocol", "chat"), ("cookie", "a=b")])
        fields = peer.socket.stream.fields
        assert peer.socket.stream.status == 200
        assert not {"upgrade", "connection", "sec-websocket-accept", "content-length"} & set(fields)
        for size in SIZES:
            assert peer.echo(os.urandom(size)), size
        peer.say_goodbye()
        peer.socket.sendall(b"", end=True)
        assert connection.response(peer.socket.number).is_whole
        connection.ping()
        assert connection.streams[peer.socket.number].reset is None
    (line,) = server.wait_log(path="/chat")
    assert (line["protocol"], line["status"], line["end"], line["fault"]) == ("HTTP/2.0", 200, "complete", "none")
    ((first, fields),) = origin.requests
    assert first == "GET /chat HTTP/1.1"
    assert (fields.get("Connection"), fields.get("Upgrade")) == ("Upgrade", "websocket")
    assert len(fields.get("Sec-WebSocket-Key")) == 24 and fields.get("Sec-WebSocket-Version") == "13"
    assert (fields.get("Sec-WebSocket-Protocol"), fields.get("Cookie")) == ("chat", "a=b")


def test_a_key_of_the_client_is_not_used(serve, sockets):
    origin = sockets()
    with Connection(serve(origin).address) as connection:
        keys = []
        for _ in range(2):
            peer = open_tunnel(connection, fields=[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")])
            assert peer.echo(b"x")
            keys.append(origin.requests[-1][1].get("Sec-WebSocket-Key"))
        assert keys[0] != keys[1] and "dGhlIHNhbXBsZSBub25jZQ==" not in keys


def test_tunnels_and_requests_share_a_connection(make, serve, sockets):
    def both(peer):
        (websocket.echo if "Upgrade" in peer.fields else plain(b"page"))(peer)

    with Connection(serve(sockets(both), cache={"mode": "off"}).address) as connection:
        tunnels = [open_tunnel(connection, f"/{number}") for number in range(10)]
        for number, peer in enumerate(tunnels):
            assert peer.echo(bytes([number]) * 1000)
            assert bytes(connection.get("/page").body) == b"page"
        for peer in reversed(tunnels):
            assert peer.echo(b"again")


@pytest.mark.parametrize("upgrade, protocol", [(None, "websocket"), ({"protocols": ["irc"]}, "websocket"),
                                               ({"protocols": ["irc"]}, "irc"), (ALLOWED, "connect-udp")])  # fmt: skip
def test_what_is_not_allowed_is_refused(serve, sockets, upgrade, protocol):
    origin = sockets()
    with Connection(serve(origin, upgrade=upgrade).address) as connection:
        response = answer(connection, protocol=protocol)
        assert (response.status, response.fields["x-headwater-error"]) == (501, "no_upgrade")
    assert not origin.requests


def test_no_other_success_is_taken_for_a_tunnel(make, serve, sockets):
    """To a CONNECT, any 2xx would be one."""
    folder = make.inside("acme")
    (folder / "token").write_text("challenge")
    server = serve(sockets(plain(b"page")), flags={"acme_dir": folder})
    with Connection(server.address) as connection:
        for path in ["/", "/.well-known/acme-challenge/token"]:
            response = answer(connection, path=path)
            assert (response.status, response.fields["x-headwater-error"]) == (502, "not_upgraded")
        assert bytes(connection.get("/.well-known/acme-challenge/token").body) == b"challenge"


def test_other_answers_are_passed_on(serve, sockets):
    server = serve(sockets(plain(b"who are you", "401 Who")), failover={"statuses": "none"})
    with Connection(server.address) as connection:
        response = answer(connection)
        assert (response.status, bytes(response.body)) == (401, b"who are you")


def test_an_origin_has_to_accept_the_key(serve, sockets):
    def wrong(peer):
        peer.socket.sendall(b"HTTP/1.1 101 A\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")  # fmt: skip
        peer.read_all()

    with Connection(serve(sockets(wrong)).address) as connection:
        response = answer(connection)
        assert (response.status, response.fields["x-headwater-error"]) == (502, "not_upgraded")


@pytest.mark.parametrize("head", [
    [(":method", "GET"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "edge.test"), (":path", "/")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":authority", "edge.test"), (":path", "/")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "edge.test")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":protocol", "websocket"), (":scheme", "http"),
     (":authority", "edge.test"), (":path", "/")],
    [*connect_head(), ("upgrade", "websocket")],
])  # fmt: skip
def test_malformed_ones_reset_their_stream(serve, sockets, head):
    origin = sockets()
    with Connection(serve(origin).address) as connection:
        number = connection.request(head=head, end=False)
        assert connection.response(number).reset == h2wire.PROTOCOL_ERROR
        connection.ping()
    assert not origin.requests


@pytest.mark.parametrize("fields", [[("content-length", "5")], [(":late", "x")]])
def test_what_has_a_length_is_no_tunnel(serve, sockets, fields):
    origin = sockets()
    with Connection(serve(origin).address) as connection:
        response = answer(connection, fields=fields)
        assert response.reset == h2wire.PROTOCOL_ERROR or response.status == 400
    assert not origin.requests


def test_the_backup_is_asked_before_the_upgrade(serve, sockets):
    backup = sockets()
    server = serve(sockets(lambda peer: None), backup)
    with Connection(server.address) as connection:
        peer = open_tunnel(connection, "/x")
        assert peer.echo(b"hello")
    (line,) = server.wait_log(path="/x")
    assert [attempt["role"] for attempt in line["attempts"]] == ["master", "backup"]


def test_ends_are_passed_on_each_way(serve, sockets):
    got = []

    def answer_the_end(peer):
        switch(peer)
        got.append(peer.read_all())
        peer.socket.sendall(b"goodbye")

    server = serve(sockets(answer_the_end))
    with Connection(server.address) as connection:
        peer = open_tunnel(connection, "/half")
        peer.socket.sendall(b"x" * 100_000, end=True)
        response = connection.response(peer.socket.number)
        assert (bytes(response.body), response.is_whole, response.reset) == (b"goodbye", True, None)
    assert got == [(b"x" * 100_000, "fin")]
    (line,) = server.wait_log(path="/half")
    assert (line["end"], line["bytes_in"], line["bytes_out"]) == ("complete", 100_000, 7)


def test_the_origin_may_end_first(serve, sockets):
    got = []

    def end_first(peer):
        switch(peer, more=b"bye")
        peer.socket.shutdown(socket.SHUT_WR)
        got.append(peer.read_all())

    server = serve(sockets(end_first))
    with Connection(server.address) as connection:
        peer = open_tunnel(connection, "/first")
        stream = connection.response(peer.socket.number)
        assert (bytes(stream.body), stream.is_whole, stream.reset) == (b"bye", True, None)
        peer.socket.sendall(b"and more", end=True)
        wait_until(lambda: got, "the origin has the end", 5)
        connection.ping()
        assert stream.reset is None
    assert got == [(b"and more", "fin")]
    assert server.wait_log(path="/first")[0]["end"] == "complete"


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_client_that_resets_is_seen(serve, sockets, has_ended):
    ends = []

    def listen(peer):
        switch(peer)
        if has_ended:
            peer.socket.shutdown(socket.SHUT_WR)
        ends.append(peer.read_all()[1])

    server = serve(sockets(listen), upgrade={**ALLOWED, "idle_timeout": "60s"})
    with Connection(server.address) as connection:
        peer = open_tunnel(connection, "/leaves")
        if has_ended:
            connection.response(peer.socket.number)
        connection.send(frame(RST_STREAM, 0, peer.socket.number, struct.pack(">I", h2wire.CANCEL)))
        (line,) = server.wait_log(path="/leaves")
        assert (line["end"], line["fault"]) == ("aborted", "client_gone")
        wait_until(lambda: ends, "the origin knows", 5)
        connection.ping()


def test_an_origin_that_dies_is_seen(serve, sockets):
    def die(peer):
        switch(peer, more=b"last words")
        peer.read(1)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = serve(sockets(die))
    with Connection(server.address) as connection:
        peer = open_tunnel(connection, "/dies")
        assert peer.read(10) == b"last words"
        peer.socket.sendall(b"x")
        stream = connection.response(peer.socket.number)
        assert not stream.is_whole and stream.reset == h2wire.INTERNAL_ERROR
    assert server.wait_log(path="/dies")[0]["end"] == "truncated"


def test_a_tunnel_that_stands_still_is_cut_alone(serve, sockets):
    server = serve(sockets())
    with Connection(server.address) as connection:
        idle, busy = open_tunnel(connection, "/idle"), open_tunnel(connection, "/busy")
        end = time.monotonic() + 1 + SLACK
        while time.monotonic() < end:
            assert busy.echo(b"still here")
            time.sleep(0.2)
        assert idle.socket.stream.reset is not None
        assert busy.socket.stream.reset is None
    (line,) = server.wait_log(path="/idle")
    assert (line["end"], line["fault"]) == ("aborted", "tunnel_idle")


def test_a_slow_reader_holds_the_origin_back(serve, sockets):
    total, sent = 32 << 20, []

    def pour(peer):
        switch(peer)
        with contextlib.suppress(OSError):
            for _ in range(total >> 16):
                peer.socket.sendall(bytes(65536))
                sent.append(65536)

    server = serve(sockets(pour), upgrade={**ALLOWED, "idle_timeout": "20s"})
    with Connection(server.address, window=1000) as connection:
        peer = open_tunnel(connection)
        connection.read_for(1)
        held = sum(sent)
        connection.read_for(0.5)
        assert sum(sent) == held < total
        assert len(peer.socket.stream.body) == 1000
        connection.window(0, 1 << 30)
        connection.window(peer.socket.number, 1 << 30)
        connection.wait(lambda: len(peer.socket.stream.body) == total, 60)


def test_an_end_needs_no_room_of_the_client(serve, sockets):
    """RFC 9113 section 6.9: an end of a side is a frame without content, which no window holds back."""
    server = serve(sockets(lambda peer: switch(peer, more=b"x" * 10)))
    with Connection(server.address, window=10) as connection:
        peer = open_tunnel(connection, "/end")
        assert peer.read(10) == b"x" * 10
        peer.socket.sendall(b"", end=True)
        stream = connection.response(peer.socket.number)
        assert stream.is_whole and stream.reset is None
        connection.ping()
    assert server.wait_log(path="/end")[0]["bytes_out"] == 10


def test_a_slow_origin_holds_the_client_back(serve, sockets):
    go, got = threading.Event(), []

    def sleep(peer):
        switch(peer)
        go.wait(20)
        got.append(len(peer.read_all()[0]))

    server = serve(sockets(sleep), upgrade={**ALLOWED, "idle_timeout": "20s"})
    with Connection(server.address, timeout=2) as connection:
        peer = open_tunnel(connection)
        with pytest.raises(AssertionError, match="room"):
            for _ in range(1024):
                peer.socket.sendall(bytes(65536))
        go.set()
        connection.timeout = 20
        peer.socket.sendall(b"", end=True)
        wait_until(lambda: got, "everything has arrived", 20)
        assert got == [peer.socket.sent]
