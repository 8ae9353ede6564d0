"""Thousands of random requests that the contract allows, or not: never a fault of ours, never an answer that it does not promise."""
import collections
import json
import os
import random
import urllib.parse

import contract
import control
import pytest
import random_requests as make_random

# Operations that hash a password take longer by two orders of magnitude.
SELDOM = {"login": 0.05, "changePassword": 0.03, "createUser": 0.05, "changeUser": 0.1, "createToken": 0.3, "logout": 0.0, "export": 0.3,
          "readContract": 0.1, "createDomain": 3, "changeDomain": 3, "replaceDomain": 3, "deleteDomain": 0.5}  # fmt: skip
NAMES = [f"p{number}.property.test" for number in range(12)] + ["*.property.test", "absent.test"]
ACCOUNTS = ["one", "two", "three"]
# What the schemas cannot say of a text: so that most of the requests are of use.
ADDRESSES = ["192.0.2.1", "192.0.2.2:8080", "192.0.2.3:8080:5", "192.0.2.4::0", "[2001:db8::1]:80:2", "2001:db8::", "origin.example.net",
             "origin.example.net:81", "origin.example.net::7", "xn--bcher-kva.example"]  # fmt: skip
HINTS = {
    "name": lambda rng: rng.choice(NAMES[:-1]),
    "addresses[]": lambda rng: rng.choice(ADDRESSES),
    "address": lambda rng: rng.choice(ADDRESSES),
    "host": lambda rng: rng.choice(["www.example.net", "www.example.net:8080", "[2001:db8::1]:80", "192.0.2.1", None]),
    "server_name": lambda rng: rng.choice(["www.example.net", None]),
    "endpoint": lambda rng: rng.choice(["bucket.example.net", None]),
    "path": lambda rng: rng.choice(["/", "/health", "/a?b=c", None]),
    "protocol": lambda rng: rng.choice(["http"] * 5 + ["https", "follow", None]),
    "type": lambda rng: rng.choice(["self"] * 8 + ["cos", "s3", None]),
    "bucket": lambda rng: None,
    "kind": lambda rng: rng.choice(["normal"] * 8 + ["bucket_default", None]),
    "revision": lambda rng: rng.choice([None, 0, 1, rng.randint(1, 3000)]),
    "connect_timeout": lambda rng: rng.choice(["1s", "2.5s", "60s", "1m", None]),
    "head_timeout": lambda rng: rng.choice(["1s", "300s", "1500ms", None]),
    "idle_timeout": lambda rng: rng.choice(["5m", "1s", None]),
    "query_parameters": lambda rng: rng.choice([None, [], ["a", "b%20c"]]),
    "protocols[]": lambda rng: rng.choice(["websocket", "irc/6.9", "h2c", "a-b"]),
    "ttl_statuses[]": lambda rng: f"{rng.randint(200, 599)}:{rng.randint(0, 90)}s",
    "to_origin[]": lambda rng: rng.choice(["set X-A: b, \"c\"", "add  X-A:b", "delete Cookie", "delete Host"]),
    "to_client[]": lambda rng: rng.choice(["set X-A: b, \"c\"", "add Vary:   X-B", "delete Server", "set Via: a"]),
    "account": lambda rng: rng.choice(ACCOUNTS),
    "label": lambda rng: f"label{rng.randint(0, 99)}",
    "expires_ms": lambda rng: rng.choice([None, 0, 4102444800000, 1]),
    "values[]": lambda rng: rng.choice([f"http://{rng.choice(NAMES)}/a?b", rng.choice(NAMES), "tag-1", "http://p1.property.test/img/"]),
    "domain": lambda rng: rng.choice(NAMES),
    "password": lambda rng: rng.choice([None, "a password of some length"]),
}  # fmt: skip


def make_sensible(one, value, rng):
    """What a request's body says, so that no rule forbids it that no schema can tell."""
    whole = one.id in ("createDomain", "replaceDomain")
    parts = [value] if one.id.endswith(("Origin", "Backup")) else [value.get("origin"), value.get("backup")]
    if "Domain" in one.id:
        value.pop("revision", None)
        value.pop("kind", None)
        value.pop("headers", None) if rng.random() < 0.5 else None
        (value.get("cache") or {}).pop("query", None)
        (value.get("cache") or {}).pop("query_parameters", None)
    if whole and not value.get("origin"):
        value["origin"] = parts[0] = {}
    if one.id in ("replaceDomain", "changeDomain"):
        value.pop("name", None)
    for part in parts:
        if not isinstance(part, dict):
            continue
        for key in ("type", "bucket", "protocol", "probe"):
            part.pop(key, None)
        if whole or one.id.startswith("replace") or "addresses" in part:
            part["addresses"] = rng.sample(ADDRESSES, rng.randint(1, 3))


