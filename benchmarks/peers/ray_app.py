"""Ray Serve: `python ray_app.py PORT`, two replicas, the image as the body."""

import os
import sys
import time

import ray
from ray import serve
from starlette.requests import Request

import edgecls


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=64)
class Classify:
    """Classifies the body of a request."""

    def __init__(self) -> None:
        self.classifier = edgecls.load(os.environ["EDGECLS_BENCH_MODEL"], "cpu")

    async def __call__(self, request: Request) -> dict[str, object]:
        """Classify it."""
        return self.classifier.predict_bytes(await request.body()).as_dict(top=5)


if __name__ == "__main__":
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Classify.bind(), route_prefix="/predict")
    while True:
        time.sleep(60)
