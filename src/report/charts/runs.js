// Every run of a sweep: sorts by any column, filters by any text.
const RUN_COLUMNS = [
  ["run", (r) => r.name], ["seed", (r) => r.seed], ["state", (r) => r.state], ["emerged", (r) => (r.onset === undefined ? "" : r.onset >= 0 ? r.onset : "never")],
  ["head", (r) => (r.layer === undefined ? "" : `${r.layer}.${r.head}`)], ["key", (r) => r.key ?? ""], ["α", (r) => r.received_attention ?? ""],
  ["r_V", (r) => r.value_ratio ?? ""], ["loss", (r) => r.loss ?? ""], ["selected by", (r) => r.selected_by ?? ""],
];

// Numbers before texts, texts by alphabet.
function in_order(a, b) {
  const number = [a, b].map((v) => typeof v === "number");
  if (number[0] && number[1]) return a - b;
  if (number[0] !== number[1]) return number[0] ? -1 : 1;
  return String(a).localeCompare(String(b), undefined, {numeric: true});
}

chart({
  id: "runs", title: "Runs",
  html(frame) {
    const search = element(frame.tools, "input", {type: "search", placeholder: "filter", "aria-label": "filter the runs", id: "filter"});
    const box = element(frame.box, "div", {class: "scroll", tabindex: "0"}), table = element(box, "table", {id: "runs_table"});
    const head = element(element(table, "thead"), "tr"), body = element(table, "tbody");
    const is_number = ([name, of]) => name !== "seed" && frame.data.runs.some((r) => typeof of(r) === "number");
    const columns = RUN_COLUMNS;
    let sorted = null, down = false;
    const fill = () => {
      const {data} = frame, words = search.value.toLowerCase(), rows = data.runs.filter((r) => columns.some(([, of]) => String(of(r)).toLowerCase().includes(words)));
      if (sorted) rows.sort((a, b) => (down ? -1 : 1) * in_order(sorted[1](a), sorted[1](b)));
      body.replaceChildren();
      for (const run of rows) {
        const line = element(body, "tr", {title: run.sentence || null});
        for (const column of columns) {
          const [name, of] = column, value = of(run), cell = element(line, "td", {class: is_number(column) ? "number" : null});
          if (name === "run" && run.link && !is_live()) element(cell, "a", {href: run.link.split("/").map(encodeURIComponent).join("/")}, value);
          else cell.textContent = typeof value === "number" ? short(value) : value;
        }
      }
      frame.sub(`${rows.length} of ${data.runs.length} runs. α and r_V at the last probe, at the head and key of the run's sentence; loss: of the last validation, nat a token.`);
    };
    for (const column of columns) {
      const cell = element(head, "th", {scope: "col", class: is_number(column) ? "number" : null}), button = element(cell, "button", {type: "button", title: "Sort by this column"}, column[0]);
      button.addEventListener("click", () => {
        down = sorted === column && !down;
        sorted = column;
        for (const other of head.children) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        fill();
      });
    }
    search.addEventListener("input", fill);
    fill();
    return fill;
  },
});
