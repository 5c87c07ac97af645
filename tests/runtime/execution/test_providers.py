"""Providers: their order, their helpers, and importing onnxruntime without a word to anyone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.commands.options import provider_option
from edgecls.runtime.execution.providers import Provider, installed_providers, providers_to_try


def test_auto_tries_what_is_built_in_and_the_cpu_last() -> None:
    tried = providers_to_try(Provider.AUTO)

    assert tried == [provider for provider in installed_providers() if provider is not Provider.OPENVINO]
    assert tried == [provider for provider in Provider if provider in tried]
    assert tried[-1] is Provider.CPU


def test_a_name_is_tried_alone() -> None:
    assert providers_to_try(Provider.TENSORRT) == [Provider.TENSORRT]


@pytest.mark.parametrize(
    ("provider", "with_helpers"),
    [
        (Provider.TENSORRT, (Provider.TENSORRT, Provider.CUDA, Provider.CPU)),
        (Provider.CUDA, (Provider.CUDA, Provider.CPU)),
        (Provider.OPENVINO, (Provider.OPENVINO,)),
        (Provider.CPU, (Provider.CPU,)),
    ],
)
def test_a_provider_hands_on_what_it_cannot_run(provider: Provider, with_helpers: tuple[Provider, ...]) -> None:
    assert provider.with_helpers == with_helpers


def test_the_command_line_knows_every_provider() -> None:
    def command() -> None: ...

    (option,) = provider_option(command).__click_params__

    assert list(option.type.choices) == list(Provider)


@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")], ids=["unasked", "asked-for"])
def test_telemetry_is_off_before_onnxruntime_is_imported_unless_asked_for(given: str | None, found: str) -> None:
    script = (
        "import os, sys\n"
        "from edgecls.runtime.execution.ort import load_onnxruntime\n"
        "class Spy:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime': print(os.environ.get('ORT_DISABLE_TELEMETRY'), file=sys.stderr)\n"
        "sys.meta_path.insert(0, Spy())\n"
        "load_onnxruntime()\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    if given is not None:
        environment["ORT_DISABLE_TELEMETRY"] = given

    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr.split()) == ("", [found])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os; os.write(1, b'noise')", "cannot load onnxruntime: it is damaged or incomplete"),
        ("import a_part_that_is_gone\n", "No module named 'a_part_that_is_gone'.*edgecls doctor"),
    ],
    ids=["emptied-by-another-wheel", "a-part-missing"],
)
def test_a_damaged_onnxruntime_is_named_and_prints_nothing_to_stdout(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(source)
    script = (
        "from edgecls.errors import ProviderError\n"
        "from edgecls.runtime.execution.ort import load_onnxruntime\n"
        "import re, sys\n"
        "try: load_onnxruntime()\n"
        f"except ProviderError as error: sys.exit(0 if re.search({message!r}, str(error)) else str(error))\n"
        "sys.exit('no error')\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])

    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
