"""The documentation site: links lead somewhere, nothing comes from elsewhere, search works without a server."""

import importlib.util
import os
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import click
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import edgecls
from edgecls.cli import main

pytestmark = pytest.mark.skipif(
    "EDGECLS_REQUIRE_DOCS" not in os.environ, reason="takes half a minute, and needs edgecls[docs]; CI has it"
)

DOCS = Path(__file__).parents[2] / "docs"
CATALOGS = DOCS / "locale" / "zh_CN" / "LC_MESSAGES"
FINISHED = "Translated in full."
"""A catalog that begins with this is complete; make docs-catalogs says what is new in its page."""

TIMEOUT_S = 120


@dataclass
class Page:
    """What a page refers to."""

    ids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.page.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.page.links.add(values["href"])
        elif tag == "link" and not {"index", "search", "next", "prev"} & set(values.get("rel", "").split()):
            self.page.loaded.add(values.get("href", ""))
        self.page.loaded |= {values[name] for name in ("src", "poster", "data") if values.get(name)}

    def handle_data(self, data: str) -> None:
        self.page.text += data


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_site", DOCS / "make_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site; Sphinx's warnings end the building, and so the test."""
    folder = tmp_path_factory.mktemp("site")
    _maker().build_site(folder)
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = {}
    for path in sorted(site.rglob("*.html")):
        reader = _Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        found[path] = reader.page
    return found


def test_every_link_and_anchor_of_the_site_leads_somewhere(pages: dict[Path, Page]) -> None:
    dead = [
        f"{path.name}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not re.match(r"\w+:", link) and not _leads_somewhere(path, link, pages)
    ]

    assert dead == []


def _leads_somewhere(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    address, _, anchor = urllib.parse.unquote(link).partition("#")
    target = (path.parent / address.partition("?")[0]).resolve() if address else path
    return target.is_file() and (not anchor or target not in pages or anchor in pages[target].ids)


def test_the_site_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {(path, address) for path, page in pages.items() for address in page.loaded}
    styles = {
        (path, address.strip("'\""))
        for path in site.rglob("*.css")
        for address in re.findall(r"url\((.*?)\)|@import\s+[\"'](.*?)[\"']", path.read_text(encoding="utf-8"))
        for address in address
    }

    assert len(loaded) > 100
    assert [(path.name, it) for path, it in loaded | styles if re.match(r"(?!data:)\w+:|//", it)] == []
    assert [(path.name, it) for path, it in loaded if not _leads_somewhere(path, it, {})] == []


def _commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for below in group.list_commands(context):
        command = group.get_command(context, below)
        assert command is not None
        yield f"{name} {below}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} {below}")


def test_the_reference_has_every_command_with_every_option(site: Path, pages: dict[Path, Page]) -> None:
    for name, command in _commands(main, "edgecls"):
        page = pages[site / "en" / "reference" / "commands" / f"{name.split()[1]}.html"]
        options = {option for param in command.params if isinstance(param, click.Option) for option in param.opts}

        assert {f"cmdoption-{name.replace(' ', '-')}-{option.lstrip('-')}" for option in options} <= page.ids
        assert name in page.text


def test_every_public_name_is_documented(site: Path, pages: dict[Path, Page]) -> None:
    ids = pages[site / "en" / "reference" / "python-api.html"].ids

    assert {f"edgecls.{name}" for name in edgecls.__all__ if name != "__version__"} <= ids


def test_every_page_leads_to_itself_in_the_other_language(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        language, _, name = path.relative_to(site).as_posix().partition("/")
        if name:
            other = site / {"en": "zh", "zh": "en"}[language] / name
            assert other in {(path.parent / link).resolve() for link in page.links if ":" not in link}, path


@pytest.mark.parametrize(
    ("language", "word", "page"), [("en", "quantize", "quantizing"), ("zh", "黄金样本", "quantizing")]
)
def test_search_finds_pages_without_a_server(site: Path, browser: Chrome, language: str, word: str, page: str) -> None:
    browser.get((site / language / "index.html").as_uri())
    field = browser.find_element(By.NAME, "q")
    field.send_keys(word)
    field.submit()

    def found(driver: Chrome) -> bool:
        links = driver.find_elements(By.CSS_SELECTOR, "#search-results li a")
        return any(f"/how-to/{page}.html" in str(link.get_attribute("href")) for link in links)

    WebDriverWait(browser, TIMEOUT_S).until(found)


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the messages of the English pages, as they are now."""
    folder = tmp_path_factory.mktemp("messages")
    _maker().extract_messages(folder)
    return folder


def test_finished_translations_are_complete(messages: Path) -> None:
    from babel.messages.pofile import read_po

    missing = []
    for path in sorted(CATALOGS.rglob("*.po")):
        with path.open("rb") as file:
            catalog = read_po(file, locale="zh_CN")
        if FINISHED in catalog.header_comment:
            with (messages / path.relative_to(CATALOGS)).with_suffix(".pot").open("rb") as file:
                wanted = [message.id for message in read_po(file) if message.id]
            known = {message.id: message.string for message in catalog if not message.fuzzy}
            missing += [f"{path.stem}: {message}" for message in wanted if not known.get(message)]

    assert missing == []


def test_every_page_with_messages_has_a_catalog(messages: Path) -> None:
    templates = {path.relative_to(messages).with_suffix("") for path in messages.rglob("*.pot")}

    catalogs = {path.relative_to(CATALOGS).with_suffix("") for path in CATALOGS.rglob("*.po")}

    assert templates == catalogs - {Path("sphinx")}  # which has words of the theme


def test_translations_keep_code_and_links() -> None:
    from babel.messages.pofile import read_po

    changed = []
    for path in sorted(CATALOGS.rglob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh_CN"):
                if message.id and message.string and not message.fuzzy and _kept(message.id) != _kept(message.string):
                    changed.append(f"{path.stem}: {message.string}")

    assert changed == []


def _kept(text: str) -> list[str]:
    return sorted(re.findall(r"`[^`]+`|\]\([^)]*\)", text))
