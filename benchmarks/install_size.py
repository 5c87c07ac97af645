"""How much does `edgecls[cpu]` take on disk?

Installed from this checkout into a fresh virtual environment, which needs the package index. Counted are the files of
each package, without pip and setuptools, and with or without the compiled files that Python writes next to them.

    python benchmarks/install_size.py
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import REPOSITORY, write_results

LIST = """
import importlib.metadata, json
sizes = {}
for package in importlib.metadata.distributions():
    paths = [path.locate() for path in package.files or ()]
    sizes[package.name] = {str(path): path.stat().st_size for path in paths if path.is_file()}
print(json.dumps(sizes))
"""
NOT_COUNTED = ("pip", "setuptools")


def _install(folder: Path) -> Path:
    """Make the environment and return its Python; end the program with pip's last words if it does not install."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-cache-dir", f"{REPOSITORY}[cpu]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"edgecls[cpu] does not install: {done.stderr.strip()[-400:]}")
    return python


def main() -> None:
    """Measure, print and write the results."""
    with tempfile.TemporaryDirectory() as scratch:
        python = _install(Path(scratch) / "venv")
        done = subprocess.run([str(python), "-c", LIST], check=True, capture_output=True, text=True)
    packages: dict[str, int] = {}
    with_compiled = 0
    for name, files in json.loads(done.stdout).items():
        if name in NOT_COUNTED:
            continue
        with_compiled += sum(files.values())
        packages[name] = sum(size for path, size in files.items() if not path.endswith(".pyc"))
    packages = dict(sorted(packages.items(), key=lambda entry: -entry[1]))
    total = sum(packages.values())
    for name, size in packages.items():
        print(f"{name:28} {size / 1e6:7.1f} MB")
    print(f"all {total / 1e6:.1f} MB, with compiled files {with_compiled / 1e6:.1f} MB")
    results = {"bytes": total, "bytes_with_compiled": with_compiled, "packages": packages}
    print(f"wrote {write_results('install_size', results)}")


if __name__ == "__main__":
    main()
