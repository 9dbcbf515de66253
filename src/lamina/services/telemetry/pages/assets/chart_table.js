// The numbers of a chart as a table, for who cannot or does not want to read lines; made only while it is open.

import { element, scrolling } from "./page.js";
import { momentText } from "./said.js";

const ROWS_MAX = 500;

export class PointTable {
  /** `title` and `unit` are the chart's. */
  constructor(title, unit) {
    this.note = element("p", { class: "faint" });
    this.rows = element("tbody");
    const head = element("tr", {}, element("th", { scope: "col" }, "Time"), element("th", { scope: "col", class: "number" }, unit || "Value"),
      element("th", { scope: "col" }, "Line"));
    const table = element("table", { class: "points" }, element("caption", { class: "hushed" }, title), element("thead", {}, head), this.rows);
    this.details = element("details", { class: "data" }, element("summary", {}, "The same as a table"), this.note, scrolling(`${title}, table`, table));
  }

  /** Show the points of the series that are shown, the newest first. */
  draw(shown) {
    if (!this.details.open) return;
    const all = shown.flatMap(({ name, points }) => points.map((at) => ({ name, at })));
    all.sort((a, b) => b.at.x - a.at.x);
    this.note.textContent = all.length > ROWS_MAX ? `The newest ${ROWS_MAX} of ${all.length} points.` : `${all.length} points.`;
    this.rows.replaceChildren(...all.slice(0, ROWS_MAX).map(({ name, at }) => element("tr", {},
      element("td", {}, momentText(at.x)), element("td", { class: "number" }, String(at.y)), element("td", {}, name))));
  }
}
