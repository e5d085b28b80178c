// One panel a setting: every seed thin, their mean thick, their range as a band.
const QUANTITIES = [["received_attention", "attention α"], ["enrichment", "enrichment E"], ["value_ratio", "value ratio r_V"], ["loss", "validation loss"], ["train_loss", "training loss"]];

// What distinguishes the groups: `position.kind=rope` reads as `rope` where that is all that varies.
function group_label(group, data) {
  const names = [...new Set(data.runs.map((run) => run.group))], key = (text) => text.split(",").map((part) => part.split("=")[0]).join();
  return !group.includes(",") && names.every((name) => key(name) === key(names[0])) ? group.split(",").map((part) => part.split("=").slice(1).join("=") || part).join(", ") : group;
}

function groups_of(data) { return d3.groups ? d3.groups(data.runs, (r) => r.group) : [...new Set(data.runs.map((r) => r.group))].map((g) => [g, data.runs.filter((r) => r.group === g)]); }

// Mean and range of curves at the steps that all of them have.
function summary_of(curves) {
  const steps = curves.map((c) => c.steps.along()).reduce((a, b) => a.filter((s) => b.includes(s)));
  const rows = steps.map((s) => curves.map((c) => c.values.at(c.steps.values.indexOf(s))));
  return {steps, mean: rows.map((r) => d3.mean(r)), low: rows.map((r) => d3.min(r)), high: rows.map((r) => d3.max(r))};
}

function multiple_panels(data) {
  const name = state.quantity, groups = groups_of(data), all = [];
  const curves_in = (runs) => runs.filter((r) => r.curves && r.curves[name]).map((r) => [r, r.curves[name]]);
  const values = groups.flatMap(([, runs]) => curves_in(runs).flatMap(([, c]) => c.values.along())).filter(Number.isFinite);
  const limits = name === "received_attention" ? {low: 0, high: 1} : {low: Math.min(0, d3.min(values) || 0), high: d3.max(values) || 1};
  for (const [group, runs] of groups) {
    const own = curves_in(runs);
    if (!own.length) continue;
    const threshold = (own[0][0].thresholds || {})[name], sum = summary_of(own.map(([, c]) => c));
    const lines = own.map(([run, c]) => ({name: `seed ${run.seed}`, steps: c.steps.along(), values: c.values.along(), colour: "var(--blue)", thin: true}));
    if (own.length > 1) lines.push({name: "mean", steps: sum.steps, values: sum.mean, colour: "var(--blue)"});
    else lines[0].thin = false;
    const middle = d3.median(runs.filter((r) => r.onset >= 0), (r) => r.onset) ?? -1;
    const theirs = data.published && data.published.curves[name];
    if (theirs) {
      const last = d3.max(lines, (l) => l.steps[l.steps.length - 1]), shown = theirs.steps.filter((s) => s <= last);
      lines.push({name: "published", steps: shown, values: theirs.values.slice(0, shown.length), colour: "var(--grey)", dash: "6 3"});
    }
    all.push({title: group_label(group, data), lines, ...limits, bands: own.length > 1 ? [{...sum, colour: "var(--blue)"}] : [],
      thresholds: threshold === undefined ? [] : [{value: threshold, text: "threshold"}],
      marks: middle >= 0 ? [{step: middle, text: `emerged ${middle}`}] : []});
  }
  return all;
}

chart({
  id: "multiples", title: "By setting",
  missing: (data) => (data.runs.some((r) => r.curves) ? "" : "No run has a log yet."),
  controls(frame, data) {
    const there = QUANTITIES.filter(([name]) => data.runs.some((r) => r.curves && r.curves[name]));
    state.quantity = there.some(([name]) => name === state.quantity) ? state.quantity : there[0][0];
    choice(frame.tools, "quantity", there, state.quantity, (v) => state.set({quantity: v}), false).id = "quantity";
  },
  draw(frame, data) {
    const all = multiple_panels(data), place = ["received_attention", "enrichment", "value_ratio"].includes(state.quantity);
    panels(frame, all, {least: 270, height: 190});
    frame.sub((place ? "Of each run at the head and key of its sentence, averaged over the probe sequences" : "Of each run") +
      "; thin: seeds, thick: their mean, band: their range; emerged: the median onset of those in which it did." +
      (data.published && data.published.curves[state.quantity] ? ` Published: ${data.published.source}.` : ""));
    table_of_lines(frame, all);
  },
});
