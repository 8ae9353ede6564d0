#!/usr/bin/python3
"""Holds the tree to its shape: who includes whom, what things are called, how long they are.

Usage: tools/tidy.py [ROOT]    prints `path:line: what is wrong`, exits 1 if it printed anything
       tools/tidy.py --fix     lets clang-format rewrite the sources first

Each rule is one function below, marked @rule. An exception is written where it happens, with its reason:
    /* tidy: long - the table is one piece */
The word behind `tidy:` is the rule's: long, name, call, include, pure, untested.
"""
import collections
import functools
import json
import pathlib
import re
import subprocess
import sys

FILE_LINES, FUNCTION_LINES, README_LINES = 800, 70, 40

BANNED = {name: "see base/str.h" for name in
          "strcpy strcat strncpy strncat strtok sprintf vsprintf gets atoi atol".split()}
BANNED |= {name: f"use {name}_r" for name in ["gmtime", "localtime"]}
BANNED["assert"] = "use CHECK of base/check.h, which stays in a release"
ALLOCATION = ("malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf "
              "aligned_alloc posix_memalign").split()

# What a file that says `Pure.` has no use for.
IMPURE_HEADERS = ("sys/socket.h sys/epoll.h sys/eventfd.h sys/inotify.h sys/mman.h sys/stat.h "
                  "netdb.h poll.h unistd.h fcntl.h dirent.h pthread.h threads.h").split()
IMPURE_CALLS = "clock_ms clock_us clock_wall_ms clock_gettime time getenv fopen random_u64".split()

# The rooms whose nouns everyone uses: there a name begins with the file alone.
FILE_ALONE = ["base", "net", "main"]

# The rooms that may log; the others report by value.
LOGGING = ["base", "edge", "control", "cli", "main"]

# A noun that is too small for a file of its own and lives with its neighbour: <room>/<file> to the noun.
NEIGHBOURS = {
    "base/str": ["text"],
    "http/write": ["http_writer"],
    "model/domain": ["model_statuses"],
    "model/problem": ["model_problems"],
    "model/read": ["model_domains"],
}

RULES = []


def rule(check):
    RULES.append(check)
    return check


class Source:
    """One C file: its text, and the text with comments and strings blanked out (positions stay)."""

    def __init__(self, tree, path):
        self.path = path.relative_to(tree.root).as_posix()
        self.room, self.stem = path.parent.name, path.stem
        self.is_header, self.is_def = path.suffix == ".h", path.suffix == ".def"
        self.text = path.read_text()
        self.lines = self.text.splitlines()
        self.code = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"',
                           lambda found: re.sub(r"[^\n]", " ", found[0]), self.text, flags=re.S)
        self.opening = self.text.split("*/")[0] if self.text.startswith("/*") else ""

    def line_of(self, position):
        return self.text.count("\n", 0, position) + 1

    def excepted(self, word, line=None):
        """Whether an exception for `word` stands in the file, or at `line` or the three above it."""
        lines = self.lines if line is None else self.lines[max(0, line - 4):line]
        return any(re.search(rf"tidy: {word} - \w", text) for text in lines)

    def includes(self):
        """(line, the text between the quotes, or None, the text between <>, or None)"""
        for number, line in enumerate(self.lines, 1):
            found = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
            if found:
                yield number, found[1], found[2]

    def calls(self):
        """(line, name) of everything that looks like a call and is no member."""
        for found in re.finditer(r"(?<![\w.>])([a-z_]\w*)\s*\(", self.code):
            yield self.line_of(found.start()), found[1]


Function = collections.namedtuple("Function", "source first last name is_static")


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.complaints = []
        self.floors = self.read_floors()
        self.sources = [Source(self, path) for path in sorted(self.root.glob("src/*/*"))
                        if path.suffix in (".c", ".h", ".def")]
        self.test_paths = sorted([*self.root.glob("tests/unit/*/*.[ch]"), *self.root.glob("tests/fuzz/*.[ch]"),
                                  *self.root.glob("bench/*.[ch]"), *self.root.glob("tools/*.[ch]")])
        self.rooms = sorted({source.room for source in self.sources})
        self.by_path = {source.path: source for source in self.sources}

    def read_floors(self):
        """What each room may use, from src/meson.build, whose lists and dictionary are Python's too."""
        text = (self.root / "src/meson.build").read_text()
        block = re.search(r"^floor_1 = .*?^floors = \{.*?^\}", text, flags=re.S | re.M)
        names = {}
        exec(block[0], names)  # our own file, and no more trusted than this one
        return names["floors"]

    def complain(self, path, line, message):
        self.complaints.append((str(path), line, message))

    @functools.cached_property
    def functions(self):
        """Every function that a .c file of src/ defines, as ctags sees it."""
        paths = [source.path for source in self.sources if source.path.endswith(".c")]
        if not paths:
            return []
        found = subprocess.run(
            ["ctags", "-L", "-", "--languages=C", "--kinds-C=f", "--fields=+nef", "--output-format=json", "-f", "-"],
            cwd=self.root, input="\n".join(paths), capture_output=True, text=True, check=True).stdout
        tags = [json.loads(line) for line in found.splitlines()]
        return [Function(self.by_path[tag["path"]], tag["line"], tag.get("end", tag["line"]), tag["name"],
                         tag.get("file", False)) for tag in tags]


