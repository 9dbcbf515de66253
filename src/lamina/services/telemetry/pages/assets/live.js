// The live page: chains as tabs, one chain's nodes as they change, or as they were, and what the address
// (#chain=, view=, node=, at=) asks for.

import { element, getJSON, intakeAddress, say } from "./page.js";
import { momentText, textOf } from "./said.js";
import { ago, count, shortHash, span } from "./live_units.js";
import { History } from "./live_history.js";
import { NodeMap } from "./live_map.js";
import { MomentBar, readMoment, writeMoment } from "./live_moment.js";
import { Past } from "./live_past.js";
import { LiveStream } from "./live_stream.js";
import { NodeTable } from "./live_table.js";
import { drawStatistics } from "./live_statistics.js";
import { Tabs } from "./live_tabs.js";

const DRAWING_MS = 250;
const BIG_DRAWING_MS = 1000;
const BIG_NODES = 300;
const POLL_MS = 5000;
const VIEWS = [{ key: "list", label: "List" }, { key: "map", label: "Map" }, { key: "statistics", label: "Statistics" }];

const at = (id) => document.getElementById(id);

class LivePage {
  constructor() {
    this.chains = new Map();
    this.nodes = new Map();
    this.dirty = new Set();
    this.genesis = null;
    // The moment of the past that is shown, in milliseconds since 1970; null is the present, undefined nothing yet.
    this.moment = undefined;
    // What was wrong with the address, said beside the state.
    this.notice = null;
    this.isWatching = false;
    this.view = "list";
    this.drawnAt = 0;
    this.tickedAt = 0;
    this.isDue = false;
    // The server's clock against ours, learnt from blocks as they are told: ages are right even where one of both is wrong.
    this.behind = null;
    this.chainTabs = new Tabs(at("chains"), (genesis) => this.go({ chain: genesis }), () => "chain");
    this.viewTabs = new Tabs(at("views"), (view) => this.go({ view }), (view) => `view-${view}`);
    this.table = new NodeTable({
      table: at("nodes"), columns: at("columns").querySelector("fieldset"), shown: at("shown"), changed: () => this.drawNow(), hrefOf,
    });
    this.map = new NodeMap(at("view-map"), hrefOf);
    this.stream = new LiveStream(this.hearing(), () => { this.nodes.clear(); this.tellState(); });
    this.past = new Past((found) => this.showPast(found), (failure) => this.losePast(failure));
    this.moments = new MomentBar(at("moment"), at("past"), (ms) => this.go({ at: ms === null ? null : writeMoment(ms) }));
    this.history = new History(at("history"), () => this.go({ node: null }));
    this.facts = new Map(["Best block", "Finalized", "Average block time", "Last block", "Genesis"].map((name) => [name, element("dd")]));
    at("facts").append(...[...this.facts].map(([name, value]) => element("div", {}, element("dt", {}, name), value)));
    at("connect").textContent = `--telemetry-url '${intakeAddress()} 0'`;
    this.listen();
  }

