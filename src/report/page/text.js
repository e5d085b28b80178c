// Numbers and tokens for people.
function short(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return "undefined";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x).replace("-", "−");
  const size = Math.abs(x);
  const text = size >= 1e5 || size < 1e-3 ? x.toExponential(2) : size >= 100 ? x.toFixed(1) : size >= 10 ? x.toFixed(2) : x.toFixed(3);
  return text.replace("-", "−");
}

// A share that was kept in a byte, to ± .002 (report/arrays.h).
function in_8_bits(x, signed = false) { return signed || Number.isNaN(x) ? short(x) : x.toFixed(3); }

// What a token looks like on an axis: a blank or a line break is seen, too.
function shown(token, longest = 12) {
  const text = JSON.stringify(token).slice(1, -1).replaceAll("\\\"", "\"").replaceAll(" ", "·");
  return text.length > longest ? text.slice(0, longest - 1) + "…" : text;
}

// Lines of at most so many characters, where words are no longer.
function wrapped(text, most) {
  const lines = [""];
  for (const word of text.split(" "))
    if (lines.at(-1) && lines.at(-1).length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  return lines;
}

function element(parent, tag, attributes = {}, text = null) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  parent.append(node);
  return node;
}

const tip = {
  show(event, text) {
    const box = document.getElementById("tip");
    box.textContent = text;
    box.hidden = false;
    const x = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 6);
    const below = event.clientY + 16 + box.offsetHeight < innerHeight;
    box.style.left = `${Math.max(4, x)}px`;
    box.style.top = `${below ? event.clientY + 16 : event.clientY - box.offsetHeight - 10}px`;
  },
  hide() { document.getElementById("tip").hidden = true; },
};
