"use strict";
(() => {
  const root = document.documentElement;
  const picker = document.getElementById("metric");
  root.classList.add("js");

  const base = document.getElementById("base");
  const runtime = document.getElementById("runtime");
  const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text });

  const WORDS = { "▲": "better", "▼": "worse", "≈": "equivalent", "?": "inconclusive" };
  const multiple = (value) => {
    const places = value < 0.1 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return value.toFixed(places) + "×";
  };

  // What the row is to the chosen baseline: its ratio is 1 if it is the baseline itself.
  const ratioOf = (row) => {
    for (const packed of (row?.dataset.ratios ?? "").split(";")) {
      const [role, value, ends, sign, shade, places] = packed.split("|");
      const interval = ends?.replace(" ", " to ");
      if (role && base?.value.startsWith(role)) return { value: Number(value || 1), isBase: !value, interval, sign, shade: shade || row.dataset.look, places };
    }
    return null;
  };

  const draw = (lines, attributes) => {
    const svg = document.createElementNS(document.querySelector("svg").namespaceURI, "svg");
    for (const [name, d] of lines) {
      const path = document.createElementNS(svg.namespaceURI, "path");
      if (name) path.setAttribute("class", name);
      path.setAttribute("d", d);
      svg.append(path);
    }
    const all = { viewBox: "0 0 120 14", preserveAspectRatio: "none", ...attributes };
    for (const [name, value] of Object.entries(all)) svg.setAttribute(name, value);
    return svg;
  };

  const bar = ([low, at, high, one]) => {
    const lines = [["mark", `M${one} 0V14`], ["whisker", `M${low} 7H${high}`], ["", `M${at} 7h0`]];
    return draw(lines, { class: "ci", "aria-hidden": "true" });
  };

  for (const place of document.querySelectorAll("[data-whisker]")) {
    const [low, at, high, left, wide, one] = place.dataset.whisker.split(" ");
    const band = ["band", `M${left} 0h${wide}v18h-${wide}z`];
    const whisker = ["whisker", `M${low} 9H${high}M${low} 5v8M${high} 5v8`];
    const lines = [band, ["mark", `M${one} 0v18`], whisker, ["", `M${at} 9h0`]];
    place.append(draw(lines, { viewBox: "0 0 240 18", preserveAspectRatio: "xMidYMid", "aria-hidden": "true" }));
  }

  for (const place of document.querySelectorAll("[data-course]")) {
    const across = place.closest("table").querySelector("[data-across]").dataset.across.split(" ");
    const dots = place.dataset.course.split(" ").flatMap((boot, n) => boot.split(",").map((y) => [across[n], y]));
    const path = (wanted) => wanted.map(([x, y]) => `${x} ${y.replace("o", "")}`).join(" ");
    const lines = ["", "o"].map((kind) => [kind, path(dots.filter(([, y]) => y && y.startsWith("o") === Boolean(kind)))]);
    const drawn = lines.filter(([, d]) => d).map(([kind, d]) => [kind, "M" + d]);
    place.append(draw(drawn, { viewBox: "0 0 99 22", preserveAspectRatio: "xMidYMid", "aria-hidden": "true" }));
  }

  for (const place of document.querySelectorAll("[data-strip]")) {
    const [control, ...dots] = place.dataset.strip.split(" ");
    const lines = [["", dots.map((x) => `M${x} 7h0`).join("")]];
    if (control) lines.unshift(["mark", `M${control} 0V14`]);
    place.replaceChildren(draw(lines, { role: "img", "aria-label": place.textContent }));
  }

  const partsOf = (row) => {
    if (!row) return [make("span", "s", "not measured here")];
    const ratio = ratioOf(row);
    const kept = ratio?.places ? ".v, .s, .q" : ".v, .s, .q, .tag, .why, svg";
    const parts = [...row.querySelectorAll(kept)].map((part) => part.cloneNode(true));
    if (ratio) {
      const compared = make("span", "c", ratio.isBase ? "the baseline" : `${multiple(ratio.value)} ${ratio.sign}`);
      if (ratio.sign) compared.append(make("span", "word", " " + (ratio.interval ? WORDS[ratio.sign] : "not judged")));
      parts.push(compared);
      if (ratio.places) parts.push(make("span", "i", ratio.interval), bar(ratio.places.split(" ")));
    }
    return parts;
  };

  // Of a row or a column, what is shown of it: nothing unless all of it is there.
  const means = (rows) => {
    const groups = new Map();
    for (const place of document.querySelectorAll("#matrix tr[data-runtime]:not([hidden]) td")) {
      const value = ratioOf(rows.get(place.dataset.shows))?.value ?? 0;
      for (const key of [place.dataset.storage, place.parentElement.firstElementChild.dataset.mean]) {
        groups.set(key, [...(groups.get(key) ?? []), value]);
      }
    }
    for (const head of document.querySelectorAll("#matrix [data-mean]")) {
      const values = groups.get(head.dataset.mean) ?? [];
      const whole = values.length && values.every(Boolean);
      const mean = Math.exp(values.reduce((sum, each) => sum + Math.log(each), 0) / values.length);
      head.querySelector(".mean").textContent = whole ? "⌀ " + multiple(mean) : "";
    }
  };

  const show = () => {
    const panel = document.getElementById("metric-" + picker.value);
    if (!panel) return;
    const cells = document.getElementById("metrics").dataset.cells.split(" ");
    const rows = new Map([...panel.querySelectorAll("[data-cell]")].map((row) => [cells[row.dataset.cell], row]));
    for (const part of ["title", "direction"]) {
      document.getElementById("shown-" + part).textContent = panel.querySelector("." + part).textContent;
    }
    if (base) document.getElementById("shown-base").textContent = base.selectedOptions[0].textContent;
    for (const line of document.querySelectorAll("#matrix tr[data-runtime]")) {
      line.hidden = Boolean(runtime?.value) && line.dataset.runtime !== runtime.value;
    }
    for (const place of document.querySelectorAll("#matrix [data-shows]")) {
      const row = rows.get(place.dataset.shows);
      place.querySelector(".show").replaceChildren(...partsOf(row));
      const kept = place.classList.contains("control") ? "control " : "";
      const shade = ratioOf(row)?.shade ?? "";
      place.className = kept + (!row ? "none" : row.dataset.look === "missing" ? "missing" : "measured " + shade);
    }
    means(rows);
  };

  // Where a boot's files are: by its name, which is that of its cell and its own.
  const FOLDERS = { evidence: ["evidence/", ".json"], console: ["consoles/", ".log"], reports: ["raw/", "/"] };
  const file = (boot, kind) => FOLDERS[kind].join(encodeURIComponent(boot));
  const linked = (href, ...content) => {
    const a = Object.assign(document.createElement("a"), { href });
    a.append(...content);
    return a;
  };
  const link = (page) => {
    const rows = [...page.querySelectorAll(".boots tbody tr")];
    const boots = rows.map((row) => row.dataset.id ?? page.id.replace("cell-", "") + "-" + row.firstElementChild.textContent);
    rows.forEach((row, n) => {
      const files = row.querySelector(".files");
      const kept = files.dataset.kept ?? Object.keys(FOLDERS).join(" ");
      const links = kept.split(" ").filter(Boolean).map((kind) => linked(file(boots[n], kind), kind));
      files.firstChild.replaceWith(...links.flatMap((each) => [each, " "]));
    });
    for (const row of page.querySelectorAll("[data-report]")) {
      if (!row.dataset.report) continue;
      [...row.querySelectorAll("td")].forEach((place, column) => {
        if (place.querySelector(".soft")) return;
        const href = file(boots[column], "reports") + encodeURIComponent(row.dataset.report);
        place.append(linked(href, ...place.childNodes));
      });
    }
  };
  for (const page of document.querySelectorAll("#cells > details")) {
    page.addEventListener("toggle", () => link(page), { once: true });
  }

  const choices = [picker, base, runtime].filter(Boolean);
  const follow = () => {
    const address = location.hash.slice(1);
    const hash = decodeURIComponent(address);
    const wanted = new Map(address.split("&").map((each) => each.split("=", 2).map(decodeURIComponent)));
    for (const box of choices) {
      if ([...box.options].some((each) => each.value === wanted.get(box.id))) box.value = wanted.get(box.id);
    }
    if (choices.some((box) => wanted.has(box.id))) show();
    const target = document.getElementById(hash);
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };

  for (const box of choices) {
    box.addEventListener("change", () => {
      show();
      history.replaceState(null, "", "#" + choices.map((each) => each.id + "=" + encodeURIComponent(each.value)).join("&"));
    });
  }
  addEventListener("hashchange", follow);
  follow();

  const theme = document.getElementById("theme");
  theme.addEventListener("click", () => {
    const dark = getComputedStyle(root).colorScheme === "dark"
      || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.style.colorScheme = dark ? "light" : "dark";
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
})();
