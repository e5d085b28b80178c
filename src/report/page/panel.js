// Lines over training steps: the one kind of panel that emergence curves, norms, losses and small multiples consist of.
function step_scale(steps, left, right) {
  const last = Math.max(1, ...steps);
  if (state.axis === "log") return d3.scaleSymlog().constant(Math.max(1, last / 100)).domain([0, last]).range([left, right]);
  return d3.scaleLinear().domain([Math.min(...steps), Math.max(last, Math.min(...steps) + 1)]).range([left, right]);
}

// Whole steps only: 0, 500, 1k.
function step_axis(x, ticks) {
  return d3.axisBottom(x).tickValues(x.ticks(ticks).filter(Number.isInteger)).tickSizeOuter(0).tickFormat(d3.format("~s"));
}

// g: where; box: {x, y, width, height}; what: {title, lines: [{name, steps, values, colour, dash, thin}],
// bands: [{steps, low, high, colour}], zero, low, high, log, thresholds: [{value, text}], marks: [{step, text}], cursor}.
function panel(g, box, what) {
  const marks = (what.marks || []).filter((m) => m.step >= 0).length;
  const margin = {left: 46, right: 10, top: Math.max(36, marks ? 22 + 13 * marks : 0), bottom: 30};
  const left = box.x + margin.left, right = box.x + box.width - margin.right;
  const top = box.y + margin.top, bottom = box.y + box.height - margin.bottom;
  const lines = what.lines.filter((line) => line.steps.length);
  const steps = lines.flatMap((line) => [line.steps[0], line.steps[line.steps.length - 1]]);
  if (!steps.length) return;
  const x = step_scale(steps, left, right), y = value_scale(what, lines, bottom, top);
  const title = g.append("text").attr("class", "title").attr("x", box.x).attr("y", box.y + 12).text(what.title);
  if (what.unit) title.append("tspan").attr("class", "unit").attr("font-weight", 400).attr("dx", 8).text(what.unit);
  legend(g, box, what.lines);
  draw_axes(g, x, y, {left, right, top, bottom}, what);
  for (const band of what.bands || [])
    g.append("path").attr("fill", band.colour).attr("opacity", 0.16).attr("d",
      d3.area().x((d) => x(d[0])).y0((d) => y(d[1])).y1((d) => y(d[2]))(d3.zip(band.steps, band.low, band.high)));
  const inside = y.domain();
  for (const {value, text} of what.thresholds || []) {
    if (value < Math.min(...inside) || value > Math.max(...inside)) continue;
    g.append("line").attr("class", "threshold").attr("x1", left).attr("x2", right).attr("y1", y(value)).attr("y2", y(value));
    g.append("text").attr("class", "small").attr("x", right).attr("y", y(value) - 4).attr("text-anchor", "end").text(text);
  }
  for (const line of lines) {
    const path = d3.line().defined((d) => Number.isFinite(d[1])).x((d) => x(d[0])).y((d) => y(d[1]));
    const points = d3.zip(line.steps, line.values);
    g.append("path").attr("class", "line").attr("stroke", line.colour).attr("d", path(points))
      .style("stroke-width", line.thin ? 0.8 : null).attr("opacity", line.thin ? 0.6 : 1).attr("stroke-dasharray", line.dash || null);
    if (points.length === 1 && Number.isFinite(points[0][1]))
      g.append("circle").attr("r", 3).attr("fill", line.colour).attr("cx", x(points[0][0])).attr("cy", y(points[0][1]));
  }
  draw_marks(g, x, {left, right, top, bottom}, what);
  hover_steps(g, x, {left, right, top, bottom}, what, lines);
}

function value_scale(what, lines, bottom, top) {
  const finite = lines.flatMap((line) => Array.from(line.values)).concat((what.thresholds || []).map((t) => t.value)).filter(Number.isFinite);
  let low = d3.min(finite) ?? 0, high = d3.max(finite) ?? 1;
  if (what.zero) { low = Math.min(0, low); high = Math.max(0, high); }
  if (what.low !== undefined) low = what.low;
  if (what.high !== undefined) high = what.high;
  if (low === high) { low -= 0.5; high += 0.5; }
  if (what.log && low > 0) return d3.scaleLog().domain([low, high]).range([bottom, top]).nice();
  const y = d3.scaleLinear().domain([low, high]).range([bottom, top]);
  return what.high === undefined ? y.nice() : y;
}

