"""The pages about the commands that ask the control plane: docs/cli.md, and the manual pages in packaging/man.

tools/tables.py calls it with the tables of src/cli: command.def, flag.def, exit.def.
"""
import re

ENVIRONMENT = {
    "HEADWATER_API": "where the control plane is, where `--api` does not say it",
    "HEADWATER_TOKEN": "the token, where `--token-file` does not name a file",
    "XDG_CONFIG_HOME": "the token of `headwater login` is kept in `headwater/token` below it, or below `~/.config`; mode 0600",
    "NO_COLOR": "where it is not empty, nothing is coloured",
}

INTRODUCTION = """# The command line

The commands that ask the [control plane](api.md). They work on any machine that reaches its API, and need libcurl there
(Debian: `libcurl4`), which is loaded by them alone.

```
$ headwater login
account: admin
password:
headwater login: signed in at http://127.0.0.1:8081 as admin (admin); the token is in /home/jane/.config/headwater/token
$ headwater domain create www.example.com --origin 203.0.113.10 --origin 203.0.113.11:8080:2
www.example.com is at revision 1
$ headwater backup set www.example.com backup.example.net:8080 connect_timeout=2s
www.example.com is at revision 2
$ headwater domain set www.example.com origin.host=origin.example.com cache.ttl_default=60s --dry-run
~ www.example.com changed
    origin.host: none -> origin.example.com
    cache.ttl_default: 0s -> 60s
$ headwater switch www.example.com
www.example.com is at revision 3
```

**Signing in.** `login` asks for account and password and makes a token, which is kept for the commands that follow, with
the URL that it is for: it is sent nowhere else, redirects are not followed, and no proxy is used. Where
standard input is no terminal, its lines are the account, the password, and a new password where that must be changed. A
script uses a token of its own (`headwater token add NAME --role operator`) in a file or in `HEADWATER_TOKEN`. No password
and no token is ever an argument, as those are seen by everybody on the machine; a bucket's secret is written as
`origin.bucket.secret=@FILE`.

**Fields** are those of [domains](domains.md), with full stops between groups. `FIELD=` takes a field away, so that its
default holds again, or a whole group (`origin.probe=`). Lists have commas. `origin set` and `backup set` know the fields
of an origin without its name in front.

**No edit is lost.** `set`, `delete` and `remove` read what is there first and change just that; what somebody else
changed meanwhile ends the command with 5 and is shown. `--revision N` says which revision was meant instead. `--dry-run`
shows what would change and changes nothing.

**Why?** `explain URL` asks an edge what it would do with a request (one without fields beyond Host): the domain, what the
cache has, how the addresses stand, which of them it would ask, and what the client gets; nothing is pulled.
`--fail master=503` (or `refused`, `timeout`, a reason of the [access log](access-log.md)) tells what follows from that.

```
$ headwater explain http://www.example.com/ --fail master=refused
1. The domain www.example.com serves www.example.com.
2. The cache does not have it.
3. The master is asked at 203.0.113.10:80, or at another one of 2; suppose that the origin refused the connection: the hot backup origin is asked.
4. The hot backup is asked at 198.51.100.7:8080; if it answers 200: its answer is the one.
5. The client gets 200, X-Cache: MISS, from the hot backup origin: it is pulled from the origin.
```

**A whole file.** `apply -f domains.yaml` shows what differs between the file and the control plane, asks, makes all of it or
nothing, and waits until every edge has it. With `--prune`, domains that are not in the file are deleted. What is
refused is told with its line in the file, as `headwater check` tells it. `export` prints such a file.

**For scripts.** `--json` prints the API's answer as it is; a list of several pages is one object for each. Answers are
on standard output, everything else on standard error. What a command printed for people may change with any version.

"""


def flag_names(row):
    return row["flags"].split()


def usage(command, flags, is_short=False):
    parts = ["headwater", command["name"], *([command["arguments"]] if command["arguments"] else [])]
    own = [flag for flag in flags if flag["name"] in flag_names(command)]
    own.sort(key=lambda flag: flag["owner"] != "NEEDED")
    for flag in own:
        text = " ".join(filter(None, [flag["name"], flag["value"]]))
        if flag["owner"] == "NEEDED":
            parts.append(text)
        elif not is_short:
            parts.append(f"[{text}]")
    return " ".join(parts)


def groups(commands):
    """First word -> its commands, in the order of the table."""
    found = {}
    for command in commands:
        found.setdefault(command["name"].split()[0], []).append(command)
    return found


