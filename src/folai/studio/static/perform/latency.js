/** How late each device answers, in milliseconds: measured by tapping along to clicks, kept in this browser. */

const KEY = "folai-latency";
const CLICKS = 9; // of a measurement
const GAP = 0.6; // seconds between two
const LEAD = 0.8; // seconds before the first
const MOST = 500; // ms

/** @returns {Record<string, number>} */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {string} device "keys", "microphone" or the name of a MIDI device @returns {number} ms */
export function latency(device) {
  return kept()[device] ?? 0;
}

/** Whether it was ever set. @param {string} device */
export function isKnown(device) {
  return device in kept();
}

/** @param {string} device @param {number} ms */
export function keepLatency(device, ms) {
  const bounded = Math.min(Math.max(Math.round(10 * ms) / 10 || 0, -MOST), MOST);
  localStorage.setItem(KEY, JSON.stringify({ ...kept(), [device]: bounded }));
}

/**
 * Plays the clicks. @param {import("../sound/player.js").Player} player
 * @returns {{times: number[], end: Promise<void>, stop: () => void}} times of the context at which they are sent
 */
export function playClicks({ context, out }) {
  const first = context.currentTime + LEAD;
  const times = Array.from({ length: CLICKS }, (_, n) => first + n * GAP);
  const gain = context.createGain();
  const tone = context.createOscillator();
  tone.frequency.value = 1500;
  gain.gain.value = 0;
  for (const time of times) {
    gain.gain.setValueAtTime(0.4, time);
    gain.gain.setTargetAtTime(0, time + 0.002, 0.006);
  }
  tone.connect(gain).connect(out);
  tone.start(first);
  const last = first + (CLICKS - 1) * GAP + LATE;
  tone.stop(last);
  return {
    times,
    end: new Promise((done) => (tone.onended = () => done())),
    stop: () => tone.stop(),
  };
}

const LATE = 0.5; // seconds after the last click in which an answer counts
