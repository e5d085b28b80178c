// Puts the page together, and keeps it up to date while a run trains.
// The charts of a page, in this order; each is in a file of its name.
const CHARTS = {
  run: ["attention_map", "head_map", "alpha_by_position", "emergence", "norms", "loss", "time", "ops"],
  sweep: ["claims", "multiples", "onsets", "order", "runs"],
};

let data = null, frames = [];

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
      element(line, "a", {href: encodeURI(one.link)}, one.name);
    });
  }
  const config = document.getElementById("config");
  config.hidden = !data.config;
  if (data.config) config.querySelector("pre").textContent = data.config;
}

function run_controls(box) {
  const steps = data.story.steps, slider_box = element(box, "label", {class: "slider"}, "step");
  const slider = element(slider_box, "input", {type: "range", id: "step", min: 0, max: steps.length - 1, step: 1, "aria-label": "training step"});
  const now = element(slider_box, "output");
  slider.addEventListener("input", () => state.set({step: steps.values[slider.value]}));
  const count = (n) => d3.range(n).map((i) => [String(i), String(i)]);
  const layer = choice(box, "layer", count(data.layers), state.layer, (v) => state.set({layer: Number(v)}));
  const head = choice(box, "head", count(data.heads), state.head, (v) => state.set({head: Number(v)}));
  layer.id = "layer"; head.id = "head";
  choice(box, "step axis", [["linear", "linear"], ["log", "log"]], state.axis, (v) => state.set({axis: v})).id = "axis";
  const follow = () => {
    const row = row_at(steps, state.step);
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

function first_state() {
  if (!data.story) return;
  const steps = data.story.steps.values, {layer, head} = data.story.place;
  state.set({layer, head, step: steps[steps.length - 1]});
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

// A run that trains: asks every two seconds whether there is something new.
function follow_run() {
  let tag = null, at_end = true;
  setInterval(async () => {
    try {
      const answer = await fetch("data.json", tag ? {headers: {"If-None-Match": tag}} : {});
      if (answer.status !== 200) return;
      tag = answer.headers.get("ETag");
      at_end = !data.story || state.step >= data.story.steps.values.at(-1);
      data = await decoded(await answer.json());
      build();
      if (at_end && data.story) state.set({step: data.story.steps.values.at(-1)});
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
  if (document.body.dataset.live === "1") follow_run();
})();
