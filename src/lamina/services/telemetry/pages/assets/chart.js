// Lines over time as SVG: several named series, a legend that hides them, the nearest point under the pointer.

import { element, shape } from "./page.js";

const LEFT = 56, RIGHT = 12, TOP = 24, BOTTOM = 24;
const POINTS_DRAWN_MAX = 2000;

/** The colour of the n-th series: hues far apart, readable on light and dark ground. */
export function colour(number) {
  return `hsl(${Math.round((number * 137.5) % 360)} 62% 50%)`;
}

export class LineChart {
  /** `pick(point)` is told the point nearest to the pointer: {name, x, y, source}. */
  constructor(title, { unit = "", pick = () => {}, pointsMax = 100000 } = {}) {
    this.series = new Map();
    this.hidden = new Set();
    this.unit = unit;
    this.pick = pick;
    this.pointsMax = pointsMax;
    this.drawing = shape("svg", { class: "chart", role: "img" });
    this.drawing.append(shape("title", {}, title));
    this.legend = element("ul", { class: "legend" });
    this.figure = element("figure", {}, element("figcaption", {}, title), this.drawing, this.legend);
    this.drawing.addEventListener("pointermove", (event) => this.point(event));
    this.isDue = false;
    this.width = this.height = 0;
    new ResizeObserver(() => this.drawSoon()).observe(this.figure);
  }

  /** Add points `{x: ms, y, source?}` to a series; drawn with the next frame. */
  add(name, points) {
    if (!this.series.has(name)) {
      this.series.set(name, []);
      this.addToLegend(name, this.series.size - 1);
    }
    const kept = this.series.get(name);
    for (const each of points) if (Number.isFinite(each.x) && Number.isFinite(each.y)) kept.push(each);
    kept.sort((a, b) => a.x - b.x);
    if (kept.length > this.pointsMax) kept.splice(0, kept.length - this.pointsMax);
    this.drawSoon();
  }

  /** Forget points from before a moment. */
  forget(before) {
    for (const [name, points] of this.series) this.series.set(name, points.filter((each) => each.x >= before));
    this.drawSoon();
  }

  addToLegend(name, number) {
    const mark = shape("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, shape("rect", { width: 12, height: 12, fill: colour(number) }));
    const button = element("button", { type: "button", "aria-pressed": "true" }, mark, name);
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

  draw() {
    const shown = [...this.series].map(([name, points], number) => ({ name, points, number })).filter(({ name }) => !this.hidden.has(name));
    let [left, right, low, high] = [Infinity, -Infinity, 0, -Infinity];
    for (const { points } of shown) for (const { x, y } of points) {
      left = Math.min(left, x); right = Math.max(right, x); low = Math.min(low, y); high = Math.max(high, y);
    }
    this.drawing.replaceChildren(this.drawing.firstChild);
    ({ width: this.width, height: this.height } = this.drawing.getBoundingClientRect());
    this.drawing.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    if (left > right) return;
    if (left === right) { left -= 1000; right += 1000; }
    if (low === high) high = low + 1;
    this.x = (value) => LEFT + ((value - left) / (right - left)) * (this.width - LEFT - RIGHT);
    this.y = (value) => this.height - BOTTOM - ((value - low) / (high - low)) * (this.height - TOP - BOTTOM);
    this.drawGrid(left, right, low, high);
    for (const { points, number } of shown) {
      const step = Math.max(1, Math.ceil(points.length / POINTS_DRAWN_MAX));
      const drawn = points.filter((_, place) => place % step === 0 || place === points.length - 1);
      if (drawn.length === 1) {
        this.drawing.append(shape("circle", { cx: this.x(drawn[0].x), cy: this.y(drawn[0].y), r: 3, fill: colour(number) }));
      } else if (drawn.length) {
        const path = drawn.map((each) => `${this.x(each.x).toFixed(1)},${this.y(each.y).toFixed(1)}`).join(" ");
        this.drawing.append(shape("polyline", { points: path, stroke: colour(number) }));
      }
    }
  }

  drawGrid(left, right, low, high) {
    for (let part = 0; part <= 4; part += 1) {
      const value = low + ((high - low) * part) / 4, y = this.y(value);
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

  point(event) {
    if (!this.x) return;
    const box = this.drawing.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let nearest = null, least = Infinity;
    for (const [name, points] of this.series) {
      if (this.hidden.has(name)) continue;
      for (const each of points) {
        const distance = Math.abs(this.x(each.x) - x) + Math.abs(this.y(each.y) - y) / 4;
        if (distance < least) { least = distance; nearest = { name, ...each }; }
      }
    }
    if (nearest) this.pick(nearest);
  }
}

/** A number in few characters. */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toPrecision(3)}G`;
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)}k`;
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

function clock(ms, span) {
  const text = new Date(ms).toISOString();
  return span > 2 * 86400e3 ? text.slice(0, 10) : span > 600e3 ? text.slice(11, 16) : text.slice(11, 19);
}
