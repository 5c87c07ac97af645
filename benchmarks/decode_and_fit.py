"""What does it cost to decode a JPEG and resize it for a model?

Baselines, in the same rounds: cv2.imdecode at full size, then INTER_AREA (properly filtered, slow) or
plain bilinear (fast, but large photos alias). Images: the example photo at ordinary sizes, and
one of 12 megapixels with noise, as cameras make it.

    python benchmarks/decode_and_fit.py [--rounds 15]
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from measure import byte_compile, machine_facts, write_results

from edgecls import image
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.measuring.turns import ratio_of, time_rounds

IMAGE = Path(__file__).parent.parent / "examples" / "dandelion.jpg"
SIZES = {"500x375": (500, 375), "1920x1440": (1920, 1440), "4000x3000": (4000, 3000)}
SIDES = (224, 128)
SECONDS_A_ROUND = 0.1  # each subject is repeated for about that long


def _encode(width: int, height: int) -> bytes:
    photo = cv2.imdecode(np.frombuffer(IMAGE.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    resized = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    noise = np.random.default_rng(0).normal(0, 8, resized.shape)  # levels of 255, as at a middling ISO
    _, encoded = cv2.imencode(".jpg", np.clip(resized + noise, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


def _subjects(data: bytes, side: int) -> dict[str, Callable[[], object]]:
    spec = ImageSpec(side, side, Color.RGB, Fit.STRETCH)
    buffer = np.frombuffer(data, np.uint8)

    def plain(interpolation: int) -> object:
        return cv2.resize(cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB), (side, side), interpolation=interpolation)

    return {
        "edgecls": lambda: image.decode_to_fit(data, spec),
        "full + area": lambda: plain(cv2.INTER_AREA),
        "full + bilinear": lambda: plain(cv2.INTER_LINEAR),
    }


def _repeated(subject: Callable[[], object], count: int) -> Callable[[], object]:
    def repeat() -> None:
        for _ in range(count):
            subject()

    return repeat


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    byte_compile()
    cv2.setNumThreads(1)
    machine = machine_facts()
    print(f"{machine['processor']}, 1 thread, {rounds} rounds, median ms an image")
    rows = []
    for size, (width, height) in SIZES.items():
        data = _encode(width, height)
        for side in SIDES:
            subjects = _subjects(data, side)
            once = time_rounds({"area": subjects["full + area"]}, rounds=3)["area"]
            count = max(1, round(SECONDS_A_ROUND / min(once)))
            times = time_rounds({name: _repeated(run, count) for name, run in subjects.items()}, rounds=rounds)
            milliseconds = {name: 1000 * statistics.median(values) / count for name, values in times.items()}
            against_area = ratio_of(times["edgecls"], times["full + area"])
            against_bilinear = ratio_of(times["edgecls"], times["full + bilinear"])
            print(
                f"{size:9} ({len(data) / 1e6:.2f} MB) to {side}: "
                + "  ".join(f"{name} {value:.2f}" for name, value in milliseconds.items())
                + f"  edgecls/area {against_area}  edgecls/bilinear {against_bilinear}"
            )
            rows.append(
                {
                    "image": size,
                    "bytes": len(data),
                    "side": side,
                    "milliseconds": {name: round(value, 3) for name, value in milliseconds.items()},
                    "milliseconds_each": {
                        name: [round(1000 * value / count, 4) for value in values] for name, values in times.items()
                    },
                    "edgecls_over_area": asdict(against_area),
                    "edgecls_over_bilinear": asdict(against_bilinear),
                }
            )
    print(f"wrote {write_results('decode_and_fit', {'rounds': rounds, 'rows': rows})}")


if __name__ == "__main__":
    main()
