"""Proves that each rule of tools/tidy.py bites, and that its exception is heard: a small tree for each row."""
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

COMMENT = "/* A thing of the test. */\n"
HEADER = COMMENT + "#pragma once\n"
SOUND = {
    "src/base/README.md": "# base\n",
    "src/base/thing.h": HEADER + "int thing_size(void);\n",
    "src/base/thing.c": COMMENT + '#include "base/thing.h"\n\nint thing_size(void)\n{\n\treturn 1;\n}\n',
    "tests/unit/base/test_thing.c": COMMENT,
    "src/http/README.md": "# http\n",
    "src/http/head.h": HEADER,
    "src/net/README.md": "# net\n",
    "src/net/loop.h": HEADER,
    "src/net/loop_private.h": HEADER,
    "src/edge/README.md": "# edge\n",
    "src/edge/request.h": HEADER + '#include "http/head.h"\n#include "net/loop.h"\n',
}


def function(name, lines=4, before="", inside=""):
    body = "".join(f"\tint number_{i} = {i};\n\t(void)number_{i};\n" for i in range((lines - 3) // 2))
    return f"{COMMENT}{before}\nint {name}(void)\n{{\n{inside}{body}\treturn 1;\n}}\n"


def includes(*names):
    return COMMENT + "".join(f"#include {name}\n" for name in names)


# What is changed in the sound tree, and a part of the complaint ("" for none).
ROWS = {
    "a sound tree": ({}, ""),
    "an unknown room": ({"src/misc/x.h": HEADER, "src/misc/README.md": "# misc\n"}, "src/misc:1: a room without a place"),
    "a room without README": ({"src/net/README.md": None}, "src/net/README.md:1: a room has a README"),
    "a long README": ({"src/net/README.md": "x\n" * 41}, "src/net/README.md:40: 41 lines"),
    "an upward include": ({"src/base/thing.h": HEADER + '#include "net/loop.h"\n'}, "base may not include net: it may use only itself"),
    "a peer": ({"src/http/head.h": HEADER + '#include "net/loop.h"\n'}, "http may not include net: they share a floor"),
    "the store in the edge": ({"src/store/a.h": HEADER, "src/store/README.md": "# store\n",
                               "src/edge/request.h": HEADER + '#include "store/a.h"\n'}, "edge may not include store"),
    "an excepted include": ({"src/http/head.h": HEADER + '/* tidy: include - for the test */\n#include "net/loop.h"\n'}, ""),
    "an include without room": ({"src/base/thing.h": HEADER + '#include "list.h"\n'}, 'write the room: "base/list.h"'),
    "a room that is not there": ({"src/base/thing.h": HEADER + '#include "nowhere/list.h"\n'}, "there is no room nowhere"),
    "another room's private header": ({"src/edge/request.h": HEADER + '#include "net/loop_private.h"\n'},
                                      "net/loop_private.h is private to net"),
    "its own private header": ({"src/net/loop.h": HEADER + '#include "net/loop_private.h"\n'}, ""),
    "a library that logs": ({"src/base/log.h": HEADER, "src/net/loop.h": HEADER + '#include "base/log.h"\n'}, "net is a library"),
    "an edge that logs": ({"src/base/log.h": HEADER, "src/edge/request.h": HEADER + '#include "base/log.h"\n'}, ""),
    "a pure header with sockets": ({"src/http/head.h": "/* A head. Pure. */\n#pragma once\n#include <sys/socket.h>\n"},
                                   "says Pure., yet includes sys/socket.h"),
    "a source whose header is pure": ({"src/base/thing.h": "/* A thing. Pure. */\n#pragma once\n",
                                       "src/base/thing.c": includes('"base/thing.h"', "<unistd.h>")},
                                      "src/base/thing.c:3: says Pure., yet includes unistd.h"),
    "pure code that asks for the time": ({"src/base/thing.h": "/* A thing. Pure. */\n#pragma once\n",
                                          "src/base/thing.c": function("thing_size", inside="\tclock_ms();\n")},
                                         "says Pure., yet calls clock_ms"),
    "pure code on sockets' floor": ({"src/edge/request.h": "/* Pure. */\n#pragma once\n" + '#include "net/loop.h"\n'},
                                    "says Pure., yet includes net/loop.h"),
    "no opening comment": ({"src/base/thing.h": "#pragma once\n"}, "src/base/thing.h:1: a file opens with a comment"),
    "no opening comment in a table": ({"src/base/thing.def": "ROW(A)\n"}, "src/base/thing.def:1: a file opens"),
    "no opening comment in a test": ({"tests/unit/base/test_thing.c": "int x;\n"}, "tests/unit/base/test_thing.c:1: a file opens"),
    "no guard": ({"src/base/thing.h": COMMENT}, "a header has #pragma once"),
    "a long file": ({"src/base/thing.h": HEADER + "int x;\n" * 799}, "src/base/thing.h:800: 801 lines"),
    "an excepted long file": ({"src/base/thing.h": HEADER + "/* tidy: long file - for the test */\n" + "int x;\n" * 799}, ""),
    "a long test": ({"tests/unit/base/test_thing.c": COMMENT + "int x;\n" * 800}, "tests/unit/base/test_thing.c:800: 801 lines"),
    "a function of 70 lines": ({"src/base/thing.c": function("thing_size", 70)}, ""),
    "a function of 72 lines": ({"src/base/thing.c": function("thing_size", 72)}, "thing_size has 72 lines"),
    "an excepted long function": ({"src/base/thing.c": function("thing_size", 72, "\n/* tidy: long - for the test */")}, ""),
    "a name without its file": ({"src/base/thing.c": function("size_of_thing")}, "size_of_thing does not begin with thing"),
    "a name that only begins alike": ({"src/base/thing.c": function("things_size")}, "things_size does not begin with thing"),
    "an excepted name": ({"src/base/thing.c": function("size", before="\n/* tidy: name - for the test */")}, ""),
    "a name without its room": ({"src/http/head.c": function("head_parse"), "tests/unit/http/test_head.c": COMMENT},
                                "head_parse does not begin with http_head"),
    "a name with its room": ({"src/http/head.c": function("http_head_parse"), "tests/unit/http/test_head.c": COMMENT}, ""),
    "a name of file and room at once": ({"src/edge/edge.c": function("edge_run"), "tests/unit/edge/test_edge.c": COMMENT}, ""),
    "a part of a noun": ({"src/edge/request_route.c": function("edge_request_route"),
                          "tests/unit/edge/test_request_route.c": COMMENT}, ""),
    "a part's name for its noun": ({"src/edge/request_route.c": function("edge_request_find"),
                                    "tests/unit/edge/test_request_route.c": COMMENT}, ""),
    "a part of no noun": ({"src/edge/fill_judge.c": function("edge_fill_find"),
                           "tests/unit/edge/test_fill_judge.c": COMMENT}, "edge_fill_find does not begin with edge_fill_judge"),
    "a static name": ({"src/base/thing.c": function("size").replace("int size", "static int size")}, ""),
    "a typedef of a struct": ({"src/base/thing.h": HEADER + "typedef struct thing thing_t;\n"}, "write `struct x`"),
    "a typedef of a function": ({"src/base/thing.h": HEADER + "typedef void thing_done(int x);\n"}, ""),
    "strcpy": ({"src/base/thing.c": function("thing_size", inside="\tstrcpy(a, b);\n")}, "strcpy is banned"),
    "gmtime": ({"src/base/thing.c": function("thing_size", inside="\tgmtime(t);\n")}, "gmtime is banned: use gmtime_r"),
    "gmtime_r": ({"src/base/thing.c": function("thing_size", inside="\tgmtime_r(t, u);\n")}, ""),
    "assert": ({"src/base/thing.c": function("thing_size", inside="\tassert(t);\n")}, "use CHECK"),
    "a banned word in a comment": ({"src/base/thing.c": function("thing_size", inside="\t/* strcpy() */\n")}, ""),
    "a banned word in a string": ({"src/base/thing.c": function("thing_size", inside='\tputs("strcpy()");\n')}, ""),
    "a banned name of a member": ({"src/base/thing.c": function("thing_size", inside="\tx->free(y);\n")}, ""),
    "malloc in base": ({"src/base/thing.c": function("thing_size", inside="\tmalloc(1);\n")}, ""),
    "malloc elsewhere": ({"src/net/loop.c": function("loop_new", inside="\tmalloc(1);\n"), "tests/unit/net/test_loop.c": COMMENT},
                         "malloc is for base only"),
    "an excepted call": ({"src/net/loop.c": function("loop_new", inside="\t/* tidy: call - for the test */\n\tfree(x);\n"),
                          "tests/unit/net/test_loop.c": COMMENT}, ""),
    "no unit test": ({"tests/unit/base/test_thing.c": None}, "there is no tests/unit/base/test_thing.c"),
    "an excepted file without test": ({"tests/unit/base/test_thing.c": None,
                                       "src/base/thing.c": COMMENT + "/* tidy: untested - for the test */\n"}, ""),
    "a test of nothing": ({"tests/unit/base/test_other.c": COMMENT}, "there is no src/base/other.c"),
    "a test of a header": ({"tests/unit/net/test_loop.c": COMMENT}, ""),
    "later without number": ({"src/base/thing.h": HEADER + "/* TODO: more */\n"}, "write TODO(#number"),
    "later with number": ({"src/base/thing.h": HEADER + "/* TODO(#3): more */\n"}, ""),
    "a layout of its own": ({"src/base/thing.h": HEADER + "int thing_size( void );\n"}, "clang-format would change 1 lines"),
    "a layout of its own in a test": ({"tests/unit/base/test_thing.c": COMMENT + "int  x;\n"}, "clang-format would change 1 lines"),
}


@pytest.mark.parametrize("name", ROWS)
def test_tidy_says(name, tmp_path):
    changes, expected = ROWS[name]
    for path, text in (SOUND | changes).items():
        if text is not None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    for path in (".clang-format", "src/meson.build"):
        shutil.copy(ROOT / path, tmp_path / path)
    tidy = subprocess.run([ROOT / "tools/tidy.py", tmp_path], capture_output=True, text=True)
    assert tidy.stderr == ""
    if expected:
        assert expected in tidy.stdout and tidy.stdout.count("\n") == 1
    else:
        assert tidy.stdout == ""
    assert tidy.returncode == (1 if expected else 0)


def test_tidy_says_that_a_page_is_not_what_its_table_says(tmp_path):
    for path in ("src/meson.build", ".clang-format", "tools/tables.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for path, text in SOUND.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    table = tmp_path / "src/base/limit.def"
    table.write_text('/* LIMIT(id, value, unit, words) */\nLIMIT(SIZE, 2048, "bytes", "the size, " "of a \\"thing\\"")\n')
    tidy = [ROOT / "tools/tidy.py", tmp_path]

    assert "docs/limits.md:1: not what tools/tables.py makes" in subprocess.run(tidy, capture_output=True, text=True).stdout
    subprocess.run([tmp_path / "tools/tables.py"], check=True)
    assert '| `size` | 2 KiB | the size, of a "thing" |' in (tmp_path / "docs/limits.md").read_text()
    assert subprocess.run(tidy, capture_output=True, text=True).stdout == ""
    table.write_text(table.read_text().replace("2048", "4096"))
    assert subprocess.run(tidy).returncode == 1


def test_tidy_says_that_the_contract_is_not_what_the_table_of_fields_says(tmp_path):
    for path in ("src/meson.build", "src/model/field.def", ".clang-format", "docs/openapi.yaml", "tools/tables.py", "tools/openapi.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for path, text in (SOUND | {"src/model/README.md": "# model\n"}).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    subprocess.run([tmp_path / "tools/tables.py"], check=True)
    assert (tmp_path / "docs/openapi.yaml").read_text() == (ROOT / "docs/openapi.yaml").read_text()

    table = tmp_path / "src/model/field.def"
    table.write_text(table.read_text().replace('"1-10", "3"', '"1-10", "4"'))
    tidy = subprocess.run([ROOT / "tools/tidy.py", tmp_path], capture_output=True, text=True).stdout
    assert "docs/openapi.yaml:1: not what tools/tables.py makes" in tidy
    subprocess.run([tmp_path / "tools/tables.py"], check=True)
    assert "default: 4\n" in (tmp_path / "docs/openapi.yaml").read_text()
