"""Ranges of what is remembered (RFC 9110 section 14), and of what is not yet."""
import content
import pytest
from caching import FRESH, Site, read_parts, word
from origin import Generated

MIB = 1 << 20
SIZES = {"short": 1000, "inline": 65536, "pieces": 3 * MIB + 5}
DATE, MODIFIED = "Mon, 02 Nov 2026 10:00:50 GMT", "Mon, 02 Nov 2026 10:00:10 GMT"
LONG = "Cache-Control: max-age=2000000000"  # whatever the clock makes of the dates

# (of what size, the Range) -> its parts as (first, last), 416, or 200: all of it
TABLE = {
    ("short", "bytes=0-0"): [(0, 0)],
    ("short", "bytes=10-19"): [(10, 19)],
    ("short", "bytes=0-"): [(0, 999)],
    ("short", "bytes=999-"): [(999, 999)],
    ("short", "bytes=990-5000"): [(990, 999)],
    ("short", "bytes=-5"): [(995, 999)],
    ("short", "bytes=-1000"): [(0, 999)],
    ("short", "bytes=-99999999999999999999"): [(0, 999)],
    ("short", "bytes=5-99999999999999999999"): [(5, 999)],
    ("short", "BYTES=0-9"): [(0, 9)],
    ("short", "bytes=1000-"): 416,
    ("short", "bytes=1000-2000, 5000-"): 416,
    ("short", "bytes=-0"): 416,
    ("short", "bytes=99999999999999999999-"): 416,
    ("short", "bytes=5-4"): 200,
    ("short", "bytes=a-b"): 200,
    ("short", "bytes=0-9x"): 200,
    ("short", "bytes="): 200,
    ("short", "bytes 0-9"): 200,
    ("short", "items=0-9"): 200,
    ("short", "bytes=0-0,-1"): [(0, 0), (999, 999)],
    ("short", "bytes=500-509, 0-9, 900-"): [(500, 509), (0, 9), (900, 999)],
    ("short", "bytes=0-9, 2000-"): [(0, 9)],
    ("short", "bytes=0-99, 50-149"): [(0, 149)],
    ("short", "bytes=" + ",".join(["0-"] * 16)): [(0, 999)],
    ("short", "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 1000, 10))): 200,
    ("inline", "bytes=65535-"): [(65535, 65535)],
    ("inline", "bytes=1-65534"): [(1, 65534)],
    ("pieces", "bytes=0-9"): [(0, 9)],
    ("pieces", f"bytes={MIB - 5}-{MIB + 4}"): [(MIB - 5, MIB + 4)],
    ("pieces", f"bytes={MIB}-{2 * MIB - 1}"): [(MIB, 2 * MIB - 1)],
    ("pieces", f"bytes={MIB - 1}-{3 * MIB}"): [(MIB - 1, 3 * MIB)],
    ("pieces", "bytes=-5"): [(3 * MIB, 3 * MIB + 4)],
    ("pieces", "bytes=-6"): [(3 * MIB - 1, 3 * MIB + 4)],
    ("pieces", f"bytes=2000000-2999999, 0-0, {3 * MIB}-"): [(2000000, 2999999), (0, 0), (3 * MIB, 3 * MIB + 4)],
    ("pieces", f"bytes={3 * MIB + 5}-"): 416,
}


class Ranges:
    def __init__(self, make):
        self.site = Site(make)
        self.bodies = {name: content.generate(name, 0, size) for name, size in SIZES.items()}
        for name, size in SIZES.items():
            self.site.says(f"/{name}", LONG, 'ETag: "a"', f"Last-Modified: {MODIFIED}", f"Date: {DATE}",
                           "Content-Type: text/a", body=Generated(name, size))  # fmt: skip
            self.site.get(f"/{name}")


@pytest.fixture(scope="module", name="ranges")
def _ranges(make_once):
    return Ranges(make_once)


@pytest.fixture(scope="module", name="site")
def _site(ranges):
    return ranges.site


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    return side_by_side(lambda row: site.get(f"/{row[0]}", f"Range: {row[1]}"), TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}, {row[1][:60]}")
def test_a_range_of_what_is_remembered(ranges, results, row):
    """RFC 9110 14.1.2, 14.2, 14.6, 15.3.7, 15.5.17."""
    response, expected, body = results[row], TABLE[row], ranges.bodies[row[0]]
    if expected == 416:
        assert response.status == 416 and response.fields.get("Content-Range") == f"bytes */{len(body)}"
        return
    assert word(response) == "HIT" and response.fields.get("ETag") == '"a"' and "Age" in response.fields
    if expected == 200:
        assert (response.status, response.body) == (200, body) and "Content-Range" not in response.fields
        return
    assert response.status == 206
    told = [f"bytes {first}-{last}/{len(body)}" for first, last in expected]
    if len(expected) == 1:
        assert response.fields.get("Content-Range") == told[0] and response.fields.get("Content-Type") == "text/a"
        assert response.body == body[expected[0][0] : expected[0][1] + 1]
        return
    assert "Content-Range" not in response.fields
    parts = read_parts(response)
    assert [part[0] for part in parts] == told and {part[1] for part in parts} == {"text/a"}
    assert [part[2] for part in parts] == [body[first : last + 1] for first, last in expected]


def test_no_range_asked_the_origin_again(ranges, results):
    for row in TABLE:
        results.futures.get(row) and results[row]
    for name in SIZES:
        assert len(ranges.site.pulls(f"/{name}")) == 1


IF_RANGES = {
    '"a"': 206,
    '"b"': 200,
    'W/"a"': 200,
    MODIFIED: 206,
    "Mon, 02 Nov 2026 10:00:11 GMT": 200,
    "nonsense": 200,
}


@pytest.mark.parametrize("value", IF_RANGES)
def test_if_range_must_match_strongly(ranges, value):
    """RFC 9110 13.1.5."""
    response = ranges.site.get("/short", "Range: bytes=5-9", f"If-Range: {value}")
    whole = ranges.bodies["short"]
    assert (response.status, response.body) == (IF_RANGES[value], whole[5:10] if IF_RANGES[value] == 206 else whole)


@pytest.mark.parametrize("lines, value, status", [
    (('ETag: W/"a"',), 'W/"a"', 200),
    ((f"Last-Modified: {DATE}",), DATE, 200),  # as old as the response: a weak validator (8.8.2.2)
    ((f"Last-Modified: {MODIFIED}",), MODIFIED, 206),
    ((), MODIFIED, 200),
])  # fmt: skip
def test_if_range_wants_a_strong_validator(site, lines, value, status):
    """RFC 9110 13.1.5, 8.8.2.2."""
    path = site.path()
    site.says(path, LONG, f"Date: {DATE}", *lines, body=b"0123456789")
    site.get(path)
    assert site.get(path, "Range: bytes=5-9", f"If-Range: {value}").status == status


def test_conditions_come_before_ranges(site):
    """RFC 9110 13.2.2."""
    assert site.get("/short", "Range: bytes=5-9", 'If-None-Match: "a"').status == 304
    assert site.get("/short", "Range: bytes=5-9", 'If-Match: "b"').status == 412
    assert site.get("/short", "Range: bytes=5-9", 'If-None-Match: "b"').status == 206


def test_a_range_is_of_a_200_only(site):
    """RFC 9110 14.2."""
    path = site.path()
    site.says(path, FRESH, status=404, body=b"0123456789")
    site.get(path)
    response = site.get(path, "Range: bytes=0-1")
    assert (response.status, response.body) == (404, b"0123456789")


@pytest.mark.parametrize("body", [b"", b"0"])
def test_ranges_of_next_to_nothing(site, body):
    path = site.path()
    site.says(path, FRESH, body=body)
    site.get(path)
    assert site.get(path, "Range: bytes=0-0").status == (206 if body else 416)
    assert site.get(path, "Range: bytes=1-").status == 416
    assert site.get(path, "Range: bytes=-1").status == (206 if body else 200)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_all_from_the_beginning_is_the_whole(site, framing):
    """What a player asks first; everybody may share the pull, so the origin is asked for all."""
    path = site.path()
    site.says(path, FRESH, body=Generated("short", 100_000), framing=framing)
    response = site.get(path, "Range: bytes=0-")
    whole = content.generate("short", 0, 100_000)
    assert response.status == (206 if framing == "length" else 200) and response.body == whole
    assert "Range" not in site.pulls(path)[0].fields
    response = site.get(path, "Range: bytes=50-59")
    assert (response.status, word(response), response.body) == (206, "HIT", whole[50:60])


@pytest.mark.parametrize("value", ["bytes=-5", "bytes=0-1,5-9"])
def test_parts_whose_place_is_not_known_are_the_origins(site, value):
    """What comes is not what we asked for to learn how long it is: the client's own range goes to the origin."""
    path = site.path()
    site.says(path, FRESH, 'ETag: "a"', "Content-Range: bytes 5-9/10", status=206, body=b"56789")
    response = site.get(path, f"Range: {value}")
    assert (response.status, response.body, word(response)) == (206, b"56789", "PASS")
    assert site.pulls(path)[-1].fields.get("Range") == value
    assert not site.is_kept(path)
