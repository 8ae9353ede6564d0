"""docs/openapi.yaml as tests use it: its operations, and whether an answer is one that it promises."""
import functools
import json
import pathlib
import re
import urllib.parse

import jsonschema
import yaml

PATH = pathlib.Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
METHODS = ("get", "put", "post", "patch", "delete")
ROLES = ("nobody", "viewer", "operator", "admin")


@functools.cache
def document():
    # The C reader, which is quicker, where there is one.
    with PATH.open() as file:
        return yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def resolve(node):
    """What a reference leads to; anything else is itself."""
    while isinstance(node, dict) and "$ref" in node:
        target = document()
        for word in node["$ref"].removeprefix("#/").split("/"):
            target = target[word.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


class Operation:
    """A method of a path. `path` has the server's prefix in front."""

    def __init__(self, path, method, item, said):
        prefix = item.get("servers", document()["servers"])[0]["url"]
        self.template = path
        self.path = prefix.rstrip("/") + path
        self.method = method.upper()
        self.said = said
        self.id = said["operationId"]
        self.role = said["x-role"]
        self.is_for_must_change = said.get("x-must-change", False)
        self.parameters = [resolve(one) for one in [*item.get("parameters", []), *said.get("parameters", [])]]
        self.responses = {int(status): resolve(one) for status, one in said["responses"].items()}

    def __repr__(self):
        return f"{self.method} {self.template}"

    def bodies(self):
        """The schemas of its request's body by media type."""
        content = self.said.get("requestBody", {}).get("content", {})
        return {kind: media["schema"] for kind, media in content.items()}

    def parameters_in(self, place):
        return [one for one in self.parameters if one["in"] == place]

    def target(self, query="", **values):
        """The request target, its path filled in."""
        path = re.sub(r"\{(\w+)\}", lambda name: urllib.parse.quote(str(values[name[1]]), safe=""), self.path)
        return path + ("?" + query if query else "")


@functools.cache
def operations():
    return [Operation(path, method, item, item[method])
            for path, item in document()["paths"].items() for method in METHODS if method in item]


def operation(name):
    return next(one for one in operations() if one.id == name)


@functools.cache
def _validator(schema):
    # References are looked up in the whole document.
    resolver = jsonschema.RefResolver("", document())
    return jsonschema.Draft202012Validator(json.loads(schema), resolver=resolver)


def validator(schema):
    return _validator(json.dumps(schema, sort_keys=True))


def is_valid(value, schema):
    return validator(schema).is_valid(value)


def complaints(value, schema):
    """What is wrong with a value, a line for each place."""
    return [f"/{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in validator(schema).iter_errors(value)]


def judge(name, status, fields, body):
    """What of an answer is not as the operation promises: a list of lines. `fields` has a method get()."""
    one = operation(name)
    said = one.responses.get(status)
    if said is None:
        return [f"{one.id} promises no {status}: {body[:300]!r}"]
    wrong = []
    for field, header in said.get("headers", {}).items():
        header = resolve(header)
        value = fields.get(field)
        if value is None and header.get("required"):
            wrong.append(f"{status} has no {field}")
        elif value is not None and not is_valid(value, header["schema"]):
            wrong.append(f"{status} has {field}: {value}")
    content = said.get("content", {})
    if not content:
        return wrong + ([f"{status} has a body: {body[:300]!r}"] if body else [])
    kind = (fields.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in content:
        return [*wrong, f"{status} has Content-Type {kind!r}"]
    if kind.endswith("json"):
        try:
            value = json.loads(body)
        except ValueError as error:
            return [*wrong, f"{status}: {error}: {body[:300]!r}"]
    else:
        value = body.decode()
    return wrong + [f"{status} {line}" for line in complaints(value, content[kind]["schema"])]
