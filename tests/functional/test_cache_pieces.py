"""Large objects in pieces: a seek pulls what it needs and no more, and no two versions are ever mixed."""
import time

import content
import pytest
import wire
from caching import FRESH, Site, at_once, crowd, purge, says, wait_until, word
from domains import domain
from origin import Reply
from pieces import MIB, PIECE, SIZE, File, seek, sent, serve, settle

pytestmark = pytest.mark.racing


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, workers=2)


SEEKS = [0, 1, 1000, MIB - 50, MIB, 3 * MIB - 1, 10 * MIB + 5, SIZE - 101, SIZE - 100, SIZE - 1]


@pytest.mark.parametrize("first", SEEKS)
def test_a_seek_pulls_what_it_needs_and_remembers_it(site, first):
    path, file = serve(site)
    response = seek(site, path, first)
    assert response.status == 206 and word(response) == "MISS" and file.is_right(response)
    assert response.size == min(100, SIZE - first)
    assert sent(site, path) < 3 * MIB
    settle(site, path)
    pulls = len(site.pulls(path))
    again = seek(site, path, first)
    assert (word(again), again.body) == ("HIT", response.body) and len(site.pulls(path)) == pulls


SPANS = [(MIB - 1, 2), (5 * MIB - 7, 3 * MIB), (0, 4 * MIB), (SIZE - 2 * MIB, 2 * MIB)]


@pytest.mark.parametrize("first, count", SPANS)
def test_a_range_over_several_pieces(site, first, count):
    path, file = serve(site)
    for expected in ("MISS", "HIT"):
        response = seek(site, path, first, count)
        settle(site, path)
        assert response.status == 206 and word(response) == expected and file.is_right(response)
        assert response.size == count
    assert sent(site, path) < count + 3 * MIB


@pytest.mark.parametrize("line, status", [("X-Odd: 1", 400), ("X-Odd: 1", 429), ("Authorization: Basic eDp5", 401)])
def test_what_a_request_brought_about_says_nothing_of_the_version(site, line, status):
    path, file = serve(site)
    site.origin.on(path, lambda request: says(status=status, body=b"own") if line.split(":")[0] in request.fields
                   else file(request))  # fmt: skip
    seek(site, path, 5 * MIB)
    settle(site, path)
    assert seek(site, path, 9 * MIB, 100, line).status == status
    response = seek(site, path, 5 * MIB)
    assert word(response) == "HIT" and file.is_right(response)


def test_parts_of_ten_gigabytes(site):
    """No more is pulled than what is asked for lies in."""
    size = 10 << 30
    path, file = serve(site, size=size)
    for first in (9 << 30, 5, size - 200, 4 << 30):
        assert file.is_right(seek(site, path, first))
    assert file.is_right(site.get(path, "Range: bytes=-1000"))
    settle(site, path)
    assert sent(site, path) < 6 * MIB
    response = seek(site, path, 9 << 30)
    assert word(response) == "HIT" and file.is_right(response)


@pytest.mark.parametrize("count", [100, 4 * MIB])
def test_a_piece_that_an_odd_request_waits_for_is_had_by_others(site, count):
    """From its first byte on, and in the middle of a body."""
    path, file = serve(site)
    site.origin.on(path, lambda request: says(status=400, body=b"odd", delay=0.6) if "X-Odd" in request.fields
                   else file(request))  # fmt: skip
    seek(site, path, 5 * MIB)
    settle(site, path)
    with site.server.connect() as odd:
        odd.request(target=path, fields=[("Range", f"bytes={7 * MIB}-{7 * MIB + 99}"), ("X-Odd", "1")])
        wait_until(lambda: len(site.pulls(path)) == 2, "the odd one")
        response = seek(site, path, 7 * MIB if count == 100 else 6 * MIB, count)
        assert response.status == 206 and file.is_right(response)
        assert odd.response().status == 400
    assert all("Range" in pull.fields for pull in site.pulls(path))


def test_a_player_that_jumps_about(site):
    path, file = serve(site)
    for first in (0, 15 * MIB, 2 * MIB, 15 * MIB + 100, 0, 7 * MIB, SIZE - 10, 15 * MIB):
        response = site.get(path, f"Range: bytes={first}-{min(first + 300_000, SIZE) - 1}")
        assert response.status == 206 and file.is_right(response)
    assert sent(site, path) < 12 * MIB


# Reading on: limits.def, PIECES_AHEAD. Pieces are smaller here, as the memory is.

AHEAD = 4


