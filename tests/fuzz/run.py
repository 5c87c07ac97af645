"""Fuzz for a while: each target in a process of its own, with random inputs, within bounds of time and memory.

    python tests/fuzz/run.py [--seconds 60] [--jobs 2] [--seed 1] [TARGET ...]
    python tests/fuzz/run.py --replay FILE ...
    python tests/fuzz/run.py --list

Where Atheris is installed (pip install atheris), it chooses inputs by what they reach in edgecls; otherwise they are
damaged copies of the seeds. What reached something new is kept in .fuzz/corpus/ and is where the next run begins. An
input that was answered wrongly goes to .fuzz/faults/, made as small as it can be, beside what it did. Once that is
mended, the input belongs to tests/fuzz/kept/TARGET/, from where every test run feeds it again. The exit code is 1
if there was a fault.
"""

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
KEPT = HERE.with_name("kept")
if sys.path[0] == str(HERE.parent):  # where Python puts the folder of a program: modules in it have common names
    sys.path[0] = str(HERE.parents[1])

MOST_BYTES = 1 << 16  # of an input
SHRINK_TRIES = 3000
SHRINK_S = 20.0
STUCK = 12  # times the CPU time of a target, after which a process counts as stuck in a library
MEMORY_MB = 2048


class _Now:
    """The input that is being read, in a file that survives the process."""

    def __init__(self, path: Path, *, create: bool) -> None:
        if create:
            path.write_bytes(bytes(MOST_BYTES + 16))
        with path.open("r+b") as stream:
            self._map = mmap.mmap(stream.fileno(), MOST_BYTES + 16)

    def note(self, data: bytes, number: int) -> None:
        self._map[16 : 16 + len(data)] = data
        self._map[:16] = number.to_bytes(8, "little") + len(data).to_bytes(8, "little")

    def read(self) -> tuple[int, bytes]:
        number, size = int.from_bytes(self._map[:8], "little"), int.from_bytes(self._map[8:16], "little")
        return number, self._map[16 : 16 + size]


# The process of one target


def fuzz(module: str, name: str, seconds: float, seed: int, work: Path, *, memory_mb: int, starting: bool) -> None:
    """Feed a target until the time is over; this ends the process.

    Args:
        module: Where the target is defined; others are not loaded.
        name: Of the target.
        seconds: How long.
        seed: Decides about all inputs, where Atheris is not installed.
        work: Folder for the corpus and the faults, as .fuzz.
        memory_mb: What the process may take more than it takes at first.
        starting: Whether to feed all seeds first.
    """
    atheris = _atheris()
    if atheris is not None:
        with atheris.instrument_imports(include=["edgecls"]):
            defined = importlib.import_module(module)
    else:
        defined = importlib.import_module(module)
    from fuzz.target import Watch, fault_of

    target = next(target for target in defined.TARGETS if target.name == name)
    seeds = list(target.seeds())
    corpus = work / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in (*seeds, *(path.read_bytes() for path in _kept(name))):
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    known = {path.read_text(encoding="utf-8").partition("\n")[0] for path in (work / "faults" / name).glob("*.txt")}
    now = _Now(work / "now" / name, create=False)
    count = 0
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as folder:
        watch = Watch(Path(folder))

        def feed(data: bytes) -> str | None:
            """Feed an input; return the fault, or None."""
            nonlocal count
            count += 1
            now.note(data[:MOST_BYTES], count)
            try:
                watch.feed(target, data[:MOST_BYTES])
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is what is looked for
                found = fault_of(error)
                if found not in known:
                    known.add(found)
                    feed_again = _quietly(watch, target, fault_of)
                    small = shrunk(data[:MOST_BYTES], lambda other: feed_again(other) == found)
                    _write_fault(work, name, small, found, "".join(traceback.format_exception(error)))
                return found
            return None

        _bound_memory(memory_mb)
        if starting:
            for data in (b"", *seeds):
                feed(data)
        until_s = time.monotonic() + seconds
        if atheris is None:
            _feed_damaged(feed, target, [*seeds, *(path.read_bytes() for path in _kept(name))], seed, until_s)
            os._exit(0)

        def damaged(data: bytes, most: int, number: int) -> bytes:
            chance = random.Random(number)
            if chance.random() < 0.3:
                return bytes(atheris.Mutate(data, most))
            return bytes(target.mutate(data, chance, target.words)[:most])

        arguments = [
            f"-seed={seed}",
            f"-max_total_time={max(1, int(seconds))}",
            f"-max_len={MOST_BYTES}",
            "-timeout=86400",
        ]
        arguments += ["-rss_limit_mb=0", "-print_final_stats=0", "-verbosity=0", "-detect_leaks=0"]
        arguments += [f"-artifact_prefix={work / 'now'}{os.sep}", str(corpus)]
        atheris.Setup(["fuzz", *arguments], lambda data: feed(data) and None, custom_mutator=damaged)
        atheris.Fuzz()


