"""Write docs/benchmarks.md and its pictures, and the figures that other documents quote, from the results.

python benchmarks/render_report.py           writes what has changed
python benchmarks/render_report.py --check   writes nothing; exit code 1 if something would change, pictures aside
"""

import argparse
import sys

from report.document import DOCUMENT, PLOTS, document, plots
from report.quoted import quoting_documents, with_quotes


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wanted = {DOCUMENT: document()}
    wanted |= {path: with_quotes(path.read_text(encoding="utf-8")) for path in quoting_documents()}
    stale = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.name} does not agree with benchmarks/results: run python benchmarks/render_report.py")
        sys.exit(1 if stale else 0)
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    drawn = dict(plots())
    for path in PLOTS.glob("*.png"):
        if path not in drawn:
            path.unlink()
    for path, png in drawn.items():
        path.write_bytes(png)
    print(f"wrote {', '.join(path.name for path in stale) or 'nothing new'}; {len(drawn)} pictures")


if __name__ == "__main__":
    main()
