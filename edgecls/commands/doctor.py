"""edgecls doctor: what this machine offers, and what is wrong."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from edgecls.commands.options import model_option
from edgecls.commands.terminal import on_one_line
from edgecls.runtime.doctor.diagnosis import Diagnosis, Problem
from edgecls.runtime.doctor.provider_check import ProviderCheck
from edgecls.runtime.execution.gpu import GpuReport
from edgecls.runtime.machine.cores import CoreCount

__all__ = ["doctor", "table_of"]

_WIDTH = 11
_PROVIDER_WIDTH = 15
_GB = 1e9

REPORT_NAME = "edgecls-report.md"
TRACEBACK_BYTES = 64 << 10


def table_of(diagnosis: Diagnosis) -> list[str]:
    """Return a diagnosis as lines for a terminal, the verdict last."""
    return [on_one_line(line) for line in _lines(diagnosis)]


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    versions = dict(diagnosis.versions)
    training = [f"{name} {versions.pop(name)}" for name in ("keras", "tensorflow", "tf2onnx", "onnx") if versions[name]]
    for name in ("keras", "tensorflow", "tf2onnx", "onnx"):
        versions.pop(name, None)
    openvino = versions.pop("openvino", None)
    runtime = [*map(str, diagnosis.wheels), *([f"openvino {openvino}"] if openvino else [])]
    yield _row("versions", ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items()))
    yield _row("runtime", ", ".join(runtime) or "neither onnxruntime nor OpenCV is installed")
    if diagnosis.plugins:
        yield _row("plugins", ", ".join(map(str, diagnosis.plugins)))
    yield _row("training", ", ".join(training) or 'not installed: pip install "edgecls[train]"')
    yield _row("system", diagnosis.system)
    yield _row("processor", diagnosis.processor)
    yield _row("cores", _cores(diagnosis.cores))
    yield _row("memory", _memory(diagnosis))
    yield _row("GPU", _gpus(diagnosis.gpus))
    readable = [name for name, readable in diagnosis.image_formats.items() if readable]
    yield _row("images", ", ".join(readable) or "none can be read")
    cache = diagnosis.cache
    kept = "no place for one" if cache.folder is None else f"{cache.folder}, {cache.size_bytes / 1e6:.1f} MB"
    yield _row("cache", f"{kept}, {diagnosis.free_disk_bytes / _GB:.1f} GB free")
    if diagnosis.providers:
        yield ""
        yield f"providers, tried with {Path(diagnosis.model).name}"
        plugins = {plugin.provider for plugin in diagnosis.plugins}
        absent = [one for one in diagnosis.providers if one.provider.plugin_module and one.provider not in plugins]
        for check in diagnosis.providers:
            if check not in absent:
                yield from _provider(check)
        if absent:
            yield f"  plugins that are not installed: {', '.join(check.provider for check in absent)}"
    for title, problems in (("could be better", diagnosis.remarks), ("wrong", diagnosis.faults)):
        if problems:
            yield ""
            yield title
            for problem in problems:
                yield from _problem(problem)
    yield ""
    if diagnosis.faults:
        yield f"verdict: {len(diagnosis.faults)} thing{'s' * (len(diagnosis.faults) > 1)} wrong"
    else:
        yield f"verdict: fine; models run on {diagnosis.best_provider}"


def _row(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}} {text}"


def _cores(cores: CoreCount) -> str:
    quota = "no quota" if cores.quota is None else f"a quota of {cores.quota:g}"
    return f"{cores.usable} usable, of {cores.host} on this host (affinity {cores.affinity}, {quota})"


def _memory(diagnosis: Diagnosis) -> str:
    free, total = diagnosis.free_memory_bytes, diagnosis.memory_bytes
    if free is None and total is None:
        return "unknown"
    parts = [] if free is None else [f"{free / _GB:.1f} GB free for this process"]
    return ", ".join(parts + ([] if total is None else [f"{total / _GB:.1f} GB on this host"]))


def _gpus(report: GpuReport) -> str:
    if report.problem:
        return report.problem
    names = [f"{gpu.name}, {gpu.memory_bytes / _GB:.0f} GB, {gpu.compute_capability}" for gpu in report.gpus]
    return f"{'; '.join(names)} (driver {report.driver or 'of unknown version'}, up to CUDA {report.cuda})"


def _provider(check: ProviderCheck) -> Iterator[str]:
    name = f"  {check.provider:<{_PROVIDER_WIDTH}}"
    if check.works:
        nodes = ", ".join(f"{count} nodes on {name}" for name, count in check.nodes.items())
        difference = f"golden samples within {check.largest_difference:.1g} (allowed {check.tolerance:g})"
        yield f"{name} works  {difference}, ready in {check.opening_s:.1f} s{', ' * bool(nodes)}{nodes}"
        if check.by_name_only:
            yield f"  {'':<{_PROVIDER_WIDTH}}        only by its name: {check.by_name_only}"
    else:
        yield f"{name} no     {check.reason}"
        yield f"  {'':<{_PROVIDER_WIDTH}}        {check.remedy}"


def _problem(problem: Problem) -> Iterator[str]:
    yield f"  {problem.what}"
    yield from (f"    {step}" for step in problem.remedy)


@click.command(short_help="Check what this machine can run, and what is wrong.")
@model_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--report",
    "report_file",
    metavar="[FILE]",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    is_flag=False,
    flag_value=REPORT_NAME,
    help=f"Write a bug report for an issue, without paths, names and labels, to FILE ({REPORT_NAME} if none is given, "
    "- for standard output), and print it.",
)
@click.option(
    "--traceback-from",
    "traceback_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True),
    help="With --report: a file that holds what the terminal showed, whose tracebacks and errors go into the report; "
    "- for standard input.",
)
def doctor(model: Path, output_format: str, report_file: Path | None, traceback_file: Path | None) -> None:
    """Report what this machine offers, try every provider, and name what is wrong.

    Each installed provider runs the golden samples of the model. Exit code 0 if all is fine, 1 if something is
    wrong, such as wheels that overwrote each other's files. A machine without a GPU is fine.
    """
    from edgecls.commands.terminal import StatusLine, utf8_stdout
    from edgecls.runtime.doctor.diagnosis import diagnose

    if report_file is None and traceback_file is not None:
        raise click.UsageError("--traceback-from goes with --report")
    if report_file is not None and output_format == "json":
        raise click.UsageError("--report writes Markdown; leave out --format json")
    traceback = "" if traceback_file is None else _end_of(traceback_file)
    if report_file is not None and str(report_file) != "-":
        from edgecls.atomic_write import check_writable

        check_writable(report_file)
    status = StatusLine()
    diagnosis = diagnose(str(model), on_progress=status.show)
    status.show("")
    if report_file is not None:
        text = _bug_report(diagnosis, model, traceback)
    elif output_format == "json":
        text = json.dumps(diagnosis.as_dict(), ensure_ascii=False, indent=2)
    else:
        text = "\n".join(table_of(diagnosis))
    utf8_stdout().write(text.rstrip("\n") + "\n")
    if report_file is not None and str(report_file) != "-":
        _write_report(report_file, text)
    if diagnosis.faults:
        sys.exit(1)


def _end_of(file: Path) -> str:
    """Return the end of a text, which is where a traceback stands."""
    with click.open_file(str(file), "rb") as stream:
        return bytes(stream.read()[-TRACEBACK_BYTES:]).decode("utf-8", "replace")


def _bug_report(diagnosis: Diagnosis, model: Path, traceback: str) -> str:
    from edgecls.bundled_model import BUNDLED_MODEL
    from edgecls.modelfile import read_model
    from edgecls.runtime.doctor.bug_report import bug_report, time_one_image
    from edgecls.runtime.doctor.redaction import Redaction

    is_bundled = model == BUNDLED_MODEL
    card = read_model(model).card
    private = () if is_bundled else (*card.labels, card.name, model.name, model.stem)
    redaction = Redaction.for_this_machine(labels=private)
    report = bug_report(
        diagnosis,
        redaction,
        is_bundled_model=is_bundled,
        one_image_ms=None if diagnosis.best_provider is None else time_one_image(str(model)),
        traceback=traceback,
    )
    if traceback and "**Traceback**" not in report:
        click.echo("there is neither a traceback nor an error in what was given with --traceback-from", err=True)
    return report


def _write_report(file: Path, text: str) -> None:
    from edgecls.atomic_write import whole_files

    with whole_files(file) as (staged,):
        staged.write_text(text, encoding="utf-8")
    click.echo(
        f"wrote {on_one_line(str(file))}, which has no more in it than is shown above: read it, then paste it into the "
        "issue",
        err=True,
    )
