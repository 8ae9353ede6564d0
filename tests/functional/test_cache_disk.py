"""Disks behind the memory: what they keep is served like anything else, and one that is none, or fails, is told
and done without."""
import os
import random
import re
import resource
import threading
import time
import urllib.request

import content
import pytest
from caching import FRESH, Site, at_once, crowd, says, status_of, wait_until, word
from origin import Generated
from program import is_sanitized
from shelf import DISK, MIB, RESTART, Shelf, answer, is_right, kill, make_away, size_of, terminate

# What comes faster than a small memory can make room, or than it is copied, is pulled again. That is little, but for a
# program that a sanitizer slows down.
KEPT = 0.75 if is_sanitized() else 0.9

# Capacity.


def test_what_the_memory_has_no_room_for_is_served_from_disk(make):
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(144)]
    assert sum(size_of(path) for path in paths) > 3 * 16 * MIB
    site.fill(paths, pause=0.01)
    site.rest()
    pulls = len(site.origin.requests)
    for _ in range(2):
        words = site.words(paths)
        # What was evicted before it was copied is pulled again; a disk that keeps up loses next to nothing.
        assert words.count("HIT") >= KEPT * len(paths), words
        site.rest()
    assert len({request.path for request in site.origin.requests[pulls:]}) <= 2 * (1 - KEPT) * len(paths)
    site.server.assert_healthy()


def test_a_hit_on_disk_is_told_as_any_other(make):
    site = Shelf(make)
    make_away(site, ["/0", "/4"])
    for path in ("/0", "/4"):
        response = site.get(path)
        status = status_of(response)
        assert (word(response), status.get("hit")) == ("HIT", True) and "fwd" not in status
        assert int(response.fields.get("Age")) >= 0


@pytest.mark.parametrize("how", [terminate, kill])
def test_a_start_finds_what_was_there(make, how):
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(0, 32)]
    site.fill(paths)
    if how is kill:
        site.rest()
    site.restart(how)
    site.origin.down()
    assert site.words(paths) == ["HIT"] * len(paths)
    site.restart(how)  # nothing was copied since
    assert site.words(paths) == ["HIT"] * len(paths)


def test_two_disks(make):
    site = Shelf(make, disks=(64 * MIB, 96 * MIB), workers=2)
    paths = [f"/{number}" for number in range(144)]
    site.fill(paths, pause=0.01)
    site.restart(terminate)
    words = site.words(paths)
    assert words.count("HIT") >= KEPT * len(paths), words


def test_disks_that_are_full_of_older_things_go_on(make):
    """Several times its room goes through a disk."""
    site = Shelf(make, disks=(64 * MIB,), workers=2)
    for round_ in range(4):
        site.fill([f"/{round_}/{number}" for number in range(96)])
    site.restart(terminate)
    words = [word for round_ in range(4) for word in site.words([f"/{round_}/{number}" for number in range(96)])]
    assert "HIT" in words
    site.server.assert_healthy()


# What requests make of it.


