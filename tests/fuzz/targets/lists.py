"""Lists that people write or spreadsheets save: datasets, splits, decisions, addresses, API keys, settings."""

import os
from pathlib import Path

from edgecls.dataset.collect.sources import read_url_list
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.dataset.formats.lists import read_csv_column, read_csv_file, read_list_file
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.splits.series import group_keys, series_in_names
from edgecls.errors import DatasetError, EdgeclsError, ServerError
from edgecls.image_spec import Color
from edgecls.labelling.decisions import apply_decisions, kept_images
from edgecls.server.http.messages import Request
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.training.config_file import build_config, config_to_toml, read_settings
from fuzz.target import Target, check

_IMAGES = ("a.png", "b.png", "rose/a 1.png", "rose/红,2.png", "tulip/c.png", "tulip/d.png")


def read_list(data: bytes, folder: Path) -> None:
    """A list of images and labels in a text file."""
    (_with_images(folder) / "list.txt").write_bytes(data)
    _check_dataset(read_list_file(folder / "list.txt"), folder)


def read_split_list(data: bytes, folder: Path) -> None:
    """The lists of the splits of a dataset, of which one is whole."""
    (_with_images(folder) / "Train_List.TXT").write_bytes(data)
    (folder / "dev.txt").write_bytes(b"b.png rose\n")
    _check_dataset(read_dataset(folder), folder)


def read_csv(data: bytes, folder: Path) -> None:
    """A dataset in a CSV file, and what its images have in common by one of its columns."""
    path = _with_images(folder) / "list.csv"
    path.write_bytes(data)
    dataset = read_csv_file(path)
    _check_dataset(dataset, folder)
    read_csv_column(path, "split")
    series_in_names(dataset.train)
    group_keys(path, dataset.train, "column:label")


def read_decisions(data: bytes, folder: Path) -> None:
    """Decisions on labels: files move within the dataset or into the quarantine folder, and none is lost."""
    root = folder / "data"
    for name in _IMAGES[2:]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    before = sorted(path.read_bytes() for path in root.rglob("*.png"))
    path = folder / "decisions.csv"
    path.write_bytes(data)
    kept_images(root, path)
    applied = apply_decisions(root, path, folder / "quarantine")
    after = [found for found in folder.rglob("*.png") if found.is_file()]
    check(sorted(found.read_bytes() for found in after) == before, "an image is lost or changed")
    check(applied.removed >= 0 and applied.relabelled >= 0, f"{applied}")


def read_urls(data: bytes, folder: Path) -> None:
    """A list of addresses of images."""
    path = folder / "urls.txt"
    path.write_bytes(data)
    for label, urls in read_url_list(path, default_label="rose").items():
        check(label and urls and "" not in urls, f"{label!r}: {urls[:5]}")


def read_api_keys(data: bytes, folder: Path) -> None:
    """The file of API keys: each of its keys opens the server, by whatever header field, and nothing else does."""
    path = folder / "keys"
    path.write_bytes(data)
    keys = ApiKeys(path)
    for key in ("", " ", "Bearer", "\xff", "none"):
        request = Request("GET", "/predict", "", "1.1", [("authorization", f"Bearer {key}"), ("x-api-key", key)], "")
        check(keys.check(request) is not None or key.encode() in data, f"{key!r} is no key")
    written = next((line.split() for line in data.splitlines() if line.strip().isascii()), [])
    if written and data.isascii() and not any(byte < 32 and byte not in b"\n\r\t" for byte in data):
        first = written[0].decode()
        if not first.startswith("#"):
            check(keys.name_of_fields(f"Bearer {first}", "") is not None, f"the key {first!r} does not open")
            check(keys.name_of_fields("", first) is not None, f"the key {first!r} does not open")


