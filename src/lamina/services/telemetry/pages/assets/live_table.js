// The list of nodes: rows are made once and changed where their text changed, so that 1,000 of them stay usable.

import { element } from "./page.js";
import { COLUMNS, compare, matches } from "./live_columns.js";
import { keep, recall } from "./live_choices.js";

const ROWS_MAX = 2000;

export class NodeTable {
  /** `table`, `columns` and `shown` are elements; `changed()` is called when a visitor's choice asks for a new drawing. */
  constructor({ table, columns, shown, changed, hrefOf }) {
    this.shownLine = shown;
    this.changed = changed;
    this.hrefOf = hrefOf;
    this.rows = new Map();
    this.part = "";
    this.sort = { key: "name", direction: 1 };
    this.pinned = new Set(recall("pinned", []));
    this.chosen = new Set(recall("columns", COLUMNS.filter((each) => each.isShown).map((each) => each.key)));
    this.head = element("thead");
    this.body = element("tbody");
    table.append(element("caption", { class: "hushed" }, "Nodes of the chain"), this.head, this.body);
    this.offerColumns(columns);
    this.makeHead();
  }

  offerColumns(place) {
    for (const { key, label } of COLUMNS) {
      const box = element("input", { type: "checkbox", checked: this.chosen.has(key) });
      box.addEventListener("change", () => {
        if (box.checked) this.chosen.add(key); else this.chosen.delete(key);
        keep("columns", [...this.chosen]);
        this.clear();
        this.makeHead();
        this.changed();
      });
      place.append(element("label", { class: "tick" }, box, label));
    }
  }

  makeHead() {
    this.columns = COLUMNS.filter((each) => this.chosen.has(each.key));
    if (!this.columns.length) this.columns = COLUMNS.slice(0, 1);
    const cells = this.columns.map((each) => this.makeHeading(each));
    this.head.replaceChildren(element("tr", {}, element("th", { scope: "col" }, element("span", { class: "hushed" }, "Pinned")), ...cells));
    this.markSort();
  }

  makeHeading({ key, label, isNumber }) {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      this.sort = { key, direction: this.sort.key === key ? -this.sort.direction : 1 };
      this.markSort();
      this.changed();
    });
    return element("th", { scope: "col", class: isNumber && "number", "data-key": key }, button);
  }

  markSort() {
    for (const cell of this.head.querySelectorAll("th[data-key]")) {
      if (cell.dataset.key !== this.sort.key) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", this.sort.direction > 0 ? "ascending" : "descending");
    }
  }

  /** Forget every row, as for another chain. */
  clear() {
    this.rows.clear();
    this.body.replaceChildren();
  }

  /** Bring the list to what the nodes are; only `dirty` ones are looked at anew, or all when a second has passed. */
  draw(nodes, dirty, now, hasTicked) {
    const order = this.order(nodes);
    const visible = new Set(order.slice(0, ROWS_MAX));
    for (const [id, row] of this.rows) {
      if (!visible.has(nodes.get(id))) { row.line.remove(); this.rows.delete(id); }
    }
    for (const node of visible) this.drawRow(node, dirty.has(node.id), now, hasTicked);
    this.arrange(visible);
    this.tellShown(nodes.size, order.length);
  }

  order(nodes) {
    const { key, direction } = this.sort, { value } = COLUMNS.find((each) => each.key === key);
    const found = [...nodes.values()].filter((node) => matches(node, this.part));
    const keyed = found.map((node) => ({ node, isPinned: this.pinned.has(node.network_id), value: value(node) }));
    keyed.sort((a, b) => b.isPinned - a.isPinned || compare(a.value, b.value, direction) || a.node.id - b.node.id);
    return keyed.map((each) => each.node);
  }

  drawRow(node, isDirty, now, hasTicked) {
    let row = this.rows.get(node.id);
    // An id is used again when its node leaves: such a row is another node's.
    if (row && row.networkId !== node.network_id) { row.line.remove(); row = undefined; }
    const isNew = row === undefined;
    if (isNew) { row = this.makeRow(node); this.rows.set(node.id, row); }
    if (isNew || isDirty) {
      row.line.className = node.stale ? "stale" : "";
      this.drawPin(row, node);
    }
    this.columns.forEach((column, place) => {
      if (isNew || isDirty || (hasTicked && column.isTicking)) drawCell(row.cells[place], column, node, now);
    });
  }

  makeRow(node) {
    const pin = element("button", { type: "button", class: "pin" });
    const cells = this.columns.map((column) => {
      if (column.key !== "name") return { at: element("td", { class: column.isNumber && "number" }), text: null };
      const link = element("a", { href: this.hrefOf(node) });
      return { at: link, holder: element("td", {}, link), text: null };
    });
    const line = element("tr", {}, element("td", {}, pin), ...cells.map((each) => each.holder ?? each.at));
    line.dataset.node = node.network_id;
    pin.addEventListener("click", () => this.togglePin(node.network_id));
    return { line, pin, cells, networkId: node.network_id };
  }

  drawPin({ pin }, node) {
    pin.setAttribute("aria-pressed", String(this.pinned.has(node.network_id)));
    pin.setAttribute("aria-label", `Pin ${node.name}`);
  }

  togglePin(networkId) {
    if (!this.pinned.delete(networkId)) this.pinned.add(networkId);
    keep("pinned", [...this.pinned]);
    for (const { pin, networkId: of } of this.rows.values()) {
      if (of === networkId) pin.setAttribute("aria-pressed", String(this.pinned.has(of)));
    }
    this.changed();
  }

  /** Put the rows into order, moving as few as need it and keeping the focus where it is. */
  arrange(visible) {
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    let next = this.body.firstChild;
    for (const node of visible) {
      const { line } = this.rows.get(node.id);
      if (line === next) next = next.nextSibling;
      else this.body.insertBefore(line, next);
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  tellShown(all, found) {
    let text = found === all ? `${all} nodes` : `${found} of ${all} nodes`;
    if (all === 1) text = `${found} of 1 node`;
    if (found > ROWS_MAX) text += `, the first ${ROWS_MAX} shown: filter to see others`;
    if (this.shownLine.textContent !== text) this.shownLine.textContent = text;
  }
}

function drawCell(cell, column, node, now) {
  const value = column.value(node);
  const text = value === null || value === undefined ? "–" : column.text(value, now) || "–";
  if (text === cell.text) return;
  cell.text = text;
  cell.at.textContent = text;
  const whole = column.whole?.(node) ?? (text.length > 24 ? text : null);
  if (whole !== null) cell.at.title = whole;
  else cell.at.removeAttribute("title");
}
