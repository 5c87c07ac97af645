"""Build the documentation site into docs/_build/html, in English and Chinese; warnings are errors.

    python docs/make_site.py              # open docs/_build/html/index.html; no server is needed
    python docs/make_site.py --catalogs   # bring the Chinese catalogs in docs/locale up to the English pages

It needs edgecls[cpu,docs]. A catalog is complete when none of its messages is empty or fuzzy.
"""

import argparse
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
BUILD = DOCS / "_build"
LANGUAGES = {"en": "en", "zh": "zh_CN"}
"""Folder of the site, and Sphinx's name of the language."""

TRANSLATED = ("index", "gallery", "tutorials/", "how-to/", "reference/index", "explanation/index")
"""The pages that have catalogs: these, and those whose names begin so where a slash ends it."""

_START = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>edgecls</title>
<script>location.replace((navigator.language.startsWith("zh") ? "zh" : "en") + "/index.html")</script>
<p><a href="en/index.html">English</a> <a href="zh/index.html" lang="zh">中文</a></p>
</html>
"""

__all__ = ["build_site", "extract_messages", "has_catalog", "update_catalogs"]


def build_site(folder: Path = BUILD) -> None:
    """Build the pages of all languages into FOLDER/html."""
    for name, language in LANGUAGES.items():
        settings = f"-W --keep-going -D language={language} -A folder={name}".split()
        _sphinx("html", folder / "html" / name, folder / "doctrees" / name, *settings)
    (folder / "html" / "index.html").write_text(_START, encoding="utf-8")


def extract_messages(folder: Path) -> None:
    """Write the English messages of the pages that have catalogs into FOLDER, in a .pot file for each page."""
    _sphinx("gettext", folder, folder / "doctrees")
    for template in folder.rglob("*.pot"):
        if not has_catalog(template.relative_to(folder).with_suffix("").as_posix()):
            template.unlink()


def has_catalog(page: str) -> bool:
    """Return whether a page, such as "how-to/running", has a Chinese catalog."""
    return any(page == name or (name.endswith("/") and page.startswith(name)) for name in TRANSLATED)


def update_catalogs() -> None:
    """Bring the catalogs up to the pages: new messages are empty, changed ones keep their old translation as fuzzy."""
    templates = BUILD / "gettext"
    extract_messages(templates)
    settings = f"-l {LANGUAGES['zh']} --no-obsolete -w 0".split()
    arguments = ["update", "-p", str(templates), "-d", str(DOCS / "locale"), *settings]
    subprocess.run([sys.executable, "-m", "sphinx_intl", *arguments], check=True)


def _sphinx(builder: str, output: Path, doctrees: Path, *settings: str) -> None:
    arguments = ["-b", builder, "-q", "-E", "-d", str(doctrees), *settings, str(DOCS), str(output)]
    subprocess.run([sys.executable, "-m", "sphinx", *arguments], check=True)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalogs", action="store_true", help="update docs/locale instead")
    try:
        if parser.parse_args().catalogs:
            update_catalogs()
        else:
            build_site()
            print(BUILD / "html" / "index.html")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
