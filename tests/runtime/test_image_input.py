"""Everything that a classifier takes as an image."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import edgecls
from edgecls import image
from edgecls.errors import ImageArrayError, ImageDecodeError, ImageReadError, ImageTooLargeError, InputShapeError
from edgecls.image_limits import ImageLimits

PIXELS = np.random.default_rng(5).integers(0, 256, (12, 16, 3), dtype=np.uint8)
PNG = image.encode_png(PIXELS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "noise.png"
    path.write_bytes(PNG)
    return path


@pytest.mark.parametrize(
    ("take", "name"),
    [
        (lambda path: path, "noise.png"),
        (str, "noise.png"),
        (lambda path: PNG, "image"),
        (lambda path: bytearray(PNG), "image"),
        (lambda path: memoryview(PNG), "image"),
        (lambda path: io.BytesIO(PNG), "image"),
        (lambda path: path.open("rb"), "noise.png"),
        (lambda path: PIXELS, "image"),
        (lambda path: np.dstack([PIXELS, np.full((12, 16), 255, np.uint8)]), "image"),
        (lambda path: np.asfortranarray(PIXELS), "image"),
        (lambda path: np.repeat(PIXELS, 2, axis=1)[:, ::2], "image"),
        (Image.open, "noise.png"),
        (lambda path: Image.fromarray(PIXELS), "image"),
        (lambda path: Image.fromarray(PIXELS).convert("RGBA"), "image"),
    ],
    ids=[
        *("path", "text", "bytes", "bytearray", "memoryview", "bytesio", "file", "rgb", "rgba", "fortran", "strided"),
        *("pil-file", "pil", "pil-rgba"),
    ],
)
def test_all_give_the_same_answer(
    tiny_classifier: edgecls.Classifier, path: Path, take: Callable[[Path], Any], name: str
) -> None:
    expected = tiny_classifier.predict_bytes(PNG).probabilities
    before = PIXELS.copy()

    with _closing(take(path)) as taken:
        prediction = tiny_classifier.predict(taken)
    with _closing(take(path)) as taken:
        (outcome,) = tiny_classifier.predict_many(iter([taken]))
    with _closing(take(path)) as taken:
        explained = tiny_classifier.explain(taken, name="mine").prediction

    assert prediction.probabilities == expected
    assert outcome.result == _but_for_times(outcome.result, prediction)
    assert Path(prediction.image).name == outcome.name.rpartition("/")[2] == name
    assert (explained.image, explained.probabilities) == ("mine", expected)
    np.testing.assert_array_equal(PIXELS, before)


def _closing(taken: Any) -> Any:
    import contextlib

    return contextlib.closing(taken) if isinstance(taken, io.IOBase | Image.Image) else contextlib.nullcontext(taken)


def _but_for_times(result: Any, prediction: edgecls.Prediction) -> edgecls.Prediction:
    from dataclasses import replace

    return replace(prediction, time_ms=result.time_ms, decode_ms=result.decode_ms)


def test_frames_of_opencv_are_bgr(tiny_classifier: edgecls.Classifier, path: Path) -> None:
    frame = cv2.imread(str(path))
    expected = tiny_classifier.predict(path).probabilities

    (outcome,) = tiny_classifier.predict_many([frame], channel_order="bgr")

    assert tiny_classifier.predict(frame, channel_order="bgr").probabilities == expected
    assert isinstance(outcome.result, edgecls.Prediction)
    assert outcome.result.probabilities == expected
    assert tiny_classifier.predict(frame).probabilities != expected
    with pytest.raises(ValueError, match="channel_order is 'rgb' or 'bgr', not 'BGR'"):
        tiny_classifier.predict(frame, channel_order="BGR")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("taken", "stored"),
    [
        (PIXELS[:, :, 0], PIXELS[:, :, :1]),
        (PIXELS[:, :, :1], PIXELS[:, :, :1]),
        (Image.fromarray(PIXELS[:, :, 0]), PIXELS[:, :, :1]),
        (Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 257), PIXELS[:, :, :1]),
        (Image.fromarray(PIXELS[:, :, 0].astype(np.int32) * 257), PIXELS[:, :, :1]),
        (Image.fromarray(PIXELS[:, :, 0] > 127), (PIXELS[:, :, :1] > 127).astype(np.uint8) * 255),
    ],
    ids=["two-axes", "one-channel", "pil-l", "pil-16-bits", "pil-32-bits", "pil-bilevel"],
)
def test_grey_is_taken_as_it_is_from_a_file(tiny_classifier: edgecls.Classifier, taken: Any, stored: Any) -> None:
    expected = tiny_classifier.predict_bytes(image.encode_png(stored)).probabilities

    assert tiny_classifier.predict(taken).probabilities == expected


def test_transparency_is_laid_over_white_as_of_a_file(tiny_classifier: edgecls.Classifier, tmp_path: Path) -> None:
    rgba = np.random.default_rng(6).integers(0, 256, (12, 16, 4), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), rgba[:, :, [2, 1, 0, 3]])
    expected = tiny_classifier.predict(tmp_path / "a.png").probabilities

    assert tiny_classifier.predict(rgba).probabilities == expected
    assert tiny_classifier.predict(rgba[:, :, [2, 1, 0, 3]], channel_order="bgr").probabilities == expected
    assert tiny_classifier.predict(Image.fromarray(rgba)).probabilities == expected


def test_a_palette_is_looked_up(tiny_classifier: edgecls.Classifier) -> None:
    with Image.fromarray(PIXELS).quantize(8) as palette:
        expected = tiny_classifier.predict(np.asarray(palette.convert("RGB"))).probabilities

        assert tiny_classifier.predict(palette).probabilities == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_pil_image_is_applied_as_of_its_file(
    tiny_classifier: edgecls.Classifier, tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(tmp_path / "turned.png", exif=exif)

    with Image.open(tmp_path / "turned.png") as opened:
        seen = tiny_classifier.explain(opened).pixels

    np.testing.assert_array_equal(seen, image.decode((tmp_path / "turned.png").read_bytes()))


def test_a_file_is_read_from_where_it_stands(tiny_classifier: edgecls.Classifier) -> None:
    file = io.BytesIO(b"before" + PNG)
    file.seek(6)

    assert tiny_classifier.predict(file).image == "image"
    with pytest.raises(ImageReadError, match=r"read to its end; try file\.seek\(0\)"):
        tiny_classifier.predict(file)


def test_a_file_that_gives_little_at_a_time_is_read_whole(tiny_classifier: edgecls.Classifier) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, len(PNG) if size is None or size < 0 else size))

    assert tiny_classifier.predict(Trickle(PNG)) is not None


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        (PIXELS.astype(np.float32) / 255, r"float32 \(12, 16, 3\) is not an image: its values must be uint8"),
        (PIXELS.astype(np.uint16), "values must be uint8"),
        (PIXELS[np.newaxis], r"but a batch; predict_many\(array\)"),
        (PIXELS.transpose(2, 0, 1), r"channels come last; give array\.transpose\(1, 2, 0\)"),
        (PIXELS[:, :, :2], r"\(12, 16, 2\) is not an image"),
        (PIXELS[0, 0], r"\(3,\) is not an image"),
        (PIXELS[:0], "it has no pixels"),
        (Image.new("F", (4, 4)), "mode 'F' has no range"),
        (Image.new("RGB", (0, 4)), "0x4 pixels"),
    ],
    ids=["floats", "16-bits", "batch", "channels-first", "two-channels", "one-axis", "empty", "pil-f", "pil-empty"],
)
def test_an_array_that_is_no_image_is_told_what_to_do_and_does_not_end_many(
    tiny_classifier: edgecls.Classifier, taken: Any, message: str
) -> None:
    with pytest.raises(ImageArrayError, match=message) as caught:
        tiny_classifier.predict(taken, name="frame 7")
    assert "cannot use 'frame 7'" in str(caught.value)
    assert isinstance(caught.value, InputShapeError)

    first, second = tiny_classifier.predict_many([taken, PIXELS])
    assert isinstance(first.result, ImageArrayError)
    assert isinstance(second.result, edgecls.Prediction)


class _Tensor:
    def __array__(self) -> Any:
        return PIXELS


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        (None, "not None, which is what OpenCV gives where it cannot read an image$"),
        (7, "not int$"),
        ([PNG] * 1000, "not list; predict_many takes several$"),
        (PIXELS.tolist(), "not list; predict_many"),
        (_Tensor(), r"_Tensor; numpy\.asarray makes an array of a tensor$"),
        (io.StringIO("text"), r"its read\(\) gives str, not bytes; open the file in mode 'rb'$"),
    ],
    ids=["none", "number", "list", "nested", "tensor", "text-file"],
)
def test_other_types_get_a_short_message(tiny_classifier: edgecls.Classifier, taken: Any, message: str) -> None:
    for call in (
        tiny_classifier.predict,
        tiny_classifier.explain,
        lambda one: list(tiny_classifier.predict_many([one])),
    ):
        with pytest.raises(TypeError, match=message) as caught:
            call(taken)
        assert len(str(caught.value)) < 250


@pytest.mark.parametrize("taken", [PNG.decode("latin1"), "x" * 100_000], ids=["decoded", "long"])
def test_a_text_that_is_no_path_is_not_printed_whole(tiny_classifier: edgecls.Classifier, taken: str) -> None:
    with pytest.raises(edgecls.ImageError, match="that is no path; give an encoded image as bytes") as caught:
        tiny_classifier.predict(taken)
    assert len(str(caught.value)) < 350


@pytest.mark.parametrize("taken", ["a.png", PNG, bytearray(PNG), PIXELS, Image.fromarray(PIXELS), io.BytesIO(PNG)])
def test_one_image_is_not_taken_for_many(tiny_classifier: edgecls.Classifier, taken: Any) -> None:
    with pytest.raises(TypeError, match="use predict for one image") as caught:
        tiny_classifier.predict_many(taken)
    assert len(str(caught.value)) < 250


def test_a_batch_is_many_images(tiny_classifier: edgecls.Classifier) -> None:
    outcomes = list(tiny_classifier.predict_many(np.stack([PIXELS] * 3)))

    assert [outcome.name for outcome in outcomes] == ["image"] * 3
    with pytest.raises(TypeError, match="many images are an iterable, not None"):
        tiny_classifier.predict_many(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", ["a.png", PIXELS, None])
def test_predict_bytes_takes_bytes_only(tiny_classifier: edgecls.Classifier, data: Any) -> None:
    with pytest.raises(TypeError, match=r"predict_bytes takes bytes, not (str|ndarray|NoneType); predict takes"):
        tiny_classifier.predict_bytes(data)


def test_limits_hold_for_arrays_and_files(tiny_model_path: Path) -> None:
    pixels = edgecls.load(tiny_model_path, limits=ImageLimits(max_pixels=100))
    size = edgecls.load(tiny_model_path, limits=ImageLimits(max_bytes=100))

    for taken in (PIXELS, Image.fromarray(PIXELS)):
        with pytest.raises(ImageTooLargeError, match="16x12 pixels"):
            pixels.predict(taken)
    with pytest.raises(ImageTooLargeError, match="raise the limit"):
        size.predict(io.BytesIO(PNG))


def test_a_pil_image_whose_file_is_cut_short_is_a_fault_of_that_image(
    tiny_classifier: edgecls.Classifier, tmp_path: Path
) -> None:
    (tmp_path / "cut.png").write_bytes(PNG[: len(PNG) // 2])

    with Image.open(tmp_path / "cut.png") as opened:
        (outcome,) = tiny_classifier.predict_many([opened])

    assert isinstance(outcome.result, ImageDecodeError)
    assert "PIL cannot load it" in str(outcome.result)


def test_pil_is_not_imported_for_it(tiny_model_path: Path, path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys, edgecls, numpy\n"
        f"classifier = edgecls.load({str(tiny_model_path)!r}, 'cpu')\n"
        f"classifier.predict({str(path)!r})\n"
        "classifier.predict(numpy.zeros((4, 4, 3), numpy.uint8))._repr_html_()\n"
        "raise SystemExit('PIL' in sys.modules or 'pandas' in sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
