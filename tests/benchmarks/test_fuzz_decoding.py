"""Damaged images of every format are answered alike, whatever memory held before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_decoding.py"


def _fuzz(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"EDGECLS_BENCH_RESULTS": str(folder)}
    return subprocess.run([sys.executable, SCRIPT, *options], env=environment, capture_output=True, text=True)


def test_thousands_of_damaged_images_are_answered_alike_over_differently_filled_memory(tmp_path: Path) -> None:
    done = _fuzz(tmp_path, "--count", "500", "--perturb", "85,170")

    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "fuzz_decoding.json").read_text(encoding="utf-8"))
    assert results["differences"] == 0
    assert {row["format"] for row in results["rows"]} >= {
        "JPEG",
        "PNG",
        "WebP",
        "GIF",
        "BMP",
        "TIFF",
        "AVIF",
        "HEIC",
        "PNM",
    }
    for row in results["rows"]:
        assert row["images"] == 500
        assert row["decoded"] > 20
        assert row["refused"] > 20
        assert row["crashes"] == 0


@pytest.mark.parametrize("options", [("--formats", "XCF"), ("--perturb", "85"), ("--count", "0")])
def test_options_that_prove_nothing_are_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    assert _fuzz(tmp_path, *options).returncode == 2
