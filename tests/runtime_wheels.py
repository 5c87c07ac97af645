"""Wheels of onnxruntime that are installed as far as pip's records go."""

from pathlib import Path

__all__ = ["install"]


def install(folder: Path, name: str, version: str) -> None:
    """Leave in `folder` what pip leaves to say that a wheel is installed."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