def test_ranges_of_what_is_away(make):
    site = Shelf(make)
    paths = [f"/{number}" for number in range(8)]
    make_away(site, paths)
    site.origin.down()
    for path in reversed(paths):
        size = size_of(path)
        for first, last in ((size // 2, size // 2 + 99), (size - 1, size - 1), (0, size // 3)):
            response = site.get(path, f"Range: bytes={first}-{last}")
            assert (response.status, word(response)) == (206, "HIT")
            assert response.body == content.generate(path, first, last - first + 1)
        response = site.get(path, f"Range: bytes={size - 100}-,0-9")
        assert response.status == 206 and content.generate(path, size - 100, 100) in response.body
        assert site.get(path, f"Range: bytes={size}-").status == 416
    assert site.words(paths) == ["HIT"] * len(paths)


def test_conditions_of_what_is_away(make):
    site = Shelf(make)
    # One of each, so that each is away when it is asked for.
    paths = [f"/{number}" for number in (*range(0, 56, 8), *range(7, 55, 8))]
    make_away(site, paths)
    site.origin.down()
    for size in (300, 2 * MIB):
        one, two, three, four, five, six, *_ = [path for path in paths if size_of(path) == size]
        response = site.get(one, f'If-None-Match: "{one}"')
        assert (response.status, word(response), response.body) == (304, "HIT", b"")
        response = site.ask("HEAD", two)
        assert (response.status, response.fields.get("Content-Length")) == (200, str(size)) and word(response) == "HIT"
        assert site.get(three, 'If-Match: "other"').status == 412
        response = site.get(four, f'If-Range: "{four}"', "Range: bytes=100-199")
        assert (response.status, response.body) == (206, content.generate(four, 100, 100))
        response = site.get(five, 'If-Range: "other"', "Range: bytes=100-199", keep=False)
        assert response.status == 200 and is_right(five, response)
        response = site.get(six, "Cache-Control: only-if-cached", keep=False)
        assert response.status == 200 and is_right(six, response)
    response = site.get("/never/0", "Cache-Control: only-if-cached")
    assert (response.status, response.error) == (504, "only_if_cached")


def test_variants_survive(make):
    site = Shelf(make)
    site.origin.on("/vary", lambda request: says(FRESH, "Vary: X-Kind", body=request.fields.get("X-Kind").encode()))
    for kind in "abc":
        site.get("/vary", f"X-Kind: {kind}")
    make_away(site, ["/0"])
    site.origin.down()
    for kind in "bac":
        response = site.get("/vary", f"X-Kind: {kind}")
        assert (word(response), response.body) == ("HIT", kind.encode())
    assert site.get("/vary", "X-Kind: d", "Cache-Control: only-if-cached").status == 504


def test_what_is_away_and_stale_is_validated(make):
    site = Shelf(make)
    stale = ("Cache-Control: max-age=100", "Age: 200", 'ETag: "s"')
    for path in ("/small", "/large"):
        site.says(path, *stale, body=Generated(path, 300 if path == "/small" else 2 * MIB))
        site.get(path, keep=False)
        site.says(path, FRESH, 'ETag: "s"', status=304)
    make_away(site, ["/0"])
    for path, size in (("/small", 300), ("/large", 2 * MIB)):
        response = site.get(path, keep=False)
        assert (word(response), response.digest) == ("REVALIDATED", content.digest(path, size))
        assert site.pulls(path)[-1].fields.get("If-None-Match") == '"s"'
    site.rest()
    site.restart(kill)
    for path, size in (("/small", 300), ("/large", 2 * MIB)):
        response = site.get(path, keep=False)
        assert (word(response), response.digest) == ("HIT", content.digest(path, size))


def test_what_is_away_stands_in_while_it_is_validated(make):
    site = Shelf(make)
    site.says("/a", "Cache-Control: max-age=100, stale-while-revalidate=1000", "Age: 200", 'ETag: "s"', body=b"old")
    site.get("/a")
    make_away(site, ["/0"])
    site.says("/a", FRESH, 'ETag: "t"', body=b"new")
    response = site.get("/a")
    assert (word(response), response.body) == ("STALE", b"old")
    wait_until(lambda: site.get("/a").body == b"new", "the new one", RESTART)


def test_a_crowd_gets_what_is_away(make):
    site = Shelf(make, workers=2, flags={"connections_per_address": 1000})
    paths = ["/3", "/7"]
    make_away(site, paths)
    site.origin.down()
    for path in paths:
        count = 200 if size_of(path) < MIB else 40
        responses = at_once(site.server, count, path)
        assert {word(response) for response in responses} == {"HIT"}
        body = content.generate(path, 0, size_of(path))
        assert all(response.body == body for response in responses)


def test_clients_that_leave_while_a_disk_is_asked(make):
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(32)]
    make_away(site, paths)
    draw = random.Random(5)

    def ask(number):
        for path in draw.sample(paths, len(paths)):
            with site.server.connect() as connection:
                connection.request(target=path)
                connection.abort()

    crowd(4, ask)
    site.origin.down()
    assert site.words(paths) == ["HIT"] * len(paths)
    site.server.assert_healthy()


def test_slow_readers_of_what_is_away(make):
    """Pieces leave the memory before a slow client comes to them, and come back."""
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(7, 64, 8)]
    site.fill(paths, pause=0.05)
    site.rest()
    outcomes = {}

    def read(path):
        with site.server.connect(receive_buffer=4096, timeout=60) as connection:
            connection.request(target=path)
            outcomes[path] = is_right(path, connection.response(keep=False, pause=lambda: time.sleep(0.01)))

    pulls = len(site.origin.requests)
    readers = [threading.Thread(target=read, args=(path,)) for path in paths]
    for reader in readers:
        reader.start()
    site.fill([f"/churn/{number}" for number in range(96)])
    for reader in readers:
        reader.join(60)
    assert outcomes == {path: True for path in paths}
    assert len(site.origin.requests) - pulls - 96 <= 4
    site.server.assert_healthy()


# Disks that are none, or fail.


def test_a_file_that_is_no_disk_is_told_and_left_alone(make):
    folder = make.inside("bad")
    garbage, good = folder / "garbage", folder / "good"
    garbage.write_bytes(b"mine" * 5000)
    (folder / "folder").mkdir()
    os.symlink(folder / "nowhere" / "x", folder / "link")
    disks = ",".join(f"{folder / name}:64m" for name in ("garbage", "folder", "link", "no/such/folder", "good"))
    site = Site(make, flags={"cache_memory": "16m", "cache_disks": disks})
    site.origin.default = answer
    for name in ("garbage", "folder", "link", "no/such/folder"):
        site.server.wait_line(f"goes on without its disk {folder / name}")
    assert garbage.read_bytes() == b"mine" * 5000
    for expected in ("MISS", "HIT"):
        response = site.get("/7", keep=False)
        assert word(response) == expected and is_right("/7", response)
    assert good.stat().st_size >= 64 * MIB


