"""The whole of docs/benchmarks.md."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from measure import REPOSITORY, RESULTS

from report import command_line, gpu, network, pictures, serving, training
from report.answer import Answer

__all__ = ["ANSWERS", "DOCUMENT", "PLOTS", "document", "plots"]

DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
PLOTS = REPOSITORY / "docs" / "benchmarks"
LAST_RUN = "last_run"

QUESTIONS = Path(__file__).with_name("questions.toml")
ANSWERS: Mapping[str, Answer] = {
    **command_line.ANSWERS,
    **pictures.ANSWERS,
    **network.ANSWERS,
    **serving.ANSWERS,
    **training.ANSWERS,
    **gpu.ANSWERS,
}
"""By the name of the file with the results."""


def document() -> str:
    """Return the page."""
    words = tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))
    lines = [words["head"], *_last_run()]
    for part in words["part"]:
        lines.append(f"## {part['title']}\n")
        for question in part["question"]:
            lines += _answered(**question)
    return "\n".join(lines).rstrip() + "\n"


def plots() -> Iterator[tuple[Path, bytes]]:
    """Draw all results that have a picture; yield each with its file."""
    for name, answer in ANSWERS.items():
        results = _read(name)
        if answer.plot is not None and results is not None:
            yield PLOTS / f"{name}.png", answer.plot(results)


def _answered(*, result: str, asks: str, command: str, about: str) -> Iterator[str]:
    yield f"### {asks}\n"
    yield f"{about}\n"
    results = _read(result)
    if results is None:
        yield f"**Not yet measured**: `{command}`\n"
        return
    answer = ANSWERS[result]
    yield f"`{command}`: {_conditions(results)}\n"
    yield from answer.lines(results)
    yield ""
    if answer.plot is not None:
        yield f"![{asks}](benchmarks/{result}.png)\n"


def _conditions(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    rounds = [f"{results['rounds']} rounds"] if "rounds" in results else []
    gpus = results.get("gpus") or []
    packages = (f"{name} {version}" for name, version in machine["packages"].items() if name in _NAMED)
    revision = f"revision {machine['revision']}"
    return ", ".join(
        [
            *rounds,
            machine["processor"],
            f"{machine['usable_cores']} cores",
            *gpus,
            f"Python {machine['python']}",
            *packages,
            machine["time"][:10],
            revision,
        ]
    )


_NAMED = ("numpy", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu")


def _last_run() -> list[str]:
    last = _read(LAST_RUN)
    failed = {} if last is None else last["failed"]
    if not failed:
        return []
    return [
        "In the last run these gave no figures; what stands below is older, if there is any:\n",
        *(f"- `{name}`: {reason}" for name, reason in failed.items()),
        "",
    ]


def _read(name: str) -> Any:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
