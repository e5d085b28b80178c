// Every head at the slider's step: α, E, r_V and the verdict; a click shows that head everywhere.
const VERDICTS = ["neither", "sink only", "waiver"];

function verdict_of(thresholds, alpha, enrichment, ratio, added) {
  if (!(alpha > thresholds.received_attention) || (!added && !(enrichment > thresholds.enrichment))) return 0;
  return ratio < thresholds.value_ratio ? 2 : 1;
}

chart({
  id: "head_map", title: "All heads", shape: ["half"],
  missing: (data) => (data.story ? "" : data.sentence),
  controls(frame, data) {
    choice(frame.tools, "key", [["story", data.story.place.key], ["strongest", "each head's strongest key"]], state.key, (v) => state.set({key: v}), false).id = "key";
  },
  draw(frame, data) {
    frame.box.querySelector("#key option").textContent = data.story.place.key;
    const {story, layers, heads} = data, row = row_at(story.steps, state.step), step = story.steps.at(row);
    const own = state.key === "strongest", from = own ? data.strongest : story.heads, added = !story.enrichment;
    const value = (name) => (l, h) => (from[name] ? from[name].at(row, l, h) : NaN);
    const alpha = value("received_attention"), enrichment = value("enrichment"), ratio = value("value_ratio");
    const verdict = (l, h) => (Number.isNaN(alpha(l, h)) ? NaN : verdict_of(story.thresholds, alpha(l, h), enrichment(l, h), ratio(l, h), added && !own));
    const high = Math.max(2 * story.thresholds.enrichment, d3.max(d3.cross(d3.range(layers), d3.range(heads)), ([l, h]) => enrichment(l, h)) || 0);
    const styles = getComputedStyle(document.body);
    const verdict_colour = (v) => (Number.isNaN(v) ? null : styles.getPropertyValue(["--line", "--sky", "--orange"][v]));
    const maps = [
      ["attention α", alpha, weight_colour, {low: 0, high: 1, text: "weight"}],
      ["enrichment E", enrichment, (v) => weight_colour(v / high), {low: 0, high, text: "times uniform"}],
      ["value ratio r_V", ratio, (v) => weight_colour(v / 2), {low: 0, high: 2, text: "÷ mean of others"}],
      ["verdict", verdict, verdict_colour, null],
    ];
    const columns = frame.width > 480 ? 2 : 1, width = (frame.width - 20 * (columns - 1)) / columns;
    const cell = Math.min(46, (width - 64) / heads), tall = Math.max(10, Math.min(34, 300 / layers)), height = tall * layers;
    frame.size(Math.ceil(4 / columns) * (height + 84));
    const words = (l, h) => `layer ${l}, head ${h}, ${own ? `position ${data.strongest.position.at(row, l, h)}` : story.place.key}, step ${step}\n` +
      `α ${short(alpha(l, h))} · E ${short(enrichment(l, h))} · r_V ${short(ratio(l, h))}\n${VERDICTS[verdict(l, h)] || "no attention"}`;
    maps.forEach(([title, of, colour, key], i) => {
      const x = (i % columns) * (width + 20), y = Math.floor(i / columns) * (height + 84), g = frame.svg.append("g");
      g.append("text").attr("class", "title").attr("x", x).attr("y", y + 12).text(title);
      heat(g, {x: x + 30, y: y + 22, width: cell * heads, height}, {rows: layers, columns: heads, value: of, colour, text: words, pick: (l, h) => state.set({layer: l, head: h})});
      g.append("rect").attr("class", "chosen").style("pointer-events", "none").attr("x", x + 30 + state.head * cell).attr("y", y + 22 + state.layer * tall).attr("width", cell).attr("height", tall);
      head_axes(g, x, y + 22, {cell, tall, layers, heads});
      if (key) colour_key(g, x + 30, y + height + 44, {...key, colour});
      else VERDICTS.forEach((word, v) => {
        g.append("rect").attr("x", x + 30 + v * 66).attr("y", y + height + 44).attr("width", 9).attr("height", 9).attr("fill", verdict_colour(v));
        g.append("text").attr("class", "small").attr("x", x + 42 + v * 66).attr("y", y + height + 53).text(word);
      });
    });
    const at = own ? "each head's position with the most attention" : story.place.key;
    frame.sub(`Of every layer and head at step ${step}, at ${at}, averaged over the probe sequences. A click chooses the head.`);
    frame.table(["layer", "head", "key", "α", "E", "r_V", "verdict"], () => d3.cross(d3.range(layers), d3.range(heads)).map(([l, h]) =>
      [l, h, own ? data.strongest.position.at(row, l, h) : story.place.key, alpha(l, h), enrichment(l, h), ratio(l, h), VERDICTS[verdict(l, h)] || "no attention"]));
  },
});

function head_axes(g, x, y, {cell, tall, layers, heads}) {
  const every = (size) => [1, 2, 5, 10].find((n) => n * size >= 14) || 20;
  const axis = g.append("g").attr("class", "axis");
  for (let l = 0; l < layers; l += every(tall)) axis.append("text").attr("x", x + 26).attr("y", y + (l + 0.5) * tall).attr("dy", "0.32em").attr("text-anchor", "end").text(l);
  for (let h = 0; h < heads; h += every(cell)) axis.append("text").attr("x", x + 30 + (h + 0.5) * cell).attr("y", y + tall * layers + 12).attr("text-anchor", "middle").text(h);
  axis.append("text").attr("transform", `translate(${x + 10},${y}) rotate(-90)`).attr("text-anchor", "end").text("layer");
  axis.append("text").attr("x", x + 36 + heads * cell).attr("y", y + tall * layers + 12).text("head");
}
