// Puts the page together, and keeps it up to date while a run trains.
// The charts of a page, in this order; each is in a file of its name.
const CHARTS = {
  run: ["attention_map", "head_map", "alpha_by_position", "emergence", "norms", "loss", "time", "ops"],
  sweep: ["claims", "multiples", "onsets", "order", "runs"],
};

let data = null, frames = [];

function is_live() { return document.body.dataset.live === "1"; }

function introduce() {
  const top = document.getElementById("top");
  top.replaceChildren();
  element(top, "h1", {}, data.title || data.name);
  if (data.question) element(top, "p", {class: "muted"}, data.question);
  if (data.what) element(top, "p", {class: "muted"}, data.what);
  element(top, "p", {class: "sentence", id: "sentence"}, data.sentence);
  if (data.selected_by) element(top, "p", {id: "selected"}, `Selected by: ${data.selected_by} (${data.selection_of})`);
  if (data.ask) {
    const line = element(top, "p", {class: "muted"}, "What selects it: ");
    element(line, "code", {}, data.ask);
  }
  for (const text of [data.state, ...(data.missing || [])]) if (text) element(top, "p", {class: "note"}, text);
  if (data.checkpoints && data.checkpoints.length) {
    const line = element(top, "p", {class: "muted", id: "checkpoints"}, "Checkpoints: ");
    data.checkpoints.forEach((one, i) => {
      if (i) line.append(", ");
      if (is_live()) line.append(one.name);  // the server gives the page alone
      else element(line, "a", {href: encodeURI(one.link)}, one.name);
    });
  }
  const config = document.getElementById("config");
  config.hidden = !data.config;
  if (data.config) config.querySelector("pre").textContent = data.config;
}

function run_controls(box) {
  const slider_box = element(box, "label", {class: "slider"}, "step");
  const slider = element(slider_box, "input", {type: "range", id: "step", min: 0, step: 1, "aria-label": "training step"});
  const now = element(slider_box, "output");
  slider.addEventListener("input", () => state.set({step: data.story.steps.values[slider.value]}));
  const count = (n) => d3.range(n).map((i) => [String(i), String(i)]);
  const layer = choice(box, "layer", count(data.layers), state.layer, (v) => state.set({layer: Number(v)}));
  const head = choice(box, "head", count(data.heads), state.head, (v) => state.set({head: Number(v)}));
  layer.id = "layer"; head.id = "head";
  choice(box, "step axis", [["linear", "linear"], ["log", "log"]], state.axis, (v) => state.set({axis: v})).id = "axis";
  const follow = () => {
    const steps = data.story.steps, row = row_at(steps, state.step);
    slider.max = steps.length - 1;
    slider.value = row;
    now.textContent = `${steps.values[row]}`;
    layer.value = state.layer;
    head.value = state.head;
  };
  state.listeners.push(follow);
  follow();
}

function controls() {
  const box = document.getElementById("controls");
  box.replaceChildren();
  if (data.kind === "run" && data.story) run_controls(box);
  if (data.kind === "sweep")
    choice(box, "step axis", [["linear", "linear"], ["log", "log"]], state.axis, (v) => state.set({axis: v})).id = "axis";
}

function last_step() { return data.story ? data.story.steps.values.at(-1) : 0; }

function first_state() {
  if (!data.story) return;
  const {layer, head} = data.story.place;
  state.set({layer, head, step: last_step()});
}

function build() {
  introduce();
  state.listeners = [];
  controls();
  const main = document.getElementById("charts");
  main.replaceChildren();
  frames = CHARTS[data.kind].map((id) => charts.find((spec) => spec.id === id))
    .filter((spec) => missing_of(spec, data) !== null).map((spec) => new Frame(main, spec, data));
  const draw = () => frames.forEach((frame) => frame.draw());
  state.listeners.push(draw);
  draw();
}

// New data, in the charts that are there: what is open, chosen or has the focus stays so. Whoever looked at the end of
// training, or at the head of the sentence, goes on doing so.
function renew(fresh) {
  const before = data, at_end = state.step >= last_step();
  const there = (of) => CHARTS[of.kind].map((id) => missing_of(charts.find((spec) => spec.id === id), of)).join("\n");
  const same = there(before) === there(fresh) && Boolean(before.story) === Boolean(fresh.story);
  data = fresh;
  if (data.story) {
    const {layer, head} = (before.story || data.story).place;
    if (!before.story || (state.layer === layer && state.head === head))
      Object.assign(state, {layer: data.story.place.layer, head: data.story.place.head});
    if (at_end) state.step = last_step();
  }
  if (!same) return build();
  introduce();
  for (const frame of frames) frame.renew(data);
  state.set({});
}

// A run that trains: asks every two seconds whether there is something new.
function follow_run() {
  let tag = null;
  setInterval(async () => {
    try {
      const answer = await fetch("data.json", tag ? {headers: {"If-None-Match": tag}} : {});
      if (answer.status !== 200) return;
      tag = answer.headers.get("ETag");
      renew(await decoded(await answer.json()));
    } catch (problem) {
      console.info("the page is not served any more");
    }
  }, 2000);
}

(async () => {
  data = await decoded(JSON.parse(document.getElementById("data").textContent));
  first_state();
  build();
  document.body.dataset.ready = "1";
  if (is_live()) follow_run();
})();
