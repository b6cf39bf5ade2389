// The fused graph from top to bottom, a row for each node, beside it the values as lanes: where a value is used again further
// down, its lane runs along all rows between.
//
//   ●─╮   embeddings.layernorm
//   ● │   encoder.stages.0.layers.0
//   ●─╯   add

function drawGraph() {
  const nodes = report.graph?.nodes ?? [];
  if (!nodes.length) return false;
  const lanes = lanesOf(nodes),
        width = Math.min(Math.max(...lanes.map((row) => Math.max(...row.below, ...row.above, row.lane))) + 1, 9);
  byId("graph-rows").append(...nodes.map((node, i) => graphRow(node, lanes[i], width)));
  byId("graph-tools").append(foldButton("Open all", true), foldButton("Close all", false));
  addEventListener("hashchange", openTarget);
  openTarget();
}

function foldButton(title, open) {
  const button = html("button", {type: "button"}, title);
  button.addEventListener("click", () => byId("graph-rows").querySelectorAll("details").forEach((row) => (row.open = open)));
  return button;
}

function openTarget() {
  const target = /^#region-\d+$/.test(location.hash) && byId(location.hash.slice(1));
  if (target) target.querySelector("details").open = true;
}

// ── Lanes ──

// For each node, its own lane, those of values that pass it or end in it, and those that go on below it.
function lanesOf(nodes) {
  const place = new Map(nodes.map((node, i) => [node.id, i])), last = nodes.map((_, i) => i), lane = [], taken = [];
  nodes.forEach((node, i) => node.inputs.forEach((id) => (last[place.get(id)] = i)));
  return nodes.map((node, i) => {
    const above = taken.flatMap((value, l) => (value === undefined ? [] : [l])),
          ends = node.inputs.map((id) => lane[place.get(id)]).filter((l) => l !== undefined);
    taken.forEach((value, l) => value !== undefined && last[value] <= i && (taken[l] = undefined));
    const free = taken.findIndex((value) => value === undefined);
    lane[i] = free < 0 ? taken.length : free;
    taken[lane[i]] = last[i] > i ? i : undefined;
    return {lane: lane[i], above, ends, below: taken.flatMap((value, l) => (value === undefined ? [] : [l]))};
  });
}

function gutter(row, width) {
  const middle = 22, x = (lane) => 10 + 12 * Math.min(lane, width - 1), on = x(row.lane);
  const into = row.ends.map(
    (l) => svg("path", {d: l === row.lane ? `M${on} 0V${middle}` : `M${x(l)} 0C${x(l)} ${middle} ${on} 0 ${on} ${middle}`})
  );
  const past = row.above.filter(
                          (l) => row.below.includes(l) && l !== row.lane
  ).map((l) => svg("line", {x1: x(l), x2: x(l), y1: 0, y2: "100%"}));
  const out = row.below.includes(row.lane) ? svg("line", {x1: on, x2: on, y1: middle, y2: "100%"}) : null;
  return svg(
    "svg", {class: "gutter", width: 12 * width + 8, "aria-hidden": "true"}, into, past, out,
    svg("circle", {cx: on, cy: middle, r: 5})
  );
}

// ── Rows ──

function graphRow(node, lanes, width) {
  const region = node.region === null || node.region === undefined ? null : regions[node.region];
  const kind = region?.kind ?? node.kind ?? node.op;
  const head = [
    html("span", {class: `badge ${region ? kindClass(region.kind) : "plain"}`}, short(kind, 24)), nameOf(node.output),
    html("span", {class: "type"}, node.type ?? ""), region && costOf(region, node.region)
  ];
  const content = region ? html("details", {}, html("summary", {}, head), regionBody(region, node)) :
                           html("div", {class: "single"}, head, whyUnfused(node));
  return html(
    "div", {class: `row ${kindClass(kind)}`, id: region ? `region-${node.region}` : null}, gutter(lanes, width), content
  );
}

// "2.30 × before" where a region's time has changed.
function changeOf(region) {
  const ratio = region.ms / beforeRegion(region)?.ms;
  return Math.abs(ratio - 1) > 0.02 ?
    html("span", {class: `badge ${ratio > 1 ? "worse" : "better"}`}, `${worded(ratio, "times")} before`) :
    null;
}

