"""Trying a provider in a process of its own: right and wrong answers, crashes, libraries that never return."""

from pathlib import Path

import pytest
from tiny_model import tiny_golden, tiny_model_bytes

from edgecls.model_card import Golden, GoldenSample
from edgecls.runtime.doctor.provider_check import check_provider
from edgecls.runtime.execution.providers import Provider, installed_providers
from edgecls.runtime.execution.shared_libraries import missing_libraries


def test_the_cpu_gives_the_right_answers(tiny_model_path: Path) -> None:
    check = check_provider(str(tiny_model_path), Provider.CPU, timeout_s=300)

    assert (check.provider, check.works, check.reason, check.remedy) == (Provider.CPU, True, None, None)
    assert check.largest_difference is not None
    assert check.largest_difference < 1e-6
    assert check.tolerance == 1e-3


def test_wrong_answers_are_named(tmp_path: Path) -> None:
    good = tiny_golden()
    first = good.samples[0]
    wrong = GoldenSample(first.name, first.png, tuple(reversed(first.probabilities)))
    path = tmp_path / "untrue.onnx"
    path.write_bytes(tiny_model_bytes(golden=Golden(good.tolerance, (wrong, *good.samples[1:]))))

    check = check_provider(str(path), Provider.CPU, timeout_s=300)

    assert not check.works
    assert "it gives wrong answers (golden sample 'sample 0' in a batch of 1" in (check.reason or "")
    assert check.remedy


@pytest.mark.skipif(Provider.CUDA in installed_providers(), reason="this onnxruntime has CUDA built in")
def test_a_provider_that_is_not_there_keeps_its_reason_and_remedy(tiny_model_path: Path) -> None:
    check = check_provider(str(tiny_model_path), Provider.CUDA, timeout_s=300)

    assert check.reason == "the installed onnxruntime was built without it"
    assert "edgecls[gpu]" in (check.remedy or "")


@pytest.mark.parametrize(
    ("source", "timeout_s", "reason"),
    [
        ("import os; os.abort()", 60, "trying it killed the process (SIGABRT)"),
        ("raise SystemExit('no luck')", 60, "trying it killed the process (exit code 1: no luck)"),
        ("import threading; threading.Event().wait()", 1, "it was not ready after 1 s"),
    ],
    ids=["crash", "exit", "never-returns"],
)
def test_a_library_that_takes_the_process_down_loses_only_the_try(
    tiny_model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    timeout_s: float,
    reason: str,
) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    check = check_provider(str(tiny_model_path), Provider.CPU, timeout_s=timeout_s)

    assert (check.works, check.reason) == (False, reason)


@pytest.mark.gpu
@pytest.mark.parametrize("provider", [Provider.CUDA, Provider.TENSORRT])
def test_a_gpu_gives_the_right_answers(tiny_model_path: Path, provider: Provider) -> None:
    if provider is Provider.TENSORRT and (missing := missing_libraries(provider)):
        pytest.skip(f"TensorRT is not whole here: cannot load {', '.join(missing)}")
    check = check_provider(str(tiny_model_path), provider, timeout_s=600)

    assert check.works, check.reason
    assert check.nodes[provider.onnxruntime_name] > 0
