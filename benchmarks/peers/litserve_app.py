"""LitServe: `python litserve_app.py PORT`, two workers, images in a form."""

import os
import sys

import litserve
from fastapi import Request

import edgecls


class Api(litserve.LitAPI):  # type: ignore[misc,name-defined]  # published without types
    """Classifies an uploaded image."""

    def setup(self, device: str) -> None:
        """Open the model in a worker."""
        self.classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")

    def decode_request(self, request: Request) -> bytes:
        """Take the image out of the form."""
        data: bytes = request["file"].file.read()  # LitServe has read the form already
        return data

    def predict(self, x: bytes) -> dict[str, object]:
        """Classify it."""
        return self.classifier.predict_bytes(x).as_dict(top=5)

    def encode_response(self, output: dict[str, object]) -> dict[str, object]:
        """Answer with JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=2)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning")
