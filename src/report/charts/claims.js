// The study's claims and what the runs say of them.
chart({
  id: "claims", title: "Claims",
  missing: (data) => (data.claims && data.claims.claims.length ? "" : null),
  html(frame) {
    const box = element(frame.box, "div", {class: "scroll", tabindex: "0"}), table = element(box, "table");
    const head = element(element(table, "thead"), "tr");
    const level = Math.round(100 * frame.data.claims.level);
    for (const name of ["claim", "", "effect", `${level} % interval`, "expected", "met", "verdict"]) element(head, "th", {scope: "col"}, name);
    const body = element(table, "tbody"), colours = {"reproduced": "--green", "not reproduced": "--red", "undecided": "--muted"};
    const fill = () => {
      body.replaceChildren();
      for (const one of frame.data.claims.claims) {
        const row = element(body, "tr");
        element(row, "td", {title: one.source}, one.id);
        const cell = element(row, "td", {}, one.sentence);
        if (one.why) element(cell, "div", {class: "muted"}, one.why);
        element(row, "td", {class: "number"}, short(number_in(one.effect)));
        element(row, "td", {class: "number"}, `${short(number_in(one.low))} to ${short(number_in(one.high))}`);
        element(row, "td", {}, one.expect);
        element(row, "td", {class: "number"}, `${one.met} of ${one.each.length}`);
        element(row, "td", {class: "verdict", style: `color: var(${colours[one.verdict] || "--ink"})`}, one.verdict);
      }
    };
    fill();
    frame.sub("The effect over the runs, or over pairs of runs, with its bootstrap interval; met: by how many of them alone.");
    return fill;
  },
});

// Infinities and NaN are texts in the study's own files.
function number_in(x) {
  return typeof x === "string" ? {inf: Infinity, "-inf": -Infinity}[x] ?? NaN : x ?? NaN;
}
