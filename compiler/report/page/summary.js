// What the model is and how fast, in words first; then its numbers; then what a reader should look at, found by the page itself.

const TASKS = {
  "image-classification": "An image classifier",
  "feature-extraction": "A feature extractor",
  backbone: "A backbone",
  "semantic-segmentation": "A model that labels pixels",
};

function drawSummary() {
  const title = report.model.model.replace(/\/+$/, "").split("/").pop() || report.model.model;
  document.title = `${spelled(short(title))} – cnxc report`;
  byId("model").append(nameOf(title));
  byId("lead").append(...leadWords());
  byId("tiles").append(...tiles());
  const points = pointsOf();
  byId("points").append(...points.map((point) => html("li", {}, point)));
  if (!points.length) byId("points").previousElementSibling.remove();
}

function leadWords() {
  const what = [
    TASKS[report.model.task] ?? "A model", " with ", number("/model/parameters", "count"), " parameters, ",
    number("/model/macs", "macs"), " a picture. "
  ];
  if (!report.time) return [...what, "It was not measured."];
  const speed = [
    html(
      "strong", {}, number("/time/median_ms", "ms"), report.time.batch > 1 ? ` a batch of ${report.time.batch}` : " a picture"
    ),
    ` on ${plural(report.time.threads, "thread")}`, report.how?.machine?.cpu ? [" of ", nameOf(report.how.machine.cpu)] : null
  ];
  const peak = report.time.fraction_of_peak ?
    [": ", number("/time/gflops", "rate"), ", ", number("/time/fraction_of_peak", "share"), " of what this machine can do."] :
    ".";
  return [...what, ...speed, ...peak].flat(Infinity).filter((part) => part !== null);
}

const tile = (title, large, small) =>
  html("div", {class: "tile"}, html("h3", {}, title), html("p", {class: "large"}, large), html("p", {}, small));

function tiles() {
  const memory = report.model.estimate?.by_threads?.findIndex((row) => row.threads === (report.time?.threads ?? 1)) ?? -1;
  const unfused = report.unfused?.length ?? 0;
  return [
    report.time &&
      tile(
        "Time, median", number("/time/median_ms", "ms"),
        [
          "p90 ", number("/time/p90_ms", "ms"), " · p99 ", number("/time/p99_ms", "ms"), " · ", number("/time/runs", "plain"),
          " runs"
        ]
      ),
    report.time?.predicted_ms && tile("Predicted", number("/time/predicted_ms", "ms"), "by the cost model, before anything ran"),
    tile("Parameters", number("/model/parameters", "count"), [number("/model/parameter_bytes", "bytes"), " in the file"]),
    tile(
      "Memory",
      memory >= 0 ? number(`/model/estimate/by_threads/${memory}/memory_bytes`, "bytes") :
                    number("/memory/weights_bytes", "bytes"),
      memory >= 0 ? `to run on ${plural(report.time?.threads ?? 1, "thread")}` : "of packed weights"
    ),
    tile("Regions", String(regions.length), unfused ? `${plural(unfused, "operator")} not fused` : "every operator is fused"),
    report.time?.accounted && tile("Accounted for", number("/time/accounted", "share"), "of a run's time lies in regions"),
  ].filter(Boolean);
}

// ── What stands out ──

// Copies are no nodes of the graph.
function regionLink(region) {
  const index = regions.indexOf(region), isDrawn = report.graph?.nodes?.some((node) => node.region === index);
  return isDrawn ? html("a", {href: `#region-${index}`}, nameOf(region.output)) : nameOf(region.output);
}

const share = (ms) => worded(ms / report.time.median_ms, "share");

function pointsOf() {
  const timed = regions.filter((region) => region.ms);
  if (!report.time || !timed.length) return [];
  return [slowest(timed), mispredicted(timed), headroom(timed), waiting(), loose()].filter(Boolean);
}

function slowest(timed) {
  const first = timed.reduce((a, b) => (b.ms > a.ms ? b : a));
  const blocks = timed.filter((region) => region.kind === first.kind), sum = blocks.reduce((ms, region) => ms + region.ms, 0);
  return [
    "The slowest region is ", regionLink(first), `: ${worded(first.ms, "ms")}, ${share(first.ms)} of a run. `,
    blocks.length > 1 && `All ${blocks.length} regions of its kind, ${first.kind}, take ${share(sum)}.`
  ];
}

function mispredicted(timed) {
  const heavy = timed.filter((region) => region.predicted_ms && region.ms > 0.01 * report.time.median_ms);
  const worst = heavy.reduce((a, b) => (a && a.ms / a.predicted_ms > b.ms / b.predicted_ms ? a : b), null);
  if (!worst || worst.ms < 1.15 * worst.predicted_ms) return null;
  return [
    regionLink(worst), ` takes ${worded(worst.ms / worst.predicted_ms, "times")} its predicted time: `,
    html("code", {}, "cnxc tune"), " may find a better schedule for it."
  ];
}

// What a region would save if it reached its roof.
const lost = (region) => (roofOf(region) && region.gflops ? region.ms * (1 - Math.min(region.gflops / roofOf(region), 1)) : 0);

function headroom(timed) {
  const sum = timed.reduce((ms, region) => ms + lost(region), 0), most = timed.reduce((a, b) => (lost(b) > lost(a) ? b : a));
  if (sum < 0.01 * report.time.median_ms) return null;
  return [
    "If every region did all that arithmetic and memory allow it, a run would be ",
    `${worded(sum, "ms")} shorter; the most, ${worded(lost(most), "ms")}, is in `, regionLink(most), ", which reaches ",
    `${worded(most.gflops / roofOf(most), "share")} of its `, html("a", {href: "#roofline"}, "roof"), "."
  ];
}

function waiting() {
  if (!(report.time.barrier_ms > 0.01 * report.time.median_ms)) return null;
  return [
    "Threads wait for each other ", number("/time/barrier_ms", "ms"), ` of a run (${share(report.time.barrier_ms)}): see the `,
    html("a", {href: "#timeline"}, "timeline"), "."
  ];
}

function loose() {
  return report.unfused?.length ?
    [
      html("a", {href: "#unfused"}, plural(report.unfused.length, "operator")), report.unfused.length === 1 ? " runs" : " run",
      " outside of any region."
    ] :
    null;
}
