"""What is installed is whole: a tree below a folder, as a package is made of, serves its console without being told where it is."""
import os
import pathlib
import subprocess

import control
import pytest
from conftest import BUILT
from test_sign_in import sign_in

BUILD = pathlib.Path(os.environ.get("HEADWATER", "build/checked/headwater")).resolve().parent


def install(destination, check=True, **environment):
    return subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], check=check, capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(destination), **environment})  # fmt: skip


@pytest.fixture(scope="module", name="tree")
def _tree(make_once):
    assert BUILT.exists(), "the console is not built: script/console --tests"
    tree = make_once.inside("tree")
    install(tree)
    return tree


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_installed_program_serves_the_console_beside_it(tree, make, browser):
    plane = control.Plane(make, command="serve", program=tree / "usr/bin/headwater")
    plane.program.wait_line(rf"the console of {tree}/usr/bin/../share/headwater/console is served", 30)
    page = browser.open(plane.address)
    page.goto("/domains")
    sign_in(page, "admin", control.PASSWORD)
    page.getByRole("heading", name="Domain Management").waitFor()
    assert not page.troubles()
    page.close()


def test_all_files_are_there_and_anybody_may_read_them(tree):
    console = tree / "usr/share/headwater/console"
    assert files_of(console) == files_of(BUILT)
    for path in tree.rglob("*"):
        assert path.stat().st_mode & 0o444 == 0o444, path
    unit = (tree / "usr/lib/systemd/system/headwater.service").read_text()
    assert "ExecStart=/usr/bin/headwater serve" in unit and "file:/usr/share/doc/headwater/README.md" in unit
    assert (tree / "usr/share/man/man1/headwater.1").exists() and (tree / "usr/share/doc/headwater/docs/console.md").exists()
    assert (tree / "usr/share/doc/headwater/prometheus/headwater.rules.yml").exists()


def test_another_install_leaves_nothing_of_the_one_before(tree):
    console = tree / "usr/share/headwater/console"
    (console / "assets/main-old.js").write_text("old")
    (console / "index.html").write_text("old")
    install(tree)
    assert files_of(console) == files_of(BUILT)


def test_without_a_console_nothing_is_taken_for_whole(make):
    """Where nobody has built it, that is an error, and not a tree that lacks it."""
    folder = make.inside("empty")
    done = subprocess.run(["packaging/install_console", folder / "none", "/usr/share/headwater/console"], capture_output=True, text=True,
                          cwd=BUILT.parent.parent, env={**os.environ, "DESTDIR": str(folder)})  # fmt: skip
    assert done.returncode == 1 and "script/console" in done.stderr and not (folder / "usr").exists()
