"""Gives every clip of a folder its sound.

    python examples/batch_folder.py clips finished --reference hit.wav
    python examples/batch_folder.py clips finished --prompt "footsteps on gravel"

The finished clips, and their envelopes for editing, go to the second folder. A clip that cannot be
read is named, and the rest goes on.
"""

import argparse
from pathlib import Path

import folai

SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm"}


def sonify_folder(source: Path, target: Path, options: folai.GenerateOptions) -> list[Path]:
    """The finished clips. One already there is left as it is, so that a stopped run can go on."""
    target.mkdir(parents=True, exist_ok=True)
    finished = []
    for clip in sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES):
        out = target / clip.name
        if not out.exists():
            try:
                result = folai.generate(clip, out, options)
            except ValueError as error:
                print(f"skipped: {error}")
                continue
            result.envelope.save(out.with_suffix(".json"))
            print(f"{out}: {len(result.envelope.onsets)} onsets, {result.duration:.1f} s")
        finished.append(out)
    return finished


def main() -> None:
    parser = argparse.ArgumentParser(description="Give every clip of a folder its sound.")
    parser.add_argument("source", type=Path, help="folder of clips")
    parser.add_argument("target", type=Path, help="folder of the results")
    parser.add_argument("--reference", type=Path, help="a recording to sound like")
    parser.add_argument("--prompt", help="what to sound like, in words")
    arguments = parser.parse_args()
    options = folai.GenerateOptions(reference=arguments.reference, prompt=arguments.prompt)
    sonify_folder(arguments.source, arguments.target, options)


if __name__ == "__main__":
    main()
