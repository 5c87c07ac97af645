"""The classifier: images in, predictions out."""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, NoReturn, Self

import numpy as np
import numpy.typing as npt

from edgecls.errors import ClosedError, ImageError, ModelFileError
from edgecls.image import Pixels
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.in_order import map_in_order
from edgecls.model_card import ModelCard, check_unknown_threshold
from edgecls.modelfile import ACTIVATION_NAME, FAMILIARITY_NAME, FEATURES_NAME
from edgecls.runtime.answers import Answers, Batch, ImageAnswer, Probabilities
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.golden import GoldenResult, check_answers
from edgecls.runtime.image_input import (
    UNNAMED,
    ChannelOrder,
    ImageInput,
    check_several,
    fitted,
    fitted_with_size,
    name_of,
    read_input,
)
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.min_familiarity import MinFamiliarity, familiarity_threshold
from edgecls.runtime.notebook import remember_image
from edgecls.runtime.prediction import Outcome, Prediction
from edgecls.runtime.session import Session

if TYPE_CHECKING:  # loaded only for a tuned model, or for heat maps
    from edgecls.runtime.appearance import Appearance
    from edgecls.runtime.batching import Batcher
    from edgecls.runtime.evidence import Method
    from edgecls.runtime.explanation import Explanation
    from edgecls.runtime.frame_predictions import FramePrediction
    from edgecls.runtime.setting import Setting

__all__ = ["Classifier"]

REPR_LABELS = 5  # that are named in the text of a classifier


