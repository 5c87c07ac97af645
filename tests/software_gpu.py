"""A GPU in software for the WebGPU plugin: Chromium brings a Vulkan driver that runs on the processor."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["run_on_software_gpu"]

_FOLDERS = ("/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome")
_DRIVER = "vk_swiftshader_icd.json"


def run_on_software_gpu(*arguments: str, cache: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process in which onnxruntime-ep-webgpu finds a device; skips the test where it cannot.

    Args:
        arguments: Of Python.
        cache: The cache folder of edgecls.
        environment: More variables, which win.
    """
    folder = next((folder for folder in map(Path, _FOLDERS) if (folder / _DRIVER).exists()), None)
    missing = "onnxruntime-ep-webgpu" if importlib.util.find_spec("onnxruntime_ep_webgpu") is None else None
    if folder is None or not (folder / "libvulkan.so.1").exists():
        missing = "Chromium with its Vulkan driver in software"
    if missing or folder is None:
        if "EDGECLS_REQUIRE_WEBGPU" in os.environ:
            pytest.fail(f"{missing} is not installed")
        pytest.skip(f"{missing} is not installed")
    variables = {
        **os.environ,
        "LD_LIBRARY_PATH": str(folder),
        "VK_ICD_FILENAMES": str(folder / _DRIVER),
        "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER": "1",
        "XDG_CACHE_HOME": str(cache),
        **environment,
    }
    return subprocess.run(
        [sys.executable, *arguments], env=variables, capture_output=True, encoding="utf-8", timeout=600, check=False
    )
