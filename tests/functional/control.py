"""A control plane for tests, who may use it, and a client that holds every answer against the contract."""
import atexit
import functools
import http.client
import json
import pathlib
import re
import shutil
import tempfile
import threading
import time
import urllib.parse

import contract
import pytest
from program import Headwater, flag_list

FIRST = re.compile(r"the first account is admin, its password (\S+) ")
PASSWORD = "a password for tests"
API = re.compile(r"the API is on (\S+)")
MASK = "********"
LINK_VERSION = 5
ROLES = ("viewer", "operator", "admin")


class Answer:
    """A response: whole, and its JSON where it has one."""

    def __init__(self, response, body):
        self.status = response.status
        self.fields = response.headers
        self.body = body
        kind = (self.fields.get("Content-Type") or "").partition(";")[0]
        self.json = json.loads(body) if kind.endswith("json") and body else None

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"

    @property
    def problem(self):
        """The name of the problem; None for an answer that is none."""
        is_one = self.fields.get("Content-Type") == "application/problem+json"
        return self.json["type"].removeprefix("/problems/") if is_one else None

    @property
    def errors(self):
        """(pointer, rule) of each place that is at fault."""
        return [(error["pointer"], error["rule"]) for error in self.json.get("errors", [])]

    @property
    def etag(self):
        return self.fields.get("ETag")

    @property
    def revision(self):
        """Of the whole store."""
        return int(self.fields["Headwater-Revision"])


class Api:
    """A client with the credentials of somebody; a connection for each thread that uses it."""

    def __init__(self, address, fields=None, timeout=60, source=None):
        self.address = address
        self.source = source
        self.fields = fields or {}  # sent with each request
        self.timeout = timeout
        self._local = threading.local()

    def close(self):
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def send(self, method, target, body=None, fields=None):
        """One request as it is said; a text or bytes is sent as such, anything else but None as JSON."""
        fields = {**self.fields, **(fields or {})}
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        fields = {name: value for name, value in fields.items() if value is not None}
        is_kept = getattr(self._local, "connection", None) is not None
        while True:
            if not is_kept:
                source = (self.source, 0) if self.source else None
                self._local.connection = http.client.HTTPConnection(*self.address, self.timeout, source)
            try:
                self._local.connection.request(method, target, body, fields)
                response = self._local.connection.getresponse()
                # A stream does not end by itself; its head is what can be asked for.
                is_stream = response.getheader("Content-Type") == "text/event-stream" and method != "HEAD"
                answer = Answer(response, b"" if is_stream else response.read())
                if is_stream:
                    self.close()
                    return answer
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if not is_kept:  # a kept connection may have been closed meanwhile
                    raise
                is_kept = False
            except Exception:
                self.close()
                raise
        if (response.getheader("Connection") or "").lower() == "close":
            self.close()
        return answer

    def call(self, operation, body=None, *, query=None, fields=None, judged=True, **names):
        """An operation of the contract, by its name; the answer must be one that it promises."""
        one = contract.operation(operation)
        fields = dict(fields or {})
        if body is not None and "application/yaml" in one.bodies():
            fields.setdefault("Content-Type", "application/yaml")
        target = one.target(urllib.parse.urlencode(query or {}), **names)
        answer = self.send(one.method, target, body, fields)
        if judged:
            wrong = contract.judge(operation, answer.status, answer.fields, answer.body)
            assert not wrong, (operation, target, body, wrong)
        return answer

    def ok(self, operation, *arguments, **options):
        """The same, which goes well; its JSON."""
        answer = self.call(operation, *arguments, **options)
        assert answer.status < 300, (operation, arguments, options, answer)
        return answer.json

    def revision_of(self, name):
        return self.ok("readDomain", name=name)["revision"]

    def with_fields(self, **fields):
        """The same caller with other header fields, underscores for hyphens; None takes one away."""
        merged = {**self.fields, **{key.replace("_", "-"): value for key, value in fields.items()}}
        return Api(self.address, merged, self.timeout, self.source)


