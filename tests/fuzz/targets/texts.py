"""Short texts from anywhere: options, addresses, names of labels and splits, and what the system says of itself."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import click

from edgecls.cli import main
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.split_names import split_named, split_names
from edgecls.dataset.splits.series import group_keys, series_in_names
from edgecls.distributed.sources import list_images
from edgecls.errors import DatasetError, EdgeclsError, ServerError, VideoError
from edgecls.folder_names import escaped_label, folder_label, label_fault
from edgecls.image_files import has_image_name, is_hidden
from edgecls.runtime.machine.cores import count_cores
from edgecls.runtime.machine.memory import available_memory_bytes
from edgecls.runtime.machine.processor import read_processor
from edgecls.runtime.video.source import parse_source
from edgecls.server.http.forwarded import TrustedProxies
from edgecls.server.middleware.cors import Cors
from edgecls.server.middleware.hosts import AllowedHosts
from edgecls.video_names import without_credentials
from fuzz.target import Target, check


def read_label(data: bytes, folder: Path) -> None:
    """A label: the name of its folder can be one on every system, stays in its parent, and gives the label back."""
    label = _text(data)
    name = escaped_label(label)
    check(label_fault(name) is None, f"{name!r}: {label_fault(name)}")
    check(name == Path(name).name and not is_hidden(name), f"{name!r} is no visible name")
    (folder / name).mkdir()
    if "%" not in label:
        check(
            unquote(name, errors="surrogatepass") == unicodedata.normalize("NFC", label), f"{name!r} is another label"
        )
    folder_label(label)


def read_address(data: bytes, folder: Path) -> None:
    """The address of a camera or stream: its password is never shown."""
    user, secret = "us3r", "s3cret"
    text = _text(data)
    for with_secret in (
        text,
        text.replace("@", f"{user}:{secret}@", 1),
        text.replace("://", f"://{user}:{secret}@", 1),
    ):
        shown = without_credentials(with_secret)
        if secret not in text and "://" in with_secret.partition(secret)[0]:
            check(secret not in shown and user not in shown, f"{with_secret!r} is shown as {shown!r}")
        try:
            source = parse_source(with_secret)
        except VideoError as error:
            is_secret = secret not in text and "://" in with_secret.partition(secret)[0]
            check(not is_secret or secret not in str(error), f"the password is in: {error}")
            refusal = error
            continue
        check((source.shown or not text) and repr(source), "it has no name")
        refusal = None
    if refusal is not None:
        raise refusal


def read_split_name(data: bytes, folder: Path) -> None:
    """Names of folders and files, a line for each: what they mean as splits, and whether they are series."""
    names = _text(data).split("\n")[:50]
    for name in names:
        split_named(name)
        has_image_name(name)
    check(set(split_names(names).values()) <= {"train", "val", "test"}, "another split")
    images = LabelledImages(("a", "b"), tuple(map(Path, names)), tuple(index % 2 for index in range(len(names))))
    series_in_names(images)


def read_option(data: bytes, folder: Path) -> None:
    """The value of any option of any command that is not just a text: a value, or a usage error."""
    text = _text(data)
    refusals = []
    for option in _options():
        try:
            option.type.convert(text, option, None)
        except click.UsageError as error:
            check(str(error.format_message()).strip(), "an error without a message")
            refusals.append(error)
    if len(refusals) == len(_options()):
        raise refusals[0]


def read_server_names(data: bytes, folder: Path) -> None:
    """What the operator of a server gives as hosts, proxies and sites, a line for each."""
    refusals = []
    makers: tuple[Callable[[str], object], ...] = (
        lambda name: AllowedHosts([name], listening_on="", bound_to="127.0.0.1"),
        lambda name: TrustedProxies([name]),
        lambda name: Cors([name]),
    )
    names = _text(data).split("\n")[:10]
    for name in names:
        for make in makers:
            try:
                make(name)
            except ServerError as error:
                refusals.append(error)
    if len(refusals) == len(makers) * len(names):
        raise refusals[0]


def read_system(data: bytes, folder: Path) -> None:
    """What Linux says of processor, memory and control groups, in files of /proc and /sys."""
    for name in (
        *("proc/meminfo", "proc/cpuinfo", "proc/self/cgroup", "sys/fs/cgroup/cpu.max", "sys/fs/cgroup/memory.max"),
        *("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", "sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        *("sys/fs/cgroup/cpu/cpu.cfs_period_us", "sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    count = count_cores(root=folder)
    check(count.usable >= 1, f"{count}")
    memory = available_memory_bytes(root=folder)
    check(memory is None or memory >= 0, f"{memory} bytes")
    check(read_processor(root=folder).name.strip(), "a processor without a name")


def read_image_list(data: bytes, folder: Path) -> None:
    """A file of names of images for a cluster."""
    path = folder / "names.lst"
    path.write_bytes(data)
    for listed in list_images([str(path)]):
        check(isinstance(listed.name, str) and listed.name, f"{listed}")


def read_group_rule(data: bytes, folder: Path) -> None:
    """A rule for images that belong together: a pattern of the user's."""
    names = ("rose/00017_00003.png", "rose/00017_00004.png", "tulip/anna-02.jpg")
    images = LabelledImages(("rose", "tulip"), tuple(folder / name for name in names), (0, 0, 1))
    group_keys(folder, images, _text(data))


