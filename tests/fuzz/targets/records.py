"""What earlier runs of edgecls left behind, and anybody may have edited or a full disk cut short: results, journals,
checkpoints, measurements, choices."""

import contextlib
import functools
import io
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from made_up_benchmark import made_up_document

from edgecls.bench.document import read_recorded
from edgecls.dataset.augmentation.lineage import MANIFEST as AUGMENTED
from edgecls.dataset.augmentation.lineage import lineage_of, read_manifest
from edgecls.dataset.checks.quarantine import MANIFEST_NAME, moved_before, restore
from edgecls.dataset.collect.image_store import ImageStore
from edgecls.dataset.collect.manifest import Manifest
from edgecls.distributed.output import OutputFolder
from edgecls.errors import EdgeclsError, MeasurementsError
from edgecls.evaluation.history import EpochReport
from edgecls.image import ImageLimits
from edgecls.journal import DamagedLineError, Journal, read_journal
from edgecls.results.parquet import write_parquet
from edgecls.results.results_file import ResultsFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Hardware, find_choice, keep_choice
from edgecls.teaching.bounds import TeachingBounds
from edgecls.teaching.teaching import JOURNAL, Teaching
from edgecls.training.checkpoint import Checkpoints
from edgecls.training.run_directory import ExistingRun, RunDirectory
from edgecls.training.sweep.record import SweepRecord
from fuzz.target import Target, check

FACTS: dict[str, Any] = {"edgecls": "1.2.3", "model": {"sha256": "ab12"}, "options": {"top": 1}}
CLUSTER_FACTS: dict[str, Any] = {**FACTS, "options": {"format": "json", "top": 1}}


def _row(name: str, **more: Any) -> dict[str, Any]:
    answer = {"label": "rose", "known": True, "reason": None, "probability": 0.75, "familiarity": None, "time_ms": 1.5}
    return {"image": name, **answer, "top": [{"label": "rose", "probability": 0.75}], **more}


_ROWS = [
    _row("a.png"),
    _row("红,2.png", familiarity=0.5),
    {"image": "c.png", "error": {"type": "E", "message": 'm\n"'}},
]


def go_on_with_results(data: bytes, folder: Path, ending: str) -> None:
    """A file of results: a run goes on with it, keeps the rows that are whole, and ends with one row for each image."""
    path = folder / f"results.{ending}"
    ResultsFile(path, FACTS, top=1).close()
    path.write_bytes(data)
    names = ["a.png", "c.png", "new.png"]
    with ResultsFile(path, FACTS, top=1) as results:
        results.survey(names)
        for name in results.pending(names):
            results.append(_row(name))
        results.finish()
    written = path.read_bytes()
    with ResultsFile(path, FACTS, top=1) as results:
        check(all(map(results.has_answer, names)), "an image has no answer after the run")
        check(not list(results.pending(names)), "the same run would classify images again")
    check(path.read_bytes() == written or ending == "parquet", "opening a finished file changes it")


def read_results_facts(data: bytes, folder: Path) -> None:
    """The facts that a file of results rests on."""
    path = folder / "results.jsonl"
    with ResultsFile(path, FACTS, top=1) as results:
        results.append(_row("a.png"))
    (folder / "results.jsonl.run" / "facts.json").write_bytes(data)
    ResultsFile(path, FACTS, top=1).close()


def read_any_journal(data: bytes, folder: Path) -> None:
    """A journal: what was read is what goes on being there, whatever is appended."""
    path = folder / "journal.jsonl"
    path.write_bytes(data)
    records = read_journal(path)
    with Journal(path) as journal:
        check(_same(journal.records, records), "opening finds other records than reading")
        journal.append({"a": 1, "b": "红\ud800"[:1]})
    check(_same(read_journal(path)[:-1], records), "records change when others are appended")


def read_quarantine(data: bytes, folder: Path) -> None:
    """The journal of a quarantine folder: files come back into the dataset and go nowhere else."""
    root, quarantine = folder / "data", folder / "quarantine"
    (root / "rose").mkdir(parents=True)
    (quarantine / "rose").mkdir(parents=True)
    (root / "rose" / "b.png").write_bytes(b"b")
    (quarantine / "rose" / "a.png").write_bytes(b"a")
    (quarantine / MANIFEST_NAME).write_bytes(data.replace(b"@ROOT@", json.dumps(str(root))[1:-1].encode()))
    moved_before(quarantine)
    restored = restore(quarantine)
    files = sorted(path.read_bytes() for path in (*root.rglob("*.png"), *quarantine.rglob("*.png")))
    others = sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file() and len(path.read_bytes()) == 1)
    check(others == [b"a", b"b"], f"files {files}, and all in all {others}")
    check(all(path.is_relative_to(root) for path in restored.moved), f"moved to {restored.moved}")


