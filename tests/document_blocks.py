"""Code blocks of a Markdown page, with the remarks that say how a test runs them.

A remark is an HTML comment above a block, which readers do not see. Several may stand above one another:

    <!-- test: setup NAME ARGUMENT... -->     a function of document_setups.py prepares the folder first
    <!-- test: skip REASON -->                the block is not run; REASONS lists why that may be
    <!-- test: skip REASON "TEXT" ... -->     only its commands that contain one of the texts are not run
    <!-- test: run COMMAND -->                what a reader would start first, such as a server in another terminal
    <!-- test: exit CODE -->                  its last command ends with this exit code, or with one of CODE|CODE
    <!-- test: exit CODE "TEXT" ... -->       its commands that contain one of the texts do
    <!-- test: add COMMAND OPTION... -->      `edgecls COMMAND` gets these options too, so that the test is short
    <!-- test: file NAME -->                  the block is the contents of this file, which later blocks use
    <!-- test: output -->                     the block is what the block above it has printed
    <!-- test: tolerance SHARE -->            decimal numbers may differ by this share of them (OUTPUT_TOLERANCE)
"""

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

REASONS = {
    "needs-camera": "a camera or a stream",
    "needs-cluster": "other machines",
    "needs-display": "a desktop",
    "needs-docker": "containers or Kubernetes",
    "needs-gpu": "a GPU",
    "needs-internet": "other machines of the internet, which may change",
    "needs-program": "a program that is not one of edgecls's extras",
    "needs-root": "the rights of root, which change the machine",
    "other-system": "another system, such as Windows",
}
OTHER_SYSTEMS = ("bat", "cmd", "powershell", "zsh", "fish")
"""What is written in these is skipped as other-system, without a remark."""

RUN = ("bash", "sh", "console", "python")
_SHOWN = (
    *(
        "",
        "c",
        "cpp",
        "c++",
        "css",
        "diff",
        "dockerfile",
        "html",
        "http",
        "javascript",
        "js",
        "markdown",
        "md",
        "mermaid",
    ),
    *("nginx", "promql", "proto", "protobuf", "systemd", "text", "typescript", "xml"),
)
_CONTAINERS = (
    "note",
    "tip",
    "hint",
    "important",
    "warning",
    "caution",
    "attention",
    "admonition",
    "dropdown",
    "tab-item",
)
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
_REMARK = re.compile(r"^ *<!-- *test: *(?P<words>.*?) *-->$")
_COMMAND = re.compile(r"^(?:\$ |\.venv/bin/|edgecls |pip |python3? |curl )")


class PageError(Exception):
    """A page is not written as its test needs it; the message says where and what to change."""


@dataclass(frozen=True)
class Skip:
    """What of a block is not run: all of it, or the commands with one of the texts."""

    reason: str
    texts: tuple[str, ...] = ()

    def covers(self, command: str) -> bool:
        return not self.texts or any(text in command for text in self.texts)


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        line: Number of the line that opens it, from 1.
        language: As written behind the fence, in lower case.
        text: Its lines, without the indentation of the fence.
        setups: Names and arguments of the functions that prepare the folder.
        skips: What is not run.
        exits: Exit codes, and the texts of the commands that end with one of them; of the last one without texts.
        before: Commands that run before it.
        added: Command of edgecls and options that it gets here only.
        file: Name of the file whose contents the block is.
        is_output: It shows what the block above prints.
        tolerance: Share by which decimal numbers may differ; None for the usual one.
    """

    line: int
    language: str
    text: str
    setups: tuple[tuple[str, ...], ...] = ()
    skips: tuple[Skip, ...] = ()
    exits: tuple[tuple[frozenset[int], tuple[str, ...]], ...] = ()
    before: tuple[str, ...] = ()
    added: tuple[tuple[str, ...], ...] = ()
    file: str | None = None
    is_output: bool = False
    tolerance: float | None = None

    def exit_codes_of(self, command: str, *, is_last: bool) -> frozenset[int]:
        """Return the exit codes with one of which a command of the block ends."""
        for codes, texts in self.exits:
            if any(text in command for text in texts) or (is_last and not texts):
                return codes
        return frozenset({0})

    @property
    def runs(self) -> bool:
        """Whether any of it is run."""
        return self.language in RUN and self.file is None and all(skip.texts for skip in self.skips)


@dataclass(frozen=True)
class Command:
    """A command of a shell block, with the lines shown below it (None where nothing is)."""

    line: int
    text: str
    shown: list[str] | None = None


def blocks_of(page: Path) -> list[Block]:
    """Return the code blocks of a page in order, those of other systems with their reason.

    Raises:
        PageError: A fence is not closed, a remark is not known or has no block, or a block that is only shown is no
            valid JSON, TOML, YAML or INI, or holds commands without a language.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    return list(_blocks(page.name, lines, 1))


