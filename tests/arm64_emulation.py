"""The running side on ARM64, emulated on x86 under Debian or Ubuntu, and compared with this machine's answers.

qemu-user, a Python for arm64 and its libraries are Debian's, unpacked into a folder: nothing is installed, and it need
not be root. The packages are the wheels for aarch64 that `pip install edgecls[cpu]` would take on such a machine. The
bundled model (int8) and a model of `train --quick` (float32) are verified there, classify images, and are served.

    python tests/arm64_emulation.py [--folder FOLDER] [--cpu cortex-a72]

The environment that runs it needs edgecls with the extras cpu and quick.
"""

import argparse
import configparser
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from debian_packages import fetch, unpack
from script_steps import REPOSITORY, say

PYTHON, GUEST_PYTHON = "python3.11", "usr/bin/python3.11"
WHEEL_PLATFORMS = ["manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37))]  # glibc 2.36

BUNDLED = REPOSITORY / "edgecls/assets/flowers.onnx"
START_S, REQUEST_S, STOP_S = 300.0, 120.0, 60.0
TOLERANCES = {"float32": 0.02, "int8": 0.1}
"""Largest difference of a probability. OpenCV's bilinear resize rounds otherwise on ARM64: a quarter of the pixels
differ by one level. Integer kernels differ between processors besides."""
SURE = 0.2
"""Where the best label is so far ahead of the next, it must be the same in int8; in float32 always."""


@dataclass(frozen=True)
class Guest:
    """The emulated machine.

    Attributes:
        command: Starts its Python.
        environment: Variables for that.
    """

    command: list[str]
    environment: dict[str, str]

    def run(self, *arguments: str) -> str:
        """Run edgecls there, and return its standard output.

        Raises:
            SystemExit: It failed.
        """
        done = subprocess.run(
            [*self.command, "-m", "edgecls", *arguments], env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"edgecls {' '.join(arguments)} ends with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout


def prepare(folder: Path, cpu: str) -> Guest:
    """Fetch what is missing in the folder, and return the machine.

    Raises:
        SystemExit: This machine has no apt, or no key of Debian's.
    """
    root, emulator, wheels = folder / "root", folder / "qemu/usr/bin/qemu-aarch64", folder / "wheels"
    if not emulator.exists() or not (root / GUEST_PYTHON).exists():
        _fetch_debian_packages(folder)
    requirements = _requirements()
    stamp = folder / "wheels.txt"
    if not stamp.exists() or stamp.read_text() != "\n".join(requirements):
        platforms = [word for platform in WHEEL_PLATFORMS for word in ("--platform", platform)]
        target = ["--target", str(wheels), "--upgrade", "--only-binary=:all:", "--no-compile", "--no-warn-conflicts"]
        python = ["--implementation", "cp", "--python-version", PYTHON.removeprefix("python")]
        _check_call(sys.executable, "-m", "pip", "install", "-q", *target, *python, *platforms, *requirements)
        stamp.write_text("\n".join(requirements))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PYTHONPATH": f"{wheels}:{REPOSITORY}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
        "QEMU_CPU": cpu,
    }
    return Guest([str(emulator), "-L", str(root), str(root / GUEST_PYTHON)], environment)


def _requirements() -> list[str]:
    settings = configparser.ConfigParser()
    settings.read(REPOSITORY / "setup.cfg")
    parts = settings["options"]["install_requires"], settings["options.extras_require"]["cpu"]
    return [line for part in parts for line in part.split("\n") if line]


def _fetch_debian_packages(folder: Path) -> None:
    """Unpack qemu-user from the backports of Debian 12, and Python for arm64 with all that it needs."""
    files = fetch(
        folder / "apt",
        [PYTHON, "libstdc++6", "qemu-user:amd64/bookworm-backports"],
        suites=["bookworm", "bookworm-backports"],
        architectures=["arm64", "amd64"],
    )
    emulator = [file for file in files if file.name.startswith("qemu-user_")]
    unpack([file for file in files if file not in emulator], folder / "root")
    unpack(emulator, folder / "qemu")


def make_images(folder: Path) -> Path:
    """Write the example and images of several sizes and formats: disks on a gradient with noise, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    example = REPOSITORY / "examples/dandelion.jpg"
    (folder / example.name).write_bytes(example.read_bytes())
    random = np.random.default_rng(5)
    shapes = [("jpg", 240, 320), ("jpg", 1201, 900), ("png", 64, 48), ("png", 500, 501), ("webp", 333, 777)]
    for number, (suffix, height, width) in enumerate(shapes * 2):
        image = np.zeros((height, width, 3), np.uint8)
        image[:] = np.linspace(40, 200, width, dtype=np.uint8)[None, :, None]
        for _ in range(6):
            center = (int(random.integers(width)), int(random.integers(height)))
            color = [int(value) for value in random.integers(0, 255, 3)]
            cv2.circle(image, center, int(random.integers(5, max(height, width) // 4)), color, -1)
        noise = random.normal(0, 12, image.shape)
        cv2.imwrite(str(folder / f"{number:02}.{suffix}"), np.clip(image + noise, 0, 255).astype(np.uint8))
    return folder


def make_float_model(folder: Path) -> Path:
    """Train a float32 model on circles and stripes, on this machine."""
    model = folder / "float32.onnx"
    data = folder / "shapes"
    random = np.random.default_rng(6)
    for number in range(24):
        image = random.integers(0, 90, (120, 120, 3)).astype(np.uint8)
        label, color = ("circles", "stripes")[number % 2], [int(value) for value in random.integers(120, 255, 3)]
        for _ in range(4):
            x, y = (int(value) for value in random.integers(15, 105, 2))
            if label == "circles":
                cv2.circle(image, (x, y), 14, color, -1)
            else:
                cv2.line(image, (0, y), (119, y), color, 5)
        (data / label).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(data / label / f"{number:02}.png"), image)
    _check_call(*_native(), "train", str(data), "-o", str(model), "--quick", "--overwrite", stdout=subprocess.DEVNULL)
    return model


def compare(guest: Guest, model: Path, images: Path, precision: str) -> None:
    """Verify the model there, and compare its answers with those of this machine.

    Raises:
        SystemExit: A label differs that must not, or a probability by more than the tolerance.
    """
    arguments = ["run", str(images), "--model", str(model), "--format", "json", "--top", "2", "--provider", "cpu"]
    start_s = time.perf_counter()
    there = _by_image(guest.run(*arguments))
    elapsed_s = time.perf_counter() - start_s
    native = subprocess.run([*_native(), *arguments], capture_output=True, text=True, check=True)
    here = _by_image(native.stdout)
    if here.keys() != there.keys() or not here:
        raise SystemExit(f"{precision}: {len(here)} images were classified here, {len(there)} there")
    largest, same = 0.0, 0
    for image, expected in here.items():
        best, second = (each["probability"] for each in expected["top"])
        found = {each["label"]: each["probability"] for each in there[image]["top"]}
        same += there[image]["top"][0]["label"] == expected["top"][0]["label"]
        if expected["top"][0]["label"] != there[image]["top"][0]["label"] and (
            precision == "float32" or best - second > SURE
        ):
            raise SystemExit(f"{precision}: {image} is {expected} here, {there[image]} there")
        largest = max(largest, abs(best - found.get(expected["top"][0]["label"], 0.0)))
    if largest > TOLERANCES[precision]:
        raise SystemExit(f"{precision}: probabilities differ by {largest:.4f}")
    say(
        f"{precision}: {same} of {len(here)} images have the same label, the best probability differs by at most "
        f"{largest:.2g}; {elapsed_s:.0f} s"
    )
    say(f"{precision}: {guest.run('verify', str(model), '--provider', 'cpu').strip()}")


def serve(guest: Guest, image: Path) -> None:
    """Start the server there, have it classify an image, and stop it.

    Raises:
        SystemExit: It does not start, answers wrongly, or does not stop.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*guest.command, "-m", "edgecls", "serve", "--port", str(port), "--provider", "cpu"]
    with subprocess.Popen(command, env=guest.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        try:
            _wait_until_ready(server, port)
            url = f"http://127.0.0.1:{port}/predict"
            request = urllib.request.Request(url, image.read_bytes(), {"Content-Type": "image/jpeg"})
            with urllib.request.urlopen(request, timeout=REQUEST_S) as response:
                answer = json.load(response)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                code = server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                raise SystemExit("the server does not stop") from None
    if code or answer["label"] != "dandelion":
        raise SystemExit(f"the server answers {answer}, and ends with {code}")
    say(f"serve: {answer['label']} {answer['probability']:.3f}, and it stops at SIGTERM")


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=REQUEST_S).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    server.kill()
    raise SystemExit(f"the server does not start: {server.communicate()[1].decode()}")


