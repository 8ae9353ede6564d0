"""What a server must make of each frame, in each state of a stream and of the connection: RFC 9113 and RFC 9218, row by
row. Heads that are malformed are in test_h2.py, floods in test_h2_floods.py."""
import struct

import h2wire
import pytest
from domains import domain
from h2wire import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR, GOAWAY, HEADERS,
                    INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, NO_RFC7540_PRIORITIES, PADDED, PING, PREFACE, PRIORITY, PRIORITY_UPDATE, PROTOCOL_ERROR,
                    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, connect, frame)  # fmt: skip
from origin import Generated, Reply
from websocket import Server

STREAM_CLOSED, FRAME_SIZE_ERROR = 5, 6
ENABLE_PUSH, ENABLE_CONNECT_PROTOCOL = 2, 8
WITH_PRIORITY = 0x20
UNKNOWN = 0xFA
RESERVED = 1 << 31
TABLE = b"\x40\x01a\x01b"  # a field that is remembered


@pytest.fixture(name="server", scope="module")
def _server(make_once):
    origin = make_once.origin("master")
    origin.on("/slow", Reply(delay=30))
    origin.on("/large", Reply(body=Generated("l", 100)))
    sockets = make_once.closing.add(Server(), Server.stop)
    upgrade = {"protocols": ["websocket"], "idle_timeout": "1s"}
    return make_once.headwater([domain(origin), domain(sockets, name="sockets.test", upgrade=upgrade)])


