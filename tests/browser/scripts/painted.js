// The greatest difference, of 255, and the mean one, between what the lane shows after a drag and
// what a painting of all of it shows; and those to another view, for comparison.
async () => {
  const {axis} = folai;
  const canvas = document.getElementById("envelope");
  const seen = async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.map((value, i) => (i % 4 === 3 ? value : (value * data[i | 3]) / 255));
  };
  const {start, perPixel} = axis;
  const after = await seen();
  axis.set(start, perPixel * 0.9);
  const other = await seen();
  axis.set(start, perPixel);
  const whole = await seen();
  const between = (a, b) => {
    const far = Float32Array.from(a, (value, i) => Math.abs(value - b[i]));
    return [far.reduce((most, value) => Math.max(most, value), 0), far.reduce((sum, value) => sum + value, 0) / far.length];
  };
  return [between(after, whole), between(other, whole)];
}