def read_settings_file(data: bytes, folder: Path) -> None:
    """The settings of a training run in TOML: what is written of them is read as the same."""
    path = folder / "config.toml"
    path.write_bytes(data)
    config = build_config(read_settings(path), default_image=lambda arch: (64, Color.RGB))
    path.write_text(config_to_toml(config), encoding="utf-8")
    again = build_config(read_settings(path), default_image=lambda arch: (8, Color.GRAY))
    check(again == config, f"settings change when they are written and read: {again.differences(config)}")


def _with_images(folder: Path) -> Path:
    for name in _IMAGES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


def _check_dataset(dataset: Dataset, folder: Path) -> None:
    check(len(dataset.labels) >= 2, f"labels {dataset.labels}")
    paths = [path for split in dataset.splits.values() for path in split.paths]
    check(len(set(map(os.path.realpath, paths))) == len(paths), "an image is in it twice")
    check(all(path.is_file() for path in paths), "a file that is none")
    "".join(dataset.labels).encode()


_LIST = "a.png\trose\nb.png\ttulip\nrose/a 1.png\trose\nrose/红,2.png\t红\n".encode()
_CSV = (
    'path,label,split\na.png,rose,train\nb.png,tulip,train\n"rose/红,2.png",rose,val\ntulip/c.png,tulip,test\n'.encode()
)
_DECISIONS = (
    "path,given,suggested,wrong,confident,reasons,neighbours,decision,label\n"
    "rose/a 1.png,rose,tulip,0.9123,yes,neighbours,tulip; tulip,relabel,\n"
    '"rose/红,2.png",rose,tulip,0.8,no,,,remove,\n'
    "tulip/c.png,tulip,rose,0.5,no,,,keep,\n"
    "tulip/d.png,tulip,rose,0.5,no,,,,\n"
).encode()
_TOML = (
    b'arch = "mobilenet_v2"\nepochs = 3\nbatch_size = 8\nlearning_rate = 1e-3\nseed = 1\nweights = "none"\n'
    b'[image]\nheight = 64\nwidth = 64\ncolor = "gray"\nfit = "crop"\n[augmentation]\nflip = true\nrotation = 10\n'
)

TARGETS = (
    Target(
        "list_file",
        read_list,
        lambda: [_LIST, b"a.png 1\nb.png 2\n", b"\xef\xbb\xbfa.png rose\r\nb.png tulip\r\n"],
        (DatasetError,),
    ),
    Target(
        "split_lists",
        read_split_list,
        lambda: [b"a.png rose\ntulip/c.png tulip\n", b"a.png\trose\nrose/a 1.png\ttulip\n"],
        (DatasetError,),
    ),
    Target(
        "csv_file",
        read_csv,
        lambda: [_CSV, b"label,file\nrose,a.png\ntulip,b.png\n", _CSV.replace(b"\n", b"\r\n")],
        (DatasetError,),
    ),
    Target(
        "decisions",
        read_decisions,
        lambda: [
            _DECISIONS,
            _DECISIONS.replace(b"; ", b" ").replace(b",", b";"),
            b"path\tdecision\trose\ttulip/c.png\tkeep\n",
        ],
        (EdgeclsError,),
        words=(b"remove", b"relabel", b"keep", b"rose", b"tulip", b"..", b"rose/../tulip/c.png", b"./tulip/c.png"),
    ),
    Target(
        "url_list", read_urls, lambda: [b"http://a.test/1.jpg\n# no\n\nrose\thttp://a.test/2.jpg\n"], (DatasetError,)
    ),
    Target(
        "api_keys",
        read_api_keys,
        lambda: [
            b"secret alice\nother\tbob smith\n# none\n",
            "secret alice\r\n".encode("utf-16"),
            b"\xef\xbb\xbfkey\n",
        ],
        (ServerError,),
    ),
    Target(
        "settings_file",
        read_settings_file,
        lambda: [_TOML, b"epochs = 1\n"],
        (EdgeclsError,),
        words=(b"inf", b"nan", b"[[image]]", b"1979-05-27", b"0x7f", b"1_0", b"epochs"),
    ),
)
