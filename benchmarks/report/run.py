"""Write docs/benchmarks.md and its plots from the results, and update figures that other documents cite.

    python benchmarks/report/run.py [--check]

cited.toml lists the cited figures by the words around them. With --check nothing is written, and the exit code says
whether a document would change.
"""

import argparse
import sys
from pathlib import Path

from citations import cited_phrases, replace_cited
from document import plot_name, render
from figures import FigureError, Results

sys.path.append(str(Path(__file__).parents[1]))

from machines import STORED, quoted_machine

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
TEMPLATE = Path(__file__).with_name("template.md")

__all__ = ["documents"]


def documents() -> dict[Path, str]:
    """Return the text that every document should have.

    Raises:
        FigureError: One needs a figure that the results do not have, or lacks words that cited.toml expects.
    """
    machines = Results.of_each_machine(STORED, first=quoted_machine())
    quoted = machines[0]
    if quoted.key != quoted_machine():
        raise FigureError(f"cited.toml quotes {quoted_machine()!r}, which has no results in {STORED}")
    texts = {DOCUMENT: render(TEMPLATE.read_text(encoding="utf-8"), machines)}
    for name, phrases in cited_phrases().items():
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        try:
            texts[REPOSITORY / name] = replace_cited(text, phrases, quoted.figure)
        except FigureError as error:
            raise FigureError(f"{name}: {error}") from None
    return texts


def main() -> None:
    """Write what has changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something would change")
    check = parser.parse_args().check
    try:
        wanted = documents()
    except FigureError as error:
        sys.exit(f"documents and results do not match: {error}")
    stale = {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        print(path.relative_to(REPOSITORY))
        if not check:
            path.write_text(text, encoding="utf-8")
    if check:
        sys.exit(1 if stale else 0)
    from plots import PLOTTED, draw

    machines = Results.of_each_machine(STORED, first=quoted_machine())
    folder = DOCUMENT.with_suffix("")
    folder.mkdir(exist_ok=True)
    for results in machines:
        for name in PLOTTED:
            if name in results:
                path = folder / plot_name(name, results, machines[0])
                draw(name, results, path)
                print(path.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
