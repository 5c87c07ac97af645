"""Packages of Debian, unpacked into a folder: nothing is installed, and it need not be root. On Debian and Ubuntu."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["fetch", "unpack", "without_debian"]

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"


def without_debian() -> str:
    """Return why packages of Debian cannot be had here; empty where they can."""
    return "" if KEYRING.exists() else f"{KEYRING} is not there; apt install debian-archive-keyring (Debian and Ubuntu)"


def fetch(folder: Path, packages: Sequence[str], *, suites: Sequence[str], architectures: Sequence[str]) -> list[Path]:
    """Download packages with all that they need, and return their files.

    Args:
        folder: Where apt keeps its lists and what it downloads.
        packages: As apt names them; one as ``NAME:ARCH/SUITE`` comes alone, without what it needs.
        suites: Releases of Debian, as in "bookworm".
        architectures: That of the packages first, then further ones.

    Raises:
        SystemExit: This machine has no key of Debian's.
        CalledProcessError: A package cannot be had.
    """
    if without_debian():
        raise SystemExit(without_debian())
    for name in ("lists/partial", "cache/archives/partial", "parts", "state"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = [f"deb [signed-by={KEYRING} arch={','.join(architectures)}] {MIRROR} {suite} main" for suite in suites]
    (folder / "sources.list").write_text("\n".join(lines) + "\n")
    (folder / "state/status").touch()
    settings = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": folder / "parts",
        "Dir::State": folder / "state",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": architectures[0],
        "APT::Sandbox::User": "root",
    }
    text = "".join(f'{name} "{value}";\n' for name, value in settings.items())
    quoted = "".join(f'"{architecture}"; ' for architecture in architectures)
    (folder / "apt.conf").write_text(text + f"APT::Architectures {{ {quoted}}};\n")
    environment = {**os.environ, "APT_CONFIG": str(folder / "apt.conf")}
    alone = [package for package in packages if "/" in package]
    wanted = ["install", "-qq", "--yes", "--no-install-recommends", "--download-only"]
    subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
    subprocess.run(["apt-get", *wanted, *(set(packages) - {*alone})], env=environment, check=True)
    if alone:
        subprocess.run(["apt-get", "download", "-qq", *alone], env=environment, cwd=folder, check=True)
    return [*(folder / "cache/archives").glob("*.deb"), *folder.glob("*.deb")]


def unpack(files: Sequence[Path], root: Path) -> None:
    """Unpack package files into a folder."""
    for file in files:
        subprocess.run(["dpkg-deb", "--extract", str(file), str(root)], check=True)
