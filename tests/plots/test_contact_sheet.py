"""The contact sheet: every image pixel by pixel, with its heading."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgecls.plots.contact_sheet import GAP, HEADING, MARGIN, SheetBlock, blocks_that_fit, contact_sheet

SIDE = 32


def _image(value: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(value).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def _draw(*blocks: SheetBlock, column_names: tuple[str, str] | None = None) -> npt.NDArray[np.uint8]:
    png = contact_sheet(blocks, side=SIDE, column_names=column_names)
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.astype(np.uint8)


def _find(sheet: npt.NDArray[np.uint8], image: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Return the left and the top of an image that is on the sheet, pixel by pixel."""
    _, _, (left, top), _ = cv2.minMaxLoc(cv2.matchTemplate(sheet, image, cv2.TM_SQDIFF))
    np.testing.assert_array_equal(sheet[top : top + SIDE, left : left + SIDE], image)
    return left, top


@pytest.mark.parametrize("column_names", [None, ("original", "augmented")], ids=["plain", "with-column-names"])
def test_images_stand_in_lines_under_headings(column_names: tuple[str, str] | None) -> None:
    numbered = [_image(number) for number in range(6)]
    sheet = _draw(
        SheetBlock("红玫瑰", "3 images", ((numbered[0], numbered[1]), (numbered[2],))),
        SheetBlock("roses", "3 images", ((numbered[3], numbered[4], numbered[5]),)),
        column_names=column_names,
    )

    places = [_find(sheet, image) for image in numbered]
    lefts, tops = zip(*places, strict=True)
    assert lefts[0] == lefts[2] == lefts[3] == MARGIN
    assert lefts[1] == lefts[4] == lefts[5] - SIDE - GAP
    assert tops[0] == tops[1] == tops[2] - SIDE - GAP
    assert tops[3] == tops[2] + SIDE + GAP + HEADING
    for top in (tops[0], tops[3]):
        assert (sheet[top - HEADING + GAP : top, MARGIN : MARGIN + 60].min(axis=2) < 128).any()


def test_a_label_without_images_has_its_heading() -> None:
    sheet = _draw(SheetBlock("empty", "no image", ()))

    assert (sheet.min(axis=2) < 128).any()


def test_headings_in_other_scripts_differ() -> None:
    first, second = (_draw(SheetBlock(heading, "", ((_image(0),),))) for heading in ("红玫瑰", "向日葵"))

    assert not np.array_equal(first, second)


def test_a_long_heading_is_cut() -> None:
    sheet = _draw(SheetBlock("花" * 500, "1 image", ((_image(0),),)))

    assert sheet.shape[1] == 600


def test_a_full_sheet_can_be_drawn() -> None:
    count = blocks_that_fit(100, side=SIDE)
    block = SheetBlock("a", "", ((np.zeros((SIDE, SIDE, 3), np.uint8),),) * 100)

    assert count > 1
    assert _draw(*[block] * count).shape[0] <= 30_000
