// What all charts show together: a step, a layer and a head, and how.
const state = {
  step: 0, layer: 0, head: 0, map: "pattern_mean", weighting: "plain", key: "story", axis: "linear", quantity: "",
  listeners: [],
  set(change) {
    Object.assign(this, change);
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      for (const listener of this.listeners) listener();
    });
  },
};

// The place of the last of the ascending steps that is not beyond `step`; 0 where all are.
function row_at(steps, step) {
  let row = 0;
  for (let i = 0; i < steps.length; ++i) if (steps.values[i] <= step) row = i;
  return row;
}

// `shows` its label, or tells it to screen readers alone.
function choice(parent, label, options, value, change, shows = true) {
  const box = element(parent, "label", {}, shows ? label : null);
  const select = element(box, "select", {"aria-label": shows ? null : label});
  for (const [word, text] of options) element(select, "option", {value: word}, text);
  select.value = value;
  select.addEventListener("change", () => change(select.value));
  return select;
}
