"""The exceptions that users of edgecls meet.

    EdgeclsError
    ├── MissingExtraError          an optional package is not installed
    ├── ImageError                 one image cannot be used; the others can
    │   ├── ImageReadError             its bytes cannot be read
    │   ├── ImageTooLargeError         more bytes or pixels than allowed
    │   ├── SidecarError               keywords cannot be merged into the file that is beside it
    │   ├── ImageArrayError            an array is not an image (also an InputShapeError)
    │   └── ImageDecodeError           its bytes are not a whole image
    │       └── UnsupportedImageError      a format that edgecls does not read
    ├── VideoError                 a video, camera or stream cannot be opened, or is damaged
    │   └── SourceLostError            a camera or stream stopped and did not come back
    ├── ClosedError                a classifier is used after it was closed
    ├── InputShapeError            an array does not have the shape or type the model takes
    ├── ModelFileError             a model file is missing, damaged or not self-describing
    │   ├── ModelFormatError           it was written in a newer format
    │   └── SignatureError             it has no signature of a key that is trusted
    ├── ModelConfigError           an architecture cannot be built as asked
    ├── ProviderError              an execution provider cannot run the model here
    ├── DatasetError               a folder of images cannot be trained on
    ├── TrainingError              training cannot start or did not converge to numbers
    ├── ExportError                a model cannot be turned into a model file
    │   ├── ParityError                the exported network does not answer as the original
    │   ├── FamiliarityError           it cannot judge how familiar an image is
    │   └── AccuracyBudgetError        a network of fewer bits loses more accuracy than allowed
    ├── OutputError                a result cannot be written
    ├── MeasurementsError          a file of measurements is missing, damaged or of another format
    ├── TrackingError              runs cannot be logged to an experiment store
    ├── DistributedError           work on a cluster cannot start or go on
    ├── ServerError                the server cannot start
    ├── DisplayError               the desktop app cannot open a window here
    └── RemoteError                the client has no answer from a server
        ├── UnreachableError           there is no server, or it does not answer in time
        └── RefusedError               it refuses the request, not for the image in it
            └── RefusedImageError          its answer is about this image only: too large, empty (also an ImageError)

Every message says what happened, to which input, and what to do about it.
"""

__all__ = [
    "AccuracyBudgetError",
    "ClosedError",
    "DatasetError",
    "DisplayError",
    "DistributedError",
    "EdgeclsError",
    "ExportError",
    "FamiliarityError",
    "ImageArrayError",
    "ImageDecodeError",
    "ImageError",
    "ImageReadError",
    "ImageTooLargeError",
    "InputShapeError",
    "MeasurementsError",
    "MissingExtraError",
    "ModelConfigError",
    "ModelFileError",
    "ModelFormatError",
    "OutputError",
    "ParityError",
    "ProviderError",
    "RefusedError",
    "RefusedImageError",
    "RemoteError",
    "ServerError",
    "SidecarError",
    "SignatureError",
    "SourceLostError",
    "TrackingError",
    "TrainingError",
    "UnreachableError",
    "UnsupportedImageError",
    "VideoError",
]


class EdgeclsError(Exception):
    """Base of every error that edgecls raises on purpose."""

    def as_dict(self) -> dict[str, str]:
        """Return the error as ``{"type": ..., "message": ...}``, the shape used in every JSON answer."""
        return {"type": type(self).__name__, "message": str(self)}


class MissingExtraError(EdgeclsError):
    """An optional package is not installed; the message names the pip extra that brings it."""


class ImageError(EdgeclsError):
    """One image cannot be used."""


class ImageReadError(ImageError):
    """The bytes of an image cannot be read: no such file, a folder, no permission."""


class ImageTooLargeError(ImageError):
    """An image has more bytes or more pixels than the limits allow."""


class SidecarError(ImageError):
    """The XMP sidecar of an image cannot be read, or not be merged into; it was left as it is."""


class ImageDecodeError(ImageError):
    """The bytes are not a whole, undamaged image.

    Attributes:
        cut_short: The end of the image is known to be missing.
    """

    def __init__(self, message: str, *, cut_short: bool = False) -> None:
        super().__init__(message)
        self.cut_short = cut_short


class UnsupportedImageError(ImageDecodeError):
    """The bytes are in a format that edgecls does not read."""


class VideoError(EdgeclsError):
    """A video, camera or stream cannot be opened, or a video is damaged or cut short."""


class SourceLostError(VideoError):
    """A camera or stream that had given frames stopped, and did not come back in time."""


class ClosedError(EdgeclsError):
    """A classifier is used after it was closed."""


class InputShapeError(EdgeclsError):
    """An array does not have the shape or dtype that the model takes."""


class ImageArrayError(ImageError, InputShapeError):
    """An array, or an image of PIL, does not have the shape or the samples of an image."""


class ModelFileError(EdgeclsError):
    """A model file is missing, damaged, or does not describe itself."""


class ModelFormatError(ModelFileError):
    """A model file was written in a format newer than this edgecls reads."""


class SignatureError(ModelFileError):
    """A model file is not signed, or not by a key that is trusted, or was changed since."""


class ModelConfigError(EdgeclsError):
    """An architecture cannot be built with the given arguments."""


class ProviderError(EdgeclsError):
    """An execution provider cannot run the model on this machine."""


class DatasetError(EdgeclsError):
    """A folder of images cannot be used for training or as samples."""


class TrainingError(EdgeclsError):
    """Training cannot start with these settings, or its loss became NaN."""


class ExportError(EdgeclsError):
    """A model cannot be turned into a model file."""


class FamiliarityError(ExportError):
    """A model cannot judge how familiar an image is, or not by these images."""


class ParityError(ExportError):
    """The exported network does not give the probabilities of the original one."""


class AccuracyBudgetError(ExportError):
    """A network of reduced precision loses more accuracy than the user allows."""


class OutputError(EdgeclsError):
    """A result cannot be written where it was asked for."""


class MeasurementsError(EdgeclsError):
    """A file of measurements is missing, damaged or of another format."""


class TrackingError(EdgeclsError):
    """Runs cannot be logged to an experiment store: it cannot be reached, or does not take them."""


class DistributedError(EdgeclsError):
    """Work on a cluster cannot start or go on: a source, the cluster, or the folder of results does not allow it."""


class ServerError(EdgeclsError):
    """The server cannot start with these settings."""


class DisplayError(EdgeclsError):
    """The desktop app cannot open a window here: no display, or libraries of the system are missing."""


class RemoteError(EdgeclsError):
    """The client has no answer from a server."""


class UnreachableError(RemoteError):
    """There is no server at the address, or it does not answer in time."""


class RefusedError(RemoteError):
    """A server refuses a request, not for the image in it.

    Attributes:
        status: HTTP status code.
        kind: What the server names as the type of the error; "" if it names none.
    """

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class RefusedImageError(RefusedError, ImageError):
    """A server refuses a request for the image in it, before it has decoded it: there are too many bytes, or none."""
