"""How much does `edgecls[cpu]` take on disk?

A fresh virtual environment with what running and serving need, from this checkout; the packages come from pip's index.
Counted are the bytes of files, with and without what Python compiles, and without pip itself.

    python benchmarks/install_size.py
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measure import REPOSITORY, machine_facts, write_results

INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def _sizes(environment: Path) -> tuple[Counter[str], int]:
    """Return the bytes of each package, compiled files left out, and the bytes of those."""
    packages = next(environment.rglob("site-packages"))
    sizes: Counter[str] = Counter()
    compiled = 0
    for path in environment.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix == ".pyc":
            compiled += path.stat().st_size
            continue
        name = path.relative_to(packages).parts[0] if path.is_relative_to(packages) else "programs"
        sizes[_package(name)] += path.stat().st_size
    return sizes, compiled


def _package(folder: str) -> str:
    """Return the package that a folder or file of site-packages belongs to."""
    name = folder.partition("-")[0].removesuffix(".py").removesuffix(".libs")
    return "opencv" if name in ("cv2", "opencv_python_headless") else name


def _both(size: int) -> dict[str, float]:
    return {"mb": round(size / 1e6, 1), "mib": round(size / 2**20, 1)}


def main() -> None:
    """Install, measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        environment = Path(scratch) / "environment"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        python = next(path for folder in ("bin", "Scripts") for path in environment.glob(f"{folder}/python*"))
        command = [python, "-m", "pip", "install", "-q", f"{REPOSITORY}[cpu]"]
        installed = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if installed.returncode:
            sys.exit(f"pip could not install edgecls[cpu], is its index reached? {installed.stderr.strip()[-300:]}")
        sizes, compiled = _sizes(environment)
    whole = sizes.total()
    without_pip = whole - sum(sizes[name] for name in INSTALLERS)
    results = {
        "whole": _both(whole + compiled),
        "without_pyc": _both(whole),
        "without_pip": _both(without_pip),
        "packages_mb": {name: round(size / 1e6, 1) for name, size in sizes.most_common(12) if name not in INSTALLERS},
    }
    print(machine_facts()["system"])
    for name in ("whole", "without_pyc", "without_pip"):
        print(f"{name:12} {results[name]}")
    print(results["packages_mb"])
    print(f"wrote {write_results('install_size', results)}")


if __name__ == "__main__":
    main()