class Watched(File):
    """Notes at each pull of a piece which one it is, and how many others have no answer yet."""

    def __init__(self, site, path, **options):
        super().__init__(**options)
        self.site, self.path, self.numbers, self.at_once = site, path, [], []

    def __call__(self, request):
        self.numbers.append(int(request.fields.get("Range").partition("=")[2].partition("-")[0]) // PIECE)
        self.at_once.append(sum(not pull.answered for pull in self.site.pulls(self.path)))
        return super().__call__(request)


def watch(site, **options):
    path = site.path()
    file = Watched(site, path, **options)
    site.origin.on(path, file)
    return path, file


def test_who_reads_on_has_the_next_pieces_pulled_meanwhile(site):
    """An origin that is far away does not make each piece late: after the first ones they are under way already."""
    path, file = watch(site, delay=0.2)
    first, last = 3 * PIECE + 5, 40 * PIECE - 1
    response = seek(site, path, first, last - first + 1)
    assert response.status == 206 and file.is_right(response)
    assert sorted(file.numbers) == list(range(3, 40)) and file.numbers[:3] == [3, 4, 5]
    assert 3 <= max(file.at_once) <= 1 + AHEAD


def test_nothing_is_pulled_ahead_of_who_looks_for_something(site):
    path, file = watch(site)
    for number in (3, 9, 20, 21, 30):
        assert file.is_right(seek(site, path, number * PIECE + 7, 1000))
        settle(site, path)
    assert file.numbers == [3, 9, 20, 21, 30]


def test_no_more_is_pulled_ahead_than_is_asked_for_or_lacks(site):
    path, file = watch(site)
    for number in (5, 7):
        assert file.is_right(seek(site, path, number * PIECE, 10))
    settle(site, path)
    assert file.is_right(seek(site, path, 4 * PIECE + 1, 5 * PIECE))
    settle(site, path)
    assert sorted(file.numbers) == [4, 5, 6, 7, 8, 9]
    assert file.is_right(seek(site, path, 11 * PIECE + 1, PIECE))
    settle(site, path)
    assert sorted(file.numbers)[6:] == [11, 12]


def test_what_is_pulled_ahead_of_a_slow_client_is_bounded(site):
    path, file = watch(site)
    with site.server.connect(receive_buffer=4096, timeout=30) as slow:
        slow.request(target=path, fields=[("Range", f"bytes=5-{SIZE - 1}")])
        pulls = -1
        while pulls < len(file.numbers):
            pulls = len(file.numbers)
            time.sleep(0.5)
        # What it has not read lies in buffers of sockets; the piece after that, and those ahead.
        assert max(file.numbers) < SIZE // PIECE - 10
        assert sorted(file.numbers) == list(range(max(file.numbers) + 1))


def test_pieces_that_fail_ahead_are_pulled_again_by_who_needs_them(site):
    path = site.path()
    file = File()
    failed = set()

    def answer(request):
        number = int(request.fields.get("Range").partition("=")[2].partition("-")[0]) // PIECE
        if number in (6, 7, 8, 9) and number not in failed:
            failed.add(number)
            return Reply(status=503, delay=0.1)
        return file(request)

    site.origin.on(path, answer)
    assert file.is_right(seek(site, path, 3 * PIECE + 9, 10 * PIECE)) and len(failed) == 4


def test_a_body_of_many_pieces_outlives_more_pulls_of_others_that_fail_than_one_piece_may(make):
    """Each piece is being pulled for somebody else, and that pull breaks off: who reads on has it pulled again."""
    site = Site(make, {"edge.test": {"resume": {"attempts": 0}}}, workers=2)
    path, file = serve(site)
    gates = {}

    def answer(request):
        number = int(request.fields.get("Range").partition("=")[2].partition("-")[0]) // PIECE
        if gates.get(number) == "closed":
            gates[number] = "open"
            return Reply(status=206, fields=file(request).fields, body=bytes(PIECE),
                         delay=1 + (number - 10) * 0.2, cut="mid_body", cut_after=0)  # fmt: skip
        return file(request)

    seek(site, path, 70 * PIECE)
    settle(site, path)
    site.origin.on(path, answer)
    numbers = range(10, 20)
    gates.update((number, "closed") for number in numbers)

    def other(number):
        with pytest.raises(wire.WireError):
            seek(site, path, number * PIECE, 100)

    def reader(_):
        wait_until(lambda: all(gates[number] == "open" for number in numbers), "the pulls of the others")
        return seek(site, path, 10 * PIECE, len(numbers) * PIECE)

    *_, response = crowd(len(numbers) + 1, lambda at: other(numbers[at]) if at < len(numbers) else reader(at))
    assert response.status == 206 and file.is_right(response)


def test_the_whole_is_made_of_the_pieces_that_are_there_and_those_that_lack(site):
    """RFC 9111 3.3, 3.4: an incomplete object is completed by ranges."""
    path, file = serve(site)
    for first in (3 * MIB, 9 * MIB, 17 * MIB):
        seek(site, path, first)
    response = site.get(path, keep=False)
    assert response.status == 200 and file.is_right(response)
    assert sent(site, path) < SIZE + 3 * MIB
    response = site.get(path, keep=False)
    assert word(response) == "HIT" and file.is_right(response)


def test_head_of_what_is_known_in_part(site):
    path, _ = serve(site)
    seek(site, path, 5 * MIB)
    head = site.ask("HEAD", path)
    assert (head.status, word(head), head.fields.get("Content-Length")) == (200, "HIT", str(SIZE))
    assert "Content-Range" not in head.fields


@pytest.mark.parametrize("size", [1, 10, 1000, 65537])
def test_a_part_of_what_is_small(site, size):
    path, file = serve(site, size=size)
    response = seek(site, path, 0, 5)
    assert response.status == 206 and file.is_right(response)
    settle(site, path)
    response = site.get(path)
    assert (response.status, word(response)) == (200, "HIT") and file.is_right(response)


def test_a_range_past_the_end_is_not_satisfiable(site):
    """RFC 9110 15.5.17."""
    path, _ = serve(site)
    for _ in range(2):
        response = seek(site, path, SIZE + 5)
        assert (response.status, response.fields.get("Content-Range")) == (416, f"bytes */{SIZE}")


def test_a_range_past_the_end_of_what_is_not_known(site):
    """RFC 9110 15.5.17; 13.1.5: where If-Range does not hold, there is no Range."""
    for lines in ((), ("If-Range: W/\"1\"",), ('If-Range: "0"',), ('If-Range: "1"',), ('If-None-Match: "1"',)):
        path, file = serve(site, size=500)
        response = seek(site, path, 5 * MIB, 100, *lines)
        if lines and "None-Match" in lines[0]:
            assert response.status == 304
        elif lines and '"1"' != lines[0].partition(": ")[2]:
            assert response.status == 200 and file.is_right(response)
        else:
            assert (response.status, response.fields.get("Content-Range")) == (416, "bytes */500")


def test_a_crowd_that_seeks_to_one_place_costs_one_pull(site):
    path, file = serve(site, delay=0.3)
    responses = at_once(site.server, 30, path, f"Range: bytes={10 * MIB}-{10 * MIB + 999}")
    assert all(response.status == 206 and file.is_right(response) for response in responses)
    assert len(site.pulls(path)) == 1


def test_a_crowd_that_seeks_everywhere(site):
    path, file = serve(site, delay=0.05)
    responses = crowd(20, lambda number: seek(site, path, number * MIB, 200_000))
    assert all(response.status == 206 and file.is_right(response) for response in responses)


@pytest.mark.parametrize("line", ["Range: bytes=0-99", f"Range: bytes={3 * MIB}-{5 * MIB}", "Range: bytes=-100,0-0",
                                  "X-Whole: 1"])  # fmt: skip
def test_who_wants_nothing_but_what_is_stored_has_no_piece_pulled(site, line):
    """RFC 9111 5.2.1.7."""
    path, file = serve(site)
    seek(site, path, 3 * MIB)
    settle(site, path)
    response = site.get(path, line, "Cache-Control: only-if-cached", keep=False)
    assert (response.status, response.error, len(site.pulls(path))) == (504, "only_if_cached", 1)
    response = seek(site, path, 3 * MIB, 100, "Cache-Control: only-if-cached")
    assert (response.status, word(response)) == (206, "HIT") and file.is_right(response)


# What lets nobody tell one version's pieces from another's: the client's own range goes to the origin.
WEAK = {"a weak ETag": 'W/"{}"', "no validator": None}


@pytest.mark.parametrize("name", WEAK)
def test_without_a_strong_validator_nothing_is_put_together(site, name):
    """RFC 9111 3.4."""
    path, file = serve(site, etag=WEAK[name])
    for _ in range(2):
        response = seek(site, path, 5 * MIB)
        assert response.status == 206 and response.body == file.bytes(5 * MIB, 5 * MIB + 99) and word(response) != "HIT"
    response = site.get(path, keep=False)
    assert response.digest == content.digest("file 1", SIZE)


@pytest.mark.parametrize("trusts", [False, True])
def test_a_date_tells_the_version_of_pieces_where_it_is_trusted(make, trusts):
    """Files that differ may have one date and length on two machines; trusted, they had better not."""
    modified = "Mon, 02 Nov 2026 10:00:00 GMT"
    origins = [make.origin("one"), make.origin("two")]
    files = [File(version="1" if trusts else str(i), etag=None, modified=modified) for i in range(2)]
    for origin, file in zip(origins, files):
        origin.default = file
    server = make.headwater([domain(origins, resume={"trust_dates": "on" if trusts else "off"})])
    for i in range(12):
        response = server.get(f"/{i}", fields=[("Range", f"bytes={5 * MIB}-{8 * MIB - 1}")])
        assert response.status == 206 and any(file.is_right(response) for file in files)
    pulled = sum(request.sent for origin in origins for request in origin.requests)
    assert (pulled < 12 * SIZE / 2) if trusts else (pulled > 12 * 3 * MIB)


UNSHARED = [["Cache-Control: no-store"], ["Cache-Control: private"], [], [FRESH, "Set-Cookie: a=b"]]


@pytest.mark.parametrize("lines", UNSHARED)
def test_parts_of_what_is_not_for_sharing_are_not_remembered(site, lines):
    path, file = serve(site, lines=lines)
    for _ in range(2):
        response = seek(site, path, 5 * MIB)
        assert response.status == 206 and word(response) == "PASS" and file.is_right(response)
    assert not site.is_kept(path)


@pytest.mark.parametrize("first", [100, 5 * MIB, SIZE - 100])
def test_an_origin_without_ranges(site, first):
    """RFC 9110 14.2: it answers with all of it, and the client gets the part, or the whole."""
    path, file = serve(site, has_ranges=False)
    for _ in range(2):
        response = seek(site, path, first)
        assert response.status in (200, 206) and file.is_right(response)


@pytest.mark.parametrize("lines", [["Cache-Control: no-store"], ["Cache-Control: private, max-age=9"]])
def test_a_part_that_comes_not_to_be_stored_is_not(site, lines):
    """RFC 9111 3: of something that is remembered, too. It is of the same version, so who asked has it."""
    path, file = serve(site)
    seek(site, path, 3 * MIB)
    settle(site, path)
    file.lines = lines
    for pulls in (2, 3):
        assert file.is_right(seek(site, path, 9 * MIB)) and len(site.pulls(path)) == pulls
        settle(site, path)
    file.lines = [FRESH]
    for _ in range(2):
        assert file.is_right(seek(site, path, 9 * MIB)) and len(site.pulls(path)) == 4
        settle(site, path)


# Versions.


def test_a_seek_after_a_change_gets_the_new_version(site):
    """RFC 9110 13.1.5: If-Range with the remembered version's ETag tells."""
    path, _ = serve(site)
    seek(site, path, 3 * MIB)
    file = File(version="2")
    site.origin.on(path, file)
    for _ in range(3):
        response = seek(site, path, 9 * MIB)
        if response.status == 206:
            assert file.is_right(response)
        else:
            assert response.status == 502 and response.error == "changed"
    assert response.status == 206
    assert file.is_right(seek(site, path, 3 * MIB)) and file.is_right(site.get(path, keep=False))


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_whole_whose_pieces_lack_after_a_change_is_never_mixed(site, has_ranges):
    path, old = serve(site)
    for first in (0, 6 * MIB):
        seek(site, path, first)
    new = File(version="2", has_ranges=has_ranges)
    site.origin.on(path, new)
    for _ in range(3):
        try:
            response = site.get(path, keep=False)
        except wire.Truncated as error:
            assert error.response.fields.get("ETag") == '"1"'
            assert error.response.digest == content.digest(f"file {old.version}", error.response.size)
            continue
        assert response.status == 502 or new.is_right(response)
    assert response.status == 200


def test_another_length_is_another_version(site):
    """The ETag says the same, and lies."""
    path, _ = serve(site)
    seek(site, path, 3 * MIB)
    site.origin.on(path, File(size=SIZE + 1000))
    for _ in range(3):
        response = seek(site, path, 9 * MIB)
        assert response.status in (206, 502)
        if response.status == 206:
            assert response.body == File().bytes(9 * MIB, 9 * MIB + 99)


# name -> the field lines of a 206, and its content
LIES = {
    "another range": ([f"Content-Range: bytes 5-104/{SIZE}"], bytes(100)),
    "no Content-Range": ([], bytes(100)),
    "a Content-Range that is none": (["Content-Range: bytes 9-5/3"], bytes(100)),
    "two of them": (["Content-Range: bytes 0-99/100", "Content-Range: bytes 0-99/200"], bytes(100)),
    "no length": (["Content-Range: bytes 0-99/*"], bytes(100)),
    "several parts": (["Content-Type: multipart/byteranges; boundary=a"], b"--a\r\n\r\nx\r\n--a--"),
    "less than it says": ([f"Content-Range: bytes 0-{MIB - 1}/{SIZE}"], bytes(100)),
}


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_right_part_is_never_remembered(site, name):
    """RFC 9110 14.4, 15.3.7."""
    path = site.path()
    lines, body = LIES[name]
    site.says(path, FRESH, 'ETag: "1"', *lines, status=206, body=body)
    for _ in range(2):
        try:
            seek(site, path, 50)
        except wire.WireError:
            pass
    assert not site.is_kept(path)
    file = File()
    site.origin.on(path, file)
    assert file.is_right(site.get(path, keep=False))
    site.server.assert_healthy()


@pytest.mark.parametrize("has_rest", [True, False])
@pytest.mark.parametrize("how", ["close", "reset", "hang"])
def test_a_piece_that_breaks_off_is_pulled_again(site, how, has_rest):
    """Its rest is, before the client sees anything; or, where the origin does not have that, all of it next time."""
    path = site.path()
    broken, good = File(cut="mid_body", cut_after=1000, how=how), File()
    calls = []

    def answer(request):
        calls.append(request)
        if len(calls) == 2 and not has_rest:
            return Reply(status=503)
        return (broken if len(calls) == 1 else good)(request)

    site.origin.on(path, answer)
    if has_rest:
        assert good.is_right(seek(site, path, 5 * MIB, 300_000))
        assert calls[1].fields.get("Range").startswith(f"bytes={5 * MIB}-")
    else:
        with pytest.raises(wire.Truncated):
            seek(site, path, 5 * MIB, 300_000)
    for _ in range(2):
        response = seek(site, path, 5 * MIB, 300_000)
        assert response.status == 206 and good.is_right(response)


def test_a_piece_that_was_pulled_before_a_purge_is_not_used_after_it(site):
    path, _ = serve(site)
    seek(site, path, 3 * MIB)
    settle(site, path)
    file = File(version="2")
    site.origin.on(path, file)
    purge(site.server, "url", f"http://edge.test{path}")
    assert file.is_right(seek(site, path, 3 * MIB))


def test_who_still_reads_an_old_version_takes_nothing_from_the_new_one(site):
    """That an old version is not the origin's any more says nothing of the one that came in its place."""
    path, old = serve(site)
    seek(site, path, 3 * MIB)
    settle(site, path)
    with site.server.connect(receive_buffer=4096, timeout=30) as slow:
        slow.request(target=path)
        wait_until(lambda: len(site.pulls(path)) > 1, "the first piece that lacks")
        pulls = 0
        while pulls < len(site.pulls(path)):
            pulls = len(site.pulls(path))
            time.sleep(0.5)
        purge(site.server, "url", f"http://edge.test{path}")
        new = File(version="2")
        site.origin.on(path, new)
        assert new.is_right(seek(site, path, 9 * MIB))
        settle(site, path)
        with pytest.raises(wire.Truncated) as broken:
            slow.response(keep=False)
        assert broken.value.response.digest == content.digest(f"file {old.version}", broken.value.response.size)
    response = seek(site, path, 9 * MIB)
    assert word(response) == "HIT" and new.is_right(response)


def test_a_soft_purge_validates_and_keeps_the_pieces(site):
    path, file = serve(site)
    seek(site, path, 3 * MIB)
    settle(site, path)
    before = sent(site, path)
    purge(site.server, "url", f"http://edge.test{path}", mode="soft")
    response = seek(site, path, 3 * MIB)
    assert word(response) == "REVALIDATED" and file.is_right(response)
    assert sent(site, path) - before < 10_000


@pytest.mark.parametrize("is_same", [True, False])
def test_the_backup_gives_the_pieces_that_the_master_cannot(make, is_same):
    """Of the same version; of another one, never into the same object."""
    master, backup = make.origin("master"), make.origin("backup")
    server = make.headwater([domain(master, backup)])
    master.default, backup.default = File(), File(version="1" if is_same else "2")
    first = server.get("/a", fields=[("Range", f"bytes={3 * MIB}-{3 * MIB + 99}")])
    assert master.default.is_right(first)
    master.default = Reply(cut="before", how="close")
    for _ in range(3):
        response = server.get("/a", fields=[("Range", f"bytes={9 * MIB}-{9 * MIB + 99}")])
        assert (response.status == 206 and backup.default.is_right(response)) or (
            not is_same and response.status == 502)  # fmt: skip
    assert response.status == 206
