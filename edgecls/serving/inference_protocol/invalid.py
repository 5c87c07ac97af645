"""What is said of requests that do not follow the protocol."""

from edgecls.serving.http.answer import Refusal

__all__ = ["InvalidRequestError"]


class InvalidRequestError(Refusal):
    """A request that does not follow the protocol, or asks for what the model does not have: 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)