// What a region takes, and a bar of it beside the slowest one's.
function costOf(region, index) {
  const most = Math.max(...regions.map((other) => other.ms ?? 0));
  return html(
    "span", {class: "cost"}, changeOf(region), region.ms ? bar(region.ms / most, region.kind) : null,
    number(`/regions/${index}/ms`, "cellMs")
  );
}

function whyUnfused(node) {
  const found = node.op !== "output" && report.unfused?.find((row) => row.output === node.output);
  return found ? html("p", {class: "why"}, `Not fused: ${found.reason}`) : null;
}

function regionBody(region, node) {
  const index = node.region,
        inputs = node.inputs.map((id) => report.graph.nodes.find((other) => other.id === id)).filter(Boolean);
  return html(
    "div", {class: "detail"},
    html(
      "dl", {},
      [
        ["Operators", region.ops.join(", ")],
        ["Reads", inputs.map((input, i) => [i ? ", " : "", nameOf(input.output)])],
        [
          "Arithmetic",
          [
            number(`/regions/${index}/macs`, "macs"), ", ", number(`/regions/${index}/gflops`, "rate"),
            region.fraction_of_peak ? [", ", number(`/regions/${index}/fraction_of_peak`, "share"), " of the peak"] : null
          ]
        ],
        ["Precision", region.precision ?? "f32"],
      ].map(([term, text]) => [html("dt", {}, term), html("dd", {}, text)])
    ),
    html("h3", {}, "Schedule and generated kernels"),
    region.phases.map((phase, i) => phaseOf(phase, `/regions/${index}/phases/${i}`)),
    region.origin?.length ? [html("h3", {}, "In your graph"), html("ul", {class: "origin"}, region.origin.map(originOf))] : null,
    html("h3", {}, "Body"), html("pre", {tabindex: 0}, html("bdi", {}, region.body))
  );
}

function originOf(origin) {
  const place = origin.file ?
    [
      " ",
      html(
        "span", {class: "place"},
        short(
          [origin.file, origin.line, origin.column].filter((part) => part !== null && part !== undefined && part !== 0).join(":"),
          120
        )
      )
    ] :
    null;
  return html("li", {}, html("b", {}, origin.op), " ", nameOf(origin.name ?? ""), place);
}

// "14 chunks, blocks of 4 rows (224 pixels), 384 hidden columns at a time", as cnxc info says it.
function scheduleWords(phase) {
  const rows = phase.block_rows ? `${plural(phase.block_rows, "row")} (${phase.block_pixels} pixels)` :
                                  plural(phase.block_pixels ?? 0, "pixel");
  return [
    plural(phase.chunks, "chunk"), phase.block_pixels ? `blocks of ${rows}` : null,
    phase.hidden_columns ? `${phase.hidden_columns} hidden columns at a time` : null
  ].filter(Boolean
  ).join(", ");
}

function phaseOf(phase, pointer) {
  const kernels = table(
    `Kernels of ${short(phase.name)}`,
    [
      {title: "Function", cell: (kernel) => html("code", {}, nameOf(kernel.name ?? kernel.form, 200))},
      {
        title: "Calls",
        numeric: true,
        cell: (kernel) => number(`${pointer}/kernels/${phase.kernels.indexOf(kernel)}/calls`, "plain")
      },
      {
        title: "Forms",
        numeric: true,
        cell: (kernel) => number(`${pointer}/kernels/${phase.kernels.indexOf(kernel)}/forms`, "plain")
      },
    ],
    phase.kernels
  );
  const cost = typeof phase.ms === "number" ?
    [" · ", number(`${pointer}/ms`, "ms"), " measured, ", number(`${pointer}/predicted_ms`, "ms"), " predicted"] :
    null;
  const memory = [
    "a chunk: ", number(`${pointer}/scratch_bytes`, "bytes"), " scratch, ", number(`${pointer}/data_bytes`, "bytes"), " data, ",
    number(`${pointer}/weights_bytes`, "bytes"), " weights"
  ];
  return html(
    "div", {class: "phase"}, html("p", {}, nameOf(phase.name), cost),
    html("p", {class: "quiet"}, scheduleWords(phase), " · ", memory), kernels
  );
}
