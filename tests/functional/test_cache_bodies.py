"""Bodies of every size come out of the cache as they went in: on a miss, on a hit, and in parts."""
import random

import content
import pytest
from caching import FRESH, Site, crowd, read_until, says, word
from domains import domain, origin_of
from origin import Generated

KIB, MIB = 1 << 10, 1 << 20
SIZES = [0, 1, 2, 1000, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 200_000,
         MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7, 20 * MIB]  # fmt: skip
FRAMINGS = ["length", "chunked"]
ROWS = [(size, framing) for size in SIZES for framing in FRAMINGS]


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, workers=2)


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        size, framing = row
        path = site.path()
        seed = f"{size} {framing}"
        site.says(path, FRESH, 'ETag: "a"', body=Generated(seed, size), framing=framing)
        whole = [site.get(path, keep=False, timeout=60) for _ in range(3)]
        draw = random.Random(size)
        parts = []
        for _ in range(6 if size > 1 else 0):
            first = draw.randrange(size)
            last = min(size - 1, first + draw.choice([0, 1, 1000, 70_000, MIB]))
            parts.append((first, last, site.get(path, f"Range: bytes={first}-{last}")))
        return whole, parts, seed, len(site.pulls(path))

    return side_by_side(run, ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_body_comes_out_as_it_went_in(results, row):
    (size, _), (whole, parts, seed, pulls) = row, results[row]
    digest = content.digest(seed, size)
    assert [word(response) for response in whole] == ["MISS", "HIT", "HIT"]
    for response in whole:
        assert (response.size, response.digest) == (size, digest)
    for response in whole[1:]:
        assert response.fields.get("Content-Length") == str(size)
    for first, last, response in parts:
        assert response.status == 206 and response.body == content.generate(seed, first, last - first + 1)
    assert pulls == 1


@pytest.mark.parametrize("size", [1000, 70_000, 5 * MIB])
def test_a_kept_connection_has_one_body_behind_the_other(site, size):
    path = site.path()
    site.says(path, FRESH, body=Generated("k", size))
    digest = content.digest("k", size)
    with site.server.connect() as connection:
        for _ in range(4):
            connection.request(target=path)
            assert connection.response(keep=False).digest == digest
            connection.request("HEAD", path)
            assert connection.response("HEAD").fields.get("Content-Length") == str(size)


@pytest.mark.parametrize("size", [16 * KIB + 1, 64 * KIB, 3 * MIB + 7])
def test_a_slow_client_gets_the_same_bytes(site, size):
    path = site.path()
    site.says(path, FRESH, body=Generated("w", size))
    site.get(path, keep=False)
    with site.server.connect(receive_buffer=4096, timeout=30) as connection:
        connection.request(target=path)
        response = connection.response(keep=False)
    assert (word(response), response.digest) == ("HIT", content.digest("w", size))


def test_a_pipe_of_large_hits(site):
    path = site.path()
    site.says(path, FRESH, body=Generated("p", 2 * MIB))
    site.get(path, keep=False)
    digest = content.digest("p", 2 * MIB)
    with site.server.connect(timeout=30) as connection:
        connection.send(f"GET {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode() * 5)
        assert [connection.response(keep=False).digest for _ in range(5)] == [digest] * 5


def test_clients_that_leave_in_the_middle_take_nothing_with_them(site):
    path = site.path()
    site.says(path, FRESH, body=Generated("m", 4 * MIB))
    site.get(path, keep=False)

    def ask(number):
        with site.server.connect() as connection:
            connection.request(target=path)
            connection.sock.recv(1 + number * 3000)
            if number % 2:
                connection.abort()

    crowd(30, ask)
    response = site.get(path, keep=False)
    assert (word(response), response.digest) == ("HIT", content.digest("m", 4 * MIB))


def test_a_new_version_is_never_mixed_with_the_old_one(site):
    """Who is in the middle of the old one gets all of it from there, whatever came since."""
    path = site.path()
    size = 8 * MIB
    site.says(path, "Cache-Control: max-age=100", 'ETag: "1"', body=Generated("v1", size))
    site.get(path, keep=False)
    digests = {content.digest("v1", size), content.digest("v2", size)}
    with site.server.connect(receive_buffer=4096, timeout=30) as slow:
        slow.request(target=path)
        read_until(slow, 1000)
        site.says(path, FRESH, 'ETag: "2"', body=Generated("v2", size))
        assert site.get(path, "Cache-Control: no-cache", keep=False).digest in digests
        assert site.get(path, keep=False).digest == content.digest("v2", size)
        assert slow.response(keep=False).digest == content.digest("v1", size)


def test_object_heads_of_any_size(site):
    for count in (1, 50, 200):
        path = site.path()
        fields = [f"X-Many-{number}: {'v' * 200}" for number in range(count)]
        site.origin.on(path, says(FRESH, *fields, body=b"x"))
        for _ in range(2):
            response = site.get(path)
            assert [value for name, value in response.fields if name.startswith("X-Many")] == ["v" * 200] * count
        assert word(response) == "HIT"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_who_is_far_behind_gets_what_is_stored_and_then_what_is_on_its_way(make, framing):
    """The one ends at pieces, the other where the origin's bytes came; what was announced of the one is no end of the other."""
    size = 20 << 20
    origin = make.origin("origin")
    origin.default = says(FRESH, 'ETag: "1"', body=Generated("far", size), framing=framing, delay=0.3)
    server = make.headwater([domain(origin_of(origin))], workers=2)
    slow, fast = server.connect(timeout=60, receive_buffer=4096), server.connect(timeout=60)
    with slow, fast:
        for connection in (slow, fast):
            connection.request(target="/far")
        origin.wait(1)
        assert fast.response().digest == content.digest("far", size)
        assert slow.response().digest == content.digest("far", size)
    assert len(origin.requests) == 1
