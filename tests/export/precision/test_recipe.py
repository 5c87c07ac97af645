"""Which number formats a processor gets."""

import pytest

from edgecls.export.precision.recipe import recipe_for
from edgecls.runtime.machine.processor import Processor


@pytest.mark.parametrize(
    ("processor", "name", "signed_activations", "weight_bits"),
    [
        (
            Processor(
                "",
                "x86_64",
                (
                    "avx2",
                    "avx512_vnni",
                ),
            ),
            "x86-vnni",
            False,
            8,
        ),
        (Processor("", "amd64", ("avx_vnni",)), "x86-vnni", False, 8),
        (Processor("", "x86_64", ("amx_int8",)), "x86-vnni", False, 8),
        (Processor("", "x86_64", ("avx2",)), "x86", False, 7),
        (Processor("", "amd64"), "x86", False, 7),
        (Processor("", "aarch64"), "arm", True, 8),
        (Processor("", "riscv64"), "x86", False, 7),
    ],
    ids=["vnni", "vnni-256", "amx", "no-vnni", "not-known", "arm", "another"],
)
def test_the_recipe_follows_the_processor(
    processor: Processor, name: str, signed_activations: bool, weight_bits: int
) -> None:
    recipe = recipe_for(processor)

    assert (recipe.name, recipe.signed_activations, recipe.weight_bits) == (name, signed_activations, weight_bits)
