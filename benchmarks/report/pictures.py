"""Of decoding and fitting."""

from report.answer import Answer, Results
from report.drawing import grouped_bars
from report.markdown import estimate, table

__all__ = ["ANSWERS"]

_WAYS = {"edgecls": "edgecls", "full + area": "full + area", "full + bilinear": "full + bilinear"}


def _decode_and_fit(results: Results) -> list[str]:
    rows = [
        (
            f"{row['picture'].replace('x', ' x ')}, {row['bytes'] / 1e6:.2f} MB",
            row["side"],
            *(f"{row['milliseconds'][way]:.2f}" for way in _WAYS),
            estimate(row["edgecls_over_area"]),
        )
        for row in results["rows"]
    ]
    return table(("picture", "to", "edgecls, ms", "full + area, ms", "full + bilinear, ms", "edgecls / area"), rows)


def _draw(results: Results) -> bytes:
    rows = [row for row in results["rows"] if row["side"] == 224]
    groups = [row["picture"].replace("x", " x ") for row in rows]
    series = {way: [row["milliseconds"][way] for row in rows] for way in _WAYS}
    return grouped_bars(
        groups, series, "decode and fit to 224 pixels, one thread", "ms a picture (logarithmic)", log=True
    )


ANSWERS = {
    "decode_and_fit": Answer(_decode_and_fit, _draw),
}