class Visitor:
    """Sends random requests, and tells the first answer that should not be."""

    def __init__(self, plane, seed):
        self.plane = plane
        self.rng = random.Random(seed)
        self.counts = collections.Counter()
        self.tokens = []
        self.last = ""
        self.operations = contract.operations()
        self.weights = [SELDOM.get(one.id, 1) for one in self.operations]

    def run(self, count):
        for number in range(count):
            one = self.rng.choices(self.operations, self.weights)[0]
            try:
                self.visit(one)
            except Exception as error:
                raise AssertionError(f"request {number}: {self.last}: {error}") from error

    def visit(self, one):
        rng = self.rng
        caller = rng.choices([self.plane.admin, self.plane.operator, self.plane.viewer, self.plane.stranger], [20, 2, 1, 1])[0]
        path, is_wrong_path = self.path(one)
        query, is_wrong_query = self.query(one)
        fields = self.fields(one)
        body, is_wrong_body = self.body(one, fields)
        is_wrong = is_wrong_path or is_wrong_query or is_wrong_body
        target = path + ("?" + query if query else "")
        self.last = f"{one.method} {target} {fields} {body if body is None else body[:3000]!r}"
        answer = caller.send(one.method, target, body, fields)
        self.counts[answer.status] += 1
        assert answer.status < 500 or answer.problem in ("overloaded",), answer
        if is_wrong_path:
            assert 400 <= answer.status < 500, answer
            return
        wrong = contract.judge(one.id, answer.status, answer.fields, answer.body)
        assert not wrong, wrong
        if is_wrong:
            assert 400 <= answer.status < 500, (answer, "the contract does not allow the request")
        if answer.status == 201 and one.id == "createToken":
            self.tokens.append(answer.json["id"])
        if one.role != "nobody" and caller is self.plane.stranger:
            assert answer.status in (400, 401), answer
        self.follow(one, answer)

    def follow(self, one, answer):
        """What is told of a change is what is there."""
        if answer.status not in (200, 201) or not isinstance(answer.json, dict) or "failover" not in answer.json:
            return
        if one.method == "GET":
            return
        read = self.plane.admin.call("readDomain", name=answer.json["name"])
        assert (read.json, read.etag) == (answer.json, answer.etag), (answer, read)

    def path(self, one):
        rng = self.rng
        if rng.random() < 0.02 and "{" in one.path:
            name = rng.choice(["%00", "%zz", "%0a", "%", "%7f"])
            return one.path.replace("{name}", name).replace("{account}", name).replace("{id}", name).replace("{number}", name), True
        text = make_random.some_text(rng, 1, 30)
        name = rng.choice(NAMES) if rng.random() < 0.95 else text
        account = rng.choice(ACCOUNTS) if rng.random() < 0.95 else text
        number = rng.choice([*self.tokens[-5:], 10**6, 0])
        clean = {key: "".join(c for c in str(value) if c >= " " and c != "\x7f") or "x" for key, value in
                 (("name", name), ("account", account), ("id", number), ("number", rng.randint(0, 40)))}  # fmt: skip
        return one.target(**clean), False

    def query(self, one):
        rng = self.rng
        said = one.parameters_in("query")
        pairs = [(item["name"], make_random.right(item["schema"], rng, HINTS)) for item in said if rng.random() < 0.3]
        pairs = [(name, "".join(c for c in str(value) if c >= " " and c != "\x7f")) for name, value in pairs]
        is_wrong = rng.random() < 0.08
        if is_wrong:
            pairs.append(rng.choice([("nothing", "1"), ("", "x"), ("Limit", "1"), ("dry_run", "maybe"), ("limit", "0"), ("limit", "x")]))
        return urllib.parse.urlencode(pairs), is_wrong

    def fields(self, one):
        rng = self.rng
        fields = {}
        for item in one.parameters_in("header"):
            if item["name"] == "If-Match" and rng.random() < 0.7:
                fields["If-Match"] = rng.choice(["*"] * 20 + [f'"{rng.randint(1, 3000)}"', '"x"', "W/\"1\"", "*, *", '"store-1"', "", '"'])
            elif item["name"] == "If-None-Match" and rng.random() < 0.1:
                fields["If-None-Match"] = rng.choice(["*", '"1"', ""])
            elif item["name"] == "Idempotency-Key" and rng.random() < 0.3:
                fields["Idempotency-Key"] = rng.choice([f"key{rng.randint(0, 20)}", "a b", "", "k" * 129])
        return fields

    def body(self, one, fields):
        rng = self.rng
        bodies = one.bodies()
        if not bodies:
            if one.method != "GET" and rng.random() < 0.05:
                return b"{}", True
            return None, False
        kind = rng.choice(list(bodies))
        fields["Content-Type"] = kind
        if kind == "application/yaml":
            return self.file(bodies[kind])
        value = make_random.right(bodies[kind], rng, HINTS)
        if value is not None and rng.random() < 0.8:
            make_sensible(one, value, rng)
        is_wrong = False
        if rng.random() < 0.35:
            made = make_random.wrong(value, bodies[kind], rng)
            is_wrong = made is not None
            value = made if is_wrong else value
        body = json.dumps(value, ensure_ascii=rng.random() < 0.5)
        data = body.encode("utf-8", "surrogatepass")
        if rng.random() < 0.05:
            data = make_random.broken(body, rng)
            is_wrong = not make_random.is_json(data) or is_wrong and json.loads(data) == value
        if rng.random() < 0.03:
            fields["Content-Type"] = rng.choice(["text/plain", "application/xml", "", "application/json;", "a/b; c=d", "application/jso"])
            is_wrong = is_wrong or not fields["Content-Type"].startswith("application/json;")
        return data, is_wrong

    def file(self, schema):
        rng = self.rng
        domains = [make_random.right({"$ref": "#/components/schemas/DomainRequest"}, rng, HINTS) or {} for _ in range(rng.randint(0, 3))]
        for domain in domains:
            domain.setdefault("name", rng.choice(NAMES))
            domain.setdefault("origin", {"addresses": ["192.0.2.1"]})
            domain.pop("revision", None)
        data = json.dumps({"domains": domains}).encode()
        return (make_random.broken(data.decode(), rng) if rng.random() < 0.3 else data), False


