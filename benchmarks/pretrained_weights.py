"""Whether the ImageNet weights of pip packages are read correctly: how many photos of ImageNet get their class.

The networks are those of `edgecls.models`, with the weights of the installed packages and the thousand classes of their
own last layer. Weights that are read wrongly give no error, only answers by chance: one in a thousand.

    python benchmarks/pretrained_weights.py --photos DIR --classes wnids.txt [--mobilenet FILE.weights.h5]
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.image import decode_to_fit, read_file
from edgecls.image_spec import Color, Fit, ImageSpec

Probabilities = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]

CROP = 0.875  # of the shorter side: how such networks are usually tested


def main() -> None:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos named <wnid>_<name>.JPEG")
    parser.add_argument("--classes", type=Path, required=True, help="the thousand wnids, one on a line, sorted")
    parser.add_argument("--mobilenet", type=Path, help="weights of keras.applications.MobileNetV2, to compare with")
    options = parser.parse_args()
    wnids = options.classes.read_text().split()
    photos = sorted(options.photos.iterdir())
    wanted = np.array([wnids.index(path.name.partition("_")[0]) for path in photos])
    for name, side, network in _networks(options.mobilenet):
        found = np.concatenate([network(_pixels(path, side)) for path in photos])
        ranks = (found > found[np.arange(len(wanted)), wanted][:, None]).sum(axis=1)
        print(f"{name:20} {side:4} px  {(ranks < 1).sum():3} of {len(photos)} right, {(ranks < 5).sum():3} among five")


def _pixels(path: Path, side: int) -> npt.NDArray[np.uint8]:
    """Return the centre of a photo, uint8 ``[1, side, side, 3]``."""
    whole = round(side / CROP)
    pixels = decode_to_fit(read_file(path), ImageSpec(whole, whole, Color.RGB, Fit.CROP), name=path.name)
    start = (whole - side) // 2
    return pixels[None, start : start + side, start : start + side]


def _networks(mobilenet: Path | None) -> Iterator[tuple[str, int, Probabilities]]:
    import keras

    from edgecls.models import IMAGENET, build_model, get_architecture
    from edgecls.models.pretrained.torch_file import read_torch_file

    if mobilenet is not None:
        published = keras.applications.MobileNetV2(weights=None)
        published.load_weights(mobilenet)
        yield "mobilenet_v2", 224, lambda pixels: published.predict_on_batch(pixels / np.float32(127.5) - 1)
    for variant in range(3):
        architecture = get_architecture(f"efficientnet_lite{variant}")
        side = architecture.default_side
        network = build_model(architecture.name, num_classes=1000, spec=ImageSpec(side, side), weights=IMAGENET)
        assert architecture.package is not None
        tensors = read_torch_file(architecture.package.checked())
        network.get_layer("head_logits").set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
        yield architecture.name, side, network.predict_on_batch


if __name__ == "__main__":
    main()
