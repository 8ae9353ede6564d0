"""The misbehaving origin, the strict client and the other tools, checked against curl, nginx and each other."""
import json
import select
import socket
import subprocess
import time

import client
import content
import load
import nameserver
import nginx
import origin as origin_module
import pytest
import wire
from origin import GARBAGE, Generated, Origin, Reply


@pytest.fixture(name="origin")
def _origin():
    origin = Origin("first")
    yield origin
    origin.stop()


def fetch(origin, method="GET", target="/", **options):
    return client.exchange((origin.host, origin.port), method, target, timeout=5, **options)


def curl(*args, data=None):
    done = subprocess.run(["curl", "-sS", "--max-time", "5", *args], input=data, capture_output=True, timeout=10)
    return done.returncode, done.stdout, done.stderr.decode()


def url(origin, path="/"):
    return f"http://{origin.address}{path}"


def test_curl_gets_a_plain_reply(origin):
    assert curl(url(origin))[:2] == (0, b"first")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_curl_and_the_client_read_every_framing(origin, framing):
    origin.default = Reply(body=Generated("a", 300_001), framing=framing)
    assert curl(url(origin))[1] == content.generate("a", 0, 300_001)
    response = fetch(origin, keep=False)
    assert (response.framing, response.digest) == (framing, content.digest("a", 300_001))


def test_http_1_0_without_a_reason_is_readable(origin):
    origin.default = Reply(version="1.0", reason=None, framing="close", body=b"old")
    assert curl(url(origin))[:2] == (0, b"old")
    assert fetch(origin).reason == ""


def test_interim_responses_extensions_and_trailers_are_sent(origin):
    origin.default = Reply(interim=(103,), framing="chunked", extension=";a=b", body=b"x" * 9,
                           chunk=4, trailers=(("X-End", "yes"),))  # fmt: skip
    response = fetch(origin)
    assert [head.status for head in response.interim] == [103]
    assert response.body == b"x" * 9 and response.trailers.get("X-End") == "yes"
    assert curl(url(origin))[:2] == (0, b"x" * 9)


def test_it_remembers_requests_as_they_came(origin):
    curl("-d", "hello", "-H", "X-A: b", url(origin, "/put?x"))
    (request,) = origin.requests
    assert request.raw.startswith(b"POST /put?x HTTP/1.1\r\n") and request.fields.get("X-A") == "b"
    assert request.body == b"hello" and request.path == "/put" and request.whole


def test_it_reads_chunked_requests_with_trailers_and_100_continue(origin):
    data = content.generate("up", 0, 100_000)
    code, _, _ = curl("-T", "-", "-H", "Expect: 100-continue", url(origin, "/up"), data=data)
    assert code == 0 and origin.requests[0].body == data
    with client.Client((origin.host, origin.port)) as connection:
        connection.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: u\r\n\r\n")
        assert connection.response().status == 200
    assert origin.requests[1].trailers.get("X-T") == "u"


def test_echo_describes_the_request(origin):
    origin.default = Reply(echo=True)
    told = json.loads(fetch(origin, "PUT", "/a", body=b"abc").body)
    assert (told["method"], told["size"]) == ("PUT", 3)


def test_it_notes_requests_that_are_not_http(origin):
    client.raw_exchange((origin.host, origin.port), b"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n", finish=True)
    assert len(origin.errors) == 1


def test_down_refuses_and_up_serves_on_the_same_port(origin):
    origin.down()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", origin.port), 1)
    origin.up()
    assert fetch(origin).body == b"first"


def test_dropped_syns_neither_connect_nor_fail(origin):
    origin.drop_syn()
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", origin.port))
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    assert not poll.poll(600)
    sock.close()
    origin.up()
    assert fetch(origin).body == b"first"


@pytest.mark.parametrize("cut", ["request", "before", "mid_head", "mid_body"])
@pytest.mark.parametrize("how", ["close", "reset", "hang"])
def test_every_cut_ends_as_told(origin, cut, how):
    origin.default = Reply(cut=cut, how=how, body=b"0123456789", cut_after=4)
    with client.Client((origin.host, origin.port)) as connection:
        connection.request()
        with pytest.raises(wire.Truncated) as error:
            connection.response(timeout=0.5)
    assert error.value.how == {"close": "fin", "reset": "rst", "hang": "timeout"}[how]
    if cut == "mid_body":
        assert error.value.response.body == b"0123"


@pytest.mark.parametrize("how", ["close", "reset", "hang"])
def test_connections_can_end_when_they_are_accepted(origin, how):
    origin.at_accept = how
    try:
        with client.Client((origin.host, origin.port)) as connection:
            connection.send(b"GET / HTTP/1.1\r\n")
            connection.response(timeout=0.5)
        ended = "not"
    except wire.Truncated as error:
        ended = error.how
    except ConnectionResetError:  # before connect() was done
        ended = "rst"
    assert ended in {"close": ("fin", "rst"), "reset": ("rst",), "hang": ("timeout",)}[how]


