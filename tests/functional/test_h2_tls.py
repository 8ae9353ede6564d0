"""HTTP/2 over TLS: what ALPN agrees on, and that bodies, windows and ends are the same there."""
import subprocess

import content
import h2wire
import pytest
from caching import FRESH, says
from origin import Generated, Reply
from test_tls import Secure

pytestmark = pytest.mark.racing


@pytest.fixture(name="site")
def _site(make):
    return Secure(make)


def connect(site, **options):
    return h2wire.Connection(("127.0.0.1", site.port), tls=site.context(), **options)


def test_alpn_chooses(site):
    site.origin.default = says(FRESH, body=b"hello")
    for words, version in [((), b"2"), (("--http1.1",), b"1.1"), (("--http2",), b"2")]:
        done = site.curl(*words, "-w", " %{http_version}")
        assert done.stdout == b"hello " + version, done.stderr
    assert [line["protocol"] for line in site.server.wait_log(3)] == ["HTTP/2.0", "HTTP/1.1", "HTTP/2.0"]
    (request,) = site.origin.requests
    assert request.fields.get("X-Forwarded-Proto") == "https"


def test_it_is_not_offered_where_it_is_switched_off(make):
    site = Secure(make, {"http2": "off"})
    site.origin.default = says(FRESH, body=b"hello")
    assert site.curl("-w", " %{http_version}").stdout == b"hello 1.1"


def test_the_preface_counts_for_nothing_without_alpn(site):
    with site.connect() as client:
        client.send(h2wire.PREFACE)
        assert client.response().status == 505


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_large_bodies_come_whole(site, framing):
    site.origin.default = says(FRESH, body=Generated("b", 5_000_000), framing=framing)
    with connect(site, timeout=30) as client:
        for _ in range(2):
            streams = [client.request(path="/b") for _ in range(5)]
            for stream in streams:
                assert bytes(client.response(stream).body) == content.generate("b", 0, 5_000_000)


def test_large_uploads_arrive_whole(site, tmp_path):
    site.origin.default = Reply(body=b"thanks")
    body = content.generate("up", 0, 5_000_000)
    (tmp_path / "body").write_bytes(body)
    assert site.curl("-T", tmp_path / "body", target="/up").stdout == b"thanks"
    (request,) = site.origin.requests
    assert request.size == len(body) and request.digest == content.digest("up", len(body))


def test_many_streams_with_small_windows(site):
    site.origin.default = says(FRESH, body=Generated("w", 50_000))
    with connect(site, window=5000, timeout=30) as client:
        client.window(0, 1 << 30)
        streams = [client.request(path="/w") for _ in range(50)]
        while not all(client.streams[stream].is_whole for stream in streams):
            for stream in streams:
                if not client.streams[stream].is_whole:
                    client.window(stream, 20_000)
            client.read_for(0.01)
        for stream in streams:
            assert bytes(client.streams[stream].body) == content.generate("w", 0, 50_000)


def test_who_does_not_read_is_cut_off(make):
    site = Secure(make, {"write_timeout": "1s"})
    site.origin.default = says(FRESH, body=Generated("n", 20_000_000))
    with connect(site, receive_buffer=4096) as client:
        streams = [client.request(path="/n") for _ in range(10)]
        lines = site.server.wait_log(len(streams), timeout=8)
        assert {line["fault"] for line in lines} == {"write_slow"}


def test_idle_and_drained_connections_say_goaway_and_end_cleanly(make):
    site = Secure(make, {"keepalive_timeout": "300ms"})
    with connect(site) as client:
        assert client.get("/").status == 200
        assert client.wait_end(4) == h2wire.NO_ERROR
        assert client.end == "fin"


def test_nghttp_and_h2load_are_served(site):
    site.origin.default = says(FRESH, body=Generated("l", 10_000))
    url = f"https://127.0.0.1:{site.port}/l"
    done = subprocess.run(["nghttp", "-nsv", "-H", ":authority: edge.test", "-m", "20", url], capture_output=True,
                          text=True, timeout=30)  # fmt: skip
    assert done.stdout.count(":status: 200") == 20, done.stdout[-2000:] + done.stderr
    done = subprocess.run(["h2load", "-n", "2000", "-c", "4", "-m", "32", f"--connect-to=127.0.0.1:{site.port}",
                           "https://edge.test/l"], capture_output=True, text=True, timeout=60)  # fmt: skip
    assert "2000 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout
