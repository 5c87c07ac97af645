"""Images whose answer was "unknown" are kept, with the answers."""

import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
from wsgi_client import wsgi_client

import edgecls
from edgecls import image
from edgecls.errors import ServerError
from edgecls.image_files import find_images
from edgecls.journal import read_journal
from edgecls.runtime.opening import load
from edgecls.server.app import AppSettings, build_app
from edgecls.server.models.repository import Repository
from edgecls.server.models.served_model import ServedModel, open_model
from edgecls.server.storage import unsure_store
from edgecls.server.storage.unsure_store import JOURNAL, UnsureStore


def _gray(level: int) -> bytes:
    return image.encode_png(np.full((9, 9, 3), level, np.uint8))


RED = image.encode_png(np.full((9, 9, 3), (250, 5, 5), np.uint8))


@pytest.fixture
def served(familiar_model_path: Path) -> ServedModel:
    """A model to which grey images are unlike those it was trained on."""
    return open_model("familiar", familiar_model_path, load(familiar_model_path, "cpu"))


@pytest.fixture
def told() -> list[str]:
    return []


def _offer(store: UnsureStore, served: ServedModel, *images: bytes, name: str = "a.png") -> None:
    for data in images:
        store.offer(data, served.predict(data, image_name=name), served)
    store.flush()


def _answers(folder: Path) -> list[dict[str, object]]:
    return read_journal(folder / JOURNAL)


def test_only_unknown_images_are_kept_each_once_with_its_answer(served: ServedModel, tmp_path: Path) -> None:
    folder = tmp_path / "unsure"
    _offer(UnsureStore(folder, max_bytes=1 << 20), served, _gray(90), RED, _gray(90), _gray(120), name="图.png")
    _offer(UnsureStore(folder, max_bytes=1 << 20), served, _gray(120))  # after the next start

    files = find_images(folder)
    answers = _answers(folder)
    assert sorted(path.read_bytes() for path in files) == sorted([_gray(90), _gray(120)])
    assert [folder / str(answer["file"]) for answer in answers if (folder / str(answer["file"])) in files]
    assert len(answers) == 2
    assert {answer["reason"] for answer in answers} == {"unlike"}
    assert answers[0]["name"] == "图.png"
    assert answers[0]["model_sha256"] == served.sha256
    assert answers[0]["label"] in served.classifier.labels
    assert isinstance(answers[0]["familiarity"], float)


def test_the_folder_stays_within_its_bound_and_the_operator_is_told_once(
    served: ServedModel, tmp_path: Path, told: list[str]
) -> None:
    store = UnsureStore(tmp_path / "unsure", max_bytes=5 * 4096, tell=told.append)
    _offer(store, served, *(_gray(level) for level in range(100, 120)))

    kept = find_images(tmp_path / "unsure")
    assert 2 <= len(kept) <= 4
    assert len(_answers(tmp_path / "unsure")) == len(kept)
    (line,) = told
    assert "raise --keep-unsure-max-mb" in line

    shutil.rmtree(kept[0].parent)  # labelled elsewhere
    _offer(store, served, _gray(200))
    assert len(find_images(tmp_path / "unsure")) == 1


def test_a_disk_that_is_nearly_full_is_left_alone(
    served: ServedModel, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsure_store, "MIN_FREE_BYTES", 1 << 60)
    _offer(UnsureStore(tmp_path / "unsure", max_bytes=1 << 20, tell=told.append), served, _gray(90))

    assert find_images(tmp_path / "unsure") == []
    assert "of the disk are free" in told[0]


def test_images_that_would_take_too_much_memory_while_they_wait_are_not_kept(
    served: ServedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsure_store, "MAX_WAITING_BYTES", len(_gray(90)) - 1)
    _offer(UnsureStore(tmp_path / "unsure", max_bytes=1 << 20), served, _gray(90))

    assert find_images(tmp_path / "unsure") == []


def test_a_line_that_was_cut_short_is_replaced(served: ServedModel, tmp_path: Path) -> None:
    store = UnsureStore(tmp_path / "unsure", max_bytes=1 << 20)
    _offer(store, served, _gray(90))
    with (tmp_path / "unsure" / JOURNAL).open("ab") as stream:
        stream.write(b'{"file": "2026-')  # and then the process was killed
    _offer(store, served, _gray(91))

    assert len(_answers(tmp_path / "unsure")) == 2


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ServerError, match="cannot keep unsure images"):
        UnsureStore(tmp_path / "file", max_bytes=1)


def _write_many(folder: Path, model: Path, first: int) -> None:
    served = open_model("familiar", model, load(model, "cpu"))
    store = UnsureStore(folder, max_bytes=1 << 24)
    _offer(store, served, *(_gray(level) for level in range(first, first + 20)))


def test_several_processes_write_into_the_same_folder(familiar_model_path: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    folder = tmp_path / "unsure"
    processes = [context.Process(target=_write_many, args=(folder, familiar_model_path, first)) for first in (60, 70)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0]
    assert len(find_images(folder)) == 30  # those of both once
    assert len({str(answer["sha256"]) for answer in _answers(folder)}) == len(_answers(folder)) == 30


def test_the_server_keeps_them_from_every_way_to_predict(familiar_model_path: Path, tmp_path: Path) -> None:
    repository = Repository([familiar_model_path], lambda file: load(file, "cpu"))
    repository.load_all()
    store = UnsureStore(tmp_path / "unsure", max_bytes=1 << 20)
    client = wsgi_client(build_app(repository, AppSettings(), unsure=store))

    assert client("POST", "/predict", body=_gray(90)).json["label"] == "unknown"
    assert client("POST", "/predict/other.png", body=_gray(100), query="explain=1").json["label"] == "unknown"
    assert client("POST", "/predict", body=RED).json["label"] == "red"
    store.flush()

    assert {answer["name"] for answer in _answers(tmp_path / "unsure")} == {"body", "other.png"}


def test_a_server_that_stops_has_written_what_it_kept(familiar_model_path: Path, tmp_path: Path) -> None:
    with edgecls.serve(familiar_model_path, keep_unsure=tmp_path / "unsure") as url, edgecls.Client(url) as client:
        for level in range(100, 108):
            assert client.predict(_gray(level)).label == "unknown"

    assert len(find_images(tmp_path / "unsure")) == 8


def test_a_bound_of_nothing_is_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="keep_unsure_max_mb must be above 0"):
        edgecls.serve(tiny_model_path, keep_unsure=tmp_path, keep_unsure_max_mb=0)