def test_a_disk_has_one_user(make):
    first = Shelf(make)
    flags = {"cache_memory": "16m", "cache_disks": f"{first.disks[0]}:{DISK}"}
    second = Site(make, flags=flags)
    second.server.wait_line("goes on without its disk")
    second.origin.default = answer
    assert word(second.get("/3")) == "MISS"
    make_away(first, ["/3"])
    assert first.words(["/3"]) == ["HIT"]


def damage(path, draw):
    """Some bytes in twenty places, and stretches of nothing."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for _ in range(20):
            file.seek(draw.randrange(size))
            file.write(draw.randbytes(draw.choice([1, 64, 5000])))
        for _ in range(5):
            file.seek(draw.randrange(size))
            file.write(bytes(100_000))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_damaged_is_pulled_again(make, seed):
    site = Shelf(make, disks=(64 * MIB,), workers=2)
    paths = [f"/{number}" for number in range(24)]
    site.fill(paths)
    site.server.stop()
    damage(site.disks[0], random.Random(seed))
    site.restart(lambda server: None)
    site.words(paths)
    site.restart(terminate)
    assert site.words(paths) == ["HIT"] * len(paths)
    site.server.assert_healthy()


def test_a_disk_that_was_cut_short_beneath_us(make):
    """Reads end early; that is a disk's failure and nobody else's."""
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(32)]
    make_away(site, paths)
    os.truncate(site.disks[0], MIB)
    site.words(paths)
    site.words(paths)
    site.server.assert_healthy()


METRICS = r"metrics are on ([\d.]+:\d+)"


def numbers(server):
    """What the edge that was started last tells of itself, by name."""
    server.wait_line(METRICS)
    address = re.findall(METRICS, "\n".join(server.lines))[-1]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: int(value) for name, _, value in (line.partition(" ") for line in lines if line[0] != "#")}


def test_a_disk_that_takes_no_writes_any_more_is_told_and_done_without(make):
    """No request fails by it, and the log and the numbers tell of it (EFBIG stands for whatever a disk may say)."""
    site = Shelf(make, flags={"metrics": "127.0.0.1:0"}, workers=2)
    paths = [f"/{number}" for number in range(48)]
    make_away(site, paths)
    before = numbers(site.server)
    assert (before["headwater_edge_cache_disks"], before["headwater_edge_cache_disks_failed"]) == (1, 0)
    assert before["headwater_edge_cache_away"] > 20
    for pid in site.server.edge_pids():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, 1))
    for number in range(20):
        site.fill([f"/more{number}/{which}" for which in range(8)], pause=0.02)
        site.words(paths)
        if numbers(site.server)["headwater_edge_cache_disks_failed"]:
            break
        time.sleep(0.5)
    site.server.wait_line(r"disk 1 of the cache is given up until the next start: File too large")
    site.fill(["/last/0"])
    assert site.words(["/last/0"]) == ["HIT"]
    site.words(paths)
    site.server.assert_healthy()


def test_reads_that_fail_are_counted_and_pulled_again(make):
    site = Shelf(make, flags={"metrics": "127.0.0.1:0"}, workers=2)
    paths = [f"/{number}" for number in range(48)]
    make_away(site, paths)
    os.truncate(site.disks[0], MIB)
    site.words(paths)
    after = numbers(site.server)
    assert after["headwater_edge_cache_disk_read_errors_total"] + after["headwater_edge_cache_damaged_total"] > 10, after
    site.server.assert_healthy()


def test_the_numbers_tell_what_the_cache_holds(make):
    site = Shelf(make, flags={"metrics": "127.0.0.1:0"})
    empty = numbers(site.server)
    limit = empty["headwater_edge_cache_limit_bytes"]
    assert empty["headwater_edge_cache_objects"] == empty["headwater_edge_cache_used_bytes"] == 0 and limit > 8 * MIB
    paths = [f"/{number}" for number in range(40)]
    site.fill(paths, pause=0.01)
    site.rest()
    full = numbers(site.server)
    assert full["headwater_edge_cache_objects"] > 8 and 4 * MIB < full["headwater_edge_cache_used_bytes"] <= limit
    assert full["headwater_edge_cache_disk_written_bytes_total"] > 8 * MIB and full["headwater_edge_cache_evicted_total"] > 0
    site.words(paths)
    assert numbers(site.server)["headwater_edge_cache_disk_recalled_total"] > 0
