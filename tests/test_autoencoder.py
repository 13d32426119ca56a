"""The autoencoder: when, how loud, in pieces, what silence is; and its training."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from folai.checkpoints import AUTOENCODER, load_autoencoder, save_autoencoder
from folai.data.sound_windows import make_bursts
from folai.data.sounds import Sound
from folai.media.audio import write_wav
from folai.models.autoencoder import Autoencoder, AutoencoderConfig, mel_filters
from folai.train import sound_decoder
from folai.train.sound_decoder import AutoencoderOptions, check, train_autoencoder
from folai.train.spectra import mel_power, spectral_loss

TINY = AutoencoderConfig(dim=16, hidden=24, num_blocks=2)


@pytest.fixture(scope="module")
def tiny() -> Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(TINY)
        for head in (model.synthesis.magnitude, model.synthesis.gain):
            torch.nn.init.normal_(head.weight, std=0.05)  # as if it had learned something
    return model.eval()


@pytest.fixture(scope="module")
def shipped() -> Autoencoder:
    return load_autoencoder(AUTOENCODER)


def noise(num_samples: int, seed: int = 0) -> torch.Tensor:
    return 0.3 * torch.randn(1, 1, num_samples, generator=torch.Generator().manual_seed(seed))


def test_sizes(tiny: Autoencoder):
    for num_samples in (1, 511, 512, 513, 5000):
        latents = tiny.encode(noise(num_samples))
        num_frames = -(-num_samples // 512)
        assert latents.shape == (1, 96, num_frames)
        assert tiny.decode(latents).shape == (1, 1, num_frames * 512)


def test_bands_share_out_all_that_is_there():
    filters = mel_filters(2048, 44_100, 96)
    assert filters.shape == (96, 1025)
    assert torch.allclose(filters.sum(0), torch.ones(1025))
    assert (filters.sum(1) > 1).all()  # none falls between two bins


def test_frames_are_centred(tiny: Autoencoder):
    wav = torch.zeros(1, 1, 20 * 512)
    wav[..., 10 * 512] = 1.0
    levels = tiny.levels(wav)[0].mean(0)
    assert levels.argmax() == 10
    assert levels[9].item() == pytest.approx(levels[11].item(), abs=0.1)


def test_levels_are_those_of_a_sine(tiny: Autoencoder):
    time = torch.arange(44_100) / 44_100
    wav = torch.sin(2 * torch.pi * 3000 * time)[None, None]
    assert tiny.levels(wav)[0, :, 40].max() == pytest.approx(2.0, abs=2.0)  # its leakage adds 2 dB


def test_encoding_and_decoding_in_pieces_give_the_same(tiny: Autoencoder):
    wav = noise(40 * 512 + 100)
    latents = tiny.encode(wav)
    # To the last bit or two: how a matrix product rounds depends on the processor and on its size.
    assert torch.allclose(tiny.encode(wav, chunk=7), latents, rtol=0, atol=1e-6)
    with torch.no_grad():
        whole = tiny.decode(latents)
        for chunk in (1, 7, 40, 100):
            assert torch.allclose(tiny.decode(latents, chunk=chunk), whole, atol=1e-5)
        double = tiny.decode(torch.cat([latents, latents.flip(-1)]))
    assert torch.allclose(double[:1], whole, atol=1e-5)


def test_silence_stays_silence(tiny: Autoencoder, shipped: Autoencoder):
    for model in (tiny, shipped):
        latents = model.encode(torch.zeros(1, 1, 8192))
        assert torch.allclose(latents, model.silence.expand_as(latents), atol=1e-4)
        with torch.no_grad():
            assert model.decode(latents).abs().max() < 1e-4


def test_levels_come_back_before_any_training():
    torch.manual_seed(0)
    model = Autoencoder(replace(TINY))
    wav = noise(44_100)
    with torch.no_grad():
        decoded = model.decode(model.encode(wav))[..., :44_100]
    made, true = (10 * torch.log10(mel_power(x[0], 1024, 80)) for x in (decoded, wav))
    assert (made - true).mean().abs() < 4.0  # phases are not yet right, which costs some


def test_shapes_that_cannot_be_meant(tiny: Autoencoder):
    with pytest.raises(ValueError, match=r"wav is \(1, 2, 100\); expected \[B, 1, T\]"):
        tiny.encode(torch.zeros(1, 2, 100))
    with pytest.raises(ValueError, match=r"latents are \(1, 95, 4\); expected \[B, 96"):
        tiny.decode(torch.zeros(1, 95, 4))
    with pytest.raises(ValueError, match="chunk is 0 frames; give 1 or more"):
        tiny.encode(noise(1000), chunk=0)
    with pytest.raises(ValueError, match="hop_length is 500; give a multiple of 256"):
        AutoencoderConfig(hop_length=500)
    with pytest.raises(ValueError, match="window_length is 4096; allowed: 512"):
        AutoencoderConfig(window_length=4096)


def test_saved_and_loaded(tiny: Autoencoder, tmp_path: Path):
    path = tmp_path / "autoencoder.safetensors"
    save_autoencoder(tiny, path, {"data": "none"})
    loaded = load_autoencoder(path)
    assert loaded.config == TINY
    latents = tiny.encode(noise(5000))
    with torch.no_grad():
        assert torch.allclose(loaded.decode(latents), tiny.decode(latents), atol=1e-2)
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match=r"autoencoder\.json: weights not found"):
        load_autoencoder(path)


# The weights that ship


def test_shipped_impulses_stay_where_they_are(shipped: Autoencoder):
    rng = np.random.default_rng(0)
    places = rng.integers(8000, 30_000, 12)
    wav = torch.zeros(12, 1, 44_100)
    wav[torch.arange(12), 0, torch.from_numpy(places)] = 1.0
    with torch.no_grad():
        decoded = shipped.decode(shipped.encode(wav))[:, 0]
    shifts = (decoded.abs().argmax(1).numpy() - places) / 44.1  # ms
    assert np.abs(shifts).max() <= 2.0


def test_shipped_sounds_come_back_alike(shipped: Autoencoder):
    rng = np.random.default_rng(1)
    sounds = [
        Sound(str(i), "", "", "", np.int16(8000 * np.clip(make_bursts(44_100, rng), -4, 4)))
        for i in range(4)
    ]
    assert check(shipped, sounds, torch.device("cpu")) < 3.0


# Training


def test_the_spectral_loss_is_zero_for_the_same_and_grows_with_distance():
    wav = noise(8192)[0]
    assert sum(term.item() for term in spectral_loss(wav, wav)) == pytest.approx(0.0, abs=1e-5)
    louder, shape = spectral_loss(2 * wav, wav)
    assert louder == pytest.approx(6.02, abs=0.05) and shape == pytest.approx(1.0, abs=0.05)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = ["file,start_seconds,seconds,label,split,origin"]
    for index in range(3):
        wav = make_bursts(44_100, np.random.default_rng(index))
        write_wav(folder / f"{index}.wav", 0.3 * wav[None], 44_100)
        rows.append(f"{index}.wav,0.0,1.0,impact/wood,train,made")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


def table(said: list[str]) -> list[list[float]]:
    rows = (line for line in said if re.fullmatch(r" *\d+( +-?\d+\.\d+){6}", line))
    return [[float(figure) for figure in row.split()] for row in rows]


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(recordings: Path, tmp_path: Path):
    options = AutoencoderOptions(
        data=(recordings,), config=TINY, steps=4, batch_size=1, frames=12, log_every=2
    )
    whole = train_autoencoder(replace(options, out=tmp_path / "whole"), lambda text: None)
    said: list[str] = []
    out = tmp_path / "halves"

    def interrupt(text: str) -> None:
        said.append(text)
        if table([text]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_autoencoder(replace(options, out=out), interrupt)
    assert [row[0] for row in table(said)] == [2]
    said.clear()
    parts = train_autoencoder(replace(options, out=out), said.append)
    (row,) = table(said)
    assert row[0] == 4 and row[4] > 0  # step 3 on, with discriminators
    for name, tensor in load_autoencoder(whole).state_dict().items():
        assert torch.allclose(load_autoencoder(parts).state_dict()[name], tensor, atol=1e-4), name
    assert len(list((out / "examples").glob("*-decoded.wav"))) == 3
    with pytest.raises(ValueError, match="another config"):
        train_autoencoder(replace(options, out=out, config=replace(TINY, dim=8)))


def test_it_learns(recordings: Path, tmp_path: Path):
    said: list[str] = []
    options = AutoencoderOptions(
        data=(recordings,),
        config=replace(TINY, corrections=0),
        out=tmp_path / "run",
        steps=40,
        batch_size=2,
        frames=12,
        log_every=10,
        adversarial_from=1.0,
        learning_rate=6e-3,
    )
    train_autoencoder(options, said.append)
    differences = [row[5] for row in table(said)]  # of the averaged weights, in dB
    assert differences[-1] < differences[0]


def test_a_trained_decoder_is_trained_on_and_its_latents_stay(
    recordings: Path, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(sound_decoder, "JUDGES_ALONE", 2)
    weights = tmp_path / "trained.safetensors"
    torch.manual_seed(1)
    save_autoencoder(Autoencoder(TINY), weights, {})
    options = AutoencoderOptions(
        data=(recordings,), init=weights, batch_size=1, frames=12, log_every=1, learning_rate=5.0
    )
    before = load_autoencoder(weights).state_dict()

    def after(steps: int) -> dict[str, torch.Tensor]:
        out = tmp_path / str(steps)
        trained = train_autoencoder(replace(options, out=out, steps=steps), lambda text: None)
        return load_autoencoder(trained).state_dict()

    alone = after(2)
    assert all(torch.equal(alone[name], tensor) for name, tensor in before.items())
    learned = after(4)
    changed = {name for name, tensor in before.items() if not torch.equal(learned[name], tensor)}
    assert changed and not changed & {"band_mean", "band_std"}


def test_options_that_cannot_be_meant():
    with pytest.raises(ValueError, match="steps is 0; give 1 or more"):
        AutoencoderOptions(steps=0)
    with pytest.raises(ValueError, match="adversarial_from is 2; allowed: 0 to 1"):
        AutoencoderOptions(adversarial_from=2)
