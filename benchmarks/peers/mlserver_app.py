"""MLServer: `mlserver start FOLDER`, two workers, the image as Base64 in the JSON of the Open Inference Protocol.

As its guide to custom runtimes says; it takes no other form of an image over REST.
"""

import os

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

import edgecls


class Classify(MLModel):  # type: ignore[misc,name-defined]  # published without types
    """Classifies the one image of a request."""

    async def load(self) -> bool:
        """Open the model in a worker."""
        self.classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classify it."""
        (image,) = Base64Codec.decode_input(payload.inputs[0])
        probabilities = self.classifier.predict_bytes(image).probabilities
        output = NumpyCodec.encode_output("probabilities", np.asarray([probabilities], np.float32))
        return InferenceResponse(model_name=self.name, outputs=[output])
