"""Text that may be published: without paths, names, labels, addresses and the values of environment variables.

Rather too much is removed than too little. What a reader of the text needs is kept: files of public packages and of
the system, commands of edgecls and pip, and versions.
"""

import contextlib
import getpass
import importlib.metadata
import os
import platform
import re
import sys
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import edgecls
from edgecls.image_files import IMAGE_SUFFIXES
from edgecls.runtime.doctor.bad_pairs import installed_packages

__all__ = ["Redaction", "public_packages"]

SHORTEST_VALUE = 4  # characters of an environment variable's value that is looked for
_FAMILIES = ("nvidia-", "onnxruntime", "openvino", "opencv-", "tensorrt", "torch", "jax", "cuda-", "tensorflow")
_FILES = "|".join(
    sorted(
        {suffix[1:] for suffix in IMAGE_SUFFIXES}
        | {"onnx", "keras", "h5", "npy", "npz", "csv", "tsv", "json", "jsonl", "txt", "toml", "yaml", "yml", "html"}
        | {"parquet", "mp4", "mkv", "mov", "avi", "webm", "pem", "key", "crt", "zip", "log", "md", "ipynb", "py"},
        key=len,
        reverse=True,
    )
)
_KEPT = "\ue000{}\ue001"  # of the private use area: stands for a piece of text that is kept as it is
_PLACE = re.compile("\ue000(\\d+)\ue001")
_START = r"(?:(?<![A-Za-z0-9_.\ue001])|(?<=\ue002))"  # Chinese is written without spaces
_ROOT = r"(?:[A-Za-z]:[\\/]+|\\\\|~[\\/]|\ue002|/(?=[^\s/]))"  # \ue002 stands for a folder of the user
_QUOTES = [("'", "'"), ('"', '"'), ("`", "`"), ("“", "”"), ("‘", "’"), ("「", "」"), ("『", "』"), ("«", "»")]
_COMMAND = re.compile(r"(?:edgecls|pip|python3?)(?: [\w.\-\[\],=<>\"]+)*")
_REQUIREMENT = re.compile(r"edgecls\[[\w,]+\]|[\w-]+(?:[<>=]=?[\w.\ue000\ue001]+,?)+")
_PUBLIC = re.compile(r"/(?:usr/(?!local/(?!cuda)|home)|lib\w*/|proc/|sys/|dev/)[\w./+:-]*")
_PACKAGES = re.compile(_START + _ROOT + r"[^\"'\n]*?(?:site|dist)-packages[\\/]+(?=([A-Za-z]\w*))([\w.\\/+-]*)")
_STANDARD = re.compile(
    _START + _ROOT + r"[^\"'\n]*?(lib[\\/]+python3\.\d+[\\/]+|Lib[\\/]+)(?!site-packages)([\w.\\/+-]*)"
)
_PATH = re.compile(_START + _ROOT + r"[^\n]*?(?=: |\n|$)")  # it may contain anything, and end nowhere before
_SEGMENT = re.compile(r"(?:(?<=: )|(?<=\n)|^)[^\n]+?(?=: |\n|$)")
_FILE = re.compile(rf"\.(?:{_FILES})(?!\w)", re.IGNORECASE)
_RELATIVE = re.compile(r"[^\s\ue000\ue001]*[\\/][^\s\ue000\ue001]*")
_ALTERNATIVES = re.compile(r"[A-Z0-9]+(?:/[A-Z0-9]+)+")  # CPU/GPU
_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_ADDRESSES = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[mail]"),
    (re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![\w:-])"), "[address]"),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"), "[address]"),
    (
        re.compile(r"(?<![\w:])(?=[0-9A-Fa-f:]*[0-9A-Fa-f])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"),
        "[address]",
    ),
    (re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"), "[id]"),
    (re.compile(r"\b(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{12,}\b"), "[id]"),
    (re.compile(r"(?i)(?<=serial)((?: number| no\.?)?[:= ]+)[\w-]+"), r"\1[id]"),
)
_TRACEBACK = "Traceback (most recent call last):"
_ERROR = re.compile(r"[\w.]*(?:Error|Exception|Warning|Interrupt)\b|.*\berror: ")
_PROMPT = re.compile(r"(?:\S*@?\S*[$#%>❯]|>>>|\.\.\.|In \[\d+\]:|PS .*>) ")
_FRAME = re.compile(r'(\s*File )"([^"\n]+)"(, line \d+)(?:, in (.*))?')


