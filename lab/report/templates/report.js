"use strict";
(() => {
  const root = document.documentElement;
  const picker = document.getElementById("metric");
  root.classList.add("js");

  const show = (name) => {
    const panel = document.getElementById("metric-" + name);
    if (!panel) return;
    const rows = new Map([...panel.querySelectorAll("[data-cell]")].map((row) => [row.dataset.cell, row]));
    for (const part of ["title", "direction"]) {
      document.getElementById("shown-" + part).textContent = panel.querySelector("." + part).textContent;
    }
    for (const place of document.querySelectorAll("#matrix [data-shows]")) {
      const row = rows.get(place.dataset.shows);
      const parts = row ? [...row.querySelectorAll(".v, .c, .s, .tag, .why, svg")].map((part) => part.cloneNode(true)) : [];
      if (!row) parts.push(Object.assign(document.createElement("span"), { className: "s", textContent: "not measured here" }));
      place.querySelector(".show").replaceChildren(...parts);
      const kept = place.classList.contains("control") ? "control " : "";
      place.className = kept + (row ? row.dataset.look : "none");
    }
    picker.value = name;
  };

  // The links of values to the tools' reports are most of a large file, if written out.
  const link = (page) => {
    const folders = [...page.querySelectorAll("[data-reports]")].map((head) => head.dataset.reports);
    for (const row of page.querySelectorAll("[data-report]")) {
      if (!row.dataset.report) continue;
      [...row.querySelectorAll("td")].forEach((place, column) => {
        if (!folders[column] || place.querySelector(".soft")) return;
        const a = document.createElement("a");
        a.href = folders[column] + encodeURIComponent(row.dataset.report);
        a.append(...place.childNodes);
        place.append(a);
      });
    }
  };
  for (const page of document.querySelectorAll("#cells > details")) {
    page.addEventListener("toggle", () => link(page), { once: true });
  }

  const follow = () => {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("metric=")) show(hash.slice(7));
    const target = document.getElementById(hash);
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };

  if (picker) {
    picker.addEventListener("change", () => {
      show(picker.value);
      history.replaceState(null, "", "#metric=" + picker.value);
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
