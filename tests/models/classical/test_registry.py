"""The registry of classical models."""

import subprocess
import sys

import pytest

from edgecls.errors import ModelConfigError
from edgecls.models.classical import classical_names, get_classical
from edgecls.models.classical.registry import register_classical


def test_the_classical_models_are_these() -> None:
    assert classical_names() == ["decision_tree", "kmeans", "knn", "linear", "random_forest", "svm", "xgboost"]


def test_a_near_miss_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(ModelConfigError, match=r"no classical model 'k-means'; did you mean 'kmeans'\?"):
        get_classical("k-means")


def test_a_name_cannot_be_taken_twice() -> None:
    with pytest.raises(ModelConfigError, match="two classical models named 'svm'"):
        register_classical("svm", settings={})(get_classical("svm").fit)


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        (
            "from edgecls.models.classical import classical_names; assert 'svm' in classical_names()",
            {"keras", "tensorflow", "sklearn", "xgboost", "onnx", "skl2onnx", "onnxmltools"},
        ),
        ("import edgecls.training.classical", {"keras", "tensorflow", "sklearn", "xgboost", "skl2onnx"}),
    ],
)
def test_classical_models_load_no_keras(statement: str, forbidden: set[str]) -> None:
    script = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & forbidden == set()
