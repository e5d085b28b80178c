// Loss, risks and the gradient's norm.
function loss_panels(data) {
  const from = (group, name) => {
    const found = data[group] && data[group].series.find((s) => s.name === name);
    return found ? {steps: data[group].steps.along(), values: found.values.along(), units: found.units} : null;
  };
  const line = (curve, name, colour, dash) => (curve ? [{name, steps: curve.steps, values: curve.values, colour, dash}] : []);
  const losses = [...line(from("train", "loss"), "training", "var(--grey)"), ...line(from("eval", "loss"), "validation", "var(--blue)"), ...line(from("probe", "loss"), "probe batch", "var(--orange)", "5 3")];
  const colours = ["var(--blue)", "var(--orange)", "var(--green)", "var(--purple)"];
  const risks = ((data.probe && data.probe.series) || []).filter((s) => s.name.endsWith("_risk"))
    .map((s, i) => ({name: s.label || s.name, steps: data.probe.steps.along(), values: s.values.along(), colour: colours[i % 4]}));
  const gradient = line(from("train", "grad_norm"), "gradient norm", "var(--purple)"), rate = line(from("train", "lr"), "learning rate", "var(--green)");
  const log = (lines) => d3.min(lines.flatMap((l) => l.values)) > 0;
  return [
    {title: "loss", unit: "nat a token", lines: losses},
    {title: "task risks", unit: "nat", lines: risks, log: risks.length > 0 && log(risks)},
    {title: "gradient norm", unit: "", lines: gradient, log: gradient.length > 0 && log(gradient)},
    {title: "learning rate", unit: "", lines: rate, zero: true},
  ].filter((p) => p.lines.length).map((p) => ({...p, cursor: state.step}));
}

chart({
  id: "loss", title: "Loss and gradient",
  missing: (data) => (!data.trained ? null : loss_panels(data).length ? "" : "There is no loss in the log."),
  draw(frame, data) {
    const all = loss_panels(data);
    panels(frame, all, {least: 270});
    frame.sub("Training loss before the update of its step; validation, probe batch and risks of the model after that many updates.");
    table_of_lines(frame, all);
  },
});
