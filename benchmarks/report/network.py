"""Of the network itself: what edgecls adds, precision, threads, other runtimes."""

from report.answer import Answer, Results
from report.markdown import estimate, table

__all__ = ["ANSWERS"]


def _int8(results: Results) -> list[str]:
    sizes, accuracy = results["bytes"], results.get("accuracy")
    rows = [
        (
            label,
            f"{results[key]['pictures_per_second']['float32']:.0f}",
            f"{results[key]['pictures_per_second']['reduced']:.0f}",
            estimate(results[key]["times_as_fast"]),
        )
        for key, label in (("network", "network alone"), ("with decoding", "decoding included"))
    ]
    lines = table(("photos a second", "float32", "int8", "int8 / float32"), rows)
    lines.append(f"The file: {sizes['float32'] / 1e6:.2f} MB in float32, {sizes['reduced'] / 1e6:.2f} MB in int8.")
    if accuracy:
        lines.append(
            f"Accuracy on {accuracy['pictures']} photos that neither training nor calibration saw: "
            f"{accuracy['float32']:.4f} in float32, {accuracy['reduced']:.4f} in int8; the same label for "
            f"{100 * accuracy['same_label']:.1f} % of them."
        )
    return lines


ANSWERS = {
    "int8": Answer(_int8),
}
