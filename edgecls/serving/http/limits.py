"""What a client may use of the server before its request is whole, and how long it may take."""

from dataclasses import dataclass

__all__ = ["HttpLimits"]


@dataclass(frozen=True)
class HttpLimits:
    """Bounds of connections and of requests that arrive.

    Attributes:
        max_body_bytes: Largest body of a request.
        max_bodies_bytes: All bodies in memory together, as far as they have arrived. A client may hold as much as it
            leaves free, so at most half, and a body must fit into that.
        max_head_bytes: Request line and header fields together.
        max_connections: Connections open at once.
        max_pipelined: Requests that may arrive at once, ahead of their answers.
        idle_s: A connection without a request is closed after so long, in seconds.
        head_s: Time for the whole head of a request to arrive.
        body_s: Time for the body, and more as below.
        body_bytes_per_s: What has come of a body earns it time: a second for each so many bytes.
        min_body_bytes_per_s: But from its start no body may be slower than this, over each window.
        body_window_s: How long a window is.
        answer_s: Time from the whole request to its answer.
        send_s: Time for a client to take its answer, and to end what it sends after a refusal.
        drain_s: Time for the requests in flight when the server stops.
    """

    max_body_bytes: int = 32 * 2**20
    max_bodies_bytes: int = 512 * 2**20
    max_head_bytes: int = 32 * 2**10
    max_connections: int = 2000
    max_pipelined: int = 100
    idle_s: float = 60.0
    head_s: float = 10.0
    body_s: float = 60.0
    body_bytes_per_s: float = 256 * 2**10
    min_body_bytes_per_s: float = 32 * 2**10
    body_window_s: float = 10.0
    answer_s: float = 30.0
    send_s: float = 30.0
    drain_s: float = 25.0  # Kubernetes ends a container 30 seconds after it has asked it to stop
