"""Steps of a measurement: each bounded, skipped with a reason when it fails, and never lost once it is done."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from bench_gpu import SECONDS, plan  # noqa: E402
from steps import Step, read_record, run_steps, unpack_results  # noqa: E402

LONG_S = 120.0


def _step(name: str, script: str, budget_s: float = LONG_S, **more: object) -> Step:
    return Step(name, (sys.executable, "-c", textwrap.dedent(script)), budget_s, **more)  # type: ignore[arg-type]


def _noting(name: str, folder: Path) -> Step:
    """A step that leaves a line each time it runs."""
    return _step(name, f"open({str(folder / name)!r}, 'a').write('ran\\n'); print('this is', {name!r})")


def _runs(folder: Path, name: str) -> int:
    path = folder / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_failed_step_is_skipped_with_its_last_words_and_the_next_one_runs(tmp_path: Path) -> None:
    failing = _step("failing", "print('first'); raise SystemExit('the disk is full')")

    record = run_steps([failing, _noting("next", tmp_path)], tmp_path / "record.json", total_s=LONG_S)

    assert record["failing"]["state"] == "skipped"
    assert record["failing"]["reason"] == "exit code 1: the disk is full"
    assert record["failing"]["output"] == "first\nthe disk is full"
    assert record["next"]["state"] == "done"
    assert record["next"]["reason"] is None
    assert record["next"]["output"] == "this is next"


def test_a_program_that_is_not_there_and_a_known_hindrance_are_reasons_too(tmp_path: Path) -> None:
    absent = Step("absent", (str(tmp_path / "no such program"),), LONG_S)
    hindered = _step("hindered", "raise SystemExit(1)", hindrance="there is no GPU here")

    record = run_steps([absent, hindered], tmp_path / "record.json", total_s=LONG_S)

    assert record["absent"]["reason"].startswith("cannot be started: ")
    assert record["hindered"]["state"] == "skipped"
    assert record["hindered"]["reason"] == "there is no GPU here"


def test_a_step_over_its_time_is_ended_with_the_servers_it_has_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    slow = _step(
        "slow",
        f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        open({str(pid_file)!r}, "w").write(str(child.pid))
        time.sleep(600)
        """,
        budget_s=3.0,
    )

    record = run_steps([slow, _noting("next", tmp_path)], tmp_path / "record.json", total_s=LONG_S)

    assert record["slow"]["reason"] == "not done after 3 s"
    assert record["next"]["state"] == "done"
    if pid_file.exists():  # a very slow machine may not have come so far
        state = Path(f"/proc/{pid_file.read_text()}/stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_the_record_is_whole_while_every_step_runs(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    looking = _step("second", f"print(open({str(record)!r}).read())")

    run_steps([_noting("first", tmp_path), looking], record, total_s=LONG_S)

    seen = json.loads(read_record(record)["second"]["output"])["steps"]
    assert seen["first"]["state"] == "done"
    assert seen["second"]["state"] == "begun"
    assert seen["second"]["reason"] == "it was cut off"


def test_a_run_goes_on_after_the_steps_that_are_done(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    mended = tmp_path / "mended"
    second = _step("second", f"import os, sys; sys.exit(not os.path.exists({str(mended)!r}))")
    steps = [_noting("first", tmp_path), second, _noting("third", tmp_path)]

    before = run_steps(steps, record, total_s=LONG_S)
    mended.touch()
    after = run_steps(steps, record, total_s=LONG_S)

    assert before["second"]["state"] == "skipped"
    assert [after[step.name]["state"] for step in steps] == ["done"] * 3
    assert (_runs(tmp_path, "first"), _runs(tmp_path, "third")) == (1, 1)


def test_a_run_that_is_killed_loses_only_the_step_it_was_in(tmp_path: Path) -> None:
    script = f"""
        import sys
        sys.path.insert(0, {str(BENCHMARKS)!r})
        from pathlib import Path
        from steps import Step, run_steps
        kill = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
        commands = {{"first": "print(1)", "killed": kill}}
        steps = [Step(name, (sys.executable, "-c", command), 120) for name, command in commands.items()]
        run_steps(steps, Path({str(tmp_path / "record.json")!r}), total_s=240)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, check=False)

    record = read_record(tmp_path / "record.json")

    assert killed.returncode < 0
    assert (record["first"]["state"], record["killed"]["state"]) == ("done", "begun")


def test_a_step_whose_command_has_changed_or_that_is_wanted_again_is_run_again(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    one, other = _noting("one", tmp_path), _noting("other", tmp_path)
    run_steps([one, other], record, total_s=LONG_S)

    changed = Step("one", (*one.command, "--more"), LONG_S)
    run_steps([changed, other], record, total_s=LONG_S, again=["other"])

    assert (_runs(tmp_path, "one"), _runs(tmp_path, "other")) == (2, 2)


def test_what_has_no_time_left_is_skipped(tmp_path: Path) -> None:
    record = run_steps([_noting("late", tmp_path)], tmp_path / "record.json", total_s=1.0)

    assert record["late"]["reason"] == "the 1 s for all steps are over"
    assert _runs(tmp_path, "late") == 0


def test_results_lie_in_the_record_and_later_steps_find_them_after_a_resumption_too(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    folder = "import json, os, pathlib; folder = pathlib.Path(os.environ['EDGECLS_BENCH_RESULTS'])"
    first = _step("first", f"{folder}; (folder / 'speed.json').write_text(json.dumps({{'a': 1}}))")
    second = _step(
        "second",
        f"{folder}; speed = folder / 'speed.json'; old = json.loads(speed.read_text());"
        " speed.write_text(json.dumps({**old, 'b': 2}))",
    )

    run_steps([first], path, total_s=LONG_S)
    record = run_steps([first, second], path, total_s=LONG_S)

    assert record["first"]["results"] == {"speed.json": {"a": 1}}
    (unpacked,) = unpack_results(record, tmp_path / "unpacked")
    assert json.loads(unpacked.read_text()) == {"a": 1, "b": 2}


def test_a_file_that_is_no_record_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("my notes")

    with pytest.raises(SystemExit, match="no record of steps"):
        run_steps([_noting("first", tmp_path)], tmp_path / "record.json", total_s=LONG_S)

    assert (tmp_path / "record.json").read_text() == "my notes"


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    """A folder as --prepare writes it, with empty files."""
    (tmp_path / "resnet18").mkdir()
    for name in ("resnet18.onnx", "resnet18-float16.onnx", "resnet18.keras"):
        (tmp_path / "resnet18" / name).touch()
    manifest = {"limit_mib": 54, "mib": {"resnet18": 3.0}, "skipped": {"vgg16": "takes 900 MiB"}}
    (tmp_path / "models.json").write_text(json.dumps(manifest))
    return tmp_path


@pytest.mark.parametrize("dry", [False, True])
def test_every_step_of_the_plan_is_there_and_has_a_name_of_its_own(carried: Path, dry: bool) -> None:
    steps = plan(carried, dry=dry)

    names = [step.name for step in steps]
    assert len(set(names)) == len(names)
    assert {"doctor", "golden resnet18", "inference resnet18 TF32", "predict_many", "serve", "training"} <= set(names)
    assert {"TensorRT", "tests", "quick training", "gRPC", "inference resnet18 on the CPU"} <= set(names)
    assert all(Path(step.command[1]).exists() for step in steps if step.command[1].endswith(".py"))
    assert all(step.budget_s < SECONDS for step in steps) or dry
    (too_large,) = (step for step in steps if step.name == "golden vgg16")
    assert too_large.hindrance == "takes 900 MiB"


def test_without_carried_models_the_steps_that_need_them_say_so(tmp_path: Path) -> None:
    steps = {step.name: step for step in plan(tmp_path / "models", dry=True)}

    assert "run bench_gpu.py --prepare" in (steps["golden efficientnet_lite0"].hindrance or "")
    assert steps["quick training"].hindrance == steps["golden efficientnet_lite0"].hindrance
    assert steps["serve"].hindrance is None  # the bundled model takes their place


def test_only_the_tests_with_the_mark_are_run(tmp_path: Path) -> None:
    (tests,) = (step for step in plan(tmp_path, dry=True) if step.name == "tests")

    found = {word for word in tests.command if word.startswith("tests")}
    assert str(Path("tests") / "runtime" / "execution" / "test_gpu.py") in found
    assert str(Path("tests") / "runtime" / "execution" / "test_engine_cache.py") not in found


def test_the_target_of_make_makes_no_environment(tmp_path: Path) -> None:
    """The machine has no network, so nothing may be installed there."""
    repository = BENCHMARKS.parent
    command = ["make", "--dry-run", "-C", str(repository), "bench-gpu", "PYTHON=some-python", "ARGS=--dry"]
    command += [f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )

    assert [line for line in done.stdout.splitlines() if not line.startswith("make")] == [
        "some-python benchmarks/bench_gpu.py --dry"
    ]
