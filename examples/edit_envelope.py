"""Predicts an envelope, edits it in Python, and makes the sound from the result.

    python examples/edit_envelope.py clip.mp4 edited.mp4

Edits return new envelopes, so they can be chained, and every version can be kept and compared.
"""

import argparse
from pathlib import Path

import folai


def tidy(envelope: folai.Envelope) -> folai.Envelope:
    """Noise removed, the hits in time with 24 frames a second, the loudest hit 6 dB louder."""
    edited = envelope.gate(-50).snap(1 / 24, tolerance=0.02)  # dB; seconds
    if len(edited.onsets):
        loudest = max(edited.onsets, key=lambda time: edited.at(time))
        start, end = max(0.0, loudest - 0.05), min(edited.duration, loudest + 0.3)
        edited = edited.scale_region(start, end, db=6)
    return edited


def sonify(clip: Path, out: Path) -> None:
    """Write the finished clip, and the edited envelope beside it."""
    predicted = folai.predict_envelope(clip)
    edited = tidy(predicted)
    edited.save(out.with_suffix(".json"))
    print("predicted", predicted.onsets.round(3))
    print("edited   ", edited.onsets.round(3))
    folai.generate(clip, out, folai.GenerateOptions(sound="metal", envelope=edited))


def main() -> None:
    parser = argparse.ArgumentParser(description="Edit a clip's predicted envelope.")
    parser.add_argument("clip", type=Path, help="a video")
    parser.add_argument("out", type=Path, help="the finished clip")
    arguments = parser.parse_args()
    sonify(arguments.clip, arguments.out)


if __name__ == "__main__":
    main()