  listen() {
    at("filter").addEventListener("input", () => { this.table.part = at("filter").value.trim().toLowerCase(); this.drawNow(); });
    document.addEventListener("click", (event) => this.follow(event));
    window.addEventListener("hashchange", () => this.obey());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.drawSoon(); });
  }

  start() {
    setInterval(() => this.pollChains(), POLL_MS);
    setInterval(() => { if (this.moment === null) this.askStatistics(); }, POLL_MS);
    setInterval(() => this.drawSoon(), 1000);
    this.obey();
  }

  /** A click on a node, its name or elsewhere in its row, opens its history without losing chain and view. */
  follow(event) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[href^='#node=']");
    if (link) {
      event.preventDefault();
      this.go({ node: new URLSearchParams(link.getAttribute("href").slice(1)).get("node") });
      return;
    }
    const row = event.target.closest("tr[data-node]");
    if (row && !event.target.closest("button, input") && getSelection().isCollapsed) this.go({ node: row.dataset.node });
  }

  /** Change what the address asks for; absent parts stay, null ones go. */
  go(parts) {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const [name, value] of Object.entries(parts)) {
      if (value === null) asked.delete(name); else asked.set(name, value);
    }
    if (asked.toString() === new URLSearchParams(location.hash.slice(1)).toString()) return;
    location.hash = asked.toString();
  }

  asked(name) {
    return new URLSearchParams(location.hash.slice(1)).get(name) || null;
  }

  /** Show what the address asks for. */
  obey() {
    const view = this.asked("view");
    this.view = VIEWS.some(({ key }) => key === view) ? view : "list";
    this.viewTabs.show(VIEWS, this.view);
    for (const { key } of VIEWS) at(`view-${key}`).hidden = key !== this.view;
    at("columns").hidden = this.view !== "list";
    at("filter").parentElement.hidden = this.view === "statistics";
    const moment = this.askedMoment();
    if (moment !== this.moment) this.enter(moment);
    else this.chooseChain();
    const node = this.asked("node");
    this.history.open(node, [...this.nodes.values()].find((each) => each.network_id === node)?.name, this.moment);
    this.askStatistics();
    this.drawSoon();
  }

  /** The moment that the address names; the present where it names none, or none that has been. */
  askedMoment() {
    const text = this.asked("at");
    this.notice = null;
    if (text === null) return null;
    const moment = readMoment(text);
    if (moment <= Date.now()) return moment;
    const reason = Number.isNaN(moment) ? "is no moment such as 2026-03-01T12:00:00Z" : "is still to come";
    this.notice = `The address asks for ${textOf(text)}, which ${reason}: this is the present.`;
    return null;
  }

  /** Turn to a moment, null being the present. */
  enter(moment) {
    const wasPast = typeof this.moment === "number", isPast = moment !== null;
    this.moment = moment;
    this.moments.show(moment);
    at("title").textContent = isPast ? "Nodes in the past" : "Live nodes";
    document.title = isPast ? `${momentText(moment)} – nodes` : "Live nodes";
    this.stream.leave();
    this.past.forget();
    // From one moment to the next, rows stay, dimmed until the answer is there; never from the present to the past or back.
    if (!(wasPast && isPast)) { this.chains.clear(); this.forget(); }
    if (isPast) { this.askPast(); return; }
    at("live").removeAttribute("aria-busy");
    at("gone").hidden = true;
    this.isWatching = false;
    this.pollChains();
  }

  askPast() {
    at("live").setAttribute("aria-busy", "true");
    say("Reading what was stored of that moment…");
    this.past.ask(this.moment, (chains) => this.pick(new Set(chains.map((each) => each.genesis_hash))));
  }

  showPast({ moment, chains, genesis, nodes }) {
    this.chains = new Map(chains.map((each) => [each.genesis_hash, each]));
    if (genesis !== this.genesis) this.forget();
    this.genesis = genesis;
    this.nodes.clear();
    for (const node of nodes) { this.nodes.set(node.id, node); this.dirty.add(node.id); }
    at("live").removeAttribute("aria-busy");
    this.showWhether(chains.length > 0);
    const total = chains.reduce((sum, each) => sum + each.node_count, 0);
    const counts = `${total} ${total === 1 ? "node" : "nodes"} of ${chains.length} ${chains.length === 1 ? "chain" : "chains"}`;
    say(chains.length ? `As of ${momentText(moment)}: ${counts}.` : `As of ${momentText(moment)}: no node.`);
    this.askStatistics();
    this.drawNow();
  }

  /** What could not be read is not shown as what was. */
  losePast(failure) {
    this.chains.clear();
    this.forget();
    at("live").hidden = at("gone").hidden = true;
    at("live").removeAttribute("aria-busy");
    say(`That moment could not be read. ${failure.message}`, true, () => this.askPast());
  }

  /** The lists, or what to do while there is nothing to list. */
  showWhether(hasChains) {
    at("live").hidden = !hasChains;
    at("empty").hidden = hasChains || this.moment !== null;
    at("gone").hidden = hasChains || this.moment === null;
  }

  async pollChains() {
    if (this.moment !== null || (document.hidden && this.chains.size)) return;
    let chains;
    try {
      chains = await getJSON("/live/chains");
    } catch (failure) {
      if (this.moment === null) say(`${failure.message} Trying again every ${POLL_MS / 1000} s.`, true);
      return;
    }
    if (this.moment !== null) return;
    this.chains = new Map(chains.map((each) => [each.genesis_hash, each]));
    this.tellState();
    this.showWhether(this.chains.size > 0);
    this.chooseChain();
    this.drawSoon();
  }

  /** Take back what was said of a failure that is over; the same words are not said twice, as readers speak them. */
  tellState() {
    let text = null;
    if (!this.chains.size) text = "No node is connected.";
    else if (this.stream.isOpen) text = "Live.";
    if (text !== null && this.notice) text = `${this.notice} ${text}`;
    if (text !== null && at("status").textContent !== text) say(text);
  }

  /** Of some chains the one that is asked for, else the one shown, else the first, which has the most nodes. */
  pick(known) {
    return [this.asked("chain"), this.genesis].find((each) => known.has(each)) ?? known.keys().next().value ?? null;
  }

  chooseChain() {
    const wanted = this.pick(this.chains);
    if (this.moment === null) {
      if (wanted !== this.genesis || !this.isWatching) this.watch(wanted);
    } else if (wanted !== this.genesis) this.askPast();
  }

  watch(genesis) {
    this.genesis = genesis;
    this.isWatching = genesis !== null;
    this.forget();
    if (genesis === null) this.stream.leave();
    else this.stream.follow(genesis);
    this.askStatistics();
  }

  forget() {
    this.nodes.clear();
    this.table.clear();
    this.drawSoon();
  }

  /** What each event of the stream does. */
  hearing() {
    const acts = {
      chain: (chain) => this.hearChain(chain),
      node: (node) => { this.nodes.set(node.id, node); this.dirty.add(node.id); },
      node_removed: ({ id }) => { this.nodes.delete(id); },
      block: (block) => this.hearBlock(block),
      finalized: ({ id, height, hash }) => this.change(id, { finalized: { height, hash } }),
    };
    return Object.fromEntries(Object.entries(acts).map(([name, act]) => [name, (data) => { act(data); this.drawSoon(); }]));
  }

  hearChain(chain) {
    if (chain.node_count) this.chains.set(chain.genesis_hash, chain);
    else { this.chains.delete(chain.genesis_hash); this.pollChains(); }
  }

  hearBlock({ id, height, hash, block_time, timestamp, propagation_time }) {
    const behind = Date.now() - timestamp;
    this.behind = this.behind === null ? behind : Math.min(this.behind, behind);
    this.change(id, { best: { height, hash, block_time, timestamp, propagation_time }, stale: false });
  }

  change(id, parts) {
    const node = this.nodes.get(id);
    if (!node) return;
    Object.assign(node, parts);
    this.dirty.add(id);
  }

  async askStatistics() {
    if (this.view !== "statistics" || !this.chains.has(this.genesis) || document.hidden) return;
    const { genesis, moment } = this, isCurrent = () => genesis === this.genesis && moment === this.moment;
    const parameters = { at: moment === null ? null : writeMoment(moment) };
    try {
      const rankings = await getJSON(`/live/chains/${encodeURIComponent(genesis)}/stats`, parameters);
      if (isCurrent()) drawStatistics(at("view-statistics"), rankings, moment);
    } catch (failure) {
      if (!isCurrent()) return;
      const again = element("button", { type: "button", onclick: () => this.askStatistics() }, "Try again");
      at("view-statistics").replaceChildren(element("p", { class: "bad" }, `${failure.message} `, again));
    }
  }

  /** Draw with the next frame: what a visitor does shows at once. */
  drawNow() {
    requestAnimationFrame(() => this.draw());
  }

  /** Draw what nodes did: a few times a second, once a second where a browser has many rows to lay out. */
  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    const pause = this.nodes.size > BIG_NODES ? BIG_DRAWING_MS : DRAWING_MS;
    const wait = Math.max(0, this.drawnAt + pause - performance.now());
    setTimeout(() => requestAnimationFrame(() => { this.isDue = false; this.draw(); }), wait);
  }

  draw() {
    this.drawnAt = performance.now();
    const now = this.moment ?? Date.now() - (this.behind ?? 0);
    const hasTicked = this.drawnAt - this.tickedAt >= 950;
    if (hasTicked) this.tickedAt = this.drawnAt;
    this.drawChains();
    this.drawFacts(now);
    if (this.view === "list") {
      this.table.draw(this.nodes, this.dirty, now, hasTicked);
      this.dirty.clear();
    }
    if (this.view === "map") this.map.draw(this.nodes, this.table.part);
  }

  drawChains() {
    const ranked = [...this.chains.values()].sort((a, b) => b.node_count - a.node_count);
    const entries = ranked.map((each) => ({ key: each.genesis_hash, label: each.label || shortHash(each.genesis_hash), count: each.node_count, title: each.genesis_hash }));
    this.chainTabs.show(entries, this.genesis);
  }

  drawFacts(now) {
    const chain = this.chains.get(this.genesis);
    const { best, finalized, average_block_time: mean } = chain ?? {};
    this.tell("Best block", best?.height ? count(best.height) : "–", best?.hash);
    this.tell("Finalized", finalized?.height ? count(finalized.height) : "–", finalized?.hash);
    this.tell("Average block time", mean === null || mean === undefined ? "–" : span(mean));
    this.tell("Last block", best?.height && best.timestamp ? `${ago(best.timestamp, now)} ago` : "–");
    this.tell("Genesis", this.genesis ? shortHash(this.genesis) : "–", this.genesis);
  }

  tell(name, text, title = null) {
    const value = this.facts.get(name);
    if (value.textContent !== text) value.textContent = text;
    if (title) value.title = title; else value.removeAttribute("title");
  }
}

function hrefOf(node) {
  return `#${new URLSearchParams({ node: node.network_id })}`;
}

new LivePage().start();
