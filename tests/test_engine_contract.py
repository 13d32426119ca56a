"""What holds for every engine, and that one file more is one engine more."""

from dataclasses import fields
from functools import partial

import numpy as np
import pytest

import folai.engines
from folai import DiffusionOptions, Envelope, GenerateOptions, generate
from folai.cli import main, make_parser
from folai.engines import engine_names, get_engine
from folai.pipeline import iter_takes, play_envelope
from folai.progress import Stages

FOURTH = '''
"""A tone whose pitch is an option."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from folai.options import check_ranges, option

TITLE = "of the engine tone"
WORK = 0.1
FILLS = False


@dataclass(frozen=True)
class ToneOptions:
    engine: ClassVar[str] = "tone"
    pitch: float = option(440.0, float, "of the tone, Hz", lowest=20, highest=20000)

    def __post_init__(self):
        check_ranges(self)

    @property
    def label(self):
        return self.engine


Options = ToneOptions


def check(options, description):
    if description.prompt is not None:
        raise ValueError("the tone engine takes no prompt")


def needs(options, request):
    return None


def load(options, request):
    return None


def play(models, options, envelope, request, progress=None):
    for take in range(request.variations):
        times = np.arange(round(request.duration * request.sample_rate)) / request.sample_rate
        wav = np.sin(2 * np.pi * options.pitch * times) * envelope.at(times)
        if progress is not None:
            progress((take + 1) / request.variations)
        yield wav.astype(np.float32)[None]
'''


