"""What pages of the documents suppose to be there: photos, models, datasets. `<!-- test: setup NAME ARGUMENT... -->`.

Each function takes the folder of the page and the words behind its name, which are names of files or folders.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
_BUNDLED = REPOSITORY / "edgecls" / "assets" / "flowers.onnx"
_EXAMPLE = REPOSITORY / "examples" / "dandelion.jpg"


def _checkout(folder: Path) -> None:
    """Copy what a page that runs in the root of a clone uses: examples, bundled models, benchmarks, deploy."""
    for name in ("benchmarks", "deploy", "examples", "edgecls/assets"):
        ignored = shutil.ignore_patterns("__pycache__", "results")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)


def _photo(folder: Path, *names: str) -> None:
    """Copy the example photo, a dandelion."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_EXAMPLE, folder / name)


def _model(folder: Path, *names: str) -> None:
    """Copy the bundled model."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_BUNDLED, folder / name)


SETUPS: dict[str, Callable[..., None]] = {
    "checkout": _checkout,
    "model": _model,
    "photo": _photo,
}
