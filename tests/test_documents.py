"""The documents are true: links, commands and paths exist. tests/docs runs their commands and examples."""

import configparser
import re
import shlex
from pathlib import Path

import click
import pytest

REPOSITORY = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]
DOCUMENTS = [
    *sorted(REPOSITORY.glob("*.md")),
    *(path for path in sorted(REPOSITORY.glob("docs/**/*.md")) if "_build" not in path.parts),
]


def _blocks(document: str, language: str) -> list[str]:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", [*DOCUMENTS, REPOSITORY / "examples" / "README.md"], ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for path, _, anchor in (link.partition("#") for link in _links(document) if not link.startswith("http")):
        target = document.parent / path if path else document

        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), f"{path}#{anchor}"


def _links(document: Path) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8"))


def _without_blocks(document: Path) -> str:
    return re.sub(r"^( *)```.*?^\1```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _anchors(document: Path) -> list[str]:
    """Return the anchors of the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _without_blocks(document), flags=re.MULTILINE)
    headings = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading) for heading in headings]
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_table_has_a_heading(document: Path) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", _without_blocks(document), flags=re.MULTILINE)

    assert [table for table in tables if not re.match(r".*\n\|[ :|-]+\|\n", table)] == []


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md", "docs/explanation/architecture.md"])
def test_modules_and_packages_that_a_document_names_exist(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9/]+(?:\.py|/))`", text))
    paths = {f"/{path.relative_to(REPOSITORY).as_posix()}" for path in _places()}

    assert named
    assert {name for name in named if not any(path.endswith(f"/{name.rstrip('/')}") for path in paths)} == set()


def _places() -> list[Path]:
    roots = [REPOSITORY / name for name in ("edgecls", "tests", "benchmarks", "deploy", "requirements")]
    return [*roots, *(path for root in roots for path in root.rglob("*"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_use_the_terms_of_the_field(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    assert re.findall(r"\b(?:pictures?|rooms?|the house|floors?)\b", text, flags=re.IGNORECASE) == []


@pytest.mark.parametrize("readme", READMES)
def test_every_edgecls_command_in_a_readme_exists_with_its_options(readme: str) -> None:
    from edgecls.cli import main

    commands = [
        line.partition("#")[0]
        for block in _blocks(readme, "sh")
        for line in block.splitlines()
        if line.startswith("edgecls ")
    ]
    assert commands
    for command in commands:
        _, *arguments = shlex.split(command)
        found: click.Command = main
        while isinstance(found, click.Group):
            found = found.get_command(click.Context(found), arguments.pop(0))  # type: ignore[assignment]
        known = {option for param in found.params for option in (*param.opts, *param.secondary_opts)}
        assert {argument for argument in arguments if re.fullmatch(r"-o|--[a-z-]+", argument)} <= known


def test_the_two_readmes_show_the_same_commands() -> None:
    first, second = (
        [
            re.sub(r"\s*#.*", "", line)
            for language in ("sh", "bat", "console", "python", "json")
            for block in _blocks(readme, language)
            for line in block.splitlines()
        ]
        for readme in READMES
    )
    assert first == second


def test_the_extras_that_are_described_are_those_that_exist() -> None:
    text = (REPOSITORY / "docs/how-to/install.md").read_text(encoding="utf-8")
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    described = set(re.findall(r"^\| `edgecls\[(\w+)\]`", text, flags=re.MULTILINE))

    assert len(described) > 10
    assert described <= set(setup["options.extras_require"])


@pytest.mark.parametrize("readme", READMES)
def test_the_image_of_a_readme_is_there_and_small(readme: str) -> None:
    (image,) = re.findall(r"!\[.+\]\((.+?)\)", (REPOSITORY / readme).read_text(encoding="utf-8"))

    assert (REPOSITORY / image).stat().st_size < 300_000
