"""The nodes: what each takes and returns (ComfyUI's V3 schema), and the call of folai behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import folder_paths
from comfy.utils import ProgressBar
from comfy_api.latest import ComfyExtension, InputImpl, io, ui

import folai
from folai.envelope.unsure import describe_doubt
from folai.mapper.expect import EXPECTATIONS
from folai.media.mux import finished_name, mux
from folai.pipeline import play_envelope
from folai.preview.materials import MATERIALS

from .curves import curve_of, drawn_over
from .edits import edited
from .sounds import audio_of, reference_of, take_of
from .videos import video_file

SAMPLE_RATE = 44100  # Hz, of takes
UNSET = "(none)"  # a choice that is left open
CONTAINERS = (".mp4", ".mov", ".mkv", ".webm")

EnvelopeType = io.Custom("FOLAI_ENVELOPE")  # a folai.Envelope
CurveType = io.Custom("CURVE")  # ComfyUI's own, by its name: its releases of before 2026 lack it


class PredictEnvelope(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FolaiPredictEnvelope",
            display_name="Predict Envelope (folai)",
            category="folai",
            description="Watches a video: how loud its sound should be at each moment.",
            inputs=[
                io.Video.Input("video"),
                io.Combo.Input(
                    "expect",
                    options=[UNSET, *EXPECTATIONS],
                    default=UNSET,
                    tooltip="What is to be heard, where you know it.",
                ),
            ],
            outputs=[
                EnvelopeType.Output("envelope"),
                CurveType.Output("curve", tooltip="x: share of the clip, y: share of its peak"),
                io.String.Output("unsure", tooltip="Where the prediction is unsure, or empty."),
            ],
        )

    @classmethod
    def execute(cls, video: Any, expect: str = UNSET) -> io.NodeOutput:
        with video_file(video) as path:
            envelope = folai.predict_envelope(
                path, expect=_chosen(expect), progress=_shown_progress()
            )
        return io.NodeOutput(envelope, curve_of(envelope), describe_doubt(envelope) or "")


class EditEnvelope(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FolaiEditEnvelope",
            display_name="Edit Envelope (folai)",
            category="folai",
            description="Draws, moves and corrects an envelope. Edits apply from top to bottom.",
            inputs=[
                EnvelopeType.Input("envelope"),
                # A socket alone: a curve editor in the node would overwrite each envelope.
                CurveType.Input(
                    "curve",
                    optional=True,
                    tooltip="Takes the place of the envelope's shape.",
                    extra_dict={"forceInput": True},
                ),
                _number("gate_db", -120.0, (-120.0, 0.0), "Silence below this level; -120: none."),
                _number("sharpen", 0.0, (0.0, 4.0), "Contrast with the surroundings; 1 is strong."),
                _number("smooth", 0.0, (0.0, 2.0), "Blur, seconds."),
                _number("shift", 0.0, (-60.0, 60.0), "Later by seconds; negative: earlier."),
                _number("gain_db", 0.0, (-60.0, 24.0), "Louder by decibels."),
                io.String.Input(
                    "edits",
                    default="",
                    multiline=True,
                    placeholder="remove_hit 1.24\nadd_hit 2.0 0.5\nmute 3.1 3.6",
                    tooltip="One edit a line: add_hit TIME LEVEL, remove_hit TIME, move_hit TIME "
                    "TO, mute START END, scale_region START END DB, snap GRID.",
                ),
            ],
            outputs=[
                EnvelopeType.Output("edited_envelope", display_name="envelope"),
                CurveType.Output("edited_curve", display_name="curve"),
            ],
        )

    @classmethod
    def execute(
        cls,
        envelope: folai.Envelope,
        gate_db: float = -120.0,
        sharpen: float = 0.0,
        smooth: float = 0.0,
        shift: float = 0.0,
        gain_db: float = 0.0,
        edits: str = "",
        curve: Any = None,
    ) -> io.NodeOutput:
        if curve is not None:
            envelope = drawn_over(envelope, curve)
        if gate_db > -120.0:
            envelope = envelope.gate(gate_db)
        if sharpen > 0:
            envelope = envelope.sharpen(sharpen)
        if smooth > 0:
            envelope = envelope.smooth(smooth)
        if shift != 0:
            envelope = envelope.shift(shift)
        if gain_db != 0:
            envelope = envelope.gain(gain_db)
        envelope = edited(envelope, edits)
        return io.NodeOutput(envelope, curve_of(envelope))


class Foley(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FolaiFoley",
            display_name="Foley (folai)",
            category="folai",
            description="The sound for a video, along its envelope: like a reference, as a prompt "
            "says, or a built-in sound. Takes are a batch.",
            inputs=[
                io.Video.Input("video", optional=True),
                EnvelopeType.Input(
                    "envelope", optional=True, tooltip="Without one it is predicted."
                ),
                io.Audio.Input("reference", optional=True, tooltip="A sound to imitate."),
                io.String.Input("prompt", default="", tooltip='Such as "footsteps on gravel".'),
                io.String.Input("negative_prompt", default=""),
                io.Combo.Input("sound", options=[UNSET, *MATERIALS], default=UNSET),
                io.Combo.Input(
                    "engine",
                    options=[UNSET, "diffusion", "preview"],
                    default=UNSET,
                    tooltip="Open: the trained model, but the preview for a built-in sound.",
                ),
                io.Int.Input("seed", default=0, min=0, max=2**31, control_after_generate=True),
                io.Int.Input("takes", default=1, min=1, max=16),
            ],
            outputs=[io.Audio.Output("audio")],
        )

    @classmethod
    def execute(
        cls,
        prompt: str = "",
        negative_prompt: str = "",
        sound: str = UNSET,
        engine: str = UNSET,
        seed: int = 0,
        takes: int = 1,
        video: Any = None,
        envelope: folai.Envelope | None = None,
        reference: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        options = folai.GenerateOptions.of(
            reference=None if reference is None else reference_of(reference, SAMPLE_RATE),
            prompt=prompt.strip() or None,
            negative_prompt=negative_prompt.strip() or None,
            sound=_chosen(sound),
            engine=_chosen(engine),
            seed=seed,
            variations=takes,
            sample_rate=SAMPLE_RATE,
            **({} if envelope is None or video is None else _fitted(envelope)),
        )
        progress = _shown_progress()
        if video is not None:
            with video_file(video) as path:
                result = folai.generate(path, None, options, progress=progress)
        elif envelope is not None:
            result = play_envelope(envelope, options, progress=progress)
        else:
            raise ValueError("there is neither a video nor an envelope; connect one of them")
        return io.NodeOutput(audio_of(result.takes, result.sample_rate))


class Mux(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FolaiMux",
            display_name="Mux (folai)",
            category="folai",
            description="Saves a video with a sound. Its pictures are copied, not encoded again.",
            inputs=[
                io.Video.Input("video"),
                io.Audio.Input("audio"),
                io.Int.Input("take", default=1, min=1, max=16, tooltip="Which of a batch, from 1."),
                io.Boolean.Input(
                    "keep_sound", default=False, tooltip="Add to the video's own sound."
                ),
                _number("mix_db", 0.0, (-60.0, 24.0), "Level of the video's own sound, if kept."),
                io.Combo.Input(
                    "container",
                    options=[UNSET, *CONTAINERS],
                    default=UNSET,
                    tooltip="Open: the video's own, where that can be written.",
                ),
                io.String.Input("filename_prefix", default="video/folai"),
            ],
            outputs=[io.Video.Output("finished_video", display_name="video")],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        video: Any,
        audio: dict[str, Any],
        take: int = 1,
        keep_sound: bool = False,
        mix_db: float = 0.0,
        container: str = UNSET,
        filename_prefix: str = "video/folai",
    ) -> io.NodeOutput:
        wav, sample_rate = take_of(audio, take)
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filename_prefix, folder_paths.get_output_directory()
        )
        with video_file(video) as path:
            suffix = _chosen(container) or Path(finished_name(path)).suffix
            out = Path(folder) / f"{name}_{counter:05}_{suffix}"
            mux(path, wav, sample_rate, out, mix_db=mix_db if keep_sound else None)
        saved = ui.SavedResult(out.name, subfolder, io.FolderType.output)
        return io.NodeOutput(InputImpl.VideoFromFile(str(out)), ui=ui.PreviewVideo([saved]))


class FolaiNodes(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [PredictEnvelope, EditEnvelope, Foley, Mux]


def _number(name: str, default: float, limits: tuple[float, float], tooltip: str) -> Any:
    """A number of an edit or a level, in steps of a hundredth."""
    lowest, highest = limits
    return io.Float.Input(
        name, default=default, min=lowest, max=highest, step=0.01, tooltip=tooltip
    )


def _chosen(choice: str) -> str | None:
    return None if choice == UNSET else choice


def _fitted(envelope: folai.Envelope) -> dict[str, Any]:
    """As options: a video may be a little longer than the one that the envelope was made for."""
    return {"envelope": envelope, "resample": True}


def _shown_progress() -> Any:
    """Shows what share is done; raises what ComfyUI stops a node with, where it was cancelled."""
    bar = ProgressBar(1000)
    return lambda share: bar.update_absolute(round(1000 * share))
