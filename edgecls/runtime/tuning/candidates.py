"""The settings that are worth trying on a provider."""

from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting

__all__ = ["candidate_settings"]

CPU_BATCHES = (4, 16)
GPU_BATCHES = (8, 32, 128)


def candidate_settings(provider: Provider, *, cores: int) -> tuple[Setting, ...]:
    """Return what to measure on a provider, the usual setting first; among them one picture at a time.

    Args:
        provider: One by name.
        cores: Those this process may use.
    """
    plain = [Setting(provider, cores, 1, 1)]
    if provider not in (Provider.CPU, Provider.OPENVINO):
        # To fill a batch, as many pictures have to be on their way while the last one runs.
        batches = [Setting(provider, max(cores, 2 * size), 1, size) for size in GPU_BATCHES]
        return _once([*plain, Setting(provider, 1, 1, 1), Setting(provider, 2 * cores, 1, 1), *batches])
    counts = _thread_counts(cores)
    alone = [Setting(provider, 1, count, 1) for count in counts]
    shared = [Setting(provider, cores // count, count, 1) for count in counts]
    # OpenVINO's networks are made for one picture.
    sizes = CPU_BATCHES if provider is Provider.CPU else ()
    batches = [Setting(provider, max(cores, 2 * size), cores, size) for size in sizes]
    return _once([*plain, *alone, *shared, Setting(provider, 2 * cores, 1, 1), *batches])


def _thread_counts(cores: int) -> list[int]:
    """Return the powers of two up to the number of cores, and that number."""
    return sorted({cores, *(2**power for power in range(cores.bit_length()))})


def _once(settings: list[Setting]) -> tuple[Setting, ...]:
    return tuple(dict.fromkeys(settings))
