"""A virtual environment for every peer, kept in benchmarks/.peers; edgecls in it is always that of the checkout."""

import functools
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["PACKAGES", "environment", "environment_with", "size_mb"]

ROOT = Path(__file__).parents[2]
KEPT_IN = Path(__file__).parents[1] / ".peers"
PACKAGES: dict[str, tuple[str, ...]] = {
    "edgecls": (),
    "edgecls_tuned": ("openvino>=2025.4",),
    "fastapi": ("fastapi", "uvicorn[standard]", "python-multipart"),
    "asgi": ("uvicorn[standard]",),
    "bottle": ("granian",),
    "litserve": ("litserve", "python-multipart"),
    "bentoml": ("bentoml",),
    "ray": ("ray[serve]",),
    "mlserver": ("mlserver", "uvloop<0.22"),  # with 0.22 and later its parallel workers crash (MLServer 1.7.1)
    "triton": (),
}
"""What each needs beside edgecls[cpu], which brings onnxruntime, OpenCV and the model's reader to all of them."""

ALONE = {
    "keras": ("tensorflow", "keras", "pillow"),
    "ultralytics": ("ultralytics",),
}
"""What programs of the command line need; edgecls is not in there."""

AFTERWARDS = {"triton": ("nvidia-pytriton>=0.7", "numpy<2")}
"""What goes in last, against what edgecls says it needs: with numpy 2 Triton's Python backend hands over torn bytes.
What edgecls calls of numpy is in 1.26, too; the answers are compared."""


def environment(peer: str) -> Path:
    """Return the folder of a peer's programs, after installing what is missing or of an earlier checkout.

    Raises:
        RuntimeError: It does not install; with pip's last words.
    """
    packages = ALONE[peer] if peer in ALONE else (f"{ROOT}[cpu]", *PACKAGES[peer])
    return environment_with(peer, *packages, afterwards=AFTERWARDS.get(peer, ()))


def environment_with(name: str, *packages: str, afterwards: Sequence[str] = ()) -> Path:
    """Return the folder of programs of the environment of that name, after making it of these packages if need be.

    If edgecls is among them and has changed since, it is installed anew.

    Args:
        name: Of the environment.
        packages: As pip takes them.
        afterwards: More of them, installed last, whatever the others say that they need.

    Raises:
        RuntimeError: They do not install; with pip's last words.
    """
    folder = KEPT_IN / name
    installed = folder / "installed"
    source = _source_of_edgecls() if any(package.startswith(str(ROOT)) for package in packages) else ""
    if not installed.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        _install(folder, packages)
        if afterwards:
            _install(folder, afterwards)
    elif installed.read_text(encoding="ascii") != source:
        _install(folder, ["--force-reinstall", "--no-deps", str(ROOT)])
    else:
        return folder / "bin"
    subprocess.run([folder / "bin" / "python", "-m", "compileall", "-qq", folder / "lib"], check=False)
    installed.write_text(source, encoding="ascii")
    return folder / "bin"


@functools.cache
def _source_of_edgecls() -> str:
    """Return a digest of the package as it is in the checkout."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "edgecls").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _install(folder: Path, packages: Sequence[str]) -> None:
    command = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--no-cache-dir", *packages]
    installed = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if installed.returncode:
        raise RuntimeError(f"does not install: {installed.stderr.strip()[-400:]}")


@functools.cache
def size_mb(peer: str) -> float:
    """Return what a peer's environment takes on disk in MB (10^6 bytes), compiled files left out."""
    files = (path for path in (KEPT_IN / peer).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc") / 1e6
