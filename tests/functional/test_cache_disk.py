"""Disks behind the memory: what they keep is served like anything else, survives every death, and never comes
back once it was purged."""
import os
import random
import signal
import threading
import time

import client
import content
import program
import pytest
import wire
from caching import FRESH, Site, at_once, crowd, purge, says, status_of, wait_until, word
from origin import Generated
from program import is_sanitized

MIB = 1 << 20
SIZES = [300, 4000, 30_000, 65_536, 65_537, 200_000, 900_000, 2 * MIB]
DISK = 128 * MIB
# How long a disk has to rest before everything in memory was copied: LIMIT_CACHE_DISK_DELAY_MS, and some more.
REST = 3.5
RESTART = 15.0 if is_sanitized() else 6.0


def size_of(path):
    return SIZES[int(path.rpartition("/")[2]) % len(SIZES)]


def is_right(path, response):
    return response.digest == content.digest(path, size_of(path)) and response.fields.get("ETag") == f'"{path}"'


def answer(request):
    """An object that checks itself: a path tells its size, and its body the path."""
    path = request.path
    return says(FRESH, f'ETag: "{path}"', f"Cache-Tag: {path.split('/')[1]}", body=Generated(path, size_of(path)))


class Shelf(Site):
    """A Site with a small memory and disks, which are rested when their files are not written to."""

    def __init__(self, make, disks=(DISK,), memory="16m", rules=None, flags=None, **options):
        folder = make.inside("disks")
        self.disks = [folder / str(number) for number in range(len(disks))]
        named = ",".join(f"{path}:{size}" for path, size in zip(self.disks, disks))
        super().__init__(make, rules, {"cache_memory": memory, "cache_disks": named, **(flags or {})}, **options)
        self.origin.default = answer

    def fill(self, paths, pause=0.0):
        for path in paths:
            response = self.get(path, keep=False)
            assert is_right(path, response), path
            time.sleep(pause)

    def rest(self, seconds=REST, within=60.0):
        """Until the disks were not written to for so long."""
        end, since, last = time.monotonic() + within, time.monotonic(), None
        while time.monotonic() - since < seconds:
            written = [path.stat().st_mtime_ns for path in self.disks]
            if written != last:
                since, last = time.monotonic(), written
            assert time.monotonic() < end, "the disks do not rest"
            time.sleep(0.05)

    def is_scanned(self, since=0):
        read = [line for line in self.server.lines[since:] if "of the cache is read" in line]
        return len(read) >= len(self.disks)

    def restart(self, how):
        """Ends all of it, and starts it again; memory is gone, so what is found is found on disk."""
        since = len(self.server.lines)
        how(self.server)
        self.server.start()
        wait_until(lambda: self.is_scanned(since), "the disks are read", RESTART)

    def words(self, paths, *lines):
        """The words for each path, whose bodies are right."""
        words = []
        for path in paths:
            response = self.get(path, *lines, keep=False)
            assert is_right(path, response), (path, response)
            words.append(word(response))
        return words


def terminate(server):
    server.stop()


def kill(server):
    """No warning to anybody: supervisor and edge at once."""
    server.kill()


def make_away(site, paths):
    site.fill(paths)
    site.rest()
    site.restart(terminate)


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
        assert words.count("HIT") >= 0.9 * len(paths), words
        site.rest()
    assert len({request.path for request in site.origin.requests[pulls:]}) <= 0.2 * len(paths)
    site.server.assert_healthy()


def test_a_hit_on_disk_is_told_as_any_other(make):
    site = Shelf(make)
    make_away(site, ["/0", "/4"])
    for path in ("/0", "/4"):
        response = site.get(path)
        status = status_of(response)
        assert (word(response), status.get("hit")) == ("HIT", True) and "fwd" not in status
        assert int(response.fields.get("Age")) >= 3


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
    site.rest()
    site.restart(terminate)
    words = site.words(paths)
    assert words.count("HIT") >= 0.9 * len(paths), words


def test_disks_that_are_full_of_older_things_go_on(make):
    """Several times its room goes through a disk."""
    site = Shelf(make, disks=(64 * MIB,), workers=2)
    for round_ in range(4):
        site.fill([f"/{round_}/{number}" for number in range(96)])
    site.rest()
    site.restart(kill)
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
    paths = iter([f"/{number}" for number in range(0, 64, 8)] + [f"/{number}" for number in range(7, 64, 8)])
    paths = list(paths)
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
    paths = [f"/{number}" for number in range(64)]
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


