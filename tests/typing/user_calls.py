"""Calls as users write them, for the type checker; each `type: ignore` is a call that it has to refuse."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, assert_type

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

import edgecls
from edgecls.server import LocalServer, create_app


def one(path: Path) -> None:
    classifier = edgecls.load("m.onnx", edgecls.Provider.CPU, intra_op_threads=2)
    prediction = classifier.predict(path)
    assert_type(prediction, edgecls.Prediction)
    assert_type(prediction.label, str)
    assert_type(prediction.probabilities, tuple[float, ...])
    assert_type(prediction.top(3)[0], edgecls.LabelScore)
    classifier.predict_bytes(b"", name="upload")
    classifier.predict_bytes("image.jpg")  # type: ignore[arg-type]
    classifier.predict(7)  # type: ignore[arg-type]


def unknown_images(frame: npt.NDArray[np.uint8]) -> None:
    classifier = edgecls.load(min_familiarity="95%", features=True)
    edgecls.load(min_familiarity=0.5)
    edgecls.load(min_familiarity=["off"])  # type: ignore[arg-type]
    prediction = classifier.predict(frame)
    assert_type(prediction.familiarity, float | None)
    assert_type(prediction.unknown_reason, Literal["unlike", "undecided"] | None)
    assert_type(prediction.reason_text, str)
    assert_type(prediction.features, npt.NDArray[np.float32] | None)
    assert_type(classifier.embed([frame, "a.jpg"]), npt.NDArray[np.float32])


def every_kind_of_image(frame: npt.NDArray[np.uint8], pil: Image, path: Path) -> None:
    classifier = edgecls.load()
    assert_type(classifier.labels, tuple[str, ...])
    with path.open("rb") as file:
        assert_type(classifier.predict(file), edgecls.Prediction)
    with path.open() as text:
        classifier.predict(text)  # type: ignore[arg-type]
    classifier.predict(b"bytes of an image", name="upload")
    classifier.predict(frame, channel_order="bgr")
    classifier.predict(frame, channel_order="grb")  # type: ignore[arg-type]
    classifier.predict(pil)
    classifier.predict(io.BytesIO())
    classifier.explain(frame)
    classifier.predict_many([path, b"", frame, pil, io.BytesIO()])
    edgecls.to_dataframe(classifier.predict_many([path]), top=2)
    edgecls.to_dataframe([classifier.predict(path)])


def many(folder: Path) -> Iterator[str]:
    with edgecls.load(folder / "m.onnx", tuned="latency") as classifier:
        assert_type(classifier, edgecls.Classifier)
        classifier.warm_up()
        classifier.warm_up([1, 8])
        for outcome in classifier.predict_many(folder.glob("*.jpg"), workers=4):
            assert_type(outcome, edgecls.Outcome)
            if isinstance(outcome.result, edgecls.ImageError):
                yield f"{outcome.name}: {outcome.result}"
            else:
                assert_type(outcome.result, edgecls.Prediction)
                yield outcome.result.label
        classifier.predict_many("one.jpg", 4)  # type: ignore[call-arg]


def explained(classifier: edgecls.Classifier, path: Path) -> None:
    explanation = classifier.explain(path, label="roses")
    assert_type(explanation, edgecls.Explanation)
    assert_type(explanation.heat, npt.NDArray[np.float32])
    assert_type(classifier.explain(b"", name="upload").overlay_png(max_side=300), bytes)


def arrays(classifier: edgecls.Classifier, batch: npt.NDArray[np.uint8], floats: npt.NDArray[np.float32]) -> None:
    assert_type(classifier.probabilities(batch), npt.NDArray[np.float32])
    classifier.probabilities(floats)  # type: ignore[arg-type]
    classifier.close()


def over_http(folder: Path) -> Iterator[str]:
    with edgecls.Client("http://127.0.0.1:8000", "key", timeout_s=5) as client:
        assert_type(client.ready(), bool)
        assert_type(client.models(), list[edgecls.RemoteModel])
        assert_type(client.predict(b"", model="flowers"), edgecls.RemotePrediction)
        assert_type(client.predict("image.jpg", top=3).top[0], edgecls.LabelScore)
        for outcome in client.predict_many(folder.glob("*.jpg"), connections=2):
            assert_type(outcome, edgecls.RemoteOutcome)
            if not isinstance(outcome.result, edgecls.ImageError):
                yield outcome.result.label
        client.predict(["one.jpg"])  # type: ignore[arg-type]


def a_server(models: list[Path]) -> None:
    with edgecls.serve(models, port=0, max_upload_mb=8) as url:
        assert_type(url, str)
    server = edgecls.serve("m.onnx", feedback="corrections")
    assert_type(server, LocalServer)
    assert_type(server.start(), str)
    server.stop()
    edgecls.serve(7)  # type: ignore[arg-type]
    create_app("m.onnx", allowed_hosts=["api.example"])
    create_app("m.onnx", port=8000)  # type: ignore[call-arg]
