"""The console as it is served beside the API: which files, to whom, with which fields, and another build of it."""
import gzip
import json
import os
import shutil
import time

import client
import control
import pytest

CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
       "base-uri 'none'; form-action 'self'; frame-ancestors 'none'")  # fmt: skip
SCRIPT = "console.log('a console');\n" * 20000


def build(folder, number):
    """A console as a bundler leaves it, which clears away what was there."""
    shutil.rmtree(folder / "assets", ignore_errors=True)
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    script = f"{SCRIPT}build({number})".encode()
    (folder / "assets" / f"main-{number}.js").write_bytes(script)
    (folder / "assets" / f"main-{number}.js.gz").write_bytes(gzip.compress(script))
    (folder / "favicon.ico").write_bytes(b"\x00\x00\x01\x00")
    (folder / "index.html").write_text(f"<!doctype html><script type=module src=/assets/main-{number}.js></script>")


@pytest.fixture(scope="module")
def folder(make_once):
    folder = make_once.inside("built")
    build(folder, 1)
    return folder


@pytest.fixture(scope="module")
def plane(make_once, folder):
    plane = control.Plane(make_once, flags={"console": str(folder)})
    plane.program.wait_line("the console of .* is served: 3 files", 30)
    return plane


def ask(plane, target, *fields, method="GET"):
    with client.Client(plane.address) as connection:
        connection.request(method, target, "console.test", fields)
        return connection.response(method)


def test_the_index_is_for_whoever_asks_and_the_api_is_not(plane):
    answer = ask(plane, "/")
    assert answer.status == 200 and answer.body.startswith(b"<!doctype html>")
    assert answer.fields.get("Content-Type") == "text/html; charset=utf-8"
    assert answer.fields.get("Content-Security-Policy") == CSP
    assert answer.fields.get("Cache-Control") == "no-cache"
    assert answer.fields.get("X-Content-Type-Options") == "nosniff"
    assert answer.fields.get("Referrer-Policy") == "no-referrer"
    assert answer.fields.get("Cross-Origin-Opener-Policy") == "same-origin"
    assert "Set-Cookie" not in answer.fields
    assert ask(plane, "/api/v1/domains").status == 401


@pytest.mark.parametrize("target", ["/", "/login", "/domains", "/domains/www.example.com", "/domains/%2A.example.com/history", "/settings/users?tab=2"])
def test_pages_of_the_console_are_all_its_index(plane, target):
    answer = ask(plane, target)
    assert answer.status == 200 and answer.body == ask(plane, "/index.html").body


@pytest.mark.parametrize("target", ["/assets/main-0.js", "/assets/", "/assets/../index.html", "/robots.txt", "/assets/main-1.js.gz", "/api/v2", "/api/"])
def test_files_that_are_not_there_are_not_the_index(plane, target):
    answer = ask(plane, target)
    assert answer.status == 404 and json.loads(answer.body)["type"] == "/problems/not-found"
    assert answer.fields.get("Cache-Control") == "no-store"


@pytest.mark.parametrize("target", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/assets/..%5c..%5cx"])
def test_no_path_leads_out_of_the_folder(plane, target):
    assert b"root:" not in ask(plane, target).body


def test_an_asset_may_be_kept_for_ever_and_comes_compressed_where_that_is_taken(plane):
    plain, packed = ask(plane, "/assets/main-1.js"), ask(plane, "/assets/main-1.js", ("Accept-Encoding", "gzip, deflate, br, zstd"))
    for answer in (plain, packed):
        assert answer.status == 200
        assert answer.fields.get("Content-Type") == "text/javascript; charset=utf-8"
        assert answer.fields.get("Cache-Control") == "public, max-age=31536000, immutable"
        assert answer.fields.get("Vary") == "Accept-Encoding"
    assert packed.fields.get("Content-Encoding") == "gzip" and "Content-Encoding" not in plain.fields
    assert gzip.decompress(packed.body) == plain.body
    assert plain.fields.get("ETag") != packed.fields.get("ETag") and not plain.fields.get("ETag").startswith("W/")


def test_who_has_a_file_is_told_that_it_is_the_same(plane):
    tag = ask(plane, "/").fields.get("ETag")
    again = ask(plane, "/", ("If-None-Match", tag))
    assert (again.status, again.body, again.fields.get("ETag")) == (304, b"", tag)
    assert ask(plane, "/", ("If-None-Match", '"another"')).status == 200
    head = ask(plane, "/", method="HEAD")
    assert head.status == 200 and head.fields.get("Content-Length") == str(len(ask(plane, "/").body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_of_the_console_can_be_changed(plane, method):
    answer = ask(plane, "/domains", method=method)
    assert answer.status == 405 and answer.fields.get("Allow") == "GET, HEAD, OPTIONS"


def wait_for(plane, target, wanted, timeout=20):
    end = time.monotonic() + timeout
    while wanted not in (answer := ask(plane, target)).body:
        assert time.monotonic() < end, answer
        time.sleep(0.1)
    return answer


def test_another_build_is_served_without_a_restart_and_a_broken_one_is_not(make):
    folder = make.inside("rebuilt")
    plane = control.Plane(make, flags={"console": str(folder)})
    answer = ask(plane, "/")
    assert answer.status == 404 and b"its console is not here" in answer.body
    build(folder, 1)
    wait_for(plane, "/", b"main-1.js")
    build(folder, 2)
    wait_for(plane, "/", b"main-2.js")
    wait_for(plane, "/assets/main-2.js", b"build(2)")
    os.truncate(folder / "assets" / "main-2.js", 9 << 20)  # more than a file may have
    (folder / "index.html").write_text("broken")
    plane.program.wait_line("/assets/main-2.js: it is too large", 20)
    assert b"main-2.js" in ask(plane, "/").body
    build(folder, 3)
    wait_for(plane, "/", b"main-3.js")


def test_links_in_the_folder_are_not_followed(make):
    folder = make.inside("linked")
    build(folder, 1)
    (folder / "secret.txt").symlink_to("/etc/passwd")
    (folder / "out").symlink_to("/etc")
    plane = control.Plane(make, flags={"console": str(folder)})
    plane.program.wait_line("is served: 3 files.*some are left out", 30)
    assert ask(plane, "/secret.txt").status == 404
    assert b"root:" not in ask(plane, "/out/passwd").body


def test_a_console_that_is_off_is_none(make, folder):
    plane = control.Plane(make, flags={"console": "off"})
    assert ask(plane, "/").status == 404 and ask(plane, "/assets/main-1.js").status == 404


def test_serve_has_the_console_too(make, folder):
    plane = control.Plane(make, "serve", flags={"console": str(folder)})
    plane.program.wait_line("the console of .* is served", 30)
    assert ask(plane, "/domains").body == (folder / "index.html").read_bytes()
