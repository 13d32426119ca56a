/** What moves over the lanes: the region, the playhead, the pointer's line with its reading. */

import { setFont } from "./canvas.js";
import { levelText, yToLevel } from "./level.js";
import { timeText } from "../state/clock.js";
import { markerAt } from "./ruler.js";

/** @typedef {{top: number, height: number}} Band of the envelope's lane, pixels */
/** @typedef {{x: number, y: number} | null} Hover within the lanes */

export const GRIP = 13; // pixels from the top of the envelope's lane by which a region is dragged

/**
 * @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis
 * @param {{height: number, band: Band, bottom: number, hover: Hover}} place `bottom`: where the lanes of time end
 * @param {import("../state/studio.js").Studio} studio @param {import("./canvas.js").Colours} colours
 */
export function drawOverlay(context, axis, place, studio, colours) {
  const { band, bottom, hover } = place;
  for (const part of studio.parts) drawPart(context, axis, part, band, bottom, colours);
  if (studio.region) drawRegion(context, axis, studio.region, band, bottom, colours);
  if (hover && hover.y < bottom) drawHover(context, axis, hover, band, bottom, studio, colours);
  const x = Math.round(axis.toX(studio.playhead));
  if (x < -6 || x > axis.width + 6) return;
  context.fillStyle = colours.playhead;
  context.fillRect(x, 8, 1, bottom - 8);
  context.beginPath();
  context.moveTo(x - 5, 2);
  context.lineTo(x + 6, 2);
  context.lineTo(x + 0.5, 10);
  context.fill();
}

/** @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {import("../envelope/curve.js").Region} region @param {Band} band @param {number} bottom @param {import("./canvas.js").Colours} colours */
function drawRegion(context, axis, region, band, bottom, colours) {
  const left = axis.toX(region.start);
  const wide = axis.toX(region.end) - left;
  context.fillStyle = colours.region;
  context.fillRect(left, 0, wide, bottom);
  context.fillStyle = colours["region-edge"];
  context.fillRect(left, band.top, 1, band.height);
  context.fillRect(left + wide - 1, band.top, 1, band.height);
  context.globalAlpha = 0.55;
  context.fillRect(left, band.top, wide, GRIP - 3);
  context.globalAlpha = 1;
}

/** What will be regenerated. @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {import("../envelope/curve.js").Region} part @param {Band} band @param {number} bottom @param {import("./canvas.js").Colours} colours */
function drawPart(context, axis, part, band, bottom, colours) {
  const left = axis.toX(part.start);
  const wide = axis.toX(part.end) - left;
  context.fillStyle = colours.region;
  context.fillRect(left, band.top, wide, bottom - band.top);
  context.strokeStyle = colours["region-edge"];
  context.setLineDash([4, 3]);
  context.strokeRect(left + 0.5, band.top + 0.5, wide - 1, bottom - band.top - 1);
  context.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} context @param {import("./axis.js").Axis} axis @param {{x: number, y: number}} hover @param {Band} band @param {number} bottom @param {import("../state/studio.js").Studio} studio @param {import("./canvas.js").Colours} colours */
function drawHover(context, axis, hover, band, bottom, studio, colours) {
  context.globalAlpha = 0.4;
  context.fillStyle = colours.text;
  context.fillRect(Math.round(hover.x), 0, 1, bottom);
  context.globalAlpha = 1;
  const y = hover.y - band.top;
  const inside = y >= 0 && y < band.height;
  const level = inside ? `  ${levelText(yToLevel(y, band.height))}` : "";
  const marker = hover.y < band.top ? markerAt(studio, axis, hover.x) : undefined;
  const text = marker ? marker.text || "marker" : `${timeText(studio, axis.toTime(hover.x))}${level}`;
  setFont(context, 10, true);
  const wide = context.measureText(text).width + 10;
  const x = Math.min(hover.x + 8, axis.width - wide - 2);
  const top = inside ? Math.max(hover.y - 24, band.top + 2) : hover.y - 8;
  context.fillStyle = colours.raised;
  context.fillRect(x, top, wide, 17);
  context.fillStyle = colours.text;
  context.fillText(text, x + 5, top + 12);
}
