"""The registry of architectures."""

import pytest

from edgecls.errors import ModelConfigError
from edgecls.models import Head, architecture_names, get_architecture
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
    with pytest.raises(ModelConfigError, match="'svm' is a classical model and no network; give it to"):
        get_architecture("svm")
