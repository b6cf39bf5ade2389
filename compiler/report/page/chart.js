// What drawings share: a chart is drawn for the width it has, and anew when that changes, so that its text keeps its size. Its
// marks say the same to mouse, keyboard and screen reader: Tab enters a chart, arrows go from mark to mark, Enter opens a mark's
// region in the graph.

function chart(place, title, description, draw) {
  let drawn = 0;
  const redraw = (width) => {
    drawn = width;
    const {height, parts} = draw(width);
    const frame = svg(
      "svg", {viewBox: `0 0 ${width} ${height}`, role: "group"}, svg("title", {}, title), svg("desc", {}, description), parts
    );
    frame.setAttribute("aria-label", `${title}. ${description}`);
    frame.firstChild.remove();  // a browser would show it as a tip of its own, over ours
    place.replaceChildren(frame);
    const marks = marksOf(place);
    if (marks.length) marks[0].setAttribute("tabindex", 0);
    frame.setAttribute("role", marks.length ? "group" : "img");  // what is in an image can't be reached
  };
  redraw(place.clientWidth || 720);
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width > 0 && width !== drawn) redraw(width);
  }).observe(place);
  listen(place);
}

// ── Marks ──

const marksOf = (place) => [...place.querySelectorAll(".mark")];

// lines: a name, then what is said of it; region: the index of the one that the mark stands for.
function mark(shape, lines, region = null) {
  shape.classList.add("mark");
  return fill(
    shape,
    {role: "img", tabindex: -1, "aria-label": lines.join("; "), "data-lines": JSON.stringify(lines), "data-region": region}, []
  );
}

function listen(place) {
  const on = (type, act) => place.addEventListener(type, (event) => act(event.target.closest(".mark"), event));
  on("pointerover", (target) => (target ? showTip(target) : hideTip()));
  on("pointerout", hideTip);
  on("focusin", (target) => target && showTip(target));
  on("focusout", hideTip);
  on("click", (target) => target && openRegion(target.dataset.region));
  on("keydown", (target, event) => target && walk(place, target, event));
}

