"""What does the bundled model say about itself?

Its card has the figures that were measured when it was made; the rest is read from the file.

    python benchmarks/bundled_model.py
"""

from measure import write_results

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.modelfile import read_model


def main() -> None:
    """Read, print and write the results."""
    model = read_model(BUNDLED_MODEL)
    card = model.card
    results = {
        "network_sha256": model.network_sha256,
        "bytes": len(model.onnx),
        "labels": len(card.labels),
        "architecture": card.architecture,
        "precision": card.precision,
        "temperature": card.temperature,
        "metrics": dict(card.metrics),
    }
    for name, value in results.items():
        print(f"{name:16} {value}")
    print(f"wrote {write_results('bundled_model', results)}")


if __name__ == "__main__":
    main()
