"""The part of docs/openapi.yaml that the table of fields (src/model/field.def) says: what a domain looks like in
answers, and what requests may say of one. Called by tools/tables.py, which has the table.

In answers every field is there, in the form in which the program prints it (src/model/json.c). Requests may leave
every field out, or say null, which both mean its default; and some types have more than one form (src/model/read.c).
"""
import json

NAME_BYTES = 253                # LIMIT_HOST_BYTES
NAME_LETTERS = 4 * NAME_BYTES   # as libidn2 is given it (src/model/host.c)
AUTHORITY_BYTES = NAME_BYTES + len(":65535")
MASK = "********"               # MODEL_PRINT_MASK
PARAMETER_BYTES = 255           # LIMIT_QUERY_PARAMETER_BYTES
PROTOCOL_BYTES = 64             # LIMIT_PROTOCOL_BYTES
PROTOCOL = "^[-!#$%&'*+.^_`|~0-9A-Za-z]+(/[-!#$%&'*+.^_`|~0-9A-Za-z]+)?$"
STATUS = "[1-5][0-9][0-9]"
RANGE = f"{STATUS}(-{STATUS})?"
ASKED_RANGE = rf"[ \t]*(none|![ \t]*{RANGE}|{RANGE})[ \t]*"
HEADERS_BYTES = 2048            # LIMIT_HEADERS_BYTES
TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
TOLD_HEADER = f"^((set|add) {TOKEN}: [!-~]([ -~]*[!-~])?|delete {TOKEN})$"
ASKED_HEADER = f"^((set|add) +{TOKEN}: *[!-~][ -~]*|delete +{TOKEN})$"
ASKED_DURATION = r"[0-9]+(\.[0-9]{1,9})?(ms|s|m|h|d)?"


def bounds(row):
    low, _, high = row["allowed"].partition("-")
    return int(low), int(high)


def text(maximum, **more):
    return {"type": ["string", "null"], "maxLength": maximum, **more}


def told(row):
    """The schema of a field in an answer."""
    kind = row["type"]
    if kind == "NAME":
        return {"type": "string", "minLength": 1, "maxLength": NAME_BYTES}
    if kind in ("HOST", "AUTHORITY"):
        return text(AUTHORITY_BYTES, minLength=1)
    if kind in ("STRING", "PATH"):
        return text(bounds(row)[1], minLength=1)
    if kind == "SECRET":
        return {"enum": [MASK, None]}
    if kind == "ENUM":
        return {"type": "string", "enum": row["allowed"].split("|")}
    if kind == "BOOL":
        return {"type": "boolean"}
    if kind in ("INTEGER", "SECONDS"):
        low, high = bounds(row)
        return {"type": "integer" if kind == "INTEGER" else "number", "minimum": low, "maximum": high}
    if kind == "BYTES":
        return {"type": "string", "pattern": "^[0-9]+[kmg]?$"}
    if kind == "PERCENT":
        return {"type": "string", "pattern": "^[0-9]+%$"}
    if kind == "DURATION":
        return {"type": "string", "pattern": "^[0-9]+(ms|s)$"}
    if kind == "STATUSES":
        return {"type": "string", "pattern": f"^(none|{RANGE}(,{RANGE})*)$"}
    low, high = bounds(row)
    items = {
        "ADDRESSES": {"type": "string", "minLength": 1},
        "TTLS": {"type": "string", "pattern": "^[2-5][0-9][0-9]:[0-9]+(ms|s)$"},
        "PARAMETERS": {"type": "string", "minLength": 1, "maxLength": PARAMETER_BYTES},
        "PROTOCOLS": {"type": "string", "minLength": 1, "maxLength": PROTOCOL_BYTES, "pattern": PROTOCOL},
        "HEADERS": {"type": "string", "maxLength": HEADERS_BYTES, "pattern": TOLD_HEADER},
    }[kind]
    # A bucket has no addresses, although a list of them has one at least.
    return {"type": "array", "minItems": 0 if kind == "ADDRESSES" else low, "maxItems": high, "items": items}


def asked(row):
    """The schema of a field in a request."""
    kind = row["type"]
    if kind == "NAME":
        return text(NAME_LETTERS + len("*."))
    if kind in ("HOST", "AUTHORITY"):
        return text(NAME_LETTERS + len(":65535"))
    if kind in ("STRING", "PATH", "SECRET"):
        return text(bounds(row)[1])
    if kind == "ENUM":
        return {"enum": [*row["allowed"].split("|"), None]}
    if kind == "BOOL":
        return {"type": ["boolean", "null"]}
    if kind in ("INTEGER", "SECONDS"):
        low, high = bounds(row)
        return {"type": ["integer" if kind == "INTEGER" else "number", "null"], "minimum": low, "maximum": high}
    if kind == "BYTES":
        return {"type": ["string", "integer", "null"], "pattern": "^[0-9]+([kKmMgG]([iI]?[bB])?)?$", "minimum": 0}
    if kind == "PERCENT":
        return {"type": ["string", "integer", "null"], "pattern": "^[0-9]+%?$", "minimum": 0, "maximum": 100}
    if kind == "DURATION":
        return {"type": ["string", "null"], "pattern": f"^{ASKED_DURATION}$"}
    if kind == "STATUSES":
        pattern = f"^{ASKED_RANGE}(,{ASKED_RANGE})*$"
        one = {"type": ["string", "integer"], "pattern": pattern, "minimum": 100, "maximum": 599}
        return {"type": ["string", "integer", "array", "null"], "pattern": pattern, "minimum": 100, "maximum": 599,
                "items": one}
    items = {
        "ADDRESSES": {"type": "string", "minLength": 1},
        "TTLS": {"type": "string", "pattern": f"^[2-5][0-9][0-9]:{ASKED_DURATION}$"},
        "PARAMETERS": {"type": "string", "minLength": 1, "maxLength": PARAMETER_BYTES},
        "PROTOCOLS": {"type": "string", "minLength": 1, "maxLength": PROTOCOL_BYTES, "pattern": PROTOCOL},
        "HEADERS": {"type": "string", "maxLength": HEADERS_BYTES, "pattern": ASKED_HEADER},
    }[kind]
    return {"type": ["array", "null"], "maxItems": bounds(row)[1], "items": items}


