"""What a release takes from the repository: its version, its notes, and a README whose links work elsewhere.

    python .github/release.py check v0.1.0                            # tag, package and changelog name one version
    python .github/release.py notes v0.1.0 --repository OWNER/NAME    # its section of CHANGELOG.md, for the release
    python .github/release.py readme v0.1.0 --repository OWNER/NAME   # README.md, as the package index shows it

Needs nothing but Python.
"""

import argparse
import datetime
import re
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
UNRELEASED = "Unreleased"
_SITE = "https://github.com"
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg")


@dataclass(frozen=True)
class Section:
    """The changes of a version.

    Attributes:
        version: As in "0.1.0", or "Unreleased".
        date: As in "2026-11-28"; empty for what is not released.
        text: Below its heading.
    """

    version: str
    date: str
    text: str


def sections(changelog: str) -> list[Section]:
    """Return the sections of a changelog, the newest first.

    Raises:
        ValueError: A heading is not that of a version.
    """
    found = []
    for part in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        matched = re.fullmatch(r"\[(\d+\.\d+\.\d+\S*)\] - (\d{4}-\d\d-\d\d)|\[(Unreleased)\]", heading.strip())
        if matched is None:
            raise ValueError(
                f"{heading.strip()!r} is no heading of a version; write [1.2.3] - 2026-01-31 or [Unreleased]"
            )
        without_links = re.sub(r"^\[[^\]]+\]: \S+\n?", "", text, flags=re.MULTILINE)
        found.append(Section(matched[1] or matched[3], matched[2] or "", without_links.strip() + "\n"))
    return found


def problems(changelog: str) -> list[str]:
    """Return what a changelog lacks of the form of Keep a Changelog 1.1.0."""
    try:
        found = sections(changelog)
    except ValueError as error:
        return [str(error)]
    wrong = []
    versions = [section.version for section in found]
    if len(set(versions)) < len(versions):
        wrong.append("a version has two sections")
    if UNRELEASED in versions[1:]:
        wrong.append("[Unreleased] stands first")
    numbers = [_as_numbers(version) for version in versions if version != UNRELEASED]
    if numbers != sorted(numbers, reverse=True):
        wrong.append("the newest version stands first")
    dates = [section.date for section in found if section.date]
    wrong += [f"{date} is no date" for date in dates if not _is_date(date)]
    if dates != sorted(dates, reverse=True):
        wrong.append("a newer version is not older than the one before")
    for section in found:
        kinds = re.findall(r"^### (.+)$", section.text, flags=re.MULTILINE)
        wrong += [f"{section.version}: {kind!r} is none of {', '.join(KINDS)}" for kind in kinds if kind not in KINDS]
        if section.version != UNRELEASED and not kinds:
            wrong.append(f"{section.version}: no changes are listed")
        if len(set(kinds)) < len(kinds):
            wrong.append(f"{section.version}: two headings of the same kind")
    links = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", changelog, flags=re.MULTILINE))
    if links:  # all or none: there are none while the repository has no address
        wrong += [f"[{version}] has no link" for version in versions if version not in links]
        wrong += [
            f"the link of [{version}] leads elsewhere: {url}"
            for version, url in links.items()
            if version not in url and not (version == UNRELEASED and url.endswith("...HEAD"))
        ]
    return wrong


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def package_version() -> str:
    """Return the version in the package, which is the only place that has it.

    Raises:
        SystemExit: There is none.
    """
    text = (REPOSITORY / "edgecls/__init__.py").read_text(encoding="utf-8")
    matched = re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE)
    if matched is None:
        raise SystemExit("edgecls/__init__.py has no __version__")
    return matched[1]


def check(tag: str, changelog: str, version: str) -> None:
    """Check that tag, package and changelog name one version, which has a date.

    Raises:
        SystemExit: They do not; the message says what to do.
    """
    wrong = problems(changelog)
    if wrong:
        raise SystemExit(f"CHANGELOG.md: {'; '.join(wrong)}")
    if tag != f"v{version}":
        raise SystemExit(f"the tag is {tag}, but the package is {version}; tag v{version}, or change __version__")
    if all(section.version != version for section in sections(changelog)):
        raise SystemExit(f"CHANGELOG.md has no section [{version}]; give [Unreleased] that name, and the date")


def notes(tag: str, changelog: str, repository: str | None) -> str:
    """Return what is new in a version, and a link to all changes.

    Args:
        tag: As in "v0.1.0".
        changelog: The text of CHANGELOG.md.
        repository: As in "OWNER/NAME"; None for no links.

    Raises:
        SystemExit: The version has no section.
    """
    found = sections(changelog)
    versions = [section.version for section in found]
    if tag.removeprefix("v") not in versions:
        raise SystemExit(f"CHANGELOG.md has no section [{tag.removeprefix('v')}]")
    place = versions.index(tag.removeprefix("v"))
    text = found[place].text
    if repository is None:
        return text
    before = versions[place + 1 : place + 2]
    all_changes = f"compare/v{before[0]}...{tag}" if before else f"commits/{tag}"
    return f"{absolute(text, tag, repository)}\nAll changes: {_SITE}/{repository}/{all_changes}\n"


def absolute(text: str, tag: str, repository: str) -> str:
    """Return Markdown whose links to files of the repository are links to the site that it is on."""

    def replaced(matched: re.Match[str]) -> str:
        target = matched[2]
        if re.match(r"[a-z]+:|#", target):
            return matched[0]
        kind = "raw" if target.partition("#")[0].endswith(_IMAGES) else "blob"
        return f"{matched[1]}{_SITE}/{repository}/{kind}/{tag}/{target}{matched[3]}"

    text = re.sub(r"(\]\()([^)\s]+)(\))", replaced, text)
    return re.sub(r'((?:src|href|srcset)=")([^"\s]+)(")', replaced, text)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("check", "notes", "readme"))
    parser.add_argument("tag", help="as in v0.1.0")
    parser.add_argument("--repository", help="OWNER/NAME, for links")
    options = parser.parse_args()
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    if options.what == "check":
        check(options.tag, changelog, package_version())
    elif options.what == "notes":
        sys.stdout.buffer.write(notes(options.tag, changelog, options.repository).encode())
    elif options.repository is None:
        parser.error("readme needs --repository")
    else:
        readme = REPOSITORY / "README.md"
        readme.write_text(
            absolute(readme.read_text(encoding="utf-8"), options.tag, options.repository), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