def _atheris():  # type: ignore[no-untyped-def]  # a module, or None
    if not _has_atheris():
        return None
    import atheris

    return atheris


def _has_atheris() -> bool:
    return importlib.util.find_spec("atheris") is not None and "EDGECLS_FUZZ_PLAIN" not in os.environ


def _feed_damaged(feed: Callable[[bytes], object], target, corpus: list[bytes], seed: int, until_s: float) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(seed)
    while time.monotonic() < until_s:
        feed(target.mutate(chance.choice(corpus), chance, target.words))


def _quietly(watch, target, fault_of) -> Callable[[bytes], str | None]:  # type: ignore[no-untyped-def]
    def feed(data: bytes) -> str | None:
        try:
            watch.feed(target, data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is what is looked for
            return str(fault_of(error))
        return None

    return feed


def shrunk(data: bytes, is_same: Callable[[bytes], bool]) -> bytes:
    """Return a smaller input with the same fault, as far as one is found by leaving out parts."""
    until_s, tries = time.monotonic() + SHRINK_S, 0
    span = max(1, len(data) // 2)
    while span:
        at = 0
        while at < len(data):
            if tries >= SHRINK_TRIES or time.monotonic() > until_s:
                return data
            tries += 1
            less = data[:at] + data[at + span :]
            if is_same(less):
                data = less
            else:
                at += span
        span //= 2
    return data


def _bound_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _write_fault(work: Path, name: str, data: bytes, fault: str, said: str) -> Path:
    folder = work / "faults" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(fault.encode()).hexdigest()[:12]
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(f"{fault}\n\n{said[-6000:]}", encoding="utf-8", errors="backslashreplace")
    return path


def _kept(name: str) -> list[Path]:
    return sorted(path for path in (KEPT / name).glob("*") if path.is_file())


# The program that starts them


def run(name: str, seconds: float, seed: int, work: Path, memory_mb: int) -> int:
    """Fuzz a target in processes of its own, a new one where one has crashed; return the number of inputs."""
    (work / "now").mkdir(parents=True, exist_ok=True)
    now = _Now(work / "now" / name, create=True)
    from fuzz.targets import TARGETS

    target = TARGETS[name]
    module = getattr(target.read, "func", target.read).__module__
    until_s, total, crashes = time.monotonic() + seconds, 0, 0
    while (left_s := until_s - time.monotonic()) > 0 and crashes < 20:
        now.note(b"", 0)
        command = [
            sys.executable,
            str(HERE),
            "--child",
            module,
            name,
            "--seconds",
            f"{left_s:.1f}",
            "--seed",
            str(seed + crashes),
        ]
        command += ["--work", str(work), "--memory-mb", str(memory_mb), *(["--again"] if crashes else [])]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            stuck = _wait(process, now, limit_s=target.limit_s * STUCK)
            output.seek(0)
            said = output.read()[-4000:].decode("utf-8", "replace")
        number, data = now.read()
        total += number
        if not stuck and process.returncode == 0:
            break
        crashes += 1
        what = "it was stuck in a library" if stuck else f"its process ended with exit code {process.returncode}"
        if number == 0:
            raise RuntimeError(f"the process of {name!r} did not start: {said}")
        _write_fault(work, name, data, what, said)
    return total


def _wait(process: "subprocess.Popen[bytes]", now: _Now, *, limit_s: float) -> bool:
    """Wait for the end of a process; end it and return True if it is with one input for too long."""
    before, since_s = -1, time.monotonic()
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        number, _ = now.read()
        if number != before:
            before, since_s = number, time.monotonic()
        elif number and time.monotonic() - since_s > limit_s + SHRINK_S:
            process.kill()
            process.wait()
            return True
    return False


def replay(path: Path) -> str | None:
    """Feed an input to the target that its folder is named after; return the fault, or None."""
    from fuzz.target import Watch, fault_of
    from fuzz.targets import TARGETS

    target = TARGETS[path.resolve().parent.name]
    target.seeds()  # which imports what it needs; that may start programs
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        try:
            Watch(Path(folder)).feed(target, path.read_bytes())
        except Exception as error:  # noqa: BLE001  # the same
            traceback.print_exception(error)
            return fault_of(error)
    return None


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _faults(work: Path, names: list[str]) -> Iterator[tuple[Path, str]]:
    for name in names:
        for path in sorted((work / "faults" / name).glob("*.txt")):
            yield path.with_suffix(""), path.read_text(encoding="utf-8").partition("\n")[0]


def main() -> int:
    """Fuzz as the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all that can be fuzzed here, if none is given")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at the same time (one a core)")
    parser.add_argument("--seed", type=int, help="repeats a run, where Atheris is not installed; a new one each time")
    parser.add_argument("--memory-mb", type=int, default=MEMORY_MB, help=f"more than at its start ({MEMORY_MB})")
    parser.add_argument("--work", type=Path, default=ROOT / ".fuzz", help="folder for corpus and faults (.fuzz)")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE", help="feed these inputs again, and no others")
    parser.add_argument("--list", action="store_true", help="list the targets and what they are")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    work = options.work.resolve()
    if options.child:
        starting = not options.again
        fuzz(*options.child, options.seconds, options.seed, work, memory_mb=options.memory_mb, starting=starting)
        return 0
    if options.replay:
        found = [(path, replay(path)) for path in options.replay]
        for path, fault in found:
            _say(f"{path}: {fault or 'answered as it should'}")
        return 1 if any(fault for _, fault in found) else 0

    from fuzz.targets import TARGETS, is_installed

    if options.list:
        for target in TARGETS.values():
            about = (getattr(target.read, "func", target.read).__doc__ or "").partition("\n")[0]
            _say(f"{target.name:18} {about}{'' if is_installed(target) else ' (cannot be fuzzed here)'}")
        return 0
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}")
    names = options.targets or [name for name, target in TARGETS.items() if is_installed(target)]
    seed = random.SystemRandom().randrange(1, 1 << 30) if options.seed is None else options.seed
    how = "Atheris" if _has_atheris() else "damaged copies (pip install atheris finds more)"
    _say(f"{len(names)} targets, {options.seconds:g} s each, seed {seed}, by {how}")

    def one(name: str) -> None:
        inputs = run(name, options.seconds, seed, work, options.memory_mb)
        faults = len(list(_faults(work, [name])))
        _say(f"{name:18} {inputs:8} inputs{f', {faults} faults' if faults else ''}")

    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        list(pool.map(one, names))
    faults = list(_faults(work, names))
    for path, fault in faults:
        _say(f"{path}: {fault}")
    if faults:
        _say(f"{len(faults)} faults; what each did is in the .txt beside it, and --replay FILE does it again")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
