"use strict";
// Maps of the tracks, one per system: coloured by a label field, titles on hover, the same track marked in every map.
// Texts are set with textContent only.
for (const atlas of document.querySelectorAll(".atlas")) {
  const data = JSON.parse(atlas.querySelector("script").textContent);
  const find = (name) => atlas.querySelector(`.${name}`);
  const legend = find("map-legend"), fieldSelect = find("map-field"), tagSelect = find("map-tag");
  const tagLabel = find("map-tag-label");
  const NS = "http://www.w3.org/2000/svg", W = 1000, H = 700, PAD = 26;
  const COLOURS = 8;
  const n = data.title.length, r = Math.max(3.5, Math.min(9, 130 / Math.sqrt(n))) * (data.maps.length > 1 ? 1.5 : 1);
  const SHAPES = [
    `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    `M0,${-1.3 * r}L${1.25 * r},${0.85 * r}L${-1.25 * r},${0.85 * r}Z`,
    `M${-0.95 * r},${-0.95 * r}h${1.9 * r}v${1.9 * r}h${-1.9 * r}Z`,
  ];
  const frames = [...atlas.querySelectorAll(".map-frame")];
  const plots = data.maps.map((map, m) => {
    const svg = frames[m].querySelector("svg");
    const at = (i) => [PAD + map.x[i] * (W - 2 * PAD), PAD + map.y[i] * (H - 2 * PAD)];
    const points = map.x.map((_, i) => {
      const p = document.createElementNS(NS, "path"), [x, y] = at(i);
      p.setAttribute("transform", `translate(${x.toFixed(1)},${y.toFixed(1)})`);
      svg.appendChild(p);
      return p;
    });
    return { svg, at, points, frame: frames[m], tip: frames[m].querySelector(".map-tip") };
  });
  const every = (i, change) => plots.forEach((plot) => change(plot.points[i], plot));
  const paint = (i, css, shape, fill) => {
    every(i, (p) => {
      p.setAttribute("class", `pt ${css}`);
      p.setAttribute("d", SHAPES[shape]);
      p.style.fill = fill || "";
    });
  };
  const undim = () => plots.forEach((plot) => plot.svg.classList.remove("dim"));
  const entry = (css, shape, text, onEnter) => {
    const li = document.createElement("li"), mark = document.createElementNS(NS, "svg");
    const path = document.createElementNS(NS, "path");
    mark.setAttribute("width", 16); mark.setAttribute("height", 16);
    mark.setAttribute("viewBox", `${-1.5 * r} ${-1.5 * r} ${3 * r} ${3 * r}`);
    path.setAttribute("d", SHAPES[shape]); path.setAttribute("class", `pt ${css}`);
    mark.appendChild(path); li.appendChild(mark); li.append(text);
    if (onEnter) { li.onmouseenter = onEnter; li.onmouseleave = undim; }
    legend.appendChild(li);
  };
  const ramp = (t) => `hsl(${(255 - 205 * t).toFixed(0)} ${(45 + 40 * t).toFixed(0)}% ${(34 + 30 * t).toFixed(0)}%)`;
  const highlight = (member) => {
    plots.forEach((plot) => {
      plot.svg.classList.add("dim");
      plot.points.forEach((p, i) => p.classList.toggle("lit", member(i)));
    });
  };
  const draw = () => {
    const field = data.fields[fieldSelect.value];
    legend.replaceChildren(); undim();
    tagLabel.hidden = !field || field.kind !== "tags";
    if (!field) { data.title.forEach((_, i) => paint(i, "c0", 0)); return; }
    if (field.kind === "classes") {
      field.values.forEach((v, i) => v < 0 ? paint(i, "none", 0) : paint(i, `c${v % COLOURS}`, Math.floor(v / COLOURS) % 3));
      field.names.forEach((name, v) => entry(`c${v % COLOURS}`, Math.floor(v / COLOURS) % 3, name,
        () => highlight((i) => field.values[i] === v)));
      if (field.values.some((v) => v < 0)) entry("none", 0, "unknown");
    } else if (field.kind === "tags") {
      const has = new Set(field.tracks[tagSelect.value]);
      data.title.forEach((_, i) => paint(i, has.has(i) ? "c1" : "none", has.has(i) ? 1 : 0));
      has.forEach((i) => every(i, (p, plot) => plot.svg.appendChild(p)));
      entry("c1", 1, `${field.names[tagSelect.value]} (${has.size})`); entry("none", 0, `without (${n - has.size})`);
    } else {
      const known = field.values.filter((v) => v !== null), low = Math.min(...known), high = Math.max(...known);
      field.values.forEach((v, i) => v === null ? paint(i, "none", 0)
        : paint(i, "number", 0, ramp((v - low) / (high - low || 1))));
      const li = document.createElement("li"), bar = document.createElement("span");
      bar.className = "ramp";
      bar.style.background = `linear-gradient(90deg, ${[0, .25, .5, .75, 1].map(ramp).join(",")})`;
      li.append(low.toPrecision(3), bar, high.toPrecision(3)); legend.appendChild(li);
    }
  };
  const option = (select, value, text) => {
    const o = document.createElement("option"); o.value = value; o.textContent = text; select.appendChild(o);
  };
  const fillTags = () => {
    const field = data.fields[fieldSelect.value];
    tagSelect.replaceChildren();
    if (field && field.kind === "tags") field.names.forEach((name, i) => option(tagSelect, i, name));
  };
  data.fields.forEach((field, i) => option(fieldSelect, i, field.name));
  if (!data.fields.length) find("controls").hidden = true;
  fieldSelect.onchange = () => { fillTags(); draw(); };
  tagSelect.onchange = draw;
  const label = (i) => {
    const field = data.fields[fieldSelect.value];
    if (!field) return "";
    if (field.kind === "classes") return field.values[i] < 0 ? "" : `${field.name}: ${field.names[field.values[i]]}`;
    if (field.kind === "numeric") return field.values[i] === null ? "" : `${field.name}: ${field.values[i]}`;
    return `${field.name}: ${field.names.filter((_, t) => field.tracks[t].includes(i)).join(", ")}`;
  };
  const mark = (best) => plots.forEach((plot) => plot.points.forEach((p, i) => p.classList.toggle("on", i === best)));
  const show = (plot, event) => {
    const { svg, at, frame, tip } = plot;
    const box = svg.getBoundingClientRect(), scale = W / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = -1, distance = (26 * Math.max(1, scale)) ** 2;
    for (let i = 0; i < n; i++) {
      const [a, b] = at(i), d = (a - x) ** 2 + (b - y) ** 2;
      if (d < distance) { distance = d; best = i; }
    }
    mark(best);
    tip.hidden = best < 0;
    if (best < 0) return;
    const lines = [data.title[best], data.artist[best], label(best)].filter(Boolean);
    tip.replaceChildren(...lines.map((text, i) => {
      const line = document.createElement(i ? "span" : "b"); line.textContent = text; return line;
    }));
    const outer = frame.getBoundingClientRect(), [a, b] = at(best);
    const left = a / scale, top = b / scale, width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = `${Math.max(4, Math.min(outer.width - width - 4, left - width / 2))}px`;
    tip.style.top = `${top > height + 18 ? top - height - 12 : top + 14}px`;
  };
  plots.forEach((plot) => {
    plot.svg.addEventListener("pointermove", (event) => show(plot, event));
    plot.svg.addEventListener("pointerdown", (event) => show(plot, event));
    plot.svg.addEventListener("pointerleave", () => { plot.tip.hidden = true; mark(-1); });
  });
  fillTags(); draw();
}