def read_lineage(data: bytes, folder: Path) -> None:
    """The manifest of augmented images."""
    (folder / AUGMENTED).write_bytes(data)
    (folder / "a.png").touch()
    found = read_manifest(folder)
    if found is not None:
        for one in found.images:
            check(".." not in Path(one.output).parts and not Path(one.output).is_absolute(), f"{one.output!r}")
    lineage_of([folder / "a.png", folder / "a" / "b.png"])


def read_collected(data: bytes, folder: Path) -> None:
    """The manifest of collected images."""
    (folder / "collected.jsonl").write_bytes(data)
    limits = ImageLimits()
    with Manifest(folder / "collected.jsonl") as manifest:
        for record in manifest.latest.values():
            record.settles(min_sides=(10, 20), limits=limits)
        ImageStore(folder, min_sides=(10, 20), limits=limits, earlier=manifest.latest.values())


def read_sweep(data: bytes, folder: Path) -> None:
    """The record of a sweep."""
    (folder / "trials.jsonl").write_bytes(data)
    record = SweepRecord(folder, FACTS, resume=True)
    for trial in record.trials:
        check(trial.state in ("complete", "pruned", "failed"), trial.state)
    check(record.best is None or record.best in record.trials, "the best trial is none of them")


def read_taught(data: bytes, folder: Path) -> None:
    """The journal of a taught folder: it opens with all its images, or is refused; undo works."""
    root = folder / "taught"
    with _teaching(root) as teaching:
        teaching.add_label("rose")
    hidden = root / ".edgecls-teaching"
    (root / "rose").mkdir(exist_ok=True)
    (root / "rose" / "0123456789abcdef0123.png").write_bytes(b"a")
    (hidden / JOURNAL).write_bytes(data)
    with _teaching(root) as teaching:
        state = json.dumps(teaching.state(), allow_nan=False)
        check(state.encode(), "no state")
    check(len([path for path in root.rglob("*.png") if path.read_bytes() == b"a"]) == 1, "an image is lost")


def read_taught_version(data: bytes, folder: Path) -> None:
    """The facts of a version of a taught model."""
    root = folder / "taught"
    with _teaching(root):
        pass
    version = root / ".edgecls-teaching" / "versions" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(b"")
    (version / "facts.json").write_bytes(data)
    steps = [{"format": 1}, {"step": 1, "kind": "version", "moves": [], "facts": {"number": 1}}]
    steps.append({"step": 2, "kind": "use", "moves": [], "facts": {"number": 1}})
    (root / ".edgecls-teaching" / JOURNAL).write_text("".join(json.dumps(step) + "\n" for step in steps))
    with _teaching(root) as teaching:
        json.dumps(teaching.state(), allow_nan=False)


def read_run(data: bytes, folder: Path) -> None:
    """The facts of a training run."""
    (folder / "run.json").write_bytes(data)
    run = RunDirectory(folder)
    run.check(ExistingRun.OVERWRITE)
    run.finish()
    run.check(ExistingRun.REPLACE_FINISHED)


def read_checkpoint(data: bytes, folder: Path) -> None:
    """The checkpoint of a training run."""
    (folder / "checkpoint.npz").write_bytes(data)
    for number in range(3):
        (folder / f"best-{number}.weights.h5").touch()
    checkpoint = Checkpoints(folder).load()
    check(checkpoint.history, "a checkpoint without an epoch")
    check(all(array.dtype.kind in "biufc" for array in (*checkpoint.weights, *checkpoint.optimizer)), "no numbers")


def read_benchmark(data: bytes, folder: Path) -> None:
    """The measurements of a benchmark."""
    (folder / "bench.json").write_bytes(data)
    recorded = read_recorded(folder / "bench.json")
    for name, series in recorded.series.items():
        name.encode("utf-8", "surrogatepass")
        check(
            all(np.isfinite(series.times_ms)) and all(np.isfinite(series.relative_to_reference)), f"{name!r}: {series}"
        )