function walk(place, target, event) {
  if (event.key === "Escape") return hideTip();
  if (event.key === "Enter") return openRegion(target.dataset.region);
  const marks = marksOf(place), here = marks.indexOf(target), last = marks.length - 1;
  const next = {ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: last}[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const chosen = marks[Math.min(Math.max(next, 0), last)];
  target.setAttribute("tabindex", -1);
  chosen.setAttribute("tabindex", 0);
  chosen.focus();
}

function showTip(target) {
  const tip = byId("tip"), [name, ...said] = JSON.parse(target.dataset.lines);
  tip.replaceChildren(html("strong", {}, html("bdi", {}, name)), said.map((line) => html("div", {}, line)));
  tip.hidden = false;
  const at = target.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(at.left + at.width / 2 - size.width / 2, 8), innerWidth - size.width - 8);
  const above = at.top - size.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : Math.min(at.bottom + 8, innerHeight - size.height - 8)}px`;
}

function hideTip() { byId("tip").hidden = true; }

function openRegion(index) {
  const row = index === null || index === undefined ? null : byId(`region-${index}`);
  if (!row) return;
  row.querySelector("details").open = true;
  row.scrollIntoView({block: "start"});
  row.querySelector("summary").focus({preventScroll: true});
}

// ── Scales and axes ──

const linear = (from, to, low, high) => (value) => low + ((value - from) / (to - from || 1)) * (high - low);
const logarithmic = (from, to, low, high) => (value) => linear(Math.log(from), Math.log(to), low, high)(Math.log(value));

// Round numbers from 0 to most, about so many.
function steps(most, about) {
  const rough = most / about || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  return Array.from({length: Math.floor(most / step) + 1}, (_, i) => i * step);
}

// 1, 2, 5, 10, 20 … between two numbers; only powers of ten where those are many.
function decades(from, to) {
  const all = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
    for (const factor of [1, 2, 5]) all.push(factor * 10 ** power);
  const inside = all.filter((value) => value >= from * 0.999 && value <= to * 1.001);
  return inside.length > 9 ? inside.filter((value) => Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6)) : inside;
}

const label = (x, y, anchor, text, more = "") => svg("text", {x, y, "text-anchor": anchor, class: more}, text);

// ── Kinds: a colour, a pattern and a shape for each ──

const OVERLAYS = {
  conv: "M-2 6L6 -2M0 12L12 0M6 14L14 6",
  dwconv: "M3 3h2M9 9h2",
  gemm: "M0 3h12M0 9h12",
  layernorm: "M3 0v12M9 0v12",
  map: "M-2 6L6 14M0 0L12 12M6 -2L14 6",
  reduce: "M0 6h12M6 0v12",
  softmax: "M2 2h3v3h-3zM8 8h3v3h-3z",
  other: "M0 0L12 12M12 0L0 12",
};

// Hatches of kinds and of waiting, for everything that is filled.
function addPatterns() {
  const pattern = (id, kind, overlay) => svg(
    "pattern", {id, class: kind, width: 12, height: 12, patternUnits: "userSpaceOnUse"},
    svg("rect", {width: 12, height: 12, class: "ground"}), overlay && svg("path", {d: overlay, class: "overlay"})
  );
  const all = [...KINDS, "other"].map((kind) => pattern(`fill-${kind}`, `kind-${kind}`, OVERLAYS[kind]));
  const wait = svg(
    "pattern", {id: "fill-wait", width: 6, height: 6, patternUnits: "userSpaceOnUse"},
    svg("path", {d: "M-1 4L4 -1M1 7L7 1", class: "wait"})
  );
  document.body.append(svg("svg", {width: 0, height: 0, class: "patterns", "aria-hidden": "true"}, svg("defs", {}, all, wait)));
}

const kindFill = (kind) => `url(#fill-${KINDS.includes(kind) ? kind : "other"})`;

// A shape around 0, 0 whose area is that of a circle of this radius.
function kindShape(kind, radius) {
  const s = radius * 0.886, d = radius * 1.253, t = radius * 1.347;
  const paths = {
    block: `M${- radius} 0a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${- 2 * radius} 0z`,
    conv: `M${- s} ${- s}h${2 * s}v${2 * s}h${- 2 * s}z`,
    dwconv: `M${- t} ${t * 0.75}L0 ${- t * 0.95}L${t} ${t * 0.75}z`,
    gemm: `M0 ${- d}L${d} 0L0 ${d}L${- d} 0z`,
    layernorm: `M${- t} ${- t * 0.75}L0 ${t * 0.95}L${t} ${- t * 0.75}z`,
    map: `M${- s * 1.4} ${- s * 0.71}h${2.8 * s}v${1.42 * s}h${- 2.8 * s}z`,
    reduce: `M${- s * 0.71} ${- s * 1.4}h${1.42 * s}v${2.8 * s}h${- 1.42 * s}z`,
    softmax: `M${- d} 0L${- d / 2} ${- s}H${d / 2}L${d} 0L${d / 2} ${s}H${- d / 2}z`,
  };
  return paths[kind] ?? `M${- s} ${- s}L0 ${- s / 3}L${s} ${- s}L${s / 3} 0L${s} ${s}L0 ${s / 3}L${- s} ${s}L${- s / 3} 0z`;
}

// What shapes and hatches mean, for the kinds that occur.
function legend(kinds, shapes) {
  const sample = (kind) => svg(
    "svg", {width: 16, height: 16, class: kindClass(kind), "aria-hidden": "true"},
    shapes ? svg("path", {d: kindShape(kind, 6), transform: "translate(8 8)", class: "point"}) :
             svg("rect", {width: 16, height: 16, fill: kindFill(kind)})
  );
  return html("ul", {class: "legend"}, [...new Set(kinds)].map((kind) => html("li", {}, sample(kind), kind)));
}
