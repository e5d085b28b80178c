// Maps of numbers: one image of a pixel a cell, so that a map of 128 × 128 follows the slider.
const weight_colour = (v) => (Number.isFinite(v) ? d3.interpolateViridis(Math.max(0, Math.min(1, v))) : null);
const diverging = (most) => (v) => (Number.isFinite(v) ? d3.interpolateRdBu(0.5 - v / (2 * most)) : null);

// columns × rows cells in a box; value(row, column); text(row, column): of the one under the pointer;
// pick(row, column): what a click does.
function heat(g, box, {rows, columns, value, colour, text, pick}) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, {width: columns, height: rows});
  const paint = canvas.getContext("2d"), image = paint.createImageData(columns, rows);
  for (let r = 0; r < rows; ++r)
    for (let c = 0; c < columns; ++c) {
      const rgb = colour(value(r, c)), at = 4 * (r * columns + c);
      if (!rgb) continue;
      const {r: red, g: green, b: blue} = d3.rgb(rgb);
      image.data.set([red, green, blue, 255], at);
    }
  paint.putImageData(image, 0, 0);
  g.append("image").attr("x", box.x).attr("y", box.y).attr("width", box.width).attr("height", box.height)
    .attr("preserveAspectRatio", "none").attr("href", canvas.toDataURL()).style("image-rendering", "pixelated");
  const area = g.append("rect").attr("class", `frame${pick ? " cell" : ""}`).attr("x", box.x).attr("y", box.y)
    .attr("width", box.width).attr("height", box.height).style("pointer-events", "all");
  const under = (event) => {
    const at = area.node().getBoundingClientRect();
    const within = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return [within((event.clientY - at.top) / at.height, rows), within((event.clientX - at.left) / at.width, columns)];
  };
  area.node().addEventListener("pointermove", (event) => tip.show(event, text(...under(event))));
  area.node().addEventListener("pointerleave", () => tip.hide());
  if (pick) area.node().addEventListener("click", (event) => pick(...under(event)));
}

// A key to a colour scale, low to high.
function colour_key(g, x, y, {low, high, colour, text}) {
  const width = 110, count = 40;
  for (let i = 0; i < count; ++i)
    g.append("rect").attr("x", x + i * width / count).attr("y", y).attr("width", width / count + 0.5).attr("height", 8)
      .attr("fill", colour(low + (high - low) * i / (count - 1)));
  const label = (at, anchor, words) => g.append("text").attr("class", "small").attr("x", at).attr("y", y + 20).attr("text-anchor", anchor).text(words);
  label(x, "start", short(low));
  label(x + width, "end", short(high));
  g.append("text").attr("class", "small").attr("x", x + width + 8).attr("y", y + 8).text(text);
}
