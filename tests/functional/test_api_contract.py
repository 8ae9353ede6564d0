"""The server and its contract (docs/openapi.yaml) say the same: operations, who may, parameters, problems, defaults."""
import re

import contract
import control
import pytest
from program import ROOT

ROUTE = re.compile(r'^ROUTE\((\w+), (\w+), "([^"]*)", (\w+), (\w+), (\w+), "([^"]*)", "([^"]*)"\)$', re.M)
PROBLEM = re.compile(r'^PROBLEM\((\w+), "([^"]*)", (\d+), "([^"]*)"\)$', re.M)
ROLES = {"NOBODY": ("nobody", False), "CHANGING": ("viewer", True), "VIEWER": ("viewer", False),
         "OPERATOR": ("operator", False), "ADMIN": ("admin", False)}  # fmt: skip
MEDIA = {"NONE": set(), "FORM": {"application/json"}, "JSON": {"application/json"},
         "PATCH": {"application/merge-patch+json", "application/json"}, "YAML": {"application/yaml"}}  # fmt: skip


def routes():
    """The rows of the table of routes, by method and path."""
    found = ROUTE.findall((ROOT / "src/control/route.def").read_text())
    assert len(found) == (ROOT / "src/control/route.def").read_text().count("\nROUTE(")
    return {(row[1], row[2]): row for row in found}


def operations():
    return {(one.method, re.sub(r"\{\w+\}", "{}", one.path)): one for one in contract.operations()}


def test_every_route_is_in_the_contract_and_the_other_way_round():
    assert sorted(routes()) == sorted(operations())


@pytest.mark.parametrize("operation", contract.operations(), ids=str)
def test_an_operation_is_as_its_route(operation):
    _, _, _, role, _, body, queries, _ = routes()[operation.method, re.sub(r"\{\w+\}", "{}", operation.path)]
    assert (operation.role, operation.is_for_must_change) == ROLES[role]
    assert set(operation.bodies()) == MEDIA[body]
    assert {one["name"] for one in operation.parameters_in("query")} == set(queries.replace("?", "").split())
    # A question mark is for what is on or off.
    switches = {one["name"] for one in operation.parameters_in("query") if one["schema"].get("$ref", "").endswith("/Switch")}
    assert switches == {name[:-1] for name in queries.split() if name.endswith("?")}


def test_every_problem_has_its_name_and_status_in_the_contract():
    found = PROBLEM.findall((ROOT / "src/control/problem.def").read_text())
    names = contract.document()["components"]["schemas"]["ProblemName"]["enum"]
    assert sorted(names) == sorted(f"/problems/{name}" for _, name, _, _ in found)
    promised = {status for one in contract.operations() for status in one.responses}
    # No operation answers 405: that is what a path without the operation does.
    assert {int(status) for _, _, status, _ in found} <= promised | {405}


def examples(node):
    if isinstance(node, dict):
        if isinstance(node.get("example"), dict) and "title" in node["example"]:
            yield node["example"]
        for member in node.values():
            yield from examples(member)


def test_examples_of_problems_are_true():
    rows = {name: (int(status), title) for _, name, status, title in PROBLEM.findall((ROOT / "src/control/problem.def").read_text())}
    found = list(examples(contract.document()["components"]["responses"]))
    assert len(found) > 5
    for example in found:
        assert rows[example["type"].removeprefix("/problems/")] == (example["status"], example["title"])


# ---- the running server ----


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


def test_the_server_tells_its_contract(plane):
    answer = plane.stranger.call("readContract")
    assert answer.status == 200 and answer.fields["Content-Type"] == "application/yaml"
    assert answer.body == contract.PATH.read_bytes()


def fields(schema, path=()):
    """(path, schema) of each field below a schema of a request."""
    schema = contract.resolve(schema)
    if "properties" in schema:
        for name, member in schema["properties"].items():
            yield from fields(member, (*path, name))
    else:
        yield path, schema


def nest(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


FIELDS = dict(fields({"$ref": "#/components/schemas/DomainRequest"}))


@pytest.mark.parametrize("path", [path for path, schema in FIELDS.items() if "default" in schema and path != ("revision",)],
                         ids="/".join)  # fmt: skip
def test_a_default_is_what_a_field_is_without_it(plane, path):
    """Said aloud, it changes nothing."""
    name = f"{'-'.join(path).replace('_', '-')}.defaults.test"
    plane.admin.ok("createDomain", control.domain(name, backup=["192.0.2.2"]))
    patch = nest(path, FIELDS[path]["default"])
    answer = plane.admin.call("changeDomain", patch, name=name, query={"dry_run": "1"})
    assert answer.status == 200 and answer.json["changes"] == [], answer


@pytest.mark.parametrize("path", [path for path, schema in FIELDS.items() if "enum" in schema], ids="/".join)
def test_a_word_of_the_contract_is_one_of_the_field(plane, path):
    name = f"{'-'.join(path).replace('_', '-')}.words.test"
    plane.admin.ok("createDomain", control.domain(name, backup=["192.0.2.2"]))
    for word in FIELDS[path]["enum"]:
        answer = plane.admin.call("changeDomain", nest(path, word), name=name, query={"dry_run": "1"})
        # A rule may forbid it, but it is a word.
        at_fault = [error for error in answer.errors if error == ("/" + "/".join(path), "value")] if answer.problem else []
        assert not at_fault, (word, answer)
    answer = plane.admin.call("changeDomain", nest(path, "nothing of that"), name=name)
    assert answer.errors == [("/" + "/".join(path), "value")]


NUMBERS = [(path, schema) for path, schema in FIELDS.items()
           if schema.get("type") in (["integer", "null"], ["number", "null"]) and path != ("revision",)]  # fmt: skip


@pytest.mark.parametrize("path,schema", NUMBERS, ids=lambda value: "/".join(value) if isinstance(value, tuple) else "")
def test_a_range_of_the_contract_is_that_of_the_field(plane, path, schema):
    name = f"{'-'.join(path).replace('_', '-')}.ranges.test"
    made = control.domain(name, backup=["192.0.2.2"])
    for role in ("origin", "backup"):
        made[role]["probe"] = {"path": "/health"}
    plane.admin.ok("createDomain", made)
    pointer = "/" + "/".join(path)
    for value, is_good in ((schema["minimum"], True), (schema["maximum"], True), (schema["maximum"] + 1, False),
                           (schema["minimum"] - 1, False)):  # fmt: skip
        answer = plane.admin.call("changeDomain", nest(path, value), name=name, query={"dry_run": "1"})
        assert (answer.status == 200) == is_good, (value, answer)
        assert is_good or [place for place, _ in answer.errors] == [pointer]
