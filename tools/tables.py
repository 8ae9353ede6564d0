#!/usr/bin/python3
"""Makes the reference pages of docs/ from the tables (.def) that the code is made from, and a part of docs/openapi.yaml.

Usage: tools/tables.py [ROOT]            writes the pages
       tools/tables.py --check [ROOT]    prints the pages that are not what their table says, exits 1 if any
A table names the arguments of its rows in its first comment: /* LIMIT(id, value, unit, words) ... */
A later comment between the rows opens a new section of the page.
"""
import pathlib
import re
import sys

PAGES = {}
CONTRACT = "docs/openapi.yaml"


def page(table, target):
    def register(make):
        PAGES[target] = (table, make)
        return make
    return register


TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|[(),]|[^\s"(),/]+|/', re.S)


class Table:
    """The rows of a .def: `sections` is a list of (comment or "", rows); a row is a dictionary."""

    def __init__(self, path):
        text = path.read_text()
        signature = re.match(r"/\*\s*(\w+)\(([^)]*)\)", text)
        if not signature:
            sys.exit(f"{path}:1: the first comment says what a row is: /* ROW(id, words) */")
        self.macro = signature[1]
        self.names = [name.strip(" *\n") for name in signature[2].replace("\n *", " ").split(",")]
        self.sections = [("", [])]
        tokens = TOKEN.findall(text)[1:]
        position = 0
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token.startswith("/*"):
                self.sections.append((re.sub(r"\s*\n\s*\*?\s*", " ", token[2:-2]).strip(), []))
            elif token == self.macro:
                values, position = self.arguments(tokens, position + 1)
                if len(values) != len(self.names):
                    sys.exit(f"{path}: {values[0]} has {len(values)} arguments, {self.macro} has {len(self.names)}")
                self.sections[-1][1].append(dict(zip(self.names, values)))

    @staticmethod
    def arguments(tokens, position):
        """The values from behind the opening bracket to its end; neighbouring strings are one."""
        values, depth, parts = [], 1, []

        def end():
            strings = parts and all(part.startswith('"') for part in parts)
            values.append("".join(part[1:-1].replace('\\"', '"') for part in parts) if strings else " ".join(parts))
            parts.clear()

        while depth:
            token = tokens[position]
            position += 1
            depth += (token == "(") - (token == ")")
            if depth == 0 or (depth == 1 and token == ","):
                end()
            elif not token.startswith("/*"):
                parts.append(token)
        return values, position

    def rows(self):
        return [row for _, rows in self.sections for row in rows]


def grid(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def sections(table, titles, cells):
    """A grid for each section, the section's comment above it."""
    return "\n".join((f"{comment}\n\n" if comment else "") + grid(titles, map(cells, rows))
                     for comment, rows in table.sections if rows)


def amount(row):
    """1048576 bytes as 1 MiB."""
    value, unit = int(row["value"]), row["unit"]
    if unit == "bytes":
        for size, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
            if value >= size and value % size == 0:
                return f"{value // size} {name}"
    return f"{value} {unit}"


def metric_grid(prefix, table):
    suffix = {"GAUGE": "", "COUNTER": "_total"}
    return grid(["name", "type", "what"], ([code(f"{prefix}{row['name']}{suffix[row['type']]}"), row["type"].lower(), row["words"]]
                                           for row in table.rows())).rstrip("\n")


@page("src/base/limit.def", "docs/limits.md")
def limits(table):
    return """# Limits

What is fixed, whatever an operator sets. What may be changed is a [setting](settings.md) of the server, one of the
control plane [at run time](runtime-settings.md), or a field of a [domain](domains.md).

""" + grid(["name", "limit", "what"], ([f"`{row['id'].lower()}`", amount(row), row["words"]] for row in table.rows()))


@page("src/link/message.def", "docs/internals/link.md")
def messages(table):
    return """# The link

What the control plane and an edge say to each other, over a stream socket: a UNIX socket on one machine, or TCP with TLS
between machines ([a fleet](../fleet.md)), where the edge's `id` must be in its certificate. Both send messages, each a head of eight bytes and a JSON object:

| bytes | what |
| --- | --- |
| 0-3 | how many bytes the object has, the lowest byte first; at most 256 KiB |
| 4 | the kind, a number of the table below |
| 5-7 | zero |

Each side begins with HELLO. The control plane does not wait for the edge's, but says nothing to another machine before
that has said a name which is in its certificate. A store has another name after each time that a control plane has opened
its database, and `past` says which names it had and how far each went, so that an edge which was told more by a database than
by the one that was put back in its place from a copy is told from one that was not. An edge that knows a revision of the same
store, of a name and a number that the control plane knows, is told the domains that changed since, one DOMAIN or GONE each, and then COMMIT; any other one is told
BEGIN, all domains, COMMIT; but of a store that never had a change nothing is told, so that an empty database that was
begun by mistake takes no site away. From then on each change is told as it is made. A COMMIT makes live all that came since the
one before it, or nothing, and is answered by APPLIED or REFUSED. APPLIED says that every request which begins from
then on begins with that revision, on whatever worker. After REFUSED the edge ends the connection, and begins anew with
what is live. An edge greets when all that it knows is live.

Purges have numbers, one more each, and are done in that order. The edge says in HELLO up to which one all are durable in
its cache, and the control plane which is its last one and which the oldest that it still has. Both come to the same next
one: where the edge was of another store, or knows a revision or a purge that was never made, that is the oldest. An edge that has
missed purges which are not kept any more (its number + 1 is below the oldest) treats all that it has as stale, as by a soft
purge of everything, and goes on with the oldest. A purge is told once the revision that it was made at is live in the edge,
so that nothing of an old origin is stored again behind it; it is in effect when it was heard, and answered by PURGED when
the disks have it, too. One that they do not take within ten seconds is answered with an error, and `purged` stays; when
they have it at last, that is said as well. One that never can be done is answered with an error, and `purged` goes on.
At most 4096 are told that `purged` is not behind. What ends with the connection is told again; to do a purge twice does
no harm.

The edge keeps its number in its ledger, after the purge is durable, so that the one it finds at a start may be too low, and
never too high. Two edges that share one cache, as during an upgrade, each do all purges, and whichever number is kept holds
for both. An edge that could not attach to the cache that outlives it, or has none, keeps no number. Where the edge after it
gets another memory, it does each purge in its own and answers it with an error: that edge is told it again.

Nor does an edge that was sent home begin its ledger anew: it adds to it while nobody else has written there, and then its
successor keeps all, who heard it as well.

Reports come only while SUBSCRIBE says that they are wanted: the first one at once, then every so many milliseconds (100 at
the least), but none while more than 1 MiB waits to be read. HEALTH comes at once when the state of an address has
changed, unless it takes several messages. One report is several messages where it is long, and at most
8 MiB; what is left out is counted by `dropped`. `items` of HEALTH have `domain`, `address`, `protocol`, `server_name` where
there is one, `state`, and where that is not `usable`, `of` (`host`: for all domains; `server`: for this one), `reason`,
`blocked_since_ms` (since 1970-01-01 UTC) and `left_ms`; then `successes` (an estimate), `failures`, `connection_failures` (of the
host) and `latency_us`. Those of COUNTERS have `domain` (empty: requests to no domain of ours; `*`: all domains beyond the
50,000 that are counted each by itself) and the counters of [the table](../counters.md) that are not 0, with `origin` and
`backup` for what was pulled from these, and `faults`: failures by their reason. Those of LOG are lines of the
[access log](../access-log.md), of all requests whatever its sample.

Counters begin anew with another `run` of HELLO.

A question (ASK) is answered once (ANSWER), soon, and in no special order; at most 16 wait at one edge, and none is asked
again when the connection has ended. An edge that does not know answers with an error. What there is to ask: `explain`,
whose question has `url`, `method` and `fail`, as the API has them, and whose answer is that of the API.

An object has the keys that are said here and no others, so that what a later version adds is never left out in
silence; `v` of HELLO is raised by every such change. What is no message ends the connection. So does silence: who has
said nothing for three seconds says PING, and who has heard nothing for ten has nobody to talk to. An edge that was
ended connects again; meanwhile it serves what it knows.

""" + grid(["number", "kind", "what"], ([row["number"], row["id"], row["words"]] for row in table.rows()))


@page("src/control/route.def", "docs/api.md")
def operations(table):
    roles = {"NOBODY": "whoever asks", "CHANGING": "whoever is signed in", "VIEWER": "viewer",
             "OPERATOR": "operator", "ADMIN": "admin"}

    def cells(row):
        queries = ", ".join(map(code, row["queries"].replace("?", "").split()))
        return [row["method"], code(row["path"].replace("{}", "{name}")), row["words"], roles[row["role"]], queries]

    return """# The API

JSON over HTTP, at the addresses of the setting `api`. What every operation takes and answers is in
[openapi.yaml](openapi.yaml), which the API serves, too; what it refuses with is one of the [problems](problems.md).

**Who asks.** At its first start the control plane makes the account `admin` and tells its password in its log, once;
it must be changed before anything else. A program has a token (`POST /api/v1/tokens`) and sends it as
`Authorization: Bearer TOKEN`; a token may what its role allows and never more than its account, and makes none that
lasts longer than itself. A page has a session:
`POST /api/v1/login` sets a cookie that scripts cannot read, and each change must have `X-CSRF-Token` with the `csrf`
of the login's answer. A role may all that those before it may: *viewer* looks, *operator* switches and drains,
*admin* changes everything else. Where nobody knows a password any more: an empty file `reset-admin` in `state_dir`, and
SIGHUP to `headwater serve` (or a new start); the log then has a new password of `admin`, and the file is gone.

**No edit is lost.** A domain and its parts have an ETag with the domain's revision. A change with `If-Match` is made
to that version or not at all; what replaces a domain or an origin, or deletes a domain, must have it (`*` means any). Who comes too late is answered
412 with what changed in between. `revision` in a body says the same as If-Match. With `Idempotency-Key`, a domain is
made once however often the request is sent, within a day; so is a change of settings.

**Before it counts.** With `?dry_run=1` a change is checked by all rules and answered with what would change.

**When it counts.** The answer to a change comes when the store has it on its disk; `Headwater-Revision` is the
revision that it made. `GET /api/v1/edges` tells which revision is live on each edge, which is a matter of
milliseconds.

**Copies.** What the control plane has is `headwater.db` in `state_dir` and, for the secrets in it, `headwater.key`. Both are copied
while the control process is stopped, since nobody else may open the database. To put a copy back: stop it, remove
`headwater.db` and the files that begin so, put the copy in their place, start it. Edges that were told more than the copy
has notice that, and are told all anew; what was purged since the copy was made is to be purged again.

Domains that a file manages (the setting `domains`) can be read here, and changed in the file alone; all else is as ever:
purges, health, what was counted, what an edge would do. A purge does not wait for an edge to have seen a change of the file.

**Settings** that are changed at run time are a list, each with its value, its default, and where the value comes from; a
change is a merge patch of names and values (`{"stats_days": 90}`), and null puts a default back. They have an ETag of
their own, are in the history as domains are, and nothing of them goes to the edges. [What there is](runtime-settings.md).

```
$ curl -H "Authorization: Bearer $TOKEN" -X POST http://127.0.0.1:8081/api/v1/domains/www.example.com/switch
```

""" + sections(table, ["method", "path", "what it does", "who may", "query"], cells)


@page("src/control/problem.def", "docs/problems.md")
def problems(table):
    return """# Problems

What the [API](api.md) answers when it does not do what it was asked: a JSON object of RFC 9457, with the type
`/problems/` and the name, and the status. `detail` tells more; `errors`, where it is there, has each place that is
at fault: `pointer` is a JSON Pointer into the body of the request, `rule` a short name, `detail` the words.

""" + grid(["name", "status", "what"], ([code(row["name"]), row["status"], row["title"]] for row in table.rows()))


@page("src/base/counter.def", "docs/counters.md")
def counters(table):
    def rows(side):
        return ([f"`{row['name']}`", row["unit"], row["words"]] for row in table.rows() if row["side"] == side)

    return """# Counters

What an edge counts of each domain since it began. Beside these it counts failures by their reason, which are named as in
[faults](faults.md): those of requests, and those of attempts at the origin and the backup.

## Requests

""" + grid(["name", "unit", "what"], rows("CLIENT")) + """
Besides, how long they took is counted in buckets (from the end of a request's head to the head of the response, and to its
end), of which the API tells percentiles: `first_byte_us` and `whole_us` of `GET /api/v1/stats`. A tunnel has no end there,
nor has what was broken off.

## Origin-pulls, of the origin and the backup each

""" + grid(["name", "unit", "what"], rows("ORIGIN"))


@page("src/control/metric.def", "docs/metrics.md")
def control_metrics(table):
    return """# Metrics of the control plane

`GET /metrics` of the API takes a token of any role (`headwater token create`), and answers in the text format of Prometheus,
or in OpenMetrics 1.0 where `Accept` has that.

## The control plane itself

""" + metric_grid("headwater_control_", table) + """
| `headwater_control_answers_total` | counter | answers to requests of the API, by their `status` |

## What edges have counted

Added up over all edges since the control plane began, by `domain`; it is some ten seconds late. Of 1000 domains it is told
each by itself, and of the others together as `*`; what was asked of no domain has an empty name. Each row of
[counters](counters.md) is a counter: `headwater_fleet_NAME_total` for those of requests, and
`headwater_fleet_origin_NAME_total` for those of origin-pulls, by `role` (`origin`, `backup`). Failures are
`headwater_fleet_failures_total` and `headwater_fleet_origin_failures_total`, by their `reason` ([faults](faults.md)).
"""


@page("src/edge/metric.def", "docs/edge-metrics.md")
def edge_metrics(table):
    return """# Metrics of an edge

With `metrics` (off by default, [settings](settings.md)) an edge answers `GET /metrics` at addresses of its own, in the text
format of Prometheus, or in OpenMetrics 1.0 where `Accept` has that; and `GET /healthz` with 200 while it serves and 503 while
it knows no domains yet. It asks nobody who they are, so the addresses should be such that only those can connect who may
know. While an edge is replaced, both of them answer there.

## The edge itself

""" + metric_grid("headwater_edge_", table) + """

## What it has counted

Since it began, by `domain`, each of 1000 by itself and the others together as `*`; requests to no domain have an empty name.
Each row of [counters](counters.md) is a counter: `headwater_NAME_total` for those of requests, and
`headwater_origin_NAME_total` for those of origin-pulls, by `role` (`origin`, `backup`). Failures are
`headwater_failures_total` and `headwater_origin_failures_total`, by their `reason` ([faults](faults.md)).
"""


@page("src/base/fault.def", "docs/faults.md")
def faults(table):
    retry = {
        "FINAL": "no",
        "CONNECTION": "yes; counts against ip:port",
        "RESPONSE": "yes; counts against the server behind the address",
        "LOCAL": "yes; counts against nobody",
    }

    def cells(row):
        status = row["status"] if row["status"] != "0" else "connection closed"
        return [f"`{row['name']}`", row["words"], status, retry[row["retry"]]]

    rows = [(comment, [row for row in rows if row["id"] != "NONE"]) for comment, rows in table.sections]
    table.sections = rows
    return """# Faults

Everything that can go wrong has one name, and the access log, `X-Headwater-Error` and whatever else speaks of
it use that name. *Status* is what a client gets where the fault is the outcome: when nothing that was tried
instead went well. *Tried elsewhere* says whether another address or the hot backup may help, and what the
failure counts against when addresses are judged.

""" + sections(table, ["fault", "what happened", "status", "tried elsewhere"], cells)


def code(text):
    return f"`{text}`" if text else ""


def allowed(row):
    """`a` or `b`, or a range."""
    if "|" in row["allowed"]:
        return ", ".join(map(code, row["allowed"].split("|")))
    unit = {"STRING": " bytes", "SECRET": " bytes", "PATH": " bytes", "SECONDS": " seconds",
            "ADDRESSES": " of them", "TTLS": " of them", "PARAMETERS": " of them", "PROTOCOLS": " of them",
            "HEADERS": " of them"}.get(row["type"], "")
    return row["allowed"] + unit if row["allowed"] else ""


@page("src/model/field.def", "docs/domains.md")
def domains(table):
    return """# Domains

The fields of a domain, as in the list `domains:` of a domains file. A dot goes one level down: `tls.verify` is
`tls: {verify: on}`. Durations have a unit (`500ms`, `5s`, `2m`, `1h`), as have sizes (`64k`, `32m`, `1g`); bare
numbers are seconds and bytes. Nothing in the last column means that the field is absent unless it is given. How to put a
bucket behind a domain is in [buckets.md](buckets.md).

```yaml
domains:
- name: www.example.com
  origin: {type: self, addresses: [203.0.113.10, "203.0.113.11:8080:2"], connect_timeout: 2s}
  backup: {type: self, addresses: ["backup.example.net:8080"]}
```

""" + sections(table, ["field", "what it is", "allowed", "default"],
               lambda row: [code(row["path"]), row["words"], allowed(row), code(row["default"])])


@page("src/main/settings.def", "docs/settings.md")
def settings(table):
    return """# Settings

The settings of the server: in the YAML file that `--config` names, or as flags. `head_timeout` is `--head-timeout`;
a flag wins over the file. Durations have a unit (`500ms`, `5s`, `2m`, `1h`), as have sizes (`64k`, `32m`, `1g`); bare numbers
are seconds and bytes.

```yaml
listen: ["0.0.0.0:80", "[::]:80"]
domains: /etc/headwater/domains.yaml
state_dir: /var/lib/headwater
access_log: /var/log/headwater/access.log
```

""" + sections(table, ["setting", "what it is", "allowed", "default"],
               lambda row: [code(row["name"]), row["words"], allowed(row), code(row["default"])])


@page("src/control/setting.def", "docs/runtime-settings.md")
def runtime_settings(table):
    return """# Settings at run time

What the control plane keeps in its store, and lets an admin change while it runs: by `headwater settings set`
([command line](cli.md)) or `PATCH /api/v1/settings` ([API](api.md)). A change counts when it is answered. What a process is
given when it starts are other [settings](settings.md), and what nobody changes are [limits](limits.md).

```
$ headwater settings set stats_days=90 session_minutes=60
the settings are at revision 7
$ headwater settings set origin_rules= --dry-run
~ settings changed
    origin_rules: extended -> default
```

**Defaults.** Where nothing is set, the default holds, and `from` says so: `default` is that of the table, and `process` what
the process was given (`origin_rules`, a setting of the server as well). What is set in the store wins (`store`). `NAME=`
puts a default back.

**Rules.** `origin_rules` is what every change of a domain is held against from then on. It is changed between two changes of
domains, never during one. It cannot become `classic` while there are domains that break these rules: the answer
(`rules-broken`) has their names, 20 at most, and the rules. Domains that a [file](domains.md) manages are read by each edge
as well, so there `origin_rules` of the processes holds, and a change of it here is refused (`managed-by-file`); the other
settings are changed as ever.

**History.** A change has a revision and stands in the history, as changes of domains do; there it is `of` the `settings`.
`headwater settings rollback REVISION` sets what was set then. Edges know nothing of it: the revision that they have live is
that of the last change of a domain.

**Keeping.** What is to be kept for less than before goes within minutes; counted minutes go a day of them each minute, while
edges report. What is to be kept for longer does not come back. Whatever is set, there are limits besides: 1000 versions of
each domain and of the settings, 100,000 purges, 5,000,000 rows of counted minutes.

""" + sections(table, ["setting", "what it is", "allowed", "default"],
               lambda row: [code(row["name"]), row["words"], allowed(row), code(row["default"])])


def contract(path, table):
    """docs/openapi.yaml with that part of its schemas anew that the table of fields says."""
    import openapi

    begin, end = "    # Made by tools/tables.py from src/model/field.def:\n", "    # End of what tools/tables.py made.\n"
    before, _, rest = path.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{path}: has no place for what is made of the table")
    return before + begin + openapi.make(table) + end + after


def cli(root):
    """docs/cli.md and the manual pages."""
    import cli_pages

    tables = [Table(root / f"src/cli/{name}.def").rows() for name in ("command", "flag", "exit")]
    version = re.search(r"version: '([^']+)'", (root / "meson.build").read_text())[1]
    for target, text in cli_pages.pages(*tables, version, grid):
        mark = '.\\" {}\n' if target.endswith(".1") else "\n<!-- {} -->\n"
        yield target, text + mark.format("Made by tools/tables.py from src/cli/*.def.")


def texts(root):
    """Each file that is made, with what it should be."""
    for target, (source, make) in PAGES.items():
        if (root / source).exists():
            yield target, make(Table(root / source)) + f"\n<!-- Made by tools/tables.py from {source}. -->\n"
    if (root / CONTRACT).exists():
        yield CONTRACT, contract(root / CONTRACT, Table(root / "src/model/field.def"))
    if (root / "src/cli/command.def").exists():
        yield from cli(root)


def main(words):
    check = "--check" in words
    words = [word for word in words if word != "--check"]
    root = pathlib.Path(words[0] if words else pathlib.Path(__file__).parent.parent)
    stale = False
    for target, text in texts(root):
        path = root / target
        if path.exists() and path.read_text() == text:
            continue
        if check:
            stale = True
            print(target)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
