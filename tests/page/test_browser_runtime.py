"""onnxruntime-web is fetched once, checked always, and its absence is explained."""

import base64
import hashlib
import io
import stat
import sys
import tarfile
from pathlib import Path

import pytest

from edgecls.page import browser_runtime as package
from edgecls.page.browser_runtime import BrowserRuntimeError, browser_runtime

FILES = {"package/dist/" + package.MODULE: b"export {};", "package/dist/" + package.WASM: b"\0asm" + bytes(100)}


def _archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An archive that counts as the published one, and an empty cache folder."""
    content = _archive(FILES)
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")
    monkeypatch.setattr(package, "INTEGRITY", f"sha512-{digest}")
    monkeypatch.setattr(package, "cache_folder", lambda: tmp_path / "cache")
    path = tmp_path / "given.tgz"
    path.write_bytes(content)
    return path


def _npm(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> Path:
    """Put a program in the place of npm, which notes its arguments."""
    folder.mkdir()
    script = folder / "npm"
    called = folder / "called"
    note = f"open({str(called)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')"
    script.write_text(f"#!{sys.executable}\nimport sys, shutil\n{note}\n{program}\n", encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return called


def test_a_given_archive_needs_neither_npm_nor_the_cache(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    runtime = browser_runtime(archive)

    assert (runtime.module, runtime.wasm) == tuple(FILES.values())
    assert not (archive.parent / "cache").exists()


def test_what_npm_fetches_is_kept_and_not_fetched_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = f"shutil.copy({str(archive)!r}, sys.argv[-1] + '/{package.ARCHIVE}')"
    called = _npm(archive.parent / "bin", monkeypatch, copy)

    assert browser_runtime() == browser_runtime()

    (line,) = called.read_text(encoding="utf-8").splitlines()
    assert line.startswith(f"pack onnxruntime-web@{package.VERSION} --ignore-scripts")


def test_a_damaged_archive_in_the_cache_is_fetched_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = archive.parent / "cache" / package.ARCHIVE
    kept.parent.mkdir()
    kept.write_bytes(archive.read_bytes()[:-5])
    _npm(archive.parent / "bin", monkeypatch, f"shutil.copy({str(archive)!r}, sys.argv[-1] + '/{package.ARCHIVE}')")

    assert browser_runtime().wasm == FILES["package/dist/" + package.WASM]
    assert kept.read_bytes() == archive.read_bytes()


def test_another_archive_is_refused(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(_archive(FILES | {"package/evil": b"x"}))

    with pytest.raises(BrowserRuntimeError, match=r"other\.tgz' is not the package .* SHA-512 differs"):
        browser_runtime(other)
    _npm(archive.parent / "bin", monkeypatch, f"shutil.copy({str(other)!r}, sys.argv[-1] + '/{package.ARCHIVE}')")
    with pytest.raises(BrowserRuntimeError, match="what npm fetched is not"):
        browser_runtime()
    assert not (archive.parent / "cache").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrowserRuntimeError, match=r"cannot read '.*nowhere\.tgz'"):
        browser_runtime(tmp_path / "nowhere.tgz")


@pytest.mark.usefixtures("archive")
def test_without_npm_the_message_says_how_to_get_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(package, "find_spec", lambda name: None)

    with pytest.raises(BrowserRuntimeError, match=r"pip install \"edgecls\[page\]\".*--runtime"):
        browser_runtime()


def test_the_reason_why_npm_fails_is_passed_on(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _npm(archive.parent / "bin", monkeypatch, "print('npm error network unreachable', file=sys.stderr); sys.exit(1)")

    with pytest.raises(BrowserRuntimeError, match=r"npm cannot fetch .*: npm error network unreachable; .*--runtime"):
        browser_runtime()
