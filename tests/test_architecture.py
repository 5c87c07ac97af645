"""The layers of docs/explanation/architecture.md, no cycle between packages, and heavy packages where they belong."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "edgecls"

LAYERS = [
    {"errors", "extras", "atomic_write", "damaged_files", "file_moves", "folder_names", "image_files", "in_order"}
    | {
        "bundled_model",
        "journal",
        "json_text",
        "folder_lock",
        "frozen",
        "notebook",
        "regular_file",
        "tracking",
        "video_names",
        "xml_text",
        "xmp",
    },
    {
        "image_formats",
        "image_spec",
        "image_limits",
        "resize",
        "image",
        "drawing",
        "onnx_container",
        "model_card",
        "modelfile",
    }
    | {"reference"},
    {"measuring", "plots", "results"},
    {"runtime"},
    {"models", "dataset", "client", "dataframe"},
    {"export", "evaluation", "bench", "distributed", "labelling", "page", "teaching"},
    {"server"},
    {"training", "from_python", "desktop"},
    {"commands"},
    {"cli", "__main__"},
]
"""From the bottom up. A module may import from its own layer and from those below it."""

WEB = {"bottle", "httptools", "multipart", "prometheus_client"}
GRPC = {"grpc", "grpc_health", "grpc_reflection", "google"}
SIGNING = {"model_signing", "cryptography", "OpenSSL"}
TRAINING = {"tensorflow", "keras", "onnx", "tf2onnx", "sklearn", "xgboost", "skl2onnx", "onnxmltools", "torch", "jax"}
IMAGES = {"icrawler", "imagehash", "PIL", "urllib3", "bs4", "certifi"}
HEAVY = (
    TRAINING
    | IMAGES
    | SIGNING
    | {"matplotlib", "ray", "pyarrow", "pi_heif", "optuna", "mlflow", "sqlalchemy", "PySide6"}
)
USERS_OF = {
    **{package: {"models", "export", "training"} for package in TRAINING},
    **{package: {"server"} for package in WEB | GRPC},
    **{package: {"dataset"} for package in IMAGES},
    "pi_heif": {"image_formats"},
    "matplotlib": {"plots"},
    "ray": {"distributed"},
    "pyarrow": {"results", "distributed"},
    "onnxruntime": {"runtime"},
    "openvino": {"runtime"},
    "optuna": {"training"},
    "mlflow": {"tracking"},
    "PySide6": {"desktop"},
    "sqlalchemy": {"tracking"},
    **{package: {"server"} for package in SIGNING},
    "onnxruntime.quantization": {"export"},
}
"""The only modules and packages at the top that may use a package."""


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _top(path: Path) -> str:
    """Return the module or package at the top of edgecls that a file belongs to."""
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
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def _package(name: str) -> str:
    """Return the package that a module belongs to. onnxruntime's quantiser rewrites graphs; it runs nothing."""
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[:2] == ["onnxruntime", "quantization"] else parts[0]


def test_there_are_at_most_ten_layers_and_every_module_is_in_one() -> None:
    assert len(LAYERS) <= 10
    assert sorted({_top(path) for path in _modules()} - {"__init__"}) == sorted(
        top for layer in LAYERS for top in layer
    )


def test_the_document_describes_these_layers() -> None:
    table = re.findall(
        r"^\| (\d+) \| (.+?) \|", (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    described = {int(number): set(re.findall(r"`(\w+)(?:\.py|/)?`", names)) for number, names in table}

    assert described == dict(enumerate(LAYERS, 1))


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    top = _top(path)
    if top == "__init__":
        pytest.skip("names the public objects, which it imports when they are first used")
    layer = next(index for index, tops in enumerate(LAYERS) if top in tops)
    below = set().union(*LAYERS[: layer + 1])
    imported = {name.split(".")[1] for name in _imports(path) if name.startswith("edgecls.")}

    assert imported - below - {"__version__"} == set()


def _package_of(module: Path) -> str:
    """Return the folder that a module lies in; a module at the top counts as a package of its own."""
    inside = module.relative_to(PACKAGE).parent.as_posix()
    return _top(module) if inside == "." else inside


def test_no_package_imports_itself_through_others() -> None:
    """At any depth, imports inside functions included. `__init__` modules name things; they are no target."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in _modules()}
    uses: dict[str, set[str]] = defaultdict(set)
    for path in _modules():
        for name in _imports(path):
            target = modules.get(name) or modules.get(name.rpartition(".")[0])
            if target is not None and path != PACKAGE / "__init__.py":
                uses[_package_of(path)].add(_package_of(target))
    for package, used in uses.items():
        used.discard(package)

    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        pytest.fail(f"packages import each other: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_stay_where_they_belong(path: Path) -> None:
    imported = {_package(name) for name in _imports(path)}
    top = _top(path)

    # A command may ask for Keras by import_from_extra, to say which extra brings it.
    allowed = {"keras"} if top == "commands" else set()

    assert {package for package in imported if top not in USERS_OF.get(package, {top})} <= allowed


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
        ("import edgecls.server.app", HEAVY | GRPC | {"onnxruntime", "click"}),
        ("import edgecls.server.local", HEAVY | GRPC | {"onnxruntime", "click"}),
    ],
)
def test_a_fresh_interpreter_loads_no_more_than_it_needs(statement: str, forbidden: set[str]) -> None:
    script = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & forbidden == set()
