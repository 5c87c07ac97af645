"""Documents of benchmarks that were never run."""

from collections.abc import Sequence
from typing import Any

__all__ = ["made_up_document"]

STEADY = (1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99)
NOISY = (1.0, 1.6, 0.7, 1.3, 0.8, 1.9, 0.6, 1.2)


def made_up_document(
    *,
    slowness: float = 1.0,
    machine_slowness: float = 1.0,
    shape: Sequence[float] = STEADY,
    settings: Sequence[str] = ("cpu, 1 image at a time",),
    **machine: Any,
) -> dict[str, Any]:
    """Return a document with the fields that a comparison reads.

    Args:
        slowness: How many times as long an image takes as 10 ms; the machine comes on top.
        machine_slowness: How many times as long everything takes, the reference workload too.
        shape: What each round is multiplied with.
        settings: Those that were measured.
        machine: Facts of the machine that are not the usual ones.
    """
    times_ms = [10 * slowness * machine_slowness * factor for factor in shape]
    reference_s = {"one_core": [0.05 * machine_slowness] * len(times_ms)}
    return {
        "kind": "edgecls bench",
        "format": 1,
        "machine": {"processor": "Slide Rule 3", "packages": {"numpy": "2.0"}, "time": "1970", **machine},
        "pace_s": 0.1,
        "images": {"count": 1, "sha256": "beef"},
        "models": [{"name": "花", "network_sha256": "cafe"}],
        "settings": [
            {
                "model": "花",
                "setting": setting,
                "reference": "one_core",
                "back_to_back": {"images_per_s": {"rounds": [1000 / time_ms for time_ms in times_ms]}},
                "paced": {"latency_ms": {"rounds": times_ms}},
            }
            for setting in settings
        ],
        "placements": [
            {
                "model": "花",
                "provider": "cpu",
                "reference": "one_core",
                "start_s": {"rounds": [time_ms / 10 for time_ms in times_ms]},
            }
        ],
        "reference_s": {"back_to_back": reference_s, "paced": reference_s, "start": reference_s},
    }
