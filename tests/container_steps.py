"""The steps of deploy/Dockerfile without a container engine: in a root of its own, made by debootstrap.

Each stage is a folder that begins as Debian's slim image does; RUN runs in it by chroot, COPY copies into it. Then the
last stage is used as the container would be: as its user, with a root that cannot be written to, its health check,
a request over HTTP and one over gRPC. It has to be root, and needs debootstrap and the network; takes some minutes.

    sudo python tests/container_steps.py [--base FOLDER] [--folder FOLDER] [--debootstrap PROGRAM]
"""

import argparse
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
MIRROR = "http://deb.debian.org/debian"
PASSED_ON = re.compile(r"PIP_\w+|\w+_proxy|\w+_PROXY|SSL_CERT_FILE")
"""Variables of this machine that say how packages are got."""

HTTP_PORT, GRPC_PORT = 8000, 9000
READY_S = 300.0
USE = "--use"
SEARCHED = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass
class Stage:
    """A stage of the container file.

    Attributes:
        root: Its files.
        environment: What ENV set.
        settings: The last of each of USER, ENTRYPOINT, CMD, HEALTHCHECK.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a container file and what follows them; lines that are gone on with are one."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in whole.splitlines() if line]


def build(text: str, base: Path, folder: Path) -> Stage:
    """Carry out all stages but those that need more than the repository, and return the last."""
    stages: dict[str, Stage] = {}
    stage = Stage(base)
    skipped, arguments = False, dict[str, str]()
    for number, (instruction, rest) in enumerate(instructions(text)):
        words = shlex.split(rest) if instruction not in ("RUN", "HEALTHCHECK") else []
        if instruction == "FROM":
            name = words[2] if len(words) > 2 else f"stage-{number}"
            skipped, arguments = name == "baked", {}
            if skipped:
                continue
            before = stages.get(words[0], Stage(base))
            root = folder / name
            subprocess.run(["cp", "-a", "--reflink=auto", before.root, root], check=True)
            stage = Stage(root, dict(before.environment), dict(before.settings))
            stages[name] = stage
        elif skipped:
            continue
        elif instruction == "ARG":
            arguments[words[0].partition("=")[0]] = words[0].partition("=")[2]
        elif instruction == "ENV":
            for word in words:
                name, _, value = word.partition("=")
                stage.environment[name] = value.replace("$PATH", SEARCHED)
        elif instruction == "RUN":
            say(f"RUN {rest}")
            inside(stage, ["/bin/sh", "-c", rest], **arguments)
        elif instruction == "COPY":
            source = next((word.partition("=")[2] for word in words if word.startswith("--from=")), "")
            places = [word for word in words if not word.startswith("--")]
            copy(stages[source].root if source else REPOSITORY, places[:-1], stage.root, places[-1])
        else:
            stage.settings[instruction] = rest
    return stage


def copy(origin: Path, names: list[str], root: Path, target: str) -> None:
    """Do what COPY does: a folder's content goes into the target, files go below it if it is a folder."""
    place = root / target.lstrip("/")
    for name in names:
        source = origin / name.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
        else:
            path = place / source.name if target.endswith("/") else place
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, path)


_ENTER = """
mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=755 tmpfs "$0/dev" || exit 1
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$0/dev/${device%%:*}" c 1 "${device##*:}" || exit 1
done
ln -s /proc/self/fd "$0/dev/fd"
mkdir "$0/dev/shm"
mount -t tmpfs tmpfs "$0/dev/shm"
"""
"""Gives a root what an engine gives it; in a mount namespace, so that all of it ends with the program."""


