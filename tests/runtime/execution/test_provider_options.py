"""Where TensorRT's engines are kept, and what they are built for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgecls.errors import ProviderError
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.provider_options import EngineKey, engine_folder, engine_key, tensorrt_options

KEY = EngineKey("a1", "1.31.1", "101601", "580.65", "H200", "9.0", largest_batch=8, likely_batch=1)


@pytest.mark.parametrize(
    "change",
    [
        {"network": "a2"},
        {"onnxruntime": "1.31.2"},
        {"tensorrt": "101602"},
        {"driver": "580.66"},
        {"gpu": "H100"},
        {"compute_capability": "8.9"},
        {"largest_batch": 16},
        {"likely_batch": 8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_anything_takes_another_folder(change: dict[str, str]) -> None:
    assert replace(KEY, **change).folder_name != KEY.folder_name
    assert replace(KEY).folder_name == KEY.folder_name


def test_the_folder_says_what_its_engine_was_built_for(tmp_path: Path) -> None:
    folder = engine_folder(KEY, root=tmp_path / "tensorrt")

    assert folder == engine_folder(KEY, root=tmp_path / "tensorrt")
    assert json.loads((folder / "key.json").read_text())["compute_capability"] == "9.0"
    assert [path.name for path in folder.iterdir()] == ["key.json"]


def test_a_place_where_nothing_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "tensorrt").write_text("a file")

    with pytest.raises(ProviderError, match=r"cannot keep TensorRT's engines in '.*tensorrt"):
        engine_folder(KEY, root=tmp_path / "tensorrt")


def test_the_key_is_of_the_network_not_of_its_document(tiny_model: ModelFile) -> None:
    renamed = replace(tiny_model, path="elsewhere.onnx")

    key = engine_key(tiny_model, batch_sizes=(4, 1, 16))

    assert key == engine_key(renamed, batch_sizes=(4, 16))
    assert (key.likely_batch, key.largest_batch) == (4, 16)
    assert key.onnxruntime == load_onnxruntime().__version__


def test_one_profile_covers_every_batch_size(tiny_model: ModelFile, tmp_path: Path) -> None:
    options = tensorrt_options(tiny_model, tmp_path, batch_sizes=(4, 1, 16))

    assert options["trt_profile_min_shapes"] == "image:1x8x8x3"
    assert options["trt_profile_opt_shapes"] == "image:4x8x8x3"
    assert options["trt_profile_max_shapes"] == "image:16x8x8x3"
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == str(tmp_path)
