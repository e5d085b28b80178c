// Where the time of an update goes, by operation; the small ones together.
const PASSES = [["forward", "var(--blue)"], ["backward", "var(--orange)"], ["around", "var(--green)"]];

chart({
  id: "ops", title: "Time per operation", shape: ["half"],
  missing: (data) => (!data.trained ? null : data.ops ? "" : "No times of operations are known; a run notes them at its checkpoints."),
  draw(frame, data) {
    const total = ([, passes]) => d3.sum(Object.values(passes)), all = Object.entries(data.ops).sort((a, b) => total(b) - total(a));
    const most = 12, rest = all.slice(most), rows = all.slice(0, most);
    if (rest.length) rows.push([`${rest.length} others`, Object.fromEntries(PASSES.map(([pass]) => [pass, d3.sum(rest, ([, p]) => p[pass] || 0)]))]);
    const left = 130, right = frame.width - 48, row = 20, x = d3.scaleLinear().domain([0, d3.max(rows, total) || 1]).range([left, right]).nice();
    frame.size(rows.length * row + 46);
    PASSES.forEach(([pass, colour], i) => {
      frame.svg.append("rect").attr("x", i * 78).attr("y", 2).attr("width", 9).attr("height", 9).attr("fill", colour);
      frame.svg.append("text").attr("class", "small").attr("x", 13 + i * 78).attr("y", 11).text(pass);
    });
    rows.forEach(([name, passes], i) => {
      const y = 20 + i * row, g = frame.svg.append("g");
      g.append("text").attr("x", left - 6).attr("y", y + 12).attr("text-anchor", "end").text(name.length > 19 ? name.slice(0, 18) + "…" : name);
      let at = 0;
      for (const [pass, colour] of PASSES) {
        const part = passes[pass] || 0;
        g.append("rect").attr("x", x(at)).attr("y", y + 2).attr("width", x(at + part) - x(at)).attr("height", row - 6).attr("fill", colour);
        at += part;
      }
      g.append("text").attr("class", "small").attr("x", x(at) + 5).attr("y", y + 12).text(short(at));
      g.node().addEventListener("pointermove", (event) => tip.show(event, `${name}\n${PASSES.filter(([p]) => passes[p]).map(([p]) => `${p} ${short(passes[p])} ms`).join("\n")}`));
      g.node().addEventListener("pointerleave", () => tip.hide());
    });
    const ticks = Math.max(2, Math.floor((right - left) / 80));
    frame.svg.append("g").attr("class", "axis").attr("transform", `translate(0,${rows.length * row + 22})`).call(d3.axisBottom(x).ticks(ticks).tickSizeOuter(0));
    frame.sub("Milliseconds an update, the mean over the logged updates of the last process; around: neither forward nor backward.");
    frame.table(["operation", ...PASSES.map(([pass]) => `${pass}, ms`)], () => all.map(([name, passes]) => [name, ...PASSES.map(([pass]) => passes[pass] || 0)]));
  },
});
