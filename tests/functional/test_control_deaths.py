"""Whatever dies, and whatever becomes of the database: an acknowledged change is there, a refused one is not, and sites are served."""
import http.client
import os
import pathlib
import random
import signal
import sqlite3
import threading
import time

import control
import pytest
from origin import Reply

NAMES = [f"d{number}.test" for number in range(6)]
GONE = (OSError, http.client.HTTPException)


class Editor:
    """Changes domains all the time, and remembers what it was told."""

    def __init__(self, plane, origins, seed):
        self.plane = plane
        self.origins = origins
        self.draw = random.Random(seed)
        self.number = 0
        self.known = {name: 0 for name in NAMES}  # the last number that was acknowledged
        self.maybe = {name: [] for name in NAMES}  # what was sent since, and never answered
        self.made = self.refused = self.unanswered = 0
        self.wrong = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._edit, daemon=True)

    def change(self, number):
        """Every change has its number in a field that origins are sent."""
        origin = self.origins[number % 2]
        return {"origin": {"addresses": [origin.address], "host": f"v{number}.test"}}

    def create(self):
        for name in NAMES:
            body = {"name": name, "cache": {"mode": "off"}, **self.change(0)}
            self.plane.admin.ok("createDomain", body)

    def _edit(self):
        while not self.ended.is_set():
            self.number += 1
            name = self.draw.choice(NAMES)
            try:
                if self.number % 5 == 0:
                    self._refuse(name)
                else:
                    self._change(name)
            except GONE:
                time.sleep(0.01)
            except Exception as error:  # noqa: BLE001 - the test's thread tells it
                self.wrong.append(f"{type(error).__name__}: {error}")

    def _change(self, name):
        number = self.number
        self.maybe[name].append(number)
        answer = self.plane.admin.call("changeDomain", self.change(number), name=name)
        if answer.status == 200:
            self.made += 1
            self.known[name] = number
            self.maybe[name].clear()
        elif answer.status == 503:  # the store is being opened
            self.maybe[name].remove(number)
            self.unanswered += 1
        else:
            self.wrong.append(f"{name}: {answer}")

    def _refuse(self, name):
        """R1: a bucket is no hot backup."""
        body = {"debug": True, "backup": {"type": "cos", "bucket": {"bucket": "b-1", "region": "r"}}}
        answer = self.plane.admin.call("changeDomain", body, name=name)
        if answer.status not in (422, 503):
            self.wrong.append(f"{name}: not refused: {answer}")
        self.refused += answer.status == 422

    def check(self):
        """What is there is the last that was acknowledged, or one of those that were not answered since."""
        for name in NAMES:
            found = self.plane.admin.ok("readDomain", name=name)
            number = int(found["origin"]["host"][1:-5])
            assert number == self.known[name] or number in self.maybe[name], (name, number, self.known, self.maybe)
            assert found["origin"]["addresses"] == [self.origins[number % 2].address]
            assert not found["debug"] and found["backup"] is None, "what was refused is there"
            self.known[name] = number
            self.maybe[name].clear()


def wait_for(look, timeout=30):
    end = time.monotonic() + timeout
    while True:
        try:
            found = look()
        except GONE:
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"waited {timeout} s"
        time.sleep(0.02)


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_live(plane):
    """Until every edge has the last revision; that."""
    def look():
        told = plane.viewer.send("GET", "/api/v1/edges")
        if told.status != 200 or not told.json["items"]:
            return None
        return all(edge["applied"] == told.json["revision"] for edge in told.json["items"]) and told.json

    return wait_for(look)["revision"]


def check_edge(plane, editor):
    """What the edge asks of whom is what the store says."""
    for name in NAMES:
        number = editor.known[name]
        answer = plane.program.get(f"/{number}/{random.getrandbits(32)}", host=name)
        assert answer.status == 200 and answer.body == f"v{number}.test at {number % 2}".encode(), (name, answer)


def reply_of(index):
    """An origin that says who it is, and as whom it was asked."""
    return lambda request: Reply(body=f"{request.fields.get('host')} at {index}".encode())


