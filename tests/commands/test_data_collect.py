"""edgecls data collect, from the command line to the files."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from local_web import LocalWeb, local_web, noise_png

from edgecls.cli import main

QUICK = ("--allow-private", "--rate", "10000", "--retries", "0")


@pytest.fixture
def web() -> Iterator[LocalWeb]:
    with local_web() as running:
        yield running


def _collect(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "collect", *map(str, arguments)])


def _baidu_finds(web: LocalWeb, *names: str) -> None:
    data = [{"hoverURL": f"http://images.test/{name}"} for name in names]
    web.give("http://image.baidu.com/search/acjson", json.dumps({"data": data}).encode())


def test_images_by_keyword_through_icrawler(web: LocalWeb, tmp_path: Path) -> None:
    """The engine's real address, feeder and parser: the local web plays the internet, as a proxy."""
    _baidu_finds(web, "0.png", "1.png", "gone.png", "2.png")
    for index in range(3):
        web.give(f"http://images.test/{index}.png", noise_png(index))
    arguments = (tmp_path / "数据", "-k", "小猫", "--engine", "baidu", "--proxy", web.url, *QUICK)

    done = _collect(*arguments, "--count", "3")

    assert done.exit_code == 0, done.output
    assert done.stdout == "      3 of 3 images of 小猫, 3 of them new\n      3  saved\n      1  http_404\n"
    assert len(list((tmp_path / "数据" / "小猫").glob("*.png"))) == 3

    more = _collect(*arguments, "--count", "4")

    assert more.exit_code == 1
    assert "3 of 4 images of 小猫, 0 of them new" in more.stdout
    assert "4  addresses skipped" in more.stdout
    assert "baidu: nothing new for '小猫'" in more.stderr


def test_several_keywords_fill_one_class_or_one_each(web: LocalWeb, tmp_path: Path) -> None:
    _baidu_finds(web, "0.png", "1.png")
    for index in range(2):
        web.give(f"http://images.test/{index}.png", noise_png(index))
    search = ("-k", "猫", "-k", "cat", "--engine", "baidu", "--count", "1", "--proxy", web.url, *QUICK)

    assert _collect(tmp_path / "one", "--class", "猫咪", *search).exit_code == 0
    assert _collect(tmp_path / "each", *search).exit_code == 0

    assert [path.name for path in (tmp_path / "one").iterdir() if path.is_dir()] == ["猫咪"]
    assert sorted(path.name for path in (tmp_path / "each").iterdir() if path.is_dir()) == ["cat", "猫"]


def test_a_list_of_addresses(web: LocalWeb, tmp_path: Path) -> None:
    urls = tmp_path / "urls.txt"
    urls.write_text(f"猫\t{web.give('/1.png', noise_png(1))}\n{web.give('/2.png', noise_png(2))}\n", encoding="utf-8")

    done = _collect(tmp_path / "out", "--urls", urls, "--class", "其他", *QUICK)

    assert done.exit_code == 0, done.output
    assert "      1 image of 猫, 1 of them new" in done.stdout
    assert "      1 image of 其他, 1 of them new" in done.stdout


def test_a_gallery_page_and_a_site(web: LocalWeb, tmp_path: Path) -> None:
    web.give("/1.png", noise_png(1))
    web.give("/2.png", noise_png(2))
    first = web.give("/", b'<img src="1.png"><a href="next.html">next</a>', content_type="text/html")
    web.give("/next.html", b'<img src="2.png">', content_type="text/html")

    page = _collect(tmp_path / "page", "--page", first, "--class", "a", *QUICK)
    site = _collect(tmp_path / "site", "--site", first, "--class", "a", "--count", "2", *QUICK)

    assert (page.exit_code, site.exit_code) == (0, 0)
    assert "      1 image of a, 1 of them new" in page.stdout
    assert "2 of 2 images of a" in site.stdout


def test_private_addresses_are_refused_unless_allowed(web: LocalWeb, tmp_path: Path) -> None:
    urls = tmp_path / "urls.txt"
    urls.write_text(web.give("/1.png", noise_png(1)))

    done = _collect(tmp_path / "out", "--urls", urls, "--class", "a")

    assert done.exit_code == 1
    assert "1  refused_address" in done.stdout
    assert web.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--page", "http://a.test/"),
        ("--site", "http://a.test/"),
        ("-k", "cat", "--page", "http://a.test/", "--class", "a"),
        ("-k", "cat", "--proxy", "http://a.test/"),
        ("-k", "cat", "--min-size", "big"),
        ("-k", "cat", "--min-size", "0x5"),
        ("-k", "cat", "--count", "0"),
        ("-k", "cat", "--filter", "size"),
        ("-k", "cat", "--engine", "altavista"),
        ("--urls", "/gone/urls.txt"),
        ("-k", "cat", "--max-mb", "inf"),
    ],
)
def test_a_wrong_command_line_has_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert _collect(tmp_path / "out", *arguments).exit_code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("label", ["../up", "a/b", "NUL"])
def test_a_class_that_cannot_be_a_folder_is_refused(tmp_path: Path, label: str) -> None:
    done = _collect(tmp_path / "out", "-k", "cat", "--class", label)

    assert (done.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "cannot be the name of a class folder" in done.stderr
    assert "--class" in done.stderr


def test_sigint_ends_the_command_and_leaves_whole_files(web: LocalWeb, tmp_path: Path) -> None:
    import signal

    asked = threading.Event()

    def hang(handler: object) -> None:
        asked.set()
        web.closing.wait()

    urls = tmp_path / "urls.txt"
    urls.write_text(web.serve("/hang.png", hang))
    command = [sys.executable, "-m", "edgecls", "data", "collect", tmp_path / "out", "--urls", urls, "--class", "a"]
    with subprocess.Popen(
        [*map(str, command), *QUICK],
        stderr=subprocess.PIPE,
        text=True,
        # The tests may run in the background of a shell, where SIGINT is ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)

    assert process.returncode == 1
    assert "Aborted" in errors
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["collected.jsonl"]


def test_without_its_packages_the_command_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['icrawler'] = None\n"
        f"sys.argv = ['edgecls', 'data', 'collect', {str(tmp_path / 'out')!r}, '-k', 'cat']\n"
        "from edgecls.cli import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert 'pip install "edgecls[data]"' in done.stderr