def cli_page(commands, flags, exits, grid):
    every = [flag for flag in flags if flag["owner"] == "EVERY"]
    some = [flag for flag in flags if flag["owner"] != "EVERY"]

    def flag_cells(flag):
        return [f"`{' '.join(filter(None, [flag['name'], flag['value']]))}`", flag["words"]]

    return INTRODUCTION + "## Commands\n\n" + grid(
        ["command", "what it does", "who may"],
        ([f"`{usage(command, flags).removeprefix('headwater ')}`", command["words"], command["role"] or "whoever asks"]
         for command in commands)) + "\n## Flags\n\nOf every command:\n\n" + grid(
        ["flag", "what"], map(flag_cells, every)) + "\nOf those that say so:\n\n" + grid(
        ["flag", "what"], map(flag_cells, some)) + "\n## Environment\n\n" + grid(
        ["variable", "what"], ([f"`{name}`", words] for name, words in ENVIRONMENT.items())) + (
        "\n## Exit codes\n\n") + grid(
        ["code", "what"], ([row["code"], row["words"]] for row in exits)) + """
## Completion

    headwater completion bash >/usr/share/bash-completion/completions/headwater
    headwater completion zsh >/usr/share/zsh/vendor-completions/_headwater

The manual pages in `packaging/man` say the same as this page, a page for each first word.
"""


# ---- manual pages ----


def roff(text):
    """Words in roff: backslashes, hyphens and leading dots stand for themselves, backquoted words are bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return re.sub(r"^([.'])", r"\\&\1", text)


def manual_flags(flags):
    for flag in flags:
        yield ".TP"
        value = f" \\fI{roff(flag['value'])}\\fR" if flag["value"] else ""
        yield f"\\fB{roff(flag['name'])}\\fR{value}"
        yield roff(flag["words"])


def manual_end(exits, others):
    yield ".SH ENVIRONMENT"
    for name, words in ENVIRONMENT.items():
        yield from (".TP", f".B {name}", roff(words))
    yield ".SH EXIT STATUS"
    for row in exits:
        yield from (".TP", f".B {row['code']}", roff(row["words"]))
    yield ".SH SEE ALSO"
    yield ",\n".join(f".BR {roff(name)} (1)" for name in others).replace(",\n", " ,\n")


def title(name, version):
    return f'.TH {name.upper()} 1 "" "Headwater {version}" "Headwater"'


def manual_page(group, commands, flags, exits, version):
    """headwater-GROUP.1"""
    own = {name for command in commands for name in flag_names(command)}
    lines = [title(f"headwater-{group}", version), ".SH NAME"]
    short = commands[0]["words"].split(". ")[0].split(":")[0].rstrip(".") if len(commands) == 1 else (
        ", ".join(command["name"].split()[1] for command in commands) + f" ({group})")
    lines += [f"headwater\\-{group} \\- {roff(short[0].lower() + short[1:])}", ".SH SYNOPSIS", ".nf"]
    lines += [roff(usage(command, flags)) for command in commands]
    lines += [".fi", ".SH DESCRIPTION"]
    for command in commands:
        lines += [".TP", f".B headwater {roff(command['name'])}", roff(command["words"])]
        if command["role"]:
            lines += [f"Who may: {command['role']}."]
    lines += [".SH OPTIONS"]
    lines += manual_flags(flag for flag in flags if flag["name"] in own or flag["owner"] == "EVERY"
                          and (group != "completion" or flag["name"] == "--help"))
    lines += manual_end(exits, ["headwater"])
    return "\n".join(lines) + "\n"


def overview_page(commands, flags, exits, version):
    """headwater.1"""
    lines = [title("headwater", version), ".SH NAME", "headwater \\- a CDN edge", ".SH SYNOPSIS",
             ".B headwater", ".I command", "[\\fIflag\\fR...]", ".SH DESCRIPTION",
             "Headwater stands in front of origin servers: it caches, and takes a hot backup origin where the master fails.",
             ".B headwater serve", "runs it;", ".B headwater help",
             "tells of that and of all other commands. Those below ask the control plane.", ".SH COMMANDS"]
    for command in commands:
        lines += [".TP", f".B {roff(usage(command, flags, is_short=True))}", roff(command["words"])]
    lines += [".SH OPTIONS", *manual_flags(flag for flag in flags if flag["owner"] == "EVERY")]
    lines += manual_end(exits, [f"headwater-{group}" for group in groups(commands)])
    return "\n".join(lines) + "\n"


def pages(commands, flags, exits, version, grid):
    """(target, text) of each page, without the line that says what it was made from."""
    yield "docs/cli.md", cli_page(commands, flags, exits, grid)
    yield "packaging/man/headwater.1", overview_page(commands, flags, exits, version)
    for group, own in groups(commands).items():
        yield f"packaging/man/headwater-{group}.1", manual_page(group, own, flags, exits, version)
