"""Published networks rebuilt: untrained weights under the published names, and what must hold."""

import numpy as np
import pytest
import torch

from folai.evaluate.sounds.embeddings import load_embedder
from folai.evaluate.sounds.nets.frontend import windows
from folai.evaluate.sounds.nets.htsat import HTSAT
from folai.evaluate.sounds.nets.ms_clap import Projection
from folai.evaluate.sounds.nets.panns import Cnn14
from folai.metrics.log_mel import SAMPLE_RATE

TINY = (8, 8, 8, 8, 16, 16)


def fourier(model, num_bands):
    """Fill the front end as torchlibrosa does: a Hann window's Fourier kernels, and any bands."""
    stft = model.spectrogram_extractor.stft
    n_fft = stft.n_fft
    window = torch.hann_window(n_fft, periodic=True)
    angle = 2 * torch.pi * torch.outer(torch.arange(n_fft // 2 + 1), torch.arange(n_fft)) / n_fft
    with torch.no_grad():
        stft.conv_real.weight.copy_((torch.cos(angle) * window)[:, None])
        stft.conv_imag.weight.copy_((-torch.sin(angle) * window)[:, None])
        model.logmel_extractor.melW.copy_(torch.rand(n_fft // 2 + 1, num_bands))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return model.eval()


@pytest.fixture(scope="module")
def cnn14():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return fourier(Cnn14(channels=TINY, num_bands=64), 64)


@pytest.fixture(scope="module")
def htsat():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = fourier(HTSAT(dim=8, depths=(2, 2, 2), heads=(2, 2, 4), classes=5), 64)
        for name, parameter in model.named_parameters():
            if "bias_table" in name:
                torch.nn.init.normal_(parameter)
        return model


def sound(seconds, seed=0):
    return np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)) * 0.1


def test_the_front_end_is_a_spectrogram(cnn14):
    wav = np.random.default_rng(0).standard_normal(32000)
    power = cnn14.spectrogram_extractor(torch.from_numpy(wav).float()[None])[0, 0].detach().numpy()
    padded = np.pad(wav, 512, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::320]
    hann = np.hanning(1025)[:-1]
    np.testing.assert_allclose(power, np.abs(np.fft.rfft(frames * hann)) ** 2, rtol=1e-3, atol=0.5)


def test_panns_by_its_published_names(cnn14, tmp_path):
    names = set(cnn14.state_dict())
    assert {"conv_block6.bn2.running_var", "fc_audioset.weight", "logmel_extractor.melW"} <= names
    torch.save({"model": cnn14.state_dict(), "iteration": 1}, tmp_path / "cnn14.pth")
    panns = load_embedder(f"panns={tmp_path / 'cnn14.pth'}")
    assert panns.name == "PANNs CNN14 32 kHz"
    found = panns.embed(sound(12.0))
    assert found.shape == (2, TINY[-1]) and np.isfinite(found).all()
    tags = panns.tags(sound(0.2))
    assert tags.shape == (527,) and (0 < tags).all() and (tags < 1).all()
    assert np.array_equal(panns.embed(sound(1.0)), panns.embed(sound(1.0)))
    assert not np.array_equal(panns.embed(sound(1.0)), panns.embed(sound(1.0, seed=1)))


def test_the_rate_shows_in_the_weights(tmp_path):
    torch.save(Cnn14(n_fft=512, hop_length=160, channels=TINY).state_dict(), tmp_path / "16k.pth")
    assert load_embedder(f"panns={tmp_path / '16k.pth'}").name == "PANNs CNN14 16 kHz"


@pytest.mark.parametrize("kind", ["htsat", "cnn14"])
def test_ms_clap_by_its_published_names(kind, htsat, cnn14, tmp_path):
    base, dim = (htsat, 32) if kind == "htsat" else (cnn14, TINY[-1])
    prefix = "audio_encoder.base." + ("htsat." if kind == "htsat" else "")
    tensors = {prefix + name: tensor for name, tensor in base.state_dict().items()}
    for name, tensor in Projection(dim, 6).state_dict().items():
        tensors[f"audio_encoder.projection.{name}"] = tensor
    tensors["caption_encoder.base.wte.weight"] = torch.ones(3, 3)  # not looked at
    torch.save({"model": tensors}, tmp_path / "clap.pth")
    clap = load_embedder(f"ms-clap={tmp_path / 'clap.pth'}")
    assert clap.name == ("MS-CLAP 2023" if kind == "htsat" else "MS-CLAP 2022")
    assert clap.embed(sound(1.0)).shape == (1, 6)
    assert clap.embed(sound(8.0)).shape == (2, 6)
    once = sound(0.5)
    assert np.allclose(clap.embed(once), clap.embed(np.tile(once, 3)), atol=1e-4)  # repeated


def test_htsat_agrees_with_that_of_transformers(htsat):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.ClapAudioConfig(
        patch_embeds_hidden_size=8,
        depths=[2, 2, 2],
        num_attention_heads=[2, 2, 4],
        hidden_size=32,
        num_mel_bins=64,
    )
    theirs = transformers.ClapAudioModel(config).eval()
    ours = htsat.state_dict()
    tensors = {}
    for name in theirs.state_dict():
        key = name.removeprefix("audio_encoder.").replace("batch_norm", "bn0")
        for theirs_part, ours_part in (
            ("layernorm_before", "norm1"),
            ("layernorm_after", "norm2"),
            ("attention.self.relative", "attn.relative"),
            ("attention.output.dense", "attn.proj"),
            ("intermediate.dense", "mlp.fc1"),
            ("output.dense", "mlp.fc2"),
        ):
            key = key.replace(theirs_part, ours_part)
        for index, part in enumerate(("query", "key", "value")):
            if f"self.{part}." in key:
                whole = ours[key.replace(f"attention.self.{part}", "attn.qkv")]
                tensors[name] = whole.chunk(3)[index]
        tensors.setdefault(name, ours.get(key))
    theirs.load_state_dict(tensors)
    mel = torch.randn(2, 1, 900, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs(input_features=mel).pooler_output
        assert torch.allclose(htsat.embed(mel), expected, atol=1e-5)
    assert expected.std() > 0.1


def test_clap_from_a_folder(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    audio = {"patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [2, 2]}
    audio |= {"hidden_size": 16, "enable_fusion": True, "aff_block_r": 4}
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 16, "vocab_size": 50}
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.ClapModel(config).save_pretrained(tmp_path)
    transformers.ClapFeatureExtractor(truncation="fusion").save_pretrained(tmp_path)
    clap = load_embedder(f"clap={tmp_path}")
    assert clap.name == "LAION-CLAP" and clap.words is not None
    found = clap.embed(sound(12.0))
    assert found.shape == (2, 12) and np.array_equal(found, clap.embed(sound(12.0)))


def test_windows():
    assert windows(np.arange(5.0), 4, 2).tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert windows(np.arange(8.0), 4, 2).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert windows(np.arange(2.0), 4, 4).tolist() == [[0, 1, 0, 1]]


def test_what_does_not_fit_is_named(cnn14, tmp_path):
    tensors = dict(cnn14.state_dict())
    with pytest.raises(ValueError, match="no weights of panns here"):
        load_embedder(f"panns={tmp_path / 'missing.pth'}")
    (tmp_path / "rubbish.pth").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        load_embedder(f"panns={tmp_path / 'rubbish.pth'}")
    with pytest.raises(ValueError, match="holds no CLAP"):
        load_embedder(f"clap={tmp_path}")
    torch.save(tensors | {"extra": torch.ones(1)}, tmp_path / "more.pth")
    with pytest.raises(ValueError, match="of another network"):
        load_embedder(f"panns={tmp_path / 'more.pth'}")
    with pytest.raises(ValueError, match="as MS-CLAP has them"):
        load_embedder(f"ms-clap={tmp_path / 'more.pth'}")
    del tensors["fc_audioset.weight"]
    torch.save(tensors, tmp_path / "less.pth")
    with pytest.raises(ValueError, match=r"no tensor 'fc_audioset\.weight'"):
        load_embedder(f"panns={tmp_path / 'less.pth'}")
