"""A network namespace with the loopback address only, in which a Ray cluster of several nodes runs on one machine."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IN_NAMESPACE = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def missing_for_a_cluster() -> str | None:
    """Return why no cluster can be tested here, or None; in CI, EDGECLS_REQUIRE_RAY makes that a failure."""
    packages = [name for name in ("ray", "pyarrow", "moto") if importlib.util.find_spec(name) is None]
    if packages:
        reason = f"needs {' and '.join(packages)} (edgecls[ray,moto])"
    elif shutil.which("unshare") is None or subprocess.run([*IN_NAMESPACE, "true"], check=False).returncode:
        reason = "needs a network namespace of its own (unshare -rn), which is not allowed here"
    else:
        return None
    if "EDGECLS_REQUIRE_RAY" in os.environ:
        pytest.fail(reason)
    return reason


def in_namespace(script: Path, *arguments: str | Path) -> dict[str, Any]:
    """Run a script there, and return the JSON of its last line."""
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    done = subprocess.run(
        [*IN_NAMESPACE, sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
