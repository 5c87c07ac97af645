"""Which number formats a processor gets."""

import pytest

from edgecls.export.precision.recipe import recipe_for
from edgecls.runtime.cpu_features import CpuFeatures


@pytest.mark.parametrize(
    ("features", "name", "signed_activations", "weight_bits"),
    [
        (CpuFeatures("x86_64", frozenset({"avx2", "avx512_vnni"})), "x86-vnni", False, 8),
        (CpuFeatures("amd64", frozenset({"avx_vnni"})), "x86-vnni", False, 8),
        (CpuFeatures("x86_64", frozenset({"amx_int8"})), "x86-vnni", False, 8),
        (CpuFeatures("x86_64", frozenset({"avx2"})), "x86", False, 7),
        (CpuFeatures("amd64"), "x86", False, 7),
        (CpuFeatures("aarch64"), "arm", True, 8),
        (CpuFeatures("riscv64"), "x86", False, 7),
    ],
    ids=["vnni", "vnni-256", "amx", "no-vnni", "not-known", "arm", "another"],
)
def test_the_recipe_follows_the_processor(
    features: CpuFeatures, name: str, signed_activations: bool, weight_bits: int
) -> None:
    recipe = recipe_for(features)

    assert (recipe.name, recipe.signed_activations, recipe.weight_bits) == (name, signed_activations, weight_bits)
