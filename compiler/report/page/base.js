// The report, and what every drawing needs: its numbers by their place in it, elements, names and units.
// Names come from models and may hold anything: they become text nodes and attributes of fixed names, never markup.
const report = JSON.parse(document.getElementById("report").textContent);
const byId = (id) => document.getElementById(id);

// What stands at a JSON pointer; null where nothing does.
function at(pointer) { return pointer.split("/").slice(1).reduce((value, key) => value?.[key] ?? null, report); }

// ── Elements ──

// Children that are no elements become text.
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {}))
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...shown.map((child) => (child instanceof Node ? child : spelled(String(child)))));
  return element;
}

const html = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// ── Names ──

// Text without characters that command or turn what stands around it: they are spelled, U+202E as \u{202e}.
function spelled(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, (c) => (c === "\n" ? c : `\\u{${c.codePointAt(0).toString(16)}}`));
}

// A name on one line, of a long one both ends.
function short(name, most = 72) {
  const letters = name.length > most ? [...name] : [];
  const cut = letters.length > most ? [...letters.slice(0, most / 2), "…", ...letters.slice(-most / 2)].join("") : name;
  return cut.replaceAll("\n", "\\n");
}

// The same as an element, which may break behind dots.
function nameOf(name, most) {
  const parts = short(name, most).split(/(?<=[._/])/);
  const title = name.length > (most ?? 72) ? short(name, 2000) : null;
  return html("bdi", {class: "name", title}, parts.map((part) => [part, html("wbr")]));
}

// ── Numbers ──

// Three digits: 56.7, 0.268, 1204.
function digits(value) {
  if (value === 0) return "0";
  const whole = Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(Math.max(2 - whole, 0), 9));
}

const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];

// Of a value that counts units of one: 4455531264 as 4.46 G.
function prefixed(value, one, unit) {
  const [size, prefix] = PREFIXES.find(([size]) => Math.abs(value) * one >= size * 0.9995) ?? [1, ""];
  const scaled = (value * one) / size;
  return {
    text: one === 1 && size === 1 && Number.isInteger(value) ? String(value) : digits(scaled),
    scale: size / one,
    unit: prefix + unit
  };
}

// Of a share in percent: more where it is next to nothing or to all.
const shareDigits = (value) => (value < 0.00095 ? 2 : value < 0.0995 || (value > 0.985 && value < 1) ? 1 : 0);

const TIMES = [[1e4, 1e3, "s"], [0.1, 1, "ms"], [1e-4, 1e-3, "µs"], [-Infinity, 1e-6, "ns"]];

const slowestMs = () => Math.max(...regions.map((region) => region.ms ?? 0));

// A time in units of `one` ms, in the unit that suits `like`.
function timeText(value, one, like = value, write = digits) {
  const [, size, unit] = TIMES.find(([least]) => like * one >= least);
  return {text: write((value * one) / size), scale: size / one, unit};
}

// How a quantity is written: its digits, what they count, and the unit.
const QUANTITIES = {
  count: (value) => prefixed(value, 1, ""),
  plain: (value) => ({text: String(value), scale: 1, unit: ""}),
  ms: (value) => timeText(value, 1),
  cellMs: (value) => timeText(value, 1, slowestMs(), (scaled) => scaled.toFixed(3)),  // one below the other
  us: (value) => timeText(value, 1e-3),
  bytes: (value) => prefixed(value, 1, "B"),
  macs: (value) => prefixed(value, 1, "MAC"),
  rate: (value) => prefixed(value, 1e9, "FLOP/s"),
  integerRate: (value) => prefixed(value, 1e9, "OP/s"),
  bandwidth: (value) => prefixed(value, 1e9, "B/s"),
  intensity: (value) => ({text: digits(value), scale: 1, unit: "FLOP/B"}),
  share: (value) => ({text: (100 * value).toFixed(shareDigits(value)), scale: 0.01, unit: "%"}),
  decibels: (value) => ({text: value.toFixed(1), scale: 1, unit: "dB"}),
  times: (value) => ({text: value.toFixed(2), scale: 1, unit: "×"}),
};

const NARROW = "\u202f";  // between a number and its unit: never broken

function worded(value, quantity) {
  if (value === null || value === undefined) return "–";
  const {text, unit} = QUANTITIES[quantity](value);
  return unit ? text + NARROW + unit : text;
}

// A number of the report as an element that says where it stands in it, what it is, and what a unit on screen is worth.
function number(pointer, quantity) {
  const value = at(pointer);
  if (typeof value !== "number") return html("span", {class: "missing"}, "–");
  return html(
    "span", {class: "number", "data-json": pointer, "data-value": value, "data-scale": QUANTITIES[quantity](value).scale},
    worded(value, quantity)
  );
}

// "1 thread", "2 threads"
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// ── Regions ──

const KINDS = ["block", "conv", "dwconv", "gemm", "layernorm", "map", "reduce", "softmax"];
const kindClass = (kind) => `kind-${KINDS.includes(kind) ? kind : "other"}`;
const regions = report.regions ?? [];
const before = report.comparison?.before ?? null;

// What is compared by its output's name: the other model's region.
const beforeRegion = (region) => before?.regions?.find((other) => other.output === region.output) ?? null;
