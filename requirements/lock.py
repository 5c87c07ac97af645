"""What CI installs, locked with hashes; a newcomer's `make test` does not need it. `make lock` refreshes it.

    python requirements/lock.py [--upgrade]     # keeps versions that still fit, unless --upgrade is given

runtime.txt   edgecls[cpu] and what the tests of the running side need: three systems, every Python from 3.11 on
test.txt      everything that the tests on Linux install
licences.md   the licences of what test.txt installs here

The environment that runs it needs nothing; uv is installed into a folder. The network is needed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "requirements"
BIN = "Scripts" if os.name == "nt" else "bin"
OLDEST_PYTHON = "3.11"
EXTRAS = "cpu,train,quick,classical,data,grpc,parquet,signing,dev"
UV = "uv>=0.9"

LICENCES = """\
import importlib.metadata as metadata

for distribution in metadata.distributions():
    fields = distribution.metadata
    classifiers = [text.rpartition(" :: ")[2] for text in fields.get_all("Classifier") or [] if text[:7] == "License"]
    text = fields["License-Expression"] or ", ".join(classifiers) or (fields["License"] or "").strip().split("\\n")[0]
    print(fields["Name"], (text or "see its files").strip()[:80], sep="\\t")
"""


def lock(uv: Path, *, upgrade: bool) -> None:
    """Write both files."""
    settings = REPOSITORY / "setup.cfg"
    extras = [word for extra in EXTRAS.split(",") for word in ("--extra", extra)]
    _compile(uv, FOLDER / "runtime.txt", [settings, FOLDER / "runtime.in", "--extra", "cpu"], upgrade=upgrade)
    _compile(uv, FOLDER / "test.txt", [settings, *extras], upgrade=upgrade)


def _compile(uv: Path, target: Path, sources: list[object], *, upgrade: bool) -> None:
    options = ["--universal", "--generate-hashes", "--python-version", OLDEST_PYTHON, "--no-annotate", "-q"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]
    options += ["--upgrade"] if upgrade else []
    relative = [os.path.relpath(word, REPOSITORY) if isinstance(word, Path) else str(word) for word in sources]
    output = ["-o", os.path.relpath(target, REPOSITORY)]
    subprocess.run([str(uv), "pip", "compile", *options, *relative, *output], cwd=REPOSITORY, check=True)


def list_licences(uv: Path, environment: Path) -> None:
    """Install what is locked for the tests, and write which licence each package has, as it says itself."""
    subprocess.run([str(uv), "venv", "-q", "--clear", "--no-project", str(environment)], check=True)
    python = environment / BIN / "python"
    install = ["pip", "install", "-q", "--python", str(python), "--require-hashes", "-r", str(FOLDER / "test.txt")]
    subprocess.run([str(uv), *install], check=True)
    subprocess.run([str(uv), "pip", "check", "-q", "--python", str(python)], check=True)
    found = subprocess.run([str(python), "-c", LICENCES], capture_output=True, text=True, check=True).stdout
    rows = sorted({tuple(line.split("\t")) for line in found.splitlines()}, key=lambda row: row[0].lower())
    table = "".join(f"| {name} | {licence.replace('|', '/')} |\n" for name, licence in rows)
    (FOLDER / "licences.md").write_text(
        "# Licences of the packages that edgecls may use\n\n"
        f"Of what the tests install (extras {EXTRAS.replace(',', ', ')}), as the packages say themselves. "
        "`make lock` writes this file.\n\n"
        f"| package | licence |\n|---|---|\n{table}",
        encoding="utf-8",
    )


def main() -> None:
    """Lock, and list the licences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".venv-lock", help="for environments; kept")
    options = parser.parse_args()
    folder = options.folder.absolute()
    uv = folder / "tools" / BIN / ("uv.exe" if os.name == "nt" else "uv")
    if not uv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "tools")], check=True)
        subprocess.run([str(uv.parent / "python"), "-m", "pip", "install", "-q", UV], check=True)
    lock(uv, upgrade=options.upgrade)
    list_licences(uv, folder / "all")


if __name__ == "__main__":
    main()
