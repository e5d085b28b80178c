// When a waiver element emerged, each run a dot, each setting its median and range.
chart({
  id: "onsets", title: "Onsets", shape: ["half"],
  missing: (data) => (data.runs.some((r) => r.onset !== undefined) ? "" : "No run has probes yet."),
  draw(frame, data) {
    const groups = groups_of(data).map(([group, runs]) => [group, runs.filter((r) => r.onset !== undefined)]).filter(([, runs]) => runs.length);
    const label_of = ([group]) => group_label(group, data);
    const left = Math.min(frame.width * 0.35, 12 + 7 * d3.max(groups, (g) => label_of(g).length)), right = frame.width - 58, row = 30;
    const last = d3.max(data.runs.filter((r) => r.curves), (r) => d3.max(Object.values(r.curves).filter(Boolean), (c) => c.steps.values[c.steps.length - 1])) || 1;
    const x = step_scale([0, last], left + 6, right);
    frame.size(groups.length * row + 42);
    frame.svg.append("text").attr("class", "small").attr("x", right + 30).attr("y", 10).attr("text-anchor", "middle").text("never");
    groups.forEach((entry, i) => {
      const [, runs] = entry, y = 28 + i * row, steps = runs.filter((r) => r.onset >= 0).map((r) => r.onset).sort((a, b) => a - b);
      const g = frame.svg.append("g"), name = label_of(entry), most = Math.floor((left - 6) / 6.6);
      g.append("text").attr("x", left - 6).attr("y", y + 4).attr("text-anchor", "end").text(name.length > most ? name.slice(0, most - 1) + "…" : name).append("title").text(name);
      g.append("line").attr("x1", left).attr("x2", right + 50).attr("y1", y).attr("y2", y).attr("stroke", "var(--line)");
      if (steps.length) {
        g.append("line").attr("x1", x(steps[0])).attr("x2", x(steps[steps.length - 1])).attr("y1", y).attr("y2", y).attr("stroke", "var(--blue)").attr("stroke-width", 5).attr("opacity", 0.35);
        const middle = x(d3.median(steps));
        g.append("line").attr("x1", middle).attr("x2", middle).attr("y1", y - 8).attr("y2", y + 8).attr("stroke", "var(--blue)").attr("stroke-width", 3);
      }
      runs.forEach((run, j) => {
        const dot = g.append("circle").attr("r", 4).attr("cy", y).attr("fill", run.onset >= 0 ? "var(--blue)" : "none").attr("stroke", run.onset >= 0 ? "var(--surface)" : "var(--muted)")
          .attr("cx", run.onset >= 0 ? x(run.onset) : right + 30 + (j - (runs.length - 1) / 2) * 10);
        dot.node().addEventListener("pointermove", (event) => tip.show(event, `${run.name}\n${run.sentence || run.state}`));
        dot.node().addEventListener("pointerleave", () => tip.hide());
      });
    });
    frame.svg.append("g").attr("class", "axis").attr("transform", `translate(0,${groups.length * row + 16})`).call(step_axis(x, Math.max(2, Math.floor((right - left) / 70))));
    frame.sub("Training step at which a waiver element emerged: dot, a run; bar, the setting's median; band, its range over those in which one did.");
    frame.table(["setting", "seed", "emerged at step"], () => data.runs.map((r) => [r.group, r.seed, r.onset >= 0 ? r.onset : r.onset === undefined ? r.state : "never"]));
  },
});
