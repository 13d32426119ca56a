"""Importing does nothing that takes time: no PyTorch until there is work for it."""

import subprocess
import sys

import pytest

import folai

HEAVY = {"torch", "scipy", "matplotlib", "tqdm"}


@pytest.mark.parametrize(
    "code",
    [
        "import folai; folai.__version__",
        "import folai.envelope; folai.Envelope",
        "from folai.cli import main; main(['--help'])",
        "from folai.cli import main; main(['train', 'mapper', '--help'])",
        "from folai.cli import main; main(['evaluate', 'foley', '--help'])",
        "from folai.cli import main; main(['generate', 'missing.mp4', '-o', 'out.mp4'])",
        "import folai.pipeline, folai.demo, folai.render, folai.engines.stable_audio_open",
    ],
)
def test_nothing_heavy_is_imported(code):
    ending = f"print(sorted({HEAVY!r} & set(sys.modules)))"
    program = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n{ending}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


@pytest.mark.parametrize(
    ("modules", "foreign"),
    [
        ("folai.models.*", {"cv2", "av"}),
        ("folai.models.cells", {"torch", "numpy"}),
    ],
)
def test_a_room_imports_only_what_it_needs(modules, foreign):
    import importlib
    import pkgutil

    room = modules.removesuffix(".*")
    names = [room]
    if room != modules:
        package = importlib.import_module(room)
        names = [f"{room}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    program = f"import sys, {', '.join(names)}\nprint(sorted({foreign!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_a_command_imports_no_other():
    """All of them together take as long to import as the envelope of a short clip."""
    program = "import sys; from folai.cli import main; main(['models', '--help'])"
    others = "print(*(name for name in sys.modules if name.startswith('folai.cli.')))"
    code = f"import sys\ntry:\n    {program}\nexcept SystemExit:\n    pass\n{others}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "folai.cli.models" in done.stdout, done.stderr
    assert not {"folai.cli.train", "folai.cli.generate"} & set(done.stdout.splitlines()[-1].split())


def test_every_public_name_is_there():
    assert all(getattr(folai, name) is not None for name in folai.__all__)
    assert set(folai.__all__) <= set(dir(folai))
    with pytest.raises(AttributeError, match="no attribute 'rubbish'"):
        folai.rubbish  # noqa: B018
