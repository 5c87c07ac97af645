"""Thumbnails are made when they are asked for, and no more are kept than fit."""

from pathlib import Path

import numpy as np
from desktop_window import wait_until

from edgecls import image
from edgecls.desktop.app import make_app
from edgecls.desktop.shared.thumbnails import Thumbnails, decode_preview


def _write(path: Path, color: tuple[int, int, int], side: int = 40) -> str:
    path.write_bytes(image.encode_png(np.full((side, 2 * side, 3), color, np.uint8)))
    return str(path)


def test_memory_is_bounded_however_many_images_are_seen(tmp_path: Path) -> None:
    make_app()
    thumbnails = Thumbnails(16, max_bytes=10 * 16 * 16 * 4)
    paths = [_write(tmp_path / f"{index}.png", (index, 0, 0)) for index in range(30)]

    for path in paths:
        thumbnails.get(path)
        wait_until(lambda path=path: path in thumbnails._kept)

    assert len(thumbnails) == 10
    assert thumbnails.get(paths[-1]) is not None
    assert thumbnails.get(paths[0]) is None  # it is made again
    thumbnails.close()


def test_an_image_that_cannot_be_read_is_tried_once(tmp_path: Path) -> None:
    make_app()
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    path = str(tmp_path / "broken.jpg")
    thumbnails = Thumbnails(16)

    thumbnails.get(path)
    wait_until(lambda: thumbnails.is_broken(path))

    assert thumbnails.get(path) is None
    assert not thumbnails._waiting
    thumbnails.close()


def test_a_preview_is_no_larger_than_needed_and_keeps_the_proportions(tmp_path: Path) -> None:
    path = _write(tmp_path / "wide.png", (9, 80, 7), side=300)

    assert decode_preview(path, max_side=200).shape == (100, 200, 3)
    assert decode_preview(path).shape == (300, 600, 3)
