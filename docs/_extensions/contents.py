"""Links of plain Markdown, as GitHub shows it: those of an index are its table of contents.

`index.md` of a folder lists, as plain Markdown, the pages of its folder and the `index.md` of folders below it. Those
links, in their order, become a hidden toctree, so that nobody writes the list twice and GitHub shows no directives. A
page that no index links to is a warning of Sphinx's.

Links to documents outside of docs/ become downloads.
"""

import re
from pathlib import PurePosixPath

from sphinx.application import Sphinx

_LINK = re.compile(r"\[([^\[\]]+)\]\(([^)#:]+)\.md\)")


def _children(text: str) -> list[str]:
    """Return the pages that an index lists, under the words of their links, and that are its own.

    A page in a folder that has an index belongs to that one.
    """
    titles: dict[PurePosixPath, str] = {}
    for title, link in _LINK.findall(text):
        titles.setdefault(PurePosixPath(link), re.sub(r"[`*]", "", title))
    folders = {link.parent for link in titles if link.name == "index"}  # as "how-to", never "."
    return [
        f"{title} <{link}>"
        for link, title in titles.items()
        if ".." not in link.parts and (link.name == "index" or not folders.intersection(link.parents))
    ]


def _prepare(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the toctree to the text of an index, mark links that leave docs/, leave remarks out."""
    source[0] = re.sub(r"^<!-- test: .* -->$", "", source[0], flags=re.MULTILINE)  # how a test runs the next block
    out = "../" * (docname.count("/") + 1)
    source[0] = re.sub(rf"\]\({re.escape(out)}([^)#]+\.md)(#[^)]*)?\)", rf"](path:{out}\1)", source[0])
    if PurePosixPath(docname).name == "index":
        children = "\n".join(_children(source[0]))
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n\n{children}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
