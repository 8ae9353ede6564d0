"""WebSocket, and other protocols that a connection changes to: what passes, and what does not."""
import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
import websocket
from caching import wait_until
from certificates import Authority, server_context
from domains import SLACK, domain, origin_of
from websocket import CLOSE, Client, Server, plain, switch

pytestmark = pytest.mark.racing

NAME = "edge.test"
MIB = 1 << 20
SIZES = [0, 1, 125, 126, 4096, 4097, 65535, 65536, 70_000, 1_000_000]
ALLOWED = {"protocols": ["websocket"], "idle_timeout": "1s"}


@pytest.fixture
def serve(make):
    """serve(master, backup, upgrade=…, flags=…, **fields) is a running Headwater."""

    def start(master, backup=None, upgrade=ALLOWED, flags=(), **fields):
        return make.headwater([domain(master, backup, upgrade=upgrade, **fields)],
                              {"origin_rules": "extended", **dict(flags)})  # fmt: skip

    return start


@pytest.fixture
def sockets(make):
    """sockets(serve, tls) is an origin of WebSocket."""

    def start(*args, **options):
        return make.closing.add(Server(*args, **options), Server.stop)

    return start


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("to_origin", ["http", "https"])
@pytest.mark.parametrize("to_client", ["http", "https"])
def test_messages_of_many_sizes_pass_both_ways(make, serve, sockets, to_client, to_origin):
    authority = Authority(make.inside("ca"))
    certificate = authority.issue(NAME)
    folder = make.inside("certificates")
    shutil.copy(certificate, folder)
    origin = sockets(tls=server_context(certificate) if to_origin == "https" else None)
    tls = {"tls": {"ca": str(authority.path)}} if to_origin == "https" else {}
    server = serve(origin_of(origin, protocol=to_origin, **tls),
                   flags={"listen_tls": "127.0.0.1:0", "certificates": folder})  # fmt: skip
    address, context = server.address, None
    if to_client == "https":
        line = server.wait_line(r"TLS is on 127")
        address = ("127.0.0.1", int(re.search(r"TLS is on 127\.0\.0\.1:(\d+)", line)[1]))
        context = ssl.create_default_context(cafile=authority.path)
    with Client(address, "/chat", tls=context) as client:
        assert client.is_open
        sent = 0
        for size in SIZES:
            assert client.echo(os.urandom(size)), size
        client.say_goodbye()
        if context is not None:
            client.socket = client.socket.unwrap()
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_all() == (b"", "fin")
    (line,) = server.wait_log(path="/chat")
    sent = sum(SIZES) + sum(2 + (0 if size < 126 else 2 if size < 65536 else 8) for size in SIZES) + 4
    assert (line["status"], line["end"], line["fault"]) == (101, "complete", "none")
    assert (line["bytes_out"], line["bytes_in"]) == (sent, sent + 4 * (len(SIZES) + 1))
    assert [attempt["status"] for attempt in line["attempts"]] == [101]
    (_, fields), = origin.requests
    assert (fields.get("Connection"), fields.get("Upgrade")) == ("Upgrade", "websocket")
    assert fields.get("Sec-WebSocket-Key") == client.key and fields.get("Sec-WebSocket-Version") == "13"


def test_many_at_once_on_several_workers(make, sockets):
    origin = sockets()
    server = make.headwater([domain(origin, upgrade=ALLOWED)], workers=2)
    failed = []

    def talk(number):
        try:
            with Client(server.address, f"/{number}") as client:
                assert client.is_open
                for size in range(0, 3000, 97):
                    assert client.echo(os.urandom(size))
                client.say_goodbye()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    assert {line["status"] for line in server.wait_log(30)} == {101}


def test_what_leaves_with_the_heads_is_of_the_tunnel(serve, sockets):
    def talk(peer):
        switch(peer, more=b"from the origin")
        peer.socket.sendall(b"<" + peer.read(10) + b">")

    server = serve(sockets(talk))
    with Client(server.address, more=b"early byte") as client:
        assert client.is_open
        assert client.read_all()[0] == b"from the origin<early byte>"


