"""The OpenAPI document tells of every address there is, and of no other."""

import re
from pathlib import Path

import bottle
from schemathesis.openapi import from_dict

from edgecls import Classifier
from edgecls.server.app import AppSettings, build_app
from edgecls.server.endpoints.openapi import openapi_document
from edgecls.server.models.repository import Repository


def _routes(app: bottle.Bottle) -> set[tuple[str, str]]:
    """Return the method and path of every route, the path as OpenAPI writes it."""
    return {(route.method.lower(), re.sub(r"<(\w+)(:path)?>", r"{\1}", route.rule)) for route in app.routes}


def test_the_document_has_exactly_the_routes_that_there_are(tiny_classifier: Classifier, tiny_model_path: Path) -> None:
    app = build_app(Repository([tiny_model_path], lambda file: tiny_classifier), AppSettings())

    described = {(method, path) for path, item in openapi_document()["paths"].items() for method in item}

    assert described == _routes(app)


def test_the_document_is_valid() -> None:
    from_dict(openapi_document()).validate()


def test_parameters_in_paths_are_described() -> None:
    for path, item in openapi_document()["paths"].items():
        for operation in item.values():
            described = {it["name"] for it in operation.get("parameters", []) if it["in"] == "path"}
            assert described == set(re.findall(r"\{(\w+)\}", path)), path


def test_every_schema_that_is_referred_to_exists_and_is_used() -> None:
    document = openapi_document()

    assert set(re.findall(r"#/components/schemas/(\w+)", str(document))) == set(document["components"]["schemas"])
