"""Clips a minute of `folai batch` against a shell loop over `folai generate`.

    python benchmarks/batch_speed.py --clips 200 --workers 2 --work /tmp/speed
    python benchmarks/batch_speed.py --clips 8 --work /tmp/speed -- --prompt "hit wood"

Clips are drawn, 3 s long, 344 x 256. What follows `--` goes to both commands; without it that is
`--engine preview --sound wood`. Of the loop `--loop` clips are done, as each takes as long as the
one before. Prints, for each way, clips a minute and CPU seconds a clip, and what the batch has
times those of the loop. Wall-clock figures mean something on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import time
from pathlib import Path

from batch_kills import COMMAND, OPTIONS


def make_clips(folder: Path, count: int) -> list[Path]:
    """So many clips of 3 s; those that are there already are used."""
    from folai.render import random_scene, write_clip

    folder.mkdir(parents=True, exist_ok=True)
    clips = [folder / f"{number:04d}.mp4" for number in range(count)]
    for number, clip in enumerate(clips):
        if not clip.exists():
            write_clip(random_scene(number, duration=3.0), clip, size=(344, 256))
    return clips


def run(commands: list[list[str]]) -> tuple[float, float]:
    """(seconds, CPU seconds) of commands one after another. Raises CalledProcessError."""
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        subprocess.run([*COMMAND, *command], check=True, capture_output=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return time.monotonic() - began, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--loop", type=int, default=20, help="clips of the loop, at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("options", nargs="*", default=OPTIONS)
    given = parser.parse_args()
    work = given.work.resolve()
    folder, out = work / f"clips{given.clips}", work / "out"
    clips, options = make_clips(folder, given.clips), given.options
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    few = clips[: given.loop]
    loop = [["generate", str(c), "-o", str(out / c.name), *options] for c in few]
    shared = [str(folder), "-o", str(out / "batch"), "--workers", str(given.workers), *options]
    rates = []
    for name, commands, count in (
        ("loop", loop, len(few)),
        ("batch", [["batch", *shared]], len(clips)),
    ):
        seconds, cpu = run(commands)
        rates.append(60 * count / seconds)
        print(
            f"{name}: {count} clips in {seconds:.1f} s, {rates[-1]:.1f} a minute, "
            f"{cpu / count:.2f} CPU s a clip",
            flush=True,
        )
    print(f"{given.workers} workers: {rates[1] / rates[0]:.2f} times the loop's clips a minute")


if __name__ == "__main__":
    main()
