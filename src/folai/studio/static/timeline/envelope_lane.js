/** The envelope: the active layer's curve, filled; the prediction behind it; the other layers thin. */

import { firstOnsetFrom, hitLevel } from "../envelope/curve.js";
import { Backdrop } from "./backdrop.js";
import { setFont } from "./canvas.js";
import { drawDoubt } from "./doubt.js";
import { LINES, levelToY, scale } from "./level.js";

/** @typedef {import("../state/studio.js").Studio} Studio */
/** @typedef {import("../state/studio.js").Drawn} Drawn */
/** @typedef {import("./axis.js").Axis} Axis */
/** @typedef {import("./canvas.js").Colours} Colours */

const HANDLE = 4; // pixels from the middle of a hit's handle to its corner
const CROWDED = 7; // pixels between hits below which they have no handles
const CAP = 5; // pixels to either side of a hit, of the line at its own level

export class EnvelopeLane {
  #behind = new Backdrop();
  #above = new Backdrop();

  /**
   * The own curve is drawn anew each time, between two pictures of what a drag leaves as it is.
   * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
   * @param {Studio} studio @param {Colours} colours
   */
  draw(context, axis, height, studio, colours) {
    const { activeId, layers, drawn, ghost } = studio;
    const size = { width: axis.width, height };
    const view = [studio.project.id, axis.start, axis.perPixel, scale.top, colours.other, colours.lane];
    const others = layers.filter(({ id }) => id !== activeId && drawn.has(id)).map(({ id }) => /** @type {Drawn} */ (drawn.get(id)));
    this.#behind.lay(context, size, [...view, ...others.map(stateOf)].join(), (own) => {
      drawLevels(own, axis, height, colours);
      for (const other of others) {
        traceCurve(own, axis, height, other);
        stroke(own, colours.other, 1);
      }
    });
    const active = drawn.get(activeId);
    if (active) {
      traceCurve(context, axis, height, active);
      context.lineTo(axis.width + 2, height);
      context.lineTo(-2, height);
      context.fillStyle = colours.fill;
      context.fill();
    }
    drawDoubt(context, axis, height, studio, colours.ghost);
    if (ghost) {
      this.#above.lay(context, size, [...view, stateOf(ghost)].join(), (own) => {
        traceCurve(own, axis, height, ghost);
        own.setLineDash([3, 3]);
        stroke(own, colours.ghost, 1);
      });
    }
    if (!active) return;
    traceCurve(context, axis, height, active);
    stroke(context, colours.accent, 1.5);
    drawHits(context, axis, height, studio, colours);
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
 * A path along the tops: the highest value of each pixel, or straight lines between frames.
 * @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height
 * @param {import("../state/studio.js").Drawn} drawn
 */
function traceCurve(context, axis, height, { curve, pyramid }) {
  const { values, rate } = curve;
  const perPixel = axis.perPixel * rate; // frames
  context.beginPath();
  if (perPixel > 1) {
    const last = Math.min(axis.width, axis.toX(values.length / rate));
    for (let x = -1; x <= last + 1; x++) {
      const frame = Math.floor(axis.toTime(x) * rate);
      context.lineTo(x, levelToY(pyramid.peak(frame, Math.ceil(frame + perPixel)), height));
    }
    return;
  }
  const first = Math.max(Math.floor(axis.start * rate) - 1, 0);
  const stop = Math.min(Math.ceil(axis.end * rate) + 2, values.length);
  for (let i = first; i < stop; i++) {
    context.lineTo(axis.toX(i / rate), levelToY(values[i], height));
  }
}

/** @param {CanvasRenderingContext2D} context @param {Axis} axis @param {number} height @param {Studio} studio @param {Colours} colours */
function drawHits(context, axis, height, studio, colours) {
  const curve = /** @type {import("../envelope/curve.js").Curve} */ (studio.curve);
  const { onsets } = curve;
  const first = Math.max(firstOnsetFrom(onsets, axis.start) - 1, 0);
  const stop = firstOnsetFrom(onsets, axis.end);
  const crowded = (stop - first) * CROWDED > axis.width;
  context.fillStyle = colours.accent;
  context.globalAlpha = crowded ? 0.35 : 0.55;
  let before = -9;
  for (let i = first; i < stop; i++) {
    const x = Math.round(axis.toX(onsets[i]));
    if (x > before) context.fillRect(x, height - (crowded ? 10 : height), 1, height);
    before = x;
  }
  context.globalAlpha = 1;
  for (let i = first; i < stop && !crowded; i++) {
    const level = hitLevel(curve, onsets[i]);
    const y = levelToY(level, height);
    const { level_db = 0 } = curve.hits?.get(onsets[i]) ?? {};
    if (level_db) drawOwnLevel(context, axis.toX(onsets[i]), y, levelToY(level * 10 ** (level_db / 20), height), colours);
    const inside = onsets[i] === studio.hit ? colours.text : curve.hits?.has(onsets[i]) ? colours.accent : colours.lane;
    drawHandle(context, axis.toX(onsets[i]), Math.max(y, HANDLE + 1), onsets[i] === studio.hit, inside, colours);
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
  let i = Math.max(firstOnsetFrom(curve.onsets, axis.toTime(x - reach)), 0);
  for (; i < curve.onsets.length && axis.toX(curve.onsets[i]) <= x + reach; i++) {
    const top = levelToY(hitLevel(curve, curve.onsets[i]), height);
    const beside = Math.abs(axis.toX(curve.onsets[i]) - x);
    const far = Math.abs(top - y) <= reach ? beside : beside + reach / 2; // a line holds less than a handle
    if (far < nearest) [best, nearest] = [i, far];
  }
  return best;
}
