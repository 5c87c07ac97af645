"""The runner of the documents' blocks notices what is not as a page says."""

import sys
from pathlib import Path

import pytest
from document_blocks import PageError, blocks_of
from document_outputs import difference, line_matches
from document_page import Outcome, run_apart, run_page

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages run in bash, and /proc says what they started")


def _page(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text.replace("'''", "```"), encoding="utf-8")
    return page


def _run(tmp_path: Path, text: str, *, limit_s: float = 60) -> Outcome:
    folder = tmp_path / "folder"
    folder.mkdir()
    return run_page(_page(tmp_path, text), folder, limit_s=limit_s)


def test_blocks_of_a_page_share_folder_variables_and_python(tmp_path: Path) -> None:
    outcome = _run(
        tmp_path,
        """
'''console
$ mkdir below && cd below && NAME=tulip
$ cat <<EOF > text.txt
> a $NAME
> EOF
$ cat text.txt
a tulip
'''

'''bash
cp text.txt \\
    copy.txt  # in the folder of before
for name in copy.txt; do
    cat "$name"
done
'''

<!-- test: output -->
'''
a tulip
'''

'''python
from pathlib import Path
text = Path("below/copy.txt").read_text()
'''

1. In a list:

   '''python
   print(text, end="")
   '''

   <!-- test: output -->
   '''text
   a tulip
   '''
""",
    )

    assert outcome.failures == []
    assert (outcome.blocks, outcome.commands) == (4, 5)


def test_a_wrong_output_fails_with_page_line_and_both_texts(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "# Title\n\n'''console\n$ true\n$ echo roses 0.91\nroses 0.71\n'''\n")

    (failure,) = outcome.failures
    assert failure.startswith("page.md:5: something else is printed by: echo roses 0.91\n")
    assert "-roses 0.71\n+roses 0.91" in failure


def test_lines_that_are_missing_in_the_document_or_in_the_output_fail(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "'''console\n$ seq 3\n1\n2\n'''\n\n'''console\n$ seq 2\n1\n2\n3\n'''\n")

    assert [failure.splitlines()[-1] for failure in outcome.failures] == ["+3", "-3"]


def test_a_command_that_fails_fails_the_page_and_the_rest_of_its_block_is_not_run(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "'''bash\nls gone.jpg\ntouch made\n'''\n\n'''bash\ntouch other\n'''\n")

    (failure,) = outcome.failures
    assert failure.startswith("page.md:2: the exit code is 2, not 0: ls gone.jpg\nls: cannot access 'gone.jpg'")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["other"]


def test_an_exit_code_that_the_page_announces_is_expected(tmp_path: Path) -> None:
    outcome = _run(
        tmp_path,
        """
<!-- test: exit 3 -->
'''bash
true
(exit 3)
'''

<!-- test: exit 3|4 "exit" -->
'''bash
(exit 4)
(exit 3)
true
'''

<!-- test: exit 3|4 -->
'''bash
true
'''
""",
    )

    assert outcome.failures == ["page.md:17: the exit code is 0, not 3 or 4: true\n"]


def test_an_exception_in_python_fails_with_the_line_of_the_page(tmp_path: Path) -> None:
    (failure,) = _run(tmp_path, "'''python\nnumber = 1\nnumber / 0\n'''\n").failures

    assert failure.startswith("page.md:1: the Python block fails:")
    assert 'page.md", line 3' in failure
    assert "ZeroDivisionError" in failure


@pytest.mark.parametrize("block", ["'''bash\nsleep 60\n'''", "'''python\nimport time\ntime.sleep(60)\n'''"])
def test_what_takes_too_long_ends_the_page(tmp_path: Path, block: str) -> None:
    outcome = _run(tmp_path, f"{block}\n\n'''bash\ntouch other\n'''\n", limit_s=0.5)

    assert "took longer than 0.5 s" in outcome.failures[0]
    assert not (tmp_path / "folder" / "other").exists()


def test_a_command_that_ends_the_shell_fails(tmp_path: Path) -> None:
    assert "it ended the shell" in _run(tmp_path, "'''bash\nexit 0\n'''\n").failures[0]


