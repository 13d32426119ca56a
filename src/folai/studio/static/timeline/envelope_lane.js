/** The envelope: the active layer's curve, filled; the prediction behind it; the other layers thin. */

import { firstFrom, hitLevel } from "../envelope/curve.js";
import { Backdrop } from "./backdrop.js";
import { setFont } from "./canvas.js";
import { doubtOf, drawDoubt } from "./doubt.js";
import { LINES, levelToY, scale } from "./level.js";
import { fillBelow, outline, trace } from "./outline.js";
import { Painted } from "./painted.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../state/studio.js").Drawn} Drawn */
/** @typedef {import("./axis.js").Axis} Axis */
/** @typedef {import("./canvas.js").Colours} Colours */
/** @typedef {import("./outline.js").Outline} Outline */

const HANDLE = 4; // pixels from the middle of a hit's handle to its corner
const CROWDED = 7; // pixels between hits below which they have no handles
const CAP = 5; // pixels to either side of a hit, of the line at its own level

export class EnvelopeLane {
  #behind = new Backdrop();
  #above = new Backdrop();
  #painted = new Painted();

  /**
   * Between two pictures of what a drag leaves as it is the own curve is drawn, anew only where it has changed.
   * @param {CanvasRenderingContext2D} context as the last call has left it @param {Axis} axis @param {number} height
   * @param {Studio} studio @param {Colours} colours
   */
  draw(context, axis, height, studio, colours) {
    const { activeId, layers, drawn, ghost } = studio;
    const size = { width: axis.width, height };
    const view = [studio.project.id, axis.start, axis.perPixel, scale.top, colours.other, colours.lane];
    const others = layers.filter(({ id }) => id !== activeId && drawn.has(id)).map(({ id }) => /** @type {Drawn} */ (drawn.get(id)));
    const active = drawn.get(activeId);
    const curve = active && outlineOf(axis, height, active);
    const doubt = doubtOf(axis, height, studio);
    const hits = active ? hitsShown(studio, active.curve, axis, height) : [];
    const key = [...view, activeId, colours.accent, axis.width, height, devicePixelRatio, ...others.map(stateOf), ghost && stateOf(ghost)].join();
    const anew = this.#painted.changes(key, [curve, doubt], hits.map((hit) => [hit.x, Object.values(hit).join()]));
    if (!anew) return;
    const { left, right } = anew;
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, height);
    context.clip();
    context.clearRect(left, 0, right - left, height);
    this.#behind.lay(context, size, [...view, ...others.map(stateOf)].join(), (own) => {
      drawLevels(own, axis, height, colours);
      for (const other of others) {
        trace(own, outlineOf(axis, height, other));
        stroke(own, colours.other, 1);
      }
    });
    if (curve) fillBelow(context, curve, anew, height, colours.fill);
    if (doubt) drawDoubt(context, doubt, anew, height, colours.ghost);
    if (ghost) {
      this.#above.lay(context, size, [...view, stateOf(ghost)].join(), (own) => {
        trace(own, outlineOf(axis, height, ghost));
        own.setLineDash([3, 3]);
        stroke(own, colours.ghost, 1);
      });
    }
    if (curve) {
      trace(context, curve, anew);
      stroke(context, colours.accent, 1.5);
      drawHits(context, hits, height, colours);
    }
    context.restore();
  }
}

/** Another whenever its values are. @param {Drawn} drawn */
function stateOf({ pyramid }) {
  return `${pyramid.id}.${pyramid.changes}`;
}

