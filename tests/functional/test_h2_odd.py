"""Odd clients of HTTP/2: what nghttp can be told to do, each over TLS and without, and that what comes is whole."""
import collections
import subprocess

import content
import h2wire
import pytest
from caching import FRESH, says
from origin import Generated, Reply
from test_tls import NAME, Secure

pytestmark = pytest.mark.racing

SIZE = 100_000

# Flags of nghttp.
ODD = {
    "no table of fields": ["-c", "0"],
    "a large table of fields": ["-c", "65536"],
    "a small table, then a larger one": ["-c", "64", "-c", "4096"],
    "a table that only the encoder has": ["--encoder-header-table-size=0"],
    "padding": ["-b", "255"],
    "small windows": ["-w", "11", "-W", "16"],
    "the largest windows": ["-w", "30", "-W", "30"],
    "one stream at a time": ["--max-concurrent-streams=1", "-m", "5"],
    "many requests": ["-m", "50"],
    "no push and no dependencies": ["--no-push", "--no-dep"],
    "a weight": ["-p", "1"],
    "a trailer": ["--trailer", "x-late: 1", "-H", ":method: POST", "-d", "BODY"],
    "a body that waits for 100": ["--expect-continue", "-H", ":method: POST", "-d", "BODY"],
    "a body without a length": ["--no-content-length", "-H", ":method: POST", "-d", "BODY"],
    "large fields": ["-H", "x-large: " + "v" * 4000],
    "many fields": [word for number in range(50) for word in ("-H", f"x-field-{number}: {number}")],
}  # fmt: skip


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    site = Secure(make_once)
    # Fields of many lengths, so that tables fill and are turned over.
    fields = [f"X-Field-{number}: {'v' * (number * 37 % 300 + 1)}" for number in range(20)]
    site.origin.default = lambda request: (
        Reply(body=b"thanks") if request.method == "POST" else says(FRESH, *fields, body=Generated("odd", SIZE)))  # fmt: skip
    return site


@pytest.mark.parametrize("row", ODD)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_it_is_served_as_everybody_is(site, scheme, row, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(content.generate("up", 0, 20_000))
    words = [str(body) if word == "BODY" else word for word in ODD[row]]
    host, port = ("127.0.0.1", site.port) if scheme == "https" else site.server.address
    command = ["nghttp", "-v", "--timeout=20", "-H", f":authority: {NAME}", *words, f"{scheme}://{host}:{port}/odd"]
    done = subprocess.run(command, capture_output=True, timeout=40)
    said = done.stdout
    assert done.returncode == 0 and b":status: 200" in said, said[-3000:] + done.stderr
    assert b"RST_STREAM" not in said and b"error" not in done.stderr.lower(), said[-3000:] + done.stderr
    if "POST" in " ".join(words):
        assert site.origin.requests[-1].digest == content.digest("up", 20_000)
    else:
        # With -v, everything else is told between the bytes of bodies; those of several streams are mixed.
        count = said.count(b":status: 200")
        again = subprocess.run(["nghttp", *command[2:]], capture_output=True, timeout=40)
        assert collections.Counter(again.stdout) == collections.Counter(content.generate("odd", 0, SIZE) * count)
    site.server.assert_healthy()


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("count", [2, 20, 100])
def test_heads_that_fill_all_the_room_break_nobodys_body(site, scheme, count):
    """They are queued before the first body, and more than `out` takes at a time."""
    fields = [f"X-Field-{number}: {'v' * 900}" for number in range(4)]
    site.origin.on("/heads", says(FRESH, *fields, body=Generated("heads", 50_000)))
    whole = content.generate("heads", 0, 50_000)
    options = {"tls": site.context()} if scheme == "https" else {}
    address = ("127.0.0.1", site.port) if scheme == "https" else site.server.address
    for _ in range(3):
        with h2wire.Connection(address, timeout=30, **options) as client:
            # For each a value of its own, which no table has.
            streams = [client.request(path="/heads", fields=[("x-number", str(number))]) for number in range(count)]
            for stream in streams:
                assert bytes(client.response(stream).body) == whole


def test_who_asks_to_upgrade_to_it_is_answered_as_he_came(site):
    """RFC 9113 has done away with Upgrade: h2c."""
    command = ["curl", "-sS", "--max-time", "20", "--http2", "-w", " %{http_version} %{http_code}", "-o", "/dev/null", "-H", f"Host: {NAME}",
               "http://{}:{}/odd".format(*site.server.address)]  # fmt: skip
    assert subprocess.run(command, capture_output=True, text=True).stdout == " 1.1 200"
