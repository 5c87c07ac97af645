"""The server does what its OpenAPI document says, whatever it is sent."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from running_server import running_server

CONFIG = Path(__file__).with_name("openapi.toml")


@pytest.mark.parametrize("arguments", [(), ("--teach", "taught")], ids=["usual", "teaching"])
def test_schemathesis_finds_no_violation(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_server(*arguments) as server:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", "--no-color"]
        options = ["--max-examples", "10", "--seed", "1", "--warnings", "off"]
        options += ["--include-path-regex", "teach"] if arguments else []
        done = subprocess.run(
            [*command, *options, f"{server.url}/openapi.json"],
            cwd=tmp_path,  # where it keeps what it finds
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        selected = r"\d\d" if arguments else r"\1"
        assert re.search(rf"Selected: (\d\d)/{selected}\s+Tested: \1\b", done.stdout), done.stdout
        assert "Traceback" not in "".join(server.log)
