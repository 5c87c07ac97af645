"""The tables of docs/benchmarks.md, each from one result file of a machine."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from figures import Results, interval
from table import Table

from edgecls.measuring.turns import median_of

__all__ = ["TABLES", "model_name"]

_NAMES = {
    "flowers": "bundled model, int8",
    "small": "small, about 1 ms",
    "flowers-float32": "MobileNetV2 float32",
    "mobilenet_v2": "MobileNetV2 float32",
}
_IMAGES = {"00000": "photo"}


def model_name(name: str) -> str:
    """Say which network a row is about."""
    return _NAMES.get(name.removesuffix(".onnx"), name)


def _middle(values: Sequence[float], number_format: str = ".2f", *, scale: float = 1) -> str:
    """Return the median of a figure that was taken once in each round, with its interval."""
    return interval(asdict(median_of([scale * value for value in values])), number_format)


def _each(row: dict[str, Any], name: str, number_format: str) -> str:
    """Return a figure of a row with its interval, or alone in results that do not have it of each round."""
    values = row.get(f"{name}_each")
    return f"{row[name]:{number_format}}" if values is None else _middle(values, number_format)


def _cold_start(results: Results) -> Table:
    names = {
        "interpreter": "empty interpreter",
        "floor": "baseline",
        "edgecls run": "`edgecls run examples/dandelion.jpg`",
    }
    seconds = results["cold_start"]["seconds"]
    return Table(
        ["", "median ms", "best ms"],
        [[names[name], _middle(s, ".0f", scale=1000), f"{1000 * min(s):.0f}"] for name, s in seconds.items()],
    )


def _decode_and_fit(results: Results) -> Table:
    rows = results["decode_and_fit"]["rows"]
    return Table(
        [
            "image",
            "resized to",
            "edgecls ms",
            "full + area ms",
            "full + bilinear ms",
            "edgecls / area",
            "edgecls / bilinear",
        ],
        [
            [
                f"{row['image'].replace('x', ' x ')}, {row['bytes'] / 1e6:.2f} MB",
                row["side"],
                *(_decoding_ms(row, name) for name in ("edgecls", "full + area", "full + bilinear")),
                interval(row["edgecls_over_area"]),
                interval(row["edgecls_over_bilinear"]),
            ]
            for row in rows
        ],
        keys=2,
    )


def _decoding_ms(row: dict[str, Any], name: str) -> str:
    each = row.get("milliseconds_each")
    return f"{row['milliseconds'][name]:.2f}" if each is None else _middle(each[name])


def _int8(results: Results) -> Table:
    return _int8_table(results["int8"])


def _int8_untrained(results: Results) -> Table:
    return _int8_table(results["int8_untrained"])


def _int8_table(found: dict[str, Any]) -> Table:
    return Table(
        ["photos/s", "float32", "int8", "int8 / float32"],
        [
            [
                label,
                *(_int8_rate(found[key], name) for name in ("float32", "reduced")),
                interval(found[key]["times_as_fast"]),
            ]
            for key, label in (("network", "network alone"), ("with decoding", "decoding included"))
        ],
    )


def _int8_rate(found: dict[str, Any], name: str) -> str:
    seconds = found["seconds"][name]
    images_a_round = found["images_per_second"][name] * statistics.median(seconds)
    return _middle([images_a_round / each for each in seconds], ".0f")


def _folder(results: Results) -> Table:
    return Table(
        [
            "network",
            "limit, photos/s",
            "edgecls run, photos/s",
            "of the limit",
            "of bare threads",
            "CPU per photo / limit's",
        ],
        [
            [
                model_name(row["model"]),
                _middle(row["limit_per_s"], ".0f"),
                _middle(row["run_per_s"], ".0f"),
                interval(row["of_limit"]),
                interval(row["of_bare_threads"]),
                interval(row["cpu_of_limit"]),
            ]
            for row in results["folder"]["rows"]
        ],
    )


def _memory(results: Results) -> Table:
    return Table(
        ["network", "bare script, MiB", "edgecls run, MiB", "edgecls run / bare"],
        [
            [
                model_name(row["model"]),
                *(_middle(row["peak_mib"][name], ".0f") for name in ("bare", "edgecls run")),
                interval(row["edgecls_over_bare"]),
            ]
            for row in results["memory"]["rows"]
        ],
    )


def _server_rows(*names: str) -> Callable[[Results], Table]:
    def table(results: Results) -> Table:
        head = ["network", "image", "form", "connections", "served/s", "of the limit", "CPU / limit's CPU"]
        return Table(
            [*head, "p50 ms", "p99 ms", "p99 / (connections / throughput)", "PSS MB", "failed"],
            [
                [
                    model_name(row["model"]),
                    _IMAGES.get(row["image"], row["image"]),
                    row["form"],
                    row["connections"],
                    _middle(row["served_per_s"], ".0f"),
                    interval(row["of_limit"]),
                    interval(row["cpu_of_limit"]) if "cpu_of_limit" in row else "",
                    _each(row, "p50_ms", ".1f"),
                    _each(row, "p99_ms", ".1f"),
                    f"{row['p99_of_queueing_bound']:.2f}",
                    f"{row['pss_mb']:.0f}",
                    row["failed"],
                ]
                for name in names
                if name in results
                for row in results[name]["rows"]
            ],
            keys=4,
        )

    return table


def _peers(results: Results) -> Table:
    found = results["peers"]
    rows = [
        [
            row["server"],
            model_name(row["model"]),
            row["connections"],
            interval(row["of_limit"]),
            _each(row, "p99_ms", ".0f"),
            _each(row, "pss_mb", ".0f"),
            _each(row, "first_answer_s", ".2f"),
            *(interval(row[key]) if key in row else "" for key in _RATIOS_TO_PEERS),
            f"{row['environment_mb']:.0f}",
            row["failed"],
        ]
        for row in found["rows"]
    ]
    missing = "\n".join(f"- {name}: {reason}" for name, reason in found["missing"].items())
    head = ["server", "network", "connections", "of the limit", "p99 ms", "PSS MB", "first response s"]
    ratios = [f"edgecls / peer: {what}" for what in _RATIOS_TO_PEERS.values()]
    notes = [f"Not measured:\n\n{missing}"] if missing else []
    if any(row["server"].startswith("edgecls, tuned") for row in found["rows"]):
        notes.insert(0, _TUNED)
    return Table([*head, *ratios, "installed MB", "failed"], rows, keys=3, after="\n\n".join(notes))


def _open_loads(
    result: str, about: dict[str, Callable[[dict[str, Any]], str]], load: str
) -> Callable[[Results], Table]:
    """Return what makes the table of a result's loads at fixed rates; it has no rows for results without any.

    Args:
        result: Which one.
        about: The columns that say what a row is about, by their names.
        load: What the load is relative to, in a sentence.
    """

    def table(results: Results) -> Table:
        found = [(row, part, of) for row in results[result]["rows"] for part, of in row.get("open", {}).items()]
        ratio = ["edgecls / peer: p99"] if any("p99_of_peer" in of for _, _, of in found) else []
        return Table(
            [*about, "load", "requests/s", "answered/s", "p50 ms", "p99 ms", *ratio, "client late, p99 ms", "failed"],
            [
                [
                    *(cell(row) for cell in about.values()),
                    f"{100 * float(part):.0f} %",
                    *(_middle(of[name], ".0f") for name in ("rate", "per_s")),
                    *(_middle(of[name], ".1f") for name in ("p50_ms", "p99_ms")),
                    *(interval(of["p99_of_peer"]) if "p99_of_peer" in of else "" for _ in ratio),
                    _middle(of["late_p99_ms"]),
                    of["failed"],
                ]
                for row, part, of in found
            ],
            keys=len(about) + 1,
            before=f"{_OPEN} {load}",
        )

    return table


_OPEN = (
    "Requests at a fixed rate, whatever the server does; latency counts from the time at which a request was to be "
    "sent, so it includes all waiting, which closed loops hide. *Client late* is how late the load generator, which "
    "shares the cores, sent what it could have sent."
)

_TUNED = (
    "*edgecls, tuned* is `edgecls serve --tune` where OpenVINO is installed, with the setting that it found in "
    "the 10 s of its first use; all others run the network in onnxruntime on the CPU, as the limit does."
)

_RATIOS_TO_PEERS = {
    "edgecls_beside_it": "throughput",
    "p99_of_peer": "p99",
    "pss_of_peer": "memory",
    "first_answer_of_peer": "first response",
}
"""edgecls divided by a peer that gets the same form of request."""


def _command_line(results: Results) -> Table:
    found = results["command_line"]
    rows = [
        [
            row["command"],
            row["images"],
            _middle(row["seconds"]),
            interval(row["edgecls_over_it"], ".3f") if "edgecls_over_it" in row else "",
        ]
        for row in found["rows"]
    ]
    said = [
        *(f"- {name}: not measured: {reason}" for name, reason in found["missing"].items()),
        *_listed(found["notes"]),
    ]
    return Table(["command", "images", "seconds", "edgecls / other"], rows, keys=2, after="\n".join(said))


def _listed(notes: Sequence[str]) -> list[str]:
    return [f"- {note}" for note in notes]


def _runtimes(results: Results) -> Table:
    found = results["runtimes"]
    rows = [
        [
            measured,
            f"{runtime} {found['versions'].get(runtime, '')}".strip(),
            _middle(figures["ms_an_image"]),
            interval(figures["times_as_fast"]),
            interval(figures["times_as_frugal"]),
        ]
        for measured, runtimes in found["measured"].items()
        for runtime, figures in runtimes.items()
    ]
    left_out = [f"- {name}: {reason}" for name, reason in found["left_out"].items()]
    head = ["network", "runtime", "ms per image", "times as fast as onnxruntime", "the same by CPU time"]
    return Table(head, rows, keys=2, after="\n".join(left_out))


def _soak(results: Results) -> Table:
    statuses = results["soak"]["statuses"]
    return Table(["request and response", "count"], [[name, f"{n:,}"] for name, n in sorted(statuses.items())])


def _fuzz_decoding(results: Results) -> Table:
    columns = ("format", "images", "decoded", "refused", "differences", "crashes")
    rows = [
        [f"{row[name]:,}" if name != "format" else row[name] for name in columns]
        for row in results["fuzz_decoding"]["rows"]
    ]
    return Table(["format", "damaged images", *columns[2:]], rows)


def _inference(results: Results) -> Table:
    return Table(
        [
            "network",
            "batch",
            "onnxruntime µs per run",
            "edgecls / onnxruntime",
            "added by edgecls, µs per call",
            "images/s",
        ],
        [
            [
                model_name(row["model"]),
                row["batch"],
                _middle(row["microseconds"]["plain"], ".0f"),
                interval(row["edgecls_over_plain"], ".3f"),
                interval(row["added_us"], ".1f"),
                _middle([1e6 * row["batch"] / us for us in row["microseconds"]["edgecls"]], ".0f"),
            ]
            for row in results["inference"]["rows"]
        ],
        keys=2,
    )


def _scaling(results: Results) -> Table:
    return Table(
        ["network", "parallelism", "threads", "images/s", "relative to one thread"],
        [
            [
                model_name(row["model"]),
                row["kind"],
                row["threads"],
                _middle(row["rates"], ".0f"),
                interval(row["of_one_thread"]),
            ]
            for row in results["scaling"]["rows"]
        ],
        keys=3,
    )


def _install_size(results: Results) -> Table:
    found = results["install_size"]
    rows = [[name, f"{size / 1e6:.1f}"] for name, size in found["packages"].items()]
    return Table(["package", "MB, without .pyc"], rows)


def _training(results: Results) -> Table:
    return Table(
        ["network", "images from", "images/s", "relative to the constant batch"],
        [
            [
                f"{results[name]['arch']}, {results[name]['side']} pixels",
                source,
                _middle([results[name]["images"] / seconds for seconds in row["seconds"]], ".0f"),
                interval(row),
            ]
            for name in results.names()
            if name.startswith("training")
            for source, row in results[name]["fit"].items()
        ],
        keys=2,
    )


def _epoch_time(results: Results) -> Table:
    formats = {"epoch_s": ".2f", "process_s": ".1f", "accuracy": ".3f"}
    return Table(
        ["", "seconds an epoch", "seconds in all", "validation accuracy"],
        [
            [name, *(_middle([row[key] for row in rows], form) for key, form in formats.items())]
            for name, rows in results["epoch_time"]["rows"].items()
        ],
    )


def _export(results: Results) -> Table:
    rows = []
    for network, taken in results["export"]["networks"].items():
        for name in ("tf2onnx alone", "edgecls export"):
            runs = [run for run in taken[name] if run]
            if not runs:
                rows.append([network, name, "not enough memory", "", "", ""])
                continue
            formats = {"seconds": ".1f", "cpu_seconds": ".1f", "peak_gb": ".2f"}
            shown = [_middle([run[key] for run in runs], form) for key, form in formats.items()]
            ratio = interval(taken["cpu_ratio"]) if name == "edgecls export" and "cpu_ratio" in taken else ""
            rows.append([network, name, *shown, ratio])
    return Table(["network", "", "seconds", "CPU seconds", "peak GB", "CPU / tf2onnx alone"], rows, keys=2)


def _streaming_memory(results: Results) -> Table:
    return Table(
        ["cache", "images", "peak MB"],
        [
            [row["cache"], row["images"], f"{row['peak_bytes'] / 1e6:.0f}"]
            for row in results["streaming_memory"]["rows"]
        ],
        keys=2,
    )


def _teaching(results: Results) -> Table:
    found = results["teaching"]
    return Table(
        [
            "round",
            "usable after s",
            "CPU s of the training",
            "p99 ms",
            "p99 ms while training",
            "ratio",
            "load average",
        ],
        [
            [
                number,
                f"{row['usable_s']:.1f}",
                f"{row['training_cpu_s']:.1f}",
                f"{row['alone']['p99_ms']:.0f}",
                f"{row['training']['p99_ms']:.0f}",
                f"{row['p99_ratio']:.2f}",
                f"{row['load_average']:.1f}",
            ]
            for number, row in enumerate(found["each"], 1)
        ],
    )


def _desktop_app(results: Results) -> Table:
    return Table(
        ["images", "peak MB, recognised", "peak MB, scrolled through", "images per second", "window busy, ms at most"],
        [
            [
                row["images"],
                *(f"{row[key] / 1e6:.0f}" for key in ("recognised_bytes", "scrolled_bytes")),
                f"{row['images'] / row['recognised_s']:.0f}",
                f"{1000 * row['longest_turn_s']:.0f}",
            ]
            for row in results["desktop_app"]["rows"]
        ],
    )


def _drift(results: Results) -> Table:
    rows = []
    for row in results["drift"]["rows"]:
        value, low, high = (100 * row["share"][key] for key in ("value", "low", "high"))
        after = [str(row[key] or "-") for key in ("median", "p90")]
        by = ", ".join(list(row["by"])[:2]).replace("_", " ") or "-"
        rows.append([row["change"], str(row["images"]), f"{value:.1f} % ({low:.1f} to {high:.1f})", *after, by])
    head = ["images", "in a window", "windows called changed", "half of them after", "90 % after", "most often by"]
    return Table(head, rows, keys=2)


def _familiarity(results: Results) -> Table:
    def share(level: dict[str, float]) -> str:
        return interval({key: 100 * level[key] for key in ("value", "low", "high")}, ".1f")

    rows = results["familiarity"]["rows"]
    return Table(
        ["score", "AUROC", *(f"foreign % at {level['familiar']:.0%}" for level in rows[0]["accepted"])],
        [[row["score"].replace("_", " "), interval(row["auroc"], ".3f"), *map(share, row["accepted"])] for row in rows],
    )


def _familiarity_cost(results: Results) -> Table:
    return Table(
        ["network", "ms", "time with / without", "processor time", "in fast rounds"],
        [
            [
                row["model"],
                f"{row['ms_without']:.2f}",
                interval(row["time"], ".3f"),
                interval(row["processor_time"], ".3f"),
                f"{row['fast_processor_time']:.3f}",
            ]
            for row in results["familiarity"]["costs"]
        ],
    )


def _classical_models(results: Results) -> Table:
    rows = results["classical_models"]["rows"]
    return Table(
        ["model", "features", "accuracy", "cross-entropy", "file, MB", "CPU seconds"],
        [
            [
                f"`{row['arch']}`",
                row["features"],
                f"{row['accuracy']:.3f}",
                f"{row['cross_entropy']:.3f}",
                f"{row['file_bytes'] / 1e6:.2f}",
                f"{row['processor_s']:.0f}",
            ]
            for row in rows
        ],
        keys=2,
    )


def _near_duplicates(results: Results) -> Table:
    edits = results["near_duplicates"]["edits"]
    rows = [[row["edit"], f"{row['median_bits']:.0f}", row["largest_bits"]] for row in edits]
    return Table(["edit", "bits, median", "bits, largest"], rows)


def _label_review(results: Results) -> Table:
    summary = results["label_review"]["summary"]
    rows = [
        [
            "`edgecls data review`",
            f"{100 * summary['found_in_first_tenth']:.1f} %",
            f"{100 * summary['least_found_in_first_tenth']:.1f} %",
            f"{100 * summary['changed_of_first_twentieth']:.1f} %",
            f"{100 * summary['least_changed_of_first_twentieth']:.1f} %",
        ]
    ]
    if "plain" in summary:
        plain = summary["plain"]
        found, changed = plain["found_in_first_tenth"], plain["changed_of_first_twentieth"]
        rows.append(["logistic regression", f"{100 * found:.1f} %", "", f"{100 * changed:.1f} %", ""])
    head = [
        "ranked by",
        "changed images in the first 10 %",
        "lowest draw",
        "first 5 % that were changed",
        "lowest draw",
    ]
    return Table(head, rows)


def _active_picking(results: Results) -> Table:
    names = {"random": "random", "doubt": "the most doubtful", "picked": "`edgecls data pick`"}
    found = results["active_picking"]
    rows = []
    for row in found["rows"]:
        difference = ""
        if "interval" in row:
            low, high = (100 * value for value in row["interval"])
            difference = f"{100 * row['difference']:+.1f} ({low:+.1f} to {high:+.1f})"
        better = f"{row['better_seeds']} of {found['seeds']}" if "better_seeds" in row else ""
        by_round = [f"{accuracy:.3f}" for accuracy in row["by_round"]]
        rows.append([names[row["way"]], *by_round, difference, better])
    rounds = [f"after {number}" if number else "at first" for number in range(len(found["rows"][0]["by_round"]))]
    return Table(["picked", *rounds, "difference to random, points", "better than random"], rows)


def _gpu_inference(results: Results) -> Table:
    rows = []
    for name in results.names():
        if not name.startswith("gpu_inference"):
            continue
        found = results[name]
        for precision, figures in found["rows"].items():
            bounds = {bound["batch"]: bound["most_per_s"] for bound in figures.get("floor", [])}
            torch = {rate["batch"]: rate["per_s"] for rate in figures.get("torch", {}).get("rates", [])}
            for rate in figures.get("rates", []):
                batch = rate["batch"]
                of_torch = torch.get(batch, {})
                torch_rates = [
                    f"{statistics.median(of_torch[way]):.0f}" if way in of_torch else ""
                    for way in ("eager", "traced", "compiled")
                ]
                rows.append(
                    [
                        found["architecture"] + ("" if found["provider"] == "cuda" else f", {found['provider']}"),
                        precision,
                        batch,
                        f"{rate['per_s']['edgecls']['value']:.0f}",
                        interval(rate["of_copied"]),
                        f"{rate['per_s']['graph']['value']:.0f}" if "graph" in rate["per_s"] else "",
                        *torch_rates,
                        f"{bounds[batch]:.0f}" if batch in bounds else "",
                    ]
                )
    head = ["network", "precision", "batch", "edgecls, images/s", "edgecls / bound onnxruntime loop"]
    return Table(
        [*head, "CUDA graph", "PyTorch", "traced", "compiled", "upper bound from the data sheet"], rows, keys=3
    )


def _gpu_quick(results: Results) -> Table:
    return Table(
        ["batch", "probabilities alone, images/s", "time with familiarity", "time with features"],
        [
            [
                row["batch"],
                f"{row['per_s']['probabilities']['value']:.0f}",
                interval(row["familiarity_time"], ".3f"),
                interval(row["features_time"], ".3f"),
            ]
            for row in results["gpu_quick"]["rows"]
        ],
        keys=1,
    )


def _gpu_training(results: Results) -> Table:
    rows = []
    for name in results.names():
        if not name.startswith("gpu_training"):
            continue
        found = results[name]
        for arch, row in found["rows"].items():
            fed = row["fit"]["memory"]
            time = "not reached" if row["median_s"] is None else f"{row['median_s']:.0f}"
            rows.append([arch, found["backend"], interval(fed["images_per_s"], ".0f"), interval(fed), time])
    head = ["network", "Keras on", "images/s", "relative to the constant batch", "seconds to the accuracy"]
    return Table(head, rows, keys=2)


def _two_workers(results: Results) -> Table:
    said = "With two processes, `python benchmarks/server_load.py --workers 2`:"
    return replace(_server_rows("server_load_2_workers")(results), before=said)


TABLES: dict[str, Callable[[Results], Table]] = {
    "cold_start": _cold_start,
    "decode_and_fit": _decode_and_fit,
    "int8": _int8,
    "int8_untrained": _int8_untrained,
    "folder": _folder,
    "memory": _memory,
    "server_load": _server_rows("server_load_float32", "server_load"),
    "server_load_2_workers": _two_workers,
    "server_load_cuda": _server_rows("server_load_cuda"),
    "server_load.open": _open_loads(
        "server_load",
        {"network": lambda row: model_name(row["model"])},
        "The load is relative to the rate of 8 connections just before:",
    ),
    "peers": _peers,
    "peers.open": _open_loads(
        "peers",
        {"server": lambda row: str(row["server"]), "network": lambda row: model_name(row["model"])},
        "Servers asked in the same form have the same load, relative to what edgecls serves over 8 connections:",
    ),
    "soak": _soak,
    "fuzz_decoding": _fuzz_decoding,
    "command_line": _command_line,
    "runtimes": _runtimes,
    "inference": _inference,
    "scaling": _scaling,
    "install_size": _install_size,
    "training_simple_cnn_128": _training,
    "epoch_time": _epoch_time,
    "export": _export,
    "classical_models": _classical_models,
    "drift": _drift,
    "familiarity": _familiarity,
    "familiarity.cost": _familiarity_cost,
    "near_duplicates": _near_duplicates,
    "label_review": _label_review,
    "active_picking": _active_picking,
    "streaming_memory": _streaming_memory,
    "teaching": _teaching,
    "desktop_app": _desktop_app,
    "gpu_inference_efficientnet_lite0": _gpu_inference,
    "gpu_quick": _gpu_quick,
    "gpu_training_jax": _gpu_training,
}
"""By the name that the template uses."""
