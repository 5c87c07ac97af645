"""The server does what its OpenAPI document says, whatever it is sent."""

import subprocess
import sys
from pathlib import Path

from running_server import running_server

from edgecls.serving.openapi.document import openapi_document

CONFIG = Path(__file__).with_name("openapi.toml")


def test_schemathesis_finds_no_violation(tmp_path: Path) -> None:
    with running_server() as server:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", "--no-color"]
        options = ["--max-examples", "10", "--seed", "1", "--warnings", "off"]
        done = subprocess.run(
            [*command, *options, f"{server.url}/openapi.json"],
            cwd=tmp_path,  # where it keeps what it finds
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        operations = sum(map(len, openapi_document()["paths"].values()))
        assert f"{operations}/{operations}" in done.stdout
        assert "Traceback" not in "".join(server.log)
