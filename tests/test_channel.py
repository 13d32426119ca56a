"""A layer's channel: equaliser, pan and room are what their formulas say, in all parts."""

import numpy as np
import pytest

from folai.metrics.lufs import loudness
from folai.studio.mix.channel import Channel, Channelled, equalised, panned, room_gains
from folai.studio.mix.levels import levels_of
from folai.studio.mix.rooms import ROOMS, impulse_response
from folai.takes.true_peak import true_peak

RATE = 44100


class FileLike:
    """An array as a Sound."""

    def __init__(self, wav, sample_rate=RATE):
        self.wav, self.sample_rate = wav.astype(np.float32), sample_rate
        self.channels, self.num_samples = wav.shape

    def read(self, first, count):
        padded = np.pad(self.wav, ((0, 0), (max(0, -first), max(0, first + count))))
        return padded[:, max(0, first) :][:, :count]


def noise(channels=1, count=30000):
    return np.random.default_rng(0).normal(0, 0.1, (channels, count)).astype(np.float32)


def test_parts_are_those_of_the_whole():
    channel = Channel(pan=0.4, low_db=6, mid_db=-9, mid_hz=700, high_db=4, room="booth")
    sound = Channelled(FileLike(noise(2)), channel)
    whole = sound.read(0, 30000)
    for first, count in ((0, 100), (12345, 5000), (29000, 1000)):
        assert np.abs(sound.read(first, count) - whole[:, first : first + count]).max() < 1e-5


def test_a_plain_channel_changes_nothing():
    wav = noise(1)
    sound = Channelled(FileLike(wav), Channel.of(None))
    assert sound.channels == 1 and np.array_equal(sound.read(0, 30000), wav)
    assert Channel.of({"pan": 0, "room": None, "distance": 9}).is_plain


def test_each_band_has_its_gain():
    click = np.zeros((1, 1 << 16), np.float32)
    click[0, 0] = 1
    channel = Channel(low_db=6, mid_db=-9, mid_hz=1000, high_db=4)
    spectrum = np.abs(np.fft.rfft(equalised(click, channel, RATE)[0]))
    hertz = np.fft.rfftfreq(1 << 16, 1 / RATE)
    gains = 20 * np.log10([spectrum[np.argmin(np.abs(hertz - f))] for f in (20, 1000, 20000)])
    assert gains == pytest.approx([6, -9, 4], abs=0.35)


def test_a_sound_in_the_middle_keeps_its_power_wherever_it_is_put():
    for pan in (-1, -0.3, 0, 0.7, 1):
        placed = panned(noise(1), pan)
        assert np.square(placed).sum() == pytest.approx(2 * np.square(noise(1)).sum(), rel=1e-4)
    left = panned(noise(2), -1)
    assert np.abs(left[1]).max() < 1e-6 and np.abs(left[0]).max() > 0.1


def test_a_room_keeps_the_power_and_is_more_heard_from_afar():
    for name in ROOMS:
        near, far = (room_gains(Channel(room=name, distance=d), RATE) for d in (0.5, 8))
        assert 1 > near[0] > far[0] > 0
        energy = np.square(impulse_response(name, 0.5, RATE), dtype=np.float64).sum() / 2
        assert near[0] ** 2 + near[1] ** 2 * energy == pytest.approx(1, rel=1e-6)
        assert impulse_response(name, 0.5, RATE) is impulse_response(name, 0.5, RATE)


def test_a_hall_decays_slower_than_a_booth():
    def seconds(name):
        """In which the energy that is still to come falls by 30 dB."""
        left = np.cumsum(np.square(impulse_response(name, 2.0, RATE)[0])[::-1])[::-1]
        return np.argmax(left < 1e-3 * left[0]) / RATE

    assert seconds("booth") < 0.15 < 0.6 < seconds("hall") < seconds("church")


def test_wrong_settings_say_what_is_allowed():
    with pytest.raises(ValueError, match="booth"):
        Channel(room="cave")
    with pytest.raises(ValueError, match="pan 2"):
        Channel(pan=2)


def test_levels_are_those_of_the_standard():
    wav = noise(2, 3 * RATE)
    levels = levels_of(FileLike(wav))
    assert levels.integrated == pytest.approx(loudness(wav, RATE), abs=0.05)
    assert levels.true_peak_db == pytest.approx(20 * np.log10(true_peak(wav)), abs=0.01)
    assert levels_of(FileLike(np.zeros((1, RATE)))).as_json()["integrated"] is None