function draw_axes(g, x, y, {left, right, top, bottom}, what) {
  const ticks = Math.max(2, Math.floor((right - left) / 70));
  g.append("g").attr("class", "axis").attr("transform", `translate(0,${bottom})`)
    .call(step_axis(x, ticks));
  g.append("g").attr("class", "axis").attr("transform", `translate(${left},0)`)
    .call(d3.axisLeft(y).ticks(4, what.log ? "~g" : undefined).tickSizeOuter(0));
  g.append("text").attr("class", "unit").attr("x", right).attr("y", bottom + 27).attr("text-anchor", "end").text("training step");
}

function legend(g, box, lines) {
  let at = box.x, row = box.y + 26;
  const named = lines.filter((line) => line.name && !line.thin);
  if (named.length < 2) return;
  for (const line of named) {
    const text = g.append("text").attr("class", "small").attr("x", at + 18).attr("y", row).text(line.name);
    g.append("line").attr("x1", at).attr("x2", at + 14).attr("y1", row - 4).attr("y2", row - 4).attr("stroke", line.colour)
      .attr("stroke-width", 2).attr("stroke-dasharray", line.dash || null);
    at += 28 + text.node().getComputedTextLength();
  }
}

function draw_marks(g, x, {left, right, top, bottom}, what) {
  let taken = [];  // their labels stand above the lines, each clear of the others
  for (const {step, text} of (what.marks || []).filter((m) => m.step >= 0)) {
    const at = x(step);
    g.append("line").attr("class", "mark").attr("x1", at).attr("x2", at).attr("y1", top).attr("y2", bottom);
    const label = g.append("text").attr("class", "small").text(text);
    const width = label.node().getComputedTextLength(), before = at + 4 + width > right;
    label.attr("x", before ? at : at - 4).attr("text-anchor", before ? "end" : "start");
    const from = before ? at - width : at - 4;
    const level = taken.filter(([a, b]) => from < b && from + width > a).length;
    label.attr("y", top - 4 - 13 * level);
    taken.push([from, from + width]);
  }
  if (what.cursor !== undefined && what.cursor >= x.domain()[0] && what.cursor <= x.domain()[1])
    g.append("line").attr("class", "cursor").attr("x1", x(what.cursor)).attr("x2", x(what.cursor)).attr("y1", top).attr("y2", bottom);
}

// Names the values at the step under the pointer; a click moves the slider there.
function hover_steps(g, x, {left, right, top, bottom}, what, lines) {
  const area = g.append("rect").attr("x", left).attr("y", top).attr("width", right - left).attr("height", bottom - top).attr("fill", "transparent");
  const step_under = (event) => {
    const box = area.node().getBoundingClientRect();
    const step = x.invert(left + (event.clientX - box.left) / box.width * (right - left));
    const all = lines.find((line) => !line.thin) || lines[0];
    return all.steps.reduce((best, s) => (Math.abs(s - step) < Math.abs(best - step) ? s : best), all.steps[0]);
  };
  area.node().addEventListener("pointermove", (event) => {
    const step = step_under(event);
    const values = lines.filter((line) => line.name).map((line) => [line.name, line.values[line.steps.indexOf(step)]]).filter(([, v]) => v !== undefined);
    tip.show(event, [`step ${step}`, ...values.slice(0, 14).map(([name, v]) => `${name}: ${short(v)}`)].join("\n"));
  });
  area.node().addEventListener("pointerleave", () => tip.hide());
  if (what.cursor !== undefined) area.node().addEventListener("click", (event) => state.set({step: step_under(event)}));
}

// Panels side by side, as many as have room; returns the height.
function panels(frame, all, {least = 300, height = 210} = {}) {
  const columns = Math.max(1, Math.min(all.length, Math.floor(frame.width / least))), gap = 18;
  const width = (frame.width - gap * (columns - 1)) / columns, rows = Math.ceil(all.length / columns);
  frame.size(rows * (height + 14));
  all.forEach((what, i) =>
    panel(frame.svg.append("g"), {x: (i % columns) * (width + gap), y: Math.floor(i / columns) * (height + 14), width, height}, what));
}

// The data of panels as a table: a row a step.
function table_of_lines(frame, all) {
  const lines = all.flatMap((what) => what.lines.map((line) => ({...line, name: `${what.title}${line.name ? `: ${line.name}` : ""}`})));
  frame.table(["step", ...lines.map((line) => line.name)], () => {
    const steps = Array.from(new Set(lines.flatMap((line) => Array.from(line.steps)))).sort((a, b) => a - b);
    const places = lines.map((line) => new Map(Array.from(line.steps, (s, i) => [s, line.values[i]])));
    return steps.map((s) => [s, ...places.map((map) => (map.has(s) ? map.get(s) : ""))]);
  });
}
