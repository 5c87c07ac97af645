"""The container file: its instructions, and the steps that need no engine."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from container_steps import instructions
from deployed_files import DEPLOY
from running_server import running_server

TEXT = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

# https://docs.docker.com/reference/dockerfile: all instructions that ours may have, and their options.
INSTRUCTIONS: dict[str, set[str]] = {
    "FROM": {"platform"},
    "ARG": set(),
    "RUN": {"mount", "network"},
    "COPY": {"from", "chown", "chmod", "link"},
    "ENV": set(),
    "USER": set(),
    "EXPOSE": set(),
    "WORKDIR": set(),
    "VOLUME": set(),
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
    "ENTRYPOINT": set(),
    "CMD": set(),
}
VARIABLES = {
    "PATH",
    "PYTHONDONTWRITEBYTECODE",
    "XDG_CACHE_HOME",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
}


def _faults(text: str) -> list[str]:
    """Return what an engine would refuse, or take for something else."""
    faults: list[str] = []
    stages: set[str] = set()
    declared: set[str] = set()
    for instruction, rest in instructions(text):
        if instruction not in INSTRUCTIONS:
            faults.append(f"there is no instruction {instruction}")
            continue
        options = dict(re.findall(r"(?:(?<=\s)|^)--([\w-]+)=(\S+)", rest if instruction != "RUN" else ""))
        words = [word for word in shlex.split(rest) if not word.startswith("--")] if instruction != "RUN" else []
        faults += [f"{instruction} has no option {name}" for name in options.keys() - INSTRUCTIONS[instruction]]
        if instruction == "FROM":
            if len(words) > 1 and words[1] != "AS":
                faults.append(f"FROM ... {words[1]}")
            if ":" not in words[0] and words[0] not in stages:
                faults.append(f"there is no stage {words[0]}")
            stages |= set(words[2:])
            declared = set()
        elif instruction == "ARG":
            declared.add(words[0].partition("=")[0])
        elif instruction == "COPY":
            if "from" in options and options["from"] not in stages:
                faults.append(f"there is no stage {options['from']}")
            if "from" not in options:
                sources = [word for word in words[:-1] if not word.startswith("$")]
                faults += [f"there is no {source}" for source in sources if not (DEPLOY.parent / source).exists()]
        elif instruction == "ENV":
            faults += [f"nobody reads {name}" for name in {w.partition("=")[0] for w in words} - VARIABLES]
        elif instruction in ("ENTRYPOINT", "CMD"):
            json.loads(rest)
        elif instruction == "HEALTHCHECK":
            json.loads(rest.partition("CMD ")[2])
        elif instruction == "USER" and not re.fullmatch(r"[1-9]\d*:[1-9]\d*", rest):
            faults.append("Kubernetes cannot tell whether a user with a name is root")
        if instruction in ("RUN", "COPY"):
            faults += [f"${name} is not declared" for name in set(re.findall(r"\$(\w+)", rest)) - declared]
    return faults


def test_the_container_file_has_no_fault() -> None:
    assert _faults(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        *(
            (f"\n{instruction} ", f"\n{instruction}X ")
            for instruction in sorted({one for one, _ in instructions(TEXT)})
        ),
        ("--start-period=", "--startperiod="),
        ("--interval=", "--intervall="),
        ("--timeout=", "--time-out="),
        ("--retries=", "--retry="),
        ("--from=build", "--from=builder"),
        ("COPY --from=", "COPY --form="),
        ("FROM serve AS", "FROM server AS"),
        ("COPY $MODELS", "COPY $MODEL"),
        ("ARG EXTRA", "ARG EXTRAS"),
        ("COPY setup.cfg", "COPY setup.py"),
        ("XDG_CACHE_HOME", "XDG_CACHE"),
        ("NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_CAPABILITIES"),
        ("USER 65532:65532", "USER edgecls"),
    ],
)
def test_a_misspelling_is_noticed(right: str, wrong: str) -> None:
    assert right in TEXT
    assert _faults(TEXT.replace(right, wrong, 1))


def test_the_last_stage_has_nothing_to_install_packages_with() -> None:
    last = TEXT.partition("AS serve\n")[2]

    assert "pip" not in last
    assert "venv" not in last
    assert "USER 65532" in last


def test_the_extras_it_can_be_built_with_are_those_of_the_package() -> None:
    extras = re.findall(
        r"^(\w+) =$", (DEPLOY.parent / "setup.cfg").read_text().partition("extras_require]")[2], re.MULTILINE
    )

    assert set(re.findall(r"EXTRA=(\w+)", TEXT)) == {"cpu", "gpu"} <= set(extras)


def test_the_health_check_passes_while_the_server_is_ready_and_fails_without_one(tiny_model_path: Path) -> None:
    command = json.loads(re.search(r"HEALTHCHECK.*?CMD (\[.*?\])\n", TEXT, re.DOTALL)[1])  # type: ignore[index]
    assert command[:2] == ["python", "-c"]

    with running_server(tiny_model_path) as server:
        program = command[2].replace("http://127.0.0.1:8000", server.url)
        assert program != command[2]
        assert subprocess.run([sys.executable, "-c", program], timeout=600).returncode == 0
        server.stop()
        assert subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=600).returncode != 0
