"""The servers that are compared, and how each is started and asked, as its own guide says."""

import json
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server_process import free_port
from wrk_load import Form

from edgecls.runtime.machine.cores import usable_cores

__all__ = ["PEERS", "Peer"]

APPS = Path(__file__).parent


@dataclass(frozen=True)
class Peer:
    """A server and how it is asked.

    Attributes:
        name: As in the table.
        environment: Which virtual environment it runs in.
        form: How an image is sent.
        path: Where to; {model} stands for the model's name.
        command: Its command, from the folder of programs, the model and the port.
        before: What is run once before it is started for the first time with a model: the folder of programs, the
            model and an image; None for nothing.
    """

    name: str
    environment: str
    form: Form
    path: str
    command: Callable[[Path, Path, int], list[object]]
    before: Callable[[Path, Path, Path], list[object]] | None = None


def _edgecls(programs: Path, model: Path, port: int) -> list[object]:
    return [programs / "edgecls", "serve", "-m", model, "--provider", "cpu", "--no-tuned", "--port", port]


def _edgecls_two(programs: Path, model: Path, port: int) -> list[object]:
    return [*_edgecls(programs, model, port), "--workers", 2]


def _edgecls_tuned(programs: Path, model: Path, port: int) -> list[object]:
    return [programs / "edgecls", "serve", "-m", model, "--tune", "--port", port]


def _first_use(programs: Path, model: Path, image: Path) -> list[object]:
    return [programs / "edgecls", "run", image, "-m", model, "--tune"]


def _fastapi(workers: int) -> Callable[[Path, Path, int], list[object]]:
    def command(programs: Path, model: Path, port: int) -> list[object]:
        options = ["--app-dir", APPS, "--workers", workers, "--port", port, "--no-access-log"]
        return [programs / "uvicorn", "fastapi_app:app", *options]

    return command


def _asgi(workers: int) -> Callable[[Path, Path, int], list[object]]:
    def command(programs: Path, model: Path, port: int) -> list[object]:
        threads = f"EDGECLS_BENCH_THREADS={max(1, usable_cores() // workers)}"
        options = ["--app-dir", APPS, "--workers", workers, "--port", port, "--no-access-log"]
        return ["env", threads, programs / "uvicorn", "asgi_app:app", *options]

    return command


def _granian(workers: int, threads: int) -> Callable[[Path, Path, int], list[object]]:
    def command(programs: Path, model: Path, port: int) -> list[object]:
        options = ["--interface", "wsgi", "--workers", workers, "--blocking-threads", threads, "--port", port]
        return [programs / "granian", *options, "--no-ws", "bottle_app:app"]

    return command


def _script(name: str) -> Callable[[Path, Path, int], list[object]]:
    return lambda programs, model, port: [programs / "python", APPS / name, port]


def _bentoml(programs: Path, model: Path, port: int) -> list[object]:
    return [programs / "bentoml", "serve", "bentoml_app:Classify", "--working-dir", APPS, "--port", port, "-q"]


def _mlserver(programs: Path, model: Path, port: int) -> list[object]:
    folder = Path(tempfile.mkdtemp(prefix="edgecls-mlserver-"))
    others = {"grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "http_port": port, "parallel_workers": 2, "debug": False, **others}
    (folder / "settings.json").write_text(json.dumps(settings))
    served = {"name": model.stem, "implementation": "mlserver_app.Classify"}
    (folder / "model-settings.json").write_text(json.dumps(served))
    return [programs / "mlserver", "start", folder]


def _triton(programs: Path, model: Path, port: int) -> list[object]:
    # Its stub has to find the library of this very Python, as its guide says, not that of the system.
    libraries = f"LD_LIBRARY_PATH={sysconfig.get_config_var('LIBDIR')}"
    return ["env", libraries, programs / "python", APPS / "triton_app.py", port]


PEERS = [
    Peer("edgecls raw", "edgecls", "raw", "/predict", _edgecls),
    Peer("edgecls multipart", "edgecls", "multipart", "/predict", _edgecls),
    Peer("edgecls V2 JSON", "edgecls", "v2", "/v2/models/{model}/infer", _edgecls),
    Peer("edgecls 2 workers raw", "edgecls", "raw", "/predict", _edgecls_two),
    Peer("edgecls, tuned, raw", "edgecls_tuned", "raw", "/predict", _edgecls_tuned, _first_use),
    Peer("bare ASGI 1 worker raw", "asgi", "raw", "/raw", _asgi(1)),
    Peer("bare ASGI 2 workers raw", "asgi", "raw", "/raw", _asgi(2)),
    Peer("Bottle on granian 1 x 2 raw", "bottle", "raw", "/raw", _granian(1, 2)),
    Peer("Bottle on granian 2 x 1 raw", "bottle", "raw", "/raw", _granian(2, 1)),
    Peer("FastAPI 1 worker raw", "fastapi", "raw", "/raw", _fastapi(1)),
    Peer("FastAPI 2 workers raw", "fastapi", "raw", "/raw", _fastapi(2)),
    Peer("FastAPI 2 workers multipart", "fastapi", "multipart", "/multipart", _fastapi(2)),
    Peer("LitServe 2 workers multipart", "litserve", "multipart", "/predict", _script("litserve_app.py")),
    Peer("BentoML 2 workers multipart", "bentoml", "multipart", "/predict", _bentoml),
    Peer("Ray Serve 2 replicas raw", "ray", "raw", "/predict", _script("ray_app.py")),
    Peer("MLServer 2 workers V2 JSON", "mlserver", "v2", "/v2/models/{model}/infer", _mlserver),
    Peer("Triton (pytriton) 2 instances V2 JSON", "triton", "v2", "/v2/models/{model}/infer", _triton),
]
