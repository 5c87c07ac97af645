"""Of `edgecls run` and `edgecls export`: start, folders, memory, what is installed."""

import statistics

from report.answer import Answer, Results
from report.drawing import bars, strips
from report.markdown import estimate, milliseconds, network_name, table

__all__ = ["ANSWERS"]


def _cold_start(results: Results) -> list[str]:
    names = {"interpreter": "an interpreter that does nothing", "floor": "floor", "edgecls run": "`edgecls run`"}
    rows = [
        (label, milliseconds(results["seconds"][name]), f"{1000 * min(results['seconds'][name]):.0f}")
        for name, label in names.items()
    ]
    return [
        *table(("", "median ms", "best ms"), rows),
        f"edgecls run / floor: {estimate(results['edgecls_over_floor'])}",
    ]


def _draw_cold_start(results: Results) -> bytes:
    seconds = {name: [1000 * value for value in values] for name, values in results["seconds"].items()}
    return strips(seconds, "from process start to label, every round", "ms")


def _folder(results: Results) -> list[str]:
    rows = [
        (
            network_name(row["model"]),
            f"{statistics.median(row['limit_per_s']):.0f}",
            f"{statistics.median(row['run_per_s']):.0f}",
            estimate(row["of_limit"]),
            estimate(row["cpu_of_limit"]),
        )
        for row in results["rows"]
    ]
    return table(("network", "limit, photos/s", "edgecls run", "of the limit", "CPU a photo, of the limit's"), rows)


def _memory(results: Results) -> list[str]:
    rows = [
        (
            network_name(row["model"]),
            f"{statistics.median(row['peak_mib']['bare']):.0f}",
            f"{statistics.median(row['peak_mib']['edgecls run']):.0f}",
            estimate(row["edgecls_over_bare"]),
        )
        for row in results["rows"]
    ]
    return table(("network", "bare script, MiB", "edgecls run, MiB", "edgecls / bare"), rows)


def _export(results: Results) -> list[str]:
    rows = []
    for network, taken in results["networks"].items():
        for name, runs in taken["runs"].items():
            done = [run for run in runs if run]
            if not done:
                rows.append((network, name, "ran out of memory", "", "", ""))
                continue
            beside = taken["edgecls_over_tf2onnx"]
            rows.append(
                (
                    network,
                    name,
                    f"{statistics.median(run['seconds'] for run in done):.1f}",
                    f"{statistics.median(run['cpu_seconds'] for run in done):.1f}",
                    f"{max(run['peak_gb'] for run in done):.2f}",
                    estimate(beside["cpu_seconds"]) if beside and name == "edgecls export" else "",
                )
            )
    return table(("network", "", "seconds", "processor seconds", "peak GB", "processor time / tf2onnx alone"), rows)


def _install_size(results: Results) -> list[str]:
    largest = ", ".join(f"{name} {size:.0f}" for name, size in list(results["packages_mb"].items())[:4])
    return [
        *table(
            ("", "MB (10^6 bytes)", "MiB"),
            [(label, f"{results[key]['mb']:.0f}", f"{results[key]['mib']:.0f}") for key, label in _SIZES.items()],
        ),
        f"The largest of it, in MB: {largest}.",
    ]


_SIZES = {
    "whole": "all of it, compiled files too",
    "without_pyc": "without compiled files",
    "without_pip": "without those and without pip",
}


def _draw_install_size(results: Results) -> bytes:
    return bars(dict(list(results["packages_mb"].items())[:8]), "on disk", "MB")


ANSWERS = {
    "cold_start": Answer(_cold_start, _draw_cold_start),
    "folder": Answer(_folder),
    "memory": Answer(_memory),
    "export": Answer(_export),
    "install_size": Answer(_install_size, _draw_install_size),
}
