"""Of `edgecls serve`: load, peers, soak."""

import statistics
from typing import Any

from report.answer import Answer, Results
from report.drawing import bars, curves, grouped_bars
from report.markdown import estimate, network_name, table

__all__ = ["ANSWERS"]


def _server_load(results: Results) -> list[str]:
    head = (
        "network",
        "picture",
        "form",
        "connections",
        "served/s",
        "of the limit",
        "CPU of the limit's",
        "p50 ms",
        "p99 ms",
    )
    rows = [
        (
            network_name(row["model"]),
            "thumbnail" if row["picture"] == "thumbnail" else "photo",
            row["form"],
            row["connections"],
            f"{statistics.median(row['served_per_s']):.0f}",
            estimate(row["of_limit"]),
            estimate(row["cpu_of_limit"]) if "cpu_of_limit" in row else "",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.1f}",
            f"{row['p99_of_queueing_bound']:.2f}",
            f"{row['pss_mb']:.0f}",
        )
        for row in results["rows"]
    ]
    failed = sum(row["failed"] for row in results["rows"])
    starts = ", ".join(
        f"{seconds:.2f} s with {network_name(name)}" for name, seconds in results["first_answer_s"].items()
    )
    return [
        *table((*head, "p99 / (connections / throughput)", "PSS MB"), rows),
        f"Answers that failed: {failed}. From the start of the process to its first answer: {starts}.",
    ]


def _draw_server_load(results: Results) -> bytes:
    lines = {}
    for row in results["rows"]:
        if row["form"] == "raw" and row["picture"] != "thumbnail":
            points = lines.setdefault(network_name(row["model"]), [])
            points.append((row["connections"], 100 * row["of_limit"]["value"]))
    return curves(lines, "served, of the limit without a server", "connections", "%", log=True)


def _soak(results: Results) -> list[str]:
    total = sum(results["statuses"].values())
    settled = results["pss_mb"][len(results["pss_mb"]) // 5 :]
    rows = [(what, f"{count:,}") for what, count in sorted(results["statuses"].items())]
    return [
        *table(("request, status", "answers"), rows),
        f"{total:,} requests in {results['minutes']:g} minutes: **{len(results['wrong'])} wrong or unexplained**. "
        f"Memory (PSS) after warm-up {settled[0]:.1f} MB, at most {max(settled):.1f} MB; its last third "
        f"{100 * results['growth_after_warm_up']:+.1f} % beside its first.",
    ]


def _draw_soak(results: Results) -> bytes:
    points = [(second / 60, value) for second, value in enumerate(results["pss_mb"])]
    return curves(
        {"": points}, "memory of the server under mixed load", "minutes", "PSS MB", from_zero=True, markers=False
    )


def _peers(results: Results) -> list[str]:
    head = ("server", "network", "connections", "of the limit", "p99 ms", "PSS MB", "first answer s", "disk MB")
    beside = ("throughput", "p99", "memory", "first answer")
    rows = [
        (
            f"**{row['server']}**" if row["server"].startswith("edgecls") else row["server"],
            network_name(row["model"]),
            row["connections"],
            f"{row['of_limit']:.2f}",
            f"{row['p99_ms']:.0f}",
            f"{row['pss_mb']:.0f}",
            f"{row['first_answer_s']:.2f}",
            f"{row['environment_mb']:.0f}",
            *(_beside(row, key) for key in _BESIDE),
        )
        for row in results["rows"]
    ]
    lines = table((*head, *(f"edgecls / it: {what}" for what in beside)), rows)
    failed = sum(row["failed"] for row in results["rows"])
    lines.append(f"Requests that failed: {failed}.")
    lines += [f"- {name}: not measured, {reason}" for name, reason in results["missing"].items()]
    return lines


_BESIDE = ("edgecls_beside_it", "p99_of_peer", "pss_of_peer", "first_answer_of_peer")


def _beside(row: dict[str, Any], key: str) -> str:
    found = row.get(key)
    return "" if found is None else estimate(found)


def _draw_peers(results: Results) -> bytes:
    rows = [row for row in results["rows"] if row["connections"] == 8]
    servers = list(dict.fromkeys(row["server"] for row in rows))
    series = {
        network_name(model): [
            next((100 * row["of_limit"] for row in rows if (row["server"], row["model"]) == (server, model)), 0.0)
            for server in servers
        ]
        for model in dict.fromkeys(row["model"] for row in rows)
    }
    return grouped_bars(servers, series, "served at 8 connections, of the limit without a server", "%", lying=True)


def _peer_commands(results: Results) -> list[str]:
    rows = []
    for row in results["rows"]:
        rows.append(
            (
                f"**{row['command']}**" if row["command"].startswith("edgecls") else row["command"],
                row["pictures"],
                f"{statistics.median(row['seconds']):.2f}",
                "" if row.get("edgecls_over_it") is None else estimate(row["edgecls_over_it"], 3),
            )
        )
    lines = table(("command", "pictures", "median s", "edgecls / it"), rows)
    lines += [f"- {name}: not measured, {reason}" for name, reason in results.get("missing", {}).items()]
    lines += [f"- {note}" for note in results.get("notes", [])]
    return lines


def _draw_peer_commands(results: Results) -> bytes:
    one = {row["command"]: statistics.median(row["seconds"]) for row in results["rows"] if row["pictures"] == 1}
    return bars(one, "from the command to the label, one picture", "seconds")


ANSWERS = {
    "server_load": Answer(_server_load, _draw_server_load),
    "server_load_2_workers": Answer(_server_load),
    "server_load_float32": Answer(_server_load),
    "peers": Answer(_peers, _draw_peers),
    "command_line": Answer(_peer_commands, _draw_peer_commands),
    "soak": Answer(_soak, _draw_soak),
}
