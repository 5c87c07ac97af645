"""Networks on plugins of onnxruntime: run on WebGPU with a GPU in software, and refused where nothing is there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from runtime_wheels import install
from software_gpu import run_on_software_gpu
from tiny_model import TINY_SPEC, tiny_answer, tiny_golden, tiny_model_bytes

from edgecls.errors import ProviderError
from edgecls.model_card import Golden, GoldenSample
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution import plugins, providers
from edgecls.runtime.execution.plugins import PLUGINS, as_numbers, not_for_auto
from edgecls.runtime.execution.probe import probe
from edgecls.runtime.execution.providers import Provider, installed_providers, is_plugin_installed, providers_to_try
from edgecls.runtime.session import open_session, try_provider

needs_webgpu = pytest.mark.skipif(not is_plugin_installed(Provider.WEBGPU), reason="needs onnxruntime-ep-webgpu")
needs_1_24 = pytest.mark.skipif(
    as_numbers(plugins.load_onnxruntime().__version__) < (1, 24), reason="needs onnxruntime 1.24, as the plugin does"
)

PREDICT = """
import json, sys
import numpy as np
from edgecls.modelfile import read_model
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.session import open_session
session = open_session(read_model(sys.argv[1]), Provider(sys.argv[2]), intra_op_threads=1, batch_sizes=(4, 1))
batch = np.random.default_rng(5).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
skipped = [str(one) for one in session.skipped]
print(json.dumps([session.provider, session.nodes, session.run(batch).tolist(), skipped]))
"""


def test_a_network_runs_on_webgpu_with_the_right_answers(tiny_model_path: Path, tmp_path: Path) -> None:
    done = run_on_software_gpu("-c", PREDICT, str(tiny_model_path), "webgpu", cache=tmp_path)

    assert done.returncode == 0, done.stderr
    provider, nodes, found, skipped = json.loads(done.stdout)
    batch = np.random.default_rng(5).integers(0, 256, (3, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    assert (provider, skipped) == ("webgpu", [])
    assert nodes["WebGpuExecutionProvider"] > 0
    assert "CPUExecutionProvider" not in nodes
    np.testing.assert_allclose(found, tiny_answer(batch), rtol=0, atol=1e-5)
    (kept,) = (tmp_path / "edgecls" / "plugins").iterdir()
    assert json.loads(kept.read_text())["providers"] == ["WebGpuExecutionProvider"]


def test_wrong_golden_samples_keep_a_network_off_webgpu(tmp_path: Path) -> None:
    good = tiny_golden()
    first = good.samples[0]
    wrong = GoldenSample(first.name, first.png, tuple(reversed(first.probabilities)))
    path = tmp_path / "untrue.onnx"
    path.write_bytes(tiny_model_bytes(golden=Golden(good.tolerance, (wrong, *good.samples[1:]))))

    done = run_on_software_gpu("-c", PREDICT, str(path), "webgpu", cache=tmp_path)

    assert done.returncode != 0
    assert "webgpu: it gives wrong answers (golden sample 'sample 0'" in done.stderr


def test_auto_leaves_a_gpu_in_software_alone_and_the_doctor_says_why(tiny_model_path: Path, tmp_path: Path) -> None:
    found = run_on_software_gpu("-c", PREDICT, str(tiny_model_path), "auto", cache=tmp_path)
    doctor = run_on_software_gpu(
        "-m", "edgecls", "doctor", "--format", "json", "--model", str(tiny_model_path), cache=tmp_path
    )

    assert json.loads(found.stdout)[0] != "webgpu", found.stderr
    facts = json.loads(doctor.stdout)
    check = next(one for one in facts["providers"] if one["provider"] == "webgpu")
    assert check["works"]
    assert check["nodes"]["WebGpuExecutionProvider"] > 0
    assert check["by_name_only"].startswith("its device here is the processor")
    assert facts["best_provider"] != "webgpu"
    (plugin,) = (one for one in facts["plugins"] if one["provider"] == "webgpu")
    assert (plugin["onnxruntime"], len(plugin["devices"]), plugin["reason"]) == ("1.24.4", 1, None)


def test_a_driver_that_is_not_there_is_the_reason_and_the_trial_is_not_kept(
    tiny_model_path: Path, tmp_path: Path
) -> None:
    done = run_on_software_gpu("-c", PREDICT, str(tiny_model_path), "webgpu", cache=tmp_path, VK_ICD_FILENAMES="/none")

    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert re.search(r"webgpu: onnxruntime-ep-webgpu \S+: Failed to get a WebGPU adapter", last)
    assert "needs a GPU and its driver for Vulkan" in last
    assert not (tmp_path / "edgecls" / "plugins").exists()


@needs_webgpu
@pytest.mark.skipif(Provider.WEBGPU in installed_providers(), reason="this machine may have a device for it")
class TestWithoutDevice:
    def test_the_plugin_asked_for_by_name_fails_with_the_reason(self, tiny_model: ModelFile, own_cache: Path) -> None:
        with pytest.raises(
            ProviderError, match=r"on webgpu\. webgpu: .*finds no device on this machine; it needs a GPU"
        ):
            open_session(tiny_model, Provider.WEBGPU, intra_op_threads=1)

    def test_auto_goes_on_and_has_nothing_to_explain(self, tiny_model: ModelFile) -> None:
        session = open_session(tiny_model, Provider.AUTO, intra_op_threads=1)

        assert session.provider is not Provider.WEBGPU
        assert all(skipped.provider is not Provider.WEBGPU for skipped in session.skipped)


@needs_webgpu
class TestWhereAuto:
    """A machine whose list of devices says that it may have one; whether it has is up to the plugin."""

    @pytest.fixture(autouse=True)
    def _graphics_card(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "drm" / "card0").mkdir(parents=True)
        monkeypatch.setattr(providers, "_DEVICES", ((str(tmp_path / "drm"), "card"),))

    def test_a_plugin_is_tried_before_the_cpu_and_after_what_is_built_in(self) -> None:
        tried = providers_to_try(Provider.AUTO)

        assert tried == [provider for provider in Provider if provider in tried]
        assert tried[-2:] == [Provider.WEBGPU, Provider.CPU]
        assert Provider.OPENVINO_PLUGIN not in tried

    def test_it_is_skipped_with_the_reason_where_it_cannot_run(self, tiny_model: ModelFile, own_cache: Path) -> None:
        session = open_session(tiny_model, Provider.AUTO, intra_op_threads=1)

        if session.provider is not Provider.CPU:
            pytest.skip("it can")
        assert [skipped.provider for skipped in session.skipped][-1:] == [Provider.WEBGPU]
        assert "onnxruntime-ep-webgpu" in session.skipped[-1].reason


@pytest.mark.parametrize("provider", [Provider.NV_TENSORRT_RTX, Provider.OPENVINO_PLUGIN, Provider.WEBGPU], ids=str)
def test_a_plugin_that_is_not_installed_is_named_with_its_command(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(providers._PLUGIN_MODULES, provider, "no_such_module_of_a_plugin")

    hindrance = probe(provider)

    assert hindrance is not None
    assert hindrance.reason == "its plugin is not installed"
    assert hindrance.remedy.endswith(f", then {PLUGINS[provider].command}")


@pytest.fixture
def made_up_rtx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> Iterator[Path]:
    """The module of TensorRT for RTX, as far as Python finds one."""
    install(tmp_path, "onnxruntime-ep-nv-tensorrt-rtx-cu13", "0.5.0")
    module = tmp_path / "onnxruntime_ep_nv_tensorrt_rtx.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    return module


def test_an_onnxruntime_older_than_the_plugin_needs_is_named_before_the_plugin_is_touched(
    made_up_rtx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up_rtx.write_text("raise SystemExit('imported')")
    monkeypatch.setattr(plugins.load_onnxruntime(), "__version__", "1.23.2")

    hindrance = probe(Provider.NV_TENSORRT_RTX)

    assert hindrance is not None
    assert (
        hindrance.reason
        == "onnxruntime-ep-nv-tensorrt-rtx-cu13 0.5.0 needs onnxruntime 1.24 or newer, installed is 1.23.2"
    )
    assert hindrance.remedy == 'pip install --upgrade "onnxruntime>=1.24"'


@needs_1_24
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os.abort()", "trying it killed the process (SIGABRT)"),
        ("def get_library_path(): raise RuntimeError('no library here')", "no library here"),
        ("import a_part_that_is_gone", "No module named 'a_part_that_is_gone'"),
        ("def get_library_path(): return '/dev/null'", "/dev/null"),
    ],
    ids=["crash", "refuses", "part-missing", "no-library"],
)
def test_a_plugin_that_fails_or_crashes_loses_only_the_try(
    made_up_rtx: Path, tiny_model: ModelFile, source: str, reason: str
) -> None:
    made_up_rtx.write_text(source)

    found = try_provider(tiny_model, Provider.NV_TENSORRT_RTX, intra_op_threads=1)

    assert str(found).startswith("nv_tensorrt_rtx: onnxruntime-ep-nv-tensorrt-rtx-cu13 0.5.0: ")
    assert reason in str(found)
    assert "NVIDIA RTX GPU" in str(found)


class _Device:
    """What onnxruntime says of a device; no machine of ours has a GPU."""

    def __init__(self, ep_name: str, kind: str, vendor: str = "", **metadata: str) -> None:
        self.ep_name = ep_name
        self.device = type(
            "_Hardware", (), {"vendor": vendor, "metadata": metadata, "type": type("_", (), {"name": kind})}
        )


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[_Device]:
    found: list[_Device] = []
    monkeypatch.setattr(plugins.load_onnxruntime(), "get_ep_devices", lambda: found)
    return found


def test_a_card_of_its_own_comes_before_other_gpus_and_these_before_the_rest(devices: list[_Device]) -> None:
    name = Provider.WEBGPU.onnxruntime_name
    devices += [
        _Device("CPUExecutionProvider", "CPU", "AMD"),
        _Device(name, "CPU", "AMD"),
        _Device(name, "NPU", "AMD"),
        _Device(name, "GPU", "Intel"),
        _Device(name, "GPU", "NVIDIA", Discrete="1"),
    ]

    assert plugins.best_device(Provider.WEBGPU).device.vendor == "NVIDIA"
    with pytest.raises(ProviderError, match="finds no device"):
        plugins.best_device(Provider.MLX)


@pytest.mark.parametrize(
    ("kind", "nodes", "reason"),
    [
        ("GPU", {"WebGpuExecutionProvider": 60}, None),
        ("GPU", {"WebGpuExecutionProvider": 60, "CPUExecutionProvider": 7}, "it leaves 7 of 67 nodes to the CPU"),
        ("CPU", {"WebGpuExecutionProvider": 60}, "its device here is the processor"),
    ],
    ids=["whole-network", "parts", "processor"],
)
def test_auto_takes_a_plugin_only_for_a_whole_network_on_another_device(
    devices: list[_Device], kind: str, nodes: dict[str, int], reason: str | None
) -> None:
    devices.append(_Device(Provider.WEBGPU.onnxruntime_name, kind))

    objection = not_for_auto(Provider.WEBGPU, nodes)

    assert (objection is None) == (reason is None)
    if objection and reason:
        assert objection.reason.startswith(reason)
        assert "--provider webgpu" in objection.remedy


@pytest.mark.parametrize(
    ("older", "newer"), [("1.9", "1.24.4"), ("1.24", "1.24.4"), ("1.23.2", "1.24"), ("1.24.4.dev3", "1.25"), ("", "0")]
)
def test_versions_are_compared_by_their_numbers(older: str, newer: str) -> None:
    assert as_numbers(older) < as_numbers(newer)
