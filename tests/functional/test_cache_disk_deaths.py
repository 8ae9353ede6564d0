"""Random deaths of the edge and of everything, under load: what is served afterwards is right, and nothing that was
purged comes back."""
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
from caching import FRESH, purge, says, wait_until, word
from origin import Generated
from shelf import MIB, RESTART, SIZES, Shelf

pytestmark = pytest.mark.racing


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
    monkeypatch.setenv("HEADWATER_DEATHS", os.environ.get("HEADWATER_DEATHS", "1000"))
    test_random_deaths_bring_nothing_back(make)