def standard(row):
    """The default, as the API tells it; nothing where there is none."""
    value, kind = row["default"], row["type"]
    if value == "":
        return {}
    if kind == "BOOL":
        return {"default": value == "on"}
    if kind in ("INTEGER", "SECONDS"):
        return {"default": int(value)}
    return {"default": value}


def words(row, is_asked):
    """What the table says, and what of the range no schema can."""
    said = row["words"]
    if row["allowed"] and row["type"] in ("BYTES", "DURATION", "PERCENT"):
        said += f" ({row['allowed']})"
    elif row["allowed"] and row["type"] in ("STRING", "SECRET", "PATH"):
        said += f" ({row['allowed']} bytes of UTF-8)"
    if row["type"] == "SECRET" and is_asked:
        said += f"; `{MASK}`, the mask, keeps what is there"
    return said[0].upper() + said[1:] if not said.startswith("`") else said


class Group:
    """An object of the document: its fields and groups in the order of the table."""

    def __init__(self):
        self.members = {}

    def add(self, row, path):
        first, _, rest = path.partition(".")
        if rest:
            self.members.setdefault(first, Group()).add(row, rest)
        else:
            self.members[first] = row

    def schema(self, is_asked, extra=()):
        properties = {}
        for name, member in self.members.items():
            if isinstance(member, Group):
                properties[name] = member.schema(is_asked)
            elif isinstance(member, str):
                properties[name] = reference(member, is_asked)
            else:
                properties[name] = {"description": words(member, is_asked),
                                    **(asked(member) if is_asked else told(member)),
                                    **(standard(member) if is_asked else {})}
        properties.update(extra)
        made = {"type": ["object", "null"] if is_asked else "object", "additionalProperties": False}
        if not is_asked:
            made["required"] = list(properties)
        return {**made, "properties": properties}


def reference(name, is_asked):
    if is_asked:
        return {"$ref": f"#/components/schemas/{name}Request"}
    if name == "Backup":  # null where there is none
        return {"oneOf": [{"$ref": f"#/components/schemas/{name}"}, {"type": "null"}]}
    return {"$ref": f"#/components/schemas/{name}"}


def groups(table):
    """The three objects: a domain, an origin, a backup."""
    domain, origin, backup = Group(), Group(), Group()
    rows = table.rows()

    def take(owner, *targets):
        for row in rows:
            if row["owner"] == owner:
                for target in targets:
                    target.add(row, row["path"])

    take("DOMAIN", domain)
    domain.members["origin"], domain.members["backup"] = "Origin", "Backup"
    take("ORIGIN", origin, backup)
    take("BACKUP", backup)
    take("RULE", domain)
    take("CACHE", domain)
    return {"Domain": domain, "Origin": origin, "Backup": backup}


def lines(value, indent):
    """YAML: a line for each key; what is short, and every list, as JSON, which YAML reads alike."""
    margin = " " * indent
    for key, member in value.items():
        if isinstance(member, dict) and not ("$ref" in member or key == "items"):
            yield f"{margin}{key}:"
            yield from lines(member, indent + 2)
        else:
            yield f"{margin}{key}: {json.dumps(member, ensure_ascii=False)}"


SAYS = {
    "Domain": "A domain, whole: every field, and `backup` is null where there is none. Secrets are masked.",
    "Origin": "The master origin of a domain. Secrets are masked.",
    "Backup": "The hot backup origin of a domain. Secrets are masked.",
    "DomainRequest": "A domain as one is asked for. What is left out, or null, has its default; a domain without "
                     "`backup` has none. In a merge patch (RFC 7396) what is left out stays as it is.",
    "OriginRequest": "A master origin as one is asked for. What is left out, or null, has its default.",
    "BackupRequest": "A hot backup origin as one is asked for. What is left out, or null, has its default.",
}


def make(table):
    """The lines of `components.schemas` that are the table's."""
    schemas = {}
    for is_asked in (False, True):
        for name, group in groups(table).items():
            name += "Request" if is_asked else ""
            schemas[name] = {"description": SAYS[name], **group.schema(is_asked)}
    return "".join(line + "\n" for line in lines(schemas, 4))
