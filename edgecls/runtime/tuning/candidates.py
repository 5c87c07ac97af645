"""Opening a model with every setting that is worth trying here."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from edgecls.errors import ProviderError
from edgecls.modelfile import ModelFile
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider, SkippedProvider, installed_providers
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.memory import available_memory_bytes
from edgecls.runtime.session import Session, try_provider
from edgecls.runtime.setting import Setting

__all__ = ["Candidate", "candidate_settings", "open_candidates"]

CPU_BATCHES = (4, 16)
GPU_BATCHES = (8, 32, 128)
SESSION_SIZE = 4  # memory that an open network may take, in sizes of its file


def candidate_settings(provider: Provider, *, cores: int) -> tuple[Setting, ...]:
    """Return what to measure on a provider, the default setting first; among them one image at a time.

    Args:
        provider: One by name.
        cores: Those this process may use.
    """
    plain = [Setting(provider, cores, 1, 1)]
    if provider not in (Provider.CPU, Provider.OPENVINO):
        # To fill a batch, as many images have to be on their way while the last one runs.
        batches = [Setting(provider, max(cores, 2 * size), 1, size) for size in GPU_BATCHES]
        return _once([*plain, Setting(provider, 1, 1, 1), Setting(provider, 2 * cores, 1, 1), *batches])
    counts = _thread_counts(cores)
    alone = [Setting(provider, 1, count, 1) for count in counts]
    shared = [Setting(provider, cores // count, count, 1) for count in counts]
    # OpenVINO's networks are made for one image.
    sizes = CPU_BATCHES if provider is Provider.CPU else ()
    batches = [Setting(provider, max(cores, 2 * size), cores, size) for size in sizes]
    return _once([*plain, *alone, *shared, Setting(provider, 2 * cores, 1, 1), *batches])


def _thread_counts(cores: int) -> list[int]:
    """Return the powers of two up to the number of cores, and that number."""
    return sorted({cores, *(2**power for power in range(cores.bit_length()))})


def _once(settings: list[Setting]) -> tuple[Setting, ...]:
    return tuple(dict.fromkeys(settings))


@dataclass(frozen=True)
class Candidate:
    """A model opened with one setting.

    Attributes:
        model: Which of the models, from 0.
        setting: How it is run.
        classifier: Runs it so.
    """

    model: int
    setting: Setting
    classifier: Classifier


def open_candidates(
    models: Sequence[ModelFile],
    provider: Provider,
    *,
    deadline_s: float,
    wait_until_s: float = math.inf,
    on_progress: Callable[[str], None],
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[Candidate], list[SkippedProvider]]:
    """Open models with all settings, on the CPU first, as it never fails.

    Settings that need no session of their own share one.

    Args:
        models: The model files.
        provider: One by name, or AUTO for all that work.
        deadline_s: The time by `clock` after which only what is needed is opened.
        wait_until_s: The time by `clock` until which an opening is waited for; one that takes longer is left out, and
            goes on in a thread that the end of this process waits for (unless it is `os._exit`).
        on_progress: Called with what is being opened.
        clock: Tells the time in seconds.

    Returns:
        At least one candidate of each model, those of a model together; and what could not be opened, with the reason.

    Raises:
        ModelFileError: A network does not match its document, or onnxruntime cannot load it.
        ProviderError: A model runs nowhere, or not on the provider asked for.
    """
    candidates: list[Candidate] = []
    skipped: list[SkippedProvider] = []
    wanted = installed_providers() if provider is Provider.AUTO else [provider]
    for index, model in enumerate(models):
        opened: list[Candidate] = []
        faults: list[SkippedProvider] = []
        for place in reversed(wanted):
            on_progress(f"opening {model.path} on {place}")
            for found in _open_on(
                model, place, is_late=lambda: clock() > deadline_s, left_s=lambda: wait_until_s - clock()
            ):
                if isinstance(found, SkippedProvider):
                    faults.append(found)
                else:
                    setting, session = found
                    opened.append(Candidate(index, setting, Classifier(session, setting=setting)))
        if not opened:
            tried = "; ".join(map(str, faults)) or "the installed onnxruntime has none that edgecls knows"
            raise ProviderError(f"cannot run model {model.path!r} on {provider}. {tried}")
        candidates += opened
        skipped += faults
    return candidates, list(dict.fromkeys(skipped))


def _open_on(
    model: ModelFile, provider: Provider, *, is_late: Callable[[], bool], left_s: Callable[[], float]
) -> Iterator[tuple[Setting, Session] | SkippedProvider]:
    sharing: dict[tuple[int, int], list[Setting]] = defaultdict(list)
    for setting in candidate_settings(provider, cores=usable_cores()):
        # Elsewhere than on the CPU a session is made ready for the batches it will see.
        batch_size = 0 if provider is Provider.CPU else setting.batch_size
        sharing[setting.intra_op_threads, batch_size].append(setting)
    for number, ((threads, _), settings) in enumerate(sharing.items()):
        hindrance = _too_much(model, is_late=is_late()) if number else None
        if hindrance:
            reason, remedy = hindrance
            yield SkippedProvider(provider, f"with {settings[0]} not measured: {reason}", remedy)
            continue
        open_it = partial(
            try_provider,
            model,
            provider,
            intra_op_threads=threads,
            batch_sizes=max(settings, key=lambda setting: setting.batch_size).batch_sizes,
        )
        session = _opened_within(left_s(), open_it, provider)
        if isinstance(session, Session):
            yield from ((setting, session) for setting in settings)
        else:
            yield session
            if not number:
                return  # nor will it with other settings


def _opened_within(
    left_s: float, open_it: Callable[[], Session | SkippedProvider], provider: Provider
) -> Session | SkippedProvider:
    """Return what is opened; or, if that takes longer than `left_s` seconds, that it was not waited for."""
    if math.isinf(left_s):
        return open_it()
    late = SkippedProvider(provider, "not measured: it took too long to open", "'edgecls tune' waits for it")
    if left_s <= 0:
        return late
    aside = ThreadPoolExecutor(1)
    try:
        return aside.submit(open_it).result(left_s)
    except TimeoutError:
        return late
    finally:
        aside.shutdown(wait=False)


def _too_much(model: ModelFile, *, is_late: bool) -> tuple[str, str] | None:
    """Return why no further session should be opened, and what would help; None if one may be."""
    if is_late:
        return "opening the others took so long", "give more --seconds"
    free = available_memory_bytes()
    if free is not None and free < SESSION_SIZE * len(model.onnx):
        return "there is too little free memory", "free some, or tune one file at a time"
    return None
