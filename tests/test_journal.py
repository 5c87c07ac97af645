"""Journals, and the four records that are journals: cut at any byte, each goes on without its last line."""

import hashlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecls import image
from edgecls.dataset.augmentation.augment import AugmentSettings, augment
from edgecls.dataset.augmentation.lineage import MANIFEST, read_manifest
from edgecls.dataset.checks.check import CheckSettings, check_dataset
from edgecls.dataset.checks.quarantine import MANIFEST_NAME as QUARANTINE
from edgecls.dataset.checks.quarantine import quarantine, restore
from edgecls.dataset.collect.manifest import MANIFEST_NAME as COLLECTED
from edgecls.dataset.collect.manifest import Manifest, Record
from edgecls.dataset.formats.read import read_dataset
from edgecls.journal import DamagedLineError, Journal, read_journal
from edgecls.training.sweep.record import SweepRecord, SweepTrial


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "花.jsonl") as journal:
        assert journal.records == []
        journal.append({"label": "花"}, {"label": "🐱", "count": 2})
        journal.sync()

    assert read_journal(tmp_path / "花.jsonl") == [{"label": "花"}, {"label": "🐱", "count": 2}]
    with Journal(tmp_path / "花.jsonl") as journal:
        assert len(journal.records) == 2


def test_a_name_that_is_not_unicode_comes_back_as_it_was(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl") as journal:
        journal.append({"path": "caf\udce9.jpg"})

    assert read_journal(tmp_path / "a.jsonl") == [{"path": "caf\udce9.jpg"}]
    assert b"caf\xe9.jpg" in (tmp_path / "a.jsonl").read_bytes()


@pytest.mark.parametrize("line", [b"{broken", b"[1]", b"null", b""], ids=["syntax", "list", "null", "empty"])
def test_a_finished_line_that_is_no_object_is_refused_with_its_number(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n' + line + b"\n")

    with pytest.raises(DamagedLineError, match="line 2: ") as raised:
        read_journal(tmp_path / "a.jsonl")
    assert raised.value.number == 2


def test_threads_may_append_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl") as journal:
        threads = [
            threading.Thread(target=lambda n=n: [journal.append({"thread": n, "i": i}) for i in range(50)])  # type: ignore[misc]
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(read_journal(tmp_path / "a.jsonl")) == 200


def _cut_everywhere(file: Path, take_up: Callable[[int], None]) -> None:
    """Cut a journal at every byte of its last line; `take_up` goes on with what is left."""
    whole = file.read_bytes()
    assert "花".encode() in whole
    assert "🐱".encode() in whole
    begin = whole.rstrip(b"\n").rfind(b"\n") + 1
    for length in range(begin, len(whole)):
        file.write_bytes(whole[:length])
        take_up(length)


def test_a_journal_cut_anywhere_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    with Journal(file) as journal:
        journal.append({"number": 1}, {"number": 2, "label": "花🐱"})

    def take_up(length: int) -> None:
        assert read_journal(file) == [{"number": 1}]
        with Journal(file) as journal:
            journal.append({"number": 3})
        assert read_journal(file) == [{"number": 1}, {"number": 3}]

    _cut_everywhere(file, take_up)


def test_a_sweep_cut_anywhere_goes_on(tmp_path: Path) -> None:
    facts = {"data": "photos"}
    record = SweepRecord(tmp_path, facts, resume=False)
    first = SweepTrial(1, {"arch": "simple_cnn"}, error="out of memory")
    record.add(first)
    record.add(SweepTrial(2, {"label": "花🐱"}, history=(), error="花🐱"))

    _cut_everywhere(
        tmp_path / "trials.jsonl", lambda _: _equal(SweepRecord(tmp_path, facts, resume=True).trials, (first,))
    )


def test_a_sweep_cut_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    SweepRecord(tmp_path, {"data": "花🐱"}, resume=False)
    whole = (tmp_path / "trials.jsonl").read_bytes()

    for length in range(len(whole)):
        (tmp_path / "trials.jsonl").write_bytes(whole[:length])
        assert SweepRecord(tmp_path, {"data": "花🐱"}, resume=False).trials == ()
        assert (tmp_path / "trials.jsonl").read_bytes() == whole


def test_collecting_cut_anywhere_goes_on(tmp_path: Path) -> None:
    file = tmp_path / COLLECTED
    records = [Record(f"https://a.example/{n}", "花🐱", "saved", "2026-11-28T00:00:00Z") for n in range(2)]
    with Manifest(file) as manifest:
        for record in records:
            manifest.add(record)

    def take_up(length: int) -> None:
        with Manifest(file) as manifest:
            assert list(manifest.latest.values()) == records[:1]

    _cut_everywhere(file, take_up)


def test_a_quarantine_cut_anywhere_gives_its_files_back(tmp_path: Path) -> None:
    data, out = _two_labels(tmp_path / "data"), tmp_path / "out"
    (data / "花" / "a.png").write_bytes(b"no image")
    (data / "花" / "b 🐱.png").write_bytes(b"none either")
    quarantine(check_dataset(data, CheckSettings(), workers=1), out)
    file = out / QUARANTINE
    whole = file.read_bytes()
    assert not (data / "花" / "b 🐱.png").exists()

    def take_up(length: int) -> None:
        (data / "花" / "b 🐱.png").write_bytes(b"none either")  # the line is written before the file is moved
        (out / "花" / "b 🐱.png").unlink(missing_ok=True)
        restore(out)
        assert (data / "花" / "a.png").read_bytes() == b"no image"
        (out / "花").mkdir(exist_ok=True)
        (data / "花" / "a.png").rename(out / "花" / "a.png")

    _cut_everywhere(file, take_up)
    file.write_bytes(whole)


def test_augmenting_cut_anywhere_goes_on(tmp_path: Path) -> None:
    data, out = _two_labels(tmp_path / "data"), tmp_path / "out"
    settings = AugmentSettings(copies=1)
    dataset = read_dataset(data)
    augment(dataset, data, out, settings, workers=1)
    digests = _digests(out)

    def take_up(length: int) -> None:
        augment(dataset, data, out, settings, workers=1)
        manifest = read_manifest(out)
        assert manifest is not None
        assert len(manifest.images) == 4
        assert _digests(out) == digests

    _cut_everywhere(out / MANIFEST, take_up)


def test_a_quarantine_cut_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    data = _two_labels(tmp_path / "data 花🐱")
    file = tmp_path / "out" / QUARANTINE
    head = f'{{"format": 1, "root": "{data}"}}\n'.encode()
    file.parent.mkdir()
    for length in range(len(head)):
        (data / "花" / "a.png").write_bytes(b"no image")
        file.write_bytes(head[:length])
        assert quarantine(check_dataset(data, CheckSettings(), workers=1), file.parent) == (data / "花" / "a.png",)
        assert file.read_bytes().startswith(head)
        (file.parent / "花" / "a.png").unlink()


def test_augmenting_cut_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    data = _two_labels(tmp_path / "data 花🐱")
    dataset, settings, out = read_dataset(data), AugmentSettings(copies=1, with_originals=False), tmp_path / "out"
    augment(dataset, data, out, settings, workers=1)
    whole = (out / MANIFEST).read_bytes()
    for length in range(whole.index(b"\n") + 1):
        shutil.rmtree(out)
        out.mkdir()
        (out / MANIFEST).write_bytes(whole[:length])
        augment(dataset, data, out, settings, workers=1)
        assert (out / MANIFEST).read_bytes() == whole


def _two_labels(data: Path) -> Path:
    for name in ("花", "🐱"):
        (data / name).mkdir(parents=True)
        (data / name / f"{name}.png").write_bytes(_png(len(name.encode())))
    return data


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.png") if path.is_file()
    }


def _png(seed: int) -> bytes:
    return image.encode_png(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8))


def _equal(found: object, expected: object) -> None:
    assert found == expected