# Purges.

PURGES = {
    "url": ("url", ["http://edge.test/gone/0", "http://edge.test/gone/7"], {}),
    "prefix": ("prefix", ["http://edge.test/gone/"], {}),
    "domain": ("domain", ["edge.test"], {}),
    "tag": ("tag", ["gone"], {"of": "edge.test"}),
}
TWO = {"edge.test": {}, "other.test": {}}


def assert_purged(site, kind, soft=False):
    for path in ("/gone/0", "/gone/7"):
        assert not site.is_kept(path), f"{path} is back"
    for path in ("/gone/0", "/gone/7") if kind != "domain" else ():
        assert site.is_kept(path, host="other.test")
    assert kind == "domain" or site.is_kept("/stays/0")
    assert site.is_kept("/stays/0", host="other.test")
    if soft:
        response = site.get("/gone/0")
        assert word(response) != "HIT" and "If-None-Match" in site.pulls("/gone/0")[-1].fields


@pytest.mark.parametrize("when", ["in memory", "away", "in a new memory"])
@pytest.mark.parametrize("kind", PURGES)
@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_what_was_purged_stays_away(make, kind, mode, when):
    """The machine may die right after the answer."""
    site = Shelf(make, rules=TWO)
    for host in TWO:
        for path in ("/gone/0", "/gone/7", "/stays/0"):
            site.get(path, host=host, keep=False)
    site.rest()
    if when != "in memory":
        site.restart(terminate)
    if when == "in a new memory":
        for path in ("/gone/0", "/gone/7", "/stays/0"):
            assert word(site.get(path, keep=False)) == "HIT"
    what, values, more = PURGES[kind]
    purge(site.server, what, *values, mode=mode, **more)
    site.restart(kill)
    assert_purged(site, kind)
    site.restart(terminate)
    assert_purged(site, kind, mode == "soft")


def test_a_purge_while_the_disk_is_read(make):
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(64)]
    site.fill(paths)
    site.rest()
    for count in range(4):
        site.server.kill()
        site.server.start()
        for path in paths[count * 8 : count * 8 + 8]:
            purge(site.server, "url", f"http://edge.test{path}")
    site.restart(kill)
    kept = [site.is_kept(path) for path in paths]
    assert kept == [False] * 32 + [True] * 32


def test_what_a_write_made_invalid_stays_away(make):
    site = Shelf(make)
    site.fill(["/0", "/8"])
    site.rest()
    site.says("/0", status=204)
    assert site.ask("POST", "/0", body=b"x").status == 204
    site.origin.on("/0", answer)
    site.restart(kill)
    assert not site.is_kept("/0") and site.is_kept("/8")


