"""A client of HTTP/2 that writes its frames by hand, also those that no library would. Heads are packed and unpacked
by Debian's python3-hpack."""
import contextlib
import socket
import ssl
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 7, 8, 9, 11
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, NO_RFC7540_PRIORITIES = 3, 4, 5, 6, 9


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Stream:
    def __init__(self):
        self.heads = []  # lists of (name, value): interim ones, the response's, trailers
        self.body = bytearray()
        self.is_whole = False
        self.reset = None  # the code
        self.frames = 0  # of DATA

    @property
    def is_over(self):
        return self.is_whole or self.reset is not None

    @property
    def fields(self):
        """Of the final response."""
        for head in self.heads:
            if not head[0][1].startswith("1"):
                return dict(head)
        raise AssertionError(f"no final response: {self.heads}, reset {self.reset}")

    @property
    def status(self):
        return int(self.fields[":status"])


class Connection:
    """A connection; windows are kept open unless `window` says how large those of streams are at first."""

    def __init__(self, address, window=None, settings=(), timeout=10, receive_buffer=None, preface=PREFACE, tls=None,
                 name="edge.test"):  # fmt: skip
        self.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
            self.socket = tls.wrap_socket(self.socket, server_hostname=name)
            assert self.socket.selected_alpn_protocol() == "h2"
        self.timeout = timeout
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.streams = {}
        self.settings = {}  # the server's
        self.goaway = None  # (last stream, code)
        self.goaways = []
        self.pongs = []
        self.updates = []  # (stream, increment)
        self.order = []  # streams, as their DATA came
        self.next_id = 1
        self.got = b""
        self.end = None  # "fin" or "rst"
        self.is_greedy = window is None
        settings = list(settings)
        if window is not None:
            settings.append((INITIAL_WINDOW_SIZE, window))
        self.send(preface + self.settings_frame(settings))
        if self.is_greedy:
            self.window(0, 1 << 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # Writing.

    @staticmethod
    def settings_frame(settings=()):
        return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in settings))

    def send(self, data):
        """False when the server does not want it any more."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionResetError, BrokenPipeError):
            return False

    def window(self, stream, count):
        return self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", count)))

    def head_of(self, method="GET", path="/", host="edge.test", fields=()):
        return [(":method", method), (":scheme", "http"), (":authority", host), (":path", path), *fields]

    def head_frame(self, stream, head, flags=END_STREAM):
        return frame(HEADERS, END_HEADERS | flags, stream, self.encoder.encode(head))

    def new(self):
        stream = self.next_id
        self.next_id += 2
        self.streams[stream] = Stream()
        return stream

    def request(self, method="GET", path="/", host="edge.test", fields=(), body=b"", head=None, end=True):
        """Begins a request, and says its body as far as that is small."""
        stream = self.new()
        has_body = bool(body) or not end
        data = self.head_frame(stream, head or self.head_of(method, path, host, fields), 0 if has_body else END_STREAM)
        if self.is_greedy:
            data += frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 1 << 30))
        for at in range(0, len(body), 16384):
            last = end and at + 16384 >= len(body)
            data += frame(DATA, END_STREAM if last else 0, stream, body[at : at + 16384])
        self.send(data)
        return stream

    # Reading.

    def _handle(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, at)
                self.settings[name] = value
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and flags & ACK:
            self.pongs.append(payload)
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">II", payload[:8])
            self.goaways.append(self.goaway)
        elif kind == WINDOW_UPDATE:
            self.updates.append((number, struct.unpack(">I", payload)[0]))
        elif kind == RST_STREAM and stream:
            (stream.reset,) = struct.unpack(">I", payload)
        elif kind in (HEADERS, CONTINUATION):
            self.block = (b"" if kind == HEADERS else self.block) + payload
            if flags & END_HEADERS:
                head = self.decoder.decode(self.block)
                assert all(name == name.lower() for name, _ in head), head
                if stream:
                    stream.heads.append([tuple(field) for field in head])
        elif kind == DATA and stream:
            stream.body += payload
            stream.frames += 1
            self.order.append(number)
        if kind in (HEADERS, DATA) and flags & END_STREAM and stream:
            stream.is_whole = True

    def step(self, timeout):
        """Reads once; False when nothing came."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data = self.socket.recv(1 << 18)
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return False
        except (ConnectionResetError, ssl.SSLError):
            self.end = "rst"
            return True
        if not data:
            self.end = "fin"
            return True
        self.got += data
        while len(self.got) >= 9:
            length = int.from_bytes(self.got[:3], "big")
            if len(self.got) < 9 + length:
                break
            kind, flags, number = struct.unpack(">BBI", self.got[3:9])
            payload = self.got[9 : 9 + length]
            self.got = self.got[9 + length :]
            self._handle(kind, flags, number & 0x7FFFFFFF, payload)
        return True

    def wait(self, condition, timeout=None, what=""):
        """Reads until the condition holds or the connection ends."""
        until = time.monotonic() + (timeout or self.timeout)
        while not condition():
            if self.end or time.monotonic() > until:
                raise AssertionError(f"{what or 'it'} did not come: end {self.end}, goaway {self.goaway}")
            self.step(until - time.monotonic())

    def response(self, stream, timeout=None):
        """Waits for its end, whatever that is."""
        self.wait(lambda: self.streams[stream].is_over, timeout, f"the end of stream {stream}")
        return self.streams[stream]

    def get(self, path="/", **options):
        return self.response(self.request(path=path, **options))

    def wait_end(self, timeout=None):
        """Waits for the end of the connection; returns the code of GOAWAY, or None."""
        self.wait(lambda: self.end, timeout, "the end")
        return self.goaway[1] if self.goaway else None

    def read_for(self, seconds):
        until = time.monotonic() + seconds
        while not self.end and time.monotonic() < until:
            self.step(until - time.monotonic())

    def ping(self, payload=b"12345678", timeout=None):
        """Waits for the answer: everything before it was handled."""
        count = len(self.pongs)
        self.send(frame(PING, 0, 0, payload))
        self.wait(lambda: len(self.pongs) > count, timeout, "the answer to a ping")


@contextlib.contextmanager
def connect(server, **options):
    with Connection(server.address, **options) as connection:
        yield connection
