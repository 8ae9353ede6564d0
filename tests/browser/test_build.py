"""What is built: small enough at the first load, nothing of others, nothing that the policy forbids."""
import gzip
import json
import re

import pytest
from conftest import BUILT

FIRST_LOAD = 300 * 1024
STYLES = 60 * 1024


def packed(path):
    return len(gzip.compress(path.read_bytes(), 9))


@pytest.fixture(scope="module")
def chunks():
    """The chunks of the build, by what they are made of."""
    return json.loads((BUILT / ".vite" / "manifest.json").read_text())


def needed(chunks, *names):
    """All files that a page needs at once: what is loaded later is not among them."""
    files, left = set(), list(names)
    seen = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        files |= {chunks[name]["file"], *chunks[name].get("css", [])}
        left += chunks[name].get("imports", [])
    return files


PAGES = ["src/pages/domains/DomainsPage.tsx", "src/pages/origin/BasicPage.tsx", "src/session/SignIn.tsx"]


@pytest.mark.parametrize("page", PAGES)
def test_the_first_load_is_small(chunks, page):
    files = needed(chunks, "index.html", "src/pages/domains/ManagePage.tsx", page)
    scripts = sum(packed(BUILT / file) for file in files if file.endswith(".js"))
    styles = sum(packed(BUILT / file) for file in files if file.endswith(".css"))
    assert scripts < FIRST_LOAD and styles < STYLES, (scripts, styles)


def test_charts_come_later(chunks):
    """ECharts is in a chunk of its own, which no page needs to be shown."""
    pages = [name for name in chunks if re.fullmatch(r"src/pages/.*Page\.tsx|index\.html", name)]
    first = {file for page in pages for file in needed(chunks, page)}
    with_charts = {chunk["file"] for chunk in chunks.values() if chunk["file"].endswith(".js") and
                   b"__ec_inner_" in (BUILT / chunk["file"]).read_bytes()}  # fmt: skip
    assert len(pages) > 10 and with_charts and not with_charts & first


def test_scripts_need_nothing_that_the_policy_forbids():
    index = (BUILT / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=", index)
    assert not re.search(r'(?:src|href)="(?!/)', index)
    for path in BUILT.rglob("*.js"):
        assert not re.search(rb"\beval\(|new Function\(", path.read_bytes()), path


def test_styles_load_nothing_of_others():
    for path in BUILT.rglob("*.css"):
        for url in re.findall(r"url\(([^)]*)\)", path.read_text()):
            assert url.strip("\"'").startswith(("/assets/", "data:image/")), (path, url)


def test_files_have_their_compressed_copies():
    for path in BUILT.rglob("*.js"):
        copy = path.with_name(path.name + ".gz")
        if path.stat().st_size > 1024:
            assert gzip.decompress(copy.read_bytes()) == path.read_bytes()
