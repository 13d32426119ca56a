"""How takes loop: the jump from end to beginning beside those between other neighbouring windows.

    python benchmarks/loops.py
    python benchmarks/loops.py --engine diffusion --takes 6

For a scraping sound that never pauses and for hits, without `loop` and with it: the jump in level
and in spectrum where the clip's end meets its beginning, and in the seam, as the share of other
neighbours whose jump is as great or greater (0: none is; 0.5 is what chance gives); and the
greatest share of a difference between two samples there.
"""

import argparse

import numpy as np

from folai import Envelope
from folai.envelope.circle import quiet_place, seam_length
from folai.metrics.loop_jumps import WINDOW, loop_jumps
from folai.pipeline import GenerateOptions, play_envelope

DURATION = 4.0
WORDS = {"scrape": "scratch wood", "hits": "hit metal"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", nargs="+", default=["preview", "diffusion"])
    parser.add_argument("--takes", type=int, default=3)
    parser.add_argument("--model", help="of an engine at full size")
    parsed = parser.parse_args()
    print("engine     envelope loop   jump in level: dB, share greater; in spectrum; in the seam")
    for engine in parsed.engine:
        for name, envelope in envelopes().items():
            for loop in (False, True):
                print(f"{engine:10} {name:8} {loop!s:5}", row(parsed, engine, name, envelope, loop))


def envelopes() -> dict[str, Envelope]:
    times = np.arange(round(DURATION * 250)) / 250
    scrape = 0.1 * (1 + 0.3 * np.sin(2 * np.pi * times * 3 / DURATION + 1))
    hits = Envelope.from_hits([0.1, 1.0, 1.9, 2.8, 3.8], DURATION)
    return {"scrape": Envelope(scrape.astype(np.float32), 250.0, ()), "hits": hits}


def row(parsed, engine: str, name: str, envelope: Envelope, loop: bool) -> str:
    words = {"sound": "wood"} if engine == "preview" else {"prompt": WORDS[name]}
    options = GenerateOptions.of(
        engine=engine, model=parsed.model, loop=loop, variations=parsed.takes, **words
    )
    result = play_envelope(envelope, options)
    at = quiet_place(envelope, seam_length(DURATION), DURATION) + seam_length(DURATION) / 2
    figures = []
    for wav in result.takes:
        jumps = loop_jumps(wav, result.sample_rate)
        inside = round(at / WINDOW) % len(jumps.level)
        figures.append(
            [
                jumps.level[0],
                np.mean(jumps.level[1:] >= jumps.level[0]),
                jumps.spectrum[0],
                np.mean(jumps.spectrum[1:] >= jumps.spectrum[0]),
                np.mean(jumps.level >= jumps.level[inside]),
                np.mean(jumps.spectrum >= jumps.spectrum[inside]),
            ]
        )
    a, b, c, d, e, f = np.mean(figures, axis=0)
    return f"{a:5.1f} {b:5.2f}   {c:5.1f} {d:5.2f}   {e:5.2f} {f:5.2f}"


if __name__ == "__main__":
    main()