def public_packages(*, indirect: bool = True) -> dict[str, str]:
    """Return the versions of those installed packages whose names say nothing about the user.

    They are what edgecls needs for any of its extras, and the well-known runtimes.

    Args:
        indirect: Whether packages count that only those need.
    """
    installed = installed_packages()
    public = {name for name in installed if name.startswith(_FAMILIES)}
    waiting = ["edgecls"]
    while waiting:
        name = waiting.pop()
        if name not in installed or name in public:
            continue
        public.add(name)
        if indirect or name == "edgecls":
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                needed = importlib.metadata.requires(name) or []
                waiting += [_normal(match[0]) for one in needed if (match := re.match(r"[\w.-]+", one))]
    return {name: installed[name] for name in sorted(public)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Redaction:
    """What is private on a machine, to be removed from text.

    Attributes:
        folders: Of the user: home, working folder and the like.
        names: Of the user and of the machine.
        labels: Of a model.
        environment: The variables of the environment.
        packages: The folders of public packages and their single modules, as they are called below site-packages.
        versions: Version numbers, which may look like addresses.
        source: The folder that the package edgecls lies in.
    """

    folders: Collection[str] = ()
    names: Collection[str] = ()
    labels: Collection[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    packages: Collection[str] = ("edgecls",)
    versions: Collection[str] = ()
    source: str = ""

    @classmethod
    def for_this_machine(cls, *, labels: Collection[str] = ()) -> "Redaction":
        """Return what is private here.

        Args:
            labels: Of the model that is reported on.
        """
        packages = public_packages()
        modules = importlib.metadata.packages_distributions()
        return cls(
            folders=_own_folders(),
            names=_own_names(),
            labels=labels,
            environment=dict(os.environ),
            packages={module for module, names in modules.items() if any(_normal(name) in packages for name in names)}
            | {"edgecls"},
            versions=set(packages.values()) | {platform.python_version()},
            source=str(Path(edgecls.__file__).parent.parent),
        )

    def applied(self, text: str) -> str:
        """Return a text without what is private; it may have several lines."""
        kept: list[str] = []

        def keep(piece: str) -> str:
            kept.append(piece)
            return _KEPT.format(len(kept) - 1)

        text = "".join(char for char in _plain(text) if not "\ue000" <= char <= "\ue002")
        text = self._without_addresses(text, keep)
        text = self._without_paths(text, keep)
        for opening, closing in _QUOTES:
            pattern = rf"(?<![A-Za-z0-9_]){re.escape(opening)}((?:\\.|[^\n\\])*?){re.escape(closing)}(?![A-Za-z0-9_])"
            text = re.sub(pattern, lambda found: self._quoted(found, keep), text)
        text = self._without_names(_SEGMENT.sub(_without_relative_path, text))
        while _PLACE.search(text):
            text = _PLACE.sub(lambda found: kept[int(found[1])], text)
        return text

    def applied_to_traceback(self, text: str) -> str:
        """Return the tracebacks and errors in what a terminal showed: source lines only of public files.

        What was typed, and what else a program printed, is left out.
        """
        lines = _plain(text).splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith(_TRACEBACK)]
        lines = lines[starts[0] :] if starts else [line for line in lines if _ERROR.match(line)]
        published = []
        is_public: bool | None = None  # None outside a frame
        for line in lines:
            found = _FRAME.fullmatch(line)
            if found:
                path = self.applied(found[2])
                is_public = not path.startswith("[")
                function = "" if found[4] is None else f", in {found[4] if is_public else '[function]'}"
                published.append(f'{found[1]}"{path}"{found[3]}{function}')
            elif is_public is not None and line.startswith("    "):
                if is_public:
                    published.append(line)
                elif line.strip(" ^~"):
                    published.append("    [line]")
            else:
                is_public = None
                if not _PROMPT.match(line):
                    published.append(self.applied(line))
        return "\n".join(published).rstrip()

    def _without_addresses(self, text: str, keep: Callable[[str], str]) -> str:
        text = _URL.sub("[address]", text)
        for version in sorted(self.versions, key=len, reverse=True):
            if version.count(".") > 2:
                text = re.sub(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)", keep(version), text)
        for pattern, instead in _ADDRESSES:
            text = pattern.sub(instead, text)
        return text

    def _without_paths(self, text: str, keep: Callable[[str], str]) -> str:
        if self.source:
            for source in _spellings(self.source):
                pattern = rf"{re.escape(source)}[\\/]+(edgecls[\\/][\w.\\/+-]*)"
                text = re.sub(pattern, lambda found: keep(_forward(found[1])), text, flags=_FLAGS)

        def package(found: "re.Match[str]") -> str:
            is_public = found[1].removesuffix(".py") in self.packages
            return keep(f"site-packages/{_forward(found[2])}") if is_public else "[path]"

        text = _PACKAGES.sub(package, text)
        text = _STANDARD.sub(lambda found: keep(_forward(found[1] + found[2])), text)
        for folder in sorted(self.folders, key=len, reverse=True):
            for spelling in _spellings(folder):
                text = re.sub(rf"{re.escape(spelling)}(?=[\\/]|\W|$)", "\ue002", text, flags=_FLAGS)
        text = re.sub(_START + _PUBLIC.pattern, lambda found: keep(found[0]), text)
        return _PATH.sub(_shortened_path, text)

    def _quoted(self, found: "re.Match[str]", keep: Callable[[str], str]) -> str:
        is_harmless = any(pattern.fullmatch(found[1]) for pattern in (_COMMAND, _REQUIREMENT))
        if is_harmless or _is_kept(found[1]) or found[1] == "[path]":
            return keep(found[0])
        return f"{found[0][0]}[text]{found[0][-1]}"

    def _without_names(self, text: str) -> str:
        instead = {value: "[environment]" for value in self.environment.values() if len(value) >= SHORTEST_VALUE}
        instead |= {label: "[label]" for label in self.labels if len(label) > 1 and not label.isdecimal()}
        instead |= dict.fromkeys(self.names, "[name]")
        for private in sorted(instead, key=len, reverse=True):
            for spelling in {_plain(private).strip(), _plain(private).strip().replace("\\", "\\\\")} - {""}:
                ends = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])") if spelling.isascii() else ("", "")
                pattern = ends[0] + re.escape(spelling) + ends[1]
                text = re.sub(pattern, instead[private], text, flags=re.IGNORECASE)
        return text