@rule
def rooms_are_known(tree):
    for room in tree.rooms:
        if room not in tree.floors:
            tree.complain(f"src/{room}", 1, "a room without a place in `floors` of src/meson.build")


@rule
def rooms_have_a_readme(tree):
    for room in tree.rooms:
        path = tree.root / "src" / room / "README.md"
        name = path.relative_to(tree.root)
        if not path.exists():
            tree.complain(name, 1, "a room has a README.md: what it is for, what it never does, where to look")
        elif (lines := len(path.read_text().splitlines())) > README_LINES:
            tree.complain(name, README_LINES, f"{lines} lines, more than {README_LINES}")


@rule
def floors_hold(tree):
    for source in tree.sources:
        may = tree.floors.get(source.room, [])
        for line, quoted, _ in source.includes():
            if quoted is None or source.excepted("include", line):
                continue
            room, _, file = quoted.rpartition("/")
            if not room:
                tree.complain(source.path, line, f'write the room: "{source.room}/{file}"')
            elif room not in tree.floors:
                tree.complain(source.path, line, f"there is no room {room}")
            elif room != source.room and room not in may:
                peers = tree.floors[room] == may
                why = "they share a floor" if peers else "it may use only " + (", ".join(may) or "itself")
                tree.complain(source.path, line, f"{source.room} may not include {room}: {why}")
            elif room != source.room and file.endswith("_private.h"):
                tree.complain(source.path, line, f"{quoted} is private to {room}")


@rule
def libraries_do_not_log(tree):
    for source in tree.sources:
        for line, quoted, _ in source.includes():
            if quoted == "base/log.h" and source.room not in LOGGING and not source.excepted("include", line):
                tree.complain(source.path, line, f"{source.room} is a library: it reports, it does not log")


@rule
def pure_means_pure(tree):
    for source in tree.sources:
        header = tree.by_path.get(f"src/{source.room}/{source.stem}.h", source)
        if "Pure." not in source.opening and "Pure." not in header.opening:
            continue
        for line, quoted, system in source.includes():
            impure = system in IMPURE_HEADERS or (quoted or "").startswith("net/")
            if impure and not source.excepted("pure", line):
                tree.complain(source.path, line, f"says Pure., yet includes {quoted or system}")
        for line, name in source.calls():
            if name in IMPURE_CALLS and not source.is_header and not source.excepted("pure", line):
                tree.complain(source.path, line, f"says Pure., yet calls {name}: take it as an argument")


@rule
def files_say_what_they_are_for(tree):
    for source in tree.sources:
        if len(source.opening) < len("/* x. "):
            tree.complain(source.path, 1, "a file opens with a comment that says what it is for")
    for path in tree.test_paths:
        if not path.read_text().startswith("/*"):
            tree.complain(path.relative_to(tree.root), 1, "a file opens with a comment that says what it is for")


@rule
def headers_guard_themselves(tree):
    for source in tree.sources:
        if source.is_header and not re.search(r"^#pragma once$", source.text, flags=re.M):
            tree.complain(source.path, 1, "a header has #pragma once")


@rule
def nothing_is_long(tree):
    for source in tree.sources:
        if len(source.lines) > FILE_LINES and not source.excepted("long file"):
            tree.complain(source.path, FILE_LINES, f"{len(source.lines)} lines, more than {FILE_LINES}")
    for path in [*tree.test_paths, *tree.root.glob("t*/**/*.py")]:
        if (lines := len(path.read_text().splitlines())) > FILE_LINES:
            tree.complain(path.relative_to(tree.root), FILE_LINES, f"{lines} lines, more than {FILE_LINES}")
    for function in tree.functions:
        length = function.last - function.first + 1
        excepted = any(re.search(r"tidy: long - \w", line) for line in
                       function.source.lines[max(0, function.first - 4):function.last])
        if length > FUNCTION_LINES and not excepted:
            tree.complain(function.source.path, function.first,
                          f"{function.name} has {length} lines, more than {FUNCTION_LINES}")