def _by_image(text: str) -> dict[str, dict[str, list[dict[str, float]]]]:
    return {line["image"]: line for line in map(json.loads, text.splitlines())}


def _native() -> list[str]:
    return [sys.executable, "-m", "edgecls"]


def _check_call(*command: str, **options: object) -> None:
    subprocess.run(command, check=True, **options)


def main() -> None:
    """Prepare, compare both models, and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".arm64", help="where it is unpacked, and kept")
    parser.add_argument(
        "--cpu", default="cortex-a76", help="processor to emulate: cortex-a76 is that of a Raspberry Pi 5"
    )
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    start_s = time.perf_counter()
    guest = prepare(folder, options.cpu)
    facts = "import platform; print(platform.machine(), 'Python', platform.python_version(), platform.libc_ver()[1])"
    described = subprocess.run([*guest.command, "-c", facts], env=guest.environment, capture_output=True, text=True)
    if described.returncode:
        raise SystemExit(f"the emulated Python does not run: {described.stderr}")
    say(f"emulated {options.cpu}: {described.stdout.strip()}")
    images = make_images(folder / "images")
    compare(guest, BUNDLED, images, "int8")
    compare(guest, make_float_model(folder), images, "float32")
    serve(guest, images / "dandelion.jpg")
    say(f"passed in {time.perf_counter() - start_s:.0f} s")


if __name__ == "__main__":
    main()
