"""HTTP/2 from clients: requests and responses as RFC 9113 has them."""
import subprocess
import threading
import time

import content
import h2wire
import pytest
from domains import domain
from h2wire import CANCEL, END_STREAM, PROTOCOL_ERROR, connect, frame
from origin import Generated, Reply


@pytest.fixture(name="server")
def _server(make, origin):
    return make.headwater([domain(origin)])


def curl(server, *args, path="/"):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "-H", "Host: edge.test", *map(str, args),
         f"http://127.0.0.1:{server.port}{path}"], capture_output=True, timeout=30)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_gets_a_page_and_the_log_says_its_version(server, origin):
    origin.default = Reply(body=b"hello", fields=(("Cache-Control", "max-age=60"), ("X-Own", "1")))
    assert curl(server, "-w", " %{http_version} %{http_code}", path="/a?b=c") == b"hello 2 200"
    (line,) = server.wait_log(1)
    assert (line["protocol"], line["path"], line["host"], line["status"]) == ("HTTP/2.0", "/a?b=c", "edge.test", 200)
    assert (line["end"], line["bytes_out"]) == ("complete", 5)
    (request,) = origin.requests
    assert request.fields.get("Via") == "2.0 headwater"
    assert request.fields.get("Host") == "edge.test"
    assert curl(server, path="/a?b=c") == b"hello"
    assert len(origin.requests) == 1


def test_http_1_goes_on_beside_it(server):
    assert server.get().status == 200
    for start, status in [(b"PRI * HTTP/1.1", b"400"), (b"PRI * HTTP/2.0", b"505"), (b"PUT / HTTP/1.1", b"200")]:
        data, _ = server.raw(start + b"\r\nHost: edge.test\r\nConnection: close\r\n\r\n")
        assert data.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("flags", [{"http2": "off"}, {"http2_plain": "off"}])
def test_it_can_be_switched_off(make, origin, flags):
    server = make.headwater([domain(origin)], flags)
    data, _ = server.raw(h2wire.PREFACE)
    assert data.startswith(b"HTTP/1.1 505")


def test_settings_and_ping(server):
    with connect(server) as client:
        client.ping(b"abcdefgh")
        assert client.pongs == [b"abcdefgh"]
        assert client.settings[h2wire.MAX_CONCURRENT_STREAMS] == 128
        assert client.settings[h2wire.NO_RFC7540_PRIORITIES] == 1
        assert client.settings[h2wire.MAX_HEADER_LIST_SIZE] == 32768


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 1000, 70_000, 3_000_000])
def test_bodies_down_whole_missed_and_hit(server, origin, framing, size):
    origin.default = Reply(
        body=Generated("x", size), framing=framing, fields=(("Cache-Control", "max-age=60"),)
    )
    with connect(server) as client:
        for cache in ["MISS", "HIT"]:
            response = client.get("/x")
            assert (response.status, response.is_whole) == (200, True)
            assert bytes(response.body) == content.generate("x", 0, size)
            assert response.fields["x-cache"] == cache
            assert "transfer-encoding" not in response.fields and "connection" not in response.fields


@pytest.mark.parametrize("size", [0, 1, 100_000, 2_000_000])
@pytest.mark.parametrize("has_length", [True, False])
def test_bodies_up(server, origin, size, has_length):
    origin.default = Reply(echo=True)
    body = content.generate("up", 0, size)
    with connect(server, timeout=30) as client:
        fields = [("content-length", str(size))] if has_length else []
        stream = client.request("PUT", "/up", fields=fields, end=False)
        at, window = 0, 65535
        seen = 0
        while at < size:
            count = min(size - at, window, 16384)
            if count == 0:
                client.wait(lambda: len(client.updates) > seen, what="a window")
            else:
                client.send(frame(h2wire.DATA, 0, stream, body[at : at + count]))
                at += count
                window -= count
            window += sum(add for number, add in client.updates[seen:] if number == stream)
            seen = len(client.updates)
        client.send(frame(h2wire.DATA, END_STREAM, stream))
        assert client.response(stream).status == 200
    (request,) = origin.requests
    assert request.body == body[: len(request.body)] and request.size == size
    assert ("Content-Length" in request.fields) == has_length
    (line,) = server.wait_log(1)
    assert line["bytes_in"] == size


