"""Bodies that their origin breaks off are finished by somebody else, unseen; or they end visibly broken."""
import dataclasses
import re
import time
import urllib.request

import h2wire
import pytest
import wire
from broken import CLIENTS, File, ask
from caching import FRESH, at_once, crowd, fields_of, read_until, wait_until, word
from certificates import Authority, server_context
from domains import domain, origin_of
from origin import Generated, Reply

SIZE = 500_000
UNCACHED = {"mode": "off"}
DATED = {"etag": None, "modified": "Sun, 06 Nov 1994 08:49:37 GMT", "lines": ("Date: {now}",)}


def serve(make, *files, backup=None, flags=(), master=None, **fields):
    """A Headwater whose master has an address for each file, and a backup; the file of the first one is asked first."""
    masters = [make.origin(f"master{number}") for number in range(len(files))]
    for origin, file in zip(masters, files):
        origin.default = file
    slave = None
    if backup is not None:
        slave = make.origin("backup")
        slave.default = backup
    fields.setdefault("cache", UNCACHED)
    made = domain(origin_of(masters, **(master or {})), slave, **fields)
    return make.headwater([made], flags)


def first_of(files):
    """Of the files of a master's addresses, the one that was asked first, and the others."""
    first = next(file for file in files if (None, None) in file.pulls)
    return first, [file for file in files if file is not first]


def attempts(server, path="/a"):
    (line,) = server.wait_log(1, path)
    return line["attempts"]


def parts(server, path="/a"):
    """(role, first, last, reason) of who gave bytes."""
    return [(row["role"], row["first"], row["last"], row["reason"]) for row in attempts(server, path) if "first" in row]


@pytest.mark.parametrize("how, reason", [
    ("close", "truncated"), ("reset", "truncated"), ("hang", "body_timeout"), ("crawl", "body_rate")])  # fmt: skip
@pytest.mark.parametrize("place", [0, 1, 100_000, SIZE - 1])
def test_the_rest_comes_from_the_same_address(make, how, reason, place):
    if how == "crawl" and place == SIZE - 1:
        pytest.skip("one byte is all that is missing")
    file = File(SIZE, breaks=[(how, place)])
    server = serve(make, file, master={"min_rate": "10k", "min_rate_window": "1s"} if how == "crawl" else {})
    got = ask(server, "/a")
    assert (got.status, got.end, got.digest) == (200, "whole", file.digest)
    assert [row["next"] for row in attempts(server)] == ["resume", "deliver"]
    if how not in ("crawl", "reset"):  # a few bytes of it came; a few were lost
        assert file.pulls == [(None, None), (f"bytes={place - min(place, 4096)}-", '"1"')]
        rest = ("master", place, SIZE - 1, "none")
        assert parts(server) == ([("master", 0, place - 1, reason), rest] if place else [rest])


@pytest.mark.parametrize("how", ["close", "reset", "garble", "hang"])
@pytest.mark.parametrize("place", [0, 50_000, SIZE])
def test_a_chunked_body_is_taken_up_too(make, how, place):
    file = File(SIZE, framing="chunked", breaks=[(how, place)])
    server = serve(make, file)
    got = ask(server, "/a")
    assert (got.end, got.digest) == ("whole", file.digest)
    assert "Content-Length" not in got.fields and len(file.pulls) == 2


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_body_that_ends_with_its_connection_is_taken_up_after_a_reset(make, kind):
    file = File(SIZE, framing="close", breaks=[("reset", 300_000)])
    server = serve(make, file)
    got = ask(server, "/a", kind=kind)
    assert (got.end, got.digest) == ("whole", file.digest)


