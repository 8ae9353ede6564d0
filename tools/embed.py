#!/usr/bin/python3
"""Makes a C source of a file: its bytes as a constant, and how many there are.

Usage: tools/embed.py NAME FILE TO
"""
import pathlib
import sys

name, source, target = sys.argv[1:]
content = pathlib.Path(source).read_bytes()
rows = ["\t" + " ".join(f"{byte - 256 if byte > 127 else byte}," for byte in content[at:at + 16]) for at in range(0, len(content), 16)]
pathlib.Path(target).write_text(
    "#include <stddef.h>\n\n"
    f"extern const char {name}[];\nextern const size_t {name}_bytes;\n"
    f"const char {name}[] = {{\n" + "\n".join(rows) + "\n\t0};\n"
    f"const size_t {name}_bytes = {len(content)};\n")