_FLAGS = re.IGNORECASE if sys.platform in ("win32", "darwin") else re.NOFLAG


def _own_folders() -> set[str]:
    folders = {os.getcwd(), os.path.abspath(sys.prefix)}
    with contextlib.suppress(RuntimeError):
        folders |= {str(Path.home()), os.path.realpath(Path.home())}
    return {folder for folder in folders if len(folder) > 1}


def _own_names() -> set[str]:
    variables = ("USER", "LOGNAME", "USERNAME", "SUDO_USER", "HOSTNAME", "COMPUTERNAME", "USERDOMAIN")
    names = {os.environ.get(name, "") for name in variables} | {platform.node(), platform.node().partition(".")[0]}
    with contextlib.suppress(KeyError, OSError, ImportError):  # a user without an entry
        names.add(getpass.getuser())
    with contextlib.suppress(RuntimeError):
        names.add(Path.home().name)
    if sys.platform != "win32":
        import pwd

        with contextlib.suppress(KeyError):
            names.add(pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0])
    return {name for name in names if len(name) > 1}


def _plain(text: str) -> str:
    """Return a text in Unicode NFC, without colours and control characters other than line ends."""
    without_colors = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "".join(
        char if char == "\n" or unicodedata.category(char) != "Cc" else " "
        for char in unicodedata.normalize("NFC", without_colors.replace("\r\n", "\n"))
    )


def _spellings(folder: str) -> set[str]:
    """Return a folder as it may be written in text: with either kind of slash, and with its backslashes doubled."""
    plain = _plain(folder)
    return {plain, plain.replace("\\", "/"), plain.replace("\\", "\\\\")}


def _forward(path: str) -> str:
    return re.sub(r"[\\/]+", "/", path)


def _is_kept(text: str) -> bool:
    return bool(_PLACE.search(text)) and not _PLACE.sub("", text).strip("./\\ ")


def _shortened_path(found: "re.Match[str]") -> str:
    """Return what stands for a path; what follows a quoted one stays."""
    before = found.string[found.start() - 1 : found.start()]
    quotes = dict(_QUOTES)
    if before in quotes:
        ends = list(re.finditer(rf"{re.escape(quotes[before])}(?![A-Za-z0-9_])", found[0]))
        return f"[path]{found[0][ends[-1].start() :]}" if ends else "[path]"
    closing = {"(": ")", "[": "]", "<": ">"}.get(before, "")
    return f"[path]{closing}" if closing and found[0].endswith(closing) else "[path]"


def _without_relative_path(found: "re.Match[str]") -> str:
    """Return a part of a line, up to a colon, if it has no relative path, no name of a file and no half of a quote."""
    text = found[0]
    paths = [path[0].strip("()[],;") for path in _RELATIVE.finditer(text)]
    begins_before = re.search(r"[^\s'\"(<\[=]\[path\]", text)  # a relative path, of which the end looks absolute
    if begins_before or any(
        path not in ("/", "\\") and not _ALTERNATIVES.fullmatch(path.rstrip(".")) for path in paths
    ):
        return "[path]"
    if _FILE.search(text):
        return "[file]"
    halves = (len(re.findall(rf"(?<![A-Za-z0-9_]){quote}|{quote}(?![A-Za-z0-9_])", text)) % 2 for quote in "'\"")
    return "[text]" if any(halves) else text
