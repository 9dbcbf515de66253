// Lines over time as SVG: several named series, a legend that hides them, one point read out, a table of the same numbers.

import { PointTable } from "./chart_table.js";
import { element, shape } from "./page.js";
import { momentText } from "./said.js";

const LEFT = 56, RIGHT = 12, TOP = 24, BOTTOM = 24;
const GRID_LINES = 5;
/** Differences below it are none: their powers of ten leave what numbers can hold. */
const FLAT = 1e-290;
const POINTS_DRAWN_MAX = 2000;
const SERIES_MAX = 1000;
const NEAR_PX = 40;

/** The colour of the n-th series: hues far apart, of one lightness that stands out from the ground of either scheme. */
export function colour(number) {
  const hue = Math.round((number * 137.5 + 250) % 360);
  return `light-dark(oklch(0.53 0.15 ${hue}), oklch(0.77 0.13 ${hue}))`;
}

export class LineChart {
  /** `pick(point)` is told the point that a visitor looks at: {name, x, y, source}. */
  constructor(title, { unit = "", pick = () => {}, pointsMax = 100000 } = {}) {
    this.title = title;
    this.series = new Map();
    this.hidden = new Set();
    this.unit = unit;
    this.pick = pick;
    this.pointsMax = pointsMax;
    this.drawing = shape("svg", { class: "chart", "aria-hidden": "true" });
    this.frame = element("div", { class: "frame", tabindex: "0", role: "slider", "aria-label": `${title}, points`, "aria-valuemin": "1" }, this.drawing);
    this.reading = element("p", { class: "reading faint" });
    this.legend = element("ul", { class: "legend" });
    this.table = new PointTable(title, unit);
    this.figure = element("figure", {}, element("figcaption", {}, title), this.frame, this.reading, this.legend, this.table.details);
    this.frame.addEventListener("pointermove", (event) => this.point(event));
    this.frame.addEventListener("pointerdown", (event) => this.point(event));
    this.frame.addEventListener("keydown", (event) => this.step(event));
    this.table.details.addEventListener("toggle", () => this.drawSoon());
    this.current = null;
    this.isDue = false;
    this.width = this.height = 0;
    new ResizeObserver(() => this.drawSoon()).observe(this.figure);
  }

  /** Add points `{x: ms, y, source?}` to a series; drawn with the next frame. */
  add(name, points) {
    if (!this.series.has(name)) {
      if (this.series.size >= SERIES_MAX) return;
      this.series.set(name, []);
      this.addToLegend(name, this.series.size - 1);
    }
    const kept = this.series.get(name);
    for (const each of points) if (Number.isFinite(each.x) && Number.isFinite(each.y)) kept.push(each);
    if (kept.length > this.pointsMax) {
      kept.sort(byTime);
      kept.splice(0, kept.length - this.pointsMax);
    }
    this.drawSoon();
  }

  /** Forget points from before a moment. */
  forget(before) {
    for (const [name, points] of this.series) {
      if (points.some((each) => each.x < before)) this.series.set(name, points.filter((each) => each.x >= before));
    }
    this.drawSoon();
  }

