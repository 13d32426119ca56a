"""Specialises the mapper on clips of your own, and measures the gain on a clip it has not seen.

    python examples/train_own_clips.py clips held_out.mp4 runs/mine

`clips` is a folder of clips with sound. Training starts from folai's own weights, and an
interrupted run resumes. First, variants of every clip are made, as other cameras would have filmed
it; they are kept in the folder of the run.
"""

import argparse
from pathlib import Path

import folai
from folai.checkpoints import MAPPER
from folai.metrics import envelope_correlation
from folai.pipeline import measure_envelope
from folai.train.mapper import TrainOptions, train_mapper


def correlation(clip: Path, weights: Path | None) -> float:
    """Of the predicted envelope with that of the clip's sound, at the best lag. -1 to 1."""
    predicted = folai.predict_envelope(clip, weights=weights)
    true = measure_envelope(clip)
    return envelope_correlation(predicted.values, true.values, true.frame_rate).best


def specialise(clips: Path, held_out: Path, options: TrainOptions) -> Path:
    """The new weights, for `weights=` in Python and `--weights` of the commands."""
    before = correlation(held_out, None)
    weights = train_mapper(options)
    after = correlation(held_out, weights)
    print(f"{held_out}: correlation {before:.3f} before, {after:.3f} after")
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Specialise the mapper on clips of your own.")
    parser.add_argument("clips", type=Path, help="folder of clips with sound")
    parser.add_argument("held_out", type=Path, help="a clip with sound that is not among them")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()
    options = TrainOptions(
        data=arguments.clips,
        out=arguments.out,
        init=MAPPER,  # folai's own
        rendered_minutes=8,  # of drawn clips, so that it keeps what it could do before
        steps=arguments.steps,
    )
    specialise(arguments.clips, arguments.held_out, options)


if __name__ == "__main__":
    main()
