/** What stays as it is while a curve is dragged, painted once and kept as a picture. */

export class Backdrop {
  #canvas = document.createElement("canvas");
  #key = "";

  /**
   * Lays the picture onto a context in CSS pixels; it is painted anew where `key` has changed.
   * @param {CanvasRenderingContext2D} context @param {{width: number, height: number}} size CSS pixels
   * @param {string} key of all that it shows @param {(own: CanvasRenderingContext2D) => void} paint in CSS pixels
   */
  lay(context, { width, height }, key, paint) {
    const canvas = this.#canvas;
    const scale = devicePixelRatio;
    const whole = `${width}/${height}/${scale}/${key}`;
    if (whole !== this.#key) {
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
      const own = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      own.setTransform(scale, 0, 0, scale, 0, 0);
      paint(own);
      this.#key = whole;
    }
    context.drawImage(canvas, 0, 0, width, height);
  }
}