def test_what_was_replaced_does_not_come_back(make):
    site = Shelf(make)
    for number in range(3):
        site.says("/a", "Cache-Control: max-age=1000", f'ETag: "{number}"', body=str(number).encode())
        site.get("/a", "Cache-Control: no-cache")
        purge(site.server, "url", "http://edge.test/a")
        site.get("/a")
        site.rest()
        site.restart(kill)
        assert site.get("/a").body == str(number).encode()


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
    """Some bytes in a hundred places, and stretches of nothing."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        for _ in range(100):
            file.seek(draw.randrange(size))
            file.write(draw.randbytes(draw.choice([1, 64, 5000])))
        for _ in range(5):
            file.seek(draw.randrange(size))
            file.write(bytes(100_000))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_damaged_is_pulled_again(make, seed):
    site = Shelf(make, disks=(64 * MIB,), workers=2)
    paths = [f"/{number}" for number in range(64)]
    site.fill(paths)
    site.rest()
    site.server.stop()
    damage(site.disks[0], random.Random(seed))
    site.restart(lambda server: None)
    words = site.words(paths)
    assert "HIT" in words or any("goes on without" in line for line in site.server.lines)
    site.restart(kill)
    site.words(paths)
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


# Deaths.


class Editor:
    """Paths whose objects change: each change is purged, and once that is answered, nobody may get anything
    older; whatever happens to the machine."""

    COUNT = 240

    def __init__(self, make, seed):
        self.site = Shelf(make, disks=(64 * MIB,), workers=2)
        self.site.server.is_broken_fine = True
        self.site.origin.default = self.answer
        self.versions = [0] * self.COUNT  # that the origin has
        self.purged = [0] * self.COUNT  # below which nobody may get any
        self.draw = random.Random(seed)
        self.ended = threading.Event()
        self.wrong, self.right, self.hits, self.purges = [], 0, 0, 0
        self.threads = [threading.Thread(target=self.read, args=(seed * 100 + number,)) for number in range(4)]
        self.threads.append(threading.Thread(target=self.edit, args=(seed * 100 + 50,)))

    def answer(self, request):
        number = int(request.path[1:])
        name = f"{number}@{self.versions[number]}"
        return says(FRESH, f'ETag: "{name}"', f"Cache-Tag: t{number % 16}", body=Generated(name, SIZES[number % 8]))

    def check(self, number, least, response):
        if response.status >= 500:
            return
        name = (response.fields.get("ETag") or "").strip('"')
        version = int(name.partition("@")[2] or -1)
        if not name.startswith(f"{number}@") or response.digest != content.digest(name, SIZES[number % 8]):
            self.wrong.append((number, name, "is not what it says", response))
        elif version < least:
            self.wrong.append((number, name, f"is older than {least}", word(response)))
        self.right += 1
        self.hits += word(response) == "HIT"

    def fetch(self, number):
        least = self.purged[number]
        try:
            response = client.exchange(self.site.server.address, "GET", f"/{number}", keep=False)
        except (OSError, wire.WireError, IndexError):
            return  # somebody was killed
        self.check(number, least, response)

    def read(self, seed):
        draw = random.Random(seed)
        while not self.ended.is_set():
            self.fetch(int(draw.paretovariate(0.5)) % self.COUNT)

    def edit(self, seed):
        draw = random.Random(seed)
        while not self.ended.is_set():
            number = draw.randrange(self.COUNT)
            kind = draw.choice(["url", "url", "url", "prefix", "tag"])
            changed = [number] if kind == "url" else [n for n in range(self.COUNT) if str(n).startswith(str(number))]
            if kind == "tag":
                changed = [n for n in range(self.COUNT) if n % 16 == number % 16]
            for one in changed:
                self.versions[one] += 1
            versions = {one: self.versions[one] for one in changed}
            try:
                if kind == "tag":
                    purge(self.site.server, "tag", f"t{number % 16}", of="edge.test")
                else:
                    purge(self.site.server, kind, f"http://edge.test/{number}")
            except (OSError, ValueError):
                continue  # not answered: nothing was promised
            self.purges += 1
            for one, version in versions.items():
                self.purged[one] = version
            time.sleep(draw.random() * 0.05)

    def kill_edge(self):
        pids = self.site.server.edge_pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.is_serving(pids), "a new edge", 3 * RESTART)

    def is_serving(self, dead):
        alive = self.site.server.edge_pids()
        if not alive or set(alive) & set(dead):
            return False
        try:
            return client.exchange(self.site.server.address, "GET", "/0", keep=False, timeout=1).status == 200
        except (OSError, wire.WireError):
            return False

    def kill_all(self):
        self.site.server.kill()
        self.site.server.start()


def test_random_deaths_bring_nothing_back(make):
    """HEADWATER_DEATHS says how many; one in six is that of the whole tree, as in a loss of power."""
    seed = int(os.environ.get("HEADWATER_SEED", random.SystemRandom().randrange(1 << 30)))
    print("seed", seed)
    editor = Editor(make, seed)
    for thread in editor.threads:
        thread.start()
    try:
        for number in range(int(os.environ.get("HEADWATER_DEATHS", 30))):
            time.sleep(editor.draw.random() * 1.5)
            if number % 6 == 5:
                editor.kill_all()
            else:
                editor.kill_edge()
            assert not editor.wrong, editor.wrong[:3]
        time.sleep(1)
    finally:
        editor.ended.set()
        for thread in editor.threads:
            thread.join(30)
    for number in range(editor.COUNT):
        editor.fetch(number)
    assert not editor.wrong, editor.wrong[:3]
    assert editor.right > 100 and editor.hits > 20 and editor.purges > 10, vars(editor)
    assert not [line for line in editor.site.server.lines if program.BROKEN.search(line)]


@pytest.mark.soak
def test_many_random_deaths_bring_nothing_back(make, monkeypatch):
    monkeypatch.setenv("HEADWATER_DEATHS", os.environ.get("HEADWATER_DEATHS", "300"))
    test_random_deaths_bring_nothing_back(make)
