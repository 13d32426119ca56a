/**
 * What a lane shows already: only the columns that have changed since are painted, for painting is what a drag costs.
 */

/** @typedef {import("./outline.js").Outline} Outline */
/** Pixels. @typedef {{left: number, right: number}} Span */
/** Something at one place, and all that says how it looks. @typedef {[x: number, looks: string]} Mark */

const REACH = 9; // pixels that a line or a mark may reach beyond its points
const EVERYTHING = { left: -10, right: 1e5 };

export class Painted {
  #key = "";
  /** @type {(Outline | undefined)[]} */ #outlines = [];
  /** @type {Map<string, number>} how each mark looks, and where it is */ #marks = new Map();

  /**
   * What has changed since the last call; all of it where `key`, which stands for everything else that is seen, is another.
   * @param {string} key @param {(Outline | undefined)[]} outlines @param {Mark[]} marks @returns {Span | null} null: nothing
   */
  changes(key, outlines, marks) {
    const looks = new Map(marks.map(([x, look]) => [look, x]));
    const before = { outlines: this.#outlines, marks: this.#marks };
    const anew = key !== this.#key;
    [this.#key, this.#outlines, this.#marks] = [key, outlines, looks];
    if (anew) return EVERYTHING;
    const spans = outlines.map((one, i) => between(before.outlines[i], one));
    for (const [look, x] of looks) if (!before.marks.has(look)) spans.push({ left: x, right: x });
    for (const [look, x] of before.marks) if (!looks.has(look)) spans.push({ left: x, right: x });
    const left = Math.min(...spans.map((span) => span.left));
    const right = Math.max(...spans.map((span) => span.right));
    return left > right ? null : { left: sharp(left - REACH), right: sharp(right + REACH) };
  }
}

/** At the edge of a pixel of the screen: a seam through its middle would be seen. @param {number} x */
function sharp(x) {
  return Math.round(x * devicePixelRatio) / devicePixelRatio;
}

/** From the first point that differs to the last. @param {Outline} [a] @param {Outline} [b] @returns {Span} left > right: none does */
function between(a, b) {
  if (!a && !b) return { left: Infinity, right: -Infinity };
  if (!a || !b || a.xs.length !== b.xs.length) return EVERYTHING;
  const count = b.xs.length;
  const differs = (/** @type {number} */ i) => a.ys[i] !== b.ys[i] || a.xs[i] !== b.xs[i];
  let low = 0;
  while (low < count && !differs(low)) low++;
  if (low === count) return { left: Infinity, right: -Infinity };
  let high = count - 1;
  while (!differs(high)) high--;
  return { left: b.xs[Math.max(low - 1, 0)], right: b.xs[Math.min(high + 1, count - 1)] };
}