def test_another_address_of_the_same_origin_is_next_and_then_the_backup(make):
    def refuses(request):
        return Reply(cut="before")

    def pair(*places):
        """Who is asked first is chance: what breaks befalls either."""
        made = [File(SIZE, breaks=[("close", place) for place in places], later=refuses) for _ in range(2)]
        made[1].breaks = made[0].breaks
        return made

    files = pair(100_000)
    backup = File(SIZE)
    server = serve(make, *files, backup=backup)
    assert ask(server, "/a").digest == files[0].digest
    first, (second,) = first_of(files)
    assert [len(file.pulls) for file in (first, second, backup)] == [2, 1, 0]
    # Now the second breaks as well, and neither takes another request.
    backup = File(SIZE)
    server = serve(make, *pair(100_000, 200_000), backup=backup, resume={"attempts": 4})
    assert ask(server, "/a").digest == backup.digest
    assert len(backup.pulls) == 1
    assert [row[:3] for row in parts(server)] == [
        ("master", 0, 99_999), ("master", 100_000, 199_999), ("backup", 200_000, SIZE - 1)]  # fmt: skip


def test_an_address_that_is_blocked_is_not_asked_for_the_rest(make):
    """The backup is, although it comes later."""
    file, backup = File(SIZE, breaks=[("hang", 100_000)]), File(SIZE)
    server = serve(make, file, backup=backup, master={"idle_timeout": "2s"})
    with server.connect() as connection:
        connection.request(target="/a")
        read_until(connection, 100_000)
        master = server_origin(make, "master0")
        master.down(reset=False)
        for number in range(3):
            assert server.get(f"/b{number}").status == 200
        response = connection.response()
    assert response.digest == file.digest
    assert len(file.pulls) == 1
    assert [row["role"] for row in attempts(server)] == ["master", "backup"]


def server_origin(make, name):
    return next(thing for thing, _ in make.closing.things if getattr(thing, "name", None) == name)


def test_who_breaks_off_again_and_again_is_given_up(make):
    file = File(SIZE, breaks=[("close", place) for place in (100_000, 150_000, 200_000, 250_000)])
    server = serve(make, file)
    got = ask(server, "/a")
    assert got.end == "fin" and got.body == file.bytes(0, 249_999)
    assert len(file.pulls) == 4  # resume.attempts is 3
    assert [row["next"] for row in attempts(server)] == ["resume"] * 3 + ["fail"]


@pytest.mark.parametrize("addresses", [1, 2])
def test_all_bodies_that_break_off_at_once_are_finished(make, addresses):
    """More than may be asked for again at the same time (20 % and 10), as when an origin is started anew."""
    count, files = 60, {}
    origins = [make.origin(f"master{number}") for number in range(addresses)]

    def answer(request):
        file = files.setdefault(request.path, File(200_000, seed=request.path, breaks=[("close", 100_000)]))
        return dataclasses.replace(file(request), delay=0.5)  # so that all of them begin, and then all of them ask

    for origin in origins:
        origin.default = answer
    server = make.headwater([domain(origin_of(origins), cache=UNCACHED)])
    ends = crowd(count, lambda number: ask(server, f"/{number}"))
    assert [got.end for got in ends] == ["whole"] * count
    assert {got.digest for got in ends} == {file.digest for file in files.values()}


def test_an_address_that_dies_takes_none_of_its_bodies_with_it(make):
    """The other one is asked for the rest of all of them."""
    count, files = 60, {}
    dying, living = origins = [make.origin(name) for name in ("dying", "living")]

    def file_of(request, breaks):
        return files.setdefault(request.path, File(200_000, seed=request.path, breaks=breaks))(request)

    dying.default = lambda request: file_of(request, [("hang", 100_000)])
    living.default = lambda request: dataclasses.replace(file_of(request, []), delay=0.3)
    server = make.headwater([domain(origin_of(origins, idle_timeout="60s"), cache=UNCACHED)])
    connections = [server.connect() for _ in range(count)]
    for number, connection in enumerate(connections):
        connection.request(target=f"/{number}")
    for connection in connections:
        read_until(connection, 100_000)
    dying.down()
    digests = [connection.response(keep=False).digest for connection in connections]
    assert digests == [files[f"/{number}"].digest for number in range(count)]


