"""What is in an installation: a software bill of materials (CycloneDX, JSON) of the wheel in dist/ with the extra cpu.

    python requirements/sbom.py            # after make package, or python -m build; writes sbom/edgecls.cdx.json

The environment that runs it needs nothing. The network is needed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
BIN = "Scripts" if os.name == "nt" else "bin"
TOOL = "cyclonedx-bom>=7,<8"


def main() -> None:
    """Install, describe, and check that the description is whole."""
    wheels = list((REPOSITORY / "dist").glob("*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"there are {len(wheels)} wheels in dist/; build one with: make package")
    target = REPOSITORY / "sbom/edgecls.cdx.json"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        described, tool = (Path(folder) / name / BIN / "python" for name in ("described", "tool"))
        for python, *wanted in ((described, f"edgecls[cpu] @ {wheels[0].as_uri()}"), (tool, TOOL)):
            subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True)
        subprocess.run([str(described), "-m", "pip", "uninstall", "-q", "-y", "pip", "setuptools"], check=True)
        options = ["--of", "JSON", "--output-reproducible", "-o", str(target), "--pyproject", str(_project(folder))]
        subprocess.run([str(tool), "-m", "cyclonedx_py", "environment", *options, str(described)], check=True)
    # Where the wheel lay when it was installed says nothing, and may be somebody's folder.
    text = target.read_text(encoding="utf-8").replace(wheels[0].as_uri(), wheels[0].name)
    target.write_text(text, encoding="utf-8")
    components = {component["name"] for component in json.loads(text)["components"]}
    if not {"edgecls", "numpy", "onnxruntime", "opencv-python-headless"} <= components:
        raise SystemExit(f"{target.name} names {', '.join(sorted(components))} only")
    sys.stdout.write(f"{target}: {len(components)} components\n")


def _project(folder: str) -> Path:
    """Write what the document is about, which cyclonedx reads from a pyproject.toml."""
    file = Path(folder) / "pyproject.toml"
    file.write_text('[project]\nname = "edgecls-installation"\nversion = "1"\n', encoding="utf-8")
    return file


if __name__ == "__main__":
    main()
