"""Who acts in a rendered scene: tools in hands, balls, legs.

Every actor draws its exact state at a time on a canvas. Those that sound have a `height` path
whose zeros are their contacts; the rest are silent whatever they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np

from folai.render.motion import Path
from folai.render.paint import Array, Canvas, Colour, Sprite, oval, rotation, shade, taper


@dataclass(frozen=True)
class Impact:
    """Where [2], when and how loud (peak RMS) something was touched."""

    time: float
    place: Array
    level: float


class Actor(Protocol):
    """Something to draw; `shadow` is drawn below all actors, `draw` in their order."""

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None: ...


@dataclass(frozen=True)
class View:
    """How height above the surface shows: it displaces by `up`, and shadows by `shadow`, per unit.

    Seen from the side `up` is (0, -1); from above it is short and near things grow instead.
    """

    up: tuple[float, float] = (0.0, -1.0)
    perspective: float = 0.0
    light: tuple[float, float] = (0.3, 0.1)
    darkness: float = 0.3

    def project(self, ground: Array, height: float) -> Array:
        """Picture point [2] of a point `height` above the ground point [2]."""
        point: Array = (ground + np.multiply(self.up, height)) * (1.0 + self.perspective * height)
        return point

    def cast(self, ground: Array, height: float) -> Array:
        """Picture point [2] of its shadow."""
        return ground + np.multiply(self.light, height)


# --- hands and what they hold ---------------------------------------------------------------------


@dataclass(frozen=True)
class Hand:
    """Looks of a hand and its arm: size of the fist in picture heights, colours, sleeve."""

    size: float = 0.16
    skin: Colour = (215, 165, 135)
    sleeve: Colour = (60, 80, 140)
    stripe: Colour = (60, 80, 140)
    bare: float = 0.25  # bare forearm between the hand and the sleeve
    flat: bool = False  # palm down with fingers out, instead of a fist

    @cached_property
    def sprite(self) -> Sprite:
        """The hand pointing right, with fingers, thumb and a soft shading."""
        pixels = np.zeros((128, 128, 4), np.uint8)
        dark, light = shade(self.skin, 0.72), shade(self.skin, 1.12)
        reach = 118 if self.flat else 92
        parts = [((50.0, 66.0), (38.0, 32.0), self.skin)]
        for finger in range(4):
            y = 44.0 + 14 * finger
            parts.append((((reach + 50) / 2, y + 2), ((reach - 46) / 2, 9.0), dark))
            parts.append((((reach + 50) / 2, y), ((reach - 50) / 2, 8.0), self.skin))
        parts += [((62.0, 34.0), (26.0, 9.0), light), ((48.0, 60.0), (24.0, 18.0), light)]
        for centre, radius, colour in parts:
            corners = np.round(oval(np.array(centre), np.array(radius)) * 16).astype(np.int32)
            cv2.fillPoly(pixels, [corners], (*colour, 255), cv2.LINE_AA, 4)
        blurred = cv2.GaussianBlur(pixels[..., :3], (0, 0), 2.5)
        pixels[..., :3] = np.where(pixels[..., 3:] > 200, blurred, pixels[..., :3])
        return Sprite(pixels, 1.45 * self.size)

    def draw(self, canvas: Canvas, wrist: Array, pointing: Array, elbow: Array) -> None:
        """Arm from the elbow to the wrist, then the hand, whose fist is centred on `wrist`."""
        width = self.size * 0.62
        length = float(np.linalg.norm(wrist - elbow))
        cuff = wrist + (elbow - wrist) * min(1.0, self.bare / max(length, 1e-6))
        canvas.polygon(taper(elbow, wrist, 1.4 * width, width), shade(self.skin, 0.9))
        wide = taper(elbow, cuff, 2.3 * width, 1.6 * width)
        canvas.polygon(wide, self.sleeve)
        if self.stripe != self.sleeve:
            for at in np.arange(0.05, 0.95, 0.16):
                start, end = cuff + (elbow - cuff) * at, cuff + (elbow - cuff) * (at + 0.06)
                canvas.polygon(taper(start, end, 1.65 * width, 1.7 * width), self.stripe)
        canvas.polygon(np.stack([wide[3], wide[2], cuff, elbow]), shade(self.sleeve, 0.5), 0.35)
        angle = float(np.arctan2(pointing[1], pointing[0]))
        canvas.sprite(self.sprite, wrist, angle=angle)


@dataclass(frozen=True)
class Rod:
    """A stick, hammer, knife or mallet: length and widths in picture heights."""

    length: float = 0.6
    width: float = 0.022
    tip_width: float = 0.015
    colour: Colour = (200, 160, 100)
    bead: float = 0.0  # radius of a mallet's head
    head: float = 0.0  # size of a hammer's head
    blade: float = 0.0  # width of a knife's blade
    tail: float = 0.12  # what sticks out behind the hand
    metal: Colour = (150, 155, 165)

    def draw(self, canvas: Canvas, hand: Array, tip: Array, up: Array) -> None:
        along = (tip - hand) / (np.linalg.norm(tip - hand) + 1e-9)
        if self.blade:
            heel = hand + 0.3 * (tip - hand)
            canvas.polygon(np.stack([heel, tip, heel + up * self.blade]), self.metal)
            canvas.polygon(taper(hand - along * self.tail, heel, 0.03, 0.03), self.colour)
            return
        neck = tip + up * self.head / 2
        body = taper(hand - along * self.tail, neck, self.width, self.tip_width)
        canvas.polygon(body, self.colour)
        middle = (body[0] + body[3]) / 2, (body[1] + body[2]) / 2
        canvas.polygon(np.stack([body[0], body[1], middle[1], middle[0]]), (255, 255, 255), 0.22)
        if self.bead:
            canvas.polygon(oval(tip + up * self.bead, self.bead), shade(self.colour, 0.8))
        if self.head:
            box = taper(tip, tip + up * self.head, self.head * 0.55, self.head * 0.45)
            canvas.polygon(box, self.metal)
            canvas.polygon(np.stack([box[0], box[1], middle[1], tip]), (255, 255, 255), 0.2)


def _joint(start: Array, end: Array, limb: float, side: float) -> Array:
    """Picture point [2] where two limbs of one length meet, from both points; bent by `side` of
    what they can, -1 to 1."""
    reach = end - start
    distance = float(np.linalg.norm(reach))
    bend = np.sqrt(max(0.0, limb**2 - distance**2 / 4))
    across = np.array([-reach[1], reach[0]]) / (distance + 1e-9)
    return np.asarray(start + reach / 2 + across * bend * side)


@dataclass(frozen=True, eq=False)
class Tool:
    """A rod (or bare hand, `rod` None) swung by a hand over a surface at the origin of `ground`.

    The wrist turns and the arm lifts: the hand rises by `follow` of the tip's height, a little
    later, and the tip swings round the hand on a rigid rod. At height 0 the tip is at `ground(t)`.
    """

    ground: Path
    height: Path
    view: View
    hand: Hand | None  # None: drawn by another actor
    rod: Rod | None
    direction: float  # radians, from the hand to the tip, in the picture
    arm: float  # radians, from the hand to the elbow
    grip: float = 0.15  # the hand's height at contact
    follow: float = 0.4
    lag: float = 0.0  # s by which the hand is behind the tip: it still falls when the tip strikes
    sway: float = 0.0
    away: Path | None = None  # where the person steps aside, moves all by this much
    shoulder: tuple[float, float] | None = None  # whence the arm comes; None: from far outside
    limb: float = 0.6  # the arm's length from a shoulder to the wrist
    bend: float = 1.0  # -1 or 1, the side to which its elbow goes

    @property
    def length(self) -> float:
        """From the hand to the tip, picture heights."""
        return self.rod.length if self.rod else 0.12

    def pose(self, time: float) -> tuple[Array, Array, Array, float, float]:
        """Ground points [2] of hand and tip, direction [2], heights of hand and tip."""
        height, behind = (float(self.height(t)[0]) for t in (time, time - self.lag))
        length = self.length
        heading = np.array([np.cos(self.direction), np.sin(self.direction)])
        level = np.sqrt(max(0.0, length**2 - min(self.grip, 0.95 * length) ** 2))
        # The tip goes where a hand that is not behind would have it; the hand is then a rod's
        # length away from it, so that the tip stays where it struck while the hand comes down.
        pivot = self.ground(time) - heading * level
        if self.away is not None:
            pivot = pivot + self.away(time)
        tip = pivot + heading * self._reach(self._lifted(height, height), height)
        lifted = self._lifted(behind, height)
        return tip - heading * self._reach(lifted, height), tip, heading, lifted, height

    def _lifted(self, followed: float, height: float) -> float:
        """Height of a hand that follows a height, no further above the tip than the rod allows."""
        return min(self.grip + self.follow * followed, 0.95 * self.length + height)

    def _reach(self, lifted: float, height: float) -> float:
        """How far over the ground a tip at `height` is from a hand at `lifted`."""
        raised = min(max(lifted - height, -0.97 * self.length), 0.97 * self.length)
        return float(np.sqrt(self.length**2 - raised**2))

    def tip(self, time: float) -> Array:
        """Picture point [2] of the tip."""
        _, tip, _, _, height = self.pose(time)
        return self.view.project(tip, height)

    def shadow(self, canvas: Canvas, time: float) -> None:
        hand, tip, _, lifted, height = self.pose(time)
        start, end = self.view.cast(hand, lifted), self.view.cast(tip, height)
        blur = 1.0 + 2.0 * height
        for spread, share in ((1.0, 0.6), (1.6, 0.4)):
            alpha = share * self.view.darkness / np.sqrt(blur)
            width = spread * blur
            if self.rod:
                thin = width * max(self.rod.width, 0.016)
                canvas.polygon(taper(start, end, thin, thin), (0, 0, 0), alpha)
            if self.hand:
                size = self.hand.size * (0.35 + 0.1 * spread)
                canvas.polygon(oval(start, np.array([size, 0.8 * size])), (0, 0, 0), alpha)

    def draw(self, canvas: Canvas, time: float) -> None:
        hand, tip, heading, lifted, height = self.pose(time)
        wrist, end = self.view.project(hand, lifted), self.view.project(tip, height)
        up = np.array(self.view.up) / (np.hypot(*self.view.up) + 1e-9)
        if self.rod:
            self.rod.draw(canvas, wrist, end, up)
        if self.hand:
            elbow = self._elbow(wrist, height, time)
            if self.shoulder is not None:
                wide = 1.4 * self.hand.size
                canvas.polygon(
                    taper(np.array(self.shoulder), elbow, wide, 0.9 * wide),
                    shade(self.hand.sleeve, 0.85),
                )
            pointing = end - wrist if np.linalg.norm(end - wrist) > 1e-3 else heading
            self.hand.draw(canvas, wrist, pointing, elbow)

    def _elbow(self, wrist: Array, height: float, time: float) -> Array:
        """Picture point [2] of the elbow."""
        if self.shoulder is None:
            swing = self.arm + self.sway * np.sin(1.7 * time) + 0.25 * height
            return np.asarray(wrist + 1.3 * np.array([np.cos(swing), np.sin(swing)]))
        return _joint(np.array(self.shoulder), wrist, self.limb / 2, -self.bend)


@dataclass(frozen=True, eq=False)
class Arm:
    """A hand and its arm that only accompany: they hold, dribble, type or wave, and never sound."""

    hand: Hand
    wrist: Path
    arm: float  # radians, from the hand to the elbow
    pointing: float  # radians, the way the fingers point

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        wrist = self.wrist(time)
        elbow = wrist + 1.6 * np.array([np.cos(self.arm), np.sin(self.arm)])
        direction = np.array([np.cos(self.pointing), np.sin(self.pointing)])
        self.hand.draw(canvas, wrist, direction, elbow)


# --- balls, legs ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ball:
    """A round thing that touches the surface with its lowest point; squashed a little on impact."""

    ground: Path
    height: Path
    view: View
    radius: float
    colour: Colour
    band: Colour
    spin: float = 3.0
    box: bool = False  # a tumbling block instead of a ball

    def tip(self, time: float) -> Array:
        """Picture point [2] of the lowest point."""
        return self.view.project(self.ground(time), float(self.height(time)[0]))

    def shadow(self, canvas: Canvas, time: float) -> None:
        height = float(self.height(time)[0])
        centre = self.view.cast(self.ground(time), height)
        flat = np.array([1.0, 0.35 + 0.5 * (abs(self.view.up[1]) < 0.6)])
        for spread in (0.7, 1.0):
            size = self.radius * (spread + 0.4 * height)
            alpha = self.view.darkness * float(np.exp(-2.5 * height))
            canvas.polygon(oval(centre, size * flat), (0, 0, 0), alpha)

    def draw(self, canvas: Canvas, time: float) -> None:
        height = float(self.height(time)[0])
        radius = self.radius * (1.0 + self.view.perspective * height)
        centre = self.tip(time) + np.multiply(self.view.up, radius)
        angle = self.spin * float(self.ground(time)[0]) / self.radius
        if self.box:
            corners = taper(
                np.array([-radius, 0.0]), np.array([radius, 0.0]), 1.4 * radius, 1.4 * radius
            )
            canvas.polygon(
                centre + corners @ rotation(0.25 * angle * min(1, 9 * height)).T, self.colour
            )
            return
        canvas.polygon(oval(centre, radius), shade(self.colour, 0.75))
        canvas.polygon(oval(centre - 0.12 * radius, 0.86 * radius), self.colour)
        stripe = oval(np.zeros(2), np.array([0.28, 0.84]) * radius)
        canvas.polygon(centre + stripe @ rotation(angle).T, self.band)
        canvas.polygon(oval(centre - 0.38 * radius, 0.2 * radius), (255, 255, 255), 0.5)


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg of a walker: the shoe on `ground` at `height`, the hip, the knee between them."""

    ground: Path
    height: Path
    hip: Path
    view: View
    thigh: float
    trousers: Colour
    shoe: Colour
    facing: float  # -1 or 1 seen from the side, 0 from the front

    def tip(self, time: float) -> Array:
        """Picture point [2] of the sole."""
        return self.view.project(self.ground(time), float(self.height(time)[0]))

    def shadow(self, canvas: Canvas, time: float) -> None:
        height = float(self.height(time)[0])
        centre = self.view.cast(self.ground(time), height)
        size = self.thigh * np.array([0.42, 0.1])
        canvas.polygon(oval(centre, size), (0, 0, 0), self.view.darkness / (1 + 4 * height))

    def draw(self, canvas: Canvas, time: float) -> None:
        height, scale = float(self.height(time)[0]), self.thigh
        sole = self.tip(time)
        ankle = sole + np.array([-0.1 * self.facing * scale, -0.17 * scale])
        hip = self.hip(time)
        knee = _joint(ankle, hip, scale, self.facing or 0.15)
        for start, end, wide, thin in ((hip, knee, 0.42, 0.33), (knee, ankle, 0.33, 0.24)):
            canvas.polygon(taper(start, end, wide * scale, thin * scale), self.trousers)
        canvas.polygon(oval(knee, 0.165 * scale), self.trousers)
        ahead = (sole[0] - hip[0]) * self.facing / (0.5 * scale)
        self._shoe(canvas, sole, height * float(np.clip(ahead, -1.0, 1.0)))

    def _shoe(self, canvas: Canvas, sole: Array, tilt: float) -> None:
        """Flat at tilt 0; the toe points up before the heel lands, down after it has left."""
        scale, length = self.thigh, (0.62 if self.facing else 0.34) * self.thigh
        back = 0.28 if self.facing else 0.5
        along = np.array([self.facing or 1.0, 0.0])
        heel = sole - back * length * along
        toe = heel + length * along - np.array([0.0, 1.2 * tilt])
        top = np.array([0.0, -0.2 * scale])
        outline = np.stack([heel, toe, toe + 0.5 * top, (heel + toe) / 2 + top, heel + top])
        canvas.polygon(outline, self.shoe)
        edge = np.stack([heel, toe, toe + 0.15 * top, heel + 0.15 * top])
        canvas.polygon(edge, shade(self.shoe, 0.4))


