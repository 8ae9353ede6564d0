"""The contract (docs/openapi.yaml) as a document: a linter's opinion, and what no linter knows."""
import os
import pathlib
import re
import subprocess

import contract
import jsonschema
import npm
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def linter():
    environment = npm.environment()

    def lint(path):
        return subprocess.run(["node", ROOT / "tools/npm/lint.js", path], env=environment, capture_output=True,
                              text=True, timeout=120)  # fmt: skip

    return lint


def test_the_linter_finds_nothing(linter):
    done = linter(contract.PATH)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# What is made wrong, and the rule that says so.
WRONG = {
    "an identifier twice": ("operationId: listEdges", "operationId: status", "operation-operationId-unique"),
    "an example that is none": ("expires_ms: 0}", "expires_ms: never}", "no-invalid-media-type-examples"),
    "a path's parameter that nobody says": ("  /edges:", "  /edges/{id}:", "path-parameters-defined"),
    "a schema that is not there": ('schemas/Edges"', 'schemas/Edge5"', "no-unresolved-refs"),
    "a word that means nothing": ("      x-role: viewer", "      role: viewer", "struct"),
}


@pytest.mark.parametrize("row", WRONG)
def test_the_linter_finds(linter, tmp_path, row):
    before, after, rule = WRONG[row]
    text = contract.PATH.read_text()
    assert before in text
    (tmp_path / "openapi.yaml").write_text(text.replace(before, after, 1))
    done = linter(tmp_path / "openapi.yaml")
    assert done.returncode == 1 and f": {rule}" in done.stdout, done.stdout + done.stderr


def test_nothing_committed_names_a_registry():
    for path in npm.PINNED:
        assert not re.search(r'"resolved"|registry\.', path.read_text().replace("omit-lockfile-registry", "")), path


def schemas(node, place="#"):
    """Each schema of an object in the document."""
    if isinstance(node, dict):
        types = node.get("type")
        if types == "object" or (isinstance(types, list) and "object" in types):
            yield place, node
        for key, member in node.items():
            if key not in ("example", "default", "const", "enum"):
                yield from schemas(member, f"{place}/{key}")
    elif isinstance(node, list):
        for index, member in enumerate(node):
            yield from schemas(member, f"{place}/{index}")


def is_closed(schema):
    """Whether it says all of its fields; or, where names are what is told (a reason: how often), of what each is."""
    others = schema.get("additionalProperties")
    return others is False or (isinstance(others, dict) and "type" in others and "properties" not in schema)


def test_every_object_says_all_of_its_fields():
    found = list(schemas(contract.document()))
    assert len(found) > 40
    assert [place for place, schema in found if not is_closed(schema)] == []


def test_every_schema_is_one():
    for name, schema in contract.document()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert contract.validator(schema), name


@pytest.mark.parametrize("operation", contract.operations(), ids=str)
def test_an_operation_says_who_may_call_it_and_how_it_may_fail(operation):
    assert operation.role in contract.ROLES
    is_open = operation.role == "nobody"
    reads = operation.method == "GET"
    security = operation.said.get("security", contract.document()["security"])
    csrf = [] if reads else [("csrf",)]
    wanted = [] if is_open else [("bearer",), ("session", *csrf[0])] if csrf else [("bearer",), ("session",)]
    assert [tuple(sorted(way, reverse=True)) for way in security] == [tuple(sorted(way, reverse=True)) for way in wanted]
    statuses = set(operation.responses)
    assert {400, 503} <= statuses
    assert is_open or 401 in statuses
    assert is_open or operation.is_for_must_change and reads or 403 in statuses
    assert reads or 413 in statuses
    assert ({415, 422} <= statuses) if operation.bodies() else True
    assert (404 in statuses) if operation.parameters_in("path") else True
    precondition = {one["name"] for one in operation.parameters_in("header")} & {"If-Match"}
    assert 412 in statuses if precondition else True


def test_requests_may_say_what_answers_do():
    """What the program tells of a domain can be sent back as it is."""
    asked, told = (contract.document()["components"]["schemas"][name] for name in ("DomainRequest", "Domain"))

    def compare(asked, told, place):
        asked, told = contract.resolve(asked), contract.resolve(told)
        told = contract.resolve(told["oneOf"][0]) if "oneOf" in told else told
        if "properties" not in told:
            assert "properties" not in asked
            return 1
        assert set(asked["properties"]) == set(told["properties"]) == set(told["required"]), place
        return sum(compare(asked["properties"][name], told["properties"][name], f"{place}/{name}")
                   for name in told["properties"])

    assert compare(asked, told, "") > 90


@pytest.mark.parametrize("row", [
    ({"origin": {"addresses": ["192.0.2.1"], "connect_timeout": "2.5s"}}, True),
    ({"origin": {"connect_timeout": 5}}, False),
    ({"origin": {"queue_s": 2.5, "queue_max": 0}}, True),
    ({"origin": {"queue_max": "5"}}, False),
    ({"request_body_max": "64kB"}, True),
    ({"request_body_max": 4096}, True),
    ({"failover": {"statuses": "400-599, !412,none"}}, True),
    ({"failover": {"statuses": [500, "502-504", "!503"]}}, True),
    ({"failover": {"statuses": "4xx"}}, False),
    ({"backup": None, "origin": None}, True),
    ({"cache": {"ttl_statuses": ["404:10s"]}}, True),
    ({"cache": {"mode": True}}, False),
    ({"debug": "on"}, False),
    ({"fallback": {}}, False),
], ids=lambda row: str(row[0]))  # fmt: skip
def test_a_request_for_a_domain(row):
    value, is_one = row
    assert contract.is_valid(value, {"$ref": "#/components/schemas/DomainRequest"}) == is_one
