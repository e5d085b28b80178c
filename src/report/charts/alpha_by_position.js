// Received attention of every position over training, of one head.
chart({
  id: "alpha_by_position", title: "Attention by position", shape: ["half"],
  missing: (data) => (data.positions ? "" : data.sentence),
  draw(frame, data) {
    const {steps, received_attention: alpha} = data.positions, {layer, head} = state, S = steps.length, T = alpha.shape[3];
    const left = 46, width = frame.width - left - 6, height = Math.max(60, Math.min(300, 16 * S)), row = row_at(steps, state.step);
    frame.size(height + 76);
    const name = (k) => (data.position_names && data.position_names[k] ? `${k} (${shown(data.position_names[k])})` : `${k}`);
    heat(frame.svg.append("g"), {x: left, y: 8, width, height}, {
      rows: S, columns: T, colour: weight_colour, value: (s, k) => alpha.at(s, layer, head, k),
      text: (s, k) => `layer ${layer}, head ${head}, step ${steps.at(s)}\nposition ${name(k)}\nα ${in_8_bits(alpha.at(s, layer, head, k))}`,
      pick: (s) => state.set({step: steps.at(s)}),
    });
    frame.svg.append("rect").attr("class", "chosen").style("pointer-events", "none").attr("x", left).attr("y", 8 + row * height / S).attr("width", width).attr("height", height / S);
    if (data.positions.judged[layer] > 0 && data.positions.judged[layer] < T) {
      const at = left + data.positions.judged[layer] * width / T;
      frame.svg.append("line").attr("class", "mark").style("stroke", "#fff").attr("x1", at).attr("x2", at).attr("y1", 8).attr("y2", 8 + height);
    }
    const axis = frame.svg.append("g").attr("class", "axis"), every = Math.ceil(14 * S / height);
    for (let s = 0; s < S; s += every) axis.append("text").attr("x", left - 5).attr("y", 8 + (s + 0.5) * height / S).attr("dy", "0.32em").attr("text-anchor", "end").text(steps.at(s));
    const stride = [1, 2, 4, 8, 16, 32, 64, 128, 256].find((n) => n * width / T >= 26) || 512;
    for (let k = 0; k < T; k += stride) axis.append("text").attr("x", left + (k + 0.5) * width / T).attr("y", height + 22).attr("text-anchor", "middle").text(k);
    frame.svg.append("text").attr("class", "unit").attr("x", left + width).attr("y", height + 38).attr("text-anchor", "end").text("position of the key");
    colour_key(frame.svg, left, height + 48, {low: 0, high: 1, colour: weight_colour, text: "α, weight"});
    frame.sub(`Weight α that each position receives from other tokens, layer ${layer}, head ${head}, averaged over the probe sequences; step downwards. The frame is the slider's step. Kept in 8 bits: ± .002.` +
      (data.positions.judged[layer] < T ? " Keys right of the dotted line are seen by too few queries to be judged." : ""));
    frame.table(["step", "position", "α"], () => d3.cross(d3.range(S), d3.range(T)).map(([s, k]) => [steps.at(s), name(k), in_8_bits(alpha.at(s, layer, head, k))]));
  },
});