def test_a_second_request_can_be_refused_by_closing(origin):
    origin.on_reuse = "close"
    with client.Client((origin.host, origin.port)) as connection:
        connection.request()
        assert connection.response().status == 200
        connection.request()
        with pytest.raises(wire.Truncated):
            connection.response()
    assert [request.connection for request in origin.requests] == [0, 0]


def test_idle_connections_can_be_closed(origin):
    origin.idle_close = 0.1
    with client.Client((origin.host, origin.port)) as connection:
        connection.request()
        connection.response()
        assert connection.end(2) == (b"", "fin")


def test_a_head_or_body_can_drip(origin):
    origin.on("/head", Reply(drip="head", drip_bytes=10, drip_s=0.02))
    origin.on("/body", Reply(drip="body", drip_bytes=1, drip_s=0.05, body=b"12345"))
    assert fetch(origin, target="/head").seconds > 0.06
    assert fetch(origin, target="/body").seconds > 0.15


def test_replies_can_be_taken_in_turn_or_computed(origin):
    origin.on("/turn", [Reply(status=503), Reply(status=200)])
    origin.on("/made", lambda request: Reply(body=request.target.encode()))
    assert [fetch(origin, target="/turn").status for _ in range(3)] == [503, 200, 200]
    assert fetch(origin, target="/made?x").body == b"/made?x"


@pytest.mark.parametrize("name", [name for name in GARBAGE if name not in
                                  ("an unsolicited 304", "an unsolicited 206", "an unsolicited 101")])  # fmt: skip
def test_no_garbage_is_believed_by_the_strict_client(origin, name):
    origin.default = Reply(raw=GARBAGE[name])
    flood = "flood of" in name and "1xx" not in name or "70,000" in name
    with client.Client((origin.host, origin.port), timeout=3) as connection:
        connection.request()
        if flood:  # right, only too much
            assert connection.response().body == b"ok"
        elif name == "two responses of which the first is a 100 with a body":
            with pytest.raises(wire.WireError):
                connection.response()
        elif name == "a flood of 1xx":
            with pytest.raises(wire.WireError):
                connection.response(timeout=0.3)
        else:
            with pytest.raises(wire.WireError):
                connection.response(timeout=0.5)


def test_slow_readers_hold_the_origin_back(origin):
    origin.default = Reply(body=Generated("big", 50_000_000))
    with client.Client((origin.host, origin.port), receive_buffer=65536) as connection:
        connection.request()
        time.sleep(0.3)
        held = origin.requests[0].sent
        assert held < 20_000_000
        assert connection.response(keep=False).digest == content.digest("big", 50_000_000)


def test_by_hand_it_takes_orders_as_lines():
    process = subprocess.Popen([origin_module.__file__, "--name", "hand"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        port = int(process.stdout.readline().split()[1])
        assert client.exchange(("127.0.0.1", port)).body == b"hand"
        process.stdin.write('{"path": "/", "reply": {"status": 503, "body": "no"}}\n{"show": "requests"}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())[0]["method"] == "GET"
        assert client.exchange(("127.0.0.1", port)).status == 503
    finally:
        process.kill()
        process.wait()


def test_nginx_serves_files_to_the_strict_client(tmp_path):
    server = nginx.Nginx(tmp_path)
    (server.files / "a.bin").write_bytes(content.generate("a", 0, 100_000))
    try:
        server.start()
        response = client.exchange(("127.0.0.1", server.port), target="/a.bin")
        assert response.digest == content.digest("a", 100_000)
        with load.Load(("127.0.0.1", server.port), clients=2, target="/hello", pause=0.001) as running:
            time.sleep(0.3)
        assert running.count > 10 and not running.failures
    finally:
        server.stop()


def test_the_name_server_answers_what_it_is_told():
    server = nameserver.NameServer()
    server.set("a.test", ["127.0.0.9", "::1"], ttl=7)

    def ask(name, kind):
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\0" + bytes([0, kind, 0, 1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.sendto(query, ("127.0.0.1", server.port))
            return sock.recv(512)

    answer = ask("a.test", nameserver.A)
    assert answer[:2] == b"\x12\x34" and answer[6:8] == b"\0\1" and answer.endswith(b"\x7f\0\0\x09")
    assert ask("a.test", nameserver.AAAA)[6:8] == b"\0\1"
    assert ask("b.test", nameserver.A)[3] & 15 == nameserver.NAME_ERROR
    assert server.count("a.test") == 1
    server.stop()
