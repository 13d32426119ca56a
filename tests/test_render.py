"""Rendered clips: contacts where the motion says, sound where the contacts are, files as told."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from folai.render import KINDS, demo_scene, random_scene, render_frames, tools, write_clip
from folai.render.actors import Hand, Leg, Rod, Tool, View
from folai.render.motion import Choreography, Contact, Voice, bounces, still
from folai.render.motion import path as path_of
from folai.render.scene import RMS_WINDOW, Scene

SMALL = (86, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_is_one_scene(kind):
    first, second = (random_scene(3, kind=kind, duration=3.0) for _ in range(2))
    assert first.kind == kind and first.contacts == second.contacts
    assert np.array_equal(first.envelope(), second.envelope())
    for (time, a), (_, b) in zip(
        *(render_frames(scene, times=[0.5, 1.7], size=SMALL) for scene in (first, second)),
        strict=True,
    ):
        assert np.array_equal(a, b), time
    assert a.shape == (64, 86, 3) and a.dtype == np.uint8 and a.std() > 1


def test_seeds_differ():
    pictures = [random_scene(seed, kind="strike").draw(1.0, SMALL) for seed in range(4)]
    assert all(np.abs(p.astype(int) - pictures[0]).mean() > 5 for p in pictures[1:])


@pytest.mark.parametrize("scene", [random_scene(seed) for seed in range(40)] + [demo_scene()])
def test_height_is_zero_exactly_at_contacts_and_falls_towards_them(scene):
    if scene.kind in ("shot", "burst"):
        pytest.skip("nothing is struck")
    for contact in scene.contacts:
        times = contact.time - np.array([0.004, 0.002, 0.0])
        heights = [path(times)[:, 0] for path in scene.heights]
        assert any(h[0] > h[1] > 1e-6 and abs(h[2]) < 1e-9 for h in heights), contact


@pytest.mark.parametrize("seed", range(40))
def test_nothing_passes_through_the_surface_or_touches_it_silently_in_view(seed):
    scene = random_scene(seed)
    times = np.arange(0, scene.duration, 0.002)
    for path in scene.heights:
        height = path(times)[:, 0]
        assert height.min() > -1e-9
        arrivals = times[1:][(height[1:] < 1e-4) & (height[:-1] >= 1e-4)]
        for time in arrivals:
            heard = np.abs(scene.onsets - time).min(initial=1.0) < 0.05
            assert heard or not any(
                _in_view(scene, actor, time)
                for actor in scene.actors
                if getattr(actor, "height", None) is path
            )


def _in_view(scene, actor, time, margin=0.04):
    """Whether the sounding tip of an actor is within the picture, and not at its edge."""
    matrix = scene.camera.matrix(time, (344, 256))
    place = (matrix[:, :2] @ actor.tip(time) + matrix[:, 2]) / (344, 256)
    return bool(np.all((place > margin) & (place < 1 - margin)))


def test_steps_outside_the_picture_are_not_heard():
    heard, missed = 0, 0
    for scene in (random_scene(seed, kind="steps") for seed in range(12)):
        for foot in (actor for actor in scene.actors if isinstance(actor, Leg)):
            down = foot.height.times[1:][np.diff(foot.height.values[:, 0]) < 0]
            for time in down[down < scene.duration]:
                sounds = np.abs(scene.onsets - time).min(initial=1.0) < 1e-9
                assert sounds == _in_view(scene, foot, time, 0.02)
                heard, missed = heard + sounds, missed + (not sounds)
    assert heard > 50 and missed > 20


@pytest.mark.parametrize("kind", ["strike", "scrape", "drum", "hammer", "chop", "typing", "clap"])
def test_every_hit_can_be_seen_coming(kind):
    """In the 0.4 s before each contact the tip moves in the picture, as it rises or comes down."""
    for seed in range(8):
        scene = random_scene(seed, kind=kind)
        for tool in (actor for actor in scene.actors if isinstance(actor, Tool)):
            for time in (t for t in scene.onsets if abs(tool.height(t)[0]) < 1e-9):
                there = replace(tool, ground=still(tool.ground(time)), away=None)
                tips = np.array([there.tip(t) for t in np.linspace(time - 0.4, time, 30)])
                assert np.ptp(tips, axis=0).max() > 0.045, (seed, time)


def test_heights_show_wherever_something_is_struck():
    """A near eye above can undo the way up: what rises towards it also leaves the middle."""
    rng = np.random.default_rng(0)
    views = [tools.random_view(rng) for _ in range(300)]
    shares = [tools.shown_share(view, tools.surface(rng, view)) for view in views]
    assert min(shares) > tools.LEAST_SHARE
    hidden = View((0.0, -0.3), perspective=0.9)
    assert tools.shown_share(hidden, (0.0, 0.3)) < 0.05
    assert tools.surface(rng, hidden)[1] < 0.1


@pytest.mark.parametrize("kind", ["strike", "drum", "hammer", "chop", "typing"])
def test_what_is_struck_is_in_view(kind):
    """Only drags may lead out of the picture, and cameras that pan or are cut may lose a little."""
    for seed in range(12):
        scene = random_scene(seed, kind=kind)
        tipped = [actor for actor in scene.actors if isinstance(actor, Tool)]
        for tool in tipped if not scene.camera.moves else ():
            for time in tool.height.times[tool.height.values[:, 0] == 0.0]:
                assert _in_view(scene, tool, time, 0.04), (seed, time)


def test_bounces_are_free_fall():
    rng = np.random.default_rng(0)
    path, contacts = bounces(
        rng, Voice(0.1, 0.05), start=0.5, height=0.5, gravity=4.0, end=9.0, restitution=0.8
    )
    speed = np.sqrt(2 * 4.0 * 0.5)
    first = 0.5 + speed / 4.0
    assert contacts[0].time == pytest.approx(first)
    assert contacts[1].time == pytest.approx(first + 2 * 0.8 * speed / 4.0)
    since = 0.1
    assert path(first + since)[0] == pytest.approx(0.8 * speed * since - 2.0 * since**2)
    assert contacts[0].level > contacts[3].level


def test_a_ball_lies_still_before_its_bounces_are_too_low_to_see():
    height, contacts = bounces(
        np.random.default_rng(0), Voice(0.1, 0.05), start=0.0, height=1.0, gravity=6.0, end=9.0,
        restitution=0.7, least=0.02,
    )  # fmt: skip
    tops = [height((a.time + b.time) / 2)[0] for a, b in pairwise(contacts)]
    assert min(tops) == tops[-1] == pytest.approx(0.7 ** (2 * len(tops)))
    assert 0.02 < tops[-1] < 0.02 / 0.7**2


def test_a_stroke_is_one_drag_in_one_direction():
    plan = Choreography(np.random.default_rng(0), Voice(0.1, 0.05), hover=0.2)
    plan.scrape([(0.3, (0.2, 0.0)), (0.2, (0.2, 0.0)), (0.4, (-0.1, 0.0))], 1.0)
    ground, _ = plan.finish()
    (first, second), start = plan.strokes, plan.contacts[0].time
    assert (first.start, first.end) == pytest.approx((start, start + 0.3))
    assert (second.start, second.end) == pytest.approx((start + 0.5, start + 0.9))
    for stroke, sign in ((first, 1.0), (second, -1.0)):
        x = ground(np.linspace(stroke.start, stroke.end, 20))[:, 0]
        assert (sign * np.diff(x) > 0).all()


def test_who_recovers_is_up_again_at_once():
    plan = Choreography(np.random.default_rng(0), Voice(0.1, 0.05, rebound=0.0), hover=0.2)
    plan.hit(0.6, 4.0, 0.3, recovers=True)
    plan.hit(1.6, 4.0, 0.3)
    plan.rest(0.5)
    _, height = plan.finish()
    assert height(0.6)[0] == height(1.6)[0] == 0.0
    assert height(0.97)[0] > 0.15
    assert height(1.97)[0] == 0.0, "a dead strike stays where it is"


def test_a_swipe_touches_while_it_moves_and_slows_down():
    plan = Choreography(np.random.default_rng(0), Voice(0.1, 0.05, roughness=0.0), hover=0.2)
    plan.swipe(0.8, 3.0, 0.3, (0.2, 0.0), 0.25)
    ground, height = plan.finish()
    (contact,), (stroke,) = plan.contacts, plan.strokes
    assert contact.time == stroke.start == 0.8 and stroke.end == pytest.approx(1.05)
    assert height(np.linspace(0.8, 1.05, 9))[:, 0] == pytest.approx(0.0)
    speed = ground.speed(np.linspace(0.801, 1.049, 9))
    assert speed[0] == pytest.approx(1.6, rel=0.02) and (np.diff(speed) < 0).all()
    assert ground(1.05)[0] - ground(0.8)[0] == pytest.approx(0.2)
    assert stroke.powers[0] > 5 * stroke.powers[-10]


def test_a_bare_hand_comes_down_with_its_contact():
    scenes = [random_scene(seed, kind=kind) for kind in ("drum", "clap") for seed in range(6)]
    hands = [a for scene in scenes for a in scene.actors if isinstance(a, Tool) and a.rod is None]
    assert len(hands) > 12
    for hand in hands:
        for time in hand.height.times[hand.height.values[:, 0] == 0.0][:4]:
            before, at, after = (hand.pose(t)[3] for t in (time - 0.03, time, time + 0.03))
            assert at < before - 0.01 and at < after + 1e-9


def test_a_tip_stays_where_it_struck_while_the_hand_is_still_coming_down():
    height = path_of([(0.0, (0.4,), (0.0,), (0.0,)), (0.2, (0.0,), (-3.0,), (0.0,)),
                      (0.5, (0.0,), (0.0,), (0.0,))])  # fmt: skip
    tool = Tool(still((0.1, 0.2)), height, View(), Hand(), Rod(), 0.3, np.pi, follow=0.5, lag=0.06)
    tips, hands, lifted = [], [], []
    for time in (0.2, 0.23, 0.3):
        hand, tip, _, up, low = tool.pose(time)
        tips.append(tip)
        hands.append(hand)
        lifted.append(up)
        assert low == 0 and np.hypot(np.linalg.norm(tip - hand), up) == pytest.approx(0.6)
    assert np.allclose(tips, [0.1, 0.2])
    assert lifted[0] > lifted[1] > lifted[2] == pytest.approx(tool.grip)
    assert np.linalg.norm(hands[2] - hands[0]) > 0.005


@pytest.mark.parametrize("kind", ["shot", "burst"])
def test_a_flash_begins_with_the_sound(kind):
    bright = []
    for seed in range(6):
        scene = random_scene(seed, kind=kind)
        contact = max(scene.contacts, key=lambda c: c.level)
        pictures = [scene.draw(contact.time + d, SMALL).astype(int) for d in (-0.004, 0.002)]
        bright.append(np.sort((pictures[1] - pictures[0]).max(-1).ravel())[-10:].mean())
    assert np.median(bright) > 50


def test_the_picture_moves_until_the_contact():
    """The tip's way through the picture, frame by frame, breaks off at the contact's frame."""
    scene = random_scene(11, kind="hammer")
    tool = next(actor for actor in scene.actors if hasattr(actor, "tip"))
    for contact in scene.contacts:
        steps = contact.time + np.array([-0.01, 0.0, 0.01])
        before, at, after = (tool.tip(time) for time in steps)
        assert np.dot(at - before, after - at) < 0.5 * np.dot(at - before, at - before)


def test_envelope_rises_at_the_contact_and_peaks_half_a_window_later():
    contact = Contact(1.0, 0.5, 0.05)
    scene = Scene("one", 2.0, (contact,), floor=0.0)
    rate = 1000.0
    envelope = scene.envelope(rate)
    assert envelope.dtype == np.float32 and len(envelope) == 2000
    assert np.flatnonzero(envelope > 1e-6)[0] / rate == pytest.approx(
        1.0 - RMS_WINDOW / 2, abs=0.002
    )
    assert envelope.argmax() / rate == pytest.approx(1.0 + RMS_WINDOW / 2, abs=0.001)
    assert envelope.max() == pytest.approx(0.5, rel=0.01)
    later = envelope[[1100, 1150]]
    assert later[1] / later[0] == pytest.approx(np.exp(-0.05 / 0.05), rel=0.01)


def test_envelope_agrees_with_a_decay_averaged_numerically():
    scene = Scene("one", 1.0, (Contact(0.4, 0.3, 0.08),), floor=0.0)
    times = np.arange(20_000) / 20_000
    shape = np.where(times >= 0.4, np.exp(-(times - 0.4) / 0.08), 0.0) ** 2
    rms = np.sqrt(np.convolve(shape, np.ones(640) / 640, mode="same"))
    assert np.allclose(scene.envelope(100.0), 0.3 * rms[::200] / rms.max(), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_only_where_contact_is_and_everywhere_it_is(kind):
    scene = random_scene(5, kind=kind)
    envelope = scene.envelope(240.0)
    times = np.arange(len(envelope)) / 240.0
    assert np.isfinite(envelope).all() and envelope.max() <= 1.5
    silent = np.ones(len(times), bool)
    for contact in scene.contacts:
        assert 0 <= contact.time < scene.duration and 0 < contact.level <= 1
        silent &= (times < contact.time - 0.02) | (times > contact.time + 12 * contact.decay + 0.02)
        near = np.abs(times - contact.time) < 0.03
        assert envelope[near].max() > scene.floor
    for start, end in scene.strokes:
        assert scene.clearance((start + end) / 2) == pytest.approx(0.0, abs=1e-9)
        silent &= (times < start - 0.02) | (times > end + 0.02)
    assert np.allclose(envelope[silent], scene.floor, atol=1e-4)


def test_kind_none_is_silent_and_moves():
    scenes = [random_scene(seed, kind="none") for seed in range(6)]
    assert not any(scene.contacts or scene.strokes for scene in scenes)
    moved = [np.abs(s.draw(1.0, SMALL).astype(int) - s.draw(1.4, SMALL)).mean() for s in scenes]
    assert max(moved) > 0.5


def test_scenes_look_alike_at_every_size():
    import cv2

    scene = random_scene(2, kind="strike")
    large = cv2.resize(scene.draw(1.0, (688, 512)), SMALL, interpolation=cv2.INTER_AREA)
    small = cv2.resize(scene.draw(1.0, (344, 256)), SMALL, interpolation=cv2.INTER_AREA)
    assert np.abs(large.astype(int) - small).mean() < 6


@pytest.mark.parametrize("fps", [24, 25, 30000 / 1001, 30, 60])
def test_clip_has_its_frames_at_their_times(tmp_path, fps):
    path = tmp_path / "clip.mp4"
    write_clip(random_scene(1, duration=1.0), path, fps=fps, size=SMALL)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(fps).limit_denominator(1001)
        times = [frame.time for frame in container.decode(stream)]
    assert times == pytest.approx(np.arange(round(fps)) / fps, abs=1e-4)
    assert [item.name for item in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_scene_is_always_the_same_file(tmp_path):
    scene = random_scene(1_000_001, duration=5.0)
    files = [tmp_path / f"{index}.mp4" for index in range(3)]
    for path in files:
        write_clip(scene, path, size=(172, 128), exposures=1)
    assert len({path.read_bytes() for path in files}) == 1


def test_clip_of_variable_frame_rate(tmp_path):
    path, wanted = tmp_path / "clip.mp4", [0.0, 0.05, 0.07, 0.2, 0.21, 0.5]
    write_clip(random_scene(1, duration=1.0), path, times=wanted, size=SMALL)
    with av.open(str(path)) as container:
        assert [f.time for f in container.decode(video=0)] == pytest.approx(wanted, abs=1e-4)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="duration must be > 0"):
        random_scene(0, duration=0.0)
    with pytest.raises(ValueError, match=r"kind must be one of strike, .*none, got 'sing'"):
        random_scene(0, kind="sing")
    scene = random_scene(0, duration=1.0)
    for wrong in ({"fps": 0}, {"times": [0.1, 0.1]}, {"times": []}, {"shutter": 2.0}):
        with pytest.raises(ValueError):
            next(render_frames(scene, **wrong))
    with pytest.raises(ValueError, match="even"):
        write_clip(scene, tmp_path / "odd.mp4", size=(85, 64))
    with pytest.raises(ValueError, match="increasing"):
        write_clip(scene, tmp_path / "back.mp4", times=[0.2, 0.1], size=SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("duration", [0.2, 1.0, 20.0])
def test_any_duration(duration):
    for kind in KINDS:
        scene = random_scene(1, kind=kind, duration=duration)
        assert len(scene.envelope()) == round(120 * duration)
        scene.draw(duration / 2, SMALL)
