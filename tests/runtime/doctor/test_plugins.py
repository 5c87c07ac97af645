"""Plugins of onnxruntime: the installed ones, and what is wrong with one."""

import importlib.util
from pathlib import Path

import pytest
from runtime_wheels import install

from edgecls.runtime.doctor.plugins import check_plugins

PATIENCE_S = 600


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime_ep_webgpu") is None, reason="needs onnxruntime-ep-webgpu")
def test_the_webgpu_plugin_registers_with_or_without_a_device() -> None:
    check = next(one for one in check_plugins(timeout_s=PATIENCE_S) if one.name == "onnxruntime-ep-webgpu")

    assert check.reason is None
    assert check.providers == ("WebGpuExecutionProvider",)
    assert str(check).startswith(f"onnxruntime-ep-webgpu {check.version} (")


def test_a_plugin_whose_package_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "onnxruntime-ep-nothing", "1.2")
    monkeypatch.syspath_prepend(str(tmp_path))

    check = next(one for one in check_plugins(timeout_s=PATIENCE_S) if one.name == "onnxruntime-ep-nothing")

    assert (check.version, check.providers, check.devices) == ("1.2", (), 0)
    assert "onnxruntime_ep_nothing" in str(check.reason)


def test_a_library_that_is_none_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "onnxruntime-ep-broken", "0.1")
    (tmp_path / "library.so").write_bytes(b"no library")
    (tmp_path / "onnxruntime_ep_broken.py").write_text(
        f"def get_library_path():\n    return {str(tmp_path / 'library.so')!r}\n"
        "def get_ep_names():\n    return ['BrokenExecutionProvider']\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    check = next(one for one in check_plugins(timeout_s=PATIENCE_S) if one.name == "onnxruntime-ep-broken")

    assert check.reason
    assert check.devices == 0
