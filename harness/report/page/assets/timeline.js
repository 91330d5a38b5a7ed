// The interactive timeline of one trial. What happened was decided before; this only draws it.
//
// mountTimeline(element, data, {range, moved}) fills `element`; `data` is what timeline_data of
// timeline.py gives. Text is only ever set as text: names come from anywhere.
var mountTimeline = (function () {
  "use strict";

  const SHORTEST = 0.02; // seconds that may fill the width
  const AROUND = 2; // seconds shown before and after a moment
  const STEP = 0.2; // of what is shown, an arrow key moves
  const MOVING = 220; // milliseconds that a jump takes
  const TOUCH = 14; // pixels that a finger may miss by
  const MOST_ROWS = 4; // more jobs than this share rows in a lane
  const HIGH = 26; // of the overview
  const LAYERS = "stop up strips faults leases doubled runs bands moments violations end".split(" ");
  let mounted = 0; // keeps the ids of patterns apart

  function mountTimeline(element, data, options) {
    const { range, moved = () => {} } = options || {};
    const view = { id: `tl-${++mounted}`, data, marks: marksOf(data), formats: formatsOf(data), stop: null, boxes: [] };
    Object.assign(view, { shown: clamped(data, ...(range || data.open)), moved });
    build(view, element);
    interact(view);
    new ResizeObserver(() => resize(view)).observe(element);
    resize(view);
    return {
      show: (from, to) => go(view, from, to, { tell: false }),
      next: () => step(view, 1),
      previous: () => step(view, -1),
      range: () => view.shown.slice(),
    };
  }

  function marksOf(data) {
    const marks = {};
    for (const [layer, columns] of Object.entries(data.columns))
      marks[layer] = data[layer].map((row, key) =>
        ({ layer, key, ...Object.fromEntries(columns.map((column, place) => [column, row[place]])) }));
    for (const mark of marks.moments) mark.to = mark.from;
    // A fault is over the lanes that it hit, or over all of them.
    marks.bands = marks.faults.flatMap((fault) => (fault.lanes || [null]).map((lane) => ({ ...fault, lane })));
    marks.bands.forEach((band, key) => Object.assign(band, { layer: "bands", key }));
    return marks;
  }

  const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const seconds = (value) => `${+value.toFixed(3)} s`;
  const length = (value) => (Math.abs(value) < 1 ? `${+(value * 1000).toFixed(1)} ms` : seconds(value));

  // What the columns of a mark may be shown as.
  const formatsOf = ({ workers, jobs, names, directions }) => ({
    text: String,
    seconds,
    between: (from, to) => length(to - from),
    stretch: (from, to) => `${seconds(from)} to ${seconds(to)} (${length(to - from)})`,
    worker: (lane) => workers[lane],
    job: (job) => jobs[job][0],
    name: (name) => names[name],
    direction: (way) => directions[way][1],
  });

  // Terms with what they are, the first one for a title. What is not known is left out.
  function cardOf({ data, formats }, mark) {
    const card = data.cards[mark.kind] || data.cards[mark.layer];
    const text = (format, values) => (values.includes(null) ? "" : formats[format](...values));
    return card.map(([term, format, ...columns]) => [term, text(format, columns.map((column) => mark[column]))])
      .filter(([, said]) => said);
  }

  function build(view, element) {
    const { data } = view;
    const root = (view.root = d3.select(element).classed("tl", true));
    const bar = root.append("div").attr("class", "tl-bar");
    const buttons = [
      ["−", "zoom out", () => zoomBy(view, 0.5)],
      ["+", "zoom in", () => zoomBy(view, 2)],
      ["whole", "show the whole trial", () => go(view, data.from, data.to)],
      ["‹ violation", "previous violation (key p)", () => step(view, -1)],
      ["violation ›", "next violation (key n)", () => step(view, 1)],
      ["copy link", "copy link to this moment", () => copyLink(view)],
    ];
    for (const [text, label, act] of buttons)
      bar.append("button").attr("type", "button").attr("aria-label", label).attr("title", label).text(text)
        .property("disabled", text.includes("violation") && !data.stops.length).on("click", act);
    view.status = bar.append("span").attr("class", "tl-status").attr("role", "status").text(
      data.stops.length ? `violations in ${data.stops.length} ${data.stops.length === 1 ? "place" : "places"}`
        : "no violations in this trial");
    if (data.notes.length) root.append("p").attr("class", "tl-note").text(data.notes.join(" "));
    view.plot = root.append("div").attr("class", "tl-plot");
    view.svg = view.plot.append("svg").attr("class", "tl-main").attr("tabindex", 0).attr("role", "group")
      .attr("aria-roledescription", "timeline")
      .attr("aria-label", `Timeline of ${data.approach}, seed ${data.seed}. Arrow keys move, plus and minus zoom, ` +
        "0 shows all, n and p go to the next and previous violation, comma and full stop read what is shown.");
    const defs = view.svg.append("defs");
    defs.append("pattern").attr("id", `${view.id}-hatch`).attr("class", "tl-hatch").attr("width", 6).attr("height", 6)
      .attr("patternUnits", "userSpaceOnUse").attr("patternTransform", "rotate(45)").append("line").attr("y2", 6);
    view.clip = defs.append("clipPath").attr("id", `${view.id}-clip`).append("rect");
    view.names = view.svg.append("g").attr("class", "tl-names");
    view.axis = view.svg.append("g").attr("class", "tl-axis");
    const inside = view.svg.append("g").attr("clip-path", `url(#${view.id}-clip)`);
    view.layers = {};
    for (const layer of LAYERS) view.layers[layer] = inside.append("g").attr("class", `tl-${layer}`);
    view.card = view.plot.append("div").attr("class", "tl-card").attr("role", "tooltip").property("hidden", true);
    view.overview = root.append("svg").attr("class", "tl-overview").attr("aria-hidden", "true");
    const signs = root.append("ul").attr("class", "tl-legend").selectAll("li").data(data.legend).join("li");
    signs.append("i").attr("class", ([sign]) => sign).attr("aria-hidden", "true").text(([, glyph]) => glyph)
      .style("background", (item) => item[3] || null);
    signs.append("span").text((item) => item[2]);
  }

  function resize(view) {
    const width = Math.floor(view.plot.node().clientWidth);
    // A page that keeps timelines folded away measures nothing until they show.
    if (!width || (view.at && view.at.width === width)) return;
    const [lanes, whole] = [view.data.workers.length, view.data.to - view.data.from];
    const rows = Math.max(1, Math.min(MOST_ROWS, view.data.jobs.length));
    const lane = lanes > 12 ? Math.max(26, 14 + 5 * rows) : Math.max(34, 14 + 8 * rows);
    const top = 30 + (view.marks.faults.length ? 18 : 0);
    const bottom = top + lanes * lane;
    const [left, right] = [width < 600 ? 74 : 124, width - 16];
    view.at = { width, left, right, top, bottom, lane, rows };
    view.base = d3.scaleLinear([view.data.from, view.data.to], [left, right]);
    view.svg.attr("viewBox", `0 0 ${width} ${bottom + 26}`);
    view.clip.attr("x", left).attr("width", right - left).attr("height", bottom + 2);
    const box = [[left, 0], [right, bottom]];
    view.zoom.extent(box).translateExtent(box).scaleExtent([1, Math.max(1, whole / SHORTEST)]);
    nameLanes(view);
    drawOverview(view);
    apply(view, false);
  }

  function nameLanes(view) {
    const { left, top, lane } = view.at;
    const most = Math.floor((left - 8) / 6.6);
    const named = view.data.workers.map((worker, place) => [worker, top + (place + 0.5) * lane]);
    const rows = [["violations", 15], ...(view.marks.faults.length ? [["faults", 39]] : [])];
    const texts = view.names.selectAll("text").data([...rows, ...named]).join("text").attr("x", left - 8)
      .attr("y", ([, middle]) => middle).classed("tl-quiet", (_, place) => place < rows.length)
      .text(([name]) => shortened(name, most));
    texts.filter(([name]) => name.length > most).append("title").text(([name]) => name);
  }

  const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  // At most one frame a time, however fast the wheel turns.
  function schedule(view) {
    view.frame = view.frame || requestAnimationFrame(() => { view.frame = null; draw(view); });
  }

  function draw(view) {
    const { at, x, data } = view;
    const [from, to] = x.domain();
    const seen = Object.fromEntries(Object.entries(view.marks).map(([layer, list]) =>
      [layer, list.filter((mark) => mark.to >= from && mark.from <= to)]));
    const focused = view.svg.node().contains(document.activeElement);
    hide(view);
    view.boxes = [];
    drawAxis(view);
    bars(view, "stop", view.stop === null ? [] : [view.marks.stops[view.stop]], () => [0, at.bottom], 3);
    drawLanes(view, seen);
    const strip = { overlap: [22, 5], held: [18, 2] };
    const wide = (one) => one.kind in strip;
    bars(view, "violations", seen.violations.filter(wide), (one) => strip[one.kind], 2);
    signs(view, "violations", seen.violations.filter((one) => !wide(one)), () => 9);
    drawFaultNames(view, seen.faults);
    view.layers.end.selectAll("line").data(data.end < data.to ? [data.end] : []).join("line")
      .attr("x1", x).attr("x2", x).attr("y1", at.top).attr("y2", at.bottom);
    // What had the focus may be out of sight now.
    if (focused && !view.svg.node().contains(document.activeElement)) view.svg.node().focus({ preventScroll: true });
    if (!view.brushing) view.brushed.call(view.brush.move, [from, to].map(view.base));
  }

  function drawAxis({ at, x, axis }) {
    const ticks = Math.max(2, (at.right - at.left) / 90);
    const digits = x.tickFormat(ticks);
    axis.attr("transform", `translate(0,${at.bottom})`).call(d3.axisBottom(x).ticks(ticks)
      .tickSizeInner(at.top - at.bottom).tickPadding(7).tickFormat((value) => `${digits(value)} s`));
  }

  // Each place is [top, height]. Jobs share the height of a lane; leases are threads at its foot.
  function drawLanes(view, seen) {
    const { at, x, data } = view;
    const top = (mark) => at.top + mark.lane * at.lane;
    const whole = (mark) => [top(mark) + 2, at.lane - 4];
    const thread = (mark) => [top(mark) + at.lane - 5 - 2.5 * (mark.level % 3), mark.layer === "doubled" ? 2.5 : 1.5];
    const high = (at.lane - 13) / at.rows;
    const row = (run) => run.job % at.rows;
    // Of what would end on the same pixel of a row, the first; what went wrong is always drawn.
    const thin = (list, line) => spaced(list, line, (mark) => Math.floor(x(mark.to)), () => 1);
    bars(view, "up", seen.up, whole, 0);
    bars(view, "strips", thin(seen.strips, (mark) => mark.lane), (mark) => [top(mark) + 4, at.lane - 13]);
    bars(view, "bands", seen.bands, (mark) => (mark.lane === null ? [at.top, at.bottom - at.top] : whole(mark)), 2)
      .attr("fill", `url(#${view.id}-hatch)`);
    for (const layer of ["leases", "doubled"])
      bars(view, layer, thin(seen[layer], (mark) => `${mark.lane} ${mark.level % 3}`), thread);
    bars(view, "runs", thin(seen.runs, (run) => `${run.lane} ${row(run)}`),
      (run) => [top(run) + 4 + high * row(run), high - 1])
      .style("fill", (run) => data.jobs[run.job][1] || null).classed("tl-wrong", (run) => run.wrong)
      .classed("tl-pale", (run) => run.ending !== "finished");
    signs(view, "moments", seen.moments, (mark) => top(mark) + (mark.kind === "dropped" ? at.lane - 10 : at.lane / 2));
  }

  // Those of a line that find room beside the one before.
  function spaced(list, line, place, room) {
    const free = new Map();
    return list.filter((mark) => {
      const [row, start] = [line(mark), place(mark)];
      if (!mark.wrong && start < (free.get(row) ?? -Infinity)) return false;
      free.set(row, start + room(mark));
      return true;
    });
  }

  // Elements for marks, kept from frame to frame; `place` is [left, top, width, height] of each.
  function elements(view, layer, name, list, place, create = () => {}) {
    const spoken = (mark) => cardOf(view, mark).map((term) => term.join(" ").trim()).join(", ");
    const told = (mark) => mark.layer !== "up" && mark.layer !== "stops";
    return view.layers[layer].selectAll(name).data(list, (mark) => mark.key)
      .join((enter) => enter.append(name).call(create).attr("class", (mark) => (mark.kind ? `tl-${mark.kind}` : null))
        .each(function (mark) {
          if (told(mark)) d3.select(this).attr("tabindex", -1).attr("role", "img").attr("aria-label", spoken(mark));
        }))
      .each(function (mark) {
        const [left, top, width, height] = place(mark, this);
        if (told(mark)) view.boxes.push({ mark, node: this, left, right: left + width, top, bottom: top + height });
      });
  }

  function bars(view, layer, list, place, least = 1) {
    const { at, x } = view;
    return elements(view, layer, "rect", list, (mark, node) => {
      // Far beyond the edges, browsers draw imprecisely.
      const left = Math.max(at.left - 20, x(mark.from));
      const width = Math.max(least, Math.min(at.right + 20, x(mark.to)) - left);
      const [top, height] = place(mark);
      for (const [name, value] of Object.entries({ x: left, y: top, width, height })) node.setAttribute(name, value);
      return [left, top, width, height];
    });
  }

  // Texts that do not run into each other; `middle` and `room` are by mark, in pixels.
  function signs(view, layer, list, middle, text = (mark) => view.data.glyphs[mark.kind][0], room = () => 3) {
    // The name of what began before stands at the edge.
    const start = (mark) => (layer === "faults" ? Math.max(view.at.left + 2, view.x(mark.from)) : view.x(mark.from));
    elements(view, layer, "text", spaced(list, (mark) => `${mark.kind} ${mark.lane}`, start, room), (mark, node) => {
      d3.select(node).attr("x", start(mark)).attr("y", middle(mark));
      const [left, wide] = layer === "faults" ? [start(mark), room(mark)] : [start(mark) - 6, 12];
      return [left, middle(mark) - 7, wide, 14];
    }, (entered) => entered.text(text));
  }

  function drawFaultNames(view, list) {
    const name = ({ type, direction }) =>
      shortened(type, 24) + (direction ? ` ${view.data.directions[direction][0]}` : "");
    signs(view, "faults", list, () => 40, name, (fault) => name(fault).length * 6.6 + 8);
  }

  // The whole trial below, with the part that is shown: to see where one is, and to go elsewhere.
  function drawOverview(view) {
    const { at, base, marks, overview } = view;
    overview.attr("viewBox", `0 0 ${at.width} ${HIGH}`).selectAll("*").remove();
    const strip = (layer, list, top, least) =>
      overview.append("g").attr("class", `tl-${layer}`).selectAll("rect").data(list).join("rect")
        .attr("x", (mark) => base(mark.from)).attr("y", top).attr("height", HIGH - 2 * top)
        .attr("width", (mark) => Math.max(least, base(mark.to) - base(mark.from)));
    strip("ground", [view.data], 0, 1);
    strip("faults", marks.faults, 0, 1);
    strip("troubles", marks.stops, 7, 1.5);
    view.brush = d3.brushX().extent([[at.left, 0], [at.right, HIGH]])
      .on("start", (event) => { view.brushing = Boolean(event.sourceEvent); })
      .on("brush", ({ sourceEvent, selection }) => {
        if (sourceEvent && selection) go(view, ...selection.map(base.invert), { calm: true });
      })
      .on("end", ({ sourceEvent, selection }) => {
        if (!sourceEvent) return;
        view.brushing = false;
        // A click alone goes there.
        if (!selection) centre(view, base.invert(d3.pointer(sourceEvent, overview.node())[0]), 1);
        schedule(view);
      });
    view.brushed = overview.append("g").attr("class", "tl-brush").call(view.brush);
  }

  // A range within the trial; a moment alone is shown with what is around it.
  function clamped(data, from, to) {
    const whole = data.to - data.from;
    const long = Math.min(whole, to > from ? Math.max(SHORTEST, to - from) : 2 * AROUND);
    const start = Math.min(Math.max(data.from, to > from ? from : from - AROUND), data.to - long);
    return Number.isFinite(start) ? [start, start + long] : [data.from, data.to];
  }

  // The one way to a range, but for what d3-zoom does itself.
  function go(view, from, to, { tell = true, calm = false } = {}) {
    view.shown = clamped(view.data, from, to);
    if (view.at) apply(view, !calm);
    if (tell) telling(view);
  }

  function apply(view, moving) {
    const [from, to] = view.shown;
    const scale = (view.data.to - view.data.from) / (to - from);
    const transform = d3.zoomIdentity.translate(view.at.left - scale * view.base(from), 0).scale(scale);
    const svg = view.svg.interrupt();
    (moving && !still() ? svg.transition().duration(MOVING) : svg).call(view.zoom.transform, transform);
  }

  function centre(view, middle, factor) {
    const half = (view.shown[1] - view.shown[0]) / factor / 2;
    go(view, middle - half, middle + half);
  }

  const zoomBy = (view, factor) => centre(view, (view.shown[0] + view.shown[1]) / 2, factor);

  // By a share of what is shown.
  function pan(view, share) {
    const [from, to] = view.shown;
    go(view, from + share * (to - from), to + share * (to - from), { calm: true });
  }

  const panPixels = (view, by) => pan(view, by / (view.at.right - view.at.left));

  // To the next or previous violation: from the last one visited, while that is still in view.
  function step(view, by) {
    const [{ stops }, [from, to]] = [view.marks, view.shown];
    if (!stops.length) return;
    const last = stops[view.stop];
    if (last && last.from <= to && last.to >= from) view.stop = (view.stop + by + stops.length) % stops.length;
    else if (by > 0) view.stop = Math.max(0, stops.findIndex((stop) => stop.from >= from));
    else view.stop = stops.reduce((found, stop, place) => (stop.from <= to ? place : found), stops.length - 1);
    const { title, around } = stops[view.stop];
    go(view, ...around);
    view.status.text(`${view.stop + 1} of ${stops.length}: ${title}`);
  }

  function telling(view) {
    clearTimeout(view.timer);
    view.timer = setTimeout(() => view.moved(...view.shown), 250);
  }

  function copyLink(view) {
    clearTimeout(view.timer);
    view.moved(...view.shown);
    const say = (text) => view.status.text(text);
    // Where the browser refuses its clipboard, the link is there to be copied by hand.
    if (!navigator.clipboard) say(location.href);
    else navigator.clipboard.writeText(location.href).then(() => say("link copied"), () => say(location.href));
  }

  function interact(view) {
    view.zoom = d3.zoom()
      // A plain wheel and a single finger scroll the page.
      .filter((event) => event.type === "wheel" ? event.ctrlKey || event.metaKey
        : event.type.startsWith("touch") ? event.touches.length > 1 : !event.button)
      .wheelDelta((event) => Math.max(-0.5, Math.min(0.5, -event.deltaY * (event.deltaMode ? 0.05 : 0.01))))
      .duration(still() ? 0 : MOVING).interpolate(d3.interpolate)
      .on("zoom", ({ transform, sourceEvent }) => {
        view.x = transform.rescaleX(view.base);
        schedule(view);
        if (!sourceEvent) return;
        view.shown = clamped(view.data, ...view.x.domain());
        telling(view);
      });
    view.svg.call(view.zoom)
      .on("wheel.pan", (event) => {
        const aside = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey && event.deltaY;
        if (!aside || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        panPixels(view, aside);
      }, { passive: false })
      .on("focusin", (event) => {
        const box = view.boxes.find((one) => one.node === event.target);
        if (box) show(view, box);
      })
      .on("mousemove.card", (event) => { if (!event.buttons) point(view, event, 2); })
      .on("mouseleave.card", () => hide(view))
      .on("click.card", (event) => point(view, event, TOUCH));
    slide(view);
    view.root.on("keydown", (event) => pressed(view, event));
  }

  // One finger moves sideways; up and down it scrolls the page, on which the browser decides.
  function slide(view) {
    const fingers = new Map();
    view.svg
      .on("pointerdown.slide", ({ pointerType, pointerId, clientX }) => {
        if (pointerType === "touch") fingers.set(pointerId, clientX);
      })
      .on("pointermove.slide", (event) => {
        if (!fingers.has(event.pointerId)) return;
        const by = fingers.get(event.pointerId) - event.clientX;
        fingers.set(event.pointerId, event.clientX);
        if (fingers.size === 1) panPixels(view, by);
      })
      .on("pointerup.slide pointercancel.slide pointerleave.slide", (event) => fingers.delete(event.pointerId));
  }

  function pressed(view, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const long = view.shown[1] - view.shown[0];
    const keys = {
      ArrowLeft: () => pan(view, -STEP), ArrowRight: () => pan(view, STEP),
      "+": () => zoomBy(view, 2), "=": () => zoomBy(view, 2), "-": () => zoomBy(view, 0.5),
      0: () => go(view, view.data.from, view.data.to), Home: () => go(view, view.data.from, view.data.from + long),
      End: () => go(view, view.data.to - long, view.data.to), n: () => step(view, 1), p: () => step(view, -1),
      ".": () => read(view, 1), ",": () => read(view, -1), Escape: () => hide(view),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  // What is shown, one by one in order of time, for those who cannot point.
  function read(view, by) {
    const boxes = view.boxes.slice().sort((a, b) => a.mark.from - b.mark.from);
    const now = boxes.findIndex((box) => box.node === document.activeElement);
    const next = boxes[now < 0 ? (by > 0 ? 0 : boxes.length - 1) : now + by];
    if (next) next.node.focus({ preventScroll: true });
  }

  // The nearest thing within reach; what was drawn later lies above.
  function point(view, event, reach) {
    const [x, y] = d3.pointer(event, view.svg.node());
    let [best, least] = [null, reach + 0.001];
    for (const box of view.boxes) {
      const away = Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
      // A band is only meant where there is nothing else near.
      const far = box.mark.layer === "bands" || box.mark.layer === "strips" ? (away ? Infinity : reach) : away;
      if (far <= least) [best, least] = [box, far];
    }
    best ? show(view, best) : hide(view);
  }

  function show(view, box) {
    const [title, ...terms] = cardOf(view, box.mark);
    view.card.property("hidden", false).selectAll("*").remove();
    view.card.append("b").text(title.join(" "));
    const list = view.card.append("dl");
    for (const term of terms) ["dt", "dd"].forEach((name, place) => list.append(name).text(term[place]));
    // Beside what it is about, and never beyond the edge.
    const wide = view.card.node().offsetWidth;
    const left = Math.max(0, Math.min(Math.max(box.left, view.at.left) + 10, view.at.width - wide));
    view.card.style("left", `${left}px`).style("top", `${box.bottom + 8}px`);
  }

  const hide = (view) => view.card.property("hidden", true);

  return mountTimeline;
})();
