"""The plot of familiar and foreign images, read back from its pixels."""

import cv2
import numpy as np
import pytest

from edgecls.plots.figure import COLORS, INK
from edgecls.plots.foreign import SeparatingScore, separation_png


def _count(png: bytes, color: str) -> int:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    bgr = [int(color[start : start + 2], 16) for start in (5, 3, 1)]
    return int((np.abs(pixels.astype(int) - bgr).max(axis=2) <= 2).sum())


def _score(name: str, *, gap: float) -> SeparatingScore:
    rng = np.random.default_rng(2)
    return SeparatingScore(name, rng.normal(1, 0.3, 300), rng.normal(1 - gap, 0.3, 200))


def test_each_score_has_a_curve_and_marked_thresholds_add_points() -> None:
    scores = [_score("familiarity", gap=1), _score("probability", gap=0.5)]

    plain = separation_png(scores, thresholds={}, in_use=None)
    marked = separation_png(scores, thresholds={"98 %": 0.4, "far too strict": 9.0}, in_use=0.4)

    assert _count(plain, COLORS[0]) > 500
    assert _count(plain, COLORS[1]) > 500
    assert _count(marked, COLORS[0]) > _count(plain, COLORS[0])
    assert _count(marked, INK) > _count(plain, INK)
    assert _count(separation_png(scores[:1], thresholds={}, in_use=None), COLORS[1]) < 200


@pytest.mark.parametrize("values", [np.array([0.5]), np.full(7, 1.0)])
def test_few_and_equal_scores_are_drawn_too(values: np.ndarray) -> None:
    score = SeparatingScore("familiarity", values, values)

    assert separation_png([score], thresholds={"98 %": 0.5}, in_use=0.5).startswith(b"\x89PNG")
