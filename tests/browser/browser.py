"""A browser for tests: Debian's Chromium, driven by playwright-core in a process of its own (driver.cjs).

    page = browser.open(plane.address, cookies)
    page.goto("/domains")
    page.getByRole("button", name="Add domain").click()

The methods are those of a page and of locators of Playwright; keywords become the options at the end. A chain of
calls is sent when the last of them does something (`click`, `textContent`, `waitFor`)."""
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import threading

HERE = pathlib.Path(__file__).resolve().parent
# What only says where to look. Everything else is sent at once.
LOOKS = {"locator", "getByRole", "getByLabel", "getByText", "getByTitle", "getByPlaceholder", "first", "last", "nth", "filter",
         "and_", "or_", "frameLocator", "keyboard", "mouse", "getByTestId"}  # fmt: skip
PROPERTIES = {"keyboard", "mouse"}


class BrowserError(AssertionError):
    """What Playwright could not do."""


def executable():
    for name in ("chromium-headless-shell", "chromium"):
        if shutil.which(name):
            return shutil.which(name)
    raise RuntimeError("there is no Chromium: script/bootstrap test")


def _plain(value):
    if isinstance(value, re.Pattern):
        return {"$pattern": value.pattern, "flags": "i" if value.flags & re.IGNORECASE else ""}
    if isinstance(value, Chain):
        return {"$chain": _plain(value._calls), "page": value._page.number}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


class Chain:
    """Some calls that say where to look."""

    def __init__(self, page, calls):
        self._page = page
        self._calls = calls

    def __getattr__(self, name):
        if name in PROPERTIES:
            return Chain(self._page, [*self._calls, [name, []]])

        def call(*arguments, **options):
            calls = [*self._calls, [name.rstrip("_"), [*arguments, *([options] if options else [])]]]
            return Chain(self._page, calls) if name in LOOKS else self._page.ask("run", chain=calls)

        return call


class Page:
    """A page in a context of its own."""

    def __init__(self, browser, number):
        self.browser = browser
        self.number = number

    def __getattr__(self, name):
        return getattr(Chain(self, []), name)

    def ask(self, what, **more):
        return self.browser.ask(what, page=self.number, **more)

    def troubles(self):
        """Errors of scripts, words in the console, requests to others, since this was asked last."""
        return self.ask("troubles")

    def axe(self):
        """What axe-core finds that is serious."""
        return self.ask("axe")

    def download(self, chain, path):
        """The name of the file that comes when that is clicked, which is kept at `path`."""
        return self.ask("download", chain=[*chain._calls, ["click", []]], file=str(path))

    def close(self):
        self.ask("close")


class Browser:
    """One Chromium; each page that is opened knows nothing of the others."""

    def __init__(self):
        self._process = subprocess.Popen(["node", str(HERE / "driver.cjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def ask(self, what, **more):
        with self._lock:
            self._process.stdin.write(json.dumps({"id": next(self._ids), "what": what, **_plain(more)}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise BrowserError("the browser is gone")
        told = json.loads(line)
        if "error" in told:
            raise BrowserError(told["error"])
        return told["result"]

    def open(self, address, cookies=(), *, width=1440, height=900, dark=False, language="en"):
        origin = "http://{}:{}".format(*address)
        options = {"executable": executable(), "origin": origin, "cookies": list(cookies), "width": width, "height": height,
                   "dark": dark, "language": language}  # fmt: skip
        return Page(self, self.ask("open", options=options))

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)
