/** Sound from its end to its beginning, of which the latest are kept. */

/** @type {WeakMap<AudioBuffer, AudioBuffer>} */
const known = new WeakMap();

/** @param {AudioBuffer} buffer @param {BaseAudioContext} context @returns {AudioBuffer} */
export function reversed(buffer, context) {
  const before = known.get(buffer);
  if (before) return before;
  const made = context.createBuffer(buffer.numberOfChannels, buffer.length, buffer.sampleRate);
  for (let c = 0; c < buffer.numberOfChannels; c++) made.copyToChannel(buffer.getChannelData(c).slice().reverse(), c);
  known.set(buffer, made);
  return made;
}
