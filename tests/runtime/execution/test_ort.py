"""Standard output stays clean, whoever writes."""

import os
import sys

import pytest

from edgecls.runtime.execution.ort import stdout_to_stderr


def test_what_python_and_libraries_print_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    sys.stdout.write("result 1\n")
    with stdout_to_stderr():
        sys.stdout.write("from Python\n")
        os.write(1, b"from a library\n")
    sys.stdout.write("result 2\n")

    out, err = capfd.readouterr()
    assert out == "result 1\nresult 2\n"
    assert sorted(err.splitlines()) == ["from Python", "from a library"]


def test_standard_output_is_back_after_an_exception(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), stdout_to_stderr():
        raise KeyError

    os.write(1, b"result\n")
    assert capfd.readouterr().out == "result\n"