class Classifier:
    """A model file, opened; may be shared between threads. `load` makes one.

    It is a context manager: at the end of a ``with`` block it is closed, which frees the network's memory.

    Attributes:
        card: What the model file says about itself.
        limits: Bounds on every image.
        unknown_threshold: Below this probability of the best label the answer is "unknown"; None for never.
        min_familiarity: Below this familiarity of an image the answer is "unknown"; None for never.
        setting: How it runs, if `edgecls tune` found that; None for the default.
        measures_appearance: Whether predictions of images have an `appearance`; may be set at any time.
        file_sha256: Of the whole model file, in hex, where whoever opened it has set that.
    """

    def __init__(
        self,
        session: Session,
        *,
        setting: "Setting | None" = None,
        limits: ImageLimits = DEFAULT_LIMITS,
        unknown_threshold: float | None = None,
        min_familiarity: MinFamiliarity | None = None,
        open_again: Callable[[str], Session] | None = None,
    ) -> None:
        self._open_session: Session | None = session
        self._batcher = _batcher(session, setting)
        self._further_sessions: dict[str, Session] = {}
        self._open_again = open_again
        self._opening = threading.Lock()
        self.setting = setting
        self.measures_appearance = False
        self.file_sha256: str | None = None
        self.card: ModelCard = session.card
        self.limits = limits
        self.unknown_threshold = self.card.unknown_threshold if unknown_threshold is None else unknown_threshold or None
        check_unknown_threshold(self.unknown_threshold, self.card.labels)
        self.min_familiarity = familiarity_threshold(self.card, min_familiarity)

    @property
    def provider(self) -> Provider:
        """What the network really runs on, never AUTO."""
        return self._session.provider

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels, in the order of its probabilities."""
        return self.card.labels

    @property
    def workers(self) -> int:
        """Images to work on at once: as tuned, or else one for each usable core."""
        return usable_cores() if self.setting is None else self.setting.workers

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes on each provider, by onnxruntime's names; empty on the CPU."""
        return self._session.nodes

    @property
    def skipped(self) -> tuple[SkippedProvider, ...]:
        """Better providers that could not be used, with reason and remedy."""
        return self._session.skipped

    @property
    def can_be_unknown(self) -> bool:
        """True if an answer may be "unknown"."""
        return self.unknown_threshold is not None or self.min_familiarity is not None

    @property
    def has_familiarity(self) -> bool:
        """True if the network judges how much an image is like the training images."""
        return self._session.gives(FAMILIARITY_NAME)

    @property
    def feature_count(self) -> int | None:
        """Features that the network has for each image; None if the model file does not give them."""
        return self._session.feature_count

    def __repr__(self) -> str:
        spec, labels = self.card.image, self.card.labels
        first = ", ".join(labels[:REPR_LABELS]) + (", ..." if len(labels) > REPR_LABELS else "")
        where = "closed" if self._open_session is None else f"on {self._open_session.provider}"
        size, precision = f"{spec.height}x{spec.width} {spec.color.value}", self.card.precision
        return f"<Classifier {self.card.name!r}: {len(labels)} labels ({first}), {size}, {precision}, {where}>"

    def _repr_html_(self) -> str:
        """Return the classifier as notebooks show it."""
        from edgecls.notebook import facts

        where = "closed" if self._open_session is None else f"on {self._open_session.provider}"
        return f"<div>{self.card._repr_html_()}{facts({'runs': where})}</div>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the network; predictions under way in other threads end as usual. It may be closed twice."""
        self._open_session = self._batcher = None
        self._further_sessions = {}

    @property
    def _session(self) -> Session:
        session = self._open_session
        if session is None:
            raise ClosedError(f"the classifier of model {self.card.name!r} is closed; load the model file again")
        return session

    def predict(self, image: ImageInput, *, name: str | None = None, channel_order: ChannelOrder = "rgb") -> Prediction:
        """Classify an image.

        Args:
            image: A path, encoded bytes, a binary file (read from where it stands), a PIL image, or a numpy array:
                uint8, ``[height, width, 3]`` RGB, ``[height, width, 4]`` RGBA, or grey as ``[height, width]`` or
                ``[height, width, 1]``.
            name: What to call it in the answer and in errors; None for its path, or else "image".
            channel_order: Of an array with colours: "rgb", or "bgr" as OpenCV reads and captures images.

        Raises:
            ImageReadError: The file cannot be read.
            ImageTooLargeError: It has more bytes or pixels than the limits allow.
            ImageDecodeError: It is not a whole image in a supported format.
            ImageArrayError: The array does not have the shape or dtype of an image.
            TypeError: It is none of these.
        """
        name = name_of(image) if name is None else name
        content = read_input(image, name=name, channel_order=channel_order, limits=self.limits)
        prediction, pixels = self._classify(content, name)
        remember_image(prediction, os.path.abspath(image) if isinstance(image, str | os.PathLike) else pixels)
        return prediction

    def predict_bytes(self, data: bytes, *, name: str = UNNAMED) -> Prediction:
        """Classify an encoded image, such as the body of an upload.

        If the classifier runs batches, those of several threads run together.

        Args:
            data: The whole encoded image.
            name: What to call it in the answer and in errors.

        Raises:
            As `predict`, except ImageReadError.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"predict_bytes takes bytes, not {type(data).__name__}; predict takes other images, too")
        return self._classify(data, name)[0]

    def _classify(self, content: bytes | Pixels, name: str) -> tuple[Prediction, Pixels]:
        """Return the answer for an image, and what the network saw of it."""
        session, batcher = self._session, self._batcher
        start_s = time.perf_counter()
        pixels, image_hw = fitted_with_size(content, self.card.image, name=name, limits=self.limits)
        decoded_s = time.perf_counter()
        if batcher is None:
            answer, size, queued_s = next(session.run_all(pixels[np.newaxis]).images()), 1, 0.0
        else:
            answer, size, queued_s = batcher.submit(pixels)
        times_ms = [1000 * seconds for seconds in (time.perf_counter() - start_s, decoded_s - start_s, queued_s)]
        appearance = None
        if self.measures_appearance:
            from edgecls.runtime.appearance import appearance_of

            appearance = appearance_of(pixels, image_hw)
        return self.judge(answer, name, *times_ms, batch_size=size, appearance=appearance), pixels

    def judge(
        self,
        answer: ImageAnswer,
        name: str = UNNAMED,
        time_ms: float = 0.0,
        decode_ms: float = 0.0,
        queue_ms: float = 0.0,
        *,
        batch_size: int = 1,
        appearance: "Appearance | None" = None,
    ) -> Prediction:
        """Return the prediction that follows from what the network gave for an image.

        Args:
            answer: Of this model's network.
            name: What the image is called.
            time_ms: As `Prediction` has it, and so have the others.
            decode_ms: The part of that for decoding and resizing.
            queue_ms: The part of that for waiting.
            batch_size: Images that ran together.
            appearance: What the image looks like, if that is known.
        """
        return Prediction(
            name,
            self.card.labels,
            tuple(answer.probabilities.tolist()),
            time_ms,
            self.unknown_threshold,
            decode_ms,
            batch_size,
            queue_ms,
            familiarity=answer.familiarity,
            min_familiarity=self.min_familiarity,
            features=answer.features,
            appearance=appearance,
        )

    def explain(
        self,
        image: ImageInput,
        *,
        label: str | None = None,
        name: str | None = None,
        channel_order: ChannelOrder = "rgb",
        method: "Method | str | None" = None,
    ) -> "Explanation":
        """Classify an image, and find out which places of it the answer rests on.

        It uses the network's class activation if the model file has one, which costs hardly more than a prediction (the
        file is opened again for the first image), otherwise occlusion: 100 predictions with parts of the image covered.

        Args:
            image: As for `predict`.
            label: The label to explain; None for the most probable.
            name: What to call the image in the answer and in errors; None for its path, or else "image".
            channel_order: As for `predict`.
            method: "class activation" or "occlusion"; None for the first where the model file has it, else the second.

        Raises:
            ValueError: The model has no such label, there is no such method, or the model file has no class activation.
            ModelFileError: The model file is no longer there, or another one is.
            As `predict`.
        """
        from edgecls.runtime.evidence import Method
        from edgecls.runtime.explanation import explain

        wanted = None if method is None else Method(method)
        if label is not None and label not in self.card.labels:
            raise ValueError(f"model {self.card.name!r} has no label {label!r}; it has {', '.join(self.card.labels)}")
        name = name_of(image) if name is None else name
        content = read_input(image, name=name, channel_order=channel_order, limits=self.limits)
        if wanted is Method.CLASS_ACTIVATION and not self._session.is_explainable:
            raise ValueError(f"the file of model {self.card.name!r} has no class activation; use occlusion")
        session = self._session if wanted is Method.OCCLUSION else self._session_to_explain_with()
        return explain(session, content, label=label, name=name, limits=self.limits, judge=self.judge)

    def _session_to_explain_with(self) -> Session:
        session = self._session
        return self._session_with(ACTIVATION_NAME) if session.is_explainable else session

    def _session_with(self, output: str) -> Session:
        """Return a session that gives an optional output which the model file has; it is opened for the first call."""
        session = self._session
        if self._open_again is None or session.gives(output):
            return session
        with self._opening:
            if output not in self._further_sessions:
                self._further_sessions[output] = self._open_again(output)
            return self._further_sessions[output]

    def predict_many(
        self,
        images: Iterable[ImageInput],
        *,
        workers: int | None = None,
        channel_order: ChannelOrder = "rgb",
        progress: bool = False,
    ) -> Iterator[Outcome]:
        """Classify images, several at once; the outcomes come in the order of the images.

        Images are read only a few ahead of the outcome that is asked for, so memory stays bounded.

        Args:
            images: Each as for `predict`, whatever the suffixes of files; a generator may make them. Arrays must not
                be written to again before their outcomes are there.
            workers: How many to work on at once; None for `Classifier.workers`.
            channel_order: Of all arrays with colours, as for `predict`.
            progress: Whether a notebook shows how many outcomes have come; elsewhere nothing is shown.

        Returns:
            An outcome for each image. One that cannot be used does not end the work: its outcome has the
            ImageError as its result. Any other error is raised, and ends it.

        Raises:
            ClosedError: The classifier is closed.
            ValueError: `workers` is below 1.
            TypeError: `images` is a single image, or, once the outcomes are consumed, an item is no image.
        """
        check_several(images)
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        _ = self._session

        def outcome(image: ImageInput) -> Outcome:
            try:
                return Outcome(name_of(image), self.predict(image, channel_order=channel_order))
            except ImageError as error:
                return Outcome(name_of(image), error)

        outcomes = map_in_order(outcome, images, workers=workers or self.workers)
        if not progress:
            return outcomes
        from edgecls.notebook import with_progress

        return with_progress(outcomes, "images classified", len(images) if isinstance(images, Sized) else None)

    def predict_video(
        self,
        source: str | os.PathLike[str],
        *,
        every_s: float | None = None,
        crop: tuple[int, int, int, int] | None = None,
        workers: int | None = None,
        timeout_s: float = 10.0,
        reconnect_s: float = 300.0,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> "Generator[FramePrediction, None, None]":
        """Classify the frames of a video, in order, or the newest frames of a camera or stream as long as it runs.

        Args:
            source: The path of a video; "camera:0" for the first camera; or a URL: rtsp, rtmp, http, udp, rtp.
            every_s: Take the first frame of each so many seconds; None for all frames of a video, and of a camera or
                stream as many as can be classified.
            crop: Left, top, width and height of the part of each frame to classify, in pixels; None for whole frames.
            workers: How many frames of a video to work on at once; None for `Classifier.workers`.
            timeout_s: After so long without an answer or a frame, a camera or stream is lost.
            reconnect_s: How long to try to get it back; 0 for not at all.
            on_notice: Called with a text when a camera or stream is lost, and when it is back.

        Returns:
            The predictions with their frames, one by one; the source is opened when the first is asked for. Stop
            iterating, or call `close` of the iterator, to end it.

        Raises:
            VideoError: It cannot be opened, or the crop is not within its frames. Or, after all the frames that can be
                decoded, the video is damaged or cut short.
            SourceLostError: A camera or stream was lost, and did not come back.
            ValueError: A number is out of range.
        """
        from edgecls.runtime.frame_predictions import VideoSettings, predict_frames
        from edgecls.runtime.video.frames import Crop

        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        part = None if crop is None else Crop(*crop)
        settings = VideoSettings(every_s, part, timeout_s, reconnect_s, on_notice)
        _ = self._session
        return predict_frames(self, source, settings, workers=workers)

    def embed(
        self, images: Iterable[ImageInput], *, workers: int | None = None, channel_order: ChannelOrder = "rgb"
    ) -> npt.NDArray[np.float32]:
        """Return the features of images, by which similar ones can be found: a row for each.

        They are not normalised; divide each row by its length for cosine similarity. Unless the model was loaded with
        `features`, its file is opened again for the first call.

        Args:
            images: As for `predict_many`.
            workers: As for `predict_many`.
            channel_order: As for `predict_many`.

        Returns:
            float32, ``[N, D]``, in the order of the images.

        Raises:
            ImageError: An image cannot be used. To go on with the others, load the model with `features`, and take
                those of the predictions that `predict_many` gives.
            ModelFileError: The model file has no features, is no longer there, or another one is.
            As `predict_many`.
        """
        check_several(images, for_one="put one image into a list")
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        width = self.check_features()

        def features_of(image: ImageInput) -> npt.NDArray[np.float32]:
            name = name_of(image)
            content = read_input(image, name=name, channel_order=channel_order, limits=self.limits)
            pixels = fitted(content, self.card.image, name=name, limits=self.limits)
            found = self.run_all(pixels[np.newaxis], features=True).features
            row: npt.NDArray[np.float32] = self._no_features() if found is None else found[0]
            return row

        rows = list(map_in_order(features_of, images, workers=workers or self.workers))
        embeddings: npt.NDArray[np.float32] = np.array(rows, np.float32).reshape(len(rows), width)
        return embeddings

    def check_features(self) -> int:
        """Return how many features the network has for each image.

        Raises:
            ModelFileError: The model file does not give them.
        """
        count = self.feature_count
        return self._no_features() if count is None else count

    def _no_features(self) -> NoReturn:
        raise ModelFileError(
            f"the file of model {self.card.name!r} has no features; add them with 'edgecls export --familiarity DIR', "
            "where DIR has the training images"
        )

    def warm_up(self, batch_sizes: Sequence[int] = (1,)) -> None:
        """Run the network once for each batch size, so that the first images take no longer than the others.

        Args:
            batch_sizes: As `probabilities` will be called with; images that are predicted run one by one.

        Raises:
            ClosedError: The classifier is closed.
            InputShapeError: A batch size is below 1.
        """
        for size in batch_sizes:
            self._session.run(np.zeros((max(0, size), *self.card.image.shape_hwc), np.uint8))

    def probabilities(self, batch_nhwc: Batch) -> Probabilities:
        """Run the network on images that are at the model's size already.

        If the classifier runs batches, single images of several threads run together.

        Args:
            batch_nhwc: uint8, ``[N, height, width, channels]``, RGB or grey, N at least 1.

        Returns:
            float32, ``[N, labels]``; every row sums to 1.

        Raises:
            InputShapeError: The array has another shape or dtype.
        """
        return self.run_all(batch_nhwc).probabilities

    def run_all(self, batch_nhwc: Batch, *, features: bool = False) -> Answers:
        """Return what the network gives for images that are at the model's size already, from one run.

        If the classifier runs batches, single images of several threads run together, unless `features` is set.

        Args:
            batch_nhwc: As for `probabilities`.
            features: Whether the features are wanted, which the model file must have; they are also there where the
                model was loaded with `features`.

        Raises:
            InputShapeError: The array has another shape or dtype.
            ModelFileError: Features are wanted, and the model file has none, is no longer there, or another one is.
        """
        session, batcher = self._session, self._batcher
        if features and not session.gives(FEATURES_NAME):
            self.check_features()
            return self._session_with(FEATURES_NAME).run_all(batch_nhwc)
        is_single = batch_nhwc.shape == (1, *self.card.image.shape_hwc) and batch_nhwc.dtype == np.uint8
        if batcher is None or not is_single:
            return session.run_all(batch_nhwc)
        return Answers.of(batcher.submit(batch_nhwc[0]).row)

    def verify(self) -> list[GoldenResult]:
        """Run the golden samples of the model file, alone and in batches of two.

        Also warms the session up: after it, predictions take their usual time.

        Raises:
            ModelFileError: A golden sample is damaged.
        """
        return check_answers(self.card, self._session.run_all)


def _batcher(session: Session, setting: "Setting | None") -> "Batcher[ImageAnswer] | None":
    if setting is None or setting.batch_size == 1:
        return None
    from edgecls.runtime.batching import Batcher

    return Batcher(lambda batch: session.run_all(batch).images(), setting.batch_sizes)
