"""folai's nodes for ComfyUI, loaded and run as ComfyUI does.

By default in an imitation of ComfyUI's published schema (`comfy_imitation.py`). With
FOLAI_COMFYUI=/path/to/ComfyUI the same tests run in its own `comfy_api`.
"""

import asyncio
import importlib.util
import io as bytes_io
import json
import os
import sys
import tomllib

import av
import numpy as np
import pytest
import torch

import comfy_imitation
import folai
from conftest import ROOT
from folai.media.audio import read_audio
from folai.media.clip import probe

FOLDER = ROOT / "integrations" / "comfyui"
REAL = os.environ.get("FOLAI_COMFYUI")
WORKFLOWS = sorted((FOLDER / "example_workflows").glob("*.json"))
OWN_WIDGETS = {"LoadVideo": ["file"], "LoadAudio": ["audio"], "PreviewAudio": []}


class Comfy:
    """A running ComfyUI: its nodes by name, and its files."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(sys, "argv", sys.argv[:1])
        if REAL:
            monkeypatch.syspath_prepend(REAL)
        else:
            for name, module in comfy_imitation.modules(folder).items():
                monkeypatch.setitem(sys.modules, name, module)
        import folder_paths
        from comfy import utils

        for kind in ("output", "temp") if REAL else ():
            place = f"{kind}_directory"
            monkeypatch.setattr(folder_paths, place, str(folder / kind))
        self.bar = utils.ProgressBar if not REAL else None
        self.utils, self.folder = utils, folder
        spec = importlib.util.spec_from_file_location("comfy_nodes_x_", FOLDER / "__init__.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        extension = asyncio.run(module.comfy_entrypoint())
        nodes = asyncio.run(extension.get_node_list())
        self.nodes = {node.GET_SCHEMA().node_id: node for node in nodes}

    def run(self, name, **values):
        node = self.nodes[name]
        if REAL:
            node = node.PREPARE_CLASS_CLONE(None)
        return node.EXECUTE_NORMALIZED(**values).result

    def video(self, source):
        from comfy_api.latest import InputImpl

        return InputImpl.VideoFromFile(
            source if isinstance(source, bytes_io.BytesIO) else str(source)
        )

    def on_progress(self, hook, monkeypatch):
        if REAL:
            monkeypatch.setattr(self.utils, "PROGRESS_BAR_HOOK", lambda *v, **named: hook(*v))
        else:
            monkeypatch.setattr(self.bar, "hook", staticmethod(hook))


@pytest.fixture
def comfy(tmp_path, monkeypatch):
    yield Comfy(tmp_path, monkeypatch)
    comfy_imitation.forget()
    for name in [name for name in sys.modules if name.startswith("comfy_nodes_x_")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def predicted(clip):
    return folai.predict_envelope(clip)


def test_what_comfyui_shows(comfy):
    """The names and types on which saved workflows depend."""
    described = {
        name: (
            [entry.id for entry in node.GET_SCHEMA().inputs],
            [entry.io_type for entry in node.GET_SCHEMA().outputs],
        )
        for name, node in comfy.nodes.items()
    }
    assert described == {
        "FolaiPredictEnvelope": (["video", "expect"], ["FOLAI_ENVELOPE", "CURVE", "STRING"]),
        "FolaiEditEnvelope": (
            ["envelope", "curve", "gate_db", "sharpen", "smooth", "shift", "gain_db", "edits"],
            ["FOLAI_ENVELOPE", "CURVE"],
        ),
        "FolaiFoley": (
            ["video", "envelope", "reference", "prompt", "negative_prompt", "sound", "engine",
             "seed", "takes"],
            ["AUDIO"],
        ),
        "FolaiMux": (
            ["video", "audio", "take", "keep_sound", "mix_db", "container", "filename_prefix"],
            ["VIDEO"],
        ),
    }  # fmt: skip


def test_a_prediction_is_that_of_folai(comfy, clip, predicted):
    envelope, _, unsure = comfy.run("FolaiPredictEnvelope", video=comfy.video(clip))
    np.testing.assert_array_equal(envelope.values, predicted.values)
    np.testing.assert_array_equal(envelope.onsets, predicted.onsets)
    assert unsure == ""


def test_what_is_expected_reaches_the_prediction(comfy, clip):
    envelope, _, _ = comfy.run("FolaiPredictEnvelope", video=comfy.video(clip), expect="hits")
    expected = folai.predict_envelope(clip, expect="hits")
    np.testing.assert_array_equal(envelope.values, expected.values)


def test_a_curve_and_back_is_the_same_envelope(comfy, predicted):
    _, curve = comfy.run("FolaiEditEnvelope", envelope=predicted)
    back, _ = comfy.run("FolaiEditEnvelope", envelope=predicted, curve=curve)
    assert back is predicted


@pytest.mark.parametrize(
    "curve",
    [
        {"points": [[0, 0], [0.5, 1], [1, 0]], "interpolation": "linear"},
        {"points": [[0, 0], [0.5, 1], [1, 0]]},
        [(0, 0), (0.5, 1), (1, 0)],
    ],
)
def test_a_curve_that_is_drawn_takes_the_place_of_the_shape(comfy, predicted, curve):
    drawn, _ = comfy.run("FolaiEditEnvelope", envelope=predicted, curve=curve)
    middle = drawn.num_frames // 2
    assert drawn.num_frames == predicted.num_frames
    assert drawn.values[[0, -1]] == pytest.approx(0, abs=1e-6)
    assert drawn.values[middle] == pytest.approx(predicted.values.max(), rel=0.02)
    assert np.all(np.diff(drawn.values[:middle]) > 0)


def test_edits_are_those_of_folai_in_order(comfy, predicted):
    first = float(predicted.onsets[0])
    edits = f"remove_hit {first}\n\nadd_hit 1.0 0.5  # the door\nmute 2.0 2.2"
    edited, _ = comfy.run(
        "FolaiEditEnvelope", envelope=predicted, gate_db=-50.0, gain_db=-3.0, edits=edits
    )
    expected = predicted.gate(-50.0).gain(-3.0).remove_hit(first).add_hit(1.0, 0.5).mute(2.0, 2.2)
    np.testing.assert_array_equal(edited.values, expected.values)
    np.testing.assert_array_equal(edited.onsets, expected.onsets)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ("hit 1", "use one of add_hit"),
        ("add_hit 1", "write add_hit TIME LEVEL"),
        ("mute a b", "write mute START END in numbers"),
        ("add_hit 99 0.5", "add_hit 99 0.5"),
    ],
)
def test_an_edit_that_cannot_be_made_is_named(comfy, predicted, edits, message):
    with pytest.raises(ValueError, match=message):
        comfy.run("FolaiEditEnvelope", envelope=predicted, edits=edits)


def test_takes_are_those_of_folai_as_a_batch(comfy, clip, predicted):
    (audio,) = comfy.run(
        "FolaiFoley", video=comfy.video(clip), envelope=predicted, sound="metal", seed=5, takes=2
    )
    options = folai.GenerateOptions.of(sound="metal", envelope=predicted, seed=5, variations=2)
    takes = folai.generate(clip, None, options).takes
    assert audio["sample_rate"] == 44100
    np.testing.assert_array_equal(audio["waveform"].numpy(), np.stack(takes))


def test_sound_along_an_envelope_alone(comfy, predicted):
    (audio,) = comfy.run("FolaiFoley", envelope=predicted, sound="wood")
    assert audio["waveform"].shape == (1, 1, round(predicted.duration * 44100))


def test_a_reference_is_used_at_its_own_rate(comfy, clip, hit, predicted):
    wav, _ = read_audio(hit)
    halved = torch.from_numpy(wav[None, :, ::2].copy())  # what lasts as long at half the rate
    reference = {"waveform": halved, "sample_rate": 22050}
    (audio,) = comfy.run(
        "FolaiFoley", envelope=predicted, reference=reference, engine="preview", seed=1
    )
    heard = folai.Envelope.from_audio(audio["waveform"][0].numpy(), 44100)
    for onset in predicted.onsets:
        assert np.abs(heard.onsets - onset).min() < 0.02


def test_without_video_and_envelope_there_is_nothing_to_do(comfy):
    with pytest.raises(ValueError, match="neither a video nor an envelope"):
        comfy.run("FolaiFoley", sound="wood")


def test_options_that_do_not_fit_are_refused_in_one_line(comfy, predicted):
    with pytest.raises(ValueError, match="prompt"):
        comfy.run("FolaiFoley", envelope=predicted, prompt="footsteps", engine="preview")


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def tick(seconds=2.5, at=1.0, rate=48000, takes=2):
    """A batch of which only the last has a click, `at` seconds."""
    waveform = torch.zeros(takes, 2, round(seconds * rate))
    waveform[-1, :, round(at * rate) : round(at * rate) + 40] = 0.8
    return {"waveform": waveform, "sample_rate": rate}


def test_mux_copies_the_pictures_and_places_the_sound(comfy, clip):
    (video,) = comfy.run(
        "FolaiMux", video=comfy.video(clip), audio=tick(), take=2, container=".mov"
    )
    out = video.get_stream_source()
    assert out == str(comfy.folder / "output" / "video" / "folai_00001_.mov")
    assert packets(out) == packets(clip)
    wav, rate = read_audio(out)
    assert np.abs(wav).max(axis=0).argmax() / rate == pytest.approx(1.0, abs=0.002)


def test_mux_names_files_as_comfyui_does(comfy, clip):
    names = []
    for _ in range(2):
        (video,) = comfy.run("FolaiMux", video=comfy.video(clip), audio=tick())
        names.append(os.path.basename(video.get_stream_source()))
    assert names == ["folai_00001_.mp4", "folai_00002_.mp4"]


def test_mux_refuses_a_take_that_is_not_there(comfy, clip):
    with pytest.raises(ValueError, match="take is 3, but the audio has 2"):
        comfy.run("FolaiMux", video=comfy.video(clip), audio=tick(), take=3)


def test_a_video_in_memory_is_read_and_nothing_is_left(comfy, clip, predicted):
    video = comfy.video(bytes_io.BytesIO(clip.read_bytes()))
    envelope, _, _ = comfy.run("FolaiPredictEnvelope", video=video)
    np.testing.assert_array_equal(envelope.values, predicted.values)
    assert list((comfy.folder / "temp").iterdir()) == []


@pytest.mark.parametrize("question", ["has_pending_frame_edits", "get_active_trim_window"])
def test_a_trimmed_video_is_written_as_it_is_shown(comfy, clip, question, monkeypatch):
    video = comfy.video(clip)
    answer = {"has_pending_frame_edits": True, "get_active_trim_window": (0.5, 1.0)}[question]
    monkeypatch.setattr(video, question, lambda: answer, raising=False)
    saved = []

    def save_to(path):
        saved.append(path)
        comfy.run("FolaiMux", video=comfy.video(clip), audio=tick(), filename_prefix="part")
        os.rename(comfy.folder / "output" / "part_00001_.mp4", path)

    monkeypatch.setattr(video, "save_to", save_to, raising=False)
    envelope, _, _ = comfy.run("FolaiPredictEnvelope", video=video)
    assert envelope.duration == pytest.approx(probe(clip).duration, abs=0.02)
    assert len(saved) == 1 and not os.path.exists(saved[0])


def test_progress_is_shown_and_a_cancelled_node_stops(comfy, clip, monkeypatch):
    told = []
    comfy.on_progress(lambda value, total, _: told.append(value / total), monkeypatch)
    comfy.run("FolaiPredictEnvelope", video=comfy.video(clip))
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 5

    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    comfy.on_progress(interrupt, monkeypatch)
    with pytest.raises(Interrupted):
        comfy.run("FolaiPredictEnvelope", video=comfy.video(clip))


def widgets_of(comfy, kind):
    """Names of a node's widgets, in the order in which a workflow holds their values."""
    if kind in OWN_WIDGETS:
        return OWN_WIDGETS[kind]
    shown = {"COMBO", "STRING", "INT", "FLOAT", "BOOLEAN"}
    names = []
    groups = comfy.nodes[kind].INPUT_TYPES()
    for group in ("required", "optional"):
        for name, (io_type, options) in groups.get(group, {}).items():
            if io_type in shown:
                names.append(name)
                names += ["(control)"] if options.get("control_after_generate") else []
    return names


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_example_workflows_run(comfy, clip, hit, path):
    """Links join sockets of one type, each widget has its value, and the graph gives a video."""
    workflow = json.loads(path.read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in workflow["nodes"] if node["type"] != "MarkdownNote"}
    for number, source, slot, target, socket, kind in workflow["links"]:
        output, taker = nodes[source]["outputs"][slot], nodes[target]["inputs"][socket]
        assert output["type"] == taker["type"] == kind
        assert number in output["links"] and taker["link"] == number
    results, saved = {}, []
    for number in sorted(nodes):  # drawn from left to right
        node = nodes[number]
        values = dict(zip(widgets_of(comfy, node["type"]), node["widgets_values"], strict=False))
        if node["type"] in comfy.nodes:
            assert len(values) == len(node["widgets_values"])
        values.pop("(control)", None)
        for socket in node["inputs"]:
            link = next((link for link in workflow["links"] if link[0] == socket["link"]), None)
            if link is not None:
                values[socket["name"]] = results[link[1]][link[2]]
        if node["type"] == "LoadVideo":
            results[number] = (comfy.video(clip),)
        elif node["type"] == "LoadAudio":
            wav, rate = read_audio(hit)
            results[number] = ({"waveform": torch.from_numpy(wav[None]), "sample_rate": rate},)
        elif node["type"] != "PreviewAudio":
            results[number] = comfy.run(node["type"], **values)
            schema = comfy.nodes[node["type"]].GET_SCHEMA()
            assert [entry["type"] for entry in node["outputs"]] == [
                entry.io_type for entry in schema.outputs
            ]
            saved += results[number] if node["type"] == "FolaiMux" else []
    assert len(saved) == 1
    wav, _ = read_audio(saved[0].get_stream_source())
    assert np.abs(wav).max() > 0.01
    assert packets(saved[0].get_stream_source()) == packets(clip)


def test_the_package_pins_nothing():
    with open(FOLDER / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    assert project["dependencies"] == ["folai"]
    assert project["version"] == folai.__version__
