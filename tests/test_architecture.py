"""The floors of the house (docs/architecture.md): nobody imports from the own floor's other rooms or from above."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "edgecls"

FLOORS = [
    {"errors", "bundled_model", "frozen", "regular_file"},
    {
        "extras",
        "in_order",
        "atomic_write",
        "file_moves",
        "image_spec",
        "image_files",
        "resize",
        "rounds",
        "onnx_container",
        "image_formats",
        "drawing",
    },
    {"image", "model_card", "folder_names", "plots"},
    {"modelfile"},
    {"runtime"},
    {"models", "dataset", "serving", "client"},
    {"export", "server", "evaluation", "dataframe"},
    {"training", "bench"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
"""From the ground up. A room may import itself and any floor below it."""

WEB = {"bottle", "httptools", "multipart", "prometheus_client"}
TRAINING = {"tensorflow", "keras", "onnx", "tf2onnx", "sklearn", "xgboost", "skl2onnx", "onnxmltools", "torch", "jax"}
IMAGES = {"icrawler", "imagehash", "PIL", "urllib3", "bs4", "certifi"}
HEAVY = TRAINING | IMAGES | {"matplotlib"}
ROOMS_OF = {
    **{package: {"models", "export", "training"} for package in TRAINING},
    **{package: {"server", "serving"} for package in WEB},
    **{package: {"dataset"} for package in IMAGES},
    "matplotlib": {"plots"},
    "onnxruntime": {"runtime"},
    "openvino": {"runtime"},
    "onnxruntime.quantization": {"export"},
}
"""The only rooms that may use a package."""


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    """Yield the dotted names of all that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_from_extra":
            argument = node.args[0]
            assert isinstance(argument, ast.Constant)
            yield str(argument.value)


def _package(name: str) -> str:
    """Return the package that a module belongs to. onnxruntime's quantiser rewrites graphs; it runs nothing."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[:2] == ["onnxruntime", "quantization"] else parts[0]


def test_every_room_has_a_floor() -> None:
    rooms = {_room(path) for path in _modules()} - {"__init__"}

    assert rooms == set.union(*FLOORS)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    room = _room(path)
    if room == "__init__":
        pytest.skip("names the public objects, which it imports when they are first used")
    floor = next(index for index, rooms in enumerate(FLOORS) if room in rooms)
    below = set().union(*FLOORS[:floor]) | {room}
    imported = {name.split(".")[1] for name in _imports(path) if name.startswith("edgecls.")}

    assert imported - below - {"__version__"} == set()


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_stay_in_their_rooms(path: Path) -> None:
    imported = {_package(name) for name in _imports(path)}
    room = _room(path)

    # A command may ask for Keras by import_from_extra, to say which extra brings it.
    allowed = {"keras"} if room == "commands" else set()

    assert {package for package in imported if room not in ROOMS_OF.get(package, {room})} <= allowed


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import edgecls.cli", HEAVY | WEB | {"cv2", "numpy", "onnxruntime", "rich"}),
        ("import edgecls", HEAVY | WEB | {"cv2", "numpy", "onnxruntime", "rich", "click"}),
        ("import edgecls.commands.run", HEAVY | WEB | {"cv2", "onnxruntime", "rich"}),
        ("import edgecls.modelfile", HEAVY | WEB | {"cv2", "numpy", "onnxruntime"}),
        ("import edgecls.runtime.classifier", HEAVY | WEB | {"onnxruntime", "click"}),
        ("import edgecls.evaluation.evaluate", HEAVY | WEB | {"onnxruntime", "click"}),
        ("import edgecls.bench.launcher", HEAVY | WEB | {"cv2", "numpy", "onnxruntime", "click"}),
        ("import edgecls.bench.benchmark", HEAVY | WEB | {"onnxruntime", "click"}),
        ("import edgecls.evaluation.report", HEAVY | WEB | {"onnxruntime", "click"}),
        ("import edgecls.client.client", HEAVY | WEB | {"cv2", "numpy", "onnxruntime", "click"}),
        ("import edgecls.server.app", HEAVY | {"onnxruntime", "click"}),
    ],
)
def test_a_fresh_interpreter_loads_no_more_than_it_needs(statement: str, forbidden: set[str]) -> None:
    script = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & forbidden == set()