@pytest.fixture
def tone(tmp_path, monkeypatch):
    """A folder more in which engines are looked for, with one in it."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "tone.py").write_text(FOURTH)
    monkeypatch.setattr(folai.engines, "__path__", [*folai.engines.__path__, f"{tmp_path}/more"])
    yield
    monkeypatch.delitem(__import__("sys").modules, "folai.engines.tone", raising=False)


def test_one_file_more_is_one_engine_more(tone, clip, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Envelope.from_hits([0.5, 1.5], 2.5).save("env.json")
    assert engine_names() == ("diffusion", "preview", "stable_audio_3", "stable_audio_open", "tone")
    command = ["generate", str(clip), "-o", "out.wav", "--envelope", "env.json"]
    assert main([*command, "--engine", "tone", "--pitch", "1000"]) == 0
    assert "by tone" in capsys.readouterr().out
    result = generate(
        clip, options=GenerateOptions.of(engine="tone", pitch=1000.0, envelope="env.json")
    )
    spectrum = np.abs(np.fft.rfft(result.wav[0]))
    assert spectrum.argmax() / 2.5 == pytest.approx(1000, abs=2)
    assert main([*command, "--engine", "tone", "--pitch", "1"]) == 2
    assert "pitch is 1.0; give 20 to 20000" in capsys.readouterr().err
    assert main([*command, "--pitch", "1000"]) == 2
    assert "diffusion engine takes no pitch; use the engine tone" in capsys.readouterr().err
    assert main([*command, "--engine", "tone", "--prompt", "hit"]) == 2
    assert "takes no prompt" in capsys.readouterr().err


@pytest.mark.parametrize("name", engine_names())
def test_every_engine_describes_its_options(name):
    engine = get_engine(name)
    assert engine.Options.engine == name and engine.Options().label
    help_text = make_parser().parse_args(["generate", "clip.mp4"])
    for field in fields(engine.Options):
        assert field.metadata["about"] and hasattr(help_text, field.name)


def test_flat_values_and_options_of_an_engine_are_the_same():
    flat = GenerateOptions.of(prompt="hit wood", cfg_scale=3.0, seed=2)
    assert flat.engine_options == DiffusionOptions(cfg_scale=3.0)
    built = GenerateOptions(prompt="hit wood", engine=DiffusionOptions(cfg_scale=3.0), seed=2)
    assert vars(flat) == vars(built)
    assert GenerateOptions.of(sound="wood", prompt=None).engine_options.engine == "preview"
    assert GenerateOptions.of(model="small", prompt="hit").engine_options.engine == "diffusion"


# ---- what cannot take effect is refused


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reference": "hit.wav", "sound": "wood"}, "both sound 'wood' and a reference are given"),
        ({"engine": "preview", "cfg_scale": 2.0}, "preview engine takes no cfg_scale; use the eng"),
        ({"engine": "preview", "likeness": 0.5}, "preview engine takes no likeness"),
        ({"model": "x", "likeness": 0.5}, "stable_audio_open engine takes no likeness"),
        ({"model": "x", "dtype": "int8"}, "dtype is 'int8'; use one of float32, bfloat16, float16"),
        ({"codec": "xyz"}, "codec is 'xyz'; use one of aac, flac, opus, pcm"),
        ({"num_steps": 3.5}, "num_steps is 3.5; give a whole number, 1 to 500"),
        ({"num_steps": "many"}, "num_steps is many; give 1 to 500"),
        ({"cfg_scale": 1.0, "negative_prompt": "wood"}, "no effect with cfg_scale 1"),
        ({"seed": 0.5}, "seed is 0.5; give a whole number, 0 or more"),
        ({"variations": 2.5}, "variations is 2.5; give a whole number"),
        ({"resample": True}, "resample fits an envelope to the clip, and none is given"),
        ({"envelope": "e.json", "weights": "w.safetensors"}, "leave one of them out"),
        ({"volume": 11}, "there is no option volume; use one of reference, prompt"),
    ],
)
def test_what_cannot_take_effect_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        GenerateOptions.of(**wrong)


@pytest.mark.parametrize("option", [{"mix_db": -6.0}, {"codec": "flac"}])
def test_what_needs_an_output_is_refused_without(clip, option):
    envelope = Envelope.from_hits([0.5], 2.5)
    with pytest.raises(ValueError, match="is of the finished clip; give an output"):
        generate(clip, options=GenerateOptions(envelope=envelope, engine="preview", **option))


# ---- progress


ENGINES = [
    {"engine": "preview"},
    {"prompt": "hit wood", "num_steps": 2},
    {"prompt": "hit wood", "num_steps": 4, "init_strength": 0.5},
]


@pytest.mark.parametrize("options", ENGINES)
def test_one_bar_for_the_whole_command(clip, tmp_path, options):
    shares = []
    options = GenerateOptions.of(**options, variations=2)
    generate(clip, tmp_path / "out.wav", options, progress=shares.append)
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] == 1.0
    assert shares.index(1.0) == len(shares) - 1  # 100 % is said once all is done
    assert len(shares) > 10 and max(np.diff(shares)) < 0.5


@pytest.mark.parametrize("options", ENGINES)
def test_what_progress_raises_stops_the_work(options):
    class Stopped(Exception):
        pass

    shares = []

    def stop(share):
        shares.append(share)
        if share > 0.3:
            raise Stopped

    envelope = Envelope.from_hits(np.arange(0.2, 5.8, 0.2).tolist(), 6.0)
    with pytest.raises(Stopped):
        play_envelope(envelope, GenerateOptions.of(**options, variations=2), progress=stop)
    assert shares[-1] < 0.8  # soon, not at the end


def test_takes_come_one_after_another():
    envelope = Envelope.from_hits([0.1, 0.4], 0.6)
    options = partial(GenerateOptions, engine="preview")
    one_by_one = list(iter_takes(envelope, options(variations=3, seed=4)))
    assert len(one_by_one) == 3
    assert np.array_equal(one_by_one[2], play_envelope(envelope, options(seed=6)).wav)


def test_stages_never_fall():
    shares = []
    stages = Stages(shares.append, first=1.0, second=3.0)
    stages.of("first")(0.5)
    stages.of("second")(0.0)
    stages.of("first")(1.0)
    stages.of("second")(2.0)
    assert shares == [0.125, 0.25, 1.0]
