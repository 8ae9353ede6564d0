"""What every functional test starts from: a Headwater, origins, and their end whatever happens."""
import concurrent.futures
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

import pytest  # noqa: E402
from nameserver import NameServer  # noqa: E402
from nginx import Nginx  # noqa: E402
from origin import Origin  # noqa: E402
from program import Headwater, binary  # noqa: E402

ROWS_AT_ONCE = 16


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run the long forms as well")


def pytest_collection_modifyitems(config, items):
    """The long forms run only when they are asked for."""
    if config.getoption("--soak") or "soak" in (config.getoption("markexpr") or ""):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file stays on one worker, so that the rows of a table share their servers."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def program():
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"there is no {binary()}: run script/build or script/test, or set HEADWATER", 2)


class Closing:
    """Ends what a test started, newest first, and tells the first trouble that it meets."""

    def __init__(self):
        self.things = []

    def add(self, thing, end):
        self.things.append((thing, end))
        return thing

    def close(self):
        trouble = []
        for thing, end in reversed(self.things):
            try:
                end(thing)
            except Exception as error:  # noqa: BLE001 - the others must end as well
                trouble.append(error)
        if trouble:
            raise trouble[0]


def _end_origin(origin):
    origin.stop()
    assert not origin.errors, f"what reached the origin was no HTTP: {origin.errors}"


class Make:
    """Makes what a test needs, in folders of its own, and ends all of it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.closing = Closing()
        self._count = 0

    def inside(self, name):
        """A new folder."""
        self._count += 1
        path = self.folder / f"{name}{self._count}"
        path.mkdir(mode=0o755)
        return path

    def origin(self, name="", **options):
        return self.closing.add(Origin(name, **options), _end_origin)

    def headwater(self, domains=None, flags=(), **options):
        """A running Headwater; flags are a list, or a dict of settings."""
        server = Headwater(self.inside("headwater"), domains, flags, **options)
        self.closing.add(server, Headwater.stop)
        return server.start()

    def nginx(self, name="nginx", **options):
        server = Nginx(self.inside("nginx"), name, **options)
        self.closing.add(server, Nginx.stop)
        return server

    def nameserver(self):
        return self.closing.add(NameServer(), NameServer.stop)


@pytest.fixture
def make(tmp_path):
    maker = Make(tmp_path)
    yield maker
    maker.closing.close()


@pytest.fixture(scope="module")
def make_once(tmp_path_factory):
    """The same for what all tests of a file share."""
    maker = Make(tmp_path_factory.mktemp("shared"))
    yield maker
    maker.closing.close()


@pytest.fixture
def origin(make):
    return make.origin("master")


def _selected(request, parameter):
    """The values of a parameter that the tests of this file will run with."""
    for item in request.session.items:
        if item.module is request.module and hasattr(item, "callspec"):
            if parameter in item.callspec.params:
                yield item.callspec.params[parameter]


class Rows:
    """The rows of a table test, run side by side since most of their time is waiting."""

    def __init__(self, run, rows):
        self.pool = concurrent.futures.ThreadPoolExecutor(ROWS_AT_ONCE)
        self.futures = {row: self.pool.submit(run, row) for row in rows}

    def __getitem__(self, row):
        return self.futures[row].result(60)


@pytest.fixture(scope="module")
def side_by_side(request):
    """side_by_side(run, rows)[row] is run(row), for tests that have the parameter `row`."""
    made = []

    def start(run, rows):
        selected = set(_selected(request, "row"))
        made.append(Rows(run, [row for row in rows if row in selected]))
        return made[-1]

    yield start
    for rows in made:
        rows.pool.shutdown(cancel_futures=True)
