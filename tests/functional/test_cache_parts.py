"""Parts of what is not known yet, where nobody knows how long it is, and of what is stale: no more is pulled than is needed."""
import content
import pytest
from caching import STALE, Site, at_once, crowd, read_parts, says, wait_until, word
from origin import Generated, Reply
from pieces import MIB, PIECE, SIZE, File, seek, sent, serve, settle

pytestmark = pytest.mark.racing


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, workers=2)


# The last bytes of what nobody knows the length of, and several ranges: the first pull tells how long it is.
SUFFIXES = {
    SIZE: [1, 77, 500, MIB, MIB + 1, 3 * MIB, SIZE - 1, SIZE, SIZE + 10],
    MIB: [1, MIB - 1, MIB, MIB + 1],
    MIB + 1: [1, 2, MIB, MIB + 1],
    2 * MIB: [1, MIB, MIB + 1],
    10: [1, 10, 11, 2 * MIB],
}


@pytest.mark.parametrize("size, count", [(size, count) for size, counts in SUFFIXES.items() for count in counts])
def test_the_last_bytes_of_what_is_not_known_are_pulled_and_remembered(site, size, count):
    """RFC 9110 14.1.2."""
    path, file = serve(site, size=size)
    response = site.get(path, f"Range: bytes=-{count}", keep=count < 4 * MIB)
    assert (response.status, word(response), response.size) == (206, "MISS", min(count, size))
    if count < 4 * MIB:
        assert file.is_right(response)
    else:
        assert response.digest == content.digest("file 1", size) or count < size
    settle(site, path)
    assert sent(site, path) < min(count, size) + 2 * MIB + 10_000
    pulls = len(site.pulls(path))
    again = site.get(path, f"Range: bytes=-{count}", keep=False)
    assert (again.status, word(again), again.digest) == (206, "HIT", response.digest)
    assert len(site.pulls(path)) == pulls
    assert site.ask("HEAD", path).fields.get("Content-Length") == str(size)


def test_the_last_bytes_cost_one_pull(site):
    """A piece's length from the end is asked for, so that it has the last piece, wherever that begins."""
    path, file = serve(site)
    assert file.is_right(site.get(path, "Range: bytes=-77"))
    settle(site, path)
    assert file.is_right(seek(site, path, SIZE - 77, 77))
    (pull,) = site.pulls(path)
    assert pull.fields.get("Range") == f"bytes=-{PIECE}"


SEVERAL = {
    "bytes=0-9,-10": [(0, 9), (SIZE - 10, SIZE - 1)],
    "bytes=-10,0-9": [(SIZE - 10, SIZE - 1), (0, 9)],
    f"bytes=5-9,{9 * MIB}-{9 * MIB + 99}": [(5, 9), (9 * MIB, 9 * MIB + 99)],
    f"bytes={9 * MIB}-{9 * MIB + 99},5-9,{15 * MIB - 5}-{15 * MIB + 5}": [
        (9 * MIB, 9 * MIB + 99), (5, 9), (15 * MIB - 5, 15 * MIB + 5)],
    f"bytes={SIZE + 5}-,9-10,500-509": [(9, 10), (500, 509)],
    f"bytes={SIZE + 5}-,-5,0-0": [(SIZE - 5, SIZE - 1), (0, 0)],
}  # fmt: skip


@pytest.mark.parametrize("value", SEVERAL)
def test_several_parts_of_what_is_not_known_are_pulled_and_remembered(site, value):
    """RFC 9110 14.2, 15.3.7.2."""
    path, file = serve(site)
    for expected in ("MISS", "HIT"):
        response = site.get(path, f"Range: {value}")
        assert (response.status, word(response)) == (206, expected)
        assert [(told, body) for told, _, body in read_parts(response)] == [
            (f"bytes {first}-{last}/{SIZE}", file.bytes(first, last)) for first, last in SEVERAL[value]]  # fmt: skip
        settle(site, path)
    assert sent(site, path) < 6 * MIB
    assert {pull.fields.get("Range").count(",") for pull in site.pulls(path)} == {0}


