"""Both published layouts, read and written; and whatever is wrong with a file, said at once."""

import dataclasses
import importlib.util
import json
import struct
import sys
import time
from unittest.mock import MagicMock

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from folai.models.seconds import SecondsConfig
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.stable import hub, memory
from folai.stable.base_files import StableBase, load_base, save_base
from folai.stable.control_files import inspect_control, load_control, save_control
from folai.stable.lora_files import merge_lora, save_lora
from folai.stable.model_config import StableConfig, from_diffusers, from_tools
from folai.stable.tensor_files import TensorFile
from folai.stable.tensor_names import control_entries, entries, written
from stable_models import TINY, random_base

SMALL = StableConfig(  # as Stable Audio Open Small differs from 1.0, tiny
    dataclasses.replace(TINY.dit, global_dim=32, cond_dim=64, qk_norm=True),
    TINY.autoencoder,
    SecondsConfig(names=("seconds_total",), dim=32, longest=256, text_dim=768),
    objective="rectified_flow",
    distilled=True,
    window=256,
    text_length=16,
)


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A model in stable-audio-tools' layout, whose keys are named as published."""
    folder = tmp_path_factory.mktemp("tools")
    save_base(random_base(), folder, "tools")
    return folder


def test_one_layout_after_the_other(tools, tmp_path):
    first = load_base(tools)
    save_base(first, tmp_path, "diffusers")
    second = load_base(tmp_path)
    assert first.config == TINY
    assert second.config == dataclasses.replace(TINY, text_length=128)  # its tokenizer's to say
    wanted = random_base().state_dict()
    for base in (first, second):
        assert base.state_dict().keys() == wanted.keys()
        assert all(torch.equal(tensor, wanted[n]) for n, tensor in base.state_dict().items())
    keys = load_file(tools / "model.safetensors").keys()
    assert len(keys) == len(wanted)  # each key used once: none of them holds two, none is left


def test_the_keys_are_those_of_stable_audio_tools(tools):
    keys = load_file(tools / "model.safetensors")
    for key in (
        "model.model.timestep_features.weight",
        "model.model.transformer.layers.4.self_attn.to_qkv.weight",
        "model.model.transformer.layers.0.ff.ff.0.proj.bias",
        "model.model.transformer.layers.0.cross_attend_norm.gamma",
        "pretransform.model.encoder.layers.1.layers.0.layers.1.weight_v",
        "pretransform.model.decoder.layers.4.layers.4.layers.2.alpha",
        "pretransform.model.decoder.layers.6.weight_g",
        "conditioner.conditioners.seconds_start.embedder.embedding.0.weights",
    ):
        assert key in keys
    assert keys["model.model.timestep_features.weight"].shape == (128, 1)


@pytest.fixture
def importable(monkeypatch):
    """stable-audio-tools without its dependencies: what it only imports need not be there."""
    pytest.importorskip("stable_audio_tools")
    names = (
        "alias_free_torch", "dac", "einops_exts", "k_diffusion", "pywt", "torchaudio",
        "vector_quantize_pytorch", "x_transformers",
    )  # fmt: skip
    for name in [name for name in names if importlib.util.find_spec(name) is None]:
        for part in (name, *(f"{name}.{inner}" for inner in ("nn", "nn.layers", "transforms"))):
            monkeypatch.setitem(sys.modules, part, MagicMock())


def test_the_keys_are_those_that_stable_audio_tools_builds(importable):
    from stable_audio_tools.models.autoencoders import OobleckDecoder, OobleckEncoder
    from stable_audio_tools.models.dit import DiffusionTransformer

    config = TINY.dit
    theirs = DiffusionTransformer(
        io_channels=config.latent_channels,
        embed_dim=config.dim,
        depth=config.depth,
        num_heads=config.num_heads,
        cond_token_dim=config.cond_token_dim,
        project_cond_tokens=False,
        global_cond_dim=config.global_dim,
    ).state_dict()
    ours = load_named("model.model.")
    angles = "transformer.rotary_pos_emb.inv_freq"
    assert {n: t.shape for n, t in theirs.items() if n != angles} == ours
    sizes = {"c_mults": [1, 1, 2, 2], "strides": [2, 4, 8, 8], "use_snake": True}
    encoder = OobleckEncoder(2, 16, 16, **sizes).state_dict()
    decoder = OobleckDecoder(2, 8, 8, final_tanh=False, **sizes).state_dict()
    both = {f"encoder.{n}": t.shape for n, t in encoder.items()}
    both |= {f"decoder.{n}": t.shape for n, t in decoder.items()}
    assert both == load_named("pretransform.model.")


