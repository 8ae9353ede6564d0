"""Connections that live on: pipelining, HTTP/1.0, and the reuse of connections to origins."""
import threading
import time

import pytest
import wire
from domains import domain, origin_of
from origin import Reply

GET = "GET /{} HTTP/1.1\r\nHost: edge.test\r\n\r\n"


@pytest.fixture(name="named")
def _named(origin):
    """The origin answers each request with its own path."""
    origin.default = lambda request: Reply(body=request.target.encode())
    return origin


@pytest.fixture(name="server")
def _server(make, named):
    return make.headwater([domain(named)], workers=1)


def test_a_connection_serves_many_requests(server):
    with server.connect() as connection:
        for number in range(100):
            connection.request(target=f"/{number}")
            assert connection.response().body == b"/%d" % number


def test_pipelined_requests_are_answered_in_order(server, named):
    with server.connect() as connection:
        connection.send("".join(GET.format(number) for number in range(50)).encode())
        for number in range(50):
            assert connection.response().body == b"/%d" % number
        assert connection.is_quiet()
    assert [request.target for request in named.requests] == [f"/{number}" for number in range(50)]


def test_pipelined_requests_wait_for_a_slow_one(server, named):
    named.on("/slow", Reply(delay=0.5, body=b"/slow"))
    with server.connect() as connection:
        connection.send(b"GET /slow HTTP/1.1\r\nHost: edge.test\r\n\r\n" + GET.format("quick").encode())
        assert connection.response().body == b"/slow"
        assert connection.response().body == b"/quick"


