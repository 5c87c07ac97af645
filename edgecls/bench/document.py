"""The results of a benchmark as a JSON document; docs/bench.md explains it."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgecls.bench.benchmark import Benchmark, Placement, Row
from edgecls.bench.reference import Load
from edgecls.bench.trials import Figures, is_too_noisy
from edgecls.measuring.turns import median_of
from edgecls.modelfile import ModelFile
from edgecls.runtime.machine.facts import machine_facts
from edgecls.runtime.tuned import this_hardware

__all__ = ["FORMAT", "KIND", "as_document"]

KIND = "edgecls bench"
FORMAT = 1
"""The version of the document; others cannot be compared with."""


def as_document(found: Benchmark, names: Sequence[str], *, folder: Path) -> dict[str, Any]:
    """Return all that was measured, and where and with what.

    Args:
        found: What was measured.
        names: What to call each model.
        folder: The Git repository here gives the revision.
    """
    hardware = this_hardware()
    return {
        "kind": KIND,
        "format": FORMAT,
        "machine": {
            **machine_facts(folder),
            "gpus": list(hardware.gpus),
            "driver": hardware.driver,
            "providers": list(hardware.providers),
        },
        "seconds": found.seconds,
        "pace_s": found.pace_s,
        "images": {"count": found.images, "sha256": found.images_sha256},
        "models": [_model(name, model) for name, model in zip(names, found.models, strict=True)],
        "settings": [_row(names[row.model], row) for row in found.rows],
        "placements": [_placement(names[placement.model], placement) for placement in found.placements],
        "reference_s": asdict(found.reference_times),
        "skipped": [asdict(skipped) for skipped in found.skipped],
    }


def _model(name: str, model: ModelFile) -> dict[str, Any]:
    return {
        "name": name,
        "model": model.path,
        "network_sha256": model.network_sha256,
        "file_sha256": hashlib.sha256(model.onnx).hexdigest(),
        "size_bytes": len(model.onnx),
        "architecture": model.card.architecture,
        "precision": model.card.precision,
    }


def _row(name: str, row: Row) -> dict[str, Any]:
    first = row.first.times
    return {
        "model": name,
        **asdict(row.setting),
        "setting": str(row.setting),
        "reference": row.load,
        "warm_up": {
            "first_image_ms": first[0].latency_ms,
            "images": len(first),
            "images_per_s": row.first.images_per_s,
        },
        "back_to_back": _figures(row.back_to_back, judged_by=row.back_to_back.images_per_s),
        "paced": None if row.paced is None else _figures(row.paced, judged_by=row.paced.latency_ms),
    }


def _figures(figures: Figures, *, judged_by: Sequence[float]) -> dict[str, Any]:
    return {
        "images": figures.images,
        "images_per_s": _estimate(figures.images_per_s),
        "latency_ms": _estimate(figures.latency_ms),
        "p95_ms": figures.p95_ms,
        "p99_ms": figures.p99_ms,
        "decode_ms": figures.stages.decode_ms,
        "queue_ms": figures.stages.queue_ms,
        "inference_ms": figures.stages.inference_ms,
        "too_noisy": is_too_noisy(judged_by),
    }


def _placement(name: str, placement: Placement) -> dict[str, Any]:
    times_s = [start.elapsed_s for start in placement.starts]
    peaks = [start.peak_bytes for start in placement.starts if start.peak_bytes is not None]
    evaluation = placement.evaluation
    return {
        "model": name,
        "provider": placement.provider.value,
        "nodes": dict(placement.nodes),
        "reference": Load.ONE_CORE,
        "start_s": {**_estimate(times_s), "too_noisy": is_too_noisy(times_s)} if times_s else None,
        "peak_memory_bytes": _estimate(peaks) if peaks else None,
        "accuracy": None
        if evaluation is None
        else {
            "value": evaluation.accuracy,
            "low": evaluation.accuracy_interval[0],
            "high": evaluation.accuracy_interval[1],
            "images": evaluation.images,
        },
    }


def _estimate(rounds: Sequence[float]) -> dict[str, Any]:
    return {**asdict(median_of(rounds)), "rounds": list(rounds)}
