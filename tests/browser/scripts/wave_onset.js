async ([start, end, after]) => {
  // Pixels between the first loud sample after a time and the first column drawn as loud. A column is
  // drawn in steps of 1/127 and of pixels: loud is what is drawn so from 0.08 to 0.12, about 0.1.
  const { studio, mixer, axis, timeline } = folai;
  axis.set(start, (end - start) / axis.width);
  const source = mixer.sourceOf(studio.chosenTake(studio.layer));
  const n = Math.floor(after / source.pieceLength);
  const first = Math.round(n * source.pieceLength * 44100);
  const samples = (await source.piece(n)).getChannelData(0);
  const LOUD = 0.1;
  const reaches = (level) => {
    let i = Math.round(after * 44100);
    while (Math.abs(samples[i - first]) < level) i++;
    return Math.floor(axis.toX(i / 44100));
  };
  const [low, high] = [reaches(0.08), reaches(0.12)];
  const canvas = timeline.canvases.wave;
  const [scale, middle] = [devicePixelRatio, Math.floor(canvas.height / 2)];
  const rise = Math.round((LOUD ** 0.65) * (canvas.height / 2 - 2));
  for (let turn = 0; turn < 400; turn++) {
    await new Promise((done) => setTimeout(done, 50));
    const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const loud = (x) => [middle - rise, middle + rise].some((y) => image.data[4 * (y * canvas.width + x) + 3] > 0);
    if (timeline.wave.tiles.waiting) continue;
    for (let x = Math.max(Math.floor(axis.toX(after) * scale), 0); x < canvas.width; x++) {
      if (loud(x)) return Math.min(x / scale - low, 0) || Math.max(x / scale - high, 0);
    }
  }
  return NaN;
}