@pytest.mark.parametrize("upgrade", [None, {"protocols": ["irc"]}])
def test_what_is_not_allowed_is_an_ordinary_request(serve, sockets, upgrade):
    origin = sockets(plain())
    server = serve(origin, upgrade=upgrade)
    with Client(server.address) as client:
        assert client.status == 200 and client.body() == b"plain"
        assert "Upgrade" not in client.fields
    (_, fields), = origin.requests
    assert "Upgrade" not in fields and "Connection" not in fields


@pytest.mark.parametrize("options", [{"connection": "close"}, {"protocol": "h2c"}, {"version": "1.0"}])
def test_what_does_not_ask_for_it_is_an_ordinary_request(serve, sockets, options):
    origin = sockets(plain())
    with Client(serve(origin).address, **options) as client:
        assert client.status == 200 and client.body() == b"plain"
    (_, fields), = origin.requests
    assert "Upgrade" not in fields


@pytest.mark.parametrize("request_line", [b"POST / HTTP/1.1", b"HEAD / HTTP/1.1", b"GET / HTTP/1.1\r\nContent-Length: 1"])
def test_other_methods_and_bodies_change_nothing(serve, sockets, request_line):
    origin = sockets(lambda peer: peer.socket.sendall(b"HTTP/1.1 204 None\r\n\r\n"))
    server = serve(origin)
    body = b"" if b"Length" not in request_line else b"x"
    answer, _ = server.raw(request_line + b"\r\nHost: edge.test\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n"
                           + body)  # fmt: skip
    assert answer.startswith(b"HTTP/1.1 204")
    assert "Upgrade" not in origin.requests[0][1]


def test_only_one_protocol_that_is_allowed_is_asked_for(serve, sockets):
    origin = sockets(lambda peer: switch(peer, "IRC/6.9"))
    server = serve(origin, upgrade={"protocols": ["irc/6.9", "websocket"]})
    with Client(server.address, protocol="h2c, IRC/6.9, websocket") as client:
        assert (client.status, client.fields.get("Upgrade")) == (101, "irc/6.9")
    assert origin.requests[0][1].get("Upgrade") == "irc/6.9"


# Before the upgrade: as for any request.


def test_another_answer_is_one_and_the_connection_goes_on(serve, sockets):
    origin = sockets(plain(b"not here", "404 Not Found"))
    server = serve(origin, failover={"statuses": "none"})
    second = b"GET /second HTTP/1.1\r\nHost: edge.test\r\n\r\n"
    with Client(server.address, more=second) as client:
        assert client.status == 404 and client.body() == b"not here"
        assert client.read_head().startswith(b"HTTP/1.1 404") and client.body() == b"not here"
    assert [line for line, _ in origin.requests] == ["GET / HTTP/1.1", "GET /second HTTP/1.1"]
    assert [line["path"] for line in server.wait_log(2)] == ["/", "/second"]


@pytest.mark.parametrize("how", ["refused", "closes", "silent", "malformed", "status", "unasked"])
def test_the_backup_is_asked_before_the_upgrade(serve, sockets, make, how):
    says = {"closes": b"", "malformed": b"HTTP/1.1 101 A\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "status": b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
            "unasked": b"HTTP/1.1 101 A\r\nUpgrade: websocket\r\n\r\n"}  # fmt: skip

    def misbehave(peer):
        if how == "silent":
            time.sleep(2)
        else:
            peer.socket.sendall(says[how])

    master = sockets(misbehave)
    backup = sockets()
    if how == "refused":
        master.stop()
        time.sleep(0.05)
    server = serve(master, backup)
    with Client(server.address, "/x") as client:
        assert client.is_open
        assert client.echo(b"hello")
        client.say_goodbye()
    (line,) = server.wait_log(path="/x")
    assert [attempt["role"] for attempt in line["attempts"]] == ["master", "backup"]
    assert line["attempts"][1]["status"] == 101


def test_nobody_answers(serve, sockets):
    master, backup = sockets(), sockets()
    master.stop()
    backup.stop()
    time.sleep(0.05)
    with Client(serve(master, backup).address) as client:
        assert client.status == 502
        assert client.fields.get("X-Headwater-Error") == "connect_refused"


# Who may not speak of it.


