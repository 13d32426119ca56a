"""Stable Audio 3 as it is published: configs, tensors by name, prompts, LoRAs, bad input."""

import copy
import dataclasses
import json
import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import folai.stable.filling
from folai.models.int8 import to_int8, use_int8
from folai.stable3.base_files import load_base, save_base
from folai.stable3.conditioning import condition
from folai.stable3.denoising import Question, denoise
from folai.stable3.lora_files import merge_lora
from folai.stable3.model_config import Stable3Config, from_published, to_published
from folai.stable3.schedule import Shift
from folai.stable3.text import T5Gemma, find_text_model
from stable3_models import (
    ADAPTERS,
    CONFIGS,
    TINY,
    adapter_tensors,
    drawn,
    random_base,
    save_t5gemma,
)
from test_stable3_models import CLOSE, GOLDEN, difference, kept


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    save_base(random_base(), folder)
    return folder


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "model")


def edited(copied, change):
    path = copied / "model_config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return copied


@pytest.mark.parametrize("name", list(CONFIGS))
@pytest.mark.parametrize("kind", ["none", "flux", "full", "logsnr"])
def test_a_config_there_and_back(name, kind, tmp_path):
    config = dataclasses.replace(
        CONFIGS[name], shift=Shift(kind, max_length=9000 if kind == "full" else 4096)
    )
    path = tmp_path / "model_config.json"
    path.write_text(json.dumps(to_published(config)))
    assert from_published(path) == config


def test_the_published_names_of_the_medium_model():
    """522 tensors of the denoiser and 997 in all: as many as the published file has."""
    from folai.stable3.tensor_names import constants, entries

    wide = CONFIGS["wide medium"]
    medium = dataclasses.replace(
        wide,
        dit=dataclasses.replace(wide.dit, depth=24),
        autoencoder=dataclasses.replace(wide.autoencoder, encoder_depth=12, decoder_depth=12),
    )
    names = [entry.tools[0] for entry in entries(medium)] + list(constants(medium))
    assert len(names) == len(set(names)) == 997
    assert sum(name.startswith("model.model.") for name in names) == 522


@pytest.mark.parametrize("name", ["tiny", "tiny medium", "tiny other"])
def test_published_to_ours_and_back(name, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    base = random_base(CONFIGS[name])
    save_base(base, first)
    loaded = load_base(first)
    for key, tensor in base.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor)
    save_base(loaded, second)
    before, after = (load_file(at / "model.safetensors") for at in (first, second))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    for file in ("model.safetensors", "model_config.json"):
        assert (first / file).read_bytes() == (second / file).read_bytes()


def test_a_checkpoint_of_pytorch_and_a_file_alone(copied):
    tensors = load_file(copied / "model.safetensors")
    (copied / "model.safetensors").unlink()
    torch.save({"state_dict": tensors}, copied / "model.ckpt")
    for path in (copied, copied / "model.ckpt"):
        assert torch.equal(load_base(path).dit.front, random_base().dit.front)


def test_the_autoencoder_stays_in_fp32(folder):
    base = load_base(folder, dtype=torch.bfloat16)
    assert base.dit.front.dtype == torch.bfloat16
    assert base.autoencoder.scale.dtype == torch.float32


