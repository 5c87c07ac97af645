"""docs/benchmarks.md, from the text of the template and the figures of the results."""

import re

from figures import Results
from tables import TABLES

__all__ = ["render"]

_SECTION = re.compile(r"<!--result (?P<name>\w+): (?P<command>.+?)-->\n")
_SLOT = re.compile(r"\{\{(.+?)\}\}")


def render(template: str, results: Results) -> str:
    """Return the document.

    A section begins with `<!--result NAME: COMMAND-->` below its heading. If that result is missing, the section says
    so; a paragraph that needs another missing result is left out.

    Raises:
        FigureError: A result lacks a figure that the template asks for.
    """
    return "## ".join(_section(text, results) for text in template.split("## ")).rstrip() + "\n"


def _section(text: str, results: Results) -> str:
    directive = _SECTION.search(text)
    if directive is None:
        return _filled(text, results)
    name, command = directive["name"], directive["command"]
    heading, body = text[: directive.start()], text[directive.end() :]
    failed = _failure(command, results)
    if name not in results:
        return f"{heading}Not yet measured: `{command}`.{failed and ' ' + failed}\n\n"
    note = f"{failed} The figures are from an earlier run.\n\n" if failed else ""
    ran = results[name].get("command", command)
    return f"{heading}`{ran}`\n\n{_conditions(name, results)}\n\n{note}{_filled(body, results)}"


def _failure(command: str, results: Results) -> str:
    """Say why the last `make bench` has no figures for a command; nothing if it has."""
    failed = results["run_all"]["failed"] if "run_all" in results else {}
    script = re.search(r"benchmarks/(\w+)\.py", command)
    return f"The last run failed: {failed[script[1]]}." if script and script[1] in failed else ""


def _conditions(name: str, results: Results) -> str:
    found = results[name]
    machine = found["machine"]
    versions = ", ".join(
        f"{package} {version}" for package, version in machine["packages"].items() if package != "edgecls"
    )
    rounds = f", {found['rounds']} rounds" if "rounds" in found else ""
    return (
        f"*{machine['processor']}, {machine['usable_cores']} cores{rounds}; Python {machine['python']}, {versions}; "
        f"{machine['time'][:10]}, revision {machine['revision']}*"
    )


def _filled(text: str, results: Results) -> str:
    paragraphs = [part for part in text.split("\n\n") if all(_is_there(slot, results) for slot in _SLOT.findall(part))]
    return "\n\n".join(_SLOT.sub(lambda slot: _shown(slot[1], results), part) for part in paragraphs)


def _is_there(slot: str, results: Results) -> bool:
    name = slot.removeprefix("table ").removeprefix("plot ")
    return re.split(r"[.|]", name, maxsplit=1)[0] in results


def _shown(slot: str, results: Results) -> str:
    kind, _, name = slot.partition(" ")
    if kind == "table":
        return TABLES[name](results)
    if kind == "plot":
        return f"![{name.replace('_', ' ')}](benchmarks/{name}.png)"
    return results.figure(slot)
