"""Manifests against the schemas of Kubernetes and of KServe, unknown fields refused."""

import functools
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from deployed_files import DEPLOY, SCHEMAS, documents, misspelt
from running_server import running_server

FREE = frozenset({"labels", "annotations", "matchLabels", "requests", "limits", "pairs"})
MANIFESTS = sorted(
    path.relative_to(DEPLOY).as_posix()
    for path in (DEPLOY / "kubernetes").iterdir()
    if path.name != "kustomization.yaml"
)
KSERVE = sorted(path.relative_to(DEPLOY).as_posix() for path in (DEPLOY / "kserve").iterdir())

_KUSTOMIZATION = {
    "type": "object",
    "required": ["apiVersion", "kind", "resources"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "kustomize.config.k8s.io/v1beta1"},
        "kind": {"const": "Kustomization"},
        "namespace": {"type": "string"},
        "resources": {"type": "array", "items": {"type": "string"}},
        "labels": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pairs"],
                "additionalProperties": False,
                "properties": {
                    "pairs": {"type": "object", "additionalProperties": {"type": "string"}},
                    "includeSelectors": {"type": "boolean"},
                    "includeTemplates": {"type": "boolean"},
                },
            },
        },
        "images": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {key: {"type": "string"} for key in ("name", "newName", "newTag", "digest")},
            },
        },
    },
}


def _kubernetes() -> Callable[[Any], Any]:
    if importlib.util.find_spec("kubernetes_validate") is None and "EDGECLS_REQUIRE_DEPLOY" not in os.environ:
        pytest.skip("kubernetes-validate, which has the schemas of Kubernetes, is not installed")
    import kubernetes_validate

    # The oldest release that has its schemas and is still in use somewhere.
    return functools.partial(kubernetes_validate.validate, desired_version="1.30", strict=True)


@functools.cache
def _kserve(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / "kserve.json").read_text(encoding="utf-8"))
    del schema["oneOf"]  # the messages of one kind are clearer
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})


def _is_refused(validate: Callable[[Any], Any], document: Any) -> bool:
    try:
        validate(document)
    except (jsonschema.ValidationError, KeyError):  # without a kind or a version there is no schema to look up
        return True
    return False


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_valid_and_no_field_can_be_misspelt(name: str) -> None:
    validate = _kubernetes()

    for document in documents(name):
        validate(document)
        labels = {"selector"} if document["kind"] == "Service" else set()
        for field, wrong in misspelt(document, FREE | labels):
            assert _is_refused(validate, wrong), f"{field} of {name} may be misspelt"


@pytest.mark.parametrize("name", KSERVE)
def test_a_resource_of_kserve_is_valid_and_no_field_can_be_misspelt(name: str) -> None:
    for document in documents(name):
        validator = _kserve(document["kind"])
        validator.validate(document)
        for field, wrong in misspelt(document, FREE):
            assert not validator.is_valid(wrong), f"{field} of {name} may be misspelt"


def test_the_base_names_all_manifests_and_no_field_of_it_can_be_misspelt() -> None:
    (base,) = documents("kubernetes/kustomization.yaml")
    validator = jsonschema.Draft202012Validator(_KUSTOMIZATION)

    validator.validate(base)
    for field, wrong in misspelt(base, FREE):
        assert not validator.is_valid(wrong), f"{field} may be misspelt"
    assert sorted(f"kubernetes/{name}" for name in base["resources"]) == MANIFESTS


def test_all_manifests_are_about_the_same_pods() -> None:
    by_kind = {document["kind"]: document for name in MANIFESTS for document in documents(name)}
    pods = by_kind["Deployment"]["spec"]["template"]
    labels = pods["metadata"]["labels"]
    ports = {port["name"] for container in pods["spec"]["containers"] for port in container["ports"]}

    assert by_kind["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert "replicas" not in by_kind["Deployment"]["spec"], "that is for the autoscaler to say"
    assert by_kind["Service"]["spec"]["selector"] == labels
    assert by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert {port["targetPort"] for port in by_kind["Service"]["spec"]["ports"]} == ports == {"http", "grpc"}
    (rule,) = by_kind["NetworkPolicy"]["spec"]["ingress"]
    assert {port["port"] for port in rule["ports"]} == ports
    (server,) = pods["spec"]["containers"]
    assert _option(server["args"], "--grpc-port") == next(
        str(port["containerPort"]) for port in server["ports"] if port["name"] == "grpc"
    )
    scaled = by_kind["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) == ("Deployment", by_kind["Deployment"]["metadata"]["name"])


def _option(arguments: list[str], name: str) -> str:
    """Return the value of an option."""
    return arguments[arguments.index(name) + 1]


@pytest.mark.parametrize(
    ("name", "protocol", "port"), [("flowers", "v2", "--port"), ("flowers-grpc", "grpc-v2", "--grpc-port")]
)
def test_a_model_asks_for_the_runtime_that_is_there_and_the_port_of_its_protocol(
    name: str, protocol: str, port: str
) -> None:
    (runtime,) = documents("kserve/runtime.yaml")
    (service,) = documents(f"kserve/{name}.yaml")
    model = service["spec"]["predictor"]["model"]
    (server,) = runtime["spec"]["containers"]

    assert (service["metadata"]["name"], model["protocolVersion"]) == (name, protocol)
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"]["name"] in {one["name"] for one in runtime["spec"]["supportedModelFormats"]}
    assert protocol in runtime["spec"]["protocolVersions"]
    assert "ports" not in server, "Knative allows one, which is for the InferenceService to choose"
    (asked,) = model.get("ports", [{"containerPort": 8080}])  # KServe's default
    assert _option(server["args"], port) == str(asked["containerPort"])
    assert asked.get("name") in (None, "h2c")


def test_the_runtime_serves_whatever_file_kserve_has_mounted_under_the_name_of_the_service(
    tiny_model_path: Path, tmp_path: Path
) -> None:
    pytest.importorskip("grpc_health", reason="needs edgecls[grpc]; CI has it")
    (runtime,) = documents("kserve/runtime.yaml")
    (server,) = runtime["spec"]["containers"]
    mounted = tmp_path / "models"
    mounted.mkdir()
    (mounted / "any_name_at_all.onnx").write_bytes(tiny_model_path.read_bytes())
    replaced = {"8080": "0", "9000": "0", "{{.Name}}=/mnt/models": f"flowers={mounted}"}
    arguments = [replaced.get(argument, argument) for argument in server["args"]]

    with running_server(*arguments) as running:
        status, _, _ = running.exchange("GET", "/v2/models/flowers/ready")

    assert status == 200
