"""Hostile inputs by the hundred: python -m tests.torture --minutes 10

Real containers, sounds and envelopes are damaged at random and put through the commands. What must
hold for each: one line or none on stderr besides warnings, exit code 0 or 2, no traceback, no hang,
bounded memory, and no half-written file. Failures are printed with the seed that makes them again.

    python -m tests.torture --minutes 10 --kills 100
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

PATIENCE = 60.0  # seconds for one input
MEMORY = 2 << 30  # bytes
RATE = 48000


# What is damaged


def write_seeds(folder: Path) -> list[Path]:
    """Small real files of many kinds."""
    from folai.envelope import Envelope

    clips = [
        ("a.mp4", "libx264", "aac"), ("b.mov", "mpeg4", "pcm_s16le"), ("c.mkv", "libx264", "flac"),
        ("d.webm", "libvpx-vp9", "libopus"), ("e.avi", "mpeg4", "mp3"), ("f.ts", "libx264", "aac"),
        ("g.flv", "flv", "aac"), ("h.gif", "gif", None), ("i.wmv", "wmv2", None),
    ]  # fmt: skip
    for name, video, sound in clips:
        _write_clip(folder / name, video, sound)
    for name, codec in (("j.wav", "pcm_s16le"), ("k.flac", "flac"), ("l.ogg", "libopus")):
        _write_clip(folder / name, None, codec)
    envelope = Envelope.from_hits([0.1, 0.3], 12 / 25)  # as long as the clips
    envelope.save(folder / "m.json")
    envelope.save(folder / "n.csv")
    return sorted(folder.iterdir())


def _write_clip(path: Path, video: str | None, sound: str | None, pictures: int = 12) -> None:
    with av.open(str(path), "w") as container:
        if video is not None:
            stream = container.add_stream(video, rate=25)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "rgb8" if video == "gif" else "yuv420p"
        rate = 48000 if sound == "libopus" else 44100
        track = None if sound is None else container.add_stream(sound, rate=rate)
        if track is not None:
            track.codec_context.layout = "stereo"
        if video is not None:
            for index in range(pictures):
                image = np.full((48, 64, 3), 20 * index % 256, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if track is not None:
            size = track.codec_context.frame_size or 1024
            noise = np.random.default_rng(0).uniform(-0.3, 0.3, (2, size * 20))
            for begin in range(0, noise.shape[1], size):
                block = np.ascontiguousarray(noise[:, begin : begin + size], np.float32)
                piece = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                piece.sample_rate, piece.pts, piece.time_base = rate, begin, Fraction(1, rate)
                container.mux(track.encode(piece))
            container.mux(track.encode())


def damage(data: bytes, rng: random.Random) -> bytes:
    """One to four wounds."""
    for _ in range(rng.randint(1, 4)):
        if len(data) < 16:
            return data
        data = rng.choice(WOUNDS)(bytearray(data), rng)
    return data


def _flip(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flip_header(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 4))):
        data[rng.randrange(min(len(data), 600))] = rng.randrange(256)
    return bytes(data)


def _cut(data: bytearray, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(len(data))])


def _lie(data: bytearray, rng: random.Random) -> bytes:
    """A number of four or eight bytes, at its extremes: lengths, dimensions, rates, times."""
    value = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80"))
    size, place = rng.choice((2, 4, 8)), rng.randrange(len(data) - 8)
    data[place : place + size] = value[:1] + rng.choice((b"\0", b"\xff")) * (size - 1)
    return bytes(data)


def _reorder(data: bytearray, rng: random.Random) -> bytes:
    a, b, c = sorted(rng.sample(range(len(data)), 3))
    return bytes(data[:a] + data[b:c] + data[a:b] + data[c:])


def _repeat(data: bytearray, rng: random.Random) -> bytes:
    a, b = sorted(rng.sample(range(len(data)), 2))
    return bytes(data[:b] + data[a:b] + data[b:])


def _blank(data: bytearray, rng: random.Random) -> bytes:
    a = rng.randrange(len(data))
    b = min(len(data), a + rng.choice((4, 64, 1024)))
    data[a:b] = bytes(b - a)
    return bytes(data)


WOUNDS: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    _flip, _flip_header, _cut, _lie, _lie, _reorder, _repeat, _blank,
)  # fmt: skip


# What it is put through


def orders(path: Path, rng: random.Random) -> list[list[str]]:
    """The commands that take such a file."""
    name = str(path)
    if path.suffix in (".json", ".csv"):
        return [
            ["edit", name, "-o", "out.json", "--gain", "1", "--gate", "-50"],
            ["generate", "good.mp4", "-o", "out.wav", "--sound", "wood", "--envelope", name,
             "--resample"],
        ]  # fmt: skip
    sound = [
        ["edit", name, "-o", "out.csv"],
        ["generate", "good.mp4", "-o", "out.wav", "--reference", name, "--engine", "preview",
         "--envelope", "good.json", "--resample"],
        ["evaluate", "sound", "--truth", "truth", "--generated", str(path.parent),
         "--embedding", "log-mel", "--workers", "1"],
    ]  # fmt: skip
    if path.suffix in (".wav", ".flac", ".ogg"):
        return [rng.choice(sound)]
    out = "out" + rng.choice((".mp4", ".mkv", ".mov", ".webm", ".wav"))
    mixed = rng.choice(([], ["--mix", "-3"]))
    video = ["generate", name, "-o", out, "--sound", "wood", "--envelope", "good.json",
             "--resample", *mixed]  # fmt: skip
    return [video, rng.choice(sound)] if rng.random() < 0.3 else [video]


def try_one(seed: int, sources: list[Path]) -> list[str]:
    """What went wrong with the input of this seed: nothing, as it should be."""
    from folai.cli import main

    rng = random.Random(seed)
    source = rng.choice(sources)
    folder = Path("hostile")
    folder.mkdir(exist_ok=True)
    path = folder / f"clip{source.suffix}"
    for old in folder.iterdir():
        old.unlink()
    path.write_bytes(damage(source.read_bytes(), rng))
    faults = []
    for order in orders(path, rng):
        before = {entry.name for entry in Path().iterdir()}
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            try:
                code = main(order)
            except BaseException:
                faults.append(f"{order}: {traceback.format_exc()}")
                continue
        lines = [line for line in errors.getvalue().splitlines() if "warning:" not in line]
        if code not in (0, 1, 2) or len(lines) > 1:
            faults.append(f"{order}: exit code {code}, {lines}")
        made = {entry.name for entry in Path().iterdir()} - before
        if (code == 2 and made) or any(".part" in name for name in made):
            faults.append(f"{order}: exit code {code}, and left {made}")
        for name in made:
            if (entry := Path(name)).is_file():
                entry.unlink()
    return faults


def _worker(folder: str, inbox: multiprocessing.Queue, outbox: multiprocessing.Queue) -> None:
    os.chdir(folder)
    os.environ["OMP_NUM_THREADS"] = "1"
    av.logging.set_level(None)
    warnings.simplefilter("ignore")
    sources = sorted(Path("seeds").iterdir())
    while (seed := inbox.get()) is not None:
        faults = try_one(seed, sources)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if memory > MEMORY:
            faults.append(f"{memory / 1e9:.1f} GB of memory")
        outbox.put((seed, faults, memory > MEMORY))


def run(minutes: float, first_seed: int = 0, most: int | None = None) -> tuple[int, list[str]]:
    """(inputs tried, what went wrong), in so many minutes or `most` inputs."""
    context = multiprocessing.get_context("spawn")
    tried, faults = 0, []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        _prepare(Path(folder))
        inbox, outbox = context.Queue(), context.Queue()
        worker = None
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end and (most is None or tried < most):
            if worker is None or not worker.is_alive():
                inbox, outbox = context.Queue(), context.Queue()
                worker = context.Process(target=_worker, args=(folder, inbox, outbox), daemon=True)
                worker.start()
            seed = first_seed + tried
            inbox.put(seed)
            tried += 1
            found, is_spent = _result(worker, outbox, seed)
            faults += [f"seed {seed}: {fault}" for fault in found]
            if is_spent:
                worker.kill()
                worker.join()
        if worker is not None and worker.is_alive():
            worker.kill()
            worker.join()
    return tried, faults


def _result(worker, outbox, seed: int) -> tuple[list[str], bool]:
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        try:
            _, faults, is_spent = outbox.get(timeout=0.5)
            return faults, is_spent
        except Exception:
            if not worker.is_alive():
                return [f"the process died with code {worker.exitcode}"], True
    return [f"took more than {PATIENCE:.0f} s"], True


def _prepare(folder: Path) -> None:
    (folder / "seeds").mkdir()
    write_seeds(folder / "seeds")
    (folder / "truth").mkdir()
    for name in ("seeds/a.mp4", "truth/clip.mp4", "good.mp4"):
        (folder / name).write_bytes((folder / "seeds" / "a.mp4").read_bytes())
    (folder / "good.json").write_bytes((folder / "seeds" / "m.json").read_bytes())


# What happens to a process from outside


def hurt(kills: int, troubles: int, seed: int = 0) -> tuple[dict[str, int], list[str]]:
    """(how often, what was lost): see `kills.py` and `trouble.py`."""
    sys.path.insert(0, str(Path(__file__).parent))
    from children import load_everything
    from folai.envelope import Envelope
    from kills import kill_all
    from trouble import try_all

    load_everything()
    done, faults = {}, []
    with tempfile.TemporaryDirectory(prefix="torture-") as place:
        folder = Path(place)
        _prepare(folder)
        _write_clip(folder / "good.mp4", "libx264", "aac", pictures=60)  # long enough to learn
        _write_clip(folder / "good.webm", "libvpx-vp9", "libopus", pictures=60)
        Envelope.from_hits([0.5, 1.5], 60 / 25).save(folder / "good.json")
        if kills:
            (folder / "kills").mkdir()
            for name in ("good.mp4", "good.json"):
                (folder / "kills" / name).write_bytes((folder / name).read_bytes())
            faults += kill_all(folder / "kills", kills, seed)
            done["kills"] = kills
        if troubles:
            done["troubles"], found = try_all(folder, troubles, seed)
            faults += found
    return done, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=0, help="in all")
    parser.add_argument("--troubles", type=int, default=0, help="of each kind, for each command")
    parsed = parser.parse_args()
    done, faults = hurt(parsed.kills, parsed.troubles, parsed.seed)
    tried, found = run(parsed.minutes, parsed.seed)
    faults += found
    print("\n".join(faults))
    print(json.dumps({"inputs": tried, **done, "faults": len(faults)}))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
