"""What else happens while the rest of a body is looked for: changes of its domain, purges, upgrades, clients that leave, memory
that is used up. The bodies are whole all the same, or visibly broken, and what a purge forbids is not kept."""
import signal
import time

import pytest
import wire
from broken import File, ask
from caching import FRESH, at_once, crowd, purge, read_until, wait_until, word
from domains import domain, origin_of
from origin import Reply
from program import is_sanitized

SIZE, PLACE = 3_000_000, 1_000_000
UNCACHED, CACHED = {"mode": "off"}, {}
PATIENCE = 30.0 if is_sanitized() else 10.0


class Middle:
    """A Headwater whose master falls silent in the middle of a file, and whose backup has that as well."""

    def __init__(self, make, cache, flags=(), **fields):
        self.master, self.backup, self.third = (make.origin(name) for name in ("master", "backup", "third"))
        self.file = self.master.default = File(SIZE, lines=(FRESH,), breaks=[("hang", PLACE)], delay=0.1)
        self.file.later = lambda request: Reply(cut="before") if request.fields.get("Range") else None
        self.other = self.backup.default = File(SIZE, lines=(FRESH,))
        self.strange = self.third.default = File(SIZE, seed="third", etag='"3"', lines=(FRESH,))
        self.cache, self.fields = cache, fields
        self.server = make.headwater([self.domain(self.master, self.backup)], dict(flags), workers=2)

    def domain(self, master, backup, **fields):
        slow = {"head_timeout": "10s"}  # sixty heads at once may take a busy machine a while
        return domain(origin_of(master, idle_timeout="2s", **slow), backup and origin_of(backup, **slow), cache=self.cache,
                      **self.fields, **fields)  # fmt: skip

    def begin(self):
        """A client that has what came so far."""
        connection = self.server.connect(timeout=PATIENCE)
        connection.request(target="/a")
        read_until(connection, PLACE)
        return connection

    def switch(self):
        self.server.write_domains([self.domain(self.backup, self.master)])

    def lose_both(self):
        self.server.write_domains([self.domain(self.third, None, debug=True)])

    def turn_off(self):
        self.server.write_domains([self.domain(self.master, None, resume={"attempts": 0})])

    def remove(self):
        self.server.write_domains([self.domain(self.third, None, name="other.test")])

    def purge(self):
        purge(self.server, "url", "http://edge.test/a")

    def upgrade(self):
        before = set(self.server.edge_pids())
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: set(self.server.edge_pids()) - before, "a new edge", PATIENCE)

    def drain(self):
        self.server.signal(signal.SIGTERM)


@pytest.mark.parametrize("cache", [UNCACHED, CACHED], ids=["passed on", "stored"])
@pytest.mark.parametrize("event", ["switch", "lose_both", "turn_off", "remove", "purge", "upgrade", "drain"])
def test_a_body_is_finished_by_those_it_began_with(make, event, cache):
    it = Middle(make, cache)
    with it.begin() as connection:
        getattr(it, event)()
        time.sleep(0.3)
        response = connection.response(timeout=PATIENCE)
    assert response.digest == it.file.digest
    assert it.file.pulls[1:] and it.other.pulls == [(f"bytes={PLACE - 4096}-", '"1"')] and not it.strange.pulls
    if event in ("switch", "purge") and cache is CACHED:
        # What was purged while it came is not kept; what the other origin finished is.
        again = it.server.get("/a")
        assert (word(again), again.digest) == ("MISS" if event == "purge" else "HIT", it.file.digest)
    elif event == "lose_both":
        assert it.server.get("/b").digest == it.strange.digest


@pytest.mark.parametrize("cache", [UNCACHED, CACHED], ids=["passed on", "stored"])
@pytest.mark.parametrize("when", ["before it is known", "while somebody is asked"])
def test_clients_that_leave_meanwhile_leave_nothing_behind(make, cache, when):
    it = Middle(make, cache)
    asked = []

    def later(request):
        asked.append(request)
        return Reply(delay=1.0, cut="before")

    it.file.later = later
    connections = [it.begin()]
    connections += [it.begin() for _ in range(3)] if cache is CACHED else []
    if when == "while somebody is asked":
        wait_until(lambda: asked, "somebody who is asked", PATIENCE)
    for connection in connections:
        connection.abort()
    wait_until(lambda: all(line["end"] != "complete" for line in it.server.wait_log(len(connections), "/a")), "the ends")
    assert it.server.get("/b").digest == it.file.digest