def read_choice(data: bytes, folder: Path) -> None:
    """A choice that `edgecls tune` kept: it is what was kept, or none."""
    hardware = _hardware()
    path = keep_choice(_CHOICE, "ab" * 32, hardware, folder=folder)
    path.write_bytes(data)
    choice = find_choice("ab" * 32, hardware, folder=folder)
    if choice is not None:
        check(1 <= choice.throughput.workers <= 4096 and 1 <= choice.latency.batch_size <= 4096, f"{choice}")


def read_cluster_manifest(data: bytes, folder: Path) -> None:
    """The manifest of the folder of a cluster job."""
    (folder / "manifest.json").write_bytes(data)
    OutputFolder.open(folder, CLUSTER_FACTS).close()


def read_cluster_part(data: bytes, folder: Path) -> None:
    """A part of the results of a cluster job."""
    OutputFolder.open(folder, CLUSTER_FACTS).close()
    (folder / "part-000001.jsonl").write_bytes(data)
    output = OutputFolder.open(folder, CLUSTER_FACTS)
    try:
        for name, _ in output.finished():
            check(isinstance(name, str), f"an image called {name!r}")
        check(all(isinstance(row, dict) for row in output.rows()), "a row that is none")
    finally:
        output.close()


def _teaching(root: Path) -> contextlib.closing[Teaching]:
    return contextlib.closing(Teaching(root, TeachingBounds(min_free_mb=0, max_images=10)))


def _same(one: object, other: object) -> bool:
    return repr(one) == repr(other)  # NaN is not equal to itself


@functools.cache
def _hardware() -> Hardware:
    return Hardware("a processor", "ab", 2, (), "", "1.30.0", "", ("cpu",))


_CHOICE = Choice(Setting(Provider.CPU, 2, 1, 1), Setting(Provider.CPU, 1, 2, 1), "2026-01-01T00:00:00Z")


def _choice_files() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return [keep_choice(_CHOICE, "ab" * 32, _hardware(), folder=Path(folder)).read_bytes()]


