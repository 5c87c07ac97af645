"""Every command and every Python block of the documents runs, in order, and prints what is shown."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from document_blocks import RUN, blocks_of
from document_page import run_apart
from document_setups import CACHE, REPOSITORY, SETUPS


def _text(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("examples/**/*.md")]
    if not {"_build", "CHANGELOG.md"} & set(path.parts)
)
WITH_BLOCKS = [page for page in PAGES if re.search(r"^ *(```|~~~)", _text(page), flags=re.MULTILINE)]
SAME_AS = {"README.zh-CN.md": "README.md"}  # by a test of its own, in test_documents.py
THAT_RUN = [
    page
    for page in PAGES
    if page not in SAME_AS and re.search(rf"^ *(```|~~~).*\b({'|'.join(RUN)})$", _text(page), flags=re.MULTILINE)
]

SKIPPED: dict[str, dict[str, int]] = {
    "CONTRIBUTING.md": {"needs-internet": 2},
    "README.md": {"needs-internet": 1},
    "README.zh-CN.md": {"needs-internet": 1},
    "docs/how-to/bare-machine-to-gpu.md": {"needs-gpu": 5, "needs-internet": 4, "needs-root": 1, "other-system": 3},
    "docs/how-to/bench.md": {"needs-internet": 1},
    "docs/how-to/coming-from/ultralytics.md": {"needs-internet": 1},
    "docs/how-to/data-collect.md": {"needs-internet": 1},
    "docs/how-to/desktop.md": {"needs-display": 3, "needs-root": 1},
    "docs/how-to/distributed.md": {"needs-cluster": 3},
    "docs/how-to/exporting.md": {"needs-internet": 1},
    "docs/how-to/install.md": {"other-system": 1},
    "docs/how-to/one-file-page.md": {"needs-internet": 1},
    "docs/how-to/pretrained-weights.md": {"needs-internet": 1},
    "docs/how-to/providers-and-doctor.md": {"needs-gpu": 1},
    "docs/how-to/running.md": {"needs-internet": 1, "needs-program": 2, "other-system": 2},
    "docs/how-to/serving-grpc.md": {"needs-docker": 1, "needs-program": 1},
    "docs/how-to/video.md": {"needs-camera": 2},
    "docs/tutorials/demo.md": {"needs-display": 1},
}
"""Blocks and single commands that do not run, by page and reason: a page that skips more says so here."""


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_what_a_page_skips_is_listed(page: str) -> None:
    found: Counter[str] = Counter()
    for block in blocks_of(REPOSITORY / page):
        for skip in block.skips:
            found[skip.reason] += 1 if not skip.texts else sum(map(skip.covers, block.text.splitlines()))

    assert found == SKIPPED.get(page, {})


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_what_prepares_the_folder_of_a_page_exists(page: str) -> None:
    assert {name for block in blocks_of(REPOSITORY / page) for name, *_ in block.setups} <= set(SETUPS)


@pytest.mark.skipif(
    "EDGECLS_REQUIRE_DOCS" not in os.environ,
    reason="takes minutes, and Linux; set EDGECLS_REQUIRE_DOCS=1 to run all pages",
)
@pytest.mark.parametrize("page", THAT_RUN)
def test_the_blocks_of_a_page_run(
    page: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path_factory.getbasetemp()))
    folder = tmp_path / "page"
    folder.mkdir()

    outcome = run_apart(REPOSITORY / page, folder)

    assert not outcome.failures, "\n\n".join(["", *outcome.failures])
    assert outcome.blocks or outcome.skipped
