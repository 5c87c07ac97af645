"""Golden samples: differences found, named and measured against the tolerance."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_model import tiny_answer, tiny_card, tiny_familiar_card, tiny_familiarity, tiny_golden

from edgecls import image
from edgecls.errors import ModelFileError
from edgecls.model_card import Golden, GoldenSample
from edgecls.runtime.answers import Answers
from edgecls.runtime.golden import check_answers, check_golden, worst_of


def _run(batch: np.ndarray) -> np.ndarray:
    return tiny_answer(batch).astype(np.float32)


@pytest.mark.parametrize(
    ("count", "pairs"), [(1, []), (2, [0, 1]), (3, [0, 1, 1, 2]), (4, [0, 1, 2, 3])], ids=lambda value: str(value)
)
def test_every_sample_runs_alone_and_beside_another(count: int, pairs: list[int]) -> None:
    results = check_golden(tiny_card(golden=tiny_golden(count=count)), _run)

    assert [(result.sample, result.batch_size) for result in results] == [
        *((f"sample {index}", 1) for index in range(count)),
        *((f"sample {index}", 2) for index in pairs),
    ]
    assert all(result.passed and result.difference < 1e-6 for result in results)


def test_a_difference_is_named_where_it_is_largest() -> None:
    def wrong_in_batches(batch: np.ndarray) -> np.ndarray:
        answer = _run(batch)
        if len(batch) > 1:
            answer[0] += [0.001, -0.25, 0.002]
        return answer

    card = tiny_card(golden=tiny_golden(count=2))

    failed = [result for result in check_golden(card, wrong_in_batches) if not result.passed]

    assert len(failed) == 1
    assert (failed[0].sample, failed[0].label, failed[0].batch_size) == ("sample 0", "green", 2)
    assert failed[0].difference == pytest.approx(0.25)
    assert "probability of 'green'" in str(failed[0])


def test_nan_never_passes() -> None:
    results = check_golden(tiny_card(), lambda batch: np.full((len(batch), 3), np.nan, np.float32))

    assert not any(result.passed for result in results)


def test_the_tolerance_is_the_largest_difference_that_passes() -> None:
    card = tiny_card(golden=replace(tiny_golden(), tolerance=0.05))
    within = check_golden(card, lambda batch: _run(batch) + np.float32([0.049, 0, 0]))
    beyond = check_golden(card, lambda batch: _run(batch) + np.float32([0.051, 0, 0]))

    assert all(result.passed for result in within)
    assert not any(result.passed for result in beyond)


@pytest.mark.parametrize(
    ("png", "message"),
    [
        (b"no image", "golden sample of model 'colors' is damaged"),
        (image.encode_png(np.zeros((9, 8, 3), np.uint8)), r"is \(9, 8, 3\), the model takes \(8, 8, 3\)"),
    ],
    ids=["no-image", "another-size"],
)
def test_a_sample_that_cannot_be_used_is_the_model_files_fault(png: bytes, message: str) -> None:
    golden = Golden(1e-3, (GoldenSample("bad", png, (1.0, 0.0, 0.0)),))

    with pytest.raises(ModelFileError, match=message):
        check_golden(tiny_card(golden=golden), _run)


def test_batches_of_other_sizes_hold_the_samples_again_and_again() -> None:
    batches = []

    def note(batch: np.ndarray) -> np.ndarray:
        batches.append(batch)
        return _run(batch)

    results = check_golden(tiny_card(), note, batch_sizes=(1, 5, 3, 5))

    assert [len(batch) for batch in batches] == [1, 1, 1, 2, 2, 3, 5]
    assert [result.sample for result in results if result.batch_size == 5] == [
        "sample 0", "sample 1", "sample 2", "sample 0", "sample 1",
    ]  # fmt: skip
    assert all(result.passed for result in results)


def test_familiarity_is_checked_with_a_tolerance_of_its_own() -> None:
    def shifted(batch: np.ndarray) -> Answers:
        return Answers(_run(batch), (tiny_familiarity(batch) + 0.01).astype(np.float32))

    card = tiny_familiar_card()
    generous = replace(card, golden=replace(card.golden, familiarity_tolerance=0.02))

    failed = [result for result in check_answers(card, shifted) if not result.passed]

    assert [(result.sample, result.batch_size, result.label) for result in failed[:4]] == [
        ("sample 0", 1, None),
        ("sample 1", 1, None),
        ("sample 2", 1, None),
        ("sample 0", 2, None),
    ]
    assert "golden sample 'sample 0' in a batch of 1: familiarity is" in str(failed[0])
    assert all(result.passed for result in check_answers(generous, shifted))


def test_a_familiarity_that_is_no_number_fails() -> None:
    results = check_answers(
        tiny_familiar_card(), lambda batch: Answers(_run(batch), np.full(len(batch), np.nan, np.float32))
    )

    assert worst_of(results).label is None
    assert [result.passed for result in results] == [result.label is not None for result in results]


def test_a_network_without_familiarity_is_checked_for_its_probabilities() -> None:
    assert len(check_golden(tiny_familiar_card(), _run)) == len(check_golden(tiny_card(), _run))
