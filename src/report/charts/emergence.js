// When the waiver element emerged: α, E, r_V and the sink logit of its key, with thresholds and onsets.
function emergence_panels(data) {
  const {story} = data, steps = story.steps.along(), t = story.thresholds, {layer, head} = state;
  const here = layer === story.place.layer && head === story.place.head;
  const of = (name) => (here && story[name] ? story[name].along() : story.heads[name] ? story.heads[name].along(layer, head) : null);
  const row = row_at(story.steps, state.step), quantities = [
    ["received_attention", "attention α", "weight", "var(--blue)", {low: 0, high: 1, thresholds: [{value: t.received_attention, text: "threshold"}]}],
    ["enrichment", "enrichment E", "times uniform", "var(--green)", {zero: true, thresholds: [{value: t.enrichment, text: "threshold"}]}],
    ["value_ratio", "value ratio r_V", "÷ mean of the others", "var(--orange)", {zero: true, thresholds: [{value: t.value_ratio, text: "threshold"}]}],
    ["delta_logit", "sink logit Δ", "logit, position 0", "var(--purple)", {thresholds: [{value: 0, text: ""}]}],
  ];
  const marks = here ? [{step: story.onset, text: `emerged ${story.onset}`}] : [];
  const own = {enrichment: {step: story.attention_rose, text: `rose ${story.attention_rose}`}, value_ratio: {step: story.value_drained, text: `drained ${story.value_drained}`}};
  return quantities.filter(([name]) => of(name)).map(([name, title, unit, colour, more]) => {
    const values = of(name), mark = here && own[name] && own[name].step !== story.onset ? [own[name]] : [];
    return {title: `${title}: ${short(values[row])}`, unit, lines: [{name: title, steps, values, colour}], marks: [...marks, ...mark], cursor: steps[row], ...more};
  });
}

// Of a model that was looked at once there are no curves.
function curves_missing(data, otherwise) {
  if (!data.story || data.story.steps.length > 1) return otherwise;
  return data.trained ? "There is one probe only: no curve yet." : null;
}

chart({
  id: "emergence", title: "Emergence",
  missing: (data) => curves_missing(data, data.story ? "" : data.sentence),
  draw(frame, data) {
    const all = emergence_panels(data);
    panels(frame, all, {least: 270});
    frame.sub(`Of ${data.story.place.key} in layer ${state.layer}, head ${state.head}, averaged over the probe sequences; the numbers above are those of step ${data.story.steps.at(row_at(data.story.steps, state.step))}. A click moves the slider.`);
    table_of_lines(frame, all.map((p) => ({...p, title: p.lines[0].name, lines: [{...p.lines[0], name: ""}]})));
  },
});
