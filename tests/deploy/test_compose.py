"""The Compose file, and what it mounts into Prometheus and Grafana."""

import json
from typing import Any

import jsonschema
import pytest
from deployed_files import DEPLOY, SCHEMAS, documents, misspelt

TEXT, NUMBER, TRUTH = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
ANY_OBJECT = {"type": "object"}


def fields(required: str = "", **known: Any) -> dict[str, Any]:
    """Return the schema of an object that has no other fields than these."""
    return {"type": "object", "required": required.split(), "additionalProperties": False, "properties": known}


def many(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


# As Prometheus and Grafana document their files, as far as ours use them.
PROMETHEUS = fields(
    "scrape_configs",
    rule_files=many(TEXT),
    **{"global": fields(scrape_interval=TEXT, scrape_timeout=TEXT, evaluation_interval=TEXT)},
    scrape_configs=many(
        fields(
            "job_name static_configs",
            job_name=TEXT,
            scheme={"enum": ["http", "https"]},
            metrics_path=TEXT,
            scrape_interval=TEXT,
            static_configs=many(fields("targets", targets=many(TEXT), labels=ANY_OBJECT)),
        )
    ),
)
RULES = fields(
    "groups",
    groups=many(
        fields(
            "name rules",
            name=TEXT,
            interval=TEXT,
            rules=many(
                fields(
                    "alert expr for labels annotations",
                    alert=TEXT,
                    expr=TEXT,
                    labels=fields("severity", severity=TEXT),
                    annotations=fields("summary description", summary=TEXT, description=TEXT),
                    **{"for": TEXT},
                )
            ),
        )
    ),
)
DATA_SOURCES = fields(
    "apiVersion datasources",
    apiVersion={"const": 1},
    datasources=many(
        fields(
            "name type access url",
            name=TEXT,
            type={"const": "prometheus"},
            uid=TEXT,
            access={"enum": ["proxy", "direct"]},
            url=TEXT,
            isDefault=TRUTH,
            editable=TRUTH,
            jsonData=ANY_OBJECT,
        )
    ),
)
PROVIDERS = fields(
    "apiVersion providers",
    apiVersion={"const": 1},
    providers=many(
        fields(
            "name type options",
            name=TEXT,
            type={"const": "file"},
            folder=TEXT,
            disableDeletion=TRUTH,
            allowUiUpdates=TRUTH,
            updateIntervalSeconds=NUMBER,
            options=fields("path", path=TEXT, foldersFromFilesStructure=TRUTH),
        )
    ),
)
SOURCE = fields("type uid", type=TEXT, uid=TEXT)
DASHBOARD = fields(
    "title uid tags schemaVersion version editable refresh time timezone annotations links templating panels",
    title=TEXT,
    uid=TEXT,
    tags=many(TEXT),
    schemaVersion=NUMBER,
    version=NUMBER,
    editable=TRUTH,
    refresh=TEXT,
    time=fields("from to", **{"from": TEXT, "to": TEXT}),
    timezone=TEXT,
    annotations=fields("list", list={"type": "array"}),
    links={"type": "array"},
    templating=fields(
        "list",
        list=many(
            fields(
                "name label type query",
                name=TEXT,
                label=TEXT,
                type={"enum": ["datasource", "query"]},
                datasource=SOURCE,
                query={"anyOf": [TEXT, fields("query refId", query=TEXT, refId=TEXT)]},
                definition=TEXT,
                current={"anyOf": [fields("text value", text=TEXT, value=TEXT), {"const": {}}]},
                hide=NUMBER,
                includeAll=TRUTH,
                multi=TRUTH,
                refresh=NUMBER,
                sort=NUMBER,
            )
        ),
    ),
    panels=many(
        fields(
            "id title type description datasource gridPos fieldConfig targets",
            id=NUMBER,
            title=TEXT,
            type={"enum": ["timeseries", "heatmap", "table", "stat", "gauge"]},
            description=TEXT,
            datasource=SOURCE,
            gridPos=fields("h w x y", h=NUMBER, w=NUMBER, x=NUMBER, y=NUMBER),
            fieldConfig=fields(
                "defaults overrides",
                defaults=fields(
                    unit=TEXT,
                    min=NUMBER,
                    max=NUMBER,
                    custom=fields(fillOpacity=NUMBER, stacking=fields("mode", mode=TEXT)),
                ),
                overrides={"type": "array"},
            ),
            options=fields(calculate=TRUTH, yAxis=fields(unit=TEXT)),
            targets=many(
                fields(
                    "refId expr datasource",
                    refId=TEXT,
                    expr=TEXT,
                    datasource=SOURCE,
                    legendFormat=TEXT,
                    format={"enum": ["time_series", "table", "heatmap"]},
                    instant=TRUTH,
                )
            ),
        )
    ),
)

FILES = {
    "prometheus/prometheus.yml": PROMETHEUS,
    "prometheus/rules.yml": RULES,
    "grafana/provisioning/datasources/prometheus.yaml": DATA_SOURCES,
    "grafana/provisioning/dashboards/edgecls.yaml": PROVIDERS,
    "grafana/edgecls.json": DASHBOARD,
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_valid_and_no_field_can_be_misspelt(name: str) -> None:
    (document,) = documents(name)
    validator = jsonschema.Draft202012Validator(FILES[name])

    validator.validate(document)
    for field, wrong in misspelt(document, frozenset()):
        assert not validator.is_valid(wrong), f"{field} of {name} may be misspelt"


def test_the_compose_file_is_valid_and_no_field_can_be_misspelt() -> None:
    (document,) = documents("compose.yaml")
    schema = json.loads((SCHEMAS / "compose.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    del document["x-server"]  # where fields are written once; they are checked where they end up

    validator.validate(document)
    for field, wrong in misspelt(document, frozenset({"services", "volumes", "environment", "args"})):
        assert not validator.is_valid(wrong), f"{field} may be misspelt"


def test_what_the_compose_file_mounts_and_builds_is_there() -> None:
    (compose,) = documents("compose.yaml")
    for service in compose["services"].values():
        for volume in service["volumes"]:
            if volume["type"] == "volume":
                assert volume["source"] in compose["volumes"]
            elif not volume["source"].startswith("$"):
                assert (DEPLOY / volume["source"]).exists()
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_prometheus_grafana_and_the_dashboard_find_each_other() -> None:
    (compose,) = documents("compose.yaml")
    (prometheus,) = documents("prometheus/prometheus.yml")
    (sources,) = documents("grafana/provisioning/datasources/prometheus.yaml")
    (providers,) = documents("grafana/provisioning/dashboards/edgecls.yaml")
    services = compose["services"]
    mounted = [volume["target"] for volume in services["grafana"]["volumes"]]

    assert [target.split(":")[0] for target in prometheus["scrape_configs"][0]["static_configs"][0]["targets"]] == [
        "edgecls"
    ]
    assert [f"/etc/prometheus/{name}" for name in prometheus["rule_files"]] == [
        volume["target"] for volume in services["prometheus"]["volumes"] if "rules" in volume["source"]
    ]
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    assert "prometheus" in services
    assert f"{providers['providers'][0]['options']['path']}/edgecls.json" in mounted
    assert services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in mounted
