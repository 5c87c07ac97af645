"""Packages that do not work together, with versions made up."""

from pathlib import Path

import pytest
from runtime_wheels import install

from edgecls.runtime.doctor.bad_pairs import BAD_PAIRS, find_bad_pairs, installed_packages

GPU = {"onnxruntime-gpu": "1.31.1"}
CASES = [
    ({**GPU, "nvidia-cudnn-cu13": "9.26.0.51", "nvidia-cublas": "13.8.0.1"}, "cannot load cuDNN", "9.24.0.43"),
    ({**GPU, "tensorrt-cu13": "11.4.0"}, "libnvinfer.so.10", 'pip install "tensorrt-cu13>=10,<11"'),
    ({**GPU, "tensorrt": "11.0"}, "libnvinfer.so.10", 'pip install "tensorrt>=10,<11"'),
    (
        {**GPU, "onnxruntime": "1.32.0"},
        "has written over the older one",
        "pip uninstall -y onnxruntime onnxruntime-gpu",
    ),
    ({"onnxruntime-directml": "1.24.4"}, "deprecated for Windows ML", "pip uninstall -y onnxruntime-directml"),
    ({"onnxruntime": "1.24.3", "onnxruntime-ep-webgpu": "0.4.0"}, "needs onnxruntime 1.24.4", "onnxruntime>=1.24.4"),
    ({"onnxruntime": "1.9.0", "onnxruntime-ep-openvino": "1.8.1"}, "needs onnxruntime 1.23", "onnxruntime>=1.23"),
    ({"onnxruntime": "1.30.0", "onnxruntime-ep-mlx": "0.31.0"}, "needs onnxruntime 1.31", "onnxruntime>=1.31"),
    (
        {"onnxruntime": "1.23.2", "onnxruntime-ep-nv-tensorrt-rtx-cu12": "0.5.0"},
        "nv_tensorrt_rtx needs onnxruntime 1.24",
        "onnxruntime>=1.24",
    ),
]
FINE = [
    {},
    {"onnxruntime": "1.32.0"},
    {**GPU, "nvidia-cudnn-cu13": "9.24.0.43", "nvidia-cublas": "13.1.1.3"},
    {**GPU, "nvidia-cudnn-cu13": "9.26.0.51", "nvidia-cublas": "13.1.1.3"},
    {"onnxruntime": "1.32.0", "nvidia-cudnn-cu13": "9.26.0.51"},
    {**GPU, "tensorrt-cu13": "10.16.1"},
    {"onnxruntime": "1.32.0", "tensorrt-cu13": "11.4.0"},
    {**GPU, "onnxruntime": "1.31.1"},
    {**GPU, "onnxruntime": "1.9.0"},
    {"onnxruntime": "1.24.4", "onnxruntime-ep-webgpu": "0.4.0"},
    {"onnxruntime": "1.100.0", "onnxruntime-ep-mlx": "0.31.0"},
]


@pytest.mark.parametrize(("installed", "reason", "step"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_a_bad_pair_comes_with_versions_reason_and_remedy(installed: dict[str, str], reason: str, step: str) -> None:
    (found,) = find_bad_pairs(installed)

    assert all(f"{name} {version}" in str(found) for name, version in installed.items())
    assert reason in str(found)
    assert step in " ".join(found.pair.remedy)


@pytest.mark.parametrize("installed", FINE, ids=lambda installed: " ".join(map(" ".join, installed.items())) or "none")
def test_other_versions_are_fine(installed: dict[str, str]) -> None:
    assert find_bad_pairs(installed) == ()


def test_every_pair_is_found_in_some_case() -> None:
    found = {one.pair for installed, _, _ in CASES for one in find_bad_pairs(installed)}

    assert {pair.reason for pair in found} == {pair.reason for pair in BAD_PAIRS}


def test_of_several_copies_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, version in (("first", "1.2"), ("second", "3.4")):
        install(tmp_path / folder, "Made.Up_package", version)
    monkeypatch.syspath_prepend(str(tmp_path / "second"))
    monkeypatch.syspath_prepend(str(tmp_path / "first"))

    assert installed_packages()["made-up-package"] == "1.2"
