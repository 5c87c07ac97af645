"""Where things that can be made again are kept."""

from pathlib import Path

import pytest

from edgecls.runtime.machine.cache_folder import cache_folder, look_at_cache


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/var/tmp/cache"}, Path("/var/tmp/cache/edgecls")),
        ("linux", {"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache" / "edgecls"),
        ("linux", {}, Path.home() / ".cache" / "edgecls"),
        ("darwin", {}, Path.home() / "Library" / "Caches" / "edgecls"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/edgecls/Cache")),
        ("win32", {}, Path.home() / "AppData" / "Local" / "edgecls" / "Cache"),
    ],
    ids=["xdg", "xdg-relative", "linux", "macos", "windows", "windows-bare"],
)
def test_the_platforms_convention_is_kept(platform: str, environment: dict[str, str], folder: Path) -> None:
    assert cache_folder(environment=environment, platform=platform) == folder


def test_looking_measures_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "edgecls"

    assert (look_at_cache(folder).size_bytes, look_at_cache(folder).writable) == (0, True)
    assert not folder.parent.exists()

    (folder / "tensorrt").mkdir(parents=True)
    (folder / "tensorrt" / "engine").write_bytes(b"x" * 1000)
    assert look_at_cache(folder).size_bytes == 1000


def test_a_file_in_the_way_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")

    assert not look_at_cache(tmp_path / "cache" / "edgecls").writable
