"""Starts: a process of its own, timed from outside."""

import sys
from pathlib import Path

import pytest

from edgecls.bench.launcher import launch
from edgecls.bench.stages import Start, start_once
from edgecls.runtime.execution.providers import Provider, SkippedProvider


def test_a_start_takes_time_and_memory(tiny_model_path: Path, images: Path, own_cache: Path) -> None:
    found = start_once(str(tiny_model_path), Provider.CPU, images / "red.png")

    assert isinstance(found, Start)
    assert 0.02 < found.elapsed_s < 60
    if sys.platform.startswith("linux"):
        assert found.peak_bytes is not None
        assert 20e6 < found.peak_bytes < 1e9


def test_a_start_that_fails_says_how(tmp_path: Path, images: Path) -> None:
    found = start_once(str(tmp_path / "gone.onnx"), Provider.CPU, images / "red.png")

    assert isinstance(found, SkippedProvider)
    assert "gone.onnx' not measured: it failed (exit code 1: Error: cannot open model" in found.reason


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts memory as Linux does")
def test_what_the_measuring_process_holds_is_not_counted(tiny_model_path: Path, images: Path) -> None:
    held = bytearray(b"x") * 600_000_000

    found = start_once(str(tiny_model_path), Provider.CPU, images / "red.png")

    assert isinstance(found, Start)
    assert found.peak_bytes is not None
    assert found.peak_bytes < len(held)


def test_the_launcher_tells_exit_code_time_and_memory() -> None:
    told = launch([sys.executable, "-c", "raise SystemExit(3)"])

    assert told["exit_code"] == 3
    assert set(told) == {"exit_code", "elapsed_s", "peak_bytes"}