def serve(make, seed):
    origins = [make.origin(f"origin {index}") for index in range(2)]
    for index, origin in enumerate(origins):
        origin.default = reply_of(index)
    plane = control.Plane(make, "serve", log=False)
    plane.program.is_broken_fine = True
    editor = Editor(plane, origins, seed)
    editor.create()
    return plane, editor


def die_often(make, rounds):
    seed = int(os.environ.get("HEADWATER_SEED", time.time()))
    print(f"HEADWATER_SEED={seed}")
    plane, editor = serve(make, seed)
    draw = random.Random(seed + 1)
    editor.thread.start()
    program = plane.program
    try:
        for number in range(rounds):
            time.sleep(draw.random() * 0.4)
            victims = draw.choice([["control"], ["control"], ["edge"], ["control", "edge"]])
            for victim in victims:
                kill(program.child_pids(victim))
            for victim in victims:
                wait_for(lambda victim=victim: program.child_pids(victim))
            assert not editor.wrong, editor.wrong[:3]
            if number % 10 == 9:
                wait_for(lambda: plane.stranger.send("GET", "/healthz").status == 200)
        time.sleep(0.5)
    finally:
        editor.ended.set()
        editor.thread.join(30)
    assert not editor.wrong, editor.wrong[:3]
    wait_for(lambda: plane.stranger.send("GET", "/healthz").status == 200)
    editor.check()
    wait_live(plane)
    check_edge(plane, editor)
    assert editor.made > rounds and editor.refused > 0, vars(editor)


def test_what_was_acknowledged_is_there_after_any_death(make):
    die_often(make, int(os.environ.get("HEADWATER_DEATHS", "50")))


@pytest.mark.soak
def test_what_was_acknowledged_is_there_after_many_deaths(make):
    die_often(make, int(os.environ.get("HEADWATER_DEATHS", "500")))


def remove(path):
    path.unlink()


def truncate(path):
    os.truncate(path, 0)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def scribble(path):
    path.write_bytes(os.urandom(20000))


def replace(path):
    other = path.with_suffix(".other")
    other.write_bytes(b"")
    other.rename(path)


@pytest.mark.parametrize("harm", [remove, truncate, cut, scribble, replace], ids=lambda harm: harm.__name__)
def test_a_database_that_is_harmed_while_it_is_used_is_told_and_sites_are_served(make, harm):
    plane, editor = serve(make, 1)
    wait_live(plane)
    harm(pathlib.Path(plane.state) / "headwater.db")
    answer = plane.admin.call("changeDomain", editor.change(7), name=NAMES[0])
    assert answer.status == 503 and answer.problem == "store-unavailable", answer
    assert "database" in answer.json["detail"]
    told = plane.viewer.ok("status")
    assert not told["store"]["works"] and told["store"]["error"]
    assert plane.stranger.send("GET", "/healthz").status == 503
    # Reading goes on, and so does serving, also by an edge that begins now.
    assert plane.viewer.ok("readDomain", name=NAMES[0])["origin"]["host"] == "v0.test"
    check_edge(plane, editor)
    kill(plane.program.child_pids("edge"))
    wait_live(plane)
    check_edge(plane, editor)
    # A control plane that begins now finds no store, says so, and the edge keeps what it has.
    kill(plane.program.child_pids("control"))
    answer = wait_for(lambda: plane.stranger.send("GET", "/healthz"))
    assert answer.status == 503 or harm in (remove, replace, truncate), answer
    check_edge(plane, editor)
    kill(plane.program.child_pids("edge"))
    wait_for(lambda: plane.program.get("/", host=NAMES[0]).status == 200)
    check_edge(plane, editor)


def test_a_database_that_another_program_has_is_waited_for(make):
    plane, editor = serve(make, 1)
    program = plane.program
    program.stop()
    other = sqlite3.connect(pathlib.Path(plane.state) / "headwater.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    program.start()
    plane.find_address()
    wait_for(lambda: b"another program" in plane.stranger.send("GET", "/healthz").body)
    assert plane.stranger.send("GET", "/healthz").status == 503
    check_edge(plane, editor)
    other.execute("ROLLBACK")
    other.close()
    plane.wait_open()
