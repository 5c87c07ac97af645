"""`edgecls run --on ray` on real clusters, with nodes and programs that die."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_namespace import in_namespace, missing_for_a_cluster
from familiar_model import GREY, colored

from edgecls import __version__, image

SCRIPT = Path(__file__).with_name("on_a_cluster.py")
COLORS = {"red": (250, 10, 20), "green": (5, 240, 30), "blue": (12, 30, 245)}
MANY = 900


@pytest.fixture(scope="module", autouse=True)
def _clusters_can_run() -> None:
    reason = missing_for_a_cluster()
    if reason is not None:
        pytest.skip(reason)


def _comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows by name, without times, and without the columns that are empty in Parquet."""
    kept = [{key: value for key, value in row.items() if key != "time_ms" and value is not None} for row in rows]
    return sorted(kept, key=lambda row: row["image"])


def test_rows_equal_those_of_the_local_command_and_each_image_comes_once(
    images: Path, tmp_path: Path, familiar_model_path: Path
) -> None:
    (images / "grey.png").write_bytes(colored(GREY))
    (images / "below").mkdir()
    (images / "below" / '猫, "red".png').write_bytes((images / "red.png").read_bytes())
    (images / "below" / "notes.jpg").write_text("these are notes")
    (images / "cut.png").write_bytes((images / "blue.png").read_bytes()[:60])
    gone = images / "gone.png"
    (tmp_path / "list.txt").write_text(f"{images / 'red.png'}\n\n{gone}\n{images}/./blue.png\n", encoding="utf-8")

    done = in_namespace(SCRIPT, "same_rows", tmp_path, familiar_model_path)

    local = subprocess.run(
        [sys.executable, "-m", "edgecls", "run", images, gone, "--format", "json", "--top", "2", "--embeddings"],
        env={**os.environ, "EDGECLS_MODEL": str(familiar_model_path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    expected = _comparable([json.loads(line) for line in local.stdout.splitlines()])
    assert len(expected) == 8
    assert [row["reason"] for row in expected if "reason" in row] == ["unlike"]
    assert sum("embedding" in row for row in expected) == 5
    assert _comparable(done["columns"]) == expected
    assert _comparable(done["lines"]) == expected
    assert done["codes"] == [1, 1]  # as for the local command, if an image could not be used
    assert "warning" not in done["stderr"][0]  # this cluster is on the loopback address
    assert "3 images could not be classified" in done["stderr"][0]
    assert done["manifest"]["edgecls"] == __version__
    assert done["manifest"]["options"]["embeddings"] is True
    assert done["manifest"]["options"]["min_familiarity"] is None
    assert done["manifest"]["finished"]["images"] == 8
    assert done["manifest"]["finished"]["errors"] == 3


def test_whatever_dies_every_image_is_in_the_output_exactly_once(tmp_path: Path, tiny_model_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), np.uint8)
    first = folder / "000.png"
    first.write_bytes(image.encode_png(pixels))
    for number in range(1, MANY):
        os.link(first, folder / f"{number:03d}.png")

    done = in_namespace(SCRIPT, "deaths", tmp_path, tiny_model_path)

    assert done["codes"] == [130, -9, 0, 0]
    assert "the same command goes on from there" in done["interrupted"]
    assert 80 <= done["after_interrupt"] < done["after_kill"] < MANY
    assert sorted(done["names"]) == [str(folder / f"{number:03d}.png") for number in range(MANY)]
    assert f"{done['after_kill']} were there already" in done["last"]
    assert f"0 images were classified, {MANY} were there already" in done["again"]
    assert done["manifest"]["finished"]["images"] == MANY


def test_images_in_object_storage_are_listed_and_read_by_the_workers(
    images: Path, tmp_path: Path, tiny_model_path: Path
) -> None:
    (images / "notes.jpg").write_text("these are notes")

    done = in_namespace(SCRIPT, "object_storage", tmp_path, tiny_model_path)

    rows = {row["image"]: row for row in done["rows"]}
    beginning = "s3://photos/of a/trip+1/"
    assert {name.removeprefix(beginning): row["label"] for name, row in rows.items()} == {
        **{f"{color}.png": color for color in COLORS},
        "notes.jpg": None,
        "gone.png": None,
    }, done["stderr"]
    assert len(done["rows"]) == 5
    assert rows[beginning + "gone.png"]["error"]["type"] == "ImageReadError"
    assert rows[beginning + "notes.jpg"]["error"]["type"] == "UnsupportedImageError"
    assert done["code"] == 1
    assert "cannot list 's3://photos/nothing': there is nothing under this name" in done["nothing"]


def test_nobody_else_gets_into_the_cluster_of_the_command(tmp_path: Path, tiny_model_path: Path) -> None:
    done = in_namespace(SCRIPT, "stranger", tmp_path, tiny_model_path)

    assert done["own"] == "own"
    assert done["code"] != 0
    assert "joined" not in done["stdout"]
    assert "token" in done["stderr"]