def test_curl_uploads_and_downloads_what_is_large(server, origin, tmp_path):
    origin.default = Reply(body=Generated("big", 30_000_000))
    body = content.generate("sent", 0, 10_000_000)
    (tmp_path / "body").write_bytes(body)
    got = curl(server, "-T", tmp_path / "body", path="/large")
    assert got == content.generate("big", 0, 30_000_000)
    assert origin.requests[0].size == len(body)


@pytest.mark.parametrize("method,status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_what_has_no_body_ends_with_its_head(server, origin, method, status):
    fields = (("ETag", '"a"'), ("Cache-Control", "max-age=60"))
    origin.default = Reply(status=204, framing="none") if status == 204 else Reply(body=b"12345", fields=fields)
    with connect(server) as client:
        response = client.get("/", method=method, fields=[("if-none-match", '"a"')])
        assert (response.status, response.is_whole, response.frames) == (status, True, 0)
        if method == "HEAD":
            assert response.fields["content-length"] == "5"


def test_early_hints_come_before_the_response(server, origin):
    origin.default = Reply(interim=(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",), body=b"x")
    with connect(server) as client:
        response = client.get("/", method="POST")
        assert [dict(head)[":status"] for head in response.heads] == ["103", "200"]
        assert dict(response.heads[0])["link"] == "</a.css>"


def test_trailers_travel_both_ways(server, origin):
    origin.default = Reply(body=b"x", framing="chunked", trailers=(("X-Sum", "1"),))
    with connect(server) as client:
        stream = client.request("POST", end=False)
        client.send(frame(h2wire.DATA, 0, stream, b"hello"))
        client.send(client.head_frame(stream, [("x-up", "2")]))
        response = client.response(stream)
        assert (response.is_whole, response.status, bytes(response.body)) == (True, 200, b"x")
        assert response.heads[-1] == [("x-sum", "1")]
    (request,) = origin.requests
    assert request.body == b"hello"
    assert request.trailers.get("x-up") == "2"


def test_expect_is_answered_with_100(server, origin):
    origin.default = Reply(echo=True)
    with connect(server) as client:
        stream = client.request("PUT", fields=[("expect", "100-continue"), ("content-length", "3")], end=False)
        client.wait(lambda: client.streams[stream].heads)
        assert client.streams[stream].heads[0] == [(":status", "100")]
        client.send(frame(h2wire.DATA, END_STREAM, stream, b"abc"))
        assert client.response(stream).status == 200


def test_cookie_crumbs_are_one_field_for_the_origin(server, origin):
    crumbs = [("cookie", "a=1"), ("x-between", "y"), ("cookie", "b=2"), ("cookie", "c=3")]
    with connect(server) as client:
        assert client.get(fields=crumbs).status == 200
    assert origin.requests[0].fields.all("cookie") == ["a=1; b=2; c=3"]


def test_host_may_stand_in_for_authority_or_beside_it(server, origin):
    with connect(server) as client:
        base = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
        assert client.get(head=[*base, ("host", "edge.test")]).status == 200
        assert client.get(head=[*base, (":authority", "edge.test"), ("host", "EDGE.TEST")]).status == 200
    assert [request.fields.get("Host") for request in origin.requests] == ["edge.test"] * 2


# What stands in for the head of a request, and what is expected: an error code of the stream, or a status.
GOOD = [(":method", "GET"), (":scheme", "http"), (":authority", "edge.test"), (":path", "/")]


def without(name):
    return [field for field in GOOD if field[0] != name]


def other(name, value):
    return [field if field[0] != name else (name, value) for field in GOOD]


MALFORMED = {
    "no method": (without(":method"), "reset"),
    "no scheme": (without(":scheme"), "reset"),
    "no path": (without(":path"), "reset"),
    "no authority": (without(":authority"), "reset"),
    "two methods": ([*GOOD, (":method", "GET")], "reset"),
    "two paths": ([*GOOD, (":path", "/b")], "reset"),
    "unknown pseudo": ([*GOOD, (":color", "red")], "reset"),
    "status in a request": ([*GOOD, (":status", "200")], "reset"),
    "pseudo after a field": ([("x-a", "b"), *GOOD], "reset"),
    "pseudo between": ([*GOOD[:3], ("x-a", "b"), GOOD[3]], "reset"),
    "upper case": ([*GOOD, ("X-Upper", "a")], "reset"),
    "space in a name": ([*GOOD, ("x a", "b")], "reset"),
    "colon in a name": ([*GOOD, ("x:a", "b")], "reset"),
    "empty name": ([*GOOD, ("", "b")], "reset"),
    "line feed in a value": ([*GOOD, ("x-a", "b\nc")], "reset"),
    "head in a value": ([*GOOD, ("x-a", "b\r\nx-evil: 1")], "reset"),
    "NUL in a value": ([*GOOD, ("x-a", "b\0c")], "reset"),
    "space before a value": ([*GOOD, ("x-a", " b")], "reset"),
    "space behind a value": ([*GOOD, ("x-a", "b ")], "reset"),
    "connection": ([*GOOD, ("connection", "close")], "reset"),
    "keep-alive": ([*GOOD, ("keep-alive", "1")], "reset"),
    "proxy-connection": ([*GOOD, ("proxy-connection", "close")], "reset"),
    "transfer-encoding": ([*GOOD, ("transfer-encoding", "chunked")], "reset"),
    "upgrade": ([*GOOD, ("upgrade", "h2c")], "reset"),
    "te": ([*GOOD, ("te", "gzip")], "reset"),
    "te trailers": ([*GOOD, ("te", "trailers")], 200),
    "another host": ([*GOOD, ("host", "b.test")], "reset"),
    "two hosts": ([*GOOD, ("host", "edge.test"), ("host", "edge.test")], "reset"),
    "empty authority": (other(":authority", ""), ("reset", 400)),
    "userinfo": (other(":authority", "u@edge.test"), ("reset", 400)),
    "space in the authority": (other(":authority", "edge.test b"), ("reset", 400)),
    "empty path": (other(":path", ""), "reset"),
    "path without slash": (other(":path", "a"), "reset"),
    "absolute path": (other(":path", "http://edge.test/"), "reset"),
    "space in the path": (other(":path", "/a b"), ("reset", 400)),
    "head in the path": (other(":path", "/ HTTP/1.1\r\nx: y\r\n"), ("reset", 400)),
    "fragment": (other(":path", "/a#b"), 400),
    "high bytes in the path": (other(":path", "/\xff"), ("reset", 400)),
    "space in the method": (other(":method", "GE T"), ("reset", 400)),
    "empty method": (other(":method", ""), ("reset", 400)),
    "another scheme": (other(":scheme", "ftp"), 400),
    "asterisk": (other(":path", "*"), "reset"),
    "connect": ([(":method", "CONNECT"), (":authority", "edge.test:1")], ("reset", 501)),
    "connect with a path": (other(":method", "CONNECT"), "reset"),
    "extended connect": ([*other(":method", "CONNECT"), (":protocol", "websocket")], 501),
    "trace": (other(":method", "TRACE"), 501),
    "expect": ([*GOOD, ("expect", "the-unexpected")], 417),
    "length that is none": ([*GOOD, ("content-length", "x")], "reset"),
    "two lengths": ([*GOOD, ("content-length", "0"), ("content-length", "0")], ("reset", 400)),
    "length without a body": ([*GOOD, ("content-length", "3")], "reset"),
    "long target": (other(":path", "/" + "a" * 9000), 414),
    "large head": ([*GOOD, *[(f"x-{i}", "a" * 1000) for i in range(40)]], 431),
    "many fields": ([*GOOD, *[(f"x-{i}", "a") for i in range(200)]], 431),
    "unknown host": (other(":authority", "b.test"), 421),
}


def encode(head):
    """HPACK without any table: literals that are not indexed."""

    def text(value):
        data = value.encode("latin-1")
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest, size = len(data) - 127, b"\x7f"
        while rest >= 128:
            size += bytes([rest % 128 + 128])
            rest //= 128
        return size + bytes([rest]) + data

    return b"".join(b"\x00" + text(name) + text(value) for name, value in head)


def head_frames(stream, block, flags):
    if len(block) <= 16384:
        return frame(h2wire.HEADERS, flags | h2wire.END_HEADERS, stream, block)
    data = frame(h2wire.HEADERS, flags, stream, block[:16384])
    for at in range(16384, len(block), 16384):
        end = h2wire.END_HEADERS if at + 16384 >= len(block) else 0
        data += frame(h2wire.CONTINUATION, end, stream, block[at : at + 16384])
    return data


def assert_is(response, wanted):
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    if response.reset is not None and not response.heads:
        assert "reset" in wanted and response.reset == PROTOCOL_ERROR, (wanted, response.reset)
    else:
        assert response.status in wanted, (wanted, response.fields)


@pytest.mark.parametrize("row", MALFORMED)
def test_a_malformed_request_is_an_error_of_its_stream(make_once, row):
    if not hasattr(make_once, "malformed"):
        origin = make_once.origin("master")
        make_once.malformed = make_once.headwater([domain(origin)])
    server = make_once.malformed
    head, wanted = MALFORMED[row]
    with connect(server) as client:
        stream = client.new()
        client.send(head_frames(stream, encode(head), END_STREAM))
        assert_is(client.response(stream), wanted)
        assert client.get("/after").status == 200
        assert client.goaway is None


BODIES = {
    "too long": ([("content-length", "3")], [b"abcd"], "reset"),
    "too short": ([("content-length", "3")], [b"ab"], "reset"),
    "much too long": ([("content-length", "3")], [b"ab", b"cd", b"ef"], "reset"),
    "right": ([("content-length", "3")], [b"ab", b"c"], 200),
}


@pytest.mark.parametrize("row", BODIES)
def test_a_body_is_as_long_as_it_was_said_to_be(server, row):
    fields, pieces, wanted = BODIES[row]
    with connect(server) as client:
        stream = client.request("POST", fields=fields, end=False)
        for i, piece in enumerate(pieces):
            client.send(frame(h2wire.DATA, END_STREAM if i == len(pieces) - 1 else 0, stream, piece))
        assert_is(client.response(stream), wanted)
        assert client.get("/after").status == 200


def test_a_body_that_is_too_long_is_not_waited_for(server):
    with connect(server) as client:
        stream = client.request("POST", fields=[("content-length", "3")], end=False)
        client.send(frame(h2wire.DATA, 0, stream, b"abcd"))
        assert_is(client.response(stream), "reset")
        assert client.get("/after").status == 200


@pytest.mark.parametrize("body,wanted", [(b"ab", "reset"), (b"abc", 200)])
def test_a_body_before_trailers_is_as_long_as_it_was_said_to_be(server, body, wanted):
    with connect(server) as client:
        stream = client.request("POST", fields=[("content-length", "3")], end=False)
        client.send(frame(h2wire.DATA, 0, stream, body))
        client.send(client.head_frame(stream, [("x-sum", "1")], END_STREAM))
        assert_is(client.response(stream), wanted)
        assert client.get("/after").status == 200


def test_trailers_that_do_not_end_a_request_are_an_error(server):
    with connect(server) as client:
        stream = client.request("POST", end=False)
        client.send(frame(h2wire.DATA, 0, stream, b"hello"))
        client.send(client.head_frame(stream, [("x-sum", "1")], 0))
        assert_is(client.response(stream), "reset")
        assert client.get("/after").status == 200


def test_a_pseudo_field_in_trailers_is_an_error(server):
    with connect(server) as client:
        stream = client.request("POST", end=False)
        client.send(frame(h2wire.DATA, 0, stream, b"hello"))
        client.send(client.head_frame(stream, [(":path", "/")]))
        assert_is(client.response(stream), "reset")
        assert client.get("/after").status == 200


def test_a_stream_that_is_reset_is_a_client_that_left(server, origin):
    origin.default = Reply(delay=3)
    with connect(server) as client:
        stream = client.request(path="/slow")
        client.ping()
        client.send(frame(h2wire.RST_STREAM, 0, stream, (CANCEL).to_bytes(4, "big")))
        (line,) = server.wait_log(1, timeout=2)
        assert (line["end"], line["fault"]) == ("aborted", "client_gone")
        origin.default = Reply(body=b"x")
        assert client.get("/after").status == 200


def test_a_response_that_breaks_is_a_reset_and_no_clean_end(server, origin):
    origin.on("/cut", Reply(body=b"x" * 100_000, cut="mid_body", cut_after=50_000))
    origin.on("/chunked", Reply(body=b"x" * 100_000, framing="chunked", cut="mid_body", cut_after=50_000))
    with connect(server) as client:
        for path in ["/cut", "/chunked"]:
            response = client.get(path)
            assert (response.is_whole, response.reset) == (False, h2wire.INTERNAL_ERROR)
        assert client.get("/after").status == 200


def test_a_response_before_the_whole_request_ends_that_without_an_error(server, origin):
    origin.default = Reply(status=413, early=True)
    with connect(server) as client:
        stream = client.request("POST", host="nobody.test", end=False)
        response = client.response(stream)
        assert (response.status, response.is_whole) == (421, True)
        client.wait(lambda: response.reset is not None)
        assert response.reset == h2wire.NO_ERROR


def test_many_streams_at_once(server, origin):
    origin.default = Reply(delay=0.3, body=Generated("m", 20_000))
    with connect(server) as client:
        client.ping()
        streams = [client.request(path=f"/{i}") for i in range(128)]
        began = time.monotonic()
        for stream in streams:
            response = client.response(stream)
            assert response.status == 200 and bytes(response.body) == content.generate("m", 0, 20_000)
        assert time.monotonic() - began < 8


def test_more_streams_than_allowed_are_refused_to_be_sent_again(server, origin):
    origin.default = Reply(delay=1)
    with connect(server) as client:
        # Before our SETTINGS are acknowledged, who has more is not in the wrong.
        data = b"".join(client.head_frame(client.new(), client.head_of(path=f"/{i}")) for i in range(140))
        client.send(data)
        client.wait(lambda: all(stream.is_over for stream in client.streams.values()))
        ends = [stream.reset for stream in client.streams.values()]
        assert ends.count(h2wire.REFUSED_STREAM) == 12 and ends.count(None) == 128


def test_a_slow_stream_holds_nothing_but_itself(server, origin):
    origin.on("/slow", Reply(body=Generated("s", 5_000_000), fields=(("Cache-Control", "max-age=60"),)))
    origin.on("/fast", Reply(body=Generated("f", 2_000_000), fields=(("Cache-Control", "max-age=60"),)))
    with connect(server, window=16384) as client:
        client.window(0, 1 << 30)
        slow = client.request(path="/slow")
        client.wait(lambda: len(client.streams[slow].body) == 16384)
        for _ in range(2):
            fast = client.request(path="/fast")
            client.window(fast, 1 << 30)
            assert bytes(client.response(fast).body) == content.generate("f", 0, 2_000_000)
        assert len(client.streams[slow].body) == 16384
        client.window(slow, 1 << 30)
        assert bytes(client.response(slow).body) == content.generate("s", 0, 5_000_000)


def test_an_upload_that_is_not_taken_holds_nothing_but_itself(make, origin):
    """The origin takes nothing of the body: what the spool has no room for stays in the stream's window."""
    origin.on("/stuck", Reply(delay=3, early=True))
    server = make.headwater([domain(origin)], {"spool_budget": 0})
    with connect(server) as client:
        client.ping()
        stuck = client.request("POST", "/stuck", body=b"x" * 65535, end=False)
        for _ in range(3):
            assert client.response(client.request("PUT", "/up", body=b"y" * 60_000)).status == 200
        client.send(frame(h2wire.RST_STREAM, 0, stuck, (CANCEL).to_bytes(4, "big")))
        assert client.get("/after").status == 200


def order_of(client, streams):
    """In which order the streams came to their ends."""
    return sorted(streams, key=lambda stream: max(i for i, number in enumerate(client.order) if number == stream))


def congest(client, server, paths):
    """Asks for all of the paths (with their priorities) while nothing can be sent, then reads everything."""
    streams = [client.request(path=path, fields=[("priority", priority)] if priority else []) for path, priority in paths]
    client.ping()
    return streams


def test_priorities_are_kept_to(server, origin):
    for name in ["a", "b", "c", "d"]:
        origin.on("/" + name, Reply(body=Generated(name, 3_000_000), fields=(("Cache-Control", "max-age=60"),)))
        server.get("/" + name)
    with connect(server, window=1 << 30, receive_buffer=8192) as client:
        # The connection's window holds all of them until they stand in line.
        streams = congest(client, server, [("/a", "u=7"), ("/b", "u=5"), ("/c", "u=5"), ("/d", "u=0")])
        client.send(frame(h2wire.PRIORITY_UPDATE, 0, 0, streams[2].to_bytes(4, "big") + b"u=1"))
        client.ping()
        client.window(0, 1 << 30)
        for stream in streams:
            assert client.response(stream).is_whole
        a, b, c, d = streams
        assert order_of(client, streams) == [d, c, b, a]


def test_incremental_streams_take_turns(server, origin):
    for name in ["a", "b"]:
        origin.on("/" + name, Reply(body=Generated(name, 2_000_000), fields=(("Cache-Control", "max-age=60"),)))
        server.get("/" + name)
    with connect(server, window=1 << 30, receive_buffer=8192) as client:
        a, b = congest(client, server, [("/a", "u=3, i"), ("/b", "u=3, i")])
        client.window(0, 1 << 30)
        client.wait(lambda: len(client.streams[a].body) >= 1_000_000)
        assert 500_000 < len(client.streams[b].body) < 1_500_000


def test_drain_ends_with_goaway_and_loses_nothing(make, origin):
    origin.default = Reply(delay=0.8, body=b"late")
    server = make.headwater([domain(origin)])
    with connect(server) as client:
        client.ping()
        streams = [client.request(path=f"/{i}") for i in range(10)]
        client.ping()
        ending = threading.Thread(target=server.stop)
        ending.start()
        client.wait(lambda: client.goaway, 5)
        assert client.goaway == (0x7FFFFFFF, h2wire.NO_ERROR)
        # What was sent before the notice came is still answered.
        streams.append(client.request(path="/last"))
        for stream in streams:
            response = client.response(stream)
            assert (response.status, bytes(response.body)) == (200, b"late")
        assert client.wait_end(5) == h2wire.NO_ERROR
        assert client.goaway[0] == streams[-1]
        ending.join(10)


def test_idle_connections_end_with_goaway(make, origin):
    server = make.headwater([domain(origin)], {"keepalive_timeout": "300ms"})
    with connect(server) as client:
        assert client.get().status == 200
        began = time.monotonic()
        assert client.wait_end(3) == h2wire.NO_ERROR
        assert time.monotonic() - began > 0.2


def test_pings_do_not_keep_a_connection(make, origin):
    server = make.headwater([domain(origin)], {"keepalive_timeout": "300ms"})
    with connect(server) as client:
        until = time.monotonic() + 3
        while not client.end and time.monotonic() < until:
            client.send(frame(h2wire.PING, 0, 0, b"12345678"))
            client.read_for(0.05)
        assert client.end and time.monotonic() < until
