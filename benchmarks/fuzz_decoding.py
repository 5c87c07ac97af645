"""Do earlier contents of memory ever appear in the pixels of a damaged image?

Valid images of every format are damaged, as bytes and as structures with checksums repaired, and decoded in processes
whose allocator fills new memory with different bytes (`MALLOC_PERTURB_` of glibc). Before each, another
process decodes another image, as a server does for another client. All answers and all errors must be equal.

    python benchmarks/fuzz_decoding.py [--formats JPEG,PNG] [--count 2000] [--seeds 0,1] [--perturb 0,85,170]

The exit code is 1 if any answer differs, or a decoder crashes its process.
"""

import argparse
import hashlib
import os
import pickle
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measure import machine_facts, write_results
from mutations import corpus, mutated

from edgecls import image
from edgecls.errors import ImageError
from edgecls.image_limits import ImageLimits
from edgecls.image_spec import Color

LIMITS = ImageLimits(max_pixels=1 << 20)
NO_CACHE = "glibc.malloc.tcache_count=0"  # small blocks that are used again are not filled otherwise
MOST_CRASHES = 20  # of one format, after which it is given up


def decode_all(form: str, seeds: Sequence[int], count: int, first: int, encoded: Path, answers: Path) -> None:
    """Decode damaged images from the one numbered `first`, and write a line for each as soon as it is done."""
    with encoded.open("rb") as stream:
        valid: dict[str, list[bytes]] = pickle.load(stream)  # ours, from the process that started this one
    foreign = random.Random(os.environ["MALLOC_PERTURB_"])
    others = [image for images in valid.values() for image in images]
    with answers.open("a", encoding="utf-8") as lines:
        for number in range(first, count * len(seeds)):
            chance = random.Random(f"{form} {seeds[number // count]} {number % count}")
            data = mutated(form, chance.choice(valid[form]), chance)
            color = chance.choice((Color.RGB, Color.GRAY))
            if foreign.random() < 0.5:
                image.decode(foreign.choice(others))
            lines.write(f"{number} ")
            lines.flush()
            lines.write(_answer(data, color) + "\n")


def _answer(data: bytes, color: Color) -> str:
    try:
        pixels = image.decode(data, color=color, limits=LIMITS)
    except ImageError as error:
        return f"refused {type(error).__name__} {error}".replace("\n", " ")
    return f"decoded {pixels.shape} {hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest()}"


def _start(perturb: int, form: str, seeds: str, count: int, first: int, folder: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        "--formats",
        form,
        "--seeds",
        seeds,
        "--count",
        str(count),
    ]
    command += ["--child", str(first), str(folder / "valid"), str(folder / f"{form} {perturb}")]
    environment = os.environ | {"MALLOC_PERTURB_": str(perturb), "GLIBC_TUNABLES": NO_CACHE}
    # What decoders print about damage is of no interest here.
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fuzz(form: str, perturbs: Sequence[int], seeds: str, count: int, folder: Path) -> list[dict[int, str]]:
    """Decode under each value of `MALLOC_PERTURB_`, at the same time; return what was answered, by number."""
    total = count * len(seeds.split(","))
    running = {perturb: _start(perturb, form, seeds, count, 0, folder) for perturb in perturbs}
    crashes = Counter[int]()
    for perturb in perturbs:
        path = folder / f"{form} {perturb}"
        while running[perturb].wait():
            lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else [""]
            crashes[perturb] += 1
            if not lines[-1] or crashes[perturb] > MOST_CRASHES:
                sys.exit(
                    f"decoding {form} fails under MALLOC_PERTURB_={perturb}: exit code {running[perturb].returncode}"
                )
            with path.open("a", encoding="utf-8") as stream:
                stream.write(f"ended {running[perturb].returncode}\n")
            first = int(lines[-1].split(" ")[0]) + 1
            running[perturb] = _start(perturb, form, seeds, count, first, folder)
    answered = []
    for perturb in perturbs:
        text = (folder / f"{form} {perturb}").read_text(encoding="utf-8")
        answers = dict(line.split(" ", 1) for line in text.splitlines())
        if len(answers) != total:
            sys.exit(f"{len(answers)} of {total} answers about {form} under MALLOC_PERTURB_={perturb}")
        answered.append({int(number): answer for number, answer in answers.items()})
    return answered


def main() -> int:
    """Fuzz, print and write the results; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", help="separated by commas; all if not given")
    parser.add_argument("--count", type=int, default=2000, help="damaged images for each format and seed")
    parser.add_argument("--seeds", default="0", help="whole numbers, separated by commas")
    parser.add_argument("--perturb", default="0,85,170", help="values of MALLOC_PERTURB_ from 0 to 255, at least two")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    if arguments.child:
        first, encoded, answers = arguments.child
        decode_all(arguments.formats, seeds, arguments.count, int(first), Path(encoded), Path(answers))
        return 0
    perturbs = [int(value) for value in arguments.perturb.split(",")]
    valid = corpus()
    formats = arguments.formats.split(",") if arguments.formats else list(valid)
    if unknown := set(formats) - set(valid):
        parser.error(f"there is no format {sorted(unknown)}; there are: {', '.join(valid)}")
    if len(set(perturbs)) < 2 or arguments.count < 1:
        parser.error("give at least two different values of MALLOC_PERTURB_, and a count of at least 1")
    print(f"{machine_facts()['processor']}, MALLOC_PERTURB_ {arguments.perturb}")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "valid").write_bytes(pickle.dumps(valid))
        for form in formats:
            answered = fuzz(form, perturbs, arguments.seeds, arguments.count, Path(name))
            kinds = Counter(answer.split(" ")[0] for answer in answered[0].values())
            differing = [number for number, answer in answered[0].items() if any(a[number] != answer for a in answered)]
            crashes = sum(answer.startswith("ended") for answers in answered for answer in answers.values())
            rows.append(
                {
                    "format": form,
                    "images": len(answered[0]),
                    "decoded": kinds["decoded"],
                    "refused": kinds["refused"],
                    "differences": len(differing),
                    "crashes": crashes,
                }
            )
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
            for number in differing[:5]:
                print(f"  number {number}: " + " | ".join(answers[number][:100] for answers in answered))
    differences, crashed = sum(row["differences"] for row in rows), sum(row["crashes"] for row in rows)
    results = {"count": arguments.count, "seeds": seeds, "perturb": perturbs, "differences": differences, "rows": rows}
    print(f"{differences} differences, {crashed} crashes")
    print(f"wrote {write_results('fuzz_decoding', results)}")
    return 1 if differences or crashed else 0


if __name__ == "__main__":
    sys.exit(main())
