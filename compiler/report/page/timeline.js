// One run: for each thread a row of the phases it took part in, and hatched the time until the last thread was there. Wide runs
// are looked at through a window that scrolls. A comparison has both runs, one below the other.

function drawTimeline() {
  const place = byId("timeline-chart"), threads = report.timeline?.threads ?? [];
  if (!threads.length) {
    place.replaceWith(html("p", {class: "note"}, "No run was recorded."));
    return;
  }
  let zoom = 1;
  const inner = html("div", {class: "zoomed"});
  place.classList.add("window");
  place.append(inner);
  fill(place, {tabindex: 0, role: "region", "aria-label": "Timeline, scrolls sideways when it is zoomed"}, []);
  chart(
    inner, "Timeline", `One run on ${plural(threads.length, "thread")}, phase after phase.`,
    (width) => timeline(width, lanesOfRuns())
  );
  const button = (title, factor) => {
    const made = html("button", {type: "button"}, title);
    made.addEventListener("click", () => (inner.style.width = `${100 * (zoom = Math.min(Math.max(zoom * factor, 1), 32))}%`));
    return made;
  };
  place.before(
    html("p", {class: "tools"}, button("Zoom in", 2), button("Zoom out", 0.5)),
    legend(threads[0].map((span) => regions[span.region]?.kind ?? "other"), false)
  );
  place.after(asTable(timelineTable(threads)));
}

// The threads of this run, and of the one before it.
function lanesOfRuns() {
  const lanes = (source, word) => (source?.timeline?.threads ?? []).map((spans, t) => ({spans, source, name: `${word} ${t}`}));
  return [...lanes(report, "thread"), ...lanes(before, "before")];
}

function timeline(width, lanes) {
  const left = 64, right = width - 10, high = lanes.length > 16 ? 14 : 30, gap = 6,
        height = 24 + lanes.length * (high + gap) + 30;
  const end = Math.max(...lanes.flatMap(({spans}) => spans.map((span) => span.end_us + (span.wait_us ?? 0)))),
        x = linear(0, end, left, right);
  const axis = steps(end / 1000, Math.max(width / 110, 3))
                 .map((ms) => +ms.toPrecision(6))
                 .map(
                   (ms) =>
                     [svg("line", {x1: x(ms * 1000), x2: x(ms * 1000), y1: 20, y2: height - 26}),
                      label(x(ms * 1000), height - 10, "middle", `${ms}${NARROW}ms`)]
                 );
  return {
    height,
    parts: [
      svg("g", {class: "axes", "aria-hidden": "true"}, axis), lanes.map((lane, i) => {
        const y = 24 + i * (high + gap), names = phaseNames(lane.source);
        const idle = lane.spans.length ?
          null :
          label(left, y + high / 2 + 4, "start", "took no part in this run: the machine was busy", "quiet");
        return [
          label(4, y + high / 2 + 4, "start", lane.name), idle, lane.spans.map((span) => spanOf(span, lane, names, x, y, high))
        ];
      })
    ]
  };
}

function spanOf(span, lane, names, x, y, high) {
  const region = lane.source.regions?.[span.region], from = x(span.start_us), to = x(span.end_us),
        until = x(span.end_us + (span.wait_us ?? 0));
  const lines = [
    short(names[span.phase] ?? region?.output ?? ""), `${lane.name}, ${region?.kind ?? "phase"}`,
    `${worded(span.end_us - span.start_us, "us")} from ${worded(span.start_us, "us")}`,
    `then waits ${worded(span.wait_us ?? 0, "us")}`
  ];
  return mark(
    svg(
      "g", {class: `span ${kindClass(region?.kind)}`},
      svg("rect", {x: from, y, width: Math.max(to - from, 0.4), height: high, fill: kindFill(region?.kind), class: "filled"}),
      until > to ? svg("rect", {x: to, y, width: until - to, height: high, fill: "url(#fill-wait)", class: "waits"}) : null
    ),
    lines, lane.source === report ? span.region : null
  );
}

// The names of phases, by their places in a run.
function phaseNames(source) {
  const names = [];
  for (const phase of (source.regions ?? []).flatMap((region) => region.phases ?? []))
    names[phase.index ?? names.length] = phase.name;
  return names;
}

function timelineTable(threads) {
  const names = phaseNames(report),
        rows = threads.flatMap((spans, t) => spans.map((span, i) => ({...span, at: `/timeline/threads/${t}/${i}`, thread: t})));
  return table(
    "Phases of each thread",
    [
      {title: "Phase", value: (row) => row.phase, cell: (row) => nameOf(names[row.phase] ?? "")},
      {title: "Thread", numeric: true, value: (row) => row.thread, cell: (row) => String(row.thread)},
      {title: "Begins", numeric: true, value: (row) => row.start_us, cell: (row) => number(`${row.at}/start_us`, "us")},
      {title: "Ends", numeric: true, value: (row) => row.end_us, cell: (row) => number(`${row.at}/end_us`, "us")},
      {title: "Waits", numeric: true, value: (row) => row.wait_us, cell: (row) => number(`${row.at}/wait_us`, "us")},
    ],
    rows
  );
}
