"""The names that users may rely on."""

import importlib
import os
import pkgutil
from types import ModuleType

import pytest

import edgecls

MODULES = sorted(
    name for _, name, _ in pkgutil.walk_packages(edgecls.__path__, "edgecls.") if not name.endswith("__main__")
)


def _can_be_imported(name: str) -> bool:
    """Return whether a module can be imported here: those of the window need Qt, and what Qt needs of the system."""
    try:
        importlib.import_module(name)
    except ImportError:
        if name.startswith("edgecls.desktop.") and "EDGECLS_REQUIRE_DESKTOP" not in os.environ:
            return False
        raise
    return True


def test_public_names_are_exactly_the_documented_ones() -> None:
    assert sorted(edgecls.__all__) == [
        "Classifier",
        "Client",
        "EdgeclsError",
        "Explanation",
        "FramePrediction",
        "ImageError",
        "LabelScore",
        "Outcome",
        "Prediction",
        "Provider",
        "RemoteError",
        "RemoteModel",
        "RemoteOutcome",
        "RemotePrediction",
        "SourceLostError",
        "VideoError",
        "__version__",
        "evaluate",
        "load",
        "read_dataset",
        "serve",
        "to_dataframe",
        "train_quick",
    ]
    for name in edgecls.__all__:
        assert getattr(edgecls, name) is not None
    assert set(edgecls.__all__) <= set(dir(edgecls))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = edgecls.lode


@pytest.mark.parametrize("name", [name for name in MODULES if _can_be_imported(name)])
def test_every_module_says_what_it_is_for_and_lists_its_names(name: str) -> None:
    module = importlib.import_module(name)

    assert module.__doc__
    if not _only_introduces(module):
        assert module.__all__
        for public in module.__all__:
            assert hasattr(module, public)
            value = getattr(module, public)
            if callable(value) and getattr(value, "__module__", "") == name:
                assert value.__doc__, f"{name}.{public} has no docstring"


def _only_introduces(module: ModuleType) -> bool:
    """True for the file that introduces a folder and defines nothing."""
    return hasattr(module, "__path__") and not hasattr(module, "__all__")