def test_half_of_a_crowd_leaves_and_the_others_get_all_of_it(make):
    it = Middle(make, CACHED)
    connections = [it.server.connect(timeout=PATIENCE) for _ in range(50)]
    for connection in connections:
        connection.request(target="/a")
    for connection in connections:
        read_until(connection, PLACE // 2, PATIENCE)
    for connection in connections[::2]:  # the one that began it is among them
        connection.abort()
    digests = {connection.response(timeout=PATIENCE).digest for connection in connections[1::2]}
    assert digests == {it.file.digest}
    assert (len(it.file.pulls), len(it.other.pulls)) == (2, 1)
    assert word(it.server.get("/a")) == "HIT"


@pytest.mark.parametrize("cache", [UNCACHED, CACHED], ids=["passed on", "stored"])
def test_without_memory_bodies_end_visibly_and_the_edge_goes_on(make, cache):
    """So many bodies at once that there is no memory for all: each is whole or broken, none is wrong."""
    it = Middle(make, cache, {"memory_budget": "16m"}, failover={"budget_s": 10})
    it.master.default = lambda request: files.setdefault(
        request.path, File(SIZE, seed="file", lines=(FRESH,), breaks=[("hang", PLACE)]))(request)  # fmt: skip
    files = {}
    connections = [it.server.connect(timeout=PATIENCE, receive_buffer=4096) for _ in range(60)]
    for number, connection in enumerate(connections):
        connection.request(target=f"/{number}")
    time.sleep(1.0)
    ends = {"whole": 0}
    for connection in connections:
        try:
            response = connection.response(timeout=60)
            if response.status == 200:
                assert response.digest == it.file.digest
                ends["whole"] += 1
            else:
                assert response.status == 503
        except wire.Truncated as broken:
            assert broken.how != "timeout" and it.file.bytes().startswith(broken.response.body if broken.response else b"")
        finally:
            connection.close()
    assert ends["whole"] > 0
    assert ask(it.server, "/last").digest == it.file.digest


@pytest.mark.parametrize("method, line, status", [
    ("HEAD", None, 200), ("GET", "Range: bytes=0-99", 206), ("GET", f"Range: bytes={SIZE // 3 * 2}-", 206),
    ("GET", f"Range: bytes={PLACE - 5}-{PLACE + 5}", 206), ("GET", 'If-None-Match: "1"', 304)])  # fmt: skip
def test_whoever_asks_for_less_meanwhile_gets_that(make, method, line, status):
    it = Middle(make, CACHED)
    fields = [tuple(line.split(": "))] if line else []
    with it.begin() as connection:
        response = it.server.ask(method, "/a", fields=fields, timeout=PATIENCE)
        assert response.status == status
        if status == 206:
            first, last = (int(text) for text in response.fields.get("Content-Range").split(" ")[1].split("/")[0].split("-"))
            assert response.body == it.file.bytes(first, last)
        assert connection.response(timeout=PATIENCE).digest == it.file.digest


def test_a_crowd_whose_pull_nobody_can_finish_asks_anew_or_is_told(make):
    """No one of it gets a wrong byte, and the next gets all."""
    it = Middle(make, CACHED)
    it.backup.default = Reply(status=404)
    got = []
    connections = [it.server.connect(timeout=PATIENCE) for _ in range(8)]
    for connection in connections:
        connection.request(target="/a")
    for connection in connections:
        try:
            got.append(connection.response(timeout=PATIENCE).digest)
        except wire.Truncated as broken:
            assert it.file.bytes().startswith(broken.response.body) and len(broken.response.body) <= PLACE
    assert not got
    assert {response.digest for response in at_once(it.server, 3, "/a")} == {it.file.digest}


@pytest.mark.parametrize("when", ["once it is whole", "while it comes", "when it may have no end"])
def test_a_body_without_a_length_is_pulled_again_where_nobody_has_it_any_more(make, when):
    """The slow one of two is so far behind that the memory of the cache has let go of what is next: that is asked for again."""
    origin = make.origin("master")
    breaks = [] if when == "once it is whole" else [("hang", 25_000_000)]
    rules = {"object_max": "20m"} if when == "when it may have no end" else {}
    file = origin.default = File(30_000_000, framing="chunked", lines=(FRESH,), breaks=breaks, delay=0.3)
    file.later = lambda _: setattr(file, "delay", 0.0)
    server = make.headwater([domain(origin_of(origin, idle_timeout="4s"), cache=rules)], {"cache_memory": "16m"}, workers=2)

    def get(number):
        with server.connect(timeout=PATIENCE, receive_buffer=4096 if number else None) as connection:
            connection.request(target="/a")
            if number:
                time.sleep(2.5)  # while the other one reads all that there is
            try:
                return connection.response(keep=False).digest
            except wire.Truncated as broken:
                return broken.how

    ends = crowd(2, get)
    if when == "when it may have no end":
        assert ends == [file.digest, "fin"]
        return
    assert ends == [file.digest] * 2
    assert [pull[0] for pull in file.pulls].count(None) == 1 and len(file.pulls) > 2
