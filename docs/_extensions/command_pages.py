"""reference/commands: the page of each command goes on with what click knows of it."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from edgecls.cli import main
from edgecls.commands.options import GroupedOption

_CODE = re.compile(
    r"`([^`]+)`|'(edgecls [^']+)'|(?<![\w/-])(--?[a-z][\w-]*|[A-Z]+_[A-Z_]+|\w+(?:\.\w+)*\[\w+\])(?![\w/])"
)


def _add_missing_pages(app: Sphinx) -> None:
    """Write the few lines that the page of a new command has in the repository.

    Raises:
        ExtensionError: There is a page of a command that is no more.
    """
    folder = Path(app.srcdir) / "reference" / "commands"
    names = [name for name, _ in _commands(main)]
    for name in names:
        if not (folder / f"{name}.md").exists():
            text = f"# edgecls {name}\n\n`edgecls {name} --help` prints the usage and all options.\n"
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
    for page in folder.glob("*.md"):
        if page.stem not in names:
            raise ExtensionError(f"there is no command {page.stem!r}; remove {page}")


def _commands(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield name, command


def _append(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the help of a command to its page, and the list of all commands to the page that has it."""
    folder, _, name = docname.rpartition("/")
    if folder == "reference/commands":
        source[0] += "\n" + "\n\n".join(_command(dict(_commands(main))[name], 1)) + "\n"
    elif docname == "reference/commands":
        lines = [
            f"- [edgecls {name}](commands/{name}.md): {_marked(command.get_short_help_str(999))}"
            for name, command in _commands(main)
        ]
        source[0] += "\n" + "\n".join(lines) + "\n\n```{toctree}\n:hidden:\n:glob:\n\ncommands/*\n```\n"


def _command(command: click.Command, level: int, parent: str = "edgecls") -> Iterator[str]:
    """Yield the paragraphs below the heading of a command, and those of the commands below it."""
    path = f"{parent} {command.name}"
    context = click.Context(command, info_name=path, help_option_names=["-h", "--help"])
    yield from _paragraphs(command)
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield f"```{{program}} {path}\n```"
    groups = _groups(command, context)
    for heading, options in groups.items():
        if len(groups) > 1:
            yield f"{'#' * (level + 1)} {heading}"
        yield from (_option(option, context) for option in options)
    if isinstance(command, click.Group):
        for _, below in _commands(command):
            yield f"{'#' * (level + 1)} {path} {below.name}"
            yield from _command(below, level + 1, path)


def _groups(command: click.Command, context: click.Context) -> dict[str, list[click.Option]]:
    """Return the options by the heading above them."""
    groups: dict[str, list[click.Option]] = {}
    for param in command.get_params(context):
        if isinstance(param, click.Option) and not param.hidden:
            groups.setdefault(param.group if isinstance(param, GroupedOption) else "Options", []).append(param)
    return groups


def _option(option: click.Option, context: click.Context) -> str:
    names, text = option.get_help_record(context) or ("", "")
    text, _, extra = text.partition("  [")
    default = f" *{_escaped(f'[{extra}')}*" if extra else ""
    return f"```{{option}} {names.replace(' / ', ', ')}\n{_marked(text)}{default}\n```"


def _paragraphs(command: click.Command) -> Iterator[str]:
    """Yield what the help says above the options; paragraphs after a line of \\b as they are."""
    for paragraph in inspect.cleandoc(command.help or "").split("\f")[0].split("\n\n"):
        marker, _, literal = paragraph.partition("\n")
        yield f"```text\n{literal}\n```" if marker == "\b" else _marked(paragraph)


def _marked(text: str) -> str:
    """Return a text for people as Markdown, with options, commands and variables as code."""
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_escaped(text[at : code.start()]), f"`{code[1] or code[2] or code[3]}`"]
        at = code.end()
    return "".join([*parts, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", _add_missing_pages)
    app.connect("source-read", _append)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
