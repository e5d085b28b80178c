// What training took: tokens a second, and the share of the time that probes had.
function time_panels(data) {
  const of = (name) => data.timing.series.find((s) => s.name === name);
  const steps = data.timing.steps.along(), rate = of("tokens_per_second"), seconds = of("seconds"), probes = of("probe_seconds");
  const out = [];
  if (rate) out.push({title: "speed", unit: "tokens a second", zero: true, lines: [{name: "speed", steps, values: rate.values.along(), colour: "var(--blue)"}]});
  if (seconds) {
    const lines = [{name: "training with probes", steps, values: seconds.values.along(), colour: "var(--blue)"}];
    if (probes) lines.push({name: "of these, probes", steps, values: probes.values.along(), colour: "var(--orange)", dash: "5 3"});
    out.push({title: "time", unit: "seconds since the start or resumption", zero: true, lines});
  }
  return out;
}

chart({
  id: "time", title: "Time", shape: ["half"],
  missing: (data) => (!data.trained ? null : data.timing ? "" : "There are no times in the log."),
  draw(frame, data) {
    const all = time_panels(data);
    panels(frame, all, {least: 270});
    frame.sub("Wall-clock time, as logged; it differs from run to run, unlike everything else here.");
    table_of_lines(frame, all);
  },
});