def test_the_small_denoiser_against_stable_audio_tools(importable):
    from stable_audio_tools.models.dit import DiffusionTransformer

    sizes = {"dim": 128, "num_heads": 2, "depth": 2, "cond_dim": 128}
    config = dataclasses.replace(SMALL, dit=dataclasses.replace(SMALL.dit, **sizes))
    base = random_base(config)
    theirs = DiffusionTransformer(
        io_channels=8,
        embed_dim=128,
        depth=2,
        num_heads=2,
        cond_token_dim=32,
        global_cond_dim=32,
        diffusion_objective="rectified_flow",
        attn_kwargs={"qk_norm": "ln"},
    ).eval()
    made = written(entries(config), "tools", base.state_dict())
    prefix = "model.model."
    tensors = {n.removeprefix(prefix): t for n, t in made.items() if n.startswith(prefix)}
    missing = theirs.load_state_dict(tensors, strict=False)
    assert missing.missing_keys == ["transformer.rotary_pos_emb.inv_freq"]
    assert not missing.unexpected_keys
    latents, tokens, seconds = torch.randn(2, 8, 20), torch.randn(2, 5, 32), torch.randn(2, 32)
    time, trunk = torch.tensor([0.3, 0.9]), base.dit.trunk
    with torch.inference_mode():
        rotary = trunk.rotary(20, latents.device)
        ours = base.dit(latents, time, seconds, trunk.remember(tokens), rotary)
        wanted = theirs(latents, time, cross_attn_cond=tokens, global_embed=seconds)
    assert (ours - wanted).abs().max() / wanted.abs().max() < 1e-5


def load_named(prefix):
    made = written(entries(TINY), "tools", random_base().state_dict())
    return {n.removeprefix(prefix): t.shape for n, t in made.items() if n.startswith(prefix)}


def test_the_small_model_by_config(tmp_path):
    base = random_base(SMALL)
    save_base(base, tmp_path, "tools")
    config = json.loads((tmp_path / "model_config.json").read_text())
    diffusion = config["model"]["diffusion"]
    assert diffusion["diffusion_objective"] == "rf_denoiser"
    assert diffusion["config"]["attn_kwargs"] == {"qk_norm": "ln"}
    again = load_base(tmp_path)
    assert again.config == SMALL
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in base.state_dict().items())
    with pytest.raises(ValueError, match="diffusers knows no Stable Audio Open Small"):
        save_base(base, tmp_path / "other", "diffusers")


def test_a_checkpoint_of_pytorch_and_constant_keys(tools, tmp_path):
    tensors = load_file(tools / "model.safetensors")
    tensors["model.model.transformer.rotary_pos_emb.inv_freq"] = torch.ones(4)
    torch.save({"state_dict": tensors}, tmp_path / "model.ckpt")
    (tmp_path / "model_config.json").write_text((tools / "model_config.json").read_text())
    base = load_base(tmp_path)
    assert torch.equal(base.dit.project.weight, random_base().dit.project.weight)
    assert load_base(tmp_path / "model.ckpt").config == TINY


def test_half_precision_keeps_times_and_codec(tools):
    base = load_base(tools, dtype=torch.bfloat16)
    assert base.dit.project.weight.dtype == torch.bfloat16
    assert base.dit.trunk.rates.dtype == torch.float32
    assert {p.dtype for p in base.autoencoder.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in base.parameters())


# What is wrong is said, and before anything is read


def broken(tools, tmp_path, change):
    tensors = load_file(tools / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "model_config.json").write_text((tools / "model_config.json").read_text())
    return tmp_path


PROJECT_OUT = "model.model.transformer.project_out.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(PROJECT_OUT), f"has no tensor {PROJECT_OUT}"),
        (lambda t: t.update(what=torch.ones(1)), "unknown tensor what, which its config does not"),
        (lambda t: t.update({PROJECT_OUT: torch.ones(8, 63)}), r"\[8, 63\] and its config asks"),
    ],
)
def test_tensors_that_do_not_fit_the_config(tools, tmp_path, change, message, monkeypatch):
    folder = broken(tools, tmp_path, change)
    monkeypatch.setattr(TensorFile, "read", lambda file: pytest.fail("was read"))
    with pytest.raises(ValueError, match=message):
        load_base(folder)


