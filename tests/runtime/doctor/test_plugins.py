"""Plugins of onnxruntime in the doctor: the installed ones, and what is wrong with one."""

from pathlib import Path

import pytest
from runtime_wheels import install

from edgecls.runtime.doctor.plugins import check_plugins
from edgecls.runtime.execution.plugins import PLUGINS
from edgecls.runtime.execution.providers import Provider, is_plugin_installed

PATIENCE_S = 600


@pytest.mark.skipif(not is_plugin_installed(Provider.WEBGPU), reason="needs onnxruntime-ep-webgpu")
def test_the_webgpu_plugin_registers_with_or_without_a_device() -> None:
    check = next(one for one in check_plugins(timeout_s=PATIENCE_S) if one.name == "onnxruntime-ep-webgpu")

    assert check.providers == ("WebGpuExecutionProvider",)
    assert (check.provider, check.onnxruntime) == ("webgpu", "1.24.4")
    assert str(check).startswith(f"onnxruntime-ep-webgpu {check.version} (needs onnxruntime 1.24.4 or newer; ")


def test_a_plugin_whose_package_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "onnxruntime-ep-nothing", "1.2")
    monkeypatch.syspath_prepend(str(tmp_path))

    check = next(one for one in check_plugins(timeout_s=PATIENCE_S) if one.name == "onnxruntime-ep-nothing")

    assert (check.version, check.provider, check.providers, check.devices) == ("1.2", None, (), ())
    assert "onnxruntime_ep_nothing" in str(check.reason)
    assert "not known to edgecls" in str(check)


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
    assert check.devices == ()


def test_a_wheel_that_only_has_another_installed_is_no_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "onnxruntime-ep-nv-tensorrt-rtx", "0.5.0")
    install(tmp_path, "onnxruntime-ep-nv-tensorrt-rtx-cu13", "0.5.0")
    monkeypatch.syspath_prepend(str(tmp_path))

    checks = [one for one in check_plugins(timeout_s=PATIENCE_S) if "tensorrt" in one.name]

    assert [(one.name, one.provider) for one in checks] == [("onnxruntime-ep-nv-tensorrt-rtx-cu13", "nv_tensorrt_rtx")]
    assert "onnxruntime_ep_nv_tensorrt_rtx" in str(checks[0].reason)


def test_each_plugin_belongs_to_a_provider_of_its_name() -> None:
    assert list(PLUGINS) == [provider for provider in Provider if provider.plugin_module]
    assert all(plugin.provider is provider for provider, plugin in PLUGINS.items())
