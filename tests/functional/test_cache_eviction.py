"""A memory that is smaller than what is asked for: it evicts, and every body stays right."""
import contextlib
import random
import threading
import time

import content
import pytest
import wire
from caching import FRESH, Site, says, word
from origin import Generated

pytestmark = pytest.mark.racing

MIB = 1 << 20
SIZES = [300, 4000, 30_000, 65_536, 65_537, 200_000, 900_000, 2 * MIB]


class Library:
    """Objects that check themselves: a path tells its size, and its body the path."""

    def __init__(self, make, memory, **options):
        self.site = Site(make, flags={"cache_memory": memory, **options.pop("flags", {})}, **options)
        self.site.origin.default = self.answer
        self.digests = {}

    @staticmethod
    def size(path):
        return SIZES[int(path.rpartition("/")[2]) % len(SIZES)]

    def answer(self, request):
        return says(FRESH, f'ETag: "{request.path}"', body=Generated(request.path, self.size(request.path)))

    def digest(self, path):
        if path not in self.digests:
            self.digests[path] = content.digest(path, self.size(path))
        return self.digests[path]

    def is_right(self, path, response):
        return response.digest == self.digest(path) and response.fields.get("ETag") == f'"{path}"'


def test_a_small_memory_serves_a_large_library(make):
    """Some 80 MB through 16 MiB, by clients who prefer the first few."""
    library = Library(make, "16m", workers=2)
    draws = [random.Random(number) for number in range(6)]
    wrong, words = [], []
    end = time.monotonic() + 6

    def ask(draw):
        while time.monotonic() < end:
            path = f"/{int(draw.paretovariate(0.6)) % 200}"
            try:
                response = library.site.get(path, keep=False)
            except wire.WireError as error:
                wrong.append((path, error))
                continue
            words.append(word(response))
            if not library.is_right(path, response):
                wrong.append((path, response))

    threads = [threading.Thread(target=ask, args=(draw,)) for draw in draws]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong, wrong[:3]
    assert "HIT" in words and "MISS" in words
    paths = {request.path for request in library.site.origin.requests}
    assert len(library.site.origin.requests) > len(paths), "nothing was evicted"
    library.site.server.assert_healthy()


def test_parts_of_what_is_being_evicted_are_right(make):
    library = Library(make, "16m", workers=2)
    draw = random.Random(7)
    for number in range(150):
        path = f"/{draw.randrange(60)}"
        first = draw.randrange(library.size(path))
        last = min(library.size(path) - 1, first + draw.choice([0, 100, 100_000]))
        response = library.site.get(path, f"Range: bytes={first}-{last}")
        if response.status == 206 and word(response) == "HIT":
            assert response.body == content.generate(path, first, last - first + 1)
        library.site.get(f"/{number}", keep=False)


def test_slow_readers_get_their_bytes_while_everything_around_them_is_evicted(make):
    """Whoever is in the middle of a body gets the right end of it, or sees that there is none."""
    library = Library(make, "16m", workers=2)
    paths = [f"/slow/{number}" for number in (5, 6, 7, 13, 14, 15, 21, 22, 23, 29, 30, 31)]
    wrong, broken, whole = [], [], []

    def read(path):
        with library.site.server.connect(receive_buffer=4096, timeout=40) as connection:
            connection.request(target=path)
            try:
                response = connection.response(keep=False, pause=lambda: time.sleep(0.01))
            except wire.Truncated as error:
                broken.append((path, error))
                return
            (whole if library.is_right(path, response) else wrong).append(path)

    for path in paths:
        library.site.get(path, keep=False)
    readers = [threading.Thread(target=read, args=(path,)) for path in paths * 2]
    for reader in readers:
        reader.start()
    time.sleep(0.3)
    number = 0
    while any(reader.is_alive() for reader in readers) and number < 300:
        number += 1
        path = f"/churn/{number}"
        response = library.site.get(path, keep=False)
        assert library.is_right(path, response)
    for reader in readers:
        reader.join(40)
    assert not wrong, wrong
    assert len(whole) >= len(readers) // 2, broken[:3]
    library.site.server.assert_healthy()


