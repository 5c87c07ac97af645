"""The changelog has its form, a release takes version and notes from it, and its README leads to the site it is on."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import edgecls

REPOSITORY = Path(__file__).parent.parent

CHANGELOG = """# Changelog

## [Unreleased]

### Fixed

- What is not out yet.

## [0.2.0] - 2026-12-24

### Added

#### Server

- Signatures ([how](docs/sign.md#keys), ![seen](docs/a.png), [format](https://example.org/), [here](#server)).

## [0.1.0] - 2026-11-28

### Added

- Everything.
"""


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", REPOSITORY / ".github" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["release"] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def test_the_changelog_has_the_form_of_keep_a_changelog(release: ModuleType) -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")

    assert release.problems(text) == []
    assert release.sections(text)[0].text


def test_the_version_of_the_package_is_what_the_script_finds(release: ModuleType) -> None:
    assert release.package_version() == edgecls.__version__


def test_the_notes_are_the_section_of_the_version_with_links_that_work_elsewhere(release: ModuleType) -> None:
    notes = release.notes("v0.2.0", CHANGELOG, "owner/name")

    assert notes == (
        "### Added\n\n#### Server\n\n"
        "- Signatures ([how](https://github.com/owner/name/blob/v0.2.0/docs/sign.md#keys), "
        "![seen](https://github.com/owner/name/raw/v0.2.0/docs/a.png), [format](https://example.org/), "
        "[here](#server)).\n"
        "\nAll changes: https://github.com/owner/name/compare/v0.1.0...v0.2.0\n"
    )
    assert release.notes("v0.1.0", CHANGELOG, None) == "### Added\n\n- Everything.\n"
    assert release.notes("v0.1.0", CHANGELOG, "owner/name").endswith("/owner/name/commits/v0.1.0\n")


def test_a_release_needs_one_version_in_tag_package_and_changelog(release: ModuleType) -> None:
    release.check("v0.2.0", CHANGELOG, "0.2.0")

    with pytest.raises(SystemExit, match=r"the tag is v0.2.1, but the package is 0.2.0; tag v0.2.0"):
        release.check("v0.2.1", CHANGELOG, "0.2.0")
    with pytest.raises(SystemExit, match=r"no section \[0.3.0\]; give \[Unreleased\] that name, and the date"):
        release.check("v0.3.0", CHANGELOG, "0.3.0")
    with pytest.raises(SystemExit, match=r"no section \[0.3.0\]"):
        release.notes("v0.3.0", CHANGELOG, None)


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("[0.2.0] - 2026-12-24", "0.2.0 (unreleased)", "'0.2.0 (unreleased)' is no heading of a version"),
        ("2026-12-24", "2026-13-24", "2026-13-24 is no date"),
        ("2026-12-24", "2026-10-24", "a newer version is not older than the one before"),
        ("[0.1.0]", "[0.2.0]", "a version has two sections"),
        ("[0.1.0]", "[0.10.0]", "the newest version stands first"),
        ("### Fixed", "### Mended", "Unreleased: 'Mended' is none of Added"),
        ("- Everything.", "- Everything.\n\n### Added", "0.1.0: two headings of the same kind"),
        ("### Added\n\n- Everything.", "- Everything.", "0.1.0: no changes are listed"),
        ("- Everything.", "- Everything.\n\n[0.1.0]: https://example.org/v0.1.0", "[Unreleased] has no link"),
    ],
)
def test_what_a_changelog_lacks_is_named(release: ModuleType, was: str, becomes: str, problem: str) -> None:
    assert was in CHANGELOG

    found = release.problems(CHANGELOG.replace(was, becomes, 1))

    assert any(text.startswith(problem) for text in found), found


def test_links_of_versions_lead_to_them(release: ModuleType) -> None:
    links = "[Unreleased]: https://x/compare/v0.2.0...HEAD\n[0.2.0]: https://x/v0.2.0\n[0.1.0]: https://x/v0.1.0\n"

    assert release.problems(CHANGELOG + links) == []
    assert release.problems(CHANGELOG + links.replace("x/v0.1.0", "x/v0.2.0")) == [
        "the link of [0.1.0] leads elsewhere: https://x/v0.2.0"
    ]
