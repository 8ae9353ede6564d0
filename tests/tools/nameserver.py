"""A small DNS server on a free UDP port of 127.0.0.1 that answers what a test says, and counts.

    server = NameServer(); server.set("origin.test", ["127.0.0.2"], ttl=5); server.broken = True
"""
import ipaddress
import socket
import struct
import threading

A, AAAA, IN = 1, 28, 1
NO_ERROR, SERVER_FAILURE, NAME_ERROR = 0, 2, 3


def read_question(packet):
    """(name, type, end of the question) of a query."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    kind = struct.unpack_from(">H", packet, at + 1)[0]
    return ".".join(labels).lower(), kind, at + 5


class NameServer:
    """Answers A and AAAA from a table; NXDOMAIN for the rest."""

    def __init__(self):
        self.names = {}
        self.queries = []  # (name, type)
        self.broken = False  # SERVFAIL for everything
        self.silent = False  # no answer at all
        self._ended = False
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def set(self, name, addresses, ttl=60):
        self.names[name] = (list(addresses), ttl)

    def count(self, name, kind=A):
        return self.queries.count((name, kind))

    def stop(self):
        self._ended = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._sock.getsockname())
        self._thread.join(5)
        self._sock.close()

    def _serve(self):
        while True:
            packet, peer = self._sock.recvfrom(4096)
            if self._ended:
                return
            if len(packet) < 17:
                continue
            name, kind, end = read_question(packet)
            self.queries.append((name, kind))
            if not self.silent:
                self._sock.sendto(self._answer(packet, name, kind, end), peer)

    def _answer(self, packet, name, kind, end):
        code, records, ttl = NO_ERROR, [], 0
        if self.broken:
            code = SERVER_FAILURE
        elif name not in self.names:
            code = NAME_ERROR
        else:
            addresses, ttl = self.names[name]
            version = {A: 4, AAAA: 6}.get(kind)
            records = [ip for ip in map(ipaddress.ip_address, addresses) if ip.version == version]
        head = packet[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        answers = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", kind, IN, ttl, len(ip.packed)) + ip.packed for ip in records
        )
        return head + packet[12:end] + answers
