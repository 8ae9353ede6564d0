"""What tests of the console start from: a Headwater that serves it, and a browser. The rest is that of the functional tests."""
import importlib.util
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "functional"), str(HERE.parent / "tools")]

import pytest  # noqa: E402

_spec = importlib.util.spec_from_file_location("functional_conftest", HERE.parent / "functional" / "conftest.py")
_functional = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_functional)
make, make_once, program = _functional.make, _functional.make_once, _functional.program
pytest_xdist_make_scheduler = _functional.pytest_xdist_make_scheduler

import control  # noqa: E402
from browser import Browser  # noqa: E402

BUILT = ROOT / "build" / "console"


@pytest.fixture(scope="session")
def browser():
    browser = Browser()
    yield browser
    browser.close()


class Console:
    """A Headwater that serves the console, with an edge."""

    def __init__(self, make, browser, **options):
        self.browser = browser
        flags = {"console": str(BUILT), **options.pop("flags", {})}
        self.plane = control.Plane(make, command="serve", flags=flags, **options)
        self.pages = []

    @property
    def api(self):
        return self.plane.admin

    @property
    def edge(self):
        return self.plane.program.addresses[0]

    def cookies(self, session):
        name, _, value = session.fields["Cookie"].partition("=")
        return [{"name": name, "value": value}]

    def open(self, path="/", session=None, signs_in=True, **options):
        """A page of the console, of whoever the session is of; the admin's by default."""
        cookies = self.cookies(session or self.plane.session) if signs_in else []
        page = self.browser.open(self.plane.address, cookies, **options)
        self.pages.append(page)
        page.goto(path)
        return page

    def close_pages(self):
        """Ends what a test opened; tells what the pages did that they should not."""
        troubles = []
        for page in self.pages:
            troubles += page.troubles()
            page.close()
        self.pages.clear()
        return troubles


@pytest.fixture(scope="module")
def shared(make_once, browser):
    """One that the tests of a file share."""
    assert BUILT.exists(), "the console is not built: script/console --tests"
    return Console(make_once, browser)


@pytest.fixture
def console(shared):
    yield shared
    troubles = shared.close_pages()
    assert not troubles, troubles


def eventually(holds, what, timeout=10):
    """Waits until something holds, and gives it back."""
    end = time.monotonic() + timeout
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"not after {timeout} s: {what}"
        time.sleep(0.05)