def part_of(tree, room, stem):
    """The noun that a file is a part or a variant of: `fill_judge.c` implements what fill.h or fill_private.h say."""
    words = stem.split("_")
    for count in range(len(words) - 1, 0, -1):
        whole = "_".join(words[:count])
        if {f"src/{room}/{whole}.h", f"src/{room}/{whole}_private.h"} & tree.by_path.keys():
            return [whole if room in FILE_ALONE else f"{room}_{whole}"]
    return []


@rule
def names_say_where_they_live(tree):
    for function in tree.functions:
        source = function.source
        if function.is_static or function.name == "main" or source.excepted("name", function.first):
            continue
        stem = source.stem.removesuffix("_private")
        nouns = [stem] if source.room in FILE_ALONE or stem == source.room else []
        nouns += part_of(tree, source.room, stem)
        nouns += [f"{source.room}_{stem}", *NEIGHBOURS.get(f"{source.room}/{stem}", [])]
        if not any(function.name == noun or function.name.startswith(noun + "_") for noun in nouns):
            tree.complain(source.path, function.first, f"{function.name} does not begin with {' or '.join(nouns)}")


@rule
def types_are_structs(tree):
    for source in tree.sources:
        for found in re.finditer(r"\btypedef\s+(struct|union|enum)\b", source.code):
            tree.complain(source.path, source.line_of(found.start()), f"write `{found[1]} x`; no typedef")


@rule
def calls_are_safe(tree):
    for source in tree.sources:
        for line, name in source.calls():
            if source.excepted("call", line):
                continue
            if name in BANNED:
                tree.complain(source.path, line, f"{name} is banned: {BANNED[name]}")
            elif name in ALLOCATION and source.room != "base":
                tree.complain(source.path, line, f"{name} is for base only: see base/mem.h")


@rule
def unit_tests_mirror_files(tree):
    for source in tree.sources:
        test = tree.root / "tests/unit" / source.room / f"test_{source.stem}.c"
        if source.path.endswith(".c") and not test.exists() and not source.excepted("untested"):
            tree.complain(source.path, 1, f"there is no {test.relative_to(tree.root)}")
    for test in sorted(tree.root.glob("tests/unit/*/test_*.c")):
        stem = tree.root / "src" / test.parent.name / test.stem.removeprefix("test_")
        if not stem.with_suffix(".c").exists() and not stem.with_suffix(".h").exists():
            tree.complain(test.relative_to(tree.root), 1, f"there is no {stem.relative_to(tree.root)}.c")


@rule
def later_has_a_number(tree):
    paths = [path for pattern in ("src/**/*", "tests/**/*", "tools/*", "script/*", "bench/*", "meson*")
             for path in tree.root.glob(pattern)]
    for path in paths:
        inside = path.relative_to(tree.root).as_posix()
        if not path.is_file() or "/corpus/" in inside or "__pycache__" in inside or inside.endswith("tidy.py"):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
                tree.complain(inside, number, "write TODO(#number of the issue)")


@rule
def layout_is_clang_formats(tree):
    paths = [source.path for source in tree.sources if not source.is_def]
    paths += [str(path.relative_to(tree.root)) for path in tree.test_paths]
    if not paths:
        return
    found = subprocess.run(["clang-format", "--dry-run", *paths], cwd=tree.root, capture_output=True, text=True)
    first = {}
    for line in found.stderr.splitlines():
        place = re.match(r"(.+?):(\d+):\d+: (?:warning|error):", line)
        if place:
            first.setdefault(place[1], []).append(int(place[2]))
    for path, lines in first.items():
        tree.complain(path, lines[0], f"clang-format would change {len(set(lines))} lines: script/tidy --fix")


@rule
def tables_are_printed(tree):
    maker = tree.root / "tools/tables.py"
    if maker.exists():
        found = subprocess.run([sys.executable, maker, "--check", tree.root], capture_output=True, text=True)
        for line in (found.stdout + found.stderr).splitlines():
            tree.complain(line, 1, "not what tools/tables.py makes of its table now; run it")


def fix(root):
    paths = [str(path) for pattern in ("src/*/*.[ch]", "tests/unit/*/*.[ch]", "tests/fuzz/*.[ch]",
                                       "bench/*.[ch]", "tools/*.[ch]") for path in root.glob(pattern)]
    subprocess.run(["clang-format", "-i", *paths], check=True)


def main():
    here = pathlib.Path(__file__).resolve().parent.parent
    arguments = [word for word in sys.argv[1:] if word != "--fix"]
    if "--fix" in sys.argv:
        fix(here)
    tree = Tree(arguments[0] if arguments else here)
    for check in RULES:
        check(tree)
    for path, line, message in sorted(tree.complaints):
        print(f"{path}:{line}: {message}")
    return 1 if tree.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
