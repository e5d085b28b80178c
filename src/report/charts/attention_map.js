// The attention map of one head at the snapshot before the slider's step.
function map_weights(maps, row) {
  const {layer, head} = state, pattern = maps[state.map];
  const plain = (q, k) => pattern.at(row, layer, head, q, k);
  if (state.weighting === "plain" || !maps.value_norm) return plain;
  const norm = (k) => maps.value_norm.at(row, layer, head, k);
  const sums = d3.range(maps.count).map((q) => d3.sum(d3.range(maps.count), (k) => plain(q, k) * norm(k) || 0));
  return (q, k) => plain(q, k) * norm(k) / sums[q];
}

// Hides what no query may see, where the mask is causal, as empty.
function map_hides(data) { return data.mask === "causal" ? (q, k) => k > q : () => false; }

// Tokens along an axis of cells: all of them where there is room, else every second, fifth, tenth, …
function token_axis(g, {x, y, size, count, tokens, vertical, title}) {
  const room = 13, every = [1, 2, 5, 10, 20, 50, 100].find((n) => n * size / count >= room) || 100;
  const axis = g.append("g").attr("class", "axis");
  for (let i = 0; i < count; i += every) {
    const at = (i + 0.5) * size / count, words = tokens ? `${i} ${shown(tokens[i], 8)}` : `${i}`;
    const text = axis.append("text").text(words).attr("dy", "0.32em");
    if (vertical) text.attr("x", x - 4).attr("y", y + at).attr("text-anchor", "end");
    else text.attr("transform", `translate(${x + at},${y + 5}) rotate(90)`);
  }
  const name = g.append("text").attr("class", "unit").text(title);
  if (vertical) name.attr("x", x - 4).attr("y", y - 6).attr("text-anchor", "end");
  else name.attr("x", x - 4).attr("y", y + 14).attr("text-anchor", "end");
}

chart({
  id: "attention_map", title: "Attention map", shape: ["half", "tall"],
  missing: (data) => (data.snapshots ? "" : "There is no attention map in the log."),
  controls(frame, data) {
    const sequences = [["pattern_mean", "mean of the probe sequences"], ["pattern", "first probe sequence"]];
    choice(frame.tools, "sequence", sequences, state.map, (v) => state.set({map: v}), false).id = "sequence";
    // Of a part of the keys the shares would not be those of the head.
    if (data.snapshots.value_norm && data.snapshots.count === data.snapshots.of && !data.added)
      choice(frame.tools, "weights", [["plain", "attention"], ["weighted", "weighted by ‖v‖"]], state.weighting, (v) => state.set({weighting: v}), false).id = "weighting";
  },
  draw(frame, data) {
    const maps = data.snapshots, n = maps.count, row = row_at(maps.steps, state.step), step = maps.steps.at(row);
    const weights = map_weights(maps, row), hidden = map_hides(data);
    const tokens = state.map === "pattern" ? maps.tokens : data.position_names && data.position_names.length ? data.position_names : null;
    const left = 76, size = Math.min(frame.width - left - 4, 520), signed = maps[state.map].values.some((v) => v < 0 || v > 1.01);
    const most = signed ? d3.max(maps[state.map].values, Math.abs) : 1, colour = signed ? diverging(most) : weight_colour;
    frame.size(size + 128);
    const name = (i) => (tokens && tokens[i] ? `${i} (${shown(tokens[i])})` : `${i}`);
    heat(frame.svg.append("g"), {x: left, y: 20, width: size, height: size}, {
      rows: n, columns: n, colour, value: (q, k) => (hidden(q, k) ? NaN : weights(q, k)),
      text: (q, k) => `layer ${state.layer}, head ${state.head}, step ${step}\nquery ${name(q)}\nkey ${name(k)}\n` +
        (hidden(q, k) ? "not seen" : `weight ${in_8_bits(weights(q, k), signed)}`),
    });
    token_axis(frame.svg, {x: left, y: 20, size, count: n, tokens, vertical: true, title: "query"});
    token_axis(frame.svg, {x: left, y: 20 + size, size, count: n, tokens, vertical: false, title: "key"});
    colour_key(frame.svg, left, size + 102, {low: signed ? -most : 0, high: most, colour, text: state.weighting === "plain" ? "attention weight" : "share of Σ weight·‖v‖"});
    const more = [data.added ? "The model's added keys have no column here." : "", signed ? "" : "Kept in 8 bits: ± .002.",
      state.weighting === "weighted" ? "‖v‖: the mean of the probe sequences." : ""].filter(Boolean).join(" ");
    const all = n < maps.of ? `, the first ${n} of ${maps.of} tokens` : "";
    frame.sub(`Weights of layer ${state.layer}, head ${state.head} at step ${step}, ${state.map === "pattern" ? "of the first probe sequence" : "averaged over the probe sequences"}${all}. Snapshots: ${maps.steps.along().join(", ")}. ${more}`);
    frame.table(["query", "key", "weight"], () => d3.cross(d3.range(n), d3.range(n)).filter(([q, k]) => !hidden(q, k)).map(([q, k]) => [name(q), name(k), in_8_bits(weights(q, k), signed)]));
  },
});
