"""The environments of the peers have edgecls as it is in the checkout, not as it was when they were made."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "peers"))

import environments
from environments import environment_with


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "checkout"
    (root / "edgecls").mkdir(parents=True)
    (root / "edgecls" / "server.py").write_text("SPEED = 1\n", encoding="utf-8")
    monkeypatch.setattr(environments, "ROOT", root)
    monkeypatch.setattr(environments, "KEPT_IN", tmp_path / "kept")
    return root


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip is asked for; it would need the package index."""
    asked: list[list[str]] = []

    def install(folder: Path, packages: Sequence[str]) -> None:
        assert (folder / "bin" / "python").exists()
        asked.append(list(packages))

    monkeypatch.setattr(environments, "_install", install)
    return asked


def _made(checkout: Path) -> Path:
    environments._source_of_edgecls.cache_clear()  # as a later run of the benchmark begins
    return environment_with("bottle", f"{checkout}[cpu]", "granian", afterwards=["numpy<2"])


def test_edgecls_is_installed_anew_when_it_has_changed_and_nothing_else(checkout: Path, asked: list[list[str]]) -> None:
    _made(checkout)
    assert asked == [[f"{checkout}[cpu]", "granian"], ["numpy<2"]]
    assert _made(checkout).name == "bin"
    assert len(asked) == 2

    (checkout / "edgecls" / "server.py").write_text("SPEED = 2\n", encoding="utf-8")
    _made(checkout)
    _made(checkout)

    assert asked[2:] == [["--force-reinstall", "--no-deps", str(checkout)]]


def test_an_environment_without_edgecls_stays_as_it_is(checkout: Path, asked: list[list[str]]) -> None:
    environment_with("keras", "tensorflow")
    environments._source_of_edgecls.cache_clear()
    (checkout / "edgecls" / "server.py").unlink()

    environment_with("keras", "tensorflow")

    assert asked == [["tensorflow"]]
