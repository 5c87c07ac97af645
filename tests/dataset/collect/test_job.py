"""Collecting as a whole, from a real server into real folders."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_web import Handler, LocalWeb, answer, noise_png

from edgecls.dataset.collect.gallery import GalleryPages
from edgecls.dataset.collect.guarded_session import SessionSettings
from edgecls.dataset.collect.job import ClassRequest, CollectSettings, Listener, Summary, collect
from edgecls.dataset.collect.sources import Candidate, Reader, UrlList
from edgecls.errors import DatasetError, OutputError
from edgecls.image_limits import ImageLimits

Collect = Callable[..., Summary]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "数据"


@pytest.fixture
def run(out: Path, make_settings: Callable[..., SessionSettings]) -> Collect:
    def run(*requests: ClassRequest, listener: Listener | None = None, **settings: Any) -> Summary:
        session = make_settings(retries=1)
        return collect(out, requests, CollectSettings(session, **settings), listener=listener or Listener())

    return run


def _listed(label: str, urls: list[str], count: int | None = None) -> ClassRequest:
    return ClassRequest(label, UrlList(urls, "list"), count)


def _records(out: Path) -> list[dict[str, Any]]:
    lines = (out / "collected.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _files(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_what_becomes_of_each_address_is_written_down(web: LocalWeb, out: Path, run: Collect) -> None:
    good = web.give("/good.png", noise_png(1), content_type="text/plain")
    urls = {
        good: "saved",
        web.redirect("/moved", "/good.png"): "duplicate",
        web.give("/small.png", noise_png(2, width=10, height=10)): "too_small",
        web.give("/page.jpg", b"<html>", content_type="image/jpeg"): "not_an_image",
        web.give("/cut.png", noise_png(3)[:-50]): "damaged",
        web.give("/large.png", bytes(30_000)): "too_large",
        web.give("/wide.png", noise_png(4, width=400, height=300)): "too_many_pixels",
        f"{web.url}/gone.png": "http_404",
        web.give("/busy.png", status=503): "http_503",
        web.redirect("/inside", "http://127.0.0.2:9/"): "refused_address",
        web.redirect("/out", "file:///etc/passwd"): "refused_scheme",
    }

    summary = run(_listed("红玫瑰", list(urls)), limits=ImageLimits(20_000, 100_000), workers=1)

    records = {record["url"]: record for record in _records(out)}
    assert {url: record["outcome"] for url, record in records.items()} == urls
    assert summary.outcomes == dict.fromkeys(urls.values(), 1)
    saved = records[good]
    assert saved["file"] == f"红玫瑰/{saved['sha256'][:20]}.png"
    assert (saved["label"], saved["source"], saved["bytes"]) == ("红玫瑰", "list", len(noise_png(1)))
    assert (saved["width"], saved["height"], saved["final_url"]) == (80, 70, good)
    assert saved["time"].endswith("+00:00")
    assert _files(out) == ["collected.jsonl", saved["file"]]


def test_there_are_never_more_images_than_asked_for(web: LocalWeb, out: Path, run: Collect) -> None:
    urls = [web.give(f"/{index}.png", noise_png(index)) for index in range(20)]

    (result,) = run(_listed("a", urls, count=7)).classes

    assert (result.saved, result.is_enough, len(_files(out / "a"))) == (7, True, 7)


def test_addresses_that_fail_are_made_up_for(web: LocalWeb, run: Collect) -> None:
    urls = [f"{web.url}/gone{index}" for index in range(9)]
    urls += [web.give(f"/{index}.png", noise_png(index)) for index in range(4)]

    assert run(_listed("a", urls, count=4)).classes[0].is_enough
    assert not run(_listed("b", [*urls, web.give("/new.png", noise_png(99))], count=2)).classes[0].is_enough


def test_a_second_run_goes_on_where_the_first_was_stopped(web: LocalWeb, out: Path, run: Collect) -> None:
    urls = [web.give(f"/{index}.png", noise_png(index)) for index in range(6)]
    urls.insert(0, f"{web.url}/gone")
    urls.insert(0, web.give("/busy", status=503))
    run(_listed("a", urls, count=2))
    with open(out / "collected.jsonl", "ab") as stream:
        stream.write(b'{"url": "http://a.te')  # the process was killed while it wrote
    first = list(web.asked)
    web.give("/busy", noise_png(50))

    (result,) = run(_listed("a", urls, count=5)).classes

    assert (result.had, result.saved) == (2, 3)
    again = set(first) & set(web.asked[len(first) :])
    assert again == {"/busy"}
    assert len(_files(out / "a")) == 5


def test_a_third_run_asks_for_nothing(web: LocalWeb, run: Collect) -> None:
    urls = [web.give(f"/{index}.png", noise_png(index)) for index in range(3)]
    run(_listed("a", urls))
    asked = len(web.asked)

    summary = run(_listed("a", urls))

    assert (len(web.asked), summary.settled, summary.classes[0].is_enough) == (asked, 3, True)


def test_smaller_limits_bring_small_images_back(web: LocalWeb, run: Collect) -> None:
    url = web.give("/small.png", noise_png(2, width=50, height=50))
    run(_listed("a", [url]))

    assert run(_listed("a", [url]), min_sides=(50, 50)).classes[0].saved == 1


def test_ctrl_c_ends_hanging_downloads_and_leaves_whole_files(web: LocalWeb, out: Path, run: Collect) -> None:
    asked = threading.Semaphore(0)

    def hang(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(noise_png(1)[:50])
        handler.wfile.flush()
        asked.release()
        web.closing.wait()

    urls = [web.give("/0.png", noise_png(0)), *(web.serve(f"/hang{index}", hang) for index in range(3))]

    @dataclass(frozen=True)
    class Interrupted:
        """Gives addresses, then what Ctrl-C gives once all of them are under way."""

        def candidates(self, reader: Reader) -> Iterator[Candidate]:
            yield from UrlList(urls, "list").candidates(reader)
            for _ in range(3):
                assert asked.acquire(timeout=120)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ClassRequest("a", Interrupted()))

    assert [record["url"] for record in _records(out)] == urls[:1]
    assert len(_files(out)) == 2
    (result,) = run(_listed("a", urls[:1])).classes
    assert (result.had, result.saved) == (1, 0)


def test_a_gallery_asks_robots_for_each_image(web: LocalWeb, out: Path, run: Collect) -> None:
    web.give("/robots.txt", b"User-agent: *\nDisallow: /no/")
    web.give("/a.png", noise_png(1))
    web.give("/no/b.png", noise_png(2))
    page = web.give("/", b'<img src="a.png"><img src="no/b.png">', content_type="text/html")

    run(ClassRequest("a", GalleryPages([page])))

    assert sorted(record["outcome"] for record in _records(out)) == ["refused_robots", "saved"]
    assert "/no/b.png" not in web.asked


def test_progress_is_told(web: LocalWeb, run: Collect) -> None:
    told: list[Any] = []
    urls = [web.give(f"/{index}.png", noise_png(index)) for index in range(2)]
    listener = Listener(
        on_read=lambda done, total: told.append((done, total)),
        on_record=lambda record, images: told.append((record.outcome, images)),
    )
    run(_listed("a", urls), listener=listener)
    run(_listed("a", urls), listener=listener)

    assert told == [("saved", 1), ("saved", 2), (1, 2), (2, 2)]


def test_several_labels_are_filled_one_after_the_other(web: LocalWeb, out: Path, run: Collect) -> None:
    first = [web.give(f"/{index}.png", noise_png(index)) for index in range(3)]

    summary = run(_listed("猫", first), _listed("狗", [*first, web.give("/9.png", noise_png(9))]))

    assert [(result.label, result.saved) for result in summary.classes] == [("猫", 3), ("狗", 1)]
    assert summary.outcomes == {"saved": 4}


@pytest.mark.parametrize("labels", [("a", "a"), ("Cat", "cat")])
def test_labels_that_share_a_folder_are_refused(run: Collect, out: Path, labels: tuple[str, str]) -> None:
    with pytest.raises(DatasetError, match="is given twice"):
        run(*(_listed(label, []) for label in labels))
    assert not out.exists()


def test_an_image_that_cannot_be_written_ends_the_run(web: LocalWeb, out: Path, run: Collect) -> None:
    def take_the_name(handler: Handler) -> None:
        (out / "a").write_bytes(b"somebody's file")
        answer(handler, noise_png(0))

    urls = [web.serve("/0.png", take_the_name), *(web.give(f"/{index}.png", noise_png(index)) for index in range(1, 9))]

    with pytest.raises(DatasetError, match="no folder"):
        run(_listed("a", urls), workers=1)
    assert _files(out) == ["a", "collected.jsonl"]
    assert len(web.asked) < len(urls)


def test_an_output_that_cannot_be_a_folder_is_refused(run: Collect, out: Path) -> None:
    out.write_bytes(b"")

    with pytest.raises(OutputError, match="choose another place"):
        run(_listed("a", []))


@pytest.mark.parametrize("settings", [{"workers": 0}, {"workers": 65}, {"min_sides": (0, 5)}])
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(DatasetError):
        CollectSettings(**settings)


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(DatasetError, match="1 or more"):
        _listed("a", [], count=0)
