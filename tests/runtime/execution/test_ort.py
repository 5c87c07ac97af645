"""Standard output stays clean, whoever writes."""

import os
import sys

import pytest

from edgecls.runtime.execution.ort import one_line, stdout_to_stderr


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model failed:\nProtobuf parsing failed.", None),
        ("/onnxruntime_src/a/b.cc:12 void f(int) something failed", "something failed"),
        (
            "[ONNXRuntimeError] : 11 : EP_FAIL : /onnxruntime_src/a/ep.cc:393 virtual T f(const O&) "
            "[ONNXRuntimeError] : 11 : EP_FAIL : /onnxruntime_src/a/b.cc:136 w::C::I(const w::F&)::<lambda()> "
            "r.status == S was false. Failed to get a WebGPU adapter: No supported adapters",
            "Failed to get a WebGPU adapter: No supported adapters",
        ),
        ("no error of onnxruntime", "no error of onnxruntime"),
    ],
    ids=["status", "place", "plugin", "other"],
)
def test_an_error_of_onnxruntime_is_what_it_says_and_no_more(text: str, expected: str | None) -> None:
    assert one_line(RuntimeError(text)) == (expected or "Load model failed: Protobuf parsing failed.")
