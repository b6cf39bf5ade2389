// Precision: for each region the signal-to-noise ratio of bf16 and int8, a row each, told apart by shape; and what stayed in
// float, with the reason.

const PRECISIONS = [["bf16", "block"], ["int8", "gemm"]];
const AS_FLOAT = 100;  // dB; beyond, a result is as exact as float's: 24 bits are 144

function drawPrecision() {
  const place = byId("precision-chart"),
        rows = regions.filter((region) => PRECISIONS.some(([name]) => typeof region.snr_db?.[name] === "number"));
  if (rows.length) {
    chart(
      place, "Precision", "Signal-to-noise ratio of each region in bf16 and int8, in decibels.", (width) => precision(width, rows)
    );
    const sample = (name, shape) => html(
      "li", {},
      svg(
        "svg", {width: 16, height: 16, "aria-hidden": "true"},
        svg("path", {d: kindShape(shape, 6), transform: "translate(8 8)", class: `point ${name}`})
      ),
      name
    );
    place.before(worstWords(rows), html("ul", {class: "legend"}, PRECISIONS.map(([name, shape]) => sample(name, shape))));
    place.after(asTable(precisionTable(rows)));
  } else
    place.replaceWith(html("p", {class: "note"}, report.precision_why ?? "It was not measured."));
  drawStayed();
}

// "bf16 is least exact in logits, 48.2 dB; "
function worstWords(rows) {
  const worst = (name) => rows.filter(
                                (region) => typeof region.snr_db[name] === "number"
  ).reduce((a, b) => (a && a.snr_db[name] < b.snr_db[name] ? a : b), null);
  const words = ([name]) =>
    (worst(name) ?
       [`${name} is least exact in `, regionLink(worst(name)), ` (${worded(worst(name).snr_db[name], "decibels")}). `] :
       []);
  return html("p", {}, PRECISIONS.map(words));
}

function precision(width, rows) {
  const wide = width > 600, left = wide ? 250 : 10, right = width - 16, high = wide ? 22 : 38, top = 8,
        bottom = top + rows.length * high, height = bottom + 44;
  const values = rows.flatMap((region) => PRECISIONS.map(([name]) => region.snr_db[name] ?? 0)),
        most = Math.min(Math.max(...values, 10) * 1.05, AS_FLOAT), x = (db) => linear(0, most, left, right)(Math.min(db, most));
  const axes = steps(
                 most, 6
  ).map((db) => [svg("line", {x1: x(db), x2: x(db), y1: top, y2: bottom}), label(x(db), bottom + 16, "middle", String(db))]);
  return {
    height,
    parts: [
      svg(
        "g", {class: "axes", "aria-hidden": "true"}, axes,
        label(
          (left + right) / 2, bottom + 36, "middle",
          most < AS_FLOAT ? "signal to noise, dB" : "signal to noise, dB; at 100 and beyond as exact as float"
        )
      ),
      rows.map((region, i) => precisionRow(region, x, top + i * high, wide, high))
    ]
  };
}

function precisionRow(region, x, y, wide, high) {
  const middle = y + high - 11,
        name =
          wide ? label(0, middle + 4, "start", short(region.output, 32)) : label(0, y + 14, "start", short(region.output, 44));
  const point = ([precision, shape]) => {
    const value = region.snr_db[precision];
    if (typeof value !== "number") return null;
    return mark(
      svg("path", {d: kindShape(shape, 6), transform: `translate(${x(value)} ${middle})`, class: `point ${precision}`}),
      [short(region.output), `${precision}: ${worded(value, "decibels")}`], regions.indexOf(region)
    );
  };
  const ghost = ([precision, shape]) =>
    (typeof beforeRegion(region)?.snr_db?.[precision] === "number" ?
       svg(
         "path",
         {d: kindShape(shape, 6), transform: `translate(${x(beforeRegion(region).snr_db[precision])} ${middle})`, class: "ghost"}
       ) :
       null);
  return [name, PRECISIONS.map(ghost), PRECISIONS.map(point)];
}

function precisionTable(rows) {
  return table(
    "Signal to noise of each region",
    [
      {title: "Region", value: (region) => regions.indexOf(region), cell: (region) => nameOf(region.output)},
      ...PRECISIONS.map(([name]) => ({
                          title: name,
                          numeric: true,
                          value: (region) => region.snr_db[name],
                          cell: (region) => number(`/regions/${regions.indexOf(region)}/snr_db/${name}`, "decibels")
                        })),
    ],
    rows
  );
}

function drawStayed() {
  for (const [name] of PRECISIONS) {
    const stayed = report.precision?.[name]?.stayed_float ?? [], title = `What stays in float with ${name}`;
    if (stayed.length)
      byId("stayed").append(
        html("h3", {}, title),
        table(
          title,
          [
            {title: "Value", value: (row) => row.output, cell: (row) => nameOf(row.output)},
            {title: "Operator", value: (row) => row.op, cell: (row) => row.op ?? ""},
            {title: "Why", value: (row) => row.why, cell: (row) => row.why}
          ],
          stayed
        )
      );
  }
}
