"""The forms for issues: GitHub can read them, and the commands that they ask for exist."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from edgecls.cli import main

TEMPLATES = Path(__file__).parent.parent / ".github" / "ISSUE_TEMPLATE"
KINDS = {"markdown": {"value"}, "textarea": {"label"}, "input": {"label"}, "checkboxes": {"label", "options"}}
"""The kinds of fields, and what each has to have."""


def _form(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", ["bug_report.yml", "feature_request.yml"])
def test_a_form_has_what_github_requires(name: str) -> None:
    form = _form(name)

    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert any(field.get("validations", {}).get("required") for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    for field in form["body"]:
        assert KINDS[field["type"]] <= set(field["attributes"])


def test_a_bug_report_asks_for_the_report_of_the_machine() -> None:
    report = next(field for field in _form("bug_report.yml")["body"] if field.get("id") == "report")

    assert "`edgecls doctor --report`" in report["attributes"]["description"]
    assert report["validations"]["required"]


def test_the_commands_in_the_forms_exist_with_their_options() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir())
    commands = re.findall(r"`edgecls (\w+)([^`]*)`", texts)

    assert commands
    for name, arguments in commands:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        known = {option for param in command.params for option in param.opts}
        assert set(re.findall(r"--[a-z-]+", arguments)) <= known


def test_links_of_the_chooser_are_whole_addresses() -> None:
    chooser = _form("config.yml")

    assert all(link["url"].startswith("https://") and link["about"] for link in chooser["contact_links"])
