// The roofline: what a region does in a second over how much it does with each byte, both in powers of ten. Two roofs bound it:
// the slanted one is memory, the flat one arithmetic.

// The most that a region could do, in 1e9 a second.
function roofOf(region) {
  const peak = {bf16: report.peaks?.bf16_gflops, int8: report.peaks?.int8_gops}[region.precision] ?? report.peaks?.f32_gflops;
  const bandwidth = report.peaks?.bandwidth_gbs;
  return peak && bandwidth && region.intensity ? Math.min(peak, bandwidth * region.intensity) : peak ?? null;
}

function drawRoofline() {
  const place = byId("roofline-chart"), points = regions.filter((region) => region.gflops > 0 && region.intensity > 0);
  if (!points.length || !report.peaks) {
    place.replaceWith(html(
      "p", {class: "note"},
      report.time ? "No peak of this machine is known." : "Nothing was measured: run cnxc report on the machine it is for."
    ));
    return;
  }
  const ghosts = points.map(beforeRegion).filter((other) => other?.gflops > 0 && other.intensity > 0);
  chart(
    place, "Roofline", "A point for each region: arithmetic a second over arithmetic a byte.",
    (width) => roofline(width, points, ghosts)
  );
  place.before(legend(points.map((region) => region.kind), true));
  if (!report.peaks.bandwidth_gbs)
    place.before(html("p", {class: "note"}, "The slanted line is missing: how fast this machine reads memory was not measured."));
  place.after(asTable(rooflineTable(points)));
}

// Of other precisions than float those that are used or would be faster.
function roofs() {
  const isShown = (name, peak) =>
    peak && (name === "f32" || peak > report.peaks.f32_gflops || regions.some((region) => region.precision === name));
  const flat = [
    ["f32_gflops", "f32"], ["bf16_gflops", "bf16"], ["int8_gops", "int8"]
  ].filter(([key, name]) => isShown(name, report.peaks[key]));
  return {flat: flat.map(([key, name]) => ({key, name, value: report.peaks[key]})), bandwidth: report.peaks.bandwidth_gbs};
}

function roofline(width, points, ghosts) {
  const height = Math.round(Math.min(Math.max(width * 0.55, 300), 460)), left = 52, right = width - 14, top = 18,
        bottom = height - 44;
  const {flat, bandwidth} = roofs(), all = [...points, ...ghosts],
               most = Math.max(...flat.map((roof) => roof.value), ...all.map((region) => region.gflops));
  const intensities = all.map((region) => region.intensity), from = Math.min(...intensities) / 2,
        to = Math.max(...intensities, bandwidth ? (2 * flat[0].value) / bandwidth : 0) * 3;
  const least = Math.min(...all.map((region) => region.gflops)) / 2;
  const x = logarithmic(from, to, left, right), y = logarithmic(least, most * 1.6, bottom, top);
  const longest = Math.max(...points.map((region) => region.ms));
  const radius = (region) => 4 + (width > 600 ? 14 : 9) * Math.sqrt(Math.min((region.ms ?? 0) / longest, 1));
  return {
    height,
    parts: [
      rooflineAxes(x, y, from, to, least, most, {left, right, top, bottom, width}),
      roofLines(x, y, from, to, least, flat, bandwidth, right),
      ghosts.map((region) => svg("path", {
                   d: kindShape(region.kind, radius(region)),
                   transform: `translate(${x(region.intensity)} ${y(region.gflops)})`,
                   class: "ghost"
                 })),
      [...points].sort((a, b) => b.ms - a.ms).map((region) => rooflinePoint(region, x, y, radius(region)))
    ]
  };
}

function rooflineAxes(x, y, from, to, least, most, {left, right, top, bottom, width}) {
  return svg(
    "g", {class: "axes", "aria-hidden": "true"},
    decades(from, to).map(
      (value) =>
        [svg("line", {x1: x(value), x2: x(value), y1: top, y2: bottom}),
         label(x(value), bottom + 16, "middle", String(+value.toPrecision(1)))]
    ),
    decades(least, most * 1.6)
      .map(
        (value) =>
          [svg("line", {x1: left, x2: right, y1: y(value), y2: y(value)}),
           label(left - 6, y(value) + 4, "end", String(+value.toPrecision(1)))]
      ),
    label(
      (left + right) / 2, bottom + 36, "middle",
      width < 500 ? "operations a byte of memory" : "operations for each byte that is read or written"
    ),
    label(4, top - 6, "start", "GFLOP/s")
  );
}

function roofLines(x, y, from, to, least, flat, bandwidth, right) {
  const knee = (value) => (bandwidth ? Math.max(value / bandwidth, from) : from);
  const start = bandwidth ? Math.max(from, least / bandwidth) : 0, top = Math.max(...flat.map((roof) => roof.value));
  const line = {x1: x(start), y1: y(bandwidth * start), x2: x(knee(top)), y2: y(top), class: "roof"};
  const angle = (Math.atan2(line.y2 - line.y1, line.x2 - line.x1) * 180) / Math.PI;
  const part = (axis) => 0.3 * line[`${axis}1`] + 0.7 * line[`${axis}2`];  // where few points are
  const name = svg(
    "text", {y: -7, "text-anchor": "middle", transform: `translate(${part("x")} ${part("y")}) rotate(${angle})`},
    `memory ${worded(bandwidth, "bandwidth")}`
  );
  const slanted = bandwidth ? [svg("line", line), name] : null;
  return [
    slanted,
    flat.map(
      (roof, i) =>
        [svg(
           "line", {x1: x(knee(roof.value)), x2: right, y1: y(roof.value), y2: y(roof.value), class: i ? "roof other" : "roof"}
         ),
         label(
           right, y(roof.value) - 6, "end", `${roof.name} ${worded(roof.value, roof.name === "int8" ? "integerRate" : "rate")}`
         )]
    )
  ];
}

function rooflinePoint(region, x, y, radius) {
  const roof = roofOf(region), lines = [
    short(region.output), `${region.kind}, ${worded(region.ms, "ms")}`,
    `${worded(region.gflops, "rate")} at ${worded(region.intensity, "intensity")}`
  ];
  if (roof) lines.push(`${worded(region.gflops / roof, "share")} of its roof`);
  return mark(
    svg("path", {
      d: kindShape(region.kind, radius),
      transform: `translate(${x(region.intensity)} ${y(region.gflops)})`,
      class: `point ${kindClass(region.kind)}`
    }),
    lines, regions.indexOf(region)
  );
}

function rooflineTable(points) {
  const at = (region, key) => `/regions/${regions.indexOf(region)}/${key}`;
  return table(
    "Regions under the roofline",
    [
      {title: "Region", value: (region) => region.output, cell: (region) => nameOf(region.output)},
      {
        title: "Operations a byte",
        numeric: true,
        value: (region) => region.intensity,
        cell: (region) => number(at(region, "intensity"), "intensity")
      },
      {title: "Rate", numeric: true, value: (region) => region.gflops, cell: (region) => number(at(region, "gflops"), "rate")},
      {
        title: "Of its roof",
        numeric: true,
        value: (region) => region.gflops / roofOf(region),
        cell: (region) => (roofOf(region) ? worded(region.gflops / roofOf(region), "share") : "–")
      },
    ],
    points
  );
}
