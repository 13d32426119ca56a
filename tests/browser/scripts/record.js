// What is sent to the output for so many seconds from the moment at which it plays, mono, and the frame of the context of its first sample.
async (seconds) => {
  const { player, transport } = folai;
  const { context } = player;
  await context.audioWorklet.addModule("/static/perform/capture_worklet.js");
  const node = new AudioWorkletNode(context, "folai-capture", { channelCount: 1, channelCountMode: "explicit" });
  const blocks = new Map();
  node.port.onmessage = ({ data }) => blocks.set(data.frame, data.samples);
  player.out.connect(node).connect(context.destination);
  if (!transport.playing) transport.play();
  while (player.position === null) await new Promise((done) => setTimeout(done, 5));
  const until = context.currentTime + seconds;
  while (context.currentTime < until) await new Promise((done) => setTimeout(done, 20));
  const position = player.position;
  node.disconnect();
  const frames = [...blocks.keys()].sort((a, b) => a - b);
  const [first, last] = [frames[0], frames.at(-1)];
  const samples = new Float32Array(last - first + 128);
  for (const [frame, block] of blocks) samples.set(block, frame - first);
  let text = "";
  const bytes = new Uint8Array(samples.buffer);
  for (let i = 0; i < bytes.length; i += 30000) text += String.fromCharCode(...bytes.subarray(i, i + 30000));
  return [btoa(text), position];
}
