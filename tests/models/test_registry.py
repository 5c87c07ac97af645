"""The registry of architectures."""

import pytest

from edgecls.errors import ModelConfigError
from edgecls.models import Head, architecture_names, get_architecture
from edgecls.models.registry import register_model


def test_names_are_sorted() -> None:
    assert architecture_names() == [
        "efficientnet_v2_b0",
        "gray_cnn",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "nasnet_mobile",
        "resnet18",
        "resnet50v2",
        "simple_cnn",
        "vgg16",
    ]


def test_a_near_miss_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(ModelConfigError, match=r"no architecture 'mobilenetv2'; did you mean 'mobilenet_v2'\?"):
        get_architecture("mobilenetv2")


def test_an_unknown_name_is_answered_with_all_names() -> None:
    with pytest.raises(ModelConfigError, match="choose one of efficientnet_v2_b0, gray_cnn, mobilenet_v2, "):
        get_architecture("transformer")


def test_a_name_cannot_be_taken_twice() -> None:
    with pytest.raises(ModelConfigError, match="two architectures named 'simple_cnn'"):
        register_model("simple_cnn", head=Head(), min_side=1, default_side=1, parameters=0, source="none")(
            lambda images: images
        )


def test_a_classical_model_is_pointed_out() -> None:
    with pytest.raises(ModelConfigError, match="'svm' is a classical model and no network; give it to"):
        get_architecture("svm")