WRONG = [
    (lambda d: d["model"]["diffusion"].update(diffusion_objective="v"), "diffusion_objective is"),
    (lambda d: d["model"]["diffusion"]["config"].update(global_cond_type="prepend"), "adaLN"),
    (lambda d: d["model"]["diffusion"]["config"].update(conformer=True), "conformer is True"),
    (lambda d: d["model"]["diffusion"]["config"].update(rainbows=3), "has unknown rainbows"),
    (lambda d: d["model"]["diffusion"]["config"].update(local_add_cond_dim=5), "None or 9"),
    (lambda d: d["model"]["diffusion"].update(local_add_cond_ids=[]), "contradicts local_add"),
    (lambda d: d["model"]["conditioning"]["configs"][0].update(type="clap"), "of prompt is 'clap'"),
    (lambda d: d["model"].pop("pretransform"), "not the config of Stable Audio 3 .KeyError"),
    (lambda d: d["model"]["pretransform"]["config"].update(downsampling_ratio=7), "reads 128"),
    (
        lambda d: d["model"]["pretransform"]["config"]["encoder"]["config"].update(strides=[2, 2]),
        "autoencoders of one level",
    ),
    (
        lambda d: d["model"]["pretransform"]["config"]["encoder"]["config"].update(dyt=False),
        "tanh: encoder has False, decoder True",
    ),
    (lambda d: d["model"]["diffusion"]["config"].update(embed_dim=128), "its config asks for"),
    (lambda d: d["model"]["diffusion"]["config"].update(depth=2), "unknown tensor"),
    (lambda d: d["model"]["diffusion"]["config"].update(depth=4), "has no tensor"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_configs_that_cannot_be(copied, change, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_base(edited(copied, change))
    assert str(copied) in str(caught.value) and "\n" not in str(caught.value)


def test_folders_and_files_that_are_no_models(copied, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no Stable Audio 3 model; expected a folder with"):
        load_base(tmp_path / "empty")
    whole = (copied / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(whole[:-9])
    with pytest.raises(ValueError, match="cut short or damaged"):
        load_base(copied)
    (copied / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"weights not found; copy the whole model folder"):
        load_base(copied)


def test_too_little_memory_is_known_before_reading(folder, monkeypatch):
    monkeypatch.setattr("folai.stable.memory.available", lambda device: 10**9)
    monkeypatch.setattr(folai.stable.filling, "_look_up", lambda *a: pytest.fail("was read"))
    with pytest.raises(ValueError, match=r"needs about 1.6 GB and 1.0 GB are free on cpu"):
        load_base(folder)


# Text


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("text")
    save_t5gemma(folder)
    return folder


def test_words_are_as_the_text_model_gives_them_padded(text):
    import transformers

    place = find_text_model(text)
    ours = T5Gemma(place, 16).encode("hit wood")
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    config = transformers.AutoConfig.from_pretrained(place)
    config.is_encoder_decoder = False
    model = transformers.T5GemmaEncoderModel.from_pretrained(place, config=config).eval()
    tokens = tokenizer("hit wood", padding="max_length", max_length=16, return_tensors="pt")
    with torch.inference_mode():
        theirs = model(**tokens).last_hidden_state
    count = int(tokens.attention_mask.sum())
    assert ours.shape == (1, count, 768) and count < 16
    assert (ours - theirs[:, :count]).abs().max() / theirs.abs().max() <= CLOSE


def test_one_padding_token_counts_for_all():
    """The tokens that the blocks attend to: against all of them, one after another."""
    base = random_base()
    words = drawn(21, 1, 16, 768)[:, :5]
    for negative in (False, True):
        tokens, counts = base.conditioner.text(words, negative)
        assert counts.tolist() == [[1, 1, 1, 1, 1, 11]] and torch.equal(tokens[:, :5], words)
        blank = torch.zeros(768) if negative else base.conditioner.padding
        assert torch.equal(tokens[0, 5], blank)
    long, once = base.conditioner.text(drawn(21, 1, 20, 768))
    assert long.shape == (1, 16, 768) and once.tolist() == [[1.0] * 16]


def test_a_prompt_is_encoded_once(text, tmp_path, monkeypatch):
    place, cache = find_text_model(text), tmp_path / "cache"
    model = T5Gemma(place, 16, cache)
    first = model.encode("hit wood")
    monkeypatch.setattr("folai.stable3.text.import_transformers", lambda: pytest.fail("loaded"))
    assert torch.equal(model.encode("hit wood"), first)
    assert len(list(cache.iterdir())) == 1
    other = dataclasses.replace(model, length=9)  # another length is another prompt
    with pytest.raises(pytest.fail.Exception, match="loaded"):
        other.encode("hit wood")


def test_prompts_that_are_wrong_or_long(text, tmp_path):
    model = T5Gemma(find_text_model(text), 4)
    with pytest.raises(ValueError, match="prompt is empty"):
        model.encode(" ")
    with pytest.warns(UserWarning, match="has 6 tokens and the text model takes 4: 'footsteps"):
        assert model.encode("hit wood metal footsteps on").shape[1] == 4
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="no T5Gemma model"):
        T5Gemma(tmp_path, 16).encode("hit wood")


# LoRA


def run(base):
    words = drawn(21, 1, 16, 768)[:, :5]
    with torch.inference_mode():
        heard = condition(base.dit, base.conditioner, 3.5, 12, words, kept=kept(base))
        return denoise(base.dit, [Question(heard, drawn(1, 1, 8, 12), 0.7)])[0]


@pytest.mark.parametrize("kind", ADAPTERS)
def test_loras_of_the_published_trainer(kind, tmp_path):
    path = tmp_path / "lora.safetensors"
    config = {"adapter_type": kind, "rank": 4, "alpha": 6, "include": ["layers.1"]}
    save_file(adapter_tensors(kind), path, metadata={"lora_config": json.dumps(config)})
    base = random_base()
    before = run(base)
    merge_lora(path, base)
    ours = run(base)
    assert difference(ours, GOLDEN["adapters"][kind]) <= 1e-4
    assert (ours - before).abs().max() > 1e-3 * before.abs().max()


def test_checkpoints_of_the_trainer_and_its_first_dora(tmp_path):
    tensors = {
        name: tensor[:, None] if name.endswith("magnitude") else tensor
        for name, tensor in adapter_tensors("dora-rows").items()
    }
    path = tmp_path / "lora.ckpt"
    config = {"adapter_type": "dora", "rank": 4, "alpha": 6}
    torch.save({"state_dict": tensors, "lora_config": config}, path)
    base = random_base()
    merge_lora(path, base)
    assert difference(run(base), GOLDEN["adapters"]["dora-rows"]) <= 1e-4


def test_loras_that_do_not_fit(tmp_path):
    path, base = tmp_path / "lora.safetensors", random_base()
    before = copy.deepcopy(base.state_dict())

    def refused(tensors, message, **config):
        save_file(tensors, path, metadata={"lora_config": json.dumps(config)})
        with pytest.raises(ValueError, match=message):
            merge_lora(path, base)

    own = adapter_tensors("lora")
    refused({"rate": torch.ones(2)}, "has a tensor rate; give a LoRA of Stable Audio 3's trainer")
    refused({k.replace("layers.1", "layers.9"): v for k, v in own.items()}, "this model lacks")
    refused({k: v[:, :9].contiguous() for k, v in own.items()}, "has another size")
    refused(own, "adapter_type is 'odd'; allowed: lora, dora-rows", adapter_type="odd")
    refused(own, "has lora_A, lora_B and not lora_A, lora_B, magnitude, as dora-rows needs",
            adapter_type="dora-rows")  # fmt: skip
    assert all(torch.equal(before[name], tensor) for name, tensor in base.state_dict().items())


def test_contradictions_within_a_model():
    with pytest.raises(ValueError, match="denoiser has 4 latent channels, the autoencoder 8"):
        dataclasses.replace(TINY, dit=dataclasses.replace(TINY.dit, latent_channels=4))
    with pytest.raises(ValueError, match="takes tokens of 32 and a duration of 768"):
        dataclasses.replace(TINY, dit=dataclasses.replace(TINY.dit, cond_token_dim=32))
    with pytest.raises(ValueError, match="padding is 'none'; allowed: learned, zero"):
        dataclasses.replace(TINY.conditioner, padding="none")
    with pytest.raises(ValueError, match="shift is 'odd'; allowed: none, flux, full, logsnr"):
        Shift("odd")
    assert math.isclose(Stable3Config().longest, 120.0, rel_tol=1e-3)


# Eight bits


def test_layers_of_eight_bits_are_near_those_of_fp32():
    layer, x = torch.nn.Linear(64, 32), drawn(9, 2, 5, 64)
    holder = torch.nn.Sequential(layer)
    assert use_int8(holder) == ["0"]
    holder[0].weight, holder[0].scale = to_int8(layer.weight.detach())
    holder[0].bias = layer.bias
    with torch.inference_mode():
        ours, wanted = holder(x), layer(x)
        assert (ours - wanted).norm() / wanted.norm() < 0.02
        assert torch.allclose(holder(torch.zeros(1, 64)), layer.bias)


def test_a_model_of_eight_bits(folder, tmp_path):
    small, whole = load_base(folder, dtype=torch.int8), load_base(folder)
    sizes = [sum(t.numel() * t.itemsize for t in m.state_dict().values()) for m in (small, whole)]
    assert small.dit.blocks[0].wide.widen.weight.dtype == torch.int8
    assert small.dit.embed.weight.dtype == torch.float32 and sizes[0] < 0.6 * sizes[1]
    ours, wanted = run(small), run(whole)
    assert 0 < (ours - wanted).norm() / wanted.norm() < 0.1
    path = tmp_path / "lora.safetensors"
    save_file(adapter_tensors("lora"), path, metadata={"lora_config": json.dumps({"alpha": 6})})
    merge_lora(path, small)
    merge_lora(path, whole)
    merged, wanted = run(small), run(whole)
    assert (merged - wanted).norm() / wanted.norm() < 0.1 < (merged - ours).norm() / ours.norm()
    with pytest.raises(ValueError, match="dtype is 'int8' and the device cuda; take bfloat16"):
        load_base(folder, dtype=torch.int8, device=torch.device("cuda"))