  addToLegend(name, number) {
    const mark = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, shape("rect", { width: 12, height: 12, fill: colour(number) }));
    const button = element("button", { type: "button", "aria-pressed": "true", title: "Show or hide this line" }, mark, element("span", {}, name));
    button.addEventListener("click", () => {
      const isShown = this.hidden.delete(name);
      if (!isShown) this.hidden.add(name);
      button.setAttribute("aria-pressed", String(isShown));
      this.drawSoon();
    });
    this.legend.append(element("li", {}, button));
  }

  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.draw(); });
  }

  /** The series that are not hidden, each in the order of time. */
  shown() {
    const all = [...this.series].map(([name, points], number) => ({ name, points, number }));
    return all.filter(({ name, points }) => points.length && !this.hidden.has(name)).map((each) => ({ ...each, points: each.points.sort(byTime) }));
  }

  draw() {
    const shown = this.shown();
    this.table.draw(shown);
    this.drawing.replaceChildren();
    ({ width: this.width, height: this.height } = this.drawing.getBoundingClientRect());
    this.drawing.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.frame.setAttribute("aria-valuemax", String(Math.max(1, ...shown.map(({ points }) => points.length))));
    this.x = null;
    if (!shown.length) {
      this.look(null);
      return;
    }
    const grid = bounds(shown), { left, right, low, high } = grid;
    this.x = (value) => LEFT + ((value - left) / (right - left)) * (this.width - LEFT - RIGHT);
    this.y = (value) => this.height - BOTTOM - ((value - low) / (high - low)) * (this.height - TOP - BOTTOM);
    this.drawGrid(grid);
    for (const each of shown) this.drawLine(each);
    this.mark = shape("circle", { class: "mark", r: 5 });
    this.drawing.append(this.mark);
    this.look(this.current && shown.some(({ points }) => points.includes(this.current.at)) ? this.current : null);
  }

  drawLine({ points, number }) {
    const step = Math.max(1, Math.ceil(points.length / POINTS_DRAWN_MAX));
    const drawn = points.filter((_, place) => place % step === 0 || place === points.length - 1);
    if (drawn.length === 1) {
      this.drawing.append(shape("circle", { cx: this.x(drawn[0].x), cy: this.y(drawn[0].y), r: 3, fill: colour(number) }));
      return;
    }
    const path = drawn.map((each) => `${this.x(each.x).toFixed(1)},${this.y(each.y).toFixed(1)}`).join(" ");
    this.drawing.append(shape("polyline", { points: path, stroke: colour(number) }));
  }

  drawGrid({ left, right, step, low, high }) {
    const lines = Math.round((high - low) / step);
    for (let line = 0; line <= lines; line += 1) {
      const value = low + line * step, y = this.y(value);
      this.drawing.append(shape("line", { x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y, class: "grid" }));
      this.drawing.append(shape("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, short(value)));
    }
    const parts = this.width < 480 ? 2 : 4;
    for (let part = 0; part <= parts; part += 1) {
      const value = left + ((right - left) * part) / parts;
      const anchor = part === 0 ? "start" : part === parts ? "end" : "middle";
      this.drawing.append(shape("text", { x: this.x(value), y: this.height - 6, "text-anchor": anchor }, clock(value, right - left)));
    }
    this.drawing.append(shape("text", { x: 0, y: 11 }, this.unit));
  }

  /** Look at the point nearest to the pointer. */
  point(event) {
    if (!this.x) return;
    const box = this.drawing.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let nearest = null, least = Infinity;
    for (const { name, points } of this.shown()) {
      for (const at of points) {
        const distance = Math.abs(this.x(at.x) - x) + Math.abs(this.y(at.y) - y) / 4;
        if (distance < least) { least = distance; nearest = { name, at }; }
      }
    }
    if (nearest && least < Math.max(NEAR_PX, this.width)) this.choose(nearest);
  }

  /** Arrow keys go along a line, Page Up and Page Down to another one, Home and End to its ends. */
  step(event) {
    const shown = this.shown();
    if (!shown.length || event.ctrlKey || event.altKey || event.metaKey) return;
    let row = Math.max(0, shown.findIndex(({ name }) => name === this.current?.name));
    const before = this.current ? shown[row].points.indexOf(this.current.at) : shown[row].points.length;
    const steps = { ArrowLeft: before - 1, ArrowDown: before - 1, ArrowRight: before + 1, ArrowUp: before + 1, Home: 0, End: Infinity };
    let place = steps[event.key];
    if (event.key === "PageDown" || event.key === "PageUp") {
      row = (row + (event.key === "PageDown" ? 1 : shown.length - 1)) % shown.length;
      place = nearestTo(shown[row].points, this.current?.at.x ?? Infinity);
    }
    if (place === undefined) return;
    event.preventDefault();
    const { name, points } = shown[row];
    this.choose({ name, at: points[Math.min(points.length - 1, Math.max(0, place))] });
  }

  choose(found) {
    this.look(found);
    this.pick({ name: found.name, ...found.at });
  }

  /** Mark a point, and say what it is; null marks none. */
  look(found) {
    this.current = found;
    if (this.mark) this.mark.setAttribute("visibility", found ? "visible" : "hidden");
    const text = found ? describe(found, this.unit) : "";
    this.reading.textContent = text || (this.series.size ? "Point at a line, or press the arrow keys on the chart, to read a value." : "");
    this.frame.setAttribute("aria-valuetext", text || "no point chosen");
    this.frame.setAttribute("aria-valuenow", String(found ? this.series.get(found.name).indexOf(found.at) + 1 : 1));
    if (!found || !this.x) return;
    this.mark.setAttribute("cx", this.x(found.at.x));
    this.mark.setAttribute("cy", this.y(found.at.y));
  }
}

function byTime(a, b) {
  return a.x - b.x;
}

/** First and last moment, lowest and highest value of the grid; zero belongs to it. */
function bounds(shown) {
  let [left, right, low, high] = [Infinity, -Infinity, 0, -Infinity];
  for (const { points } of shown) for (const { x, y } of points) {
    left = Math.min(left, x); right = Math.max(right, x); low = Math.min(low, y); high = Math.max(high, y);
  }
  if (left === right) { left -= 1000; right += 1000; }
  if (high - low < FLAT) high = low + 1;
  const step = roundStep((high - low) / GRID_LINES);
  return { left, right, step, low: Math.floor(low / step) * step, high: Math.ceil(high / step) * step };
}

/** The next round number from a size on: 1, 2, 2.5 or 5 of some power of ten. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * [1, 2, 2.5, 5, 10].find((each) => each * power >= size * 0.999999);
}

function nearestTo(points, x) {
  let found = 0;
  points.forEach((each, place) => { if (Math.abs(each.x - x) < Math.abs(points[found].x - x)) found = place; });
  return found;
}

function describe({ name, at }, unit) {
  return `${momentText(at.x)}: ${name}, ${exact(at.y)}${unit && ` – ${unit}`}`;
}

/** A number with its digits, as far as they mean something. */
function exact(value) {
  return Math.abs(value) >= 1e15 ? value.toExponential(3) : String(Number(value.toPrecision(12)));
}

/** A number in few characters. */
function short(value) {
  const size = Math.abs(value);
  if (size >= 1e12) return value.toExponential(1);
  if (size >= 1e9) return `${Number((value / 1e9).toPrecision(3))}G`;
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return size >= 1000 || Number.isInteger(value) ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function clock(ms, span) {
  const text = momentText(ms);
  return span > 2 * 86400e3 ? text.slice(0, 10) : span > 600e3 ? text.slice(11, 16) : text.slice(11, 19);
}