def test_a_config_that_contradicts_the_weights(tools, tmp_path):
    folder = broken(tools, tmp_path, lambda tensors: None)
    config = json.loads((folder / "model_config.json").read_text())
    config["model"]["diffusion"]["config"]["depth"] = 6
    (folder / "model_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"has no tensor .*layers.5.* its config asks for"):
        load_base(folder)
    config["model"]["diffusion"]["config"]["num_registers"] = 4
    (folder / "model_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="unknown num_registers"):
        from_tools(folder / "model_config.json")
    config["model"]["diffusion"]["config"].pop("num_registers")
    config["model"]["diffusion"]["diffusion_objective"] = "epsilon"
    (folder / "model_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="diffusion_objective is 'epsilon'; this version reads"):
        from_tools(folder / "model_config.json")


def test_a_file_that_is_cut_short(tools, tmp_path):
    folder = broken(tools, tmp_path, lambda tensors: None)
    whole = (folder / "model.safetensors").read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut short or damaged.*download it again"):
            load_base(folder)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 50) + b"{" * 50)
    with pytest.raises(ValueError, match="cut short"):
        load_base(folder)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ValueError, match="no Stable Audio model; expected a folder with"):
        load_base(tmp_path)
    (tmp_path / "transformer").mkdir()
    with pytest.raises(ValueError, match="weights not found; copy the whole model folder"):
        load_base(tmp_path)
    (tmp_path / "model_config.json").write_text("{]")
    with pytest.raises(ValueError, match="not JSON"):
        from_tools(tmp_path / "model_config.json")
    with pytest.raises(ValueError, match="not found; copy the whole model folder"):
        from_diffusers(tmp_path)


def test_memory_is_estimated_before_loading(tools, monkeypatch):
    cpu = torch.device("cpu")
    assert memory.available(cpu) > 0
    monkeypatch.setattr(memory, "available", lambda device: 500_000_000)
    monkeypatch.setattr(TensorFile, "read", lambda file: pytest.fail("was read"))
    with pytest.raises(ValueError, match=r"needs about 1.6 GB and 0.5 GB are free.*--model small"):
        load_base(tools)
    with pytest.raises(ValueError, match=r"4.0 GB are free on cpu.*--dtype bfloat16"):
        memory.require_memory(4_300_000_000, "x", torch.float32, cpu, free=4_000_000_000)


# ControlNets and LoRAs alone


def random_control(before=False, base=TINY):
    torch.manual_seed(5)
    net = StableControlNet(StableControlConfig(0.4, before), base.dit)
    for parameter in (net.look.weight, *(layer.weight for layer in net.outward)):
        torch.nn.init.normal_(parameter, 0, 0.1)
    return net


def test_a_controlnet_alone(tmp_path):
    net = random_control()
    save_control(tmp_path / "net.safetensors", net, {"steps": 3})
    again = load_control(tmp_path / "net.safetensors", TINY)
    assert again.config == net.config
    for name, tensor in net.state_dict().items():
        assert torch.allclose(tensor, again.state_dict()[name], rtol=1e-3, atol=1e-4)
    other = dataclasses.replace(TINY, dit=dataclasses.replace(TINY.dit, depth=6))
    with pytest.raises(ValueError, match="made for a base of depth 5, this one has 6"):
        load_control(tmp_path / "net.safetensors", other)
    with pytest.raises(ValueError, match="not found"):
        load_control(tmp_path / "no.safetensors", TINY)


CONDITIONER = "model.conditioner.conditioners."


def student_checkpoint(root="model."):
    """(its ControlNet, all tensors of a tiny checkpoint of the published student code)."""
    net = random_control(before=True)
    named = written(control_entries(net.config, TINY), "tools", net.state_dict())
    tensors = {
        f"{root}conditioner.conditioners.{name}"
        if name.startswith("audio.")
        else f"{root}model.controlnet.{name}": tensor
        for name, tensor in named.items()
    }
    base = written(entries(TINY), "tools", random_base().state_dict())
    tensors |= {f"{root}{name}": tensor for name, tensor in base.items()}  # frozen, beside it
    unused = f"{root}model.controlnet.transformer."
    tensors[f"{unused}project_out.weight"] = torch.ones(8, 64)
    tensors[f"{unused}rotary_pos_emb.inv_freq"] = torch.ones(4)
    return net, tensors


