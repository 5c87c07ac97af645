"""Triton through nvidia-pytriton: `python triton_app.py PORT`, two instances, the image as Base64 in JSON."""

import base64
import os
import socket
import sys
from pathlib import Path

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

import edgecls


class Classify:
    """Classifies the images of a batch; every instance is a process of its own."""

    def __init__(self) -> None:
        self.classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")

    @batch
    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        """Classify them."""
        images = [base64.b64decode(text) for text in image[:, 0]]
        found = [self.classifier.predict_bytes(encoded).probabilities for encoded in images]
        return [np.asarray(found, np.float32)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    configuration = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(sys.argv[1]),
        grpc_address="127.0.0.1",
        grpc_port=_free_port(),
        metrics_port=_free_port(),
        allow_metrics=False,
    )
    with Triton(config=configuration) as triton:
        triton.bind(
            model_name=Path(os.environ["EDGECLS_BENCH_MODEL"]).stem,
            infer_func=[Classify(), Classify()],
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(-1,))],
            config=ModelConfig(max_batch_size=8),
        )
        triton.serve()
