// One node's history out of the store: its connection, what it sent, its latest messages, a field over time.

import { LineChart } from "./chart.js";
import { element, getJSON, scrolling } from "./page.js";
import { milliseconds, momentText, numberOf, textOf, utcText } from "./said.js";
import { percent, shareBar } from "./live_share.js";
import { count } from "./live_units.js";

const FIELDS = [
  ["peers", "Peers", ""],
  ["height", "Height", "block"],
  ["txcount", "Transactions", ""],
  ["bandwidth_upload", "Upload", "bytes/s"],
  ["bandwidth_download", "Download", "bytes/s"],
  ["used_state_cache_size", "State cache", "bytes"],
];
const SPANS = [["900", "15 minutes"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "1 week"], ["2592000", "30 days"]];
const POINTS = 300;
const LIMIT_MAX = 1000;

export class History {
  /** `dialog` holds it; `left()` is called when a visitor closes it. */
  constructor(dialog, left) {
    this.dialog = dialog;
    this.networkId = null;
    this.moment = null;
    this.title = element("h2", { id: "history-title", tabindex: "-1" });
    const again = element("button", { type: "button" }, "Refresh");
    const close = element("button", { type: "button" }, "Close");
    this.line = element("p", { class: "faint", role: "status" });
    this.facts = element("dl", { class: "facts" });
    this.counts = element("tbody");
    this.type = element("select");
    this.limit = element("input", { type: "number", min: 1, max: LIMIT_MAX, value: 20 });
    this.messages = element("ul", { class: "messages" });
    this.field = element("select", {}, ...FIELDS.map(([key, label]) => element("option", { value: key }, label)));
    this.span = element("select", {}, ...SPANS.map(([key, label]) => element("option", { value: key, selected: key === "3600" }, label)));
    this.chartPlace = element("div");
    this.noPoints = element("p", { class: "empty" });
    again.addEventListener("click", () => this.load());
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { this.networkId = null; left(); });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    this.type.addEventListener("change", () => this.loadMessages());
    this.limit.addEventListener("change", () => this.loadMessages());
    this.field.addEventListener("change", () => this.loadSeries());
    this.span.addEventListener("change", () => this.loadSeries());
    dialog.append(
      element("div", { class: "title" }, this.title, element("div", { class: "tabs" }, again, close)), this.line, this.facts,
      element("h3", {}, "Over time"),
      element("div", { class: "bar" }, element("label", {}, "Field", this.field), element("label", {}, "Span", this.span)),
      this.chartPlace, this.noPoints,
      element("h3", {}, "Messages stored"),
      scrolling("Messages stored", element("table", {},
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Type"),
        element("th", { scope: "col", class: "number" }, "Messages"), element("th", { scope: "colgroup", colspan: 2 }, "Share"))), this.counts)),
      element("h3", {}, "Latest messages"),
      element("div", { class: "bar" }, element("label", {}, "Type", this.type), element("label", {}, "At most", this.limit)),
      this.messages,
    );
  }

  /** Show a node, whose name may be unknown as yet, up to a moment of the past, null being the present; no node closes. */
  open(networkId, name, moment) {
    if (networkId === this.networkId && (networkId === null || moment === this.moment)) return;
    if (networkId === null) { this.dialog.close(); return; }
    this.networkId = networkId;
    this.moment = moment;
    this.setTitle(name);
    for (const place of [this.facts, this.counts, this.messages, this.chartPlace]) place.replaceChildren();
    this.type.replaceChildren(element("option", { value: "" }, "all"));
    if (!this.dialog.open) this.dialog.showModal();
    this.title.focus();
    this.load();
  }

  setTitle(name) {
    this.title.textContent = name || this.networkId;
  }

  async load() {
    this.say("Loading…");
    const parts = [this.loadConnection(), this.loadCounts(), this.loadMessages(), this.loadSeries()];
    const failed = (await Promise.all(parts)).some((isDone) => isDone === false);
    if (failed || !this.dialog.open) return;
    if (this.moment === null) this.say(`As of ${momentText(Date.now())}.`);
    else this.say(`Values and messages up to ${momentText(this.moment)}, the moment shown; connection and counts as of now.`);
  }

  say(text, isBad = false) {
    this.line.textContent = text;
    this.line.className = isBad ? "bad" : "faint";
  }

  /** Ask, and show the answer unless another node or another question came in between. */
  async ask(what, path, parameters, show) {
    const networkId = this.networkId, turn = Symbol(what);
    this[what] = turn;
    try {
      const answer = await getJSON(path, parameters);
      if (this.networkId === networkId && this[what] === turn) show(answer);
      return true;
    } catch (failure) {
      if (this.networkId === networkId && this[what] === turn) this.say(failure.message, true);
      return false;
    }
  }

  /** The end of what is asked for: messages of the very moment belong to it, and ends are exclusive. */
  until() {
    return this.moment === null ? null : utcText(this.moment + 1);
  }

  loadConnection() {
    return this.ask("connectionTurn", "/nodes", {}, (nodes) => {
      const found = nodes.find((each) => each.peer_id === this.networkId);
      if (!found) {
        this.facts.replaceChildren(fact("Connection", "not in the store (yet); it is written within seconds"), fact("Network id", this.networkId));
        return;
      }
      this.setTitle(found.name);
      this.facts.replaceChildren(
        fact("Network id", this.networkId), fact("Address", found.ip_addr), fact("Connected", momentText(milliseconds(found.created_at))),
        fact("Chain", found.chain), fact("Implementation", found.implementation), fact("Version", found.version),
        fact("Authority", found.authority === null ? null : found.authority ? "yes" : "no"),
        fact("Started", found.startup_time === null ? null : momentText(found.startup_time)), fact("Kept for audit", found.audit ? "yes" : "no"),
      );
    });
  }

  loadCounts() {
    return this.ask("countsTurn", "/nodes/log_stats", { peer_id: this.networkId }, (stats) => {
      const whole = stats.reduce((sum, each) => sum + each.qty, 0);
      this.counts.replaceChildren(...stats.map(({ log_type: type, qty }) => element("tr", {},
        element("td", {}, textOf(type)), element("td", { class: "number" }, count(qty)),
        element("td", { class: "number" }, percent(qty, whole)), element("td", {}, shareBar(qty, whole)))));
      if (!stats.length) this.counts.append(element("tr", {}, element("td", { colspan: 4, class: "faint" }, "None stored.")));
      const chosen = this.type.value;
      // Messages without a type are counted as "unknown", which is no type that could be asked for.
      const types = stats.map((each) => each.log_type).filter((type) => type && type !== "unknown");
      this.type.replaceChildren(element("option", { value: "" }, "all"), ...types.map((type) => element("option", { value: type, selected: type === chosen }, textOf(type))));
    });
  }

  loadMessages() {
    const limit = Math.min(LIMIT_MAX, Math.max(1, Number.parseInt(this.limit.value, 10) || 20));
    this.limit.value = limit;
    return this.ask("messagesTurn", "/nodes/logs", { peer_id: this.networkId, msg: this.type.value, limit, end_time: this.until() }, (messages) => {
      this.messages.replaceChildren(...messages.map(message));
      if (!messages.length) this.messages.append(element("li", { class: "faint" }, this.moment === null ? "None stored." : "None stored up to then."));
    });
  }

  loadSeries() {
    const [field, label, unit] = FIELDS.find(([key]) => key === this.field.value);
    const seconds = Number(this.span.value), step = Math.max(1, Math.ceil(seconds / POINTS));
    const parameters = { field, msg: "system.interval", step, start_time: utcText((this.moment ?? Date.now()) - seconds * 1000), end_time: this.until() };
    return this.ask("seriesTurn", `/nodes/${encodeURIComponent(this.networkId)}/series`, parameters, (points) => {
      this.noPoints.textContent = points.length ? "" : "The node sent no such value in this time: choose a longer span or another field.";
      const chart = new LineChart(`${label}, mean of ${step} s`, { unit });
      chart.add(label, points.map(([at, value]) => ({ x: milliseconds(at), y: numberOf(value) })));
      this.chartPlace.replaceChildren(...(points.length ? [chart.figure] : []));
    });
  }
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value === null || value === undefined || value === "" ? "–" : String(value)));
}

/** A message, whose document is written out when it is opened: some are 100 kB. */
function message({ created_at: at, msg, logs }) {
  const made = element("details", {}, element("summary", {}, `${at.replace("T", " ").slice(0, 23)}  ${textOf(msg, "unknown")}`));
  made.addEventListener("toggle", () => {
    if (made.open && made.children.length === 1) made.append(element("pre", {}, JSON.stringify(logs, null, 2)));
  });
  return element("li", {}, made);
}
