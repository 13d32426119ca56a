/** Pointers and the wheel over all lanes: which gesture begins where, panning, pinching. */

import { addHit } from "../envelope/hits.js";
import { beginGesture, chooseHit, reachOf, regionPart, selectGesture, snapped } from "./gestures.js";
import { hitUnder } from "./envelope_lane.js";
import { yToLevel } from "./level.js";
import { overviewDrag } from "./overview.js";

/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {import("./gestures.js").Gesture} Gesture */

const NOTCH = 1.25; // times that one notch of the wheel zooms, whatever the browser says it is
const MOVED = 3; // pixels from which on a press is a drag

export class Pointers {
  /** @type {Gesture | null} */ #gesture = null;
  /** @type {Map<number, {x: number, y: number}>} */ #down = new Map();
  /** @type {{x: number, y: number}} */ #from = { x: 0, y: 0 };
  #moved = false;
  /** @type {{left: number, top: number} | null} of the lanes while a pointer is down: to ask at each move would lay the page out anew */ #origin = null;

  /** @param {Timeline} timeline @param {(time: number) => void} seek @param {(time: number) => void} scrub goes there while it is dragged */
  constructor(timeline, seek, scrub) {
    this.timeline = timeline;
    this.seek = seek;
    this.scrub = scrub;
    const { root } = timeline;
    root.addEventListener("pointerdown", (event) => this.#press(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    root.addEventListener("pointerup", (event) => this.#release(event));
    root.addEventListener("pointercancel", (event) => this.#release(event, true));
    root.addEventListener("pointerleave", () => this.#hover(null));
    root.addEventListener("contextmenu", (event) => event.preventDefault());
    root.addEventListener("dblclick", (event) => this.#double(event));
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Ends a gesture as if it had not been. @returns {boolean} whether there was one */
  cancel() {
    const gesture = this.#gesture;
    this.#gesture = null;
    gesture?.cancel?.();
    return gesture !== null;
  }

  /** @param {MouseEvent} event @returns {{x: number, y: number}} within the lanes */
  #spot(event) {
    const { left, top } = this.#origin ?? this.timeline.root.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (!this.timeline.studio.project) return;
    this.#origin ??= this.timeline.root.getBoundingClientRect();
    const spot = this.#spot(event);
    this.#down.set(event.pointerId, spot);
    try {
      this.timeline.root.setPointerCapture(event.pointerId);
    } catch {
      // A pointer that a script has made cannot be captured, and need not be.
    }
    if (this.#down.size === 2) {
      this.cancel();
      this.#gesture = this.#pinch();
      return;
    }
    if (this.#down.size > 2) return;
    this.#from = spot;
    this.#moved = false;
    this.#gesture = this.#begin(event, spot);
    if (this.timeline.laneAt(spot.y) === "envelope") this.timeline.canvases.envelope.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event @param {{x: number, y: number}} spot @returns {Gesture} */
  #begin(event, spot) {
    const { timeline } = this;
    const lane = timeline.laneAt(spot.y);
    if (event.button === 1) return this.#pan(spot);
    const { top } = timeline.places.envelope;
    const at = { x: spot.x, y: spot.y - top, event };
    if (lane === "envelope") return beginGesture(timeline, at, this.seek);
    if (event.shiftKey) return selectGesture(timeline, at, this.seek);
    if (lane === "ruler") return this.#scrub(spot);
    if (lane !== "overview") return this.#pan(spot);
    const drag = overviewDrag(timeline.axis, spot.x);
    return { move: (spots) => drag(spots[spots.length - 1].x - spot.x) };
  }

  /** @param {{x: number}} spot @returns {Gesture} */
  #scrub(spot) {
    const { axis } = this.timeline;
    this.scrub(axis.toTime(spot.x));
    return { move: (spots) => this.scrub(axis.toTime(spots[spots.length - 1].x)) };
  }

  /** Drag scrolls, up and down zooms; a click goes there. @param {{x: number, y: number}} from @returns {Gesture} */
  #pan(from) {
    const { axis } = this.timeline;
    const { start, perPixel } = axis;
    const time = axis.toTime(from.x);
    const { top } = this.timeline.places.envelope;
    return {
      move: (spots) => {
        const { x, y } = spots[spots.length - 1];
        const up = from.y - top - y;
        const zoom = Math.abs(up) > 14 ? 2 ** ((up - 14 * Math.sign(up)) / 60) : 1;
        axis.set(start, perPixel);
        if (zoom !== 1) axis.zoom(zoom, from.x);
        axis.set(time - x * axis.perPixel, axis.perPixel);
      },
      end: (moved) => moved || this.seek(time),
    };
  }

  /** Two fingers: what is under them stays under them. @returns {Gesture} */
  #pinch() {
    const { axis } = this.timeline;
    const ends = () => [...this.#down.values()].slice(0, 2).map(({ x }) => x).sort((a, b) => a - b);
    const [left, right] = ends().map((x) => axis.toTime(x));
    return {
      move: () => {
        const [a, b] = ends();
        const perPixel = (right - left) / Math.max(b - a, 8);
        axis.set(left - a * perPixel, perPixel);
      },
    };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const spot = this.#spot(event);
    if (this.#down.has(event.pointerId)) this.#down.set(event.pointerId, spot);
    if (event.pointerType !== "touch") this.#hover(spot);
    const far = Math.hypot(spot.x - this.#from.x, spot.y - this.#from.y);
    this.#moved ||= this.#down.size > 0 && far >= MOVED;
    if (!this.#gesture) return this.#point(event, spot);
    if (!this.#moved && this.timeline.studio.tool !== "draw") return;
    const events = event.getCoalescedEvents?.() ?? [];
    const { top } = this.timeline.places.envelope;
    const spots = (events.length ? events : [event]).map((one) => {
      const { x, y } = this.#spot(one);
      return { x, y: y - top, event: one };
    });
    this.#gesture.move?.(spots);
  }

  /** @param {PointerEvent} event @param {boolean} [cancelled] */
  #release(event, cancelled = false) {
    if (!this.#down.delete(event.pointerId)) return;
    if (this.#down.size > 0) return;
    this.#origin = null;
    const gesture = this.#gesture;
    this.#gesture = null;
    if (cancelled) gesture?.cancel?.();
    else gesture?.end?.(this.#moved);
  }

  /** What the pointer would take hold of shows in its shape. @param {PointerEvent} event @param {{x: number, y: number}} spot */
  #point(event, { x, y }) {
    const { timeline } = this;
    const { studio, axis, places, root } = timeline;
    let over = "";
    if (timeline.laneAt(y) === "envelope" && studio.tool !== "draw") {
      const { top, height } = places.envelope;
      const part = regionPart(timeline, x, y - top);
      if (hitUnder(studio, axis, x, y - top, height, reachOf(event)) >= 0) over = "hit";
      else if (part) over = part === "grip" ? "grip" : "edge";
    }
    if (root.dataset.over !== over) root.dataset.over = over;
  }

  /** @param {{x: number, y: number} | null} spot */
  #hover(spot) {
    this.timeline.hover = spot;
    this.timeline.ask("overlay");
  }

  /** @param {MouseEvent} event */
  #double(event) {
    const { studio, axis, places } = this.timeline;
    const { x, y } = this.#spot(event);
    const { top, height } = places.envelope;
    if (this.timeline.laneAt(y) !== "envelope" || studio.tool !== "select" || !studio.curve) return;
    if (hitUnder(studio, axis, x, y - top, height, 8) >= 0) return;
    const time = snapped(studio, axis.toTime(x), event);
    studio.edit((curve) => addHit(curve, time, yToLevel(y - top, height)), "add hit");
    chooseHit(studio, time);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const { axis } = this.timeline;
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) axis.scroll(dx || dy);
    else axis.zoom(NOTCH ** Math.min(Math.max(-dy / (event.ctrlKey ? 30 : 120), -1), 1), this.#spot(event).x);
  }
}
