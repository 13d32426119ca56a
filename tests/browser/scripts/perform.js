// A person with a device that answers late, and a microphone that gives what a test wants.
() => {
  const { player } = folai;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  // Time of the context at a moment, from many looks at the clock that the pictures follow.
  const clockAt = async (positionOf) => {
    const offsets = [];
    const until = performance.now() + 400;
    while (performance.now() < until) {
      offsets.push(positionOf() - performance.now() / 1000);
      await wait(4);
    }
    return Math.max(...offsets); // the clock goes on in steps: it is right when one begins
  };
  const contextNow = () => player.context.currentTime - (player.context.outputLatency || 0);
  const press = (stamp) => {
    const event = new KeyboardEvent("keydown", { key: "q", code: "KeyQ", bubbles: true });
    Object.defineProperty(event, "timeStamp", { value: stamp });
    document.body.dispatchEvent(event);
  };
  window.person = {
    // Presses Q `late` seconds after each of these times of the clip.
    async tap(times, late) {
      while (player.position === null) await wait(5);
      const clock = await clockAt(() => player.position);
      times.forEach((time, n) => press(1000 * (time + late + 0.004 * ((n % 3) - 1) - clock)));
    },
    // Answers the clicks, which are told by the times at which the tone is set.
    async answer(late) {
      const set = AudioParam.prototype.setValueAtTime;
      const clicks = [];
      AudioParam.prototype.setValueAtTime = function (value, time) {
        if (value === 0.4) clicks.push(time);
        return set.call(this, value, time);
      };
      const measured = folai.performing.measure("keys");
      while (clicks.length < 9) await wait(5);
      AudioParam.prototype.setValueAtTime = set;
      const clock = await clockAt(contextNow);
      clicks.forEach((time, n) => press(1000 * (time + late + 0.004 * ((n % 3) - 1) - clock)));
      await measured;
    },
    // A microphone whose sound is `samples` from the time of the clip 0 on, `late` seconds late; clicks are answered too.
    microphone(samples, late) {
      const { context } = player;
      const out = context.createMediaStreamDestination();
      navigator.mediaDevices.getUserMedia = async () => out.stream.clone();
      const play = (data, at) => {
        const buffer = context.createBuffer(1, data.length, context.sampleRate);
        buffer.copyToChannel(data, 0);
        const node = context.createBufferSource();
        node.buffer = buffer;
        node.connect(out);
        node.start(Math.max(at, 0), Math.max(-at, 0));
      };
      const burst = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i) * Math.exp(-i / 400));
      return {
        async speak() {
          while (player.position === null) await wait(2);
          const now = context.currentTime + 0.01;
          const into = player.timeOf(now) - late; // of the samples
          play(samples.subarray(Math.max(Math.round(into * context.sampleRate), 0)), into < 0 ? now - into : now);
        },
        async answer() {
          const set = AudioParam.prototype.setValueAtTime;
          AudioParam.prototype.setValueAtTime = function (value, time) {
            if (value === 0.4) play(burst, time + late);
            return set.call(this, value, time);
          };
          await folai.performing.measure("microphone");
          AudioParam.prototype.setValueAtTime = set;
        },
      };
    },
  };
}
