"""Which model files gave the right answers on this machine, so that each is verified only once."""

import hashlib
import os
import struct
from pathlib import Path

from edgecls.errors import ModelFileError
from edgecls.modelfile import ModelFile
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cache_folder import cache_folder
from edgecls.runtime.machine.processor import read_processor

__all__ = ["verify_once"]

FORMAT = 2
MOST_RECORDS = 500  # the oldest go first


def verify_once(model: ModelFile, classifier: Classifier) -> None:
    """Run the golden samples, unless they passed before with the same file, processor and onnxruntime.

    On other providers than the CPU, the model was already verified when it was opened.

    Args:
        model: The model file.
        classifier: The same file, opened.

    Raises:
        ModelFileError: The answers are wrong: the network or the golden samples were changed, or this machine fails.
    """
    if classifier.provider is not Provider.CPU:
        return
    cache = cache_folder()
    record = None if cache is None else cache / "verified" / _key(model)
    if record is not None and os.path.exists(record):  # Path.exists raises where access is denied
        return
    failed = [result for result in classifier.verify() if not result.passed]
    if failed:
        raise ModelFileError(
            f"model {model.path!r} gives wrong answers on this machine: {failed[0]}; get a fresh copy, "
            "'edgecls verify' shows all of its golden samples"
        )
    if record is not None:
        _keep(record)


def _key(model: ModelFile) -> str:
    """Return a name for all that the answers to the golden samples depend on."""
    processor = read_processor()
    facts = (FORMAT, model.network_sha256, processor.name, processor.features, load_onnxruntime().__version__)
    digest = hashlib.sha256(repr(facts).encode())
    golden = model.card.golden
    for sample in golden.samples:
        digest.update(sample.png)
        digest.update(struct.pack(f"<{len(sample.probabilities) + 1}d", golden.tolerance, *sample.probabilities))
        digest.update(repr((golden.familiarity_tolerance, sample.familiarity)).encode())
    return digest.hexdigest()[:40]


def _keep(record: Path) -> None:
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.touch()
        records = sorted(record.parent.iterdir(), key=os.path.getmtime)
        for old in records[:-MOST_RECORDS]:
            old.unlink(missing_ok=True)
    except OSError:
        pass  # it is verified again next time
