"use strict";
// The listening test: one trial after another, unnamed; answers leave as a file.
(() => {
  const data = JSON.parse(document.getElementById("test-data").textContent);
  const root = document.getElementById("test");
  const pairs = data.kind === "pairs";
  const answers = [];
  let index = -1, listener = "", playing = null;

  const make = (tag, text = "", kind = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  function stop() {
    if (!playing) return;
    playing.sound.pause();
    if (playing.video) playing.video.pause();
    playing.button.classList.remove("playing");
    playing = null;
  }

  function start(id, button, video) {
    const same = playing && playing.button === button;
    stop();
    if (same) return;
    const sound = new Audio(data.sounds[id]);
    playing = { sound, video, button };
    button.classList.add("playing");
    sound.addEventListener("ended", stop);
    if (video) {
      video.currentTime = 0;
      video.play();
    }
    sound.play();
  }

  function begin() {
    const about = pairs
      ? "Two sounds for one clip. Listen to both as often as you like, and say which fits better."
      : "The truth is above. Say how near to it each sound is: 100 cannot be told from it, 0 is far.";
    const name = make("input");
    name.type = "text";
    name.placeholder = "your name or initials";
    const go = make("button", "Begin", "main");
    go.addEventListener("click", () => { listener = name.value.trim(); next(); });
    const row = make("div", "", "row");
    row.append(name, go);
    root.replaceChildren(make("p", `${about} ${data.trials.length} trials. Use headphones.`), row);
  }

  function next() {
    stop();
    index += 1;
    if (index >= data.trials.length) return finish();
    const trial = data.trials[index];
    root.replaceChildren(make("p", `${index + 1} of ${data.trials.length}`, "done"));
    let video = null;
    if (trial.video !== "") {
      video = make("video");
      video.src = data.videos[trial.video];
      video.muted = true;
      video.playsInline = true;
      root.append(video);
    }
    if (pairs) askPair(trial, video); else askRow(trial, video);
  }

  function askPair(trial, video) {
    const heard = new Set();
    const choices = [0, 1, null].map((side) => {
      const text = side === null ? "No difference" : `${"AB"[side]} is better`;
      const button = make("button", text);
      button.disabled = true;
      button.addEventListener("click", () => {
        const systems = trial.options.map((option) => option.system);
        answers.push({ clip: trial.clip, systems, preferred: side === null ? null : systems[side] });
        next();
      });
      return button;
    });
    const players = trial.options.map((option, side) => {
      const button = make("button", `Play ${"AB"[side]}`);
      button.addEventListener("click", () => {
        start(option.sound, button, video);
        heard.add(side);
        if (heard.size === 2) choices.forEach((choice) => { choice.disabled = false; });
      });
      return button;
    });
    for (const buttons of [players, choices]) {
      const row = make("div", "", "row");
      row.append(...buttons);
      root.append(row);
    }
  }

  function askRow(trial, video) {
    const reference = make("button", "Play the truth");
    reference.addEventListener("click", () => start(trial.reference, reference, video));
    const first = make("div", "", "row");
    first.append(reference);
    root.append(first);
    const done = make("button", "Next", "main");
    done.disabled = true;
    const moved = new Set();
    const sliders = trial.options.map((option, place) => {
      const row = make("div", "", "row");
      const button = make("button", `Play ${place + 1}`);
      button.addEventListener("click", () => start(option.sound, button, video));
      const slider = make("input");
      Object.assign(slider, { type: "range", min: 0, max: 100, value: 50 });
      slider.setAttribute("aria-label", `rating of sound ${place + 1}`);
      const shown = make("output", "?");
      slider.addEventListener("input", () => {
        shown.textContent = slider.value;
        moved.add(place);
        done.disabled = moved.size < trial.options.length;
      });
      row.append(button, slider, shown);
      root.append(row);
      return slider;
    });
    done.addEventListener("click", () => {
      const scores = {};
      trial.options.forEach((option, place) => { scores[option.system] = +sliders[place].value; });
      answers.push({ clip: trial.clip, scores });
      next();
    });
    const last = make("div", "", "row");
    last.append(done);
    root.append(last);
  }

  function finish() {
    const result = { format: data.format, version: data.version, kind: data.kind, seed: data.seed };
    const text = JSON.stringify({ ...result, listener, answers }, null, 1);
    const save = make("a", "Save the answers");
    save.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    save.download = `listening${listener ? `-${listener.replace(/\W+/g, "-")}` : ""}.json`;
    root.replaceChildren(
      make("p", "Thank you. Save the file, then: folai evaluate listening FILE"), save,
    );
  }

  begin();
})();
