"""BentoML: `bentoml serve bentoml_app:Classify`, two workers, images in a form."""

import os
from pathlib import Path

import bentoml

import edgecls


@bentoml.service(workers=2)
class Classify:
    """Classifies an uploaded image."""

    def __init__(self) -> None:
        self.classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")

    @bentoml.api
    def predict(self, file: Path) -> dict[str, object]:
        """Classify it."""
        return self.classifier.predict_bytes(file.read_bytes()).as_dict(top=5)
