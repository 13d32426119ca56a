/** Runs beside the sound: hands on what the microphone gives, with the frame of the clock at which it came. */

class Capture extends AudioWorkletProcessor {
  /** @param {Float32Array[][]} inputs */
  process([input]) {
    const channel = input[0];
    if (channel) this.port.postMessage({ frame: currentFrame, samples: channel.slice() });
    return true;
  }
}

registerProcessor("folai-capture", Capture);