def test_pipelined_requests_with_bodies_keep_their_bounds(server, named):
    named.default = Reply(body=lambda request: request.target.encode() + b" " + request.body)
    with server.connect() as connection:
        pieces = []
        for number in range(20):
            pieces.append(f"PUT /a{number} HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 3\r\n\r\nx{number:02}".encode())
            pieces.append(f"PUT /b{number} HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                          f"3\r\ny{number:02}\r\n0\r\n\r\n".encode())  # fmt: skip
        connection.send(b"".join(pieces))
        for number in range(20):
            assert connection.response().body == b"/a%d x%02d" % (number, number)
            assert connection.response().body == b"/b%d y%02d" % (number, number)


def test_a_flood_of_pipelined_requests_is_held_back_not_dropped(server):
    """Far more than the 64 KiB that may wait: the rest stays in the sockets until its turn."""
    count = 6000
    with server.connect(timeout=60) as connection:
        sender = threading.Thread(target=connection.send, args=("".join(map(GET.format, range(count))).encode(),))
        sender.start()
        for number in range(count):
            assert connection.response().body == b"/%d" % number
        sender.join()


def test_a_bad_request_behind_good_ones_does_not_spoil_them(server):
    with server.connect() as connection:
        connection.send((GET.format(1) + GET.format(2)).encode() + b"BAD\r\n\r\n" + GET.format(3).encode())
        assert connection.response().body == b"/1"
        assert connection.response().body == b"/2"
        assert connection.response().status == 400
        assert connection.end()[0] == b""


@pytest.mark.parametrize("version, fields, stays", [
    ("1.1", [], True),
    ("1.1", [("Connection", "keep-alive")], True),
    ("1.1", [("Connection", "close")], False),
    ("1.1", [("Connection", "foo, Close")], False),
    ("1.0", [], False),
    ("1.0", [("Connection", "close")], False),
    ("1.0", [("Connection", "Keep-Alive")], True),
])  # fmt: skip
def test_a_connection_stays_as_the_client_wishes(server, version, fields, stays):
    with server.connect() as connection:
        connection.request(target="/one", version=version, fields=fields)
        response = connection.response()
        assert response.body == b"/one"
        if stays:
            assert "close" not in response.fields.tokens("Connection")
            if version == "1.0":
                assert "keep-alive" in response.fields.tokens("Connection")
            assert connection.is_quiet()
            connection.request(target="/two", version=version, fields=fields)
            assert connection.response().body == b"/two"
        else:
            if version == "1.1":
                assert "close" in response.fields.tokens("Connection")
            assert connection.end(5) == (b"", "fin")


def test_an_http_1_0_request_without_a_host_is_not_for_us(server, named):
    with server.connect() as connection:
        connection.request(host=None, version="1.0")
        assert connection.response().status in (400, 421)
    assert not named.requests


def test_a_body_of_unknown_length_ends_an_http_1_0_connection(server, named):
    named.default = Reply(body=b"x" * 1000, framing="chunked")
    with server.connect() as connection:
        connection.request(version="1.0", fields=[("Connection", "keep-alive")])
        response = connection.response()
        assert response.body == b"x" * 1000 and response.framing == "close"


def test_an_idle_connection_is_closed_after_its_time(make, named):
    server = make.headwater([domain(named)], {"keepalive_timeout": "1s"})
    with server.connect() as connection:
        connection.request(target="/one")
        connection.response()
        begun = time.monotonic()
        assert connection.end(5) == (b"", "fin")
        assert 0.8 < time.monotonic() - begun < 3


def test_connections_to_the_origin_are_used_again(server, named):
    for number in range(20):
        assert server.get(f"/{number}").status == 200
    assert len(named.connections) == 1
    assert [line["attempts"][0]["reused"] for line in server.wait_log(20)] == [False] + [True] * 19


@pytest.mark.parametrize("reply", [
    Reply(keep=False, body=b"x"),
    Reply(version="1.0", body=b"x"),
    Reply(framing="close", body=b"x"),
    Reply(fields=(("Connection", "close"),), body=b"x"),
], ids=["close", "HTTP/1.0", "until the close", "a field"])  # fmt: skip
def test_connections_that_the_origin_gives_up_are_not_used_again(server, named, reply):
    named.default = reply
    for _ in range(3):
        assert server.get().body == b"x"
    assert len(named.connections) == 3


def test_keepalive_can_be_forbidden(make, named):
    server = make.headwater([domain(origin_of(named, keepalive="0s"))])
    for _ in range(3):
        assert server.get().status == 200
    assert len(named.connections) == 3


def test_a_kept_connection_is_closed_after_its_time(make, named):
    server = make.headwater([domain(origin_of(named, keepalive="1s"))])
    server.get()
    end = time.monotonic() + 5
    while not named.connections[0].ended and time.monotonic() < end:
        time.sleep(0.05)
    assert named.connections[0].ended == "peer"


def test_an_origin_that_closes_idle_connections_is_no_trouble(make, named):
    named.idle_close = 0.05
    backup = make.origin("backup")
    server = make.headwater([domain(named, backup)])
    for number in range(30):
        assert server.get(f"/{number}").body == b"/%d" % number
        time.sleep(0.048 + number % 3 * 0.002)
    assert not backup.connections


def test_an_origin_that_resets_reused_connections_is_asked_again_once(make, named):
    named.on_reuse = "reset"
    server = make.headwater([domain(named)])
    for number in range(5):
        assert server.get(f"/{number}").body == b"/%d" % number


def test_an_origin_that_always_closes_after_the_request_fails_in_the_end(make, named):
    """A stale connection is retried once, not for ever."""
    server = make.headwater([domain(named)])
    assert server.get("/warm").status == 200
    named.default = Reply(cut="before", how="close")
    response = server.get("/cold")
    assert response.status == 502
    assert len(named.on_path("/cold")) == 2


def test_responses_without_bodies_leave_the_origins_connection_usable(make, named):
    server = make.headwater([domain(named, cache={"mode": "off"})])
    named.on("/204", Reply(status=204, framing="none"))
    named.on("/304", Reply(status=304, framing="none"))
    named.on("/head", Reply(body=b"0123456789"))
    with server.connect() as connection:
        for _ in range(5):
            for method, target in (("GET", "/204"), ("GET", "/304"), ("HEAD", "/head"), ("GET", "/plain")):
                connection.request(method, target, fields=[("If-None-Match", '"a"')])
                assert connection.response(method).status in (200, 204, 304)
    assert len(named.connections) == 1


def test_an_empty_line_between_requests_is_forgiven(server):
    with server.connect() as connection:
        connection.request(target="/one")
        connection.response()
        connection.send(b"\r\n")
        connection.request(target="/two")
        assert connection.response().body == b"/two"


def test_a_client_that_says_nothing_gets_nothing(make, named):
    server = make.headwater([domain(named)], {"head_timeout": "1s", "keepalive_timeout": "1s"})
    with server.connect() as connection:
        rest, _ = connection.end(5)
        assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")


def test_the_end_of_a_connection_in_a_head_is_no_request(server, named):
    with server.connect() as connection:
        connection.send(b"GET /half HTTP/1.1\r\nHost: edge.te")
        connection.finish()
        rest, _ = connection.end(5)
        assert rest == b"" or wire.split_head(rest)[0].startswith(b"HTTP/1.1 400")
    assert not named.requests
