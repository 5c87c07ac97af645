"""Write docs/benchmarks.md and its plots from the results, and put the marked figures of all documents right.

    python benchmarks/report/run.py [--check]

A figure in README.md or docs/ stands between marks, `<!--measured FILE.KEY:.1f-->2.2<!--/-->`; what may stand in one,
figures.py says. With --check nothing is written, and the exit code tells whether something would be.
"""

import argparse
import sys
from pathlib import Path

from document import render
from figures import FigureError, Results, fill_marks

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "benchmarks" / "results"
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
TEMPLATE = Path(__file__).with_name("template.md")

__all__ = ["documents"]


def documents() -> dict[Path, str]:
    """Return the text that every document should have.

    Raises:
        FigureError: One asks for a figure that the results do not have.
    """
    results = Results(RESULTS)
    marked = [path for path in (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")) if path != DOCUMENT]
    texts = {path: fill_marks(path.read_text(encoding="utf-8"), results) for path in sorted(marked)}
    return {**texts, DOCUMENT: render(TEMPLATE.read_text(encoding="utf-8"), results)}


def main() -> None:
    """Write what has changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something would change")
    check = parser.parse_args().check
    try:
        wanted = documents()
    except FigureError as error:
        sys.exit(f"a document asks for a figure that the results do not have: {error}")
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

    results = Results(RESULTS)
    folder = DOCUMENT.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name in PLOTTED:
        if name in results:
            print(draw(name, results, folder).relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
