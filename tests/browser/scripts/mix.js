// Layers with channels, the mix as the page's nodes make it, and its meters, offline.
() => {
  const { studio, mixer } = folai;
  const RATE = 44100;
  window.mix = {
    channels: [],
    // One layer a channel, all with the curve of the first.
    layers(channels) {
      mix.channels = channels;
      const [first] = studio.layers;
      channels.forEach((channel, n) => {
        const id = n ? `layer-${n + 1}` : first.id;
        if (n) studio.layers.push({ id, name: `Layer ${n + 1}`, envelope: first.envelope, sound: {}, gain_db: 0, mute: false, solo: false, take: null });
        if (n) studio.setCurve(id, studio.drawn.get(first.id).curve, first.envelope);
        Object.assign(studio.layers[n], { channel, gain_db: -14 + n });
      });
      studio.emit("layers");
      studio.emit("channel");
      studio.did("layers of a test");
    },
    // The mix, or one layer as its strip gives it.
    async render(only = null) {
      const { Strip, responseOf } = await import("/static/mix/strip.js");
      const context = new OfflineAudioContext(2, Math.round(studio.duration * RATE), RATE);
      for (const layer of studio.layers.filter(({ id }) => only === null || id === only)) {
        const take = studio.chosenTake(layer);
        const buffer = await mixer.sourceOf(take).piece(0);
        const strip = new Strip(context, context.destination);
        const { room, distance = 2 } = layer.channel ?? {};
        const bytes = room && (await (await fetch(`/api/room?name=${room}&distance=${distance}&sample_rate=${RATE}`)).arrayBuffer());
        strip.set(layer.channel, bytes ? responseOf(bytes) : null);
        const node = new AudioBufferSourceNode(context, { buffer });
        const gain = new GainNode(context, { gain: mixer.volumeOf(layer) });
        node.connect(gain).connect(strip.input);
        node.start();
      }
      mix.played = await context.startRendering();
      return [0, 1].map((c) => Array.from(mix.played.getChannelData(c)));
    },
    async meter() {
      const length = mix.played.length + RATE;
      const context = new OfflineAudioContext(2, length, RATE);
      await context.audioWorklet.addModule("/static/mix/meter_worklet.js");
      const meter = new AudioWorkletNode(context, "folai-meter", { channelCount: 2, channelCountMode: "explicit" });
      const told = [];
      meter.port.onmessage = ({ data }) => told.push(data);
      const node = new AudioBufferSourceNode(context, { buffer: mix.played });
      const on = new ConstantSourceNode(context, { offset: 0 }); // the input stays connected after the sound's end
      on.connect(meter);
      on.start();
      node.connect(meter).connect(context.destination);
      node.start();
      await context.startRendering();
      await new Promise((done) => setTimeout(done, 300));
      return { ...told.at(-1), length };
    },
  };
}
