"""Random values from the schemas of the contract, right ones and wrong ones, by a random.Random that is given."""
import copy
import json
import re._constants as regex
import re._parser as parser

import contract

REPEATS = 6  # at most, where a pattern has no end
LETTERS = "abzAZ09-_.:/ ~\"\\'{}[]<>%#?&=+*éß漢\u202e\u0001\u007f\ud7ff\U0001f600"


def matching(pattern, rng):
    """A text that a pattern matches."""

    def of(tree):
        return "".join(one(*node) for node in tree)

    def one(kind, value):
        if kind is regex.LITERAL:
            return chr(value)
        if kind is regex.NOT_LITERAL:
            return rng.choice([c for c in LETTERS if ord(c) != value])
        if kind is regex.ANY:
            return rng.choice([c for c in LETTERS if c != "\n"])
        if kind is regex.IN:
            return chosen(value)
        if kind is regex.BRANCH:
            return of(rng.choice(value[1]))
        if kind is regex.SUBPATTERN:
            return of(value[3])
        if kind in (regex.MAX_REPEAT, regex.MIN_REPEAT):
            low, high, tree = value
            return "".join(of(tree) for _ in range(rng.randint(low, min(int(high), low + REPEATS))))
        assert kind is regex.AT, kind
        return ""

    def chosen(members):
        if members[0][0] is regex.NEGATE:
            banned = {chr(value) for kind, value in members[1:] if kind is regex.LITERAL}
            return rng.choice([c for c in LETTERS if c not in banned])
        kind, value = rng.choice(members)
        if kind is regex.LITERAL:
            return chr(value)
        assert kind is regex.RANGE, kind
        return chr(rng.randint(*value))

    return of(parser.parse(pattern))


def some_text(rng, low=0, high=20):
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(low, high)))


def number(schema, rng, is_whole):
    low, high = schema.get("minimum", -(10**6)), schema.get("maximum", 10**6)
    value = rng.choice([low, high, rng.randint(low, high), rng.randint(low, min(high, low + 10))])
    if not is_whole and low < value < high and rng.random() < 0.5:
        value = round(value + rng.choice([-0.5, 0.25, 0.125]), 3)
    return value


def right(schema, rng, hints=(), key=""):
    """A value that a schema allows. `hints` has makers of good values for some keys of objects."""
    schema = contract.resolve(schema)
    if key in hints and rng.random() < 0.95:
        value = hints[key](rng)
        if contract.is_valid(value, schema):
            return value
    if "oneOf" in schema:
        return right(rng.choice(schema["oneOf"]), rng, hints, key)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = rng.choice([one for one in kinds if one != "null"])
    if "null" in kinds and rng.random() < 0.1:
        return None
    return MAKERS[kind](schema, rng, hints, key)


def right_text(schema, rng, hints, key):
    low, high = schema.get("minLength", 0), schema.get("maxLength", 40)
    text = matching(schema["pattern"], rng) if "pattern" in schema else some_text(rng, low, min(high, low + 20))
    return text[: schema.get("maxLength", len(text))]


def right_list(schema, rng, hints, key):
    count = rng.randint(schema.get("minItems", 0), min(schema.get("maxItems", 4), 4))
    return [right(schema["items"], rng, hints, key + "[]") for _ in range(count)]


def right_object(schema, rng, hints, key):
    share = rng.choice([0.1, 0.3, 0.6])
    made = {}
    for name, member in schema["properties"].items():
        if name in schema.get("required", ()) or rng.random() < share:
            made[name] = right(member, rng, hints, name)
    if len(made) < schema.get("minProperties", 0):
        name = rng.choice(list(schema["properties"]))
        made[name] = right(schema["properties"][name], rng, hints, name)
    return made


MAKERS = {
    "string": right_text, "array": right_list, "object": right_object,
    "integer": lambda schema, rng, hints, key: number(schema, rng, True),
    "number": lambda schema, rng, hints, key: number(schema, rng, False),
    "boolean": lambda schema, rng, hints, key: rng.random() < 0.5,
}  # fmt: skip


# ---- wrong ones ----


def places(value, path=()):
    """The paths of all values in a value."""
    yield path
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from places(member, (*path, index))


def put(value, path, new):
    if not path:
        return new
    made = copy.deepcopy(value)
    target = made
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = new
    return made


def get(value, path):
    for step in path:
        value = value[step]
    return value


def nested(depth, rng):
    value = 1
    for _ in range(depth):
        value = {"a": value} if rng.random() < 0.5 else [value]
    return value


def strange(old, rng):
    """Something in the place of a value."""
    return rng.choice([
        lambda: None, lambda: True, lambda: False, lambda: 0, lambda: -1, lambda: 1.5, lambda: 2**53, lambda: 2**63 - 1, lambda: -(2**63),
        lambda: 1e300, lambda: -0.0, lambda: "", lambda: "x", lambda: some_text(rng, 0, 40), lambda: "a" * rng.choice([64, 65, 254, 1025, 9000]),
        lambda: [], lambda: {}, lambda: [old], lambda: {"a": old}, lambda: [[]], lambda: [None], lambda: str(old),
        lambda: nested(rng.randint(1, 40), rng), lambda: {some_text(rng): 1}, lambda: {"": None}, lambda: [old] * rng.randint(2, 70),
    ])()  # fmt: skip


def wrong(value, schema, rng):
    """A value near this one that the schema does not allow; None when none was found."""
    for _ in range(40):
        path = rng.choice(list(places(value)))
        old = get(value, path)
        made = put(value, path, strange(old, rng))
        if isinstance(old, dict) and rng.random() < 0.5:
            name = rng.choice(["nothing", "", "a/b", "~", "__proto__", "revision", "Name", some_text(rng)])
            made = put(value, (*path, name), strange(1, rng))
        if not contract.is_valid(made, schema):
            return made
    return None


def broken(text, rng):
    """Bytes near a JSON text; they may be JSON all the same."""
    data = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, max(0, len(data) - 1))
        rng.choice([
            lambda: data.__delitem__(slice(at, at + rng.randint(1, 20))),
            lambda: data.__setitem__(slice(at, at + 1), bytes([rng.randint(0, 255)])),
            lambda: data.__setitem__(slice(at, at), rng.choice([b"{", b"}", b"[", b"]", b",", b'"', b"\\u0000", b"\\ud800", b"\0", b"\xff", b"//", b"1e999"])),
            lambda: data.__delitem__(slice(at, None)),
        ])()  # fmt: skip
    return bytes(data)


def is_json(data):
    try:
        json.loads(data)
        return True
    except (ValueError, RecursionError):
        return False