@pytest.mark.parametrize("root", ["model.", ""])
@pytest.mark.parametrize("prompt", ["audio", "text"])
def test_a_controlnet_in_the_student_layout(tmp_path, root, prompt):
    """With the conditioner's random layer, which nothing but the checkpoint knows."""
    net, tensors = student_checkpoint(root)
    assert tensors[f"{root}model.controlnet.conv_outs.1.weight"].shape == (64, 64, 1)
    assert tensors[f"{root}conditioner.conditioners.audio.proj_out.weight"].shape == (32, 512)
    renamed = {name.replace(".audio.", f".{prompt}."): t for name, t in tensors.items()}
    save_file(renamed, tmp_path / "student.safetensors")
    again = load_control(tmp_path / "student.safetensors", TINY)
    assert again.config.before and len(again.outward) == 2 and not again.config.seconds_tokens
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in net.state_dict().items())
    embedding = torch.nn.functional.normalize(torch.randn(1, 512), dim=-1)
    layer = [
        tensors[f"{root}conditioner.conditioners.audio.proj_out.{e}"] for e in ("weight", "bias")
    ]
    assert torch.equal(again.clap(embedding), torch.nn.functional.linear(embedding, *layer))


def test_a_student_checkpoint_of_lightning(tmp_path):
    net, tensors = student_checkpoint()
    torch.save({"state_dict": tensors, "epoch": 510}, tmp_path / "epoch=510.ckpt")
    again = load_control(tmp_path / "epoch=510.ckpt", TINY)
    assert all(torch.equal(t, again.state_dict()[name]) for name, t in net.state_dict().items())


def test_a_student_checkpoint_that_learned_from_pictures_is_refused(tmp_path):
    _, tensors = student_checkpoint()
    tensors[f"{CONDITIONER}frames.proj_out.weight"] = torch.ones(32, 512)
    save_file(tensors, tmp_path / "student.safetensors")
    for read in (lambda path: load_control(path, TINY), inspect_control):
        with pytest.raises(ValueError, match=r"picture features \(CAVP, .* nocavp\)$") as caught:
            read(tmp_path / "student.safetensors")
        assert "\n" not in str(caught.value)


def test_the_memory_of_a_controlnet_is_known_from_its_header(tmp_path, monkeypatch):
    """Of a whole checkpoint the ControlNet's part counts, not the base that lies beside it."""
    net, tensors = student_checkpoint()
    save_file(tensors, tmp_path / "student.safetensors")
    save_control(tmp_path / "net.safetensors", net, {})
    monkeypatch.setattr(TensorFile, "read", lambda file: pytest.fail("was read"))
    exact = 4 * sum(t.numel() for name, t in net.state_dict().items() if "clap" not in name)
    assert inspect_control(tmp_path / "student.safetensors") == pytest.approx(exact, rel=0.01)
    assert inspect_control(tmp_path / "net.safetensors") == pytest.approx(exact, rel=0.2)
    with pytest.raises(ValueError, match="ControlNet not found"):
        inspect_control(tmp_path / "no.safetensors")


def test_a_student_checkpoint_without_the_layer_for_the_reference(tmp_path):
    net, tensors = student_checkpoint()
    alone = {name: t for name, t in tensors.items() if ".controlnet." in name}
    save_file(alone, tmp_path / "student.safetensors")
    with pytest.warns(UserWarning, match=r"no layer for the reference \(conditioners.audio.proj_"):
        again = load_control(tmp_path / "student.safetensors", TINY)
    assert again.clap is None and not again.config.clap
    assert torch.equal(again.look.weight, net.look.weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.model.controlnet.what": torch.ones(1)}, "unknown tensor what"),
        ({f"{CONDITIONER}audio.proj_out.weight": torch.ones(32, 256)}, r"is \[32, 256\] and its"),
        ({f"{CONDITIONER}audio.proj_out.weight": torch.ones(768, 512)}, r"is \[768, 512\] and its"),
        ({f"{CONDITIONER}audio.proj_out.bias": None}, "no tensor audio.proj_out.bias"),
        ({f"{CONDITIONER}audio.proj_out.bias": torch.ones(7)}, r"proj_out.bias is \[7\] and its"),
        (
            {"model.model.controlnet.conv_in.weight": torch.ones(8, 7, 1)},
            r"conv_in.weight is \[8, 7",
        ),
        ({"model.model.controlnet.conv_in.weight": None}, "holds no ControlNet"),
    ],
)
def test_a_student_checkpoint_that_does_not_fit(tmp_path, change, message):
    _, tensors = student_checkpoint()
    tensors = {n: t for n, t in (tensors | change).items() if t is not None}
    save_file(tensors, tmp_path / "student.safetensors")
    with pytest.raises(ValueError, match=message) as caught:
        load_control(tmp_path / "student.safetensors", TINY)
    assert "\n" not in str(caught.value)


