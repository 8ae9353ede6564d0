"""One table of commands: help, completion, manual pages and docs/cli.md all have what it has."""
import pathlib
import re
import shutil
import subprocess
import sys

import program
import pytest
from commands import Commands

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from tables import Table  # noqa: E402

COMMANDS, FLAGS, EXITS = (Table(ROOT / f"src/cli/{name}.def").rows() for name in ("command", "flag", "exit"))
GROUPS = sorted({row["name"].split()[0] for row in COMMANDS})
OWN = ["serve", "edge", "control", "check", "purge", "explain", "version", "help"]


def flags_of(row):
    every = ["--help"] if row["name"] == "completion" else [flag["name"] for flag in FLAGS if flag["owner"] == "EVERY"]
    return every + row["flags"].split()


def test_the_overview_has_every_command():
    code, out, _ = program.run("help")
    assert code == 0
    for name in OWN:
        assert f"\n  headwater {name}" in out, name
    for row in COMMANDS:
        assert f"\n  headwater {' '.join(filter(None, [row['name'], row['arguments']]))}" in out, row["name"]


@pytest.mark.parametrize("row", COMMANDS, ids=[row["name"] for row in COMMANDS])
def test_every_command_has_its_help(make, row):
    code, out, errors = program.run(*row["name"].split(), "--help")
    assert code == 0 and errors == ""
    assert out.startswith(f"headwater {row['name']}")
    assert re.findall(r"^  (-{1,2}[a-z-]+)", out, flags=re.M) == [
        flag["name"] for flag in FLAGS if flag["name"] in flags_of(row)]  # fmt: skip
    assert re.findall(r"^  (\d+)$", out, flags=re.M) == [row["code"] for row in EXITS]
    # Whoever asks for help asks nobody else.
    done = Commands(make.inside("home"), "http://127.0.0.1:1", "t").run(*row["name"].split(), "--help", "--nonsense")
    assert done.code == 0


def test_groups_have_their_help():
    for group in GROUPS:
        code, out, _ = program.run("help", group)
        names = re.findall(rf"^headwater ({group}(?: [a-z]+)?)(?= |$)", out, flags=re.M)
        mine = [row["name"] for row in COMMANDS if row["name"].split()[0] == group]
        assert code == 0 and len(names) == len(mine), (group, out)


def test_manual_pages_are_clean_and_whole():
    pages = {path.name: path for path in (ROOT / "packaging/man").glob("*.1")}
    assert set(pages) == {"headwater.1", *(f"headwater-{group}.1" for group in GROUPS)}
    for name, path in pages.items():
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-cbou", path], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", (name, done.stderr)
        text = re.sub(r"[\s‐]+", "", done.stdout)
        for row in EXITS:
            assert re.sub(r"\s+", "", row["words"].replace("`", "")) in text, (name, row)
        for row in COMMANDS:
            if name in ("headwater.1", f"headwater-{row['name'].split()[0]}.1"):
                assert re.sub(r"\s+", "", f"headwater {row['name']} {row['arguments']}") in text, (name, row)
                assert re.sub(r"[\s‐]+", "", row["words"].replace("`", "")) in text.replace("‐", ""), (name, row)


def test_the_page_has_every_command_flag_and_code():
    page = (ROOT / "docs/cli.md").read_text()
    for row in COMMANDS:
        assert f"| `{row['name']}" in page
    for row in FLAGS:
        assert f"| `{row['name']}" in page
    for row in EXITS:
        assert f"| {row['code']} | {row['words']} |" in page


def test_the_exit_codes_of_tests_are_the_tables():
    import commands

    for row in EXITS:
        assert getattr(commands, f"EXIT_{row['id']}") == int(row["code"])


# ---- completion ----

# What was typed (the last word is being completed), and what may follow.
CASES = [
    (["do"], {"domain"}),
    (["s"], {"serve", "switch", "status", "settings"}),
    (["settings", ""], {"show", "set", "rollback"}),
    (["settings", "set", "--d"], {"--default", "--dry-run"}),
    (["domain", "s"], {"show", "set", "start", "stop"}),
    (["domain", "list", "--st"], {"--status"}),
    (["domain", "list", "--status", ""], {"online", "offline"}),
    (["user", "add", "jane", "--role", "o"], {"operator"}),
    (["domain", "set", "a.test", "origin.conn"], {"origin.connect_timeout=", "origin.connections_max="}),
    (["origin", "set", "a.test", "conn"], {"connect_timeout=", "connections_max="}),
    (["backup", "set", "a.test", "la"], {"latch=", "latch_ends="}),
    (["completion", ""], {"bash", "zsh", "--help"}),
    (["status", "--js"], {"--json"}),
    (["whoami", "--api", ""], set()),
    (["serve", ""], set()),
]
VALUES = [
    (["domain", "set", "a.test", "origin.type="], {"self", "cos", "s3"}),
    (["domain", "set", "a.test", "debug=o"], {"on", "off"}),
    (["origin", "set", "a.test", "tls.verify=of"], {"off"}),
    (["domain", "set", "a.test", "origin.host=x"], set()),
]


@pytest.fixture(scope="module")
def scripts(make_once):
    folder = make_once.inside("completion")
    for shell in ("bash", "zsh"):
        code, out, _ = program.run("completion", shell)
        assert code == 0
        (folder / shell).write_text(out)
    return folder


def bash(script, words):
    """What bash offers; it takes FIELD=VALUE for three words."""
    typed = [part for word in ["headwater", *words] for part in (re.split(r"(=)", word) if "=" in word else [word])]
    typed = [part for part in typed[:-1] if part] + [typed[-1]]
    typed = typed[:-1] if typed[-1] == "" and typed[-2:-1] == ["="] else typed
    quoted = " ".join(f"'{word}'" for word in typed)
    commands = f". {script}; COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _headwater; " + (
        'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-uc", commands], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done
    return set(done.stdout.split())


@pytest.mark.parametrize("words, offered", CASES + VALUES, ids=[" ".join(words) for words, _ in CASES + VALUES])
def test_bash_completes(scripts, words, offered):
    assert bash(scripts / "bash", words) == offered


def test_bash_completes_files(scripts):
    offered = bash(scripts / "bash", ["apply", "-f", f"{scripts}/b"])
    assert offered == {f"{scripts}/bash"}


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
@pytest.mark.parametrize("words, offered", CASES + VALUES, ids=[" ".join(words) for words, _ in CASES + VALUES])
def test_zsh_completes(scripts, words, offered):
    """With what zsh's completion calls replaced by what tells what it was given."""
    quoted = " ".join(f"'{word}'" for word in ["headwater", *words])
    commands = f"""
    compdef() {{ : }}
    compset() {{ prefix="${{typed##*=}}" }}
    compadd() {{ [[ $1 == -S ]] && shift 2; for each in ${{(P)2}}; do
        [[ $each == "$prefix"* ]] && print -r -- $each; done; return 0 }}
    . {scripts}/zsh
    run() {{ local -a words=("$@"); local CURRENT=$#words typed=${{words[-1]}} prefix; prefix=$typed; _headwater }}
    run {quoted}
    """
    done = subprocess.run(["zsh", "-f", "-c", commands], capture_output=True, text=True)
    assert done.stderr == "", done
    assert set(done.stdout.split()) == offered