def test_nobody_is_asked_where_that_is_turned_off(make):
    file = File(SIZE, breaks=[("close", 100_000)])
    server = serve(make, file, resume={"attempts": 0})
    got = ask(server, "/a")
    assert got.end == "fin" and got.body == file.bytes(0, 99_999) and len(file.pulls) == 1


# What the backup answers once the master is gone, and why that is not the rest.
NEVER_MIXED = {
    "another version": (dict(etag='"2"', seed="other"), "resume_etag"),
    "a weak tag": (dict(etag='W/"1"'), "resume_etag"),
    "no tag": (dict(etag=None), "resume_etag"),
    "another length": (dict(size=SIZE + 1), "resume_range"),
    "a shorter file": (dict(size=SIZE - 1), "resume_range"),
    "another coding": (dict(coding="gzip"), "resume_coding"),
    "no ranges, and another version": (dict(ranges=False, etag='"2"', seed="other"), "resume_etag"),
    "no ranges, and another length": (dict(ranges=False, size=SIZE + 1), "resume_range"),
    "other bytes under the same tag": (dict(seed="other"), "resume_overlap"),
    "no ranges, and other bytes under the same tag": (dict(ranges=False, seed="other"), "resume_overlap"),
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("row", NEVER_MIXED)
def test_two_versions_are_never_mixed(make, row, framing):
    fields, reason = NEVER_MIXED[row]
    file = File(SIZE, framing=framing, breaks=[("reset", 300_000)], later=lambda _: Reply(cut="before"))
    backup = File(**{"size": SIZE, "framing": framing, **fields})
    server = serve(make, file, backup=backup)
    got = ask(server, "/a")
    if framing == "chunked" and row in ("another length", "a shorter file", "no ranges, and another length"):
        # Nobody had said how long it is; the version and the bytes are the same.
        assert got.is_whole and got.digest == backup.digest
        return
    assert not got.is_whole and file.bytes().startswith(got.body) and len(got.body) <= 300_000
    assert [row["reason"] for row in attempts(server) if row["role"] == "backup"] == [reason]
    assert attempts(server)[-1]["next"] == "fail"


FROM = 300_000 - 4096
PLACE = f"Content-Range: bytes {FROM}-{SIZE - 1}/{SIZE}"


def second(*lines, status=206, first=FROM, count=SIZE - FROM, **options):
    """An answer with bytes of the file, and such fields."""
    fields = fields_of([*lines]) if any(line.startswith("ETag") for line in lines) else (("ETag", '"1"'), *fields_of([*lines]))
    return Reply(status=status, fields=tuple(fields), body=Generated("file", count, first), **options)


# What whoever is asked for the rest answers, and whether that is the rest.
SECOND = {
    "the rest": (second(PLACE), True),
    "the rest, in chunks": (second(PLACE, framing="chunked", chunk=7777), True),
    "the rest, until the connection ends": (second(PLACE, framing="close"), True),
    "the rest, by an old origin": (second(PLACE, version="1.0", framing="close"), True),
    "hints, and the rest": (second(PLACE, interim=(103, 102)), True),
    "the rest, and more": (second(PLACE, extra=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), True),
    "more in chunks than is said": (second(PLACE, framing="chunked", count=SIZE - FROM + 1000), True),
    "less in chunks than is said": (second(PLACE, framing="chunked", count=SIZE - FROM - 1), False),
    "less than what is there already": (second(PLACE, framing="chunked", count=4000), False),
    "another connection's protocol": (second("Upgrade: a", "Connection: Upgrade", status=101, framing="none"), False),
    "nothing": (second(status=204, framing="none"), False),
    "not modified": (second(status=304, framing="none"), False),
    "elsewhere": (second("Location: /b", status=302), False),
    "no such range": (second(f"Content-Range: bytes */{SIZE}", status=416, count=0), False),
    "a range of nothing": (second(f"Content-Range: bytes */{SIZE}"), False),
    "no range": (second(), False),
    "a range that is too large": (second("Content-Range: bytes 0-499999/500000", first=0, count=SIZE), False),
    "a range that is too small": (second("Content-Range: bytes 295904-399999/500000", count=400_000 - FROM), False),
    "a range of a longer file": (second("Content-Range: bytes 295904-599999/600000", count=600_000 - FROM), False),
    "a range without measure": (second("Content-Range: bytes 295904-99999999999999999999/100000000000000000000"), False),
    "a range of 64 bits": (second("Content-Range: bytes 295904-18446744073709551614/18446744073709551615"), False),
    "other units": (second("Content-Range: lines 295904-499999/500000"), False),
    "several parts": (second('Content-Type: multipart/byteranges; boundary="x"'), False),
    "two ranges": (second(PLACE, PLACE), False),
    "another coding of the transfer": (second(PLACE, "Transfer-Encoding: gzip", framing="close"), False),
    "two lengths": (second(PLACE, "Content-Length: 1"), False),
    "the length of another range": (second(PLACE, count=SIZE - FROM - 1), False),
    "an error with the right tag": (second(PLACE, status=503), False),
    "what is no HTTP": (Reply(raw=b"\0\1\2\3\r\n\r\n"), False),
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("row", SECOND)
def test_only_the_rest_is_taken_for_it(make, row, framing):
    answer, is_whole = SECOND[row]
    file = File(SIZE, framing=framing, breaks=[("close", 300_000)], later=lambda _: answer)
    server = serve(make, file, resume={"attempts": 1})
    got = ask(server, "/a")
    if not is_whole and framing == "chunked" and row == "a range of a longer file":
        # How long it is nobody had said.
        assert got.is_whole and len(got.body) == 600_000
        return
    assert got.is_whole == is_whole and file.bytes().startswith(got.body)
    assert is_whole or len(got.body) < SIZE


@pytest.mark.parametrize("framing, is_whole", [("length", True), ("chunked", False)])
def test_the_end_of_a_connection_is_not_the_end_of_what_had_one(make, framing, is_whole):
    """A body in chunks tells its end; the rest of it may not come in a way that does not."""
    file = File(SIZE, framing=framing, breaks=[("reset", 300_000)], later=lambda _: Reply(cut="before"))
    backup = File(SIZE, framing="close", ranges=False, breaks=[] if is_whole else [("close", 400_000)])
    got = ask(serve(make, file, backup=backup), "/a")
    assert got.is_whole == is_whole and file.bytes().startswith(got.body)
    assert len(backup.pulls) == 1


def test_a_whole_answer_is_skipped_as_far_as_it_may_be(make):
    for skip_max, is_whole in (("8m", True), ("100k", False)):
        file = File(SIZE, breaks=[("close", 300_000)], ranges=False)
        server = serve(make, file, resume={"skip_max": skip_max})
        got = ask(server, "/a")
        assert got.is_whole == is_whole and file.bytes().startswith(got.body)
        assert is_whole or attempts(server)[-1]["reason"] == "resume_skip"


def test_a_coded_body_is_taken_up_by_a_range_and_never_by_skipping(make):
    for ranges in (True, False):
        file = File(SIZE, coding="gzip", breaks=[("close", 300_000)], ranges=ranges)
        got = ask(serve(make, file), "/a")
        assert got.is_whole == ranges and file.bytes().startswith(got.body)


@pytest.mark.parametrize("trusts, same, is_whole", [(False, True, True), (False, False, False), (True, False, True)])
@pytest.mark.parametrize("place", [0, 300_000])
def test_a_date_is_for_the_same_address(make, place, trusts, same, is_whole):
    """From its first byte on: the head, which says more than the date, has gone on."""
    file = File(SIZE, breaks=[("close", place)], later=None if same else lambda _: Reply(cut="before"), **DATED)
    backup = File(SIZE, **DATED)
    server = serve(make, file, backup=backup, resume={"trust_dates": trusts})
    got = ask(server, "/a")
    assert got.status == 200 and got.is_whole == is_whole and file.bytes().startswith(got.body)
    assert len(backup.pulls) == (0 if same or not trusts else 1)


@pytest.mark.parametrize("etag", ['W/"1"', None])
@pytest.mark.parametrize("kind, end", [("1.1", "fin"), ("1.0", "rst"), ("h2", "reset 2")])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_what_nothing_tells_the_version_of_ends_visibly(make, etag, kind, end, framing):
    file, backup = File(SIZE, etag=etag, framing=framing, breaks=[("close", 300_000)]), File(SIZE)
    server = serve(make, file, backup=backup)
    got = ask(server, "/a", kind=kind)
    assert got.end == end and file.bytes().startswith(got.body) and not backup.pulls
    assert [row["reason"] for row in attempts(server)] == ["truncated", "resume_version"]


@pytest.mark.parametrize("method", ["POST", "GET with a body"])
def test_what_is_no_plain_get_is_not_taken_up(make, method):
    file = File(SIZE, breaks=[("close", 300_000)])
    server = serve(make, file)
    with pytest.raises(wire.Truncated):
        server.ask(method.split()[0], "/a", body=b"x")
    assert len(file.pulls) == 1


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("place", [200_000, 250_000, 399_999])
def test_a_part_is_taken_up_as_that_part(make, kind, place):
    file = File(SIZE, breaks=[("close", place)])
    server = serve(make, file)
    got = ask(server, "/a", kind=kind, fields=[("Range", "bytes=200000-399999"), ("If-Match", '"1"')])
    assert got.status == 206 and got.is_whole and got.body == file.bytes(200_000, 399_999)
    assert got.fields["Content-Range"] == f"bytes 200000-399999/{SIZE}"
    assert file.pulls[1] == (f"bytes={max(200_000, place - 4096)}-399999", '"1"')


def test_a_part_is_cut_out_of_a_whole_where_there_are_no_ranges_any_more(make):
    file = File(SIZE, breaks=[("close", 250_000)], later=lambda _: setattr(file, "ranges", False))
    got = ask(serve(make, file), "/a", fields=[("Range", "bytes=200000-399999")])
    assert got.is_whole and got.body == file.bytes(200_000, 399_999)


def test_several_parts_are_not_taken_up(make):
    boundary = b"--x\r\nContent-Range: bytes 0-9/100\r\n\r\n0123456789\r\n" * 1000
    fields = (("ETag", '"1"'), ("Content-Type", "multipart/byteranges; boundary=x"))
    file = Reply(status=206, fields=fields, body=boundary, cut="mid_body", cut_after=20_000)
    server = serve(make, file)
    got = ask(server, "/a", fields=[("Range", "bytes=0-9,20-29")])
    assert got.status == 206 and not got.is_whole


# ---- the cache ----


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [2000, 200_000, 3_000_000])
def test_what_is_being_stored_is_stored_whole(make, size, framing):
    file = File(size, framing=framing, lines=(FRESH,), breaks=[("reset", size // 2)], delay=0.05)
    server = serve(make, file, cache={})
    got = ask(server, "/a")
    assert got.is_whole and got.digest == file.digest
    again = ask(server, "/a")
    assert again.fields["X-Cache"] == "HIT" and again.digest == file.digest and len(file.pulls) == 2


@pytest.mark.parametrize("size", [200_000, 3_000_000])
def test_fifty_clients_see_nothing_of_a_master_that_resets_in_the_middle(make, size):
    file = File(size, lines=(FRESH,), breaks=[("reset", size // 2)], delay=0.3)
    server = serve(make, file, cache={}, backup=File(size, lines=(FRESH,)))
    responses = at_once(server, 50, "/a")
    assert {response.digest for response in responses} == {file.digest}
    assert len(file.pulls) == 2
    assert word(server.get("/a")) == "HIT"


def test_what_could_not_be_finished_is_not_kept(make):
    file = File(SIZE, lines=(FRESH,), breaks=[("reset", 300_000)], delay=0.2,
                later=lambda request: Reply(status=503) if request.fields.get("Range") else None)  # fmt: skip
    server = serve(make, file, cache={})
    ends = crowd(5, lambda number: ask(server, "/a", kind=CLIENTS[number % 3]))
    assert not any(got.is_whole for got in ends) and all(file.bytes().startswith(got.body) for got in ends)
    assert server.get("/a", fields=[("Cache-Control", "only-if-cached")]).status == 504
    got = ask(server, "/a")
    assert got.is_whole and got.digest == file.digest


@pytest.mark.parametrize("place", [0, 5 << 20, (5 << 20) + 100_000, (6 << 20) - 1])
def test_a_piece_of_a_large_object_is_taken_up(make, place):
    file = File(20 << 20, lines=(FRESH,), breaks=[("reset", place)])
    server = serve(make, file, cache={})
    for expected in ("MISS", "HIT"):
        got = ask(server, "/a", fields=[("Range", f"bytes={5 << 20}-{(6 << 20) - 1}")])
        assert got.status == 206 and got.is_whole and got.body == file.bytes(5 << 20, (6 << 20) - 1)
        assert got.fields["X-Cache"] == expected
        time.sleep(0.2)  # the end of the last piece


def test_a_response_of_many_pieces_outlives_the_pulls_of_others(make):
    """Each piece is being pulled for somebody else when its turn comes, and that pull fails: it is asked for once more."""
    count, first_pulls = 8, {}
    file = File(20 << 20, lines=(FRESH,))

    def answer(request):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.fields.get("Range", ""))
        if not asked:
            return Reply(status=503, delay=20)  # what a client whose piece failed asks for next
        number = int(asked[1]) // piece
        if number < count and number not in first_pulls:
            first_pulls[number] = request
            return Reply(status=503, delay=1.0 + 0.4 * number)
        return file(request)

    piece = 1
    server = serve(make, answer, cache={}, master={"head_timeout": "30s"})
    end = file.size - 1
    assert ask(server, "/a", fields=[("Range", f"bytes={end}-{end}")]).body == file.bytes(end)
    piece = end + 1 - int(re.match(r"bytes=(\d+)-", file.pulls[0][0])[1])
    others = [server.connect() for _ in range(count)]
    for number, other in enumerate(others):
        other.request(target="/a", fields=[("Range", f"bytes={number * piece}-{number * piece}")])
    wait_until(lambda: len(first_pulls) == count, "the pulls of others")
    got = ask(server, "/a", fields=[("Range", f"bytes={piece // 2}-{count * piece - 1}")])
    assert got.is_whole and got.body == file.bytes(piece // 2, count * piece - 1)
    for other in others:
        other.close()


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_body_without_an_end_of_its_own_is_marked_and_kept_only_on_demand(make, is_kept):
    file = File(SIZE, lines=(FRESH,), framing="close")
    server = serve(make, file, cache={"close_delimited": is_kept})
    for _ in range(2):
        assert ask(server, "/a").digest == file.digest
    assert len(file.pulls) == (1 if is_kept else 2)
    assert server.wait_log(2, "/a")[0]["attempts"][0]["unsure"] is True


# ---- TLS, buckets ----


@pytest.fixture(scope="module", name="authority")
def _authority(make_once):
    return Authority(make_once.inside("ca"))


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_tls_that_ends_without_a_word_is_a_break_and_with_one_an_end(make, authority, framing):
    secure = make.origin("secure", tls=server_context(authority.issue("edge.test")))
    file = secure.default = File(SIZE, lines=(FRESH,), framing=framing, breaks=[("close", 300_000)])
    server = make.headwater([domain(origin_of(secure, protocol="https", tls={"ca": str(authority.path)}))])
    secure.farewell = False

    def later(request):
        secure.farewell = True

    file.later = later
    got = ask(server, "/a")
    assert got.is_whole and got.digest == file.digest
    assert parts(server)[0] == ("master", 0, 299_999, "truncated") and not any("unsure" in row for row in attempts(server))
    # So it may be kept, whatever its framing.
    assert ask(server, "/a").fields["X-Cache"] == "HIT"


# ---- what is held back ----


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_small_body_without_a_version_is_asked_for_anew(make, framing, how):
    file = Reply(body=b"m" * 10_000, framing=framing, chunk=5000, cut="mid_body", cut_after=5000, how=how)
    backup = Reply(body=b"b" * 9000)
    server = serve(make, file, backup=backup)
    # A busy machine may see the break later than chunks are held back.
    tries = 1 if framing == "length" else 20
    path = next(path for path in map("/{}".format, range(tries)) if ask(server, path).body == b"b" * 9000)
    assert [(row["reason"], row["next"]) for row in attempts(server, path)] == [("truncated", "backup"), ("none", "deliver")]


def test_a_small_body_that_breaks_off_everywhere_is_an_honest_error(make):
    file = Reply(body=b"m" * 10_000, cut="mid_body", cut_after=5000)
    server = serve(make, file, backup=file)
    got = server.get("/a")
    assert (got.status, got.error) == (502, "truncated")


@pytest.mark.parametrize("size, fields, is_held", [
    (10_000, (), True), (16_383, (), True), (16_384, (), False), (100, (("ETag", '"1"'),), False),
    (100, (("Content-Type", "text/event-stream"),), False), (100, (("ETag", 'W/"1"'),), True),
])  # fmt: skip
def test_only_what_is_small_and_could_not_be_taken_up_is_held_back(make, size, fields, is_held):
    reply = Reply(body=b"x" * size, fields=fields, drip="body", drip_bytes=size - 10, drip_s=0.5)
    server = serve(make, reply)
    with server.connect() as connection:
        begun = time.monotonic()
        connection.request(target="/a")
        read_until(connection, 10)
        held = time.monotonic() - begun
        assert connection.response().body == b"x" * size
    assert (held > 0.4) == is_held


def test_chunks_are_not_held_back_for_long(make):
    reply = Reply(body=b"x" * 100, framing="chunked", chunk=50, drip="body", drip_bytes=60, drip_s=0.7)
    server = serve(make, reply)
    with server.connect() as connection:
        begun = time.monotonic()
        connection.request(target="/a")
        read_until(connection, 200)
        assert time.monotonic() - begun < 0.6
        assert connection.response().body == b"x" * 100


# ---- what is told ----


@pytest.mark.parametrize("kind", ["1.1", "h2"])
def test_debug_tells_behind_the_body_who_gave_what(make, kind):
    file = File(SIZE, framing="chunked", breaks=[("close", 300_000)])
    server = serve(make, file, debug=True)
    if kind == "1.1":
        with server.connect() as connection:
            connection.request(target="/a")
            told = connection.response().trailers.get("Server-Timing")
    else:
        with h2wire.Connection(server.address) as connection:
            told = dict(connection.get("/a").heads[-1])["server-timing"]
    assert re.fullmatch(
        r'attempt1;dur=[\d.]+;desc="master truncated, bytes 0-299999", '
        r'attempt2;dur=[\d.]+;desc="master none, bytes 300000-499999"', told)  # fmt: skip


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_everybody_who_got_the_body_has_who_gave_what_of_it_in_the_log(make, framing):
    file = File(3_000_000, framing=framing, lines=(FRESH,), breaks=[("close", 1_000_000)], delay=0.3)
    server = serve(make, file, cache={}, flags={"workers": 2}, debug=True)
    responses = at_once(server, 8, "/a")
    assert {response.digest for response in responses} == {file.digest}
    lines = server.wait_log(8, "/a")
    given = [("master", 0, 999_999, "truncated"), ("master", 1_000_000, 2_999_999, "none")]
    for line in lines:
        assert [(row["role"], row["first"], row["last"], row["reason"]) for row in line["attempts"]] == given
    if framing == "chunked":
        assert all("bytes 1000000-2999999" in response.trailers.get("Server-Timing") for response in responses)
    # Who comes later gets what is stored, and nobody had to be asked for that.
    assert server.get("/a?").digest and server.get("/a").digest == file.digest
    assert server.wait_log(9, "/a")[-1]["attempts"] == []


def test_who_left_in_the_middle_has_in_the_log_what_was_given_until_then(make):
    file = File(30_000_000, lines=(FRESH,), breaks=[("close", 100_000)], delay=0.3)
    server = serve(make, file, cache={})
    connections = [server.connect() for _ in range(2)]
    for connection in connections:
        connection.request(target="/a")
    for connection in connections:
        read_until(connection, 5_000_000)
        connection.abort()
    for line in server.wait_log(2, "/a"):
        rows = [row for row in line["attempts"] if "first" in row]
        assert [(row["first"], row["last"]) for row in rows[:1]] == [(0, 99_999)]
        assert rows[1]["first"] == 100_000 and rows[1]["last"] >= 5_000_000


def test_of_a_response_in_pieces_the_log_has_each_that_was_taken_up(make):
    """Places are those of the file."""
    MIB = 1 << 20
    file = File(20 * MIB, lines=(FRESH,), breaks=[("close", 6 * MIB + 100), ("close", 8 * MIB + 200)])
    server = serve(make, file, cache={})
    got = ask(server, "/a", fields=[("Range", f"bytes={5 * MIB + 5}-{10 * MIB - 1}")])
    assert got.status == 206 and got.is_whole and got.body == file.bytes(5 * MIB + 5, 10 * MIB - 1)
    piece = int(file.pulls[0][0].rpartition("-")[2]) + 1 - 5 * MIB
    ends = [(6 * MIB, 6 * MIB + 99), (6 * MIB + 100, 6 * MIB + piece - 1),
            (8 * MIB, 8 * MIB + 199), (8 * MIB + 200, 8 * MIB + piece - 1)]  # fmt: skip
    rows = [row for line in server.wait_log(1, "/a") for row in line["attempts"] if "first" in row]
    assert sorted((row["first"], row["last"]) for row in rows) == ends


def test_a_piece_that_was_taken_up_before_its_reader_came_has_a_line_of_its_own(make):
    MIB = 1 << 20
    file = File(20 * MIB, lines=(FRESH,), breaks=[("close", 9 * MIB + 100)])
    server = serve(make, file, cache={})
    with server.connect(receive_buffer=4096) as connection:
        connection.request(target="/a", fields=[("Range", f"bytes={5 * MIB}-{12 * MIB - 1}")])
        response = connection.response(pause=lambda: time.sleep(0.0005))
        assert response.body == file.bytes(5 * MIB, 12 * MIB - 1)
    lines = [line for line in server.wait_log(1, "/a") if any("first" in row for row in line["attempts"])]
    rows = [(row["first"], row["last"]) for line in lines[:1] for row in line["attempts"] if "first" in row]
    assert rows[0] == (9 * MIB, 9 * MIB + 99) and rows[1][0] == 9 * MIB + 100
    assert {line["cache"] for line in lines} <= {"BACKGROUND", "MISS"}


def test_breaks_and_rests_are_counted(make):
    file = File(SIZE, breaks=[("close", 300_000)], later=lambda _: Reply(cut="before"))
    server = serve(make, file, backup=File(SIZE), flags={"metrics": "127.0.0.1:0"})
    assert ask(server, "/a").is_whole
    line = server.wait_line(r"metrics at \S+|metrics on \S+|metrics.*127\.0\.0\.1:\d+")
    port = re.search(r"127\.0\.0\.1:(\d+)", line).group(1)

    def told(name):
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        return [row for row in text.splitlines() if name in row and not row.startswith("#")]

    wait_until(lambda: any(row.endswith(" 1") for row in told("resumed")), "the counter")
    assert any('backup' in row and row.endswith(" 1") for row in told("resumed")), told("resumed")
    assert any('backup' not in row and row.endswith(" 1") for row in told("broken")), told("broken")