def u32(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def setting(name, value):
    return h2wire.Connection.settings_frame([(name, value)])


# States of a stream, whose number they return.


def idle(client):
    return client.new()


def even(client):
    client.streams[2] = h2wire.Stream()
    return 2


def opened(client):
    stream = client.new()
    client.send(client.head_frame(stream, client.head_of("POST", "/slow"), 0))
    return stream


def half_closed(client):
    stream = client.new()
    client.send(client.head_frame(stream, client.head_of(path="/slow")))
    return stream


def answered(client):
    stream = client.request()
    client.response(stream)
    return stream


def left(client):
    stream = half_closed(client)
    client.send(frame(RST_STREAM, 0, stream, u32(CANCEL)))
    return stream


def thrown_out(client):
    """Whatever comes may have been on its way."""
    stream = opened(client)
    client.send(frame(WINDOW_UPDATE, 0, stream, u32(0)))
    client.response(stream)
    client.streams[stream] = h2wire.Stream()  # what more comes
    return stream


def passed_over(client):
    stream = client.new()
    answered(client)
    return stream


def no_stream(client):
    return 0


def on(state, *frames):
    """Sends frames on a stream in that state; each is a tuple, or made by a function of client and stream."""

    def send(client):
        stream = state(client)
        made = [one(client, stream) if callable(one) else frame(one[0], one[1], stream, *one[2:]) for one in frames]
        client.send(b"".join(made))
        return stream

    return send


def request(flags=END_STREAM, more=()):
    return lambda client, stream: client.head_frame(stream, [*client.head_of(path="/slow"), *more], flags)


def trailers(client, stream):
    return client.head_frame(stream, [("x-sum", "1")])


def block(data, flags=END_STREAM | END_HEADERS, around=b""):
    """A request's head with these bytes behind it, and maybe something before it."""
    return lambda client, stream: frame(HEADERS, flags, stream, around + client.encoder.encode(client.head_of()) + data)


def broken(data):
    return on(idle, block(data))


def within_a_head(*frames):
    return on(idle, block(b"", END_STREAM), *frames)


def of_connection(kind, payload=b"", flags=0):
    return on(no_stream, (kind, flags, payload))


def tunnel(client):
    stream = client.request(head=[(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "sockets.test"),
                                  (":path", "/"), ("sec-websocket-version", "13")], end=False)  # fmt: skip
    client.wait(lambda: client.streams[stream].heads)
    assert client.streams[stream].status == 200
    return stream


def is_connection(code):
    def check(client, _):
        assert client.wait_end() == code

    return check


def is_stream(code):
    def check(client, stream):
        client.wait(lambda: client.streams[stream].reset is not None)
        assert client.streams[stream].reset == code
        is_served(client, None)

    return check


def is_served(client, stream):
    """It is ignored, and everything goes on."""
    client.ping()
    assert client.get().status == 200
    assert client.goaway is None
    assert stream not in client.streams or client.streams[stream].reset is None


def is_answered(client, stream):
    assert client.response(stream).status == 200
    is_served(client, stream)


def is_last_answered(client, _):
    assert client.response(client.next_id - 2).status == 200


PROTOCOL, FLOW, SIZE, COMPRESSION = map(is_connection, (PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR))
WINDOW_MOST = u32(0x7FFFFFFF)

# (section of RFC 9113, what), what is sent, what comes of it.
ROWS = [
    ("4.1 a type that nobody knows", on(no_stream, (UNKNOWN, 0xFF, b"abc")), is_served),
    ("4.1 the same on an idle stream", on(idle, (UNKNOWN, 0, b"abc")), is_served),
    ("4.1 flags that nobody knows", of_connection(WINDOW_UPDATE, u32(1), 0xFF), is_served),
    ("4.1 the reserved bit of a number", on(idle, lambda c, s: c.head_frame(s | RESERVED, c.head_of())), is_answered),
    ("4.2 the largest frame", of_connection(UNKNOWN, bytes(16384)), is_served),
    ("4.2 a frame that is larger", of_connection(UNKNOWN, bytes(16385)), SIZE),
    ("4.2 a head that is larger", on(idle, (HEADERS, END_STREAM | END_HEADERS, bytes(16385))), SIZE),
    ("4.2 a body that is larger", on(opened, (DATA, 0, bytes(16385))), SIZE),
    ("4.2 SETTINGS that are larger", of_connection(SETTINGS, bytes(16386)), SIZE),
    ("4.2 a body without the length of its padding", on(opened, (DATA, PADDED)), SIZE),
    ("4.2 a head without the length of its padding", on(idle, (HEADERS, PADDED | END_HEADERS)), SIZE),
    ("4.2 a head shorter than its priority", on(idle, (HEADERS, WITH_PRIORITY | END_HEADERS, b"1234")), SIZE),
    ("4.3 index 0", broken(b"\x80"), COMPRESSION),
    ("4.3 an index that the table has not", broken(b"\xff\x10"), COMPRESSION),
    ("4.3 an index without an end", broken(b"\xff\xff\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    ("4.3 a string that is cut off", broken(b"\x00\x05ab"), COMPRESSION),
    ("4.3 Huffman's end of string", broken(b"\x00\x01a\x84\xff\xff\xff\xff"), COMPRESSION),
    ("4.3 too much of Huffman's padding", broken(b"\x00\x01a\x82\x1f\xff"), COMPRESSION),
    ("4.3 a table that is too large", on(idle, block(b"", around=b"\x3f\xe2\x1f")), COMPRESSION),
    ("4.3 a table that changes behind a field", broken(b"\x20"), COMPRESSION),
    ("4.3 a broken head that nobody wants", on(answered, (HEADERS, END_STREAM | END_HEADERS, b"\x80")), COMPRESSION),
    ("4.3 a head that nobody wants counts", on(thrown_out, (HEADERS, END_STREAM | END_HEADERS, TABLE),
        lambda c, s: frame(HEADERS, END_STREAM | END_HEADERS, c.new(), b"\x82\x86\x84\x01\x09edge.test\xbe")), is_last_answered),
    ("4.3 PING within a head", within_a_head(lambda c, s: frame(PING, 0, 0, bytes(8))), PROTOCOL),
    ("4.3 a body within a head", within_a_head((DATA, 0, b"a")), PROTOCOL),
    ("4.3 another head within a head", within_a_head(lambda c, s: c.head_frame(c.new(), c.head_of())), PROTOCOL),
    ("4.3 another stream's CONTINUATION", within_a_head(lambda c, s: frame(CONTINUATION, END_HEADERS, c.new())), PROTOCOL),
    ("5.5 an unknown type within a head", within_a_head((UNKNOWN, 0)), PROTOCOL),
    ("5.1 idle: a body", on(idle, (DATA, 0, b"a")), PROTOCOL),
    ("5.1 idle: RST_STREAM", on(idle, (RST_STREAM, 0, u32(CANCEL))), PROTOCOL),
    ("5.1 idle: WINDOW_UPDATE", on(idle, (WINDOW_UPDATE, 0, u32(1))), PROTOCOL),
    ("5.1 idle: CONTINUATION", on(idle, (CONTINUATION, END_HEADERS)), PROTOCOL),
    ("5.1 idle: PRIORITY", on(idle, (PRIORITY, 0, u32(0) + b"a")), is_served),
    ("5.1 half-closed: a body", on(half_closed, (DATA, 0, b"a")), is_stream(STREAM_CLOSED)),
    ("5.1 half-closed: an empty one", on(half_closed, (DATA, END_STREAM)), is_stream(STREAM_CLOSED)),
    ("5.1 half-closed: a request", on(half_closed, request()), is_stream(STREAM_CLOSED)),
    ("5.1 half-closed: trailers", on(half_closed, trailers), is_stream(STREAM_CLOSED)),
    ("5.1 half-closed: WINDOW_UPDATE", on(half_closed, (WINDOW_UPDATE, 0, u32(1))), is_served),
    ("5.1 half-closed: PRIORITY", on(half_closed, (PRIORITY, 0, u32(0) + b"a")), is_served),
    ("5.1 half-closed: RST_STREAM", on(half_closed, (RST_STREAM, 0, u32(CANCEL))), is_served),
    *((f"5.1 closed, {name}: {what}", on(state, *frames), verdict)
        for name, state in {"answered": answered, "left": left, "thrown out": thrown_out, "passed over": passed_over}.items()
        for what, frames, verdict in [
            ("a body", [(DATA, END_STREAM, b"a")], is_served),
            ("trailers", [trailers], is_served),
            ("RST_STREAM", [(RST_STREAM, 0, u32(CANCEL))], is_served),
            ("WINDOW_UPDATE", [(WINDOW_UPDATE, 0, u32(1))], is_served),
            ("WINDOW_UPDATE of 0", [(WINDOW_UPDATE, 0, u32(0))], is_served),
            ("PRIORITY", [(PRIORITY, 0, u32(0) + b"a")], is_served),
            ("CONTINUATION", [(CONTINUATION, END_HEADERS)], PROTOCOL),
            ("a request (5.1.1)", [request()], PROTOCOL),
        ]),
    ("5.1.1 even: a request", on(even, request()), PROTOCOL),
    ("5.1.1 even: a body", on(even, (DATA, 0, b"a")), PROTOCOL),
    ("5.1.1 even: RST_STREAM", on(even, (RST_STREAM, 0, u32(CANCEL))), PROTOCOL),
    ("5.1.1 even: WINDOW_UPDATE", on(even, (WINDOW_UPDATE, 0, u32(1))), PROTOCOL),
    ("6.1 a body of no stream", on(no_stream, (DATA, 0, b"a")), PROTOCOL),
    ("6.1 padding as long as the frame", on(opened, (DATA, PADDED, b"\4abc")), PROTOCOL),
    ("6.1 padding that is longer", on(opened, (DATA, PADDED, b"\xffabc")), PROTOCOL),
    ("6.1 nothing but padding", on(opened, (DATA, PADDED, b"\3abc")), is_served),
    ("6.2 a head of no stream", on(no_stream, request()), PROTOCOL),
    ("6.2 padding longer than the head", on(idle, (HEADERS, PADDED | END_STREAM | END_HEADERS, b"\4abc")), PROTOCOL),
    ("6.2 padding and priority", on(idle, lambda c, s: frame(HEADERS, PADDED | WITH_PRIORITY | END_STREAM | END_HEADERS, s,
        b"\3" + u32(0) + b"\1" + c.encoder.encode(c.head_of()) + b"abc")), is_answered),
    ("6.2 a stream that depends on itself", on(idle, lambda c, s: frame(HEADERS, WITH_PRIORITY | END_STREAM | END_HEADERS, s,
        u32(s) + b"\1" + c.encoder.encode(c.head_of()))), is_answered),
    ("6.2 a head without fields", on(idle, (HEADERS, END_STREAM | END_HEADERS)), is_stream(PROTOCOL_ERROR)),
    ("6.3 PRIORITY of no stream", on(no_stream, (PRIORITY, 0, bytes(5))), PROTOCOL),
    ("6.3 a short one (5.4.1)", on(opened, (PRIORITY, 0, bytes(4))), SIZE),
    ("6.3 a long one (5.4.1)", on(opened, (PRIORITY, 0, bytes(6))), SIZE),
    ("6.4 RST_STREAM of no stream", on(no_stream, (RST_STREAM, 0, u32(CANCEL))), PROTOCOL),
    ("6.4 a short one", on(opened, (RST_STREAM, 0, bytes(3))), SIZE),
    ("6.4 a code that nobody knows", on(opened, (RST_STREAM, 0, u32(0xFFFF))), is_served),
    ("6.5 SETTINGS of a stream", on(opened, (SETTINGS, 0)), PROTOCOL),
    ("6.5 a part of one", of_connection(SETTINGS, bytes(5)), SIZE),
    ("6.5 an acknowledgement that says something", of_connection(SETTINGS, bytes(6), ACK), SIZE),
    ("6.5 an acknowledgement of nothing", of_connection(SETTINGS, b"", ACK), is_served),
    ("6.5.2 one that nobody knows", lambda c: c.send(setting(0xFAFA, 7)), is_served),
    ("6.5.2 ENABLE_PUSH of 0", lambda c: c.send(setting(ENABLE_PUSH, 0)), is_served),
    ("6.5.2 ENABLE_PUSH of 2", lambda c: c.send(setting(ENABLE_PUSH, 2)), PROTOCOL),
    ("6.5.2 the largest window", lambda c: c.send(setting(INITIAL_WINDOW_SIZE, 2**31 - 1)), is_served),
    ("6.5.2 a larger window", lambda c: c.send(setting(INITIAL_WINDOW_SIZE, 2**31)), FLOW),
    ("6.5.2 the smallest frames", lambda c: c.send(setting(MAX_FRAME_SIZE, 16384)), is_served),
    ("6.5.2 smaller frames", lambda c: c.send(setting(MAX_FRAME_SIZE, 16383)), PROTOCOL),
    ("6.5.2 the largest frames", lambda c: c.send(setting(MAX_FRAME_SIZE, 2**24 - 1)), is_served),
    ("6.5.2 larger frames", lambda c: c.send(setting(MAX_FRAME_SIZE, 2**24)), PROTOCOL),
    ("6.5.3 the last value counts", lambda c: c.send(h2wire.Connection.settings_frame(
        [(INITIAL_WINDOW_SIZE, 2**31 - 1), (INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 65535)])), is_served),
    ("6.6 PUSH_PROMISE", on(opened, (PUSH_PROMISE, END_HEADERS, u32(2))), PROTOCOL),
    ("6.7 PING of a stream", on(opened, (PING, 0, bytes(8))), PROTOCOL),
    ("6.7 a short one", of_connection(PING, bytes(7)), SIZE),
    ("6.7 a long one", of_connection(PING, bytes(9)), SIZE),
    ("6.7 an answer to nothing", of_connection(PING, bytes(8), ACK), is_served),
    ("6.8 GOAWAY of a stream", on(opened, (GOAWAY, 0, bytes(8))), PROTOCOL),
    ("6.8 a short one", of_connection(GOAWAY, bytes(7)), SIZE),
    ("6.9 a window that grows by 0", of_connection(WINDOW_UPDATE, u32(0)), PROTOCOL),
    ("6.9 the same with the reserved bit", of_connection(WINDOW_UPDATE, u32(RESERVED)), PROTOCOL),
    ("6.9 a stream's that grows by 0", on(opened, (WINDOW_UPDATE, 0, u32(0))), is_stream(PROTOCOL_ERROR)),
    ("6.9 a short one", of_connection(WINDOW_UPDATE, bytes(3)), SIZE),
    ("6.9 a long one", on(opened, (WINDOW_UPDATE, 0, bytes(5))), SIZE),
    ("6.9.1 a window that is too large", of_connection(WINDOW_UPDATE, WINDOW_MOST), FLOW),
    ("6.9.1 a stream's that is too large", on(half_closed, (WINDOW_UPDATE, 0, WINDOW_MOST)), is_stream(FLOW_CONTROL_ERROR)),
    ("6.9.2 windows that become too large", on(half_closed, (WINDOW_UPDATE, 0, u32(2**31 - 65536)),
        lambda c, s: setting(INITIAL_WINDOW_SIZE, 65536)), FLOW),
    ("6.9.2 windows as large as may be", on(half_closed, (WINDOW_UPDATE, 0, u32(2**31 - 65536)),
        lambda c, s: setting(INITIAL_WINDOW_SIZE, 65535)), is_served),
    ("6.10 CONTINUATION of no stream", on(no_stream, (CONTINUATION, END_HEADERS)), PROTOCOL),
    ("6.10 behind a whole head", on(opened, (CONTINUATION, END_HEADERS)), PROTOCOL),
    ("6.10 behind a body", on(opened, (DATA, 0, b"a"), (CONTINUATION, END_HEADERS)), PROTOCOL),
    ("6.10 several, also empty", on(idle, block(b"", END_STREAM), (CONTINUATION, 0), (CONTINUATION, 0, b"\x00\x01a\x01"),
        (CONTINUATION, END_HEADERS, b"b")), is_answered),
    ("8.5 a tunnel has no trailers", on(tunnel, trailers), is_stream(PROTOCOL_ERROR)),
    ("RFC 8441 a client says what servers do", lambda c: c.send(setting(ENABLE_CONNECT_PROTOCOL, 1)), is_served),
    ("RFC 8441 or half of it", lambda c: c.send(setting(ENABLE_CONNECT_PROTOCOL, 2)), PROTOCOL),
    ("RFC 9218 2.1 no dependencies", lambda c: c.send(setting(NO_RFC7540_PRIORITIES, 2)), PROTOCOL),
    ("RFC 9218 7.1 of a stream", on(opened, (PRIORITY_UPDATE, 0, u32(1) + b"u=1")), PROTOCOL),
    ("RFC 9218 7.1 for no stream", of_connection(PRIORITY_UPDATE, u32(0) + b"u=1"), PROTOCOL),
    ("RFC 9218 7.1 for what is pushed", of_connection(PRIORITY_UPDATE, u32(2) + b"u=1"), PROTOCOL),
    ("RFC 9218 7.1 a short one", of_connection(PRIORITY_UPDATE, bytes(3)), SIZE),
    ("RFC 9218 7.1 for an idle stream", of_connection(PRIORITY_UPDATE, u32(99) + b"u=1"), is_served),
    ("RFC 9218 4 a value that is none", on(half_closed, lambda c, s: frame(PRIORITY_UPDATE, 0, 0, u32(s) + b"u=,\xff")), is_served),
]  # fmt: skip


@pytest.mark.parametrize("send,check", [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_what_comes_of_a_frame(server, send, check):
    with connect(server, window=65535) as client:
        client.ping()
        check(client, send(client))


def test_windows_may_be_less_than_nothing(server):
    """RFC 9113 section 6.9.2: nothing is sent before they are more than nothing again."""
    with connect(server, window=10) as client:
        stream = client.request(path="/large")
        body = client.streams[stream].body
        client.wait(lambda: len(body) == 10)
        client.send(setting(INITIAL_WINDOW_SIZE, 0))
        client.window(stream, 10)
        client.ping()
        assert len(body) == 10
        client.window(stream, 5)
        client.wait(lambda: len(body) == 15)
        client.send(setting(INITIAL_WINDOW_SIZE, 85))
        assert client.response(stream).is_whole and len(body) == 100


def test_who_leaves_is_answered_before(server):
    """RFC 9113 section 6.8: GOAWAY of a client ends nothing that it asked for."""
    with connect(server) as client:
        stream = client.request("POST", end=False)
        client.send(frame(GOAWAY, 0, 0, bytes(8)))
        client.ping()
        client.send(frame(DATA, END_STREAM, stream, b"abc"))
        assert client.response(stream).status == 200
        client.wait_end()


def test_what_comes_behind_an_error_is_not_answered(server):
    """RFC 9113 section 5.4.1; the last stream that may have been answered is told."""
    with connect(server) as client:
        assert client.get().status == 200
        late = client.new()
        client.send(frame(PING, 0, 1, bytes(8)) + client.head_frame(late, client.head_of()))
        assert client.wait_end() == PROTOCOL_ERROR
        assert client.goaway[0] == 1 and not client.streams[late].heads
