// The study's claims and what the runs say of them.
chart({
  id: "claims", title: "Claims",
  missing: (data) => (data.claims && data.claims.claims.length ? "" : null),
  html(frame, data) {
    const c = data.claims, box = element(frame.box, "div", {class: "scroll", tabindex: "0"}), table = element(box, "table");
    const head = element(element(table, "thead"), "tr");
    for (const name of ["claim", "", "effect", `${Math.round(100 * c.level)} % interval`, "expected", "met", "verdict"]) element(head, "th", {scope: "col"}, name);
    const body = element(table, "tbody"), colours = {"reproduced": "--green", "not reproduced": "--red", "undecided": "--muted"};
    for (const one of c.claims) {
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
    frame.sub(`Effects: ${[...new Set(c.claims.map((one) => one.statistic))].join(" or ")} over the runs or pairs, with bootstrap intervals.`);
  },
});

// Infinities and NaN are texts in the study's own files.
function number_in(x) {
  return typeof x === "string" ? {inf: Infinity, "-inf": -Infinity}[x] ?? NaN : x ?? NaN;
}
