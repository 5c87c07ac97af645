"""Evaluations from the rows of a cluster job. Where all rows are there, no cluster is needed."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from color_folders import write_color_folders

from edgecls.distributed.cluster import Share
from edgecls.distributed.evaluation import ClusterData, evaluate_on_cluster
from edgecls.distributed.job import Job, open_output
from edgecls.distributed.output import Row
from edgecls.distributed.worker import scored_row
from edgecls.errors import DistributedError, ImageDecodeError
from edgecls.evaluation.evaluate import evaluate, model_label_ids
from edgecls.evaluation.record import Evaluation, evaluation_to_dict
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.many_images import classify_stream, file_source
from edgecls.runtime.opening import load

OF_A_RUN = ("time_ms", "duration_s", "workers", "provider")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = write_color_folders(tmp_path / "数据")
    (root / "red" / "1.png").write_text("these are notes")
    return root


def _rows(classifier: Classifier, data: Path) -> list[Row]:
    """Return the rows that workers make of a dataset, in the wrong order."""
    images = ClusterData(str(data)).dataset.whole
    label_ids = model_label_ids(images, classifier.card)
    outcomes = classify_stream(classifier, [file_source(str(path)) for path in images.paths], workers=1)
    rows = [
        {**scored_row(outcome, label_id, "cpu"), "true_label": classifier.labels[label_id]}
        for outcome, label_id in zip(outcomes, label_ids, strict=True)
    ]
    return rows[::-1]


def _write(job: Job, rows: list[Row]) -> None:
    with contextlib.closing(open_output(job)) as output:
        output.write(rows[:4])
        output.write(rows[4:])


def _job(model: ModelFile, data: Path, output: Path, **more: Any) -> Job:
    return Job((str(data),), output, model, evaluates={"data": str(data), "split": "all"}, **more)


def _evaluated(job: Job, data: Path) -> Evaluation:
    cluster_data = ClusterData(str(data))
    evaluation, _ = evaluate_on_cluster(job, cluster_data, cluster_data.dataset.whole, address=None, share=Share())
    return evaluation


def _document(evaluation: Evaluation) -> dict[str, Any]:
    return {key: value for key, value in evaluation_to_dict(evaluation, top=2).items() if key not in OF_A_RUN}


@pytest.mark.parametrize("output_format", ["parquet", "json"])
@pytest.mark.parametrize("threshold", [None, 0.9997])
def test_numbers_are_exactly_those_of_the_local_evaluation(
    output_format: str, threshold: float | None, familiar_model_path: Path, data: Path, tmp_path: Path
) -> None:
    if output_format == "parquet":
        pytest.importorskip("pyarrow", reason="needs edgecls[ray]")
    classifier = load(familiar_model_path, "cpu", unknown_threshold=threshold)
    local = evaluate(classifier, ClusterData(str(data)).dataset.whole, workers=1)
    job = _job(
        read_model(familiar_model_path),
        data,
        tmp_path / "out",
        output_format=output_format,
        unknown_threshold=threshold,
    )
    _write(job, _rows(classifier, data))

    found = _evaluated(job, data)

    assert _document(found) == _document(local)
    assert found.paths == local.paths
    assert np.array_equal(found.top_probabilities, local.top_probabilities)
    assert found.familiarities is not None
    assert local.familiarities is not None
    assert np.array_equal(found.familiarities, local.familiarities)
    assert found.provider == "cpu"
    [error] = found.failures.values()
    assert isinstance(error, ImageDecodeError)


def test_rows_of_images_that_have_left_the_dataset_do_not_count(
    tiny_classifier: Classifier, tiny_model: ModelFile, data: Path, tmp_path: Path
) -> None:
    job = _job(tiny_model, data, tmp_path / "out", output_format="json")
    _write(job, _rows(tiny_classifier, data))
    (data / "green" / "0.png").unlink()

    assert _evaluated(job, data).images == 7


def test_rows_with_another_true_label_are_refused(
    tiny_classifier: Classifier, tiny_model: ModelFile, data: Path, tmp_path: Path
) -> None:
    job = _job(tiny_model, data, tmp_path / "out", output_format="json")
    rows = _rows(tiny_classifier, data)
    rows[3]["true_label"] = "green"
    _write(job, rows)

    with pytest.raises(DistributedError, match=r"had the label 'green' in an earlier run, and has 'red' now"):
        _evaluated(job, data)


def test_an_evaluation_and_other_work_do_not_mix(tiny_model: ModelFile, data: Path, tmp_path: Path) -> None:
    job = _job(tiny_model, data, tmp_path / "out", output_format="json")
    open_output(job).close()

    with pytest.raises(DistributedError, match=r"evaluates was .*, is null"):
        open_output(replace(job, evaluates=None))
    with pytest.raises(DistributedError, match='split was "all", is "test"'):
        open_output(replace(job, evaluates={"data": str(data), "split": "test"}))