class Seed:
    """The state of a control plane whose first account has signed in. Passwords take long to hash, so each process of
    the tests does it once."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="headwater-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.state = folder / "state"
        self.state.mkdir()
        program = Headwater(folder, args=["--state-dir", str(self.state), "--api", "127.0.0.1:0"], command="control", ready=API)
        plane = Plane.__new__(Plane)
        plane.follow(program.start())
        try:
            plane.sign_in()
        finally:
            program.stop()
        self.fields = {name: getattr(plane, name).fields for name in ("session", *ROLES)}


@functools.cache
def seed():
    return Seed()


class Plane:
    """A running control plane with a token for each role."""

    def __init__(self, make, command="control", flags=(), *, signs_in=True, state=None, domains=None, **options):
        folder = make.inside("control")
        self.state = state or folder / "state"
        if command == "serve":
            self.program = Headwater(folder, domains, flags, api="127.0.0.1:0", **options)
            self.program.argv[self.program.argv.index("--state-dir") + 1] = str(self.state)
        else:
            args = ["--state-dir", str(self.state), "--api", "127.0.0.1:0", *flag_list(flags)]
            self.program = Headwater(folder, args=args, command=command, ready=API)
        if signs_in:
            shutil.copytree(seed().state, self.state, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.socket"))
        self.state.mkdir(exist_ok=True)
        make.closing.add(self.program, Headwater.stop)
        self.follow(self.program.start())
        if signs_in:
            self.wait_open()
            for name, fields in seed().fields.items():
                setattr(self, name, Api(self.address, dict(fields)))

    def follow(self, program):
        """A program that has started is the one that is asked."""
        self.program = program
        self._lines = self._clients = 0
        self.find_address()

    def find_address(self):
        """Where the API is on; also after another start."""
        line = self.program.wait_line(API.pattern, 30, self._lines)
        self._lines = len(self.program.lines)
        host, _, port = API.search(line)[1].rpartition(":")
        self.address = host, int(port)
        self.stranger = Api(self.address)

    @property
    def first_password(self):
        return FIRST.search(self.program.wait_line(FIRST.pattern, 30))[1]

    def login(self, account, password):
        """A session of somebody. Each login is another client's, so that none is one too many."""
        self._clients += 1
        client = Api(self.address, source=f"127.1.{self._clients // 250}.{self._clients % 250 + 1}")
        answer = client.call("login", {"account": account, "password": password})
        assert answer.status == 200, answer
        cookie = answer.fields["Set-Cookie"].partition(";")[0]
        return Api(self.address, {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf"]})

    def sign_in(self):
        """The first account gets a password of ours, and a token for each role."""
        first = self.login("admin", self.first_password)
        first.ok("changePassword", {"old": self.first_password, "new": PASSWORD})
        self.session = self.login("admin", PASSWORD)
        for role in ROLES:
            made = self.session.ok("createToken", {"label": f"test-{role}", "role": role})
            setattr(self, role, self.bearer(made["token"]))

    def bearer(self, token):
        return Api(self.address, {"Authorization": f"Bearer {token}"})

    def user(self, name, role="viewer", password=PASSWORD):
        """An account whose password needs no change; a session of it."""
        self.admin.ok("createUser", {"name": name, "role": role, "password": password + "!"})
        first = self.login(name, password + "!")
        if first.ok("whoami")["must_change"]:
            first.ok("changePassword", {"old": password + "!", "new": password})
            return self.login(name, password)
        return first

    def wait_open(self, timeout=30):
        """Until the store is open."""
        end = time.monotonic() + timeout
        while self.stranger.send("GET", "/healthz").status != 200:
            assert time.monotonic() < end, self.program.text
            time.sleep(0.02)


def domain(name, *addresses, backup=(), **fields):
    """What createDomain takes."""
    made = {"name": name, "origin": {"addresses": list(addresses or ["192.0.2.1"])}, **fields}
    if backup:
        made["backup"] = {"addresses": list(backup)}
    return made


def without_revision(domain):
    return {key: value for key, value in domain.items() if key != "revision"}


# ---- fixtures, for the files that import them ----


@pytest.fixture(scope="module")
def plane(make_once):
    return Plane(make_once)


@pytest.fixture
def api(plane):
    return plane.admin


@pytest.fixture
def name(request):
    """A name that no other test uses."""
    words = "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip("-")
    return f"d{abs(hash(request.node.nodeid)) % 10**10}-{words[-40:].strip('-')}.test"


@pytest.fixture
def made(api, name):
    """A domain that is there: its answer."""
    return api.call("createDomain", domain(name, "192.0.2.1", backup=["192.0.2.2:8080"]))


def newest(api, name):
    return api.ok("readDomainHistory", name=name, query={"limit": 1})["items"][0]