def check_everything(plane):
    """At the end of it: what is there makes sense, and is the sum of its history."""
    api = plane.admin
    plane.program.assert_healthy()
    listed = api.ok("listDomains", query={"limit": 1000})
    assert listed["total"] == len(listed["items"])
    for item in listed["items"]:
        read = api.call("readDomain", name=item["name"])
        assert read.json == item
        same = api.call("replaceDomain", item, name=item["name"], fields={"If-Match": read.etag}, query={"dry_run": "1"})
        assert same.status == 200 and same.json["changes"] == [], same
        newest = api.ok("readDomainHistory", name=item["name"], query={"limit": 1})["items"][0]
        assert newest["revision"] == item["revision"] and newest["what"] != "removed"
    export = api.call("export")
    assert api.ok("apply", export.body, query={"prune": "1"})["changes"] == []
    assert api.ok("status")["domains"] == len(listed["items"])


def visit(make, seed, count):
    plane = control.Plane(make)
    for name in NAMES[:8]:
        plane.admin.ok("createDomain", control.domain(name, "192.0.2.1", backup=["192.0.2.2"]))
    for account in ACCOUNTS:
        plane.admin.ok("createUser", {"name": account, "role": "viewer"})
    visitor = Visitor(plane, seed)
    try:
        visitor.run(count)
    finally:
        print(f"seed {seed}: {dict(sorted(visitor.counts.items()))}")
    check_everything(plane)
    # Neither kind of request was the rare exception.
    good = sum(number for status, number in visitor.counts.items() if status < 300)
    assert good > count / 5 and visitor.counts[422] > count / 20, visitor.counts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_500_random_requests(make, seed):
    visit(make, seed, 500)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_5000_random_requests(make, part):
    """Four of it; another seed each day, or the one that is given."""
    seed = int(os.environ.get("HEADWATER_SEED", random.SystemRandom().randrange(10**9))) + part
    visit(make, seed, 5000)
