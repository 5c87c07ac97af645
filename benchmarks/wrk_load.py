"""Load by wrk: many connections post the same image as fast as they get answers.

Without wrk, benchmarks/socket_load.py takes its place, for servers that are far slower than it.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from socket_load import post_from_sockets

__all__ = ["Form", "Load", "image_body", "run_load", "run_wrk"]

_SCRIPT = """
local file = io.open(os.getenv("EDGECLS_BENCH_BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = os.getenv("EDGECLS_BENCH_TYPE")
"""
_BOUNDARY = "edgeclsBenchBoundary"
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}

Form = str
"""How an image is sent: "raw" as the body, "multipart" as the file of a form, "v2" as the Base64 of a V2 request."""


@dataclass(frozen=True)
class Load:
    """What came of it.

    Attributes:
        per_s: Requests answered a second.
        p50_ms: Median time to an answer.
        p99_ms: 99th percentile.
        failed: Answers that were no 2xx, and connections that broke.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int


def image_body(image: bytes, form: Form, *, field: str = "file") -> tuple[bytes, str]:
    """Return the body of a request with an image, and its content type."""
    if form == "raw":
        return image, "image/jpeg"
    if form == "v2":
        sent = {"name": "image", "shape": [1, 1], "datatype": "BYTES", "data": [base64.b64encode(image).decode()]}
        wanted = [{"name": "probabilities"}]
        return json.dumps({"inputs": [sent], "outputs": wanted}).encode(), "application/json"
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n'
    head += "Content-Type: image/jpeg\r\n\r\n"
    return head.encode() + image + f"\r\n--{_BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={_BOUNDARY}"


def run_load(url: str, body: bytes, content_type: str, *, connections: int, seconds: float) -> Load:
    """Post by wrk, or from sockets of Python's where there is none."""
    if shutil.which("wrk"):
        return run_wrk(url, body, content_type, connections=connections, seconds=seconds)
    with tempfile.TemporaryDirectory() as scratch:
        body_file = Path(scratch) / "body"
        body_file.write_bytes(body)
        found = post_from_sockets(url, body_file, content_type, connections=connections, seconds=seconds)
    p50, p99 = np.percentile(found.latencies_ms or [0.0], (50, 99))
    return Load(found.per_s, float(p50), float(p99), found.failed)


def run_wrk(url: str, body: bytes, content_type: str, *, connections: int, seconds: float) -> Load:
    """Post a body again and again, from one thread on the machine of the server."""
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.exit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as scratch:
        script, body_file = Path(scratch) / "post.lua", Path(scratch) / "body"
        script.write_text(_SCRIPT)
        body_file.write_bytes(body)
        done = subprocess.run(
            [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", script, url],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "EDGECLS_BENCH_BODY": str(body_file), "EDGECLS_BENCH_TYPE": content_type},
        )
    return _read(done.stdout)


def _read(report: str) -> Load:
    percentiles = {
        percent: float(value) * _SECONDS[unit] * 1000
        for percent, value, unit in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s|m)\s*$", report, re.MULTILINE)
    }
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    failed = (int(other[1]) if other else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return Load(float(rate[1]) if rate else 0.0, percentiles.get("50", 0.0), percentiles.get("99", 0.0), failed)