/** @param {CanvasRenderingContext2D} context @param {string} colour @param {number} width */
function stroke(context, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height @param {Colours} colours */
function drawLevels(context, axis, height, colours) {
  setFont(context, 9, true);
  context.beginPath();
  for (const db of LINES) {
    const y = Math.round(levelToY(10 ** (db / 20), height)) + 0.5;
    if (10 ** (db / 20) > 1.05 * scale.top) continue;
    context.moveTo(0, y);
    context.lineTo(axis.width, y);
    context.fillStyle = colours.dim;
    context.fillText(db ? `${db}` : "0 dB", 4, y - 2);
  }
  stroke(context, colours["lane-line"], 1);
}

/**
 * Along the tops: the highest value of each pixel, or straight lines between frames.
 * @param {Axis} axis @param {number} height @param {Drawn} drawn @returns {Outline}
 */
function outlineOf(axis, height, { curve, pyramid }) {
  const { values, rate } = curve;
  const perPixel = axis.perPixel * rate; // frames
  if (perPixel > 1) {
    const last = Math.floor(Math.min(axis.width, axis.toX(values.length / rate))) + 1;
    return outline(-1, last + 1, (x) => x, (x) => {
      const frame = Math.floor(axis.toTime(x) * rate);
      return levelToY(pyramid.peak(frame, Math.ceil(frame + perPixel)), height);
    });
  }
  const first = Math.max(Math.floor(axis.start * rate) - 1, 0);
  const stop = Math.min(Math.ceil(axis.end * rate) + 2, values.length);
  return outline(first, stop, (i) => axis.toX(i / rate), (i) => levelToY(values[i], height));
}

/**
 * A hit as it is drawn, in pixels; `own` is where its own level is, `y` is null where hits are too near one another for handles.
 * @typedef {{x: number, y: number | null, own: number | null, chosen: boolean, set: boolean}} HitShown
 */

/** @param {Studio} studio @param {import("../envelope/curve.js").Curve} curve @param {Axis} axis @param {number} height @returns {HitShown[]} */
function hitsShown(studio, curve, axis, height) {
  const first = Math.max(firstFrom(curve.onsets, axis.start) - 1, 0);
  const stop = firstFrom(curve.onsets, axis.end);
  const crowded = (stop - first) * CROWDED > axis.width;
  return Array.from(curve.onsets.subarray(first, stop), (onset) => {
    const x = axis.toX(onset);
    if (crowded) return { x, y: null, own: null, chosen: false, set: false };
    const level = hitLevel(curve, onset);
    const { level_db = 0 } = curve.hits?.get(onset) ?? {};
    const own = level_db ? levelToY(level * 10 ** (level_db / 20), height) : null;
    return { x, y: levelToY(level, height), own, chosen: onset === studio.hit, set: Boolean(curve.hits?.has(onset)) };
  });
}

/** @param {CanvasRenderingContext2D} context @param {HitShown[]} hits @param {number} height @param {Colours} colours */
function drawHits(context, hits, height, colours) {
  const crowded = hits[0]?.y === null;
  context.fillStyle = colours.accent;
  context.globalAlpha = crowded ? 0.35 : 0.55;
  let before = -9;
  for (const hit of hits) {
    const x = Math.round(hit.x);
    if (x > before) context.fillRect(x, height - (crowded ? 10 : height), 1, height);
    before = x;
  }
  context.globalAlpha = 1;
  for (const { x, y, own, chosen, set } of hits) {
    if (y === null) continue;
    if (own !== null) drawOwnLevel(context, x, y, own, colours);
    drawHandle(context, x, Math.max(y, HANDLE + 1), chosen, chosen ? colours.text : set ? colours.accent : colours.lane, colours);
  }
}

/** How loud a hit is by its own setting: a line from the curve to there, and a cap. @param {CanvasRenderingContext2D} context @param {number} x @param {number} from @param {number} to y @param {Colours} colours */
function drawOwnLevel(context, x, from, to, colours) {
  const end = Math.max(to, 2); // a level above the lane ends at its top
  context.beginPath();
  context.moveTo(x, from);
  context.lineTo(x, end);
  context.moveTo(x - CAP, end);
  context.lineTo(x + CAP, end);
  stroke(context, colours.accent, 2);
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {boolean} chosen @param {string} inside its colour: that of the line where a hit has settings @param {Colours} colours */
function drawHandle(context, x, y, chosen, inside, colours) {
  const size = chosen ? HANDLE + 2 : HANDLE;
  context.beginPath();
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.closePath();
  context.fillStyle = inside;
  context.fill();
  stroke(context, colours.accent, 1.5);
}

/**
 * The hit whose handle or line is under a point, as its index, or -1.
 * @param {Studio} studio @param {Axis} axis @param {number} x @param {number} y
 * @param {number} height @param {number} reach pixels
 */
export function hitUnder(studio, axis, x, y, height, reach) {
  const curve = studio.curve;
  if (!curve) return -1;
  let best = -1;
  let nearest = reach;
  let i = Math.max(firstFrom(curve.onsets, axis.toTime(x - reach)), 0);
  for (; i < curve.onsets.length && axis.toX(curve.onsets[i]) <= x + reach; i++) {
    const top = levelToY(hitLevel(curve, curve.onsets[i]), height);
    const beside = Math.abs(axis.toX(curve.onsets[i]) - x);
    const far = Math.abs(top - y) <= reach ? beside : beside + reach / 2; // a line holds less than a handle
    if (far < nearest) [best, nearest] = [i, far];
  }
  return best;
}
