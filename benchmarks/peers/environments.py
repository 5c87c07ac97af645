"""A virtual environment for every peer, kept in benchmarks/.peers."""

import subprocess
import sys
from pathlib import Path

__all__ = ["PACKAGES", "environment", "environment_with", "size_mb"]

ROOT = Path(__file__).parents[2]
KEPT_IN = Path(__file__).parents[1] / ".peers"
PACKAGES = {
    "edgecls": (),
    "fastapi": ("fastapi", "uvicorn[standard]", "python-multipart"),
    "litserve": ("litserve", "python-multipart"),
    "bentoml": ("bentoml",),
    "ray": ("ray[serve]",),
}
"""What each needs beside edgecls[cpu], which brings onnxruntime, OpenCV and the model's reader to all of them."""


def environment(peer: str) -> Path:
    """Return the folder of a peer's programs, after installing what is missing.

    Raises:
        RuntimeError: It does not install; with pip's last words.
    """
    return environment_with(peer, f"{ROOT}[cpu]", *PACKAGES[peer])


def environment_with(name: str, *packages: str) -> Path:
    """Return the folder of programs of the environment of that name, after making it of these packages if need be.

    Raises:
        RuntimeError: They do not install; with pip's last words.
    """
    folder = KEPT_IN / name
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [folder / "bin" / "python", "-m", "pip", "install", "-q", *packages]
        installed = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if installed.returncode:
            raise RuntimeError(f"does not install: {installed.stderr.strip()[-400:]}")
        subprocess.run([folder / "bin" / "python", "-m", "compileall", "-q", folder / "lib"], check=False)
        done.touch()
    return folder / "bin"


def size_mb(peer: str) -> float:
    """Return what a peer's environment takes on disk in MB (10^6 bytes), compiled files left out."""
    files = (path for path in (KEPT_IN / peer).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc") / 1e6
