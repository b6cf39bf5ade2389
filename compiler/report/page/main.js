// Every section, in the order of the page; a failure of one leaves the others and says so in its place.
const SECTIONS = {
  comparison: drawComparison,
  summary: drawSummary,
  graph: drawGraph,
  roofline: drawRoofline,
  time: drawTime,
  timeline: drawTimeline,
  memory: drawMemory,
  precision: drawPrecision,
  unfused: drawUnfused,
  how: drawHow
};

addPatterns();
for (const [id, draw] of Object.entries(SECTIONS)) {
  const section = byId(id);
  try {
    if (draw(section) === false)
      section.remove();
    else
      byId("sections").append(html("li", {}, html("a", {href: `#${id}`}, section.dataset.title)));
  } catch (error) {
    console.error(error);
    section.append(html("p", {class: "note"}, `This section could not be drawn: ${error.message}`));
  }
}

// Paper shows what is folded on the screen, which is folded again afterwards.
let folded = [];
addEventListener(
  "beforeprint",
  () => (folded = [...document.querySelectorAll("details:not([open])")]).forEach((details) => (details.open = true))
);
addEventListener("afterprint", () => folded.forEach((details) => (details.open = false)));
