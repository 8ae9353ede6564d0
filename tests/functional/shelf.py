"""What the tests of the cache's disks have in common: a site with a small memory and disks behind it, and objects
that check themselves.
"""
import time

import content
from caching import FRESH, Site, says, wait_until, word
from origin import Generated
from program import is_sanitized

MIB = 1 << 20
SIZES = [300, 4000, 30_000, 65_536, 65_537, 200_000, 900_000, 2 * MIB]
DISK = 128 * MIB
# How long a disk has to rest before everything in memory was copied: LIMIT_CACHE_DISK_DELAY_MS, and some more.
REST = 3.0
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
    """An end in order copies everything, and a start has an empty memory."""
    site.fill(paths)
    site.restart(terminate)
