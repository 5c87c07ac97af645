"""The registry of architectures."""

import re
from pathlib import Path

import pytest

from edgecls.errors import ModelConfigError
from edgecls.models import Architecture, Head, architecture_names, get_architecture
from edgecls.models.architecture import register_model


def test_names_are_sorted() -> None:
    names = architecture_names()

    assert names == sorted(names)
    assert {"gray_cnn", "mobilenet_v2", "resnet18", "simple_cnn", "vgg16"} <= set(names)


def test_a_near_miss_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(ModelConfigError, match=r"no architecture 'mobilenetv2'; did you mean 'mobilenet_v2'\?"):
        get_architecture("mobilenetv2")


def test_an_unknown_name_is_answered_with_all_names() -> None:
    with pytest.raises(ModelConfigError, match="choose one of convnext_base, "):
        get_architecture("transformer")


def test_a_name_cannot_be_taken_twice() -> None:
    with pytest.raises(ModelConfigError, match="two architectures named 'simple_cnn'"):
        register_model("simple_cnn", head=Head(), min_side=1, default_side=1, parameters=0, source="none")(
            lambda images: images
        )


def test_a_classical_model_is_pointed_out() -> None:
    with pytest.raises(ModelConfigError, match="'svm' is a classical model, not a network; train it with"):
        get_architecture("svm")


def test_the_documentation_has_the_row_of_every_architecture() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "architectures.md").read_text(encoding="utf-8")

    documented = re.findall(
        r"^\| `(\w+)` \| ([\d,]+) \| (\d+) \| (\d+) \| (yes|no|package) \|", text, flags=re.MULTILINE
    )

    assert documented == [
        (one.name, f"{one.parameters:,}", str(one.default_side), str(one.min_side), _weights(one))
        for one in map(get_architecture, architecture_names())
    ]


def _weights(architecture: Architecture) -> str:
    if architecture.package is not None:
        return "package"
    return "no" if architecture.published is None else "yes"