def _jsonl(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def _results(ending: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"results.{ending}"
        with ResultsFile(path, FACTS, top=1) as results:
            for row in _ROWS:
                results.append(row)
            results.finish()
        return [path.read_bytes(), b""]


def _parquet() -> list[bytes]:
    stream = Path(tempfile.mkstemp(suffix=".parquet")[1])
    try:
        write_parquet(stream, _ROWS, embeddings=False)
        return [stream.read_bytes()]
    finally:
        stream.unlink()


_EPOCH = EpochReport(1, 3, "head", 0.9, 0.5, 0.8, 0.6, 0.001, 2.0, True)
_SHA256 = "ab" * 32


def _checkpoints() -> list[bytes]:
    stream = io.BytesIO()
    history = json.dumps([asdict(_EPOCH)])
    arrays = {"network/0": np.ones((2, 3), np.float32), "network/1": np.zeros(3), "optimizer/0": np.array(5)}
    np.savez(stream, history=np.array(history), **arrays)
    return [stream.getvalue()]


_QUARANTINE = _jsonl(
    {"format": 1, "root": "@ROOT@"},
    {"move": "rose/a.png", "kinds": ["damaged"], "details": ["it is cut short"]},
    {"relabel": "tulip/b.png", "to": "rose/b.png", "from": "tulip"},
    {"move": "rose/c.png"},
    {"returned": "rose/c.png"},
)
_AUGMENTED = _jsonl(
    {"edgecls_augment": 1, "settings": {"copies": 2}},
    {"output": "a.png", "source": "/x/a.png", "source_sha256": _SHA256, "transform": None},
    {"output": "rose/a_1.png", "source": "a.png", "source_sha256": _SHA256, "transform": {"angle": 3.5, "flip": True}},
)
_COLLECTED = _jsonl(
    {
        "url": "http://a.test/1.jpg",
        "label": "rose",
        "outcome": "saved",
        "time": "2026",
        "sha256": _SHA256,
        "file": "r/a",
    },
    {"url": "http://a.test/2.jpg", "label": "rose", "outcome": "too_small", "time": "2026", "width": 5, "height": 6},
    {"url": "http://a.test/3.jpg", "label": "rose", "outcome": "too_large", "time": "2026", "bytes": 10**9},
)
_SWEEP = _jsonl(
    FACTS,
    {
        "number": 1,
        "settings": {"arch": "a"},
        "history": [asdict(_EPOCH)],
        "error": "",
        "duration_s": 1.5,
        "pruned": False,
    },
    {"number": 2, "settings": {"arch": "b"}, "history": [], "error": "it failed"},
)
_TAUGHT = _jsonl(
    {"format": 1},
    {"step": 1, "kind": "label", "moves": [], "facts": {"label": "rose", "folder": "rose", "batch": ""}},
    {
        "step": 2,
        "kind": "add",
        "moves": [[".edgecls-teaching/kept/0123456789abcdef0123.png", "rose/0123456789abcdef0123.png"]],
        "facts": {"name": "a.png", "batch": "1", "hash": "00" * 32},
    },
    {"done": 2},
    {"step": 3, "kind": "rename", "moves": [], "facts": {"label": "x", "folder": "x", "to": "y", "to_folder": "y"}},
    {"undo": [3]},
    {"step": 4, "kind": "remove", "moves": [["rose/b.png", ".edgecls-teaching/kept/4/rose/b.png"]], "facts": {}},
)
_ANSWER = {"image": "rose/a.png", "label": "rose", "predicted": "x", "probability": 0.6, "label_probability": 0.4}
_VERSION = {
    "labels": ["rose", "x"],
    "images_per_label": {"rose": 4, "x": 4},
    "training_accuracy": 1.0,
    "accuracy": 0.9,
    "accuracy_of": "test",
    "accuracy_interval": [0.7, 1.0],
    "evaluated": [_ANSWER],
    "time": "2026-01-01",
    "before": None,
    "duration_s": 1.5,
    "cpu_s": 1.2,
}
_RUN = {"format": 1, "finished": True, "dataset_sha256": _SHA256, "train_images": 5, "validation_images": 2}
_PATHS = (b'"move"', b'"relabel"', b'"returned"', b"rose/b.png", b"../data", b"/", b".", b"rose", b'["a","b"]')

TARGETS = (
    *(
        Target(
            f"results_{ending}",
            functools.partial(go_on_with_results, ending=ending),
            functools.partial(_results, ending),
            (EdgeclsError,),
            words=(b'"error"', b'"image"', b'"', b'""', b",,,,"),
        )
        for ending in ("jsonl", "csv")
    ),
    Target(
        "results_parquet",
        functools.partial(go_on_with_results, ending="parquet"),
        _parquet,
        (EdgeclsError,),
        words=(b"PAR1",),
        needs=("pyarrow",),
    ),
    Target("results_facts", read_results_facts, lambda: [json.dumps({"format": 1, **FACTS}).encode()], (EdgeclsError,)),
    Target("journal", read_any_journal, lambda: [_TAUGHT, b'{"a": 1}\n{"b"'], (DamagedLineError,)),
    Target("quarantine", read_quarantine, lambda: [_QUARANTINE], (EdgeclsError,), words=_PATHS),
    Target("lineage", read_lineage, lambda: [_AUGMENTED], (EdgeclsError,)),
    Target("collected", read_collected, lambda: [_COLLECTED], (EdgeclsError,)),
    Target("sweep", read_sweep, lambda: [_SWEEP], (EdgeclsError,)),
    Target("taught", read_taught, lambda: [_TAUGHT], (EdgeclsError,), words=_PATHS),
    Target("taught_version", read_taught_version, lambda: [json.dumps(_VERSION).encode()], (EdgeclsError,)),
    Target("training_run", read_run, lambda: [json.dumps(_RUN).encode()], (EdgeclsError,)),
    Target("checkpoint", read_checkpoint, _checkpoints, (EdgeclsError,)),
    Target("benchmark", read_benchmark, lambda: [json.dumps(made_up_document()).encode()], (MeasurementsError,)),
    Target("choice", read_choice, _choice_files, ()),
    Target(
        "cluster_manifest",
        read_cluster_manifest,
        lambda: [json.dumps({"format": 1, **CLUSTER_FACTS}).encode()],
        (EdgeclsError,),
    ),
    Target("cluster_part", read_cluster_part, lambda: [_jsonl(*_ROWS)], (EdgeclsError,)),
)