def _blocks(page: str, lines: list[str], first: int) -> Iterator[Block]:
    remarks: list[str] = []
    at = 0
    while at < len(lines):
        line, number = lines[at], first + at
        at += 1
        remark, fence = _REMARK.match(line), _FENCE.match(line)
        if remark is not None:
            remarks.append(remark["words"])
        elif "<!-- test" in line or "<!--test" in line:
            raise PageError(f"{page}:{number}: not written like <!-- test: skip REASON -->: {line.strip()}")
        elif fence is not None:
            body, after = _body(page, lines, at, fence, number)
            language, body, start = _language(fence["info"].strip(), body, number + 1)
            if language in _CONTAINERS:
                yield from _blocks(page, body, start)
            elif language is not None:
                yield _checked(page, _with_remarks(page, Block(number, language, "\n".join(body)), remarks))
            elif remarks:
                raise PageError(f"{page}:{number}: a remark for the test is above something that is no code block")
            at, remarks = after, []
        elif remarks and line.strip():
            raise PageError(f"{page}:{number}: no code block follows the remark for the test")
    if remarks:
        raise PageError(f"{page}: no code block follows the last remark for the test")


def _body(page: str, lines: list[str], at: int, fence: re.Match[str], number: int) -> tuple[list[str], int]:
    """Return the lines of a block that are behind its opening fence, and where the page goes on."""
    closing = re.compile(rf" *{re.escape(fence['fence'][0])}{{{len(fence['fence'])},}} *")
    for end in range(at, len(lines)):
        if closing.fullmatch(lines[end]):
            indent = len(fence["indent"])
            return [line[min(indent, len(line) - len(line.lstrip(" "))) :] for line in lines[at:end]], end + 1
    raise PageError(f"{page}:{number}: the code block is not closed")


def _language(info: str, body: list[str], start: int) -> tuple[str | None, list[str], int]:
    """Return the language of a block (None for a directive without code), its lines and the number of the first."""
    directive = re.match(r"\{([\w:.-]+)\} *(.*)", info)
    if directive is None:
        return info.split(" ")[0].lower(), body, start
    name, argument = directive.groups()
    while body and re.match(r":[\w-]+:", body[0]):
        body, start = body[1:], start + 1
    if name in ("code-block", "code", "sourcecode", "code-cell"):
        return argument.strip().lower(), body, start
    return (name if name in _CONTAINERS else None), body, start