def inside(stage: Stage, command: list[str], **variables: str) -> None:
    """Run a command with a stage as its root, with the network of this machine."""
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    environment |= {"PATH": SEARCHED, "DEBIAN_FRONTEND": "noninteractive"} | stage.environment | variables
    for shared in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        if os.path.exists(shared):
            (stage.root / shared.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(shared, stage.root / shared.lstrip("/"))
    enter = ["unshare", "--mount", "sh", "-c", _ENTER + 'exec chroot "$0" "$@"', str(stage.root)]
    subprocess.run([*enter, *command], env=environment, check=True)


def say(text: str) -> None:
    """Write a line for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def use(stage: Stage, models: Path) -> None:
    """Start the container's program as an engine would, and ask it; in namespaces of its own."""
    (stage.root / "models").mkdir(exist_ok=True)
    facts = json.dumps([str(stage.root), str(models), stage.environment, stage.settings])
    subprocess.run(["unshare", "--mount", "--net", sys.executable, __file__, USE, facts], check=True)


def use_here(root: Path, models: Path, environment: dict[str, str], settings: dict[str, str]) -> None:
    """Do that; mounts and the network belong to this process and those it starts."""
    run = functools.partial(subprocess.run, check=True)
    run(["ip", "link", "set", "lo", "up"])
    run(["mount", "--bind", root, root])
    run(["sh", "-c", _ENTER, root])
    run(["mount", "--bind", models, root / "models"])
    run(["mount", "-t", "tmpfs", "tmpfs", root / "tmp"])
    run(["mount", "-o", "remount,bind,ro", root])
    prefix = ["chroot", f"--userspec={settings['USER']}", str(root)]
    command = [*json.loads(settings["ENTRYPOINT"]), "--grpc-port", str(GRPC_PORT), *json.loads(settings["CMD"])]
    check = [*prefix, *json.loads(settings["HEALTHCHECK"].partition("CMD ")[2])]
    environment = {**environment, "HOME": "/"}
    server = subprocess.Popen([*prefix, *command], env=environment)
    try:
        give_up_s = time.monotonic() + READY_S
        while subprocess.run(check, env=environment, capture_output=True, check=False).returncode:
            if server.poll() is not None or time.monotonic() > give_up_s:
                raise SystemExit("the server is not ready")
        say("the health check passes")
        image = (REPOSITORY / "examples" / "dandelion.jpg").read_bytes()
        request = urllib.request.Request(f"http://127.0.0.1:{HTTP_PORT}/predict", image)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.loads(answer.read())
        say(f"over HTTP: {found}")
        if found["label"] != "dandelion":
            raise SystemExit("the answer is wrong")
        run([*prefix, "python", "-c", _ASK_GRPC], env=environment)
    finally:
        server.terminate()
        code = server.wait(timeout=60)
    if code:
        raise SystemExit(f"the server ended with exit code {code}")
    if subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0:
        raise SystemExit("the health check passes without a server")


_ASK_GRPC = f"""
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

stub = health_pb2_grpc.HealthStub(grpc.insecure_channel("127.0.0.1:{GRPC_PORT}"))
assert stub.Check(health_pb2.HealthCheckRequest(), timeout=60).status == 1
print("over gRPC: SERVING")
"""


def look(stage: Stage) -> None:
    """Check what may be in the last stage, and what may not."""
    installed = list((stage.root / "opt/edgecls/lib").glob("python3*/site-packages/*.dist-info"))
    names = {path.name.partition("-")[0].lower().replace("_", "-") for path in installed}
    bill = json.loads((stage.root / "opt/edgecls/sbom.cdx.json").read_text(encoding="utf-8"))
    listed = {part["name"].lower().replace("_", "-") for part in bill["components"]}
    if {"pip", "setuptools"} & names or any((stage.root / "usr/bin").glob("pip*")):
        raise SystemExit("pip is in the last stage")
    if names - listed:
        raise SystemExit(f"the list of packages lacks {sorted(names - listed)}")
    size = subprocess.run(["du", "-sm", stage.root], capture_output=True, text=True, check=True).stdout.split()[0]
    say(f"{len(names)} packages, all of them in the SBOM; the root has {size} MB")


def main() -> None:
    if sys.argv[1:2] == [USE]:
        root, models, environment, settings = json.loads(sys.argv[2])
        use_here(Path(root), Path(models), environment, settings)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, help="a root that debootstrap has made before")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where roots are made")
    parser.add_argument("--debootstrap", default="debootstrap")
    given = parser.parse_args()
    if os.geteuid():
        raise SystemExit("this has to be run as root: it uses chroot and mount")
    with tempfile.TemporaryDirectory(prefix="container-steps-", dir=given.folder) as folder:
        base = given.base
        if base is None:
            base = Path(folder) / "base"
            subprocess.run([given.debootstrap, "--variant=minbase", "trixie", base, MIRROR], check=True)
        models = Path(folder) / "models"
        models.mkdir()
        shutil.copy(REPOSITORY / "edgecls" / "assets" / "flowers.onnx", models)
        os.chmod(folder, 0o755)
        last = build((REPOSITORY / "deploy" / "Dockerfile").read_text(encoding="utf-8"), base, Path(folder))
        look(last)
        use(last, models)
    say("all steps of the container file were carried out")


if __name__ == "__main__":
    main()
