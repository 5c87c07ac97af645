"""The description of all addresses."""

from bottle import Bottle, HTTPResponse, request

from edgecls.serving.answers import json_answer
from edgecls.serving.compression import compress_answer

__all__ = ["mount_openapi"]


def mount_openapi(app: Bottle) -> None:
    """Add the OpenAPI document to an application."""

    def document() -> HTTPResponse:
        from edgecls.serving.openapi.document import openapi_document

        return compress_answer(json_answer(openapi_document()), request.get_header("Accept-Encoding", ""))

    app.route("/openapi.json", "GET", document)
