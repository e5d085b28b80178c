// Norms at the waiver's key beside those of the other positions.
function norm_panels(data) {
  const {story} = data, steps = story.steps.along(), {layer, head} = state, cursor = story.steps.at(row_at(story.steps, state.step));
  const {heads, layers} = story, out = [];
  const quotient = (a, b) => a.map((v, i) => v / b[i]);
  const add = (title, unit, key, others) => {
    const lines = [{name: story.place.key, steps, values: key, colour: "var(--blue)"}];
    if (others) lines.push({name: "mean of the others", steps, values: others, colour: "var(--orange)", dash: "5 3"});
    out.push({title, unit, lines, zero: true, cursor});
  };
  if (heads.value_norm) {
    const norm = heads.value_norm.along(layer, head);
    add("value norm ‖v‖", `layer ${layer}, head ${head}`, norm, heads.value_ratio && quotient(norm, heads.value_ratio.along(layer, head)));
  }
  if (heads.key_norm) add("key norm ‖k‖", `layer ${layer}, head ${head}`, heads.key_norm.along(layer, head));
  if (layers.residual_norm) {
    const norm = layers.residual_norm.along(layer, 0);
    add("residual norm ‖h‖ after the block", `layer ${layer}`, norm, layers.residual_ratio && quotient(norm, layers.residual_ratio.along(layer, 0)));
  }
  return out;
}

chart({
  id: "norms", title: "Value, key and residual norms",
  missing: (data) => curves_missing(data, data.story && norm_panels(data).length ? "" : "The log has no norms of this key."),
  draw(frame, data) {
    const all = norm_panels(data);
    panels(frame, all, {least: 290});
    frame.sub(`At ${data.story.place.key}, layer ${state.layer}, head ${state.head}, averaged over the probe sequences.`);
    table_of_lines(frame, all);
  },
});
