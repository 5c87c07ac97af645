"""What a bug report leaves out: everything that names the user, the machine, files and labels; and what it keeps."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.runtime.doctor.redaction import Redaction, public_packages

SECRETS = ("zhang", "张三", "Li Ming", "workstation-7", "Anna", "secret", "s3cr3t", "玫瑰", "acme")

REDACTION = Redaction(
    folders=("/home/zhang san", "/srv/Acme Data", "C:\\Users\\Li Ming", "/home/张三"),
    names=("zhang", "张三", "Li Ming", "workstation-7"),
    labels=("玫瑰", "secret rose", "7", "a"),
    environment={"TOKEN": "s3cr3t-value", "LANG": "C", "PHOTOS": "/srv/Acme Data"},
    packages=("edgecls", "onnxruntime", "numpy"),
    versions=("9.24.0.43", "1.31.1"),
    source="/home/zhang san/src/edgecls-main",
)


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("/home/zhang san/My Photos/Anna.jpg: damaged", "[path]: damaged"),
        ("cannot read '/home/zhang san/it\\'s Anna.jpg': no such file", "cannot read '[path]': no such file"),
        ("/data/Anna's, Bob's (2024), secret: gone", "[path]: gone"),
        ("label 2: cannot read photos/Anna's (2024), secret/1.jpg: gone", "label 2: [path]: gone"),
        ("Anna and secret/x, old: gone", "[path]: gone"),
        ("cannot open 'Anna at the sea.jpg'", "cannot open '[text]'"),
        ("can't open 'Anna', it's 'secret'", "can't open '[text]', it's '[text]'"),
        ("无法打开“张三的照片”", "无法打开“[text]”"),
        ("Anna at the sea.jpg: the data ends", "[file]: the data ends"),
        ("photos/Anna/1.jpg: the data ends", "[path]: the data ends"),
        ("in photos/Anna are none", "[path]"),
        (r"C:\Users\Li Ming\Pictures\Anna 1.jpg: damaged", "[path]: damaged"),
        (r"'C:\\Users\\Li Ming\\secret' is no folder", "'[path]' is no folder"),
        (r"D:\secret stuff\Anna: gone", "[path]: gone"),
        (r"\\workstation-7\secret\x: gone", "[path]: gone"),
        ("~/secret/x, and more", "[path]"),
        ("/home/张三/照片: 没有", "[path]: 没有"),
        ("在/data/a secret place/Anna：没有", "[path]"),
        ("user zhang on WORKSTATION-7 and 张三的电脑", "user [name] on [name] and [name]的电脑"),
        ("label 玫瑰 and Secret Rose, 7 of 7 a day", "label [label] and [label], 7 of 7 a day"),
        ("TOKEN is s3cr3t-value here", "TOKEN is [environment] here"),
        ("http://user:s3cr3t@acme.example/secret?x=1 is gone", "[address] is gone"),
        ("10.1.2.3 and fe80::1ff:fe23:4567:890a, 00:1B:44:11:3A:B7", "[address] and [address], [address]"),
        ("mail zhang.san@acme.example", "mail [mail]"),
        ("GPU-6c1e2f9e-08d3-4f0c-a3a3-9f1fbb5a91f1", "GPU-[id]"),
        ("serial number: PF2ABC9X", "serial number: [id]"),
        ("sha256 0a1b2c3d4e5f60718293a4b5c6d7e8f9", "sha256 [id]"),
        (
            "/home/zhang san/.venv/lib/python3.11/site-packages/acme_secret/x.py",
            "[path]",
        ),
        ("", ""),
    ],
)
def test_what_is_private_is_removed(text: str, published: str) -> None:
    assert REDACTION.applied(text) == published
    assert not any(secret.lower() in published.lower() for secret in SECRETS)


NAMES = st.builds(
    "{}Qzx{}".format, *[st.text("ab XY12-_ 中文é()&,'+@#!", max_size=4).map(str.lstrip)] * 2
)  # of folders and files, whatever people call them


@settings(max_examples=300, deadline=None)
@given(
    root=st.sampled_from(
        ["/home/zhang san/", "/data/", "C:\\Users\\Li Ming\\", "D:\\", "\\\\host\\", "~/", "photos/", "../"]
    ),
    names=st.lists(NAMES, min_size=1, max_size=3),
    suffix=st.sampled_from([".jpg", ".JPG", ".onnx", ""]),
    template=st.sampled_from(
        [
            "{}: damaged",
            "cannot read {!r}: gone",
            "open({!r}) failed",
            "{} is gone",
            "failed to load {} with error: x",
            "x: {}",
            "error in {}, retry",
            "路径{}不存在",
            "file={}",
            "[{}] bad",
            "({})",
            "<{}>",
        ]
    ),
)
def test_no_part_of_any_path_is_left(root: str, names: list[str], suffix: str, template: str) -> None:
    path = root + ("\\" if "\\" in root else "/").join(names) + suffix

    assert "Qzx" not in REDACTION.applied(template.format(path))


@pytest.mark.parametrize(
    "text",
    [
        'pip uninstall -y onnxruntime onnxruntime-gpu, then pip install "edgecls[gpu]"',
        "'edgecls doctor' shows what this machine has",
        "cannot load libcublasLt.so.13: cannot open shared object file: No such file or directory",
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1: wrong ELF class",
        'pip install "nvidia-cudnn-cu13==9.24.0.43"',
        "nvidia-cudnn-cu13 9.24.0.43: onnxruntime 1.31.1 cannot load it",
        "CPU/GPU mixed; CUDA 13.0 at most; driver 580.65.06",
        "[ONNXRuntimeError] : 1 : FAIL : Ort::Session failed",
        "golden samples within 3e-07 (allowed 0.001), ready in 0.1 s",
    ],
)
def test_what_helps_is_kept(text: str) -> None:
    assert REDACTION.applied(text) == text


@pytest.mark.parametrize(
    ("path", "published"),
    [
        (
            "/home/zhang san/.venv/lib/python3.11/site-packages/onnxruntime/capi/libonnxruntime.so",
            "site-packages/onnxruntime/capi/libonnxruntime.so",
        ),
        (r"C:\Users\Li Ming\venv\Lib\site-packages\numpy\core.py", "site-packages/numpy/core.py"),
        ("/usr/lib/python3.11/json/decoder.py", "lib/python3.11/json/decoder.py"),
        ("/home/zhang san/src/edgecls-main/edgecls/commands/run.py", "edgecls/commands/run.py"),
    ],
)
def test_files_of_public_packages_are_named_by_their_place_in_them(path: str, published: str) -> None:
    assert REDACTION.applied(path) == published
    assert REDACTION.applied(f"failed to load {path} with error: x") == f"failed to load {published} with error: x"


TRACEBACK = """\
\x1b[31m$ edgecls run --model "my secret.onnx" Anna
Traceback (most recent call last):
  File "/home/zhang san/secret project/main.py", line 12, in find_anna
    print(classify("Anna", s3cr3t))
          ^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/zhang san/src/edgecls-main/edgecls/image.py", line 81, in read_file
    raise ImageReadError(f"cannot read {shown!r}")
  File "<frozen importlib._bootstrap>", line 1, in _call
edgecls.errors.ImageReadError: cannot read '/home/zhang san/Anna.jpg': no such file
zhang@workstation-7:~/Anna$ edgecls run Anna
"""


def test_of_a_traceback_only_source_lines_of_public_files_are_kept() -> None:
    published = REDACTION.applied_to_traceback(TRACEBACK)

    assert published.splitlines() == [
        "Traceback (most recent call last):",
        '  File "[path]", line 12, in [function]',
        "    [line]",
        '  File "edgecls/image.py", line 81, in read_file',
        '    raise ImageReadError(f"cannot read {shown!r}")',
        '  File "<frozen importlib._bootstrap>", line 1, in _call',
        "edgecls.errors.ImageReadError: cannot read '[path]': no such file",
    ]
    assert not any(secret in published for secret in SECRETS)


def test_without_a_traceback_errors_alone_are_kept() -> None:
    shown = (
        "$ edgecls train Anna -o x.onnx\n     40  Anna\nError: label 'Anna' has 1 image; add more\n"
        "photos/Anna at sea.jpg  roses  0.9\nphotos/Anna at sea.jpg  error: the data ends\nanna$ echo error: Anna\n"
    )

    assert REDACTION.applied_to_traceback(shown).splitlines() == [
        "Error: label '[text]' has 1 image; add more",
        "[path]: the data ends",
    ]


def test_this_machine_knows_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "王小明")
    monkeypatch.setenv("HOME", "/home/王小明")
    monkeypatch.setenv("EDGECLS_PASSWORD", "correct horse")

    redaction = Redaction.for_this_machine(labels=["rose"])

    text = f"王小明 says correct horse in {os.getcwd()}/x about a rose"
    assert redaction.applied(text) == "[name] says [environment] in [path]"


def test_public_packages_are_those_that_edgecls_needs() -> None:
    public = public_packages()

    assert {"edgecls", "numpy", "click"} <= set(public)
    assert all(public.values())
