"""The systemd units, by systemd itself."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from deployed_files import DEPLOY

FILES = (
    DEPLOY / "systemd" / "edgecls.service",
    DEPLOY.parent / "examples" / "raspberry-pi" / "edgecls-camera.service",
)
UNITS = {path.name: path.read_text(encoding="utf-8") for path in FILES}
SETTINGS = [(name, line) for name, unit in UNITS.items() for line in unit.splitlines() if re.match(r"\w+=", line)]


def _complaints(unit: str, folder: Path) -> str:
    """Return what systemd says of a unit whose program exists; it ends well whatever it says."""
    if shutil.which("systemd-analyze") is None and "EDGECLS_REQUIRE_DEPLOY" not in os.environ:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd)")
    path = folder / "edgecls.service"
    path.write_text(re.sub(r"/opt/edgecls/bin/\w+", "/bin/true", unit), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.stderr + done.stdout * bool(done.returncode)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path, unit: str) -> None:
    assert _complaints(unit, tmp_path) == ""


@pytest.mark.parametrize(("unit", "line"), SETTINGS)
def test_no_setting_can_be_misspelt(tmp_path: Path, unit: str, line: str) -> None:
    name, _, value = line.partition("=")

    assert _complaints(UNITS[unit].replace(line, f"{name}x={value}", 1), tmp_path) != ""
