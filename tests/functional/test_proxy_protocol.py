"""Who the client is: PROXY protocol v1 and v2, and X-Forwarded-For, from trusted proxies only."""
import ipaddress
import struct
import time

import client
import pytest
import wire
from domains import domain

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET /x HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n"


def v1(source="192.0.2.7", target="192.0.2.8", ports=(5000, 80)):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {target} {ports[0]} {ports[1]}\r\n".encode()


def v2(source="192.0.2.7", target="192.0.2.8", ports=(5000, 80), command=0x21, tlvs=b"", family=None, length=None):
    one, other = ipaddress.ip_address(source), ipaddress.ip_address(target)
    family = family if family is not None else (0x11 if one.version == 4 else 0x21)
    body = one.packed + other.packed + struct.pack(">HH", *ports) + tlvs
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(body) if length is None else length) + body


@pytest.fixture(name="server")
def _server(make, origin):
    return make.headwater([domain(origin)], {"proxy_protocol": "on", "trusted_proxies": "127.0.0.1/32"})


GOOD = {
    "v1 of IPv4": (v1(), "192.0.2.7"),
    "v1 of IPv6": (v1("2001:db8::7", "2001:db8::8"), "2001:db8::7"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v1 UNKNOWN with more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"),
    "v2 of IPv4": (v2(), "192.0.2.7"),
    "v2 of IPv6": (v2("2001:db8::7", "2001:db8::8"), "2001:db8::7"),
    "v2 with TLVs": (v2(tlvs=b"\x04\x00\x03abc\x20\x00\x01x"), "192.0.2.7"),
    "v2 LOCAL": (SIGNATURE + b"\x20\x00\x00\x00", "127.0.0.1"),
    "v2 LOCAL with an address": (v2(command=0x20), "127.0.0.1"),
    "v2 of no family": (SIGNATURE + b"\x21\x00\x00\x00", "127.0.0.1"),
}
BAD = {
    "no header": b"",
    "v1 without CR": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n",
    "v1 with a bad address": b"PROXY TCP4 192.0.2.777 192.0.2.8 1 2\r\n",
    "v1 with a bad port": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 99999\r\n",
    "v1 of another family": b"PROXY TCP4 2001:db8::7 2001:db8::8 1 2\r\n",
    "v1 of UDP": b"PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "v1 with two spaces": b"PROXY  TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "v1 in lower case": b"proxy TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "v1 that is too long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
    "v2 of another version": v2(command=0x31),
    "v2 with an unknown command": v2(command=0x2F),
    "v2 that is too short": v2(length=4),
    "v2 that is too long": SIGNATURE + b"\x21\x11\xff\xff" + bytes(65535),
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("name", GOOD)
def test_the_client_is_whom_the_header_names(server, origin, name):
    header, address = GOOD[name]
    with server.connect() as connection:
        connection.send(header + REQUEST)
        assert connection.response().body == b"master"
    assert origin.requests[0].fields.get("X-Forwarded-For") == address
    assert server.wait_log(1)[0]["client"] == address


@pytest.mark.parametrize("name", ["v1 of IPv6", "v2 with TLVs"])
def test_a_header_in_pieces_is_the_same_header(server, origin, name):
    header, address = GOOD[name]
    with server.connect() as connection:
        for byte in header:
            connection.send(bytes([byte]))
            time.sleep(0.002)
        connection.send(REQUEST)
        assert connection.response().status == 200
    assert origin.requests[0].fields.get("X-Forwarded-For") == address


@pytest.mark.parametrize("name", BAD)
def test_a_bad_header_ends_the_connection(server, origin, name):
    rest, _ = client.raw_exchange(server.address, BAD[name] + REQUEST, timeout=15)
    assert rest == b"" or rest.startswith(b"HTTP/1.1 400")
    assert not origin.requests
    server.assert_healthy()


def test_a_header_from_an_untrusted_peer_ends_the_connection(make, origin):
    server = make.headwater([domain(origin)], {"proxy_protocol": "on", "trusted_proxies": "192.0.2.0/24"})
    rest, _ = client.raw_exchange(server.address, v1() + REQUEST)
    assert rest == b"" or not rest.startswith(b"HTTP/1.1 200")
    assert not origin.requests


def test_trusted_are_prefixes(make, origin):
    server = make.headwater([domain(origin)], {"proxy_protocol": "on", "trusted_proxies": "127.0.0.2/31,::1"})
    for source, is_trusted in (("127.0.0.2", True), ("127.0.0.3", True), ("127.0.0.4", False)):
        origin.forget()
        client.raw_exchange(server.address, v2() + REQUEST, source=source)
        assert bool(origin.requests) == is_trusted, source


def test_one_header_holds_for_all_requests_of_a_connection(server, origin):
    with server.connect() as connection:
        connection.send(v1())
        for _ in range(3):
            connection.request()
            assert connection.response().status == 200
        connection.send(v1("192.0.2.99"))
        connection.request()
        assert connection.response().status in (400, 505)
    assert {request.fields.get("X-Forwarded-For") for request in origin.requests} == {"192.0.2.7"}


def test_a_header_that_never_ends_is_cut_off(make, origin):
    server = make.headwater([domain(origin)], {"proxy_protocol": "on", "trusted_proxies": "127.0.0.1", "head_timeout": "1s"})
    with server.connect() as connection:
        connection.send(b"PROXY TCP4 192")
        rest, _ = connection.end(5)
        assert rest == b"" or b" 408 " in rest


FORWARDED = [
    ("127.0.0.1", ["198.51.100.9"], "198.51.100.9"),
    ("127.0.0.1", ["198.51.100.9, 198.51.100.10"], "198.51.100.10"),
    ("127.0.0.1", ["198.51.100.9", "10.1.2.3"], "198.51.100.9"),
    ("127.0.0.1", ["spoofed, 198.51.100.9, 10.1.2.3"], "198.51.100.9"),
    ("127.0.0.1", ["nonsense"], "127.0.0.1"),
    ("127.0.0.1", [], "127.0.0.1"),
    ("127.0.0.2", ["198.51.100.9"], "127.0.0.2"),
]  # fmt: skip


@pytest.mark.parametrize("peer, values, seen", FORWARDED)
def test_x_forwarded_for_counts_from_the_right_through_trusted_proxies(make, origin, peer, values, seen):
    server = make.headwater([domain(origin)], {"trusted_proxies": "127.0.0.1/32,10.0.0.0/8"})
    fields = [("X-Forwarded-For", value) for value in values]
    assert server.get(fields=fields, source=peer).status == 200
    assert server.wait_log(1)[0]["client"] == seen
    sent = [entry.strip() for entry in origin.requests[0].fields.get("X-Forwarded-For").split(",")]
    assert sent[-1] == peer
    if peer == "127.0.0.2":
        assert sent == [peer]


def test_x_forwarded_proto_of_a_trusted_proxy_stays(make, origin):
    server = make.headwater([domain(origin)], {"trusted_proxies": "127.0.0.1/32"})
    server.get(fields=[("X-Forwarded-Proto", "https")])
    server.get(fields=[("X-Forwarded-Proto", "https")], source="127.0.0.2")
    assert [request.fields.get("X-Forwarded-Proto") for request in origin.requests] == ["https", "http"]


def test_a_very_long_x_forwarded_for_is_no_trouble(make, origin):
    server = make.headwater([domain(origin)], {"trusted_proxies": "127.0.0.0/8,10.0.0.0/8"})
    long = ", ".join(["10.0.0.1"] * 1500)
    with server.connect() as connection:
        connection.request(fields=[("X-Forwarded-For", long)])
        try:
            assert connection.response().status in (200, 400, 431)
        except wire.Truncated as error:
            raise AssertionError("an honest answer was due") from error
    server.assert_healthy()


def test_forwarded_is_sent_where_it_is_wanted(make, origin):
    server = make.headwater([domain(origin, forwarding={"forwarded": "on", "x_forwarded_for": "off"})])
    server.get()
    fields = origin.requests[0].fields
    assert "X-Forwarded-For" not in fields
    assert "for=127.0.0.1" in fields.get("Forwarded").lower() and "proto=http" in fields.get("Forwarded").lower()