def _with_remarks(page: str, block: Block, remarks: list[str]) -> Block:
    values = {**block.__dict__}
    for remark in remarks:
        where = f"{page}:{block.line}: <!-- test: {remark} -->"
        match words := shlex.split(remark):
            case ["setup", _, *_]:
                values["setups"] += (tuple(words[1:]),)
            case ["skip", reason, *texts] if reason in REASONS:
                values["skips"] += (Skip(reason, tuple(texts)),)
            case ["skip", *_]:
                raise PageError(f"{where}: the reason is one of {', '.join(REASONS)}")
            case ["exit", codes, *texts] if re.fullmatch(r"\d+(?:\|\d+)*", codes):
                values["exits"] += ((frozenset(map(int, codes.split("|"))), tuple(texts)),)
            case ["run", _, *_]:
                values["before"] += (remark.removeprefix("run "),)
            case ["add", _, _, *_]:
                values["added"] += (tuple(words[1:]),)
            case ["file", name]:
                values["file"] = name
            case ["output"]:
                values["is_output"] = True
            case ["tolerance", share]:
                values["tolerance"] = float(share)
            case _:
                raise PageError(f"{where}: not known; document_blocks.py lists what there is")
    block = Block(**values)
    if block.language in OTHER_SYSTEMS:
        return Block(**{**values, "skips": (Skip("other-system"),)})
    for text in (
        text for texts in (*(skip.texts for skip in block.skips), *dict(block.exits).values()) for text in texts
    ):
        if text not in block.text:
            raise PageError(f"{page}:{block.line}: no command contains {text!r}, as a remark says")
    return block


def _checked(page: str, block: Block) -> Block:
    """Return the block; one that is only shown has to be what its language says."""
    where = f"{page}:{block.line}"
    known = (*RUN, *OTHER_SYSTEMS, *_SHOWN, *_PARSERS)
    if block.language not in known:
        raise PageError(f"{where}: {block.language!r} is none of {', '.join(name for name in known if name)}")
    if block.is_output and block.language not in ("", "text", "json"):
        raise PageError(f"{where}: what is printed is text, not {block.language}")
    if not block.is_output and block.language in ("", "text") and _COMMAND.match(block.text):
        raise PageError(f"{where}: a block of commands has the language console, bash or python")
    if block.language in _PARSERS and not re.search(r"\.\.\.|…", block.text):
        try:
            _PARSERS[block.language](block.text)
        except (ValueError, yaml.YAMLError, configparser.Error) as error:
            raise PageError(f"{where}: this is no {block.language}: {error}") from error
    return block


def _parse_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        for line in filter(None, text.splitlines()):
            json.loads(line)


def _parse_ini(text: str) -> None:
    configparser.ConfigParser(strict=False, interpolation=None).read_string(text)


def _parse_yaml(text: str) -> None:
    list(yaml.safe_load_all(text))


_PARSERS: dict[str, Callable[[str], object]] = {
    "json": _parse_json,
    "jsonl": _parse_json,
    "toml": tomllib.loads,
    "yaml": _parse_yaml,
    "yml": _parse_yaml,
    "ini": _parse_ini,
}


def commands_of(page: str, block: Block, *, is_complete: Callable[[str], bool]) -> list[Command]:
    """Return the commands of a shell block.

    Args:
        page: Its name, for messages.
        block: A block of a shell.
        is_complete: Whether some lines are commands as a whole, without an open quote, loop or here-document.
    """
    lines = list(enumerate(block.text.splitlines(), block.line + 1))
    if block.language != "console":
        return list(_script(page, lines, is_complete))
    if lines and not lines[0][1].startswith("$ "):
        raise PageError(f"{page}:{lines[0][0]}: the first line of a console block is a command: $ COMMAND")
    starts = [at for at, (_, line) in enumerate(lines) if line.startswith("$ ")]
    found = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        number, command = lines[start][0], lines[start][1][2:]
        rest = start + 1
        while rest < end and not is_complete(command):
            command += "\n" + lines[rest][1].removeprefix("> ")
            rest += 1
        shown = [line for _, line in lines[rest:end]]
        while shown and not shown[-1].strip():
            shown.pop()
        found.append(Command(number, command, shown or None))
    return found


def _script(page: str, lines: list[tuple[int, str]], is_complete: Callable[[str], bool]) -> Iterator[Command]:
    gathered: list[str] = []
    number = 0
    for line_number, line in lines:
        if not gathered:
            number = line_number
            if not line.strip() or line.lstrip().startswith("#"):
                continue
        gathered.append(line)
        if is_complete("\n".join(gathered)):
            yield Command(number, "\n".join(gathered))
            gathered = []
    if gathered:
        raise PageError(f"{page}:{number}: the command is not complete")
