"""Every part that reads what somebody else wrote answers or refuses, and does nothing else."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.target import Target, Watch
from fuzz.targets import TARGETS, is_installed

KEPT = Path(__file__).with_name("kept")
DAMAGED = 24  # inputs of each target

_TARGETS = [
    pytest.param(target, id=name, marks=pytest.mark.skipif(not is_installed(target), reason=f"needs {target.needs}"))
    for name, target in TARGETS.items()
]
_QUICK = [one for one in _TARGETS if not one.values[0].is_slow]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    watching = Watch(tmp_path_factory.mktemp("fuzz"))
    yield watching
    watching.close()


@pytest.mark.parametrize("target", _QUICK)
def test_examples_and_damaged_copies_of_them_are_read_or_refused(target: Target, watch: Watch) -> None:
    seeds = target.seeds()
    chance = random.Random(target.name)

    for data in (b"", *seeds):
        watch.feed(target, data)
    for _ in range(DAMAGED):
        watch.feed(target, target.mutate(chance.choice(seeds), chance, target.words))


@pytest.mark.parametrize(
    ("name", "file"),
    [pytest.param(path.parent.name, path, id=f"{path.parent.name}-{path.name}") for path in sorted(KEPT.glob("*/*"))],
)
def test_what_was_answered_wrongly_once_is_answered_well(name: str, file: Path, watch: Watch) -> None:
    target = TARGETS[name]
    if target.is_slow and "EDGECLS_FUZZ_SLOW" not in os.environ:
        pytest.skip("loading what it needs takes too long; EDGECLS_FUZZ_SLOW=1 does it all the same")
    if not is_installed(target):
        pytest.skip(f"needs {target.needs}")
    target.seeds()  # imports what it needs

    watch.feed(target, file.read_bytes())


@pytest.mark.parametrize("target", _QUICK)
def test_some_example_of_each_kind_is_whole(target: Target, watch: Watch) -> None:
    """A target that refuses everything would find nothing."""
    refused = 0
    seeds = target.seeds()
    for data in seeds:
        try:
            watch.read(target, data)
        except target.refusals:
            refused += 1
    assert refused < len(seeds), "all examples are refused"
