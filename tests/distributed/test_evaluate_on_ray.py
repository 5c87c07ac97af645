"""`edgecls evaluate --on ray` on real clusters."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_namespace import in_namespace, missing_for_a_cluster
from color_folders import PURE, write_color_folders

from edgecls import image

SCRIPT = Path(__file__).with_name("on_a_cluster.py")
OF_A_RUN = ("time_ms", "duration_s", "workers")
OF_EACH = 200


@pytest.fixture(scope="module", autouse=True)
def _clusters_can_run() -> None:
    reason = missing_for_a_cluster()
    if reason is not None:
        pytest.skip(reason)


def _local(model: Path, data: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "edgecls", "evaluate", model, data, "--format", "json", "--provider", "cpu"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def _numbers(stdout: str) -> dict[str, Any]:
    """Return what an evaluation has printed, without what differs from run to run."""
    return {key: value for key, value in json.loads(stdout).items() if key not in OF_A_RUN}


def test_an_evaluation_goes_on_after_a_kill_with_the_numbers_of_the_local_command(
    tmp_path: Path, familiar_model_path: Path
) -> None:
    data = write_color_folders(tmp_path / "data")
    (data / "blue" / "bad.png").write_text("these are notes")
    pixels = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), np.uint8)
    for label in PURE:
        first = data / label / "1000.png"
        first.write_bytes(image.encode_png(pixels))
        for number in range(1, OF_EACH):
            os.link(first, data / label / f"{1000 + number}.png")
    total = 3 * OF_EACH + 10

    done = in_namespace(SCRIPT, "evaluation", tmp_path, familiar_model_path)

    local = _local(familiar_model_path, data)
    assert done["codes"] == [-9, 1, 1]
    assert local.returncode == 1  # as one image cannot be used
    assert 80 <= done["after_kill"] < total
    assert len(done["names"]) == len(set(done["names"])) == total
    for stdout, stderr in (done["last"], done["again"]):
        assert _numbers(stdout) == _numbers(local.stdout)
        assert local.stderr in stderr  # "left out: ..."
    assert f"{done['after_kill']} were there already" in done["last"][1]
    assert f"0 images were classified, {total} were there already" in done["again"][1]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("data:image/jpeg") > 10


def test_a_dataset_in_object_storage_is_evaluated_as_on_this_machine(tmp_path: Path, tiny_model_path: Path) -> None:
    data = tmp_path / "data"
    write_color_folders(data / "train")
    write_color_folders(data / "test")
    (data / "test" / "green" / "1.png").write_text("these are notes")

    done = in_namespace(SCRIPT, "remote_evaluation", tmp_path, tiny_model_path)

    local = _local(tiny_model_path, data)
    uri = "s3://photos/a set/of+colors"
    expected = json.loads(local.stdout.replace(str(data), uri))
    found = _numbers(done["stdout"])
    assert found.pop("data") == uri + "/"
    assert found == {key: value for key, value in expected.items() if key not in ("data", *OF_A_RUN)}, done["stderr"]
    assert (found["split"], done["code"]) == ("test", 1)
    assert local.stderr.replace(str(data), uri) in done["stderr"]
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 9  # each of the eight images, and the mistake once more
    nothing, no_classes, no_folders = done["wrong"]
    assert "there is no folder 's3://photos/nothing'" in nothing
    assert "'s3://photos/a set' has 1 class folder(s)" in no_classes
    assert "'s3://photos/a set/of+colors/test/red' has 0 class folder(s)" in no_folders
