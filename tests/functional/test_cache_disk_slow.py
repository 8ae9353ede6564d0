"""A disk whose every call takes seconds, as strace makes it: what is in memory, or at the origin, is served as if there were
none, by the same one worker; and what is on the disk comes at last."""
import concurrent.futures
import contextlib
import pathlib
import re
import signal
import subprocess
import time

import pytest
from caching import wait_until, word
from shelf import Shelf, is_right, make_away

pytestmark = pytest.mark.skipif(subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode != 0,
                                reason="processes may not be traced here")  # fmt: skip

DELAY_S = 4
CALLS = "pread64,preadv,pwrite64,pwritev,fdatasync,fsync"


class Slowed:
    """Processes whose calls are delayed: a thread stands still at the beginning of one, and is told of at its end."""

    def __init__(self, pids, path):
        self.pids, self.path = pids, path

    def threads(self):
        for pid in self.pids:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                yield (task / "status").read_text()

    def stopped(self):
        return sum("State:\tt" in status for status in self.threads())

    def ended(self):
        return len(re.findall(r"\) += ", self.path.read_text()))

    def wait(self):
        """Until a thread is in a call; how many calls had ended before."""
        wait_until(lambda: self.stopped() > 0 and (time.sleep(0.3) or self.stopped() > 0), "a call", 20)
        return self.ended()


@contextlib.contextmanager
def slowed(server, folder):
    path = folder / "calls"
    pids = [server.process.pid, *server.edge_pids()]
    words = ["strace", "-f", "-qq", "-o", str(path), "-e", f"trace={CALLS}", "-e",
             f"inject={CALLS}:delay_enter={DELAY_S * 1_000_000}"]  # fmt: skip
    tracer = subprocess.Popen([*words, *(part for pid in pids for part in ("-p", str(pid)))])
    try:
        calls = Slowed(pids, path)
        wait_until(lambda: all("TracerPid:\t0\n" not in status for status in calls.threads()), "all are traced", 20)
        yield calls
    finally:
        tracer.send_signal(signal.SIGINT)  # it lets go of them
        tracer.wait(30)


def serve_from_memory(site, client, paths, rounds=30):
    for _ in range(rounds):
        for path in paths:
            client.request(target=path)
            response = client.response()
            assert word(response) == "HIT" and is_right(path, response)


@pytest.mark.parametrize("size", ["small", "in pieces"])
def test_who_waits_for_a_slow_disk_waits_alone(make, size):
    site = Shelf(make, workers=1)
    away = {"small": "/1", "in pieces": "/5"}[size]
    make_away(site, [away])
    site.fill(["/8", "/14"])
    pulls = len(site.origin.requests)
    with slowed(site.server, make.folder) as calls, concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(site.get, away, timeout=100)
        ended = calls.wait()
        with site.server.connect(timeout=20) as client:
            serve_from_memory(site, client, ["/8", "/14"])
        assert calls.ended() == ended and not waiting.done()
        response = waiting.result()
        assert word(response) == "HIT" and is_right(away, response)
    assert len(site.origin.requests) == pulls


def test_nobody_waits_for_what_is_written_to_a_slow_disk(make):
    site = Shelf(make, workers=1)
    site.fill(["/8", "/14"])
    site.rest()
    with slowed(site.server, make.folder) as calls:
        site.fill([f"/{number}" for number in range(16, 24)])
        ended = calls.wait()
        with site.server.connect(timeout=20) as client:
            serve_from_memory(site, client, ["/8", "/14"])
        site.fill([f"/{number}" for number in range(24, 32)])
        assert calls.ended() == ended
    site.rest()
    site.server.assert_healthy()