def test_a_lora_is_merged(tmp_path):
    name, base = "trunk.blocks.1.attention.inward", random_base()
    lora = {f"{name}.down": torch.randn(2, 64), f"{name}.up": torch.randn(192, 2)}
    save_lora(tmp_path / "lora.safetensors", lora, TINY.dit, 2)
    before = dict(base.dit.named_modules())[name].weight.clone()
    merge_lora(tmp_path / "lora.safetensors", base.dit)
    added = dict(base.dit.named_modules())[name].weight - before
    assert torch.allclose(added, lora[f"{name}.up"] @ lora[f"{name}.down"], rtol=1e-2, atol=1e-2)
    assert (tmp_path / "lora.safetensors").stat().st_size < 2000
    other = StableBase(dataclasses.replace(TINY, dit=dataclasses.replace(TINY.dit, depth=6)))
    with pytest.raises(ValueError, match="a LoRA for another base"):
        merge_lora(tmp_path / "lora.safetensors", other.dit)


# Where weights are


def test_names_and_paths(tmp_path, monkeypatch):
    assert hub.find_model(tmp_path) == tmp_path
    assert (hub.find_model("small") / "foley.safetensors").is_file()
    with pytest.raises(ValueError, match="'huge' is no folder here and no known name: small, stab"):
        hub.find_model("huge")


def hub_with(monkeypatch, tmp_path, **settings):
    client = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(client.constants, "HF_HUB_CACHE", str(tmp_path))
    for name, value in settings.items():
        monkeypatch.setattr(client.constants, name, value)
    return client


def test_no_network_is_said_at_once(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub, "getproxies", dict)
    closed = "http://127.0.0.1:9"
    hub_with(monkeypatch, tmp_path, HF_HUB_OFFLINE=False, ENDPOINT=closed)
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"127.0.0.1 cannot be reached .*; connect to the network"):
        hub.find_model("stable-audio-open-1.0")
    assert time.monotonic() - began < 3
    with pytest.raises(ValueError, match=r"leave out --offline .*copy its folder"):
        hub.find_model("stable-audio-open-1.0", offline=True)


def test_a_gated_repository(tmp_path, monkeypatch):
    client = hub_with(monkeypatch, tmp_path, HF_HUB_OFFLINE=False)
    monkeypatch.setattr(hub, "_require_answer", lambda *given: None)

    def refuse(kind):
        def snapshot(*given, local_files_only=False, **more):
            if local_files_only:
                raise client.errors.LocalEntryNotFoundError("none")
            raise kind("no")

        return snapshot

    class Gated(client.errors.GatedRepoError):
        def __init__(self, *given):
            Exception.__init__(self, *given)

    class Missing(client.errors.RepositoryNotFoundError):
        def __init__(self, *given):
            Exception.__init__(self, *given)

    for kind, message in (
        (Gated, "needs its licence accepted at .* and `hf auth login`"),
        (Missing, "does not exist or needs `hf auth login`"),
        (OSError, "broke off \\(no\\); start again"),
    ):
        monkeypatch.setattr(client, "snapshot_download", refuse(kind))
        with pytest.raises(ValueError, match=message) as caught:
            hub.find_model("stable-audio-open-1.0")
        assert "\n" not in str(caught.value)


def test_what_is_in_the_cache_is_found(tmp_path, monkeypatch):
    hub_with(monkeypatch, tmp_path, HF_HUB_OFFLINE=True)
    published = hub.MODELS["stable-audio-open-small"]
    assert hub.cached(published) is None
    folder = tmp_path / "models--stabilityai--stable-audio-open-small"
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    (snapshot / "model_config.json").touch()
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE is set"):
        hub.find_model("stable-audio-open-small")  # half of it is not it
    (snapshot / "model.safetensors").touch()
    assert hub.find_model("stable-audio-open-small", offline=True) == snapshot


def test_nothing_but_tensors_is_in_what_is_written(tools):
    with safe_open(tools / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
