"""Checks the folai that is installed beside this Python, as a user of the wheel would use it.

    cd somewhere-empty && python check_installed.py path/to/checkout

Run by `make wheel` in a new environment. Every file of the package must have been installed, and
the commands must work from an empty folder: on a drawn clip, with the weights that ship.
"""

import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import folai
from folai.media.clip import probe
from folai.render import random_scene, write_clip

CHECKOUT = Path(sys.argv[1]).resolve()
INSTALLED = Path(folai.__file__).parent
COMMAND = Path(sys.executable).with_name("folai")


def files(package: Path) -> set[str]:
    """All files of a package but compiled ones, relative to it."""
    paths = (path for path in package.rglob("*") if path.is_file())
    return {str(path.relative_to(package)) for path in paths if "__pycache__" not in path.parts}


def run(*arguments: str) -> str:
    """The output of `folai` with these arguments, which must succeed."""
    print("$ folai", *arguments, flush=True)
    done = subprocess.run([COMMAND, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def refusal(*arguments: str) -> str:
    """What `folai` says where it refuses these arguments, in one line."""
    print("$ folai", *arguments, flush=True)
    done = subprocess.run([COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def main() -> None:
    if CHECKOUT in INSTALLED.parents and "site-packages" not in INSTALLED.parts:
        sys.exit(f"{INSTALLED} is the checkout, not an installed wheel")
    missing = files(CHECKOUT / "src" / "folai") - files(INSTALLED)
    if missing:
        sys.exit(f"not in the wheel: {', '.join(sorted(missing))}")
    assert metadata("folai")["Version"] == folai.__version__
    assert "](docs/" not in metadata("folai")["Description"], "a link that leads nowhere"

    write_clip(random_scene(3, kind="strike", duration=2.5), Path("clip.mp4"), size=(172, 128))
    assert "generate" in run("--help")
    run("envelope", "clip.mp4", "-o", "envelope.json")
    run("edit", "envelope.json", "-o", "edited.csv", "--gain", "3")
    run("generate", "clip.mp4", "-o", "preview.mp4", "--sound", "metal", "--envelope", "edited.csv")
    run("generate", "clip.mp4", "-o", "diffusion.mp4", "--prompt", "hit wood")
    for name in ("preview.mp4", "diffusion.mp4"):
        assert probe(name).has_audio, name
    # Optional packages are not installed here: the error says which extra has them.
    assert "folai[studio]" in refusal("studio", "--no-browser")
    assert "folai[plot]" in refusal("envelope", "clip.mp4", "-o", "e.json", "--plot", "e.png")
    print(f"folai {folai.__version__} works from a wheel")


if __name__ == "__main__":
    main()
