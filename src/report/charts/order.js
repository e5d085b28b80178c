// In which order things happened: each event's median step and its interval, a block a setting.
const EVENT_WORDS = {risk: "risk falls", enrichment: "attention rises (E)", sink: "sink (α)", value: "value drains (r_V)", residual: "residual peaks"};

chart({
  id: "order", title: "Order of events", shape: ["half"],
  missing: (data) => (data.events && data.events.groups.length ? "" : "The events of this sweep are not there: its runs are not finished, or have no probes."),
  draw(frame, data) {
    const groups = data.events.groups.map((g) => ({name: group_label(g.group, data), last: d3.max(g.run_steps),
      events: Object.entries(g.events).map(([name, e]) => ({name, step: number_in(e.step.median), low: number_in(e.step.low), high: number_in(e.step.high)}))}));
    const left = 128, right = frame.width - 48, row = 17, block = (g) => g.events.length * row + 26;
    const x = step_scale([0, d3.max(groups, (g) => g.last)], left, right), colours = ["--grey", "--green", "--blue", "--orange", "--purple", "--sky", "--red"];
    const end = (v) => (Number.isFinite(v) ? x(v) : right + 24);
    frame.size(d3.sum(groups, block) + 40);
    let top = 0;
    for (const group of groups) {
      frame.svg.append("text").attr("class", "title").attr("x", 0).attr("y", top + 12).text(group.name);
      group.events.forEach((event, i) => {
        const y = top + 24 + i * row, colour = `var(${colours[i % colours.length]})`, g = frame.svg.append("g");
        g.append("text").attr("class", "small").attr("x", left - 8).attr("y", y + 4).attr("text-anchor", "end").text(EVENT_WORDS[event.name] || event.name);
        g.append("line").attr("x1", left).attr("x2", right + 30).attr("y1", y).attr("y2", y).attr("stroke", "var(--line)");
        if (!Number.isNaN(event.low)) g.append("line").attr("x1", end(event.low)).attr("x2", end(event.high)).attr("y1", y).attr("y2", y).attr("stroke", colour).attr("stroke-width", 5).attr("opacity", 0.4);
        g.append("circle").attr("r", 4.5).attr("cx", end(event.step)).attr("cy", y).attr("fill", Number.isFinite(event.step) ? colour : "none").attr("stroke", colour);
        const words = (v) => (Number.isFinite(v) ? short(v) : "never");
        g.node().addEventListener("pointermove", (e) => tip.show(e, `${group.name}: ${EVENT_WORDS[event.name] || event.name}\nstep ${words(event.step)} [${words(event.low)}, ${words(event.high)}]`));
        g.node().addEventListener("pointerleave", () => tip.hide());
      });
      top += block(group);
    }
    frame.svg.append("g").attr("class", "axis").attr("transform", `translate(0,${top + 4})`).call(step_axis(x, Math.max(2, Math.floor((right - left) / 70))));
    frame.svg.append("text").attr("class", "unit").attr("x", right + 24).attr("y", 12).attr("text-anchor", "middle").text("never");
    frame.sub(`Median step over the seeds with its ${Math.round(100 * data.events.level)} % bootstrap interval, at the head and key with the most attention at the end.`);
    frame.table(["setting", "event", "median step", "low", "high"], () => groups.flatMap((g) => g.events.map((e) => [g.name, EVENT_WORDS[e.name] || e.name, ...[e.step, e.low, e.high].map((v) => (Number.isFinite(v) ? v : "never"))])));
  },
});