def test_a_crowd_that_wants_the_last_bytes_costs_one_pull(site):
    path, file = serve(site, delay=0.3)
    responses = at_once(site.server, 30, path, "Range: bytes=-70")
    assert all(response.status == 206 and file.is_right(response) for response in responses)
    assert len(site.pulls(path)) == 1


def test_who_comes_while_the_first_piece_is_under_way_shares_it(site):
    """Its head is there, so that it is known how long the object is; and its bytes are on their way."""
    path, file = serve(site, drip="body", drip_bytes=50_000, drip_s=0.2)
    with site.server.connect() as first:
        first.request(target=path, fields=[("Range", f"bytes={5 * MIB}-{5 * MIB + PIECE - 1}")])
        wait_until(lambda: site.ask("HEAD", path, "Cache-Control: only-if-cached").status == 200, "its head")
        second = seek(site, path, 5 * MIB + PIECE - 100)
        assert second.status == 206 and file.is_right(second)
        response = first.response()
        assert response.status == 206 and file.is_right(response)
    (pull,) = site.pulls(path)
    assert pull.fields.get("Range") == f"bytes={5 * MIB}-{5 * MIB + PIECE - 1}"


class Suffixless(File):
    """An origin that has ranges, but none from the end."""

    def __init__(self, answer, **options):
        super().__init__(**options)
        self.answer = answer

    def suffix(self, lines, count):
        return self.answer(self, lines, count)


# What an origin may answer to "the last so many bytes"; the client's own range is another one.
ODD_SUFFIXES = {
    "all of it": lambda file, lines, count: says(*lines, body=Generated("file 1", file.size)),
    "that there are not so many": lambda file, lines, count: (
        File.suffix(file, lines, count) if count <= file.size else says(f"Content-Range: bytes */{file.size}", status=416)),
    "that it will not": lambda file, lines, count: says(status=400, body=b"no"),
    "its first bytes": lambda file, lines, count: file.part(lines, 0, min(count, file.size) - 1),
    "a part that ends early": lambda file, lines, count: file.part(lines, max(0, file.size - count), file.size - 2),
    "a part without a length": lambda file, lines, count: says(
        *lines, f"Content-Range: bytes {file.size - 5}-{file.size - 1}/*", status=206, body=file.bytes(file.size - 5, file.size - 1)),
}  # fmt: skip


@pytest.mark.parametrize("size", [1000, 3 * MIB + 5])
@pytest.mark.parametrize("row", ODD_SUFFIXES)
def test_an_origin_that_knows_no_last_bytes_is_believed_in_nothing_else(site, row, size):
    path = site.path()
    file = Suffixless(ODD_SUFFIXES[row], size=size)
    site.origin.on(path, file)
    for _ in range(2):
        response = site.get(path, "Range: bytes=-70")
        if response.status == 206 and response.fields.get("Content-Range", "*")[-1] != "*":
            assert file.is_right(response)
        else:
            assert response.status in (200, 206, 400)
            assert response.status != 200 or file.is_right(response)
    if row == "that there are not so many":
        assert (response.status, response.size) == (206, 70)
    for first in (0, size - 70):
        response = seek(site, path, first, 70)
        assert response.status == 206 and file.is_right(response)
    assert file.is_right(site.get(path, keep=False))


@pytest.mark.parametrize("etag", ['W/"{}"', None])
def test_the_last_bytes_without_a_strong_validator_are_the_clients_own(site, etag):
    """RFC 9111 3.4."""
    path, file = serve(site, etag=etag)
    for _ in range(2):
        response = site.get(path, "Range: bytes=-70")
        assert (response.status, word(response), response.body) == (206, "PASS", file.bytes(SIZE - 70, SIZE - 1))
    assert not site.is_kept(path)


def stale_file(site, **options):
    """One of which something is known that is stale by now."""
    path, file = serve(site, lines=STALE, **options)
    seek(site, path, 3 * MIB)
    settle(site, path)
    site.origin.forget()
    return path, file


