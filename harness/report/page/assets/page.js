// What a page does: sorts and filters, mounts timelines, follows addresses, unpacks scenarios.
//
// Addresses: #SCENARIO, #SCENARIO/APPROACH, #SCENARIO/APPROACH/FROM-TO, and that with @SEED where
// another trial than the first of the list is meant. Names are as encodeURIComponent has them.
(function () {
  "use strict";

  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const one = (selector, within) => (within || document).querySelector(selector);
  const timelines = new Map(); // figure -> {seed, ready}
  const texts = new WeakMap(); // figure -> its first trial, unpacked ahead of its turn

  // ---- Packed texts ----------------------------------------------------------------------------

  async function unpack(name) {
    const text = document.getElementById(`pack-${name}`).textContent;
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  // ---- Addresses -------------------------------------------------------------------------------

  function parsed(hash) {
    const [slug, approach, stretch] = hash.replace(/^#/, "").split("/");
    const found = /^(-?[\d.]+)-(-?[\d.]+)(?:@(-?\d+))?$/.exec(stretch || "");
    const range = found && [Number(found[1]), Number(found[2])];
    const good = range && range.every(Number.isFinite) && range[0] < range[1];
    return { slug, approach, range: good ? range : null, seed: found && found[3] };
  }

  // Browsers and people write the same name in more than one way.
  function same(a, b) {
    try {
      return decodeURIComponent(a) === decodeURIComponent(b);
    } catch (error) {
      return a === b;
    }
  }

  async function follow() {
    const hash = location.hash;
    const address = parsed(hash);
    const article = await opened(address.slug);
    if (!article || location.hash !== hash) return;
    all(".here", article).forEach((element) => element.classList.remove("here"));
    if (!address.approach) return;
    const matches = (element, part) => same(part, address.approach);
    if (address.range) {
      const figure = all("figure.timeline", article)
        .find((element) => matches(element, element.dataset.link.split("/")[1]));
      if (!figure) return;
      const seed = address.seed || one("option", figure).dataset.seed;
      await mount(figure, seed, address.range);
      figure.classList.add("here");
      figure.scrollIntoView({ block: "start" });
    } else {
      const verdict = all("li.verdict", article)
        .find((element) => matches(element, encodeURIComponent(element.dataset.approach)));
      if (!verdict) return;
      verdict.classList.add("here");
      verdict.scrollIntoView({ block: "start" });
    }
  }

  // The article of a scenario, on the page or unpacked; null where it is none of ours.
  async function opened(slug) {
    const overview = one("#overview");
    if (!overview)
      return all("article.scenario").find((element) => same(element.dataset.slug, slug)) || null;
    const details = one("#details");
    const entry = slug && all("[data-slug]", overview).find((element) => same(element.dataset.slug, slug));
    if (!entry) {
      // A part of what is shown, or the overview itself.
      if (slug && document.getElementById(slug)) return null;
      details.hidden = true;
      overview.hidden = false;
      return null;
    }
    if (details.dataset.shown !== entry.dataset.slug) {
      const text = await unpack(entry.dataset.pack);
      timelines.clear();
      // Our own fragment: texts in it were escaped when it was made.
      details.innerHTML = text;
      details.dataset.shown = entry.dataset.slug;
      overview.hidden = true;
      details.hidden = false;
      prepare(details);
      scrollTo(0, 0);
    }
    overview.hidden = true;
    details.hidden = false;
    return one("article.scenario", details);
  }

  // ---- Timelines -------------------------------------------------------------------------------

  function remember(figure, range) {
    const known = timelines.get(figure);
    // It may be told late, of what is not shown any more.
    if (!known || figure.offsetParent === null) return;
    const other = known.seed === one("option", figure).dataset.seed ? "" : `@${known.seed}`;
    const stretch = range.map((at) => at.toFixed(2)).join("-");
    history.replaceState(null, "", `${figure.dataset.link}/${stretch}${other}`);
  }

  async function mount(figure, seed, range) {
    const options = all("option", figure);
    const option = options.find((element) => element.dataset.seed === seed) || options[0];
    const known = timelines.get(figure);
    if (known && known.seed === option.dataset.seed) {
      const handle = await known.ready;
      if (range) handle.show(range[0], range[1]);
      return handle;
    }
    const entry = { seed: option.dataset.seed };
    timelines.set(figure, entry);
    option.selected = true;
    const link = one("a.history", figure);
    if (link && option.dataset.history) link.setAttribute("href", option.dataset.history);
    entry.ready = unpack(option.value).then((text) => draw(figure, text, range));
    return entry.ready;
  }

  function draw(figure, text, range) {
    const canvas = one(".canvas", figure);
    canvas.replaceChildren();
    // So much was kept free for it, lest what is below jumps.
    canvas.style.minHeight = "";
    const moved = (from, to) => remember(figure, [from, to]);
    return mountTimeline(canvas, JSON.parse(text), { range: range || null, moved });
  }

  // A printer does not wait for what is still to be unpacked.
  function drawAll() {
    for (const figure of all("figure.timeline")) {
      if (timelines.has(figure)) continue;
      const seed = one("option", figure).dataset.seed;
      const text = texts.get(figure);
      if (text) timelines.set(figure, { seed, ready: Promise.resolve(draw(figure, text)) });
      else mount(figure, seed);
    }
  }

  function watchTimelines(within) {
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        if (!timelines.has(entry.target)) mount(entry.target);
      }
    }, { rootMargin: "400px" });
    for (const figure of all("figure.timeline", within)) {
      watcher.observe(figure);
      const select = one("select", figure);
      select.addEventListener("change", () => mount(figure, select.selectedOptions[0].dataset.seed));
      // Not every browser says when it is idle.
      (window.requestIdleCallback || setTimeout)(async () => {
        if (!timelines.has(figure)) texts.set(figure, await unpack(one("option", figure).value));
      });
    }
  }

  // ---- Scoreboard ------------------------------------------------------------------------------

  function cellValue(row, place) {
    if (place === 0) return row.dataset.approach;
    const cell = row.cells[place];
    const text = cell && cell.dataset.value;
    return text === undefined || text === "" ? null : Number(text);
  }

  function compare(a, b, direction) {
    // What was not measured stays at the end.
    if (a === null || b === null) return (a === null) - (b === null);
    return direction * (typeof a === "string" ? a.localeCompare(b) : a - b);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const given = [...body.rows];
    const heads = all("th[data-column]", table);
    for (const head of heads) {
      one("button", head).addEventListener("click", () => {
        const next = { none: "descending", descending: "ascending", ascending: "none" };
        const name = head.cellIndex === 0;
        const steps = name ? { none: "ascending", ascending: "descending", descending: "none" } : next;
        const order = steps[head.getAttribute("aria-sort")];
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const place = head.cellIndex;
        const rows = order === "none" ? given : [...given].sort((a, b) =>
          compare(cellValue(a, place), cellValue(b, place), sign));
        body.append(...rows);
      });
    }
  }

  function filterable(section, table) {
    const filter = one("#filter", section);
    const standing = one("#standing", section);
    const apply = () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of table.tBodies[0].rows) {
        const named = row.dataset.approach.toLowerCase().includes(wanted);
        const stands = !standing.value || row.dataset.standing.split(" ").includes(standing.value);
        row.hidden = !(named && stands);
      }
    };
    filter.addEventListener("input", apply);
    standing.addEventListener("change", apply);
    for (const box of all("input[data-group]", section))
      box.addEventListener("change", () => table.classList.toggle(`hide${box.dataset.group}`, !box.checked));
  }

  function explained(section, table) {
    const told = one("#told", section);
    table.addEventListener("click", (event) => {
      const cell = event.target.closest("td[title]");
      if (!cell) return;
      told.textContent = `${cell.parentElement.dataset.approach}, ${cell.title}`;
    });
  }

  // ---- The heat map ----------------------------------------------------------------------------

  function ordered(cells, how) {
    const sorted = cells.map((cell, place) => ({ cell, place }));
    if (how === "name") sorted.sort((a, b) => a.cell.dataset.name.localeCompare(b.cell.dataset.name));
    if (how === "bad") sorted.sort((a, b) => b.cell.dataset.bad - a.cell.dataset.bad || a.place - b.place);
    return sorted.map((entry) => entry.place);
  }

  function heatmap(table) {
    const heads = [...table.tHead.rows[0].cells].slice(1);
    const lines = [...table.tBodies[0].rows].map((row) => row.cells[0]);
    const spots = [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1));
    // The longer list goes down.
    let turned = heads.length > lines.length;
    const draw = () => {
      const how = one("#heatmap-order").value;
      const [across, down] = turned ? [lines, heads] : [heads, lines];
      const columns = ordered(across, how);
      const corner = table.tHead.rows[0].cells[0];
      table.tHead.rows[0].replaceChildren(corner, ...columns.map((place) => across[place]));
      table.tHead.classList.toggle("many", columns.length > 8);
      across.forEach((cell) => cell.setAttribute("scope", "col"));
      down.forEach((cell) => cell.setAttribute("scope", "row"));
      table.tBodies[0].replaceChildren(...ordered(down, how).map((line) => {
        const row = document.createElement("tr");
        row.append(down[line], ...columns.map((place) => turned ? spots[place][line] : spots[line][place]));
        return row;
      }));
    };
    one("#heatmap-order").addEventListener("change", draw);
    one("#transpose").addEventListener("click", () => {
      turned = !turned;
      draw();
    });
    draw();
  }

  // ---- Small things ----------------------------------------------------------------------------

  async function copy(button) {
    const pre = one("pre", button.parentElement);
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch (error) {
      // Not allowed here: it is selected for the reader to copy.
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  function prepare(within) {
    for (const section of all("section#scoreboard", within)) {
      const table = one("table.scoreboard", section);
      sortable(table);
      filterable(section, table);
      explained(section, table);
    }
    all("[data-copy]", within).forEach((button) => button.addEventListener("click", () => copy(button)));
    watchTimelines(within);
  }

  const unfolded = [];
  addEventListener("beforeprint", () => {
    for (const element of all("details:not([open], .aside)")) {
      element.open = true;
      unfolded.push(element);
    }
    drawAll();
  });
  addEventListener("afterprint", () => {
    while (unfolded.length) unfolded.pop().open = false;
  });
  // The same address again, when the reader has moved on since.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  addEventListener("hashchange", follow);
  all("table.heatmap").forEach(heatmap);
  prepare(document);
  follow();
})();
