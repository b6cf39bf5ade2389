// Memory: the arena as a map of bytes over phases, and packed weights summed up by layer.

function drawMemory() {
  const place = byId("arena-chart"), values = report.memory?.arena ?? [];
  if (values.length) {
    chart(
      place, "Arena", "Each value of the arena: its bytes upwards, the phases in which it lives from left to right.",
      (width) => arena(width, values)
    );
    place.before(html(
      "p", {}, "The arena takes ", number("/memory/arena_bytes", "bytes"),
      report.model.memory?.arena_per_thread ? " for each thread" : "", "; beside it each thread has ",
      number("/memory/scratch_bytes", "bytes"), " of scratch.",
      before?.memory?.arena_bytes ? ` Before it was ${worded(before.memory.arena_bytes, "bytes")}, the dashed line.` : ""
    ));
    place.after(asTable(arenaTable(values)));
  } else
    place.replaceWith(html("p", {class: "note"}, "This model needs no arena."));
  drawWeights();
}

function arena(width, values) {
  const left = 62, right = width - 10, top = 14, height = Math.round(Math.min(Math.max(width * 0.4, 240), 380)),
        bottom = height - 42;
  const phases = Math.max(...values.map((value) => value.last_phase)) + 1,
        size = Math.max(
          ...values.map((value) => value.offset + value.bytes), report.memory.arena_bytes, before?.memory?.arena_bytes ?? 0
        );
  const x = linear(0, phases, left, right), y = linear(0, size, bottom, top);
  const axes = [
    steps(size, 4).map(
      (bytes) =>
        [svg("line", {x1: left, x2: right, y1: y(bytes), y2: y(bytes)}),
         label(left - 6, y(bytes) + 4, "end", worded(bytes, "bytes"))]
    ),
    steps(phases, Math.max(width / 90, 3))
      .filter((phase) => phase < phases && Number.isInteger(phase))
      .map((phase) => label(x(phase + 0.5), bottom + 16, "middle", String(phase))),
    label((left + right) / 2, bottom + 34, "middle", "phase, in the order in which they run")
  ];
  return {
    height,
    parts: [
      svg("g", {class: "axes", "aria-hidden": "true"}, axes), values.map((value) => arenaBox(value, x, y)),
      before?.memory?.arena_bytes ?
        svg(
          "line", {x1: left, x2: right, y1: y(before.memory.arena_bytes), y2: y(before.memory.arena_bytes), class: "roof other"}
        ) :
        null
    ]
  };
}

function arenaBox(value, x, y) {
  const from = x(value.first_phase), to = x(value.last_phase + 1), high = y(value.offset), low = y(value.offset + value.bytes),
        region = regions.findIndex((other) => other.output === value.name);
  const lines = [
    short(value.name), `${worded(value.bytes, "bytes")} at ${worded(value.offset, "bytes")}`,
    `phases ${value.first_phase} to ${value.last_phase}`
  ];
  return mark(
    svg("rect", {
      x: from + 0.5,
      y: low + 0.5,
      width: Math.max(to - from - 1, 1),
      height: Math.max(high - low - 1, 1),
      rx: 2,
      class: `box ${kindClass(regions[region]?.kind)}`
    }),
    lines, region < 0 ? null : region
  );
}

function arenaTable(values) {
  const at = (value, key) => `/memory/arena/${values.indexOf(value)}/${key}`;
  return table(
    "Values of the arena",
    [
      {title: "Value", value: (value) => value.name, cell: (value) => nameOf(value.name)},
      {title: "Bytes", numeric: true, value: (value) => value.bytes, cell: (value) => number(at(value, "bytes"), "bytes")},
      {title: "Offset", numeric: true, value: (value) => value.offset, cell: (value) => number(at(value, "offset"), "bytes")},
      {
        title: "First phase",
        numeric: true,
        value: (value) => value.first_phase,
        cell: (value) => number(at(value, "first_phase"), "plain")
      },
      {
        title: "Last phase",
        numeric: true,
        value: (value) => value.last_phase,
        cell: (value) => number(at(value, "last_phase"), "plain")
      },
    ],
    values
  );
}

// ── Weights ──

// Sums of a report's weights, by their layer.
function layersOf(source) {
  const layers = new Map();
  for (const weight of source?.memory?.weights ?? []) {
    const layer = layers.get(weight.layer) ?? {name: weight.layer, bytes: 0, count: 0, offset: weight.offset, types: new Set()};
    layer.bytes += weight.bytes;
    layer.count++;
    layer.types.add(weight.type);
    layers.set(weight.layer, layer);
  }
  return layers;
}

function drawWeights() {
  const layers = layersOf(report), old = layersOf(before), rows = [...layers.values()],
        most = Math.max(...rows.map((layer) => layer.bytes)), all = report.memory?.weights_bytes;
  byId("weights-table")
    .append(
      rows.length ?
        table(
          "Weights by layer",
          [
            {title: "Layer", value: (layer) => layer.offset, cell: (layer) => nameOf(layer.name)},
            {title: "Share of the largest", wide: true, cell: (layer) => bar(layer.bytes / most, null)},
            {title: "Bytes", numeric: true, value: (layer) => layer.bytes, cell: (layer) => worded(layer.bytes, "bytes")},
            old.size ? {
              title: "Before",
              numeric: true,
              value: (layer) => old.get(layer.name)?.bytes,
              cell: (layer) => worded(old.get(layer.name)?.bytes, "bytes")
            } :
                       null,
            {
              title: "Of all",
              numeric: true,
              value: (layer) => layer.bytes,
              cell: (layer) => (all ? worded(layer.bytes / all, "share") : "–")
            },
            {title: "Tensors", numeric: true, value: (layer) => layer.count, cell: (layer) => String(layer.count)},
            {title: "Type", value: (layer) => [...layer.types].join(" "), cell: (layer) => [...layer.types].join(", ")},
          ].filter(Boolean),
          rows
        ) :
        html("p", {class: "note"}, "This model has no weights.")
    );
}