# What is asked of it, and how many bytes of what is new that may cost.
PARTLY = {
    "Range: bytes=3145728-3145827": 206,
    "Range: bytes=15728640-15728739": 206,
    "Range: bytes=-70": 206,
    "Range: bytes=0-9,-10": 206,
    "HEAD": 200,
}


@pytest.mark.parametrize("row", PARTLY)
@pytest.mark.parametrize("is_changed", [True, False])
def test_a_part_of_what_is_stale_is_validated_without_pulling_all_of_what_is_new(site, row, is_changed):
    """RFC 9110 13.2.2: If-None-Match comes first, and Range counts where it does not match."""
    path, file = stale_file(site)
    new = File(version="2") if is_changed else File()
    site.origin.on(path, new)
    response = site.ask("HEAD", path) if row == "HEAD" else site.get(path, row)
    assert (response.status, word(response)) == (PARTLY[row], "MISS" if is_changed or "15728640" in row or "-" in row[-4:] else "REVALIDATED")
    if response.fields.get("Content-Range"):
        assert new.is_right(response)
    elif row != "HEAD":
        assert [body for _, _, body in read_parts(response)] == [new.bytes(0, 9), new.bytes(SIZE - 10, SIZE - 1)]
    assert response.fields.get("ETag") == new.etag.format(new.version)
    settle(site, path)
    assert sent(site, path) < 3 * MIB
    assert site.pulls(path)[0].fields.get("If-None-Match") == '"1"'
    assert new.is_right(seek(site, path, 9 * MIB))


def test_a_part_of_what_is_stale_is_pulled_behind_it_without_all_of_what_is_new(make):
    """RFC 5861 3."""
    site = Site(make, {"edge.test": {"stale": {"while_revalidate": "1h"}}})
    path, old = stale_file(site)
    new = File(version="2")
    site.origin.on(path, new)
    response = seek(site, path, 3 * MIB)
    assert word(response) == "STALE" and old.is_right(response)
    wait_until(lambda: site.ask("HEAD", path).fields.get("ETag") == '"2"', "the new version")
    settle(site, path)
    assert sent(site, path) < 2 * MIB
    assert new.is_right(seek(site, path, 3 * MIB))


def test_a_crowd_in_every_place_validates_once(site):
    path, file = stale_file(site)
    site.origin.on(path, File(delay=0.3))
    responses = crowd(20, lambda number: site.ask("HEAD", path) if number % 5 == 0 else seek(site, path, 3 * MIB, 100 + number))
    assert all(file.is_right(response) for response in responses if response.status == 206)
    assert len(site.pulls(path)) == 1


@pytest.mark.parametrize("reply, status", [
    ({"status": 503}, "STALE"), ({"status": 404}, 404), ({"status": 403}, 403), ({"cut": "before", "how": "close"}, "STALE"),
])  # fmt: skip
def test_a_part_of_what_is_stale_where_the_origin_fails_or_refuses(site, reply, status):
    """RFC 9111 4.3.3; origin-pull.md section 4."""
    path, file = stale_file(site)
    site.origin.on(path, Reply(**reply))
    response = seek(site, path, 3 * MIB)
    if status == "STALE":
        assert (response.status, word(response)) == (206, "STALE") and file.is_right(response)
    else:
        assert response.status == status
    site.origin.on(path, file)
    assert file.is_right(seek(site, path, 3 * MIB))


def test_a_part_of_what_is_stale_whose_new_version_is_not_for_sharing(site):
    path, old = stale_file(site)
    new = File(version="2", lines=["Cache-Control: private"])
    site.origin.on(path, new)
    for _ in range(2):
        response = seek(site, path, 3 * MIB)
        assert (response.status, word(response)) == (206, "PASS") and new.is_right(response)
    site.origin.on(path, Reply(status=503))
    assert seek(site, path, 3 * MIB).status == 503  # the old one does not come back
