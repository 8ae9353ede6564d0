"""The packages of tools/npm, which are pinned there, in build/npm."""
import fcntl
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
NPM = ROOT / "build/npm"
PINNED = [ROOT / "tools/npm" / name for name in ("package.json", "package-lock.json", ".npmrc")]


def environment():
    """What `node` is to be run with; installs the packages unless they are there."""
    marker = NPM / "node_modules/.package-lock.json"
    NPM.mkdir(parents=True, exist_ok=True)
    with (NPM / "lock").open("w") as lock:  # tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.exists() or any(_differs(path) for path in PINNED):
            for path in PINNED:
                shutil.copy(path, NPM)
            subprocess.run(["npm", "ci"], cwd=NPM, check=True, capture_output=True, text=True, timeout=300)
    return os.environ | {"NODE_PATH": str(NPM / "node_modules")}


def _differs(path):
    return not (NPM / path.name).exists() or (NPM / path.name).read_bytes() != path.read_bytes()
