"""The results of a benchmark as a JSON document, written and read again; docs/how-to/bench.md explains it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.bench.benchmark import Benchmark, Placement, Row
from edgecls.bench.reference import Load
from edgecls.bench.trials import Figures, is_too_noisy
from edgecls.errors import MeasurementsError
from edgecls.json_text import parse_json
from edgecls.measuring.turns import median_of
from edgecls.modelfile import ModelFile
from edgecls.regular_file import open_regular
from edgecls.runtime.machine.facts import machine_facts
from edgecls.runtime.tuned import this_hardware

__all__ = ["FORMAT", "Recorded", "Series", "as_document", "read_recorded", "recorded_from"]

MOST_BYTES = 64 * 2**20  # of a file of measurements
LEAST, MOST = 1e-12, 1e12  # of a figure, whatever its unit
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


@dataclass(frozen=True)
class Series:
    """A figure in the rounds of a stage.

    Attributes:
        times_ms: What it took in each round, in milliseconds.
        reference_s: How long the reference workload took in each of the same rounds, in seconds.
    """

    times_ms: tuple[float, ...]
    reference_s: tuple[float, ...]

    @property
    def relative_to_reference(self) -> tuple[float, ...]:
        """In each round the time as a multiple of the reference workload's, which a slower machine does not change."""
        return tuple(
            time_ms / 1000 / reference_s for time_ms, reference_s in zip(self.times_ms, self.reference_s, strict=True)
        )


@dataclass(frozen=True)
class Recorded:
    """The results of one benchmark.

    Attributes:
        machine: Where, and with what.
        networks: Digest of the network of each model, by name.
        conditions: What else the figures depend on.
        series: The figures that can be compared, by name.
    """

    machine: Mapping[str, Any]
    networks: Mapping[str, str]
    conditions: Mapping[str, Any]
    series: Mapping[str, Series]


def read_recorded(path: Path) -> Recorded:
    """Read a file that `edgecls bench` wrote.

    Raises:
        MeasurementsError: It is missing, damaged, something else, or of another format.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise MeasurementsError(f"cannot read {str(path)!r}: {error.strerror}; check the path") from error
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES // 2**20} MiB")
        document = parse_json(data)
    except ValueError as error:
        raise MeasurementsError(
            f"cannot compare with {str(path)!r}: it is damaged, or 'edgecls bench' did not write it ({error}); "
            "measure again with --output"
        ) from error
    return recorded_from(document, name=str(path))


def recorded_from(document: Any, *, name: str) -> Recorded:
    """Return what a document holds that can be compared.

    Args:
        document: As `as_document` makes it.
        name: What to call it in errors.

    Raises:
        MeasurementsError: It is something else, of another format, or damaged.
    """
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise MeasurementsError(
            f"cannot compare with {name!r}: 'edgecls bench' did not write it; give a file made with --output"
        )
    if document.get("format") != FORMAT:
        raise MeasurementsError(
            f"cannot compare with {name!r}: it has format {document.get('format')!r}, this edgecls reads {FORMAT}; "
            "measure both with the same edgecls"
        )
    try:
        return Recorded(
            machine=_object(document["machine"]),
            networks={_text(model["name"]): _text(model["network_sha256"]) for model in document["models"]},
            conditions={"images": _text(document["images"]["sha256"]), "pace": _number(document["pace_s"])},
            series=_all_series(document),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MeasurementsError(f"cannot compare with {name!r}: it is damaged ({reason}); measure again") from error


def _all_series(document: Mapping[str, Any]) -> dict[str, Series]:
    references = {
        (stage, load): _numbers(taken)
        for stage, loads in _object(document["reference_s"]).items()
        for load, taken in _object(loads).items()
    }
    found: dict[str, Series] = {}

    def add(what: str, times_ms: tuple[float, ...], stage: str, load: Any) -> None:
        reference_s = references[stage, _text(load)]
        if what in found:
            raise ValueError(f"{what!r} is there twice")
        if not times_ms or len(times_ms) != len(reference_s):
            raise ValueError(f"{what!r} does not have as many rounds as its reference workload")
        found[what] = Series(times_ms, reference_s)

    for row in document["settings"]:
        what = f"{_text(row['model'])}, {_text(row['setting'])}"
        rates = _numbers(row["back_to_back"]["images_per_s"]["rounds"])
        add(f"{what}, back-to-back", tuple(1000 / rate for rate in rates), "back_to_back", row["reference"])
        if row["paced"] is not None:
            add(f"{what}, paced", _numbers(row["paced"]["latency_ms"]["rounds"]), "paced", row["reference"])
    for placement in document["placements"]:
        if placement["start_s"] is not None:
            times_ms = tuple(1000 * time_s for time_s in _numbers(placement["start_s"]["rounds"]))
            add(
                f"{_text(placement['model'])}, {_text(placement['provider'])}, start",
                times_ms,
                "start",
                placement["reference"],
            )
    return found


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"an object is expected, not {str(value)[:40]!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is expected, not {str(value)[:40]!r}")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not LEAST <= value <= MOST:
        raise ValueError(f"a number above 0 is expected, not {str(value)[:40]!r}")
    return float(value)


def _numbers(values: Any) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise ValueError(f"a list of numbers is expected, not {str(values)[:40]!r}")
    return tuple(map(_number, values))