@dataclass(frozen=True, eq=False)
class Torso:
    """The body over a walker's hip: coat, head, and arms that swing `rate` times a second."""

    hip: Path
    thigh: float
    coat: Colour
    skin: Colour
    rate: float
    facing: float

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        hip, scale = self.hip(time), self.thigh
        neck = hip + scale * np.array([0.05 * self.facing, -1.25])
        crown, face = (neck + scale * np.array(at) for at in (
            (-0.05 * self.facing, -0.38), (0.04 * self.facing, -0.28)))  # fmt: skip
        canvas.polygon(oval(crown, scale * np.array([0.2, 0.22])), shade(self.skin, 0.35))
        canvas.polygon(oval(face, scale * np.array([0.16, 0.24])), self.skin)
        hem = hip + np.array([0.0, 0.12 * scale])
        canvas.polygon(taper(hem, neck, 0.55 * scale, 0.62 * scale), self.coat)
        canvas.polygon(oval(neck, np.array([0.31, 0.14]) * scale), self.coat)
        for side in (-1, 1):
            swing = 0.5 * side * np.sin(np.pi * self.rate * time)
            reach = np.array([np.sin(swing) * self.facing, np.cos(swing)])
            shoulder = neck + scale * np.array([0.33 * side * (not self.facing), 0.05])
            hand = shoulder + 1.15 * scale * reach
            sleeve = shade(self.coat, 0.85)
            canvas.polygon(taper(shoulder, hand, 0.24 * scale, 0.16 * scale), sleeve)
            canvas.polygon(oval(hand, 0.1 * scale), self.skin)
