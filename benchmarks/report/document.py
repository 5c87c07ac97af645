"""docs/benchmarks.md, from the text of the template and the figures of the results.

Where several machines have results, each has a letter, the one that other documents quote the first; tables have the
figures of all side by side, and a figure in the text is given for each unless it is the same for all.
"""

import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from figures import FigureError, Results
from table import Table, side_by_side
from tables import TABLES

__all__ = ["plot_name", "render"]

_SECTION = re.compile(r"<!--result (?P<name>\w+): (?P<command>.+?)-->\n")
_SLOT = re.compile(r"\{\{(.+?)\}\}")
MACHINES = "machines"  # the slot of the list of machines

Machines = Mapping[str, Results]
"""The results of each machine, by its letter; by nothing where there is only one."""


def render(template: str, results: Sequence[Results]) -> str:
    """Return the document.

    A section begins with `<!--result NAME: COMMAND-->` below its heading. If that result is missing, the section says
    so; a paragraph that needs another missing result is left out.

    Args:
        template: The text.
        results: Of each machine, the one that documents quote first.

    Raises:
        FigureError: No machine has a figure that the template asks for.
    """
    letters = [""] if len(results) == 1 else ascii_uppercase
    machines = dict(zip(letters, results, strict=False))
    return "## ".join(_section(text, machines) for text in template.split("## ")).rstrip() + "\n"


def plot_name(name: str, results: Results, first: Results) -> str:
    """Return the name of a plot's file: for the machine that is quoted that of the result, else with the machine's."""
    return f"{name}.png" if results is first else f"{name}-{results.key}.png"


def _section(text: str, machines: Machines) -> str:
    directive = _SECTION.search(text)
    if directive is None:
        return _filled(text, machines)
    name, command = directive["name"], directive["command"]
    heading, body = text[: directive.start()], text[directive.end() :]
    failed = {letter: reason for letter, one in machines.items() if (reason := _failure(command, one))}
    having = _having(name, machines)
    if not having:
        return f"{heading}Not yet measured: `{command}`.{''.join(' ' + reason for reason in failed.values())}\n\n"
    ran = dict.fromkeys(found[name].get("command", command) for found in having.values())
    above = [" and ".join(f"`{one}`" for one in ran)]
    above += [f"{_lettered(letter)}{_conditions(name, found)}" for letter, found in having.items()]
    for letter, reason in failed.items():
        earlier = " The figures are from an earlier run." if letter in having else ""
        above.append(f"{_lettered(letter)}{reason}{earlier}")
    return heading + "\n\n".join([*above, _filled(body, machines)])


def _having(name: str, machines: Machines) -> dict[str, Results]:
    return {letter: results for letter, results in machines.items() if name in results}


def _lettered(letter: str) -> str:
    return f"**{letter}**: " if letter else ""


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


def _filled(text: str, machines: Machines) -> str:
    paragraphs = [part for part in text.split("\n\n") if all(_is_there(slot, machines) for slot in _SLOT.findall(part))]
    return "\n\n".join(_SLOT.sub(lambda slot: _shown(slot[1], machines), part) for part in paragraphs)


def _is_there(slot: str, machines: Machines) -> bool:
    if slot == MACHINES:
        return len(machines) > 1
    return bool(_tables(slot, machines) if slot.startswith("table ") else _having(_result_of(slot), machines))


def _result_of(slot: str) -> str:
    return re.split(r"[.|]", slot.removeprefix("table ").removeprefix("plot "), maxsplit=1)[0]


def _tables(slot: str, machines: Machines) -> dict[str, Table]:
    """Return the table of each machine whose results have something for it."""
    having = _having(_result_of(slot), machines)
    made = {letter: TABLES[slot.removeprefix("table ")](results) for letter, results in having.items()}
    return {letter: table for letter, table in made.items() if table.rows}


def _shown(slot: str, machines: Machines) -> str:
    if slot == MACHINES:
        return "\n".join(f"- {_lettered(letter)}{results.machine}" for letter, results in machines.items())
    having = _having(_result_of(slot), machines)
    kind, _, name = slot.partition(" ")
    if kind == "table":
        return side_by_side(_tables(slot, machines))
    if kind == "plot":
        first = next(iter(machines.values()))
        title = name.replace("_", " ")
        return "\n\n".join(
            f"{_lettered(letter)}![{title}](benchmarks/{plot_name(name, results, first)})"
            for letter, results in having.items()
        )
    return _of_each(slot, having)


def _of_each(expression: str, machines: Machines) -> str:
    """Return a figure of each machine, or once if it is the same for all; who lacks it is left out.

    Raises:
        FigureError: All lack it.
    """
    found: dict[str, str] = {}
    faults = []
    for letter, results in machines.items():
        try:
            found[letter] = results.figure(expression)
        except FigureError as error:
            faults.append(error)
    if not found:
        raise faults[0]
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return ", ".join(f"{letter} {value}" for letter, value in found.items())
