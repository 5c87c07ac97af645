"""What Prometheus reads."""

from bottle import Bottle, HTTPResponse, request

from edgecls.serving.metrics.exposition import Exposition

__all__ = ["mount_metrics"]


def mount_metrics(app: Bottle, exposition: Exposition) -> None:
    """Add the metrics to an application."""

    def metrics() -> HTTPResponse:
        text, content_type = exposition.write(request.get_header("Accept", ""))
        return HTTPResponse(text, **{"Content-Type": content_type, "Cache-Control": "no-store"})

    app.route("/metrics", "GET", metrics)