def _text(data: bytes) -> str:
    """Return a text as the command line passes it: bytes that are no UTF-8 as lone surrogates."""
    return data.decode("utf-8", "surrogateescape").replace("\0", "")


_found_options: list[click.Option] = []


def _options() -> list[click.Option]:
    if not _found_options:
        kinds: dict[str, click.Option] = {}
        waiting: list[click.Command] = [main]
        while waiting:
            command = waiting.pop()
            if isinstance(command, click.Group):
                context = click.Context(command)
                waiting += [
                    one for name in command.list_commands(context) if (one := command.get_command(context, name))
                ]
            for option in command.params:
                if isinstance(option, click.Option) and not isinstance(
                    option.type, click.Path | click.types.BoolParamType
                ):
                    kinds.setdefault(f"{option.type!r} {sorted(vars(option.type).items(), key=str)}", option)
        _found_options.extend(kinds.values())
    return _found_options


TARGETS = (
    Target(
        "label",
        read_label,
        lambda: [b"rose", "红 é".encode(), b"AC/DC", b"con.txt", b" .hidden. ", b"100%", b"a" * 190, b"%2F"],
        (DatasetError,),
        words=(b"NUL", b"COM1", b"LPT\xc2\xb9", b"desktop.ini", b"__MACOSX", b"?", b"*", b"|", b"\x7f"),
    ),
    Target(
        "stream_address",
        read_address,
        lambda: [
            b"rtsp://10.0.0.5:554/ch1?a=b",
            b"rtmp://host/live/key",
            b"https://a@host/v.m3u8#t",
            b"camera:0",
            b"camera:/dev/video0",
            b"/a/b.mp4",
            b"udp://@239.0.0.1:1234",
        ],
        (VideoError,),
        words=(b"://", b"@", b"rtsp://", b"rtmps://", b"CAMERA:", b"?token=", b"#", b"=", b"//"),
    ),
    Target(
        "names",
        read_split_name,
        lambda: [b"train\nTest_Set\nseg_test\neval", b"a_001.png\na_002.png\nb_001.png\nb_003.png\n00017_00003.png"],
        (),
        words=(b"train", b"val", b"dev", b"\xe6\xb5\x8b\xe8\xaf\x95", b"Set", b"0" * 200, b"_0.", b"9_9_"),
    ),
    Target(
        "options",
        read_option,
        lambda: [
            b"1s",
            b"500ms",
            b"0,0,640,480",
            b"0.8/0.1/0.1",
            b"640x480",
            b"1e-4..1e-2",
            b"98%",
            b"0.5",
            b"0,1",
            b"1,2,3",
            b"12",
        ],
        (click.UsageError,),
        words=(b"..", b"x", b"/", b",", b"%", b"ms", b"auto", b"0", b"nan"),
    ),
    Target(
        "server_names",
        read_server_names,
        lambda: [
            b"api.example\n10.0.0.0/8\nhttps://example.org",
            b"*\n[::1]\nnull",
            b"a:80\nfe80::1%eth0\nhttp://[::1]:80",
        ],
        (ServerError,),
    ),
    Target(
        "system_facts",
        read_system,
        lambda: [
            b"MemTotal: 1 kB\nMemAvailable:    100 kB\n",
            b"processor : 0\nmodel name : a\nflags : fpu avx512_vnni\n\n",
            b"0::/a/b\n5:cpu,memory:/c\n",
            b"100000 100000\n",
            b"max 100000",
            b"12345\n",
            b"anon 5\ninactive_file 7\n",
        ],
        (),
        words=(b"max", b"0", b"-1", b"inactive_file ", b"MemAvailable:", b"0::/", b"cpu:/.."),
    ),
    Target("image_list", read_image_list, lambda: [b"a.png\n/b/c.jpg\r\n# d\n\xc3\xa9.png"], (EdgeclsError,)),
    Target(
        "group_rule",
        read_group_rule,
        lambda: [b"folder", b"column:x", rb"^(\d+)_", rb"([^/]+)/", b"(.*?)[-_]"],
        (DatasetError,),
        words=(b"(", b")", b"[", b"]", b"\\d", b"(?P<a>", b"{1,5}", b"$", b"\\1"),
    ),
)