READERS = 500


def test_five_hundred_readers_on_full_buffers_get_their_bytes(make):
    """What lies in a socket for a client that does not read is never another object's: the memory that it was sent
    from is evicted and filled anew many times before any of them reads on."""
    library = Library(make, "48m", workers=2, flags={"write_timeout": "2m"})
    paths = [f"/held/{number}" for number in (5, 6, 13, 14, 21, 22, 29, 30, 37, 38)]  # 200 kB and 900 kB
    for path in paths:
        library.site.get(path, keep=False)
    readers = []
    with contextlib.ExitStack() as stack:
        for number in range(READERS):
            connection = stack.enter_context(library.site.server.connect(receive_buffer=4096, timeout=60))
            connection.request(target=paths[number % len(paths)])
            readers.append((paths[number % len(paths)], connection))
        for number in range(250):
            path = f"/churn/{number}"
            response = library.site.get(path, keep=False)
            assert library.is_right(path, response)
        for path, connection in readers:
            assert library.is_right(path, connection.response(keep=False)), path
    pulled = [request.path for request in library.site.origin.requests]
    assert sum(library.size(path) for path in pulled) > 2 * (48 << 20), "too little to evict"
    library.site.server.assert_healthy()


def test_an_object_larger_than_the_memory_passes_through(make):
    library = Library(make, "16m")
    size = 24 * MIB
    # At 16 MiB in a second, so that who reads at once keeps up on the busiest machine.
    pace = {"drip": "body", "drip_bytes": 65536, "drip_s": 0.004}
    library.site.says("/huge", FRESH, body=Generated("huge", size), **pace)
    for _ in range(2):
        response = library.site.get("/huge", keep=False, timeout=60)
        assert (response.size, response.digest) == (size, content.digest("huge", size))
    assert library.is_right("/3", library.site.get("/3", keep=False))


def test_several_readers_of_an_object_larger_than_the_memory(make):
    """Each at its own pace: what was let go of cannot be found, so a laggard may see its body break off."""
    library = Library(make, "16m", workers=2)
    size = 24 * MIB
    # At 16 MiB in a second, so that who reads at once keeps up on the busiest machine.
    pace = {"drip": "body", "drip_bytes": 65536, "drip_s": 0.004}
    library.site.says("/huge", FRESH, body=Generated("huge", size), **pace)
    outcomes = []

    def read(pause):
        with library.site.server.connect(receive_buffer=65536, timeout=60) as connection:
            connection.request(target="/huge")
            try:
                outcomes.append(connection.response(keep=False, pause=lambda: time.sleep(pause)).digest)
            except wire.Truncated as error:
                outcomes.append(error)

    readers = [threading.Thread(target=read, args=(pause,)) for pause in (0, 0, 0.02, 0.05)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(60)
    digests = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert set(digests) == {content.digest("huge", size)} and len(digests) >= 2, outcomes


def test_many_small_objects_and_their_index(make):
    """More objects than the index has room for."""
    library = Library(make, "16m", workers=2)
    draw = random.Random(3)
    with library.site.server.connect() as connection:
        for _ in range(1500):
            number = draw.randrange(2500) * len(SIZES)
            connection.request(target=f"/{number}")
            response = connection.response()
            assert response.body == content.generate(f"/{number}", 0, SIZES[0])


def test_what_is_larger_than_its_probation_is_remembered_when_it_is_asked_for_again(make):
    """Without a validator what lacks cannot be pulled by itself, so that all of its pieces must come to stay."""
    site = Site(make, flags={"cache_memory": "64m"})
    site.origin.default = lambda request: says(FRESH, body=Generated(request.path, MIB))
    site.says("/large", FRESH, body=Generated("/large", 10 * MIB))
    for number in range(80):
        for _ in range(2):
            site.get(f"/small/{number}", keep=False)
    for _ in range(4):
        response = site.get("/large", keep=False)
        assert response.digest == content.digest("/large", 10 * MIB)
        time.sleep(0.1)
    assert word(response) == "HIT" and len(site.pulls("/large")) == 2
