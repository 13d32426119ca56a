// A stroke of a pen at one level, from one time to another.
async ({ from, to, level, pressure, buttons }) => {
  const main = document.querySelector("script[type=module]").src;
  const { levelToY } = await import(main.replace("main.js", "timeline/level.js"));
  const canvas = document.getElementById("envelope");
  const { left, top } = canvas.getBoundingClientRect();
  const y = top + levelToY(level, folai.timeline.places.envelope.height);
  const send = (type, time, held) =>
    canvas.dispatchEvent(new PointerEvent(type, {
      bubbles: true, pointerId: 9, pointerType: "pen", clientX: left + folai.axis.toX(time), clientY: y,
      pressure: held ? pressure : 0, buttons: held ? buttons : 0, button: buttons === 32 ? 5 : 0,
    }));
  send("pointerdown", from, true);
  for (let n = 1; n <= 10; n++) send("pointermove", from + ((to - from) * n) / 10, true);
  send("pointerup", to, false);
}
