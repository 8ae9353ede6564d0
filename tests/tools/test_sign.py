"""Our signatures against those of the official SDKs of COS and Amazon, for random keys, queries and header fields."""
import os
import pathlib
import random
import subprocess

import npm
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/checked/tests/sign"
COUNT = 1000


@pytest.mark.skipif(not os.access(PROGRAM, os.X_OK), reason="there is no build/checked/tests/sign")
def test_a_thousand_random_requests_are_signed_as_the_sdks_do():
    seed = int(os.environ.get("HEADWATER_SEED", random.randrange(1 << 31)))
    done = subprocess.run(["node", ROOT / "tools/npm/sign.js", "compare", PROGRAM, str(COUNT), str(seed)],
                          env=npm.environment(), capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [f"{kind}: {COUNT} signatures are those of the SDK" for kind in ("cos", "s3")]