def test_what_is_skipped_is_counted_by_its_reason(tmp_path: Path) -> None:
    outcome = _run(
        tmp_path,
        """
<!-- test: skip needs-gpu -->
'''bash
touch a
'''

<!-- test: skip needs-internet "example.org" -->
'''bash
touch b.example.org
touch c
'''

'''powershell
New-Item d
'''
""",
    )

    assert outcome.failures == []
    assert outcome.skipped == {"needs-gpu": 1, "needs-internet": 1, "other-system": 1}
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["c"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!-- test: skip -->\n'''bash\ntrue\n'''\n", r"page.md:2: .*the reason is one of needs-camera, "),
        ("<!-- test: skip it fails -->\n'''bash\ntrue\n'''\n", r"the reason is one of needs-camera, "),
        ("<!-- test: skip needs-gpu cuda -->\n'''bash\ntrue\n'''\n", "no command contains 'cuda'"),
        ("<!-- test: ignore -->\n'''bash\ntrue\n'''\n", "not known"),
        ("<!-- test skip needs-gpu -->\n'''bash\ntrue\n'''\n", "page.md:1: not written like"),
        ("<!-- test: skip needs-gpu -->\n\nText\n\n'''bash\ntrue\n'''\n", "page.md:3: no code block follows"),
        ("'''bash\ntrue\n", "page.md:1: the code block is not closed"),
        ("'''basic\n10 END\n'''\n", "'basic' is none of bash"),
        ("'''\nedgecls run photos\n'''\n", "a block of commands has the language"),
        ("'''json\n{'a': 1}\n'''\n", "page.md:1: this is no json"),
        ("'''yaml\na: [1\n'''\n", "this is no yaml"),
        ("'''toml\na = \n'''\n", "this is no toml"),
        ("'''ini\na = 1\n'''\n", "this is no ini"),
        ("<!-- test: output -->\n'''bash\ntrue\n'''\n", "what is printed is text"),
    ],
)
def test_a_page_that_is_not_written_as_its_test_needs_it_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(PageError, match=reason):
        blocks_of(_page(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("'''console\nedgecls run photos\n'''\n", "page.md:2: the first line of a console block is a command"),
        ("'''bash\necho 'open\n'''\n", "page.md:2: the command is not complete"),
        ("<!-- test: setup castle -->\n'''bash\ntrue\n'''\n", "page.md:2: no setup is called castle"),
        ("<!-- test: output -->\n'''\nhello\n'''\n", "nothing ran above"),
        ("'''bash\npip install 'edgecls[cpu,qick]'\n'''\n", "edgecls has no extra qick"),
    ],
)
def test_a_block_that_cannot_run_fails(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in "".join(_run(tmp_path, text).failures)


def test_blocks_of_directives_run_and_notes_are_read_too(tmp_path: Path) -> None:
    page = _page(
        tmp_path,
        """
'''{toctree}
other
'''

''''{note}
:class: x

<!-- test: setup photo rose.jpg -->
'''{code-block} console
:caption: A caption

$ ls
rose.jpg
'''
''''
""".replace("''''", "````"),
    )

    (block,) = blocks_of(page)
    assert (block.line, block.language, block.setups) == (10, "console", (("photo", "rose.jpg"),))
    assert block.text == "\n$ ls\nrose.jpg"


def test_a_setup_prepares_the_folder_and_a_block_is_a_file(tmp_path: Path) -> None:
    outcome = _run(
        tmp_path,
        """
<!-- test: file run.toml -->
'''toml
epochs = 3
'''

<!-- test: setup photo a.jpg b/c.jpg -->
<!-- test: setup model m.onnx -->
'''console
$ cat run.toml; ls *.* b
epochs = 3
a.jpg
m.onnx
run.toml

b:
c.jpg
'''
""",
    )

    assert outcome.failures == []


def test_what_a_reader_would_run_first_is_run(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "<!-- test: run echo 'a  b' > made -->\n'''console\n$ cat made\na  b\n'''\n")

    assert outcome.failures == []


def test_options_added_for_the_test_reach_their_command_only(tmp_path: Path) -> None:
    outcome = _run(
        tmp_path,
        """
<!-- test: setup photo a.jpg -->
<!-- test: setup model m.onnx -->
<!-- test: add run --top 1 -->
<!-- test: add verify --format json -->
'''console
$ edgecls run a.jpg --top 3 | cat
a.jpg  dandelion   0.99
$ edgecls verify m.onnx | head -c 1
{
'''

'''console
$ edgecls run a.jpg --top 2
a.jpg  dandelion   0.99  sunflowers  0.00
'''
""",
    )

    assert outcome.failures == []


def test_servers_run_beside_the_commands_that_follow_and_end_with_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    page = _page(
        tmp_path,
        """
<!-- test: setup photo a.jpg -->
<!-- test: setup model roses.onnx -->
'''console
$ edgecls serve &
listening on http://127.0.0.1:8000
model flowers (flowers) on cpu
ready: flowers
$ curl -s --data-binary @a.jpg http://127.0.0.1:8000/predict
{"image": "body", "label": "dandelion", ... "time_ms": 1.0}
'''

'''bash
edgecls serve roses.onnx --port 8001    # in another terminal
curl -sf http://127.0.0.1:8000/readyz
curl -sf http://127.0.0.1:8001/readyz
edgecls serve roses=roses.onnx --port 8001
'''

'''python
import edgecls

with edgecls.Client("http://127.0.0.1:8001") as client:
    print(client.predict("a.jpg").label)
'''
""",
    )

    outcome = run_apart(page, folder)

    assert outcome.failures == []
    assert (outcome.blocks, outcome.commands) == (3, 6)


def test_what_a_page_has_started_ends_with_it(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "'''bash\nsleep 3000 &\necho $! > number\n'''\n")

    assert outcome.failures == []
    status = Path("/proc", (tmp_path / "folder" / "number").read_text().strip(), "stat")
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_server_that_does_not_start_fails(tmp_path: Path) -> None:
    (failure,) = _run(tmp_path, "'''bash\nedgecls serve gone.onnx\n'''\n").failures

    assert failure.startswith("page.md:2: edgecls serve gone.onnx\nit ended before it listened:")
    assert "gone.onnx" in failure.splitlines()[-1]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("roses  0.91", "roses   0.9302"),
        ("loss 1.500, 21 images", "loss 1.53, 21 images"),
        ("done in 12 s", "done in 0.4 s"),
        ("done in 2 min 3 s", "done in 45 seconds"),
        ("301 images/s on one thread: 2.12 times", "94.5 images/s on one thread: 1.90 times"),
        ("left 0:12, at 2030-01-02T03:04:05.678+00:00", "left 1:00:12, at 2026-11-28T18:00:00+00:00"),
        ("wrote m.onnx (2.97 MB, was 9.29 MB)", "wrote m.onnx (3.01 MB, was 9290 kB)"),
        ('{"probability": 0.99, "time_ms": 6.5}', '{"probability": 0.981, "time_ms": 211.25}'),
        ("flowers/1.jpg, ... and 5d2c…", "flowers/1.jpg, 2.jpg and 5d2c0fe1"),
        ("epoch 1/3", "epoch 1/3"),
    ],
)
def test_numbers_match_within_tolerance_and_times_always(shown: str, printed: str) -> None:
    assert line_matches(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("roses  0.91", "roses  0.85"),
        ("loss 1.500", "loss 1.700"),
        ("21 images", "22 images"),
        ("1,021 images", "1,022 images"),
        ("001.jpg", "002.jpg"),
        ("int8", "int4"),
        ("edgecls 0.1.0", "edgecls 0.1.1"),
        ("wrote m.onnx (2.97 MB)", "wrote m.onnx (4.97 MB)"),
        ("wrote m.onnx (2.97 MB)", "wrote m.onnx (2.97 kB)"),
        ("done in 12 s", "done in a while"),
        ("epoch 1/3", "epoch 1/4"),
        ("a ... c", "a b d"),
    ],
)
def test_other_texts_and_numbers_do_not_match(shown: str, printed: str) -> None:
    assert not line_matches(shown, printed)


def test_dots_stand_for_any_lines_and_both_streams_keep_their_order() -> None:
    out, err = "first\nsecond\nthird\n", "reading 3 images\n"

    assert difference(["first", "...", "third"], out, err) is None
    assert difference(["first", "second", "third", "..."], out, err) is None
    assert difference(["reading 3 images", "first", "second", "third"], out, err) is None
    assert difference(["first", "second", "reading 3 images", "third"], out, err) is None
    assert difference(["second", "first", "third"], out, err) is not None
    assert difference(["first", "...", "second"], out, err) is not None
    assert difference(["reading 4 images", "first", "second", "third"], out, err) is not None


def test_a_wider_tolerance_is_for_its_block_only(tmp_path: Path) -> None:
    outcome = _run(
        tmp_path,
        "<!-- test: tolerance 0.5 -->\n'''console\n$ echo 1.4\n1.0\n'''\n\n'''console\n$ echo 1.4\n1.0\n'''\n",
    )

    assert [failure.partition(":")[2].partition(":")[0] for failure in outcome.failures] == ["8"]
