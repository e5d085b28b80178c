// A chart on the page: its title, what it shows, its drawing, which saves as SVG, and its data as a table.
const charts = [];

// spec: {id, title, shape: ["half", "tall"], missing(data): why there is nothing to draw, or "";
// null leaves the chart out, draw(frame, data)}. In place of
// draw, html(frame) builds a table and returns what fills it with frame.data.
function chart(spec) { charts.push(spec); }

function missing_of(spec, data) {
  try {
    return spec.missing ? spec.missing(data) : "";
  } catch (problem) {
    return `This chart cannot be drawn from what the files hold (${problem.message}).`;
  }
}

class Frame {
  constructor(parent, spec, data) {
    Object.assign(this, {spec, data});
    this.box = element(parent, "section", {class: ["chart", ...(spec.shape || [])].join(" "), id: spec.id, "aria-label": spec.title});
    const head = element(this.box, "div", {class: "head"});
    element(head, "h2", {}, spec.title);
    this.tools = element(head, "div", {class: "tools"});
    this.sub_text = element(this.box, "p", {class: "sub"});
    this.plot = element(this.box, "div", {class: "plot"});
    this.why = missing_of(spec, data);
    if (this.why) return void (this.sub_text.textContent = this.why);
    if (spec.html) return void this.attempt(() => { this.fill = spec.html(this); });
    if (spec.controls) spec.controls(this, data);
    this.button("SVG", "Save this chart as SVG", () => this.save());
    this.switch = this.button("Table", "Show the data as a table", () => this.toggle());
    this.switch.setAttribute("aria-pressed", "false");
    this.svg = d3.select(this.plot).append("svg").attr("role", "img").attr("aria-label", spec.title);
    this.table_box = element(this.box, "div", {class: "scroll", tabindex: "0"});
    this.table_box.hidden = true;
    new ResizeObserver(() => this.plot.clientWidth && this.plot.clientWidth !== this.width && this.draw()).observe(this.plot);
  }
  renew(data) {
    this.data = data;
    if (this.fill) this.attempt(this.fill);
  }
  button(text, doc, action) {
    const button = element(this.tools, "button", {type: "button", title: doc}, text);
    button.addEventListener("click", action);
    return button;
  }
  draw() {
    this.width = this.plot.clientWidth || this.width;  // the former while the table is shown
    if (this.why || this.spec.html || !this.width) return;
    this.svg.selectAll("*").remove();
    this.attempt(() => this.spec.draw(this, this.data));
    if (!this.table_box.hidden) this.fill_table();
  }
  // One chart whose data is damaged leaves the others whole.
  attempt(work) {
    try {
      work();
    } catch (problem) {
      this.why = `This chart cannot be drawn from what the files hold (${problem.message}).`;
      this.sub(this.why);
    }
  }
  sub(text) { this.sub_text.textContent = text; }
  size(height) { this.svg.attr("viewBox", `0 0 ${this.width} ${height}`).attr("height", height); this.height = height; }
  // `rows()`: the data, computed when it is wanted.
  table(columns, rows) { this.columns = columns; this.rows = rows; }
  toggle() {
    this.table_box.hidden = !this.table_box.hidden;
    this.plot.hidden = !this.table_box.hidden;
    this.switch.textContent = this.table_box.hidden ? "Table" : "Chart";
    this.switch.setAttribute("aria-pressed", String(!this.table_box.hidden));
    if (this.table_box.hidden) this.draw(); else this.fill_table();
  }
  fill_table() {
    if (!this.rows) return;
    const most = 3000, rows = this.rows();
    this.table_box.replaceChildren();
    const table = element(this.table_box, "table");
    const head = element(element(table, "thead"), "tr");
    for (const name of this.columns) element(head, "th", {scope: "col"}, name);
    const body = element(table, "tbody");
    for (const row of rows.slice(0, most)) {
      const line = element(body, "tr");
      for (const cell of row) element(line, "td", {class: typeof cell === "number" ? "number" : null}, typeof cell === "number" ? short(cell) : cell);
    }
    if (rows.length > most) element(this.table_box, "p", {class: "muted"}, `The first ${most} of ${rows.length} rows.`);
  }
  save() {
    if (!this.table_box.hidden) this.toggle();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([this.markup()], {type: "image/svg+xml"}));
    link.download = `${this.data.name}-${this.spec.id}.svg`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
  // The drawing with the page's styles in it, a title above and what it shows below.
  markup() {
    const copy = this.svg.node().cloneNode(true), styles = getComputedStyle(document.body), above = 24, side = 14;
    const caption = wrapped(this.sub_text.textContent.replace(/ A click [^.]*\./, ""), Math.floor(this.width / 5.8)), below = 10 + 14 * caption.length;
    const originals = this.svg.node().querySelectorAll("*"), copies = copy.querySelectorAll("*");
    const properties = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "paint-order", "stroke-linejoin"];
    originals.forEach((original, i) => {
      const style = getComputedStyle(original);
      for (const name of properties) copies[i].setAttribute(name, style.getPropertyValue(name));
    });
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("viewBox", `${-side} ${-above} ${this.width + 2 * side} ${this.height + above + below}`);
    copy.setAttribute("width", this.width + 2 * side);
    copy.setAttribute("height", this.height + above + below);
    const ink = styles.color, page = getComputedStyle(this.box).backgroundColor;
    const back = d3.select(copy).insert("rect", ":first-child").attr("x", -side).attr("y", -above).attr("width", this.width + 2 * side);
    back.attr("height", this.height + above + below).attr("fill", page);
    const text = (y, size, words) => d3.select(copy).append("text").attr("x", 4).attr("y", y).attr("fill", ink)
      .attr("font-size", size).attr("font-family", "sans-serif").text(words);
    text(-8, 14, `${this.data.name}: ${this.spec.title}`);
    caption.forEach((line, i) => text(this.height + 14 + 14 * i, 11, line));
    return new XMLSerializer().serializeToString(copy);
  }
}
