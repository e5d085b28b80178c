// From the page's JSON to numbers (report/arrays.h).
const BYTES = {share: 1, float24: 3, float32: 4, float64: 8, int32: 4};

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The planes put together again, little-endian; three bytes are the upper ones of four.
function joined(planes, width) {
  const count = planes.length / width, size = width === 3 ? 4 : width, first = size - width;
  const out = new Uint8Array(count * size);
  for (let b = 0; b < width; ++b)
    for (let i = 0; i < count; ++i) out[i * size + first + b] = planes[b * count + i];
  return out.buffer;
}

function numbers(type, planes) {
  if (type === "share") return Float32Array.from(planes, (v) => (v === 255 ? NaN : v / 254));
  const bytes = joined(planes, BYTES[type]);
  if (type === "int32") return new Int32Array(bytes);
  return type === "float64" ? new Float64Array(bytes) : new Float32Array(bytes);
}

// An array: its values, its shape, and the number at indices along its axes.
class Numbers {
  constructor(values, shape) { Object.assign(this, {values, shape}); }
  get length() { return this.shape[0]; }
  place(...indices) { return indices.reduce((at, index, axis) => at * this.shape[axis] + index, 0); }
  at(...indices) { return this.values[this.place(...indices)]; }
  // One number for each entry of the first axis.
  along(...rest) { return Array.from({length: this.length}, (_, i) => this.at(i, ...rest)); }
}

async function decoded(json) {
  if (json === null || typeof json !== "object") return json;
  if (json.data !== undefined && BYTES[json.type])
    return new Numbers(numbers(json.type, await inflated(json.data)), json.shape);
  const entries = await Promise.all(Object.entries(json).map(async ([k, v]) => [k, await decoded(v)]));
  return Array.isArray(json) ? entries.map(([, v]) => v) : Object.fromEntries(entries);
}