def test_a_101_that_nobody_asked_for_is_malformed(serve, sockets):
    origin = sockets(lambda peer: switch(peer, more=b"GET /smuggled HTTP/1.1\r\n\r\n"))
    server = serve(origin, upgrade=None)
    last = b"GET /last HTTP/1.0\r\nHost: edge.test\r\n\r\n"
    for fields in [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"]:
        answer, _ = server.raw(b"GET / HTTP/1.1\r\nHost: edge.test\r\n" + fields + b"\r\n" + last, timeout=3)
        assert answer.startswith(b"HTTP/1.1 502") and b"malformed" in answer


@pytest.mark.parametrize("head", [
    b"Upgrade: h2c\r\nConnection: Upgrade", b"Upgrade: websocket", b"Connection: Upgrade",
    b"Upgrade: websocket, h2c\r\nConnection: Upgrade", b"Upgrade: websocket\r\nConnection: close",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked",
])  # fmt: skip
def test_a_101_that_is_not_what_was_asked_for_is_malformed(serve, sockets, head):
    origin = sockets(lambda peer: peer.socket.sendall(b"HTTP/1.1 101 Switching\r\n" + head + b"\r\n\r\n"))
    with Client(serve(origin, failover={"attempts": 1}).address) as client:
        assert (client.status, client.fields.get("X-Headwater-Error")) == (502, "malformed")


def test_a_101_in_http_1_0_is_malformed(serve, sockets):
    origin = sockets(lambda peer: peer.socket.sendall(
        b"HTTP/1.0 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))  # fmt: skip
    with Client(serve(origin, failover={"attempts": 1}).address) as client:
        assert (client.status, client.fields.get("X-Headwater-Error")) == (502, "malformed")


def test_nothing_of_an_upgrade_is_remembered(serve, sockets):
    origin = sockets(plain(b"public"))
    server = serve(origin, cache={"ttl_default": "1h"})
    assert [server.get("/a").fields.get("X-Cache") for _ in range(2)] == ["MISS", "HIT"]
    with Client(server.address, "/a") as client:
        assert client.status == 200 and client.fields.get("X-Cache") == "PASS"
    assert len(origin.requests) == 2


# How it ends.


def test_a_tunnel_that_stands_still_is_cut(serve, sockets):
    server = serve(sockets())
    with Client(server.address, "/idle") as client:
        for _ in range(4):
            time.sleep(0.6)
            assert client.echo(b"still here")
        begun = time.monotonic()
        assert client.read_all() == (b"", "rst")
        assert 0.9 < time.monotonic() - begun < 1 + SLACK
    (line,) = server.wait_log(path="/idle")
    assert (line["end"], line["fault"]) == ("aborted", "tunnel_idle")


def test_the_other_direction_alone_keeps_it_open(serve, sockets):
    def tick(peer):
        switch(peer)
        for _ in range(5):
            time.sleep(0.5)
            peer.socket.sendall(b".")

    with Client(serve(sockets(tick)).address) as client:
        assert client.read_all()[0] == b"....."


def test_an_end_is_passed_on_and_the_other_side_goes_on(serve, sockets):
    def answer_the_end(peer):
        switch(peer)
        data, how = peer.read_all()
        peer.socket.sendall(b"%d bytes, then %s" % (len(data), how.encode()))

    server = serve(sockets(answer_the_end))
    with Client(server.address, "/half") as client:
        client.socket.sendall(b"x" * 100_000)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_all() == (b"100000 bytes, then fin", "fin")
    (line,) = server.wait_log(path="/half")
    assert (line["end"], line["bytes_in"], line["bytes_out"]) == ("complete", 100_000, 22)


def test_the_origin_may_end_first(serve, sockets):
    got = []

    def end_first(peer):
        switch(peer, more=b"bye")
        peer.socket.shutdown(socket.SHUT_WR)
        got.append(peer.read_all())

    server = serve(sockets(end_first))
    with Client(server.address) as client:
        assert client.read_all() == (b"bye", "fin")
        client.socket.sendall(b"and more")
    wait_until(lambda: got, "the origin has the end", 5)
    assert got == [(b"and more", "fin")]
    (line,) = server.wait_log(1)
    assert line["end"] == "complete"


def test_an_origin_that_dies_is_seen(serve, sockets):
    def die(peer):
        switch(peer, more=b"last words")
        assert peer.read(1) == b"x"
        reset(peer.socket)

    server = serve(sockets(die))
    with Client(server.address, "/dies") as client:
        assert client.read(10) == b"last words"
        client.socket.sendall(b"x")
        assert client.read_all() == (b"", "rst")
    (line,) = server.wait_log(path="/dies")
    assert (line["end"], line["fault"]) == ("truncated", "truncated")


def test_a_client_that_leaves_is_seen(serve, sockets):
    ends = []

    def listen(peer):
        switch(peer)
        ends.append(peer.read_all()[1])

    server = serve(sockets(listen))
    with Client(server.address, "/leaves") as client:
        assert client.is_open
        reset(client.socket)
    (line,) = server.wait_log(path="/leaves")
    assert (line["end"], line["fault"]) == ("aborted", "client_gone")
    wait_until(lambda: ends, "the origin knows", 5)


@pytest.mark.parametrize("slow", ["client", "origin"])
def test_a_slow_side_holds_the_other_back(make, serve, sockets, slow):
    total, sent = 64 * MIB, []
    piece = os.urandom(MIB)
    go = threading.Event()

    def pour(connection):
        with contextlib.suppress(OSError):
            for _ in range(total // MIB):
                connection.sendall(piece)
                sent.append(MIB)
            connection.shutdown(socket.SHUT_WR)

    def drain(peer):
        go.wait(20)
        size = len(peer.got)
        while piece := peer.socket.recv(1 << 20):
            size += len(piece)
        return size

    got = []

    def as_origin(peer):
        switch(peer)
        if slow == "client":
            pour(peer.socket)
        else:
            got.append(drain(peer))

    server = serve(sockets(as_origin), upgrade={**ALLOWED, "idle_timeout": "20s"})
    (edge,) = server.edge_pids()

    def resident():
        with open(f"/proc/{edge}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    with Client(server.address, receive_buffer=65536, timeout=30) as client:
        assert client.is_open
        if slow == "origin":
            threading.Thread(target=pour, args=(client.socket,), daemon=True).start()
        time.sleep(1.5)
        held = len(sent)
        time.sleep(0.5)
        assert len(sent) == held < total // MIB, "what nobody reads must not be taken for ever"
        assert resident() - before < 8 * MIB
        go.set()
        if slow == "client":
            got.append(drain(client))
            client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: got, "everything has arrived", 30)
    assert got == [total]


def test_a_slow_reader_is_no_idle_one(serve, sockets):
    """What waits in sockets moves on, though nothing is read of the origin for longer than idle_timeout."""

    def pour(peer):
        switch(peer)
        with contextlib.suppress(OSError):
            while True:
                peer.socket.sendall(bytes(65536))

    server = serve(sockets(pour), upgrade={**ALLOWED, "idle_timeout": "1s"})
    with Client(server.address, receive_buffer=16384) as client:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert client.socket.recv(8192)
            time.sleep(0.1)
        begun = time.monotonic()
        time.sleep(2 + SLACK)
        assert client.read_all()[1] == "rst", "one that reads nothing at all is cut"
        assert time.monotonic() - begun < 10


def test_a_drain_gives_tunnels_their_time_and_cuts_them(serve, sockets):
    server = serve(sockets(), flags={"drain_timeout": "2s"}, upgrade={**ALLOWED, "idle_timeout": "60s"})
    with Client(server.address) as client, Client(server.address) as other:
        assert client.echo(b"before")
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert client.echo(b"while it drains")
        other.say_goodbye()
        other.close()
        assert client.read_all()[1] == "rst"
        assert 1.5 < time.monotonic() - begun < 2 + SLACK + 1
    assert server.process.wait(10) == 0
    assert sorted(line["end"] for line in server.log()) == ["complete", "truncated"]


def test_rules_for_fields_hold_for_upgrades_too(serve, sockets):
    origin = sockets()
    server = serve(origin, headers={"to_origin": ["set X-A: b", "delete X-C"], "to_client": ["set X-D: e"]})
    with Client(server.address, fields=[("X-C", "d"), ("Sec-WebSocket-Protocol", "chat")]) as client:
        assert client.is_open and client.fields.get("X-D") == "e"
        assert "Keep-Alive" not in client.fields
    (_, fields), = origin.requests
    assert fields.get("X-A") == "b" and "X-C" not in fields
    assert fields.get("Sec-WebSocket-Protocol") == "chat"
