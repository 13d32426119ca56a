"""What travels between page and server, as schemas: see API.md for what it means."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from folai.diffusion.options import DiffusionOptions
from folai.envelope.hits import FEET, HIGHEST_PITCH, LOUDEST_DB, MOST_SOUNDS
from folai.preview.materials import MATERIALS
from folai.stable3.options import NAMES, PREFIX
from folai.studio.envelope_edits import EDITS
from folai.studio.handover.ucs import CATEGORY
from folai.studio.mix.rooms import ROOMS
from folai.studio.schema import (
    BOOLEAN,
    Schema,
    a_list,
    an_object,
    integer,
    number,
    one_of,
    or_null,
    text,
)
from folai.takes.options import FinishOptions

MOST_LAYERS, MOST_TAKES, MOST_PRESETS, MOST_MARKERS = 32, 1000, 200, 2000
MOST_ADDITIONS = 100
ENGINES = ("diffusion", "preview")  # that the page offers
# Those at full size are offered where their weights are on the machine.
MODELS = ("small", *(f"{PREFIX}{name}" for name in NAMES))

ID = text(64, 1, "^[a-z0-9-]+$")
LAYER_ID = text(32, 1, "^[a-z0-9-]+$")
TAB = ID
NAME = text(120)
TIME = number(0, 1e6)
DECIBELS = number(-96, 24)
TIMECODE = text(16, 1, r"^\d\d:\d\d:\d\d[:;.]\d\d$")


def _options(kind: type) -> dict[str, Schema]:
    """A schema for every number that a dataclass of options takes, with the limits that it has."""
    described: dict[str, Schema] = {}
    for field in fields(kind):
        lowest, highest = field.metadata["range"]
        if lowest is not None:
            form = integer if field.metadata["kind"] is int else number
            described[field.name] = {**form(lowest, highest), "default": field.default}
    return described


OPTIONS = _options(DiffusionOptions)
FINISH = {
    **_options(FinishOptions),
    **{
        field.name: {**one_of(*field.metadata["choices"]), "default": field.default}
        for field in fields(FinishOptions)
        if field.metadata["choices"]
    },
    **{
        field.name: {**BOOLEAN, "default": field.default}
        for field in fields(FinishOptions)
        if field.metadata["kind"] is bool
    },
}

SOUND = an_object(
    engine=or_null(one_of(*ENGINES)),
    model=one_of(*MODELS),
    reference=or_null(ID),
    lora=or_null(ID),
    sound=or_null(one_of(*MATERIALS)),
    prompt=or_null(text(500)),
    negative_prompt=or_null(text(500)),
    segments=or_null(text(2000)),
    seed=integer(0, 2**53 - 1),
    variations=integer(1, 16),
    **OPTIONS,
    **{name: or_null(schema) for name, schema in FINISH.items()},
)

VALUES = {"type": "string", "contentEncoding": "base64"}
ONSETS = a_list(number(0, 1e6), 500_000)
HIT = an_object(  # settings of one hit: see `folai.envelope.hits`
    "time",
    time=number(0, 1e6),
    sound=or_null(integer(0, MOST_SOUNDS)),
    pitch=number(-HIGHEST_PITCH, HIGHEST_PITCH),
    level_db=number(-LOUDEST_DB, LOUDEST_DB),
    foot=or_null(one_of(*FEET)),
)
HITS = a_list(HIT, 500_000)
ENVELOPE = an_object(
    "frame_rate onsets values",
    frame_rate=number(1, 1000),
    onsets=ONSETS,
    values=VALUES,
    confidence=VALUES,
    onset_confidence=VALUES,
    pan=VALUES,
    hits=HITS,
)
PIECE = an_object("first values onsets", first=integer(0, 2**31), onsets=ONSETS, values=VALUES)
PATCH = an_object(
    "base first onsets values",
    base=ID,
    first=integer(0, 2**31),
    onsets=ONSETS,
    values=VALUES,
    hits=HITS,
)
ANY_ENVELOPE = {"anyOf": [{"type": "null"}, ID, ENVELOPE]}

_EDIT_NAMES = sorted({name for names in EDITS.values() for part in names for name in part})
ENVELOPE_EDIT = an_object(
    "op",
    op=one_of(*EDITS),
    region=an_object("start end", start=TIME, end=TIME),
    grid={"anyOf": [one_of("frames", "onsets"), number(0.001, 1e6)]},
    sound=or_null(integer(0, MOST_SOUNDS)),
    foot=or_null(one_of(*FEET)),
    **{name: number(-1e6, 1e6) for name in _EDIT_NAMES if name not in ("grid", "sound", "foot")},
)

CHANNEL = an_object(  # what a layer's sound passes through: see `folai.studio.mix`
    pan=number(-1, 1),
    low_db=number(-24, 24),
    mid_db=number(-24, 24),
    mid_hz=number(100, 10000),
    high_db=number(-24, 24),
    room=or_null(one_of(*ROOMS)),
    distance=number(0.5, 30),
    wet_db=number(-60, 12),
)
LAYER = an_object(
    "id name envelope sound",
    id=LAYER_ID,
    name=NAME,
    envelope=or_null(ID),
    sound=SOUND,
    gain_db=DECIBELS,
    mute=BOOLEAN,
    solo=BOOLEAN,
    take=or_null(ID),
    channel=or_null(CHANNEL),
)
STRIP = an_object(name=NAME, gain_db=DECIBELS, mute=BOOLEAN, solo=BOOLEAN, deleted=BOOLEAN)
MARKER = an_object("time text", time=TIME, text=text(500))
EDIT = an_object(
    "layers",
    layers=a_list(LAYER, MOST_LAYERS, 1),
    mix={
        "type": "object",
        "additionalProperties": STRIP,
        "maxProperties": MOST_TAKES,
        "propertyNames": ID,
    },
    presets=a_list(an_object("name sound", name=NAME, sound=SOUND), MOST_PRESETS),
    markers=a_list(MARKER, MOST_MARKERS),
    timecode=or_null(TIMECODE),
    guide=an_object("gain_db mute", gain_db=DECIBELS, mute=BOOLEAN),
    view={"type": "object", "maxProperties": 1000},
)
SAVE = an_object("revision tab edit", revision=integer(0, 2**53), tab=TAB, edit=EDIT)

SPAN = a_list(TIME, 2, 2)
REGION = an_object(
    "take start end",
    take=ID,
    start=TIME,
    end=TIME,
    fade=number(0, 5),
    spans=or_null(a_list(SPAN, 100, 1)),
)
GENERATE = an_object(
    "layer",
    layer=LAYER_ID,
    envelope=ANY_ENVELOPE,
    sound=SOUND,
    name=or_null(NAME),
    region=or_null(REGION),
)
PROJECTS = an_object("projects", projects=a_list(ID, 1000))
SPREAD = an_object("layer projects", layer=LAYER_ID, projects=a_list(ID, 1000))
ADAPT = an_object("envelope start end", envelope=ANY_ENVELOPE, start=TIME, end=TIME)
PREVIEW = an_object(
    envelope=ANY_ENVELOPE,
    sound=SOUND,
    start=or_null(TIME),
    end=or_null(TIME),
    part=BOOLEAN,
    peak=number(0, 8),
)

EXPORT = an_object(
    "kind",
    kind=one_of("video", "wav", "stems", "json", "csv", "midi", "otio", "session"),
    container=or_null(one_of(".mp4", ".mov", ".mkv", ".webm")),
    mix_db=or_null(number(-96, 24)),
    timecode=or_null(TIMECODE),
    sample_rate={"type": "integer", "enum": [44100, 48000, 96000]},
    layer=or_null(LAYER_ID),
    # of a session
    formats=a_list(one_of("aaf", "edl", "otio", "rpp"), 4),
    channels=one_of("mono", "stereo"),
    handles=number(0, 10),
    two_pop=BOOLEAN,
    scene=or_null(text(100)),
    creator=or_null(text(40)),
    source=or_null(text(60)),
    categories={
        "type": "object",
        "additionalProperties": text(20, pattern=CATEGORY),
        "maxProperties": MOST_LAYERS,
        "propertyNames": LAYER_ID,
    },
)

# Replies

ERROR = an_object("error", error=text(4000), others=True)
JOB = an_object(
    "id project kind state progress message takes created",
    id=ID,
    project=ID,
    kind=one_of("generate", "predict", "adapt", "proxy", "export"),
    state=one_of("queued", "running", "done", "failed", "cancelled"),
    progress=number(0, 1),
    left=or_null(number(0)),
    message=text(4000),
    layer=or_null(LAYER_ID),
    takes=a_list(ID, MOST_TAKES),
    file=or_null(text(300)),
    created=text(40),
)
REFERENCE = an_object(
    "id name duration channels sample_rate message",
    id=ID,
    name=NAME,
    duration=number(0),
    channels=integer(1, 2),
    sample_rate=integer(1),
    message=text(1000),
    copied_from=ID,
)
ADDITION = an_object("id name", id=ID, name=NAME)  # what a training has added to the sound model
TAKE = an_object(
    "id layer name created duration sample_rate channels engine envelope sound region warnings",
    id=ID,
    layer=LAYER_ID,
    name=NAME,
    created=text(40),
    duration=number(0),
    sample_rate=integer(1),
    channels=integer(1, 2),
    engine=one_of(*ENGINES),
    envelope=ID,
    sound=SOUND,
    region=or_null(REGION),
    warnings=a_list(text(2000), 100),
)
CLIP = an_object(
    "file duration fps num_frames width height video_codec audio_codec timecode",
    file=text(300),
    duration=number(0),
    fps=number(0),
    num_frames=integer(0),
    width=integer(1),
    height=integer(1),
    video_codec=text(40),
    audio_codec=or_null(text(40)),
    timecode=or_null(text(40)),
    nominal_fps=number(0),
)
VIDEO = an_object(
    "url state message",
    url=or_null(text(300)),
    state=one_of("ready", "converting", "failed"),
    message=text(4000),
)
PLAYED = an_object(  # which sound each hit of a preview has, and which sounds there are
    "hits sounds",
    hits=a_list(
        an_object("time sound foot", time=number(0), sound=integer(0), foot=or_null(one_of(*FEET))),
        500_000,
    ),
    sounds=a_list(
        an_object("start like", start=number(0), like=a_list(integer(0), 100)), MOST_SOUNDS
    ),
)
PROJECT = an_object(
    "id name revision created modified clip video prediction edit takes references additions jobs",
    id=ID,
    name=NAME,
    revision=integer(0),
    created=text(40),
    modified=text(40),
    clip=CLIP,
    video=VIDEO,
    prediction=or_null(ID),
    edit=EDIT,
    takes=a_list(TAKE, MOST_TAKES),
    references=a_list(REFERENCE, 1000),
    additions=a_list(ADDITION, MOST_ADDITIONS),
    jobs=a_list(JOB, 10_000),
)
SUMMARY = an_object(
    "id name duration modified error",
    id=ID,
    name=NAME,
    duration=or_null(number(0)),
    modified=text(40),
    error=or_null(text(4000)),
    predicted=BOOLEAN,
    layers=integer(0),
    takes=integer(0),
    jobs=a_list(JOB, 10_000),
)
STATUS = an_object(
    "version engine engine_message limits open",
    version=text(40),
    engine=one_of("loading", "ready", "failed"),
    engine_message=text(4000),
    limits={"type": "object", "additionalProperties": integer(0)},
    open=or_null(ID),
)


def made_edit() -> dict[str, Any]:
    """The edit state of a new project."""
    layer: dict[str, Any] = {"id": "layer-1", "name": "Layer 1", "envelope": None, "sound": {}}
    strip = {"gain_db": 0, "mute": False, "solo": False, "take": None, "channel": None}
    return {
        "layers": [{**layer, **strip}],
        "mix": {},
        "presets": [],
        "markers": [],
        "timecode": None,
        "guide": {"gain_db": 0, "mute": True},
        "view": {},
    }
