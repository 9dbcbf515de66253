// The live page: chains as tabs, one chain's nodes as they change, and what the address (#chain=, view=, node=) asks for.

import { element, getJSON, openEvents, say } from "./page.js";
import { ago, count, shortHash, span } from "./live_units.js";
import { History } from "./live_history.js";
import { NodeMap } from "./live_map.js";
import { NodeTable } from "./live_table.js";
import { drawStatistics } from "./live_statistics.js";
import { Tabs } from "./live_tabs.js";

const DRAWING_MS = 250;
const BIG_DRAWING_MS = 1000;
const BIG_NODES = 300;
const POLL_MS = 5000;
const RETRY_MS = 5000;
const VIEWS = [{ key: "list", label: "List" }, { key: "map", label: "Map" }, { key: "statistics", label: "Statistics" }];

const at = (id) => document.getElementById(id);

class LivePage {
  constructor() {
    this.chains = new Map();
    this.nodes = new Map();
    this.dirty = new Set();
    this.genesis = null;
    this.events = null;
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
    this.pollChains();
    setInterval(() => this.pollChains(), POLL_MS);
    setInterval(() => this.pollStatistics(), POLL_MS);
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

  /** Show what the address asks for. */
  obey() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const view = asked.get("view");
    this.view = VIEWS.some(({ key }) => key === view) ? view : "list";
    this.viewTabs.show(VIEWS, this.view);
    for (const { key } of VIEWS) at(`view-${key}`).hidden = key !== this.view;
    at("columns").hidden = this.view !== "list";
    at("filter").parentElement.hidden = this.view === "statistics";
    this.chooseChain(asked.get("chain"));
    const node = asked.get("node") || null;
    this.history.open(node, [...this.nodes.values()].find((each) => each.network_id === node)?.name);
    this.pollStatistics();
    this.drawSoon();
  }

  async pollChains() {
    if (document.hidden && this.chains.size) return;
    try {
      const chains = await getJSON("/live/chains");
      this.chains = new Map(chains.map((each) => [each.genesis_hash, each]));
    } catch (failure) {
      say(`${failure.message} Trying again every ${POLL_MS / 1000} s.`, true);
      return;
    }
    this.tellState();
    at("empty").hidden = this.chains.size > 0;
    at("live").hidden = this.chains.size === 0;
    this.chooseChain(new URLSearchParams(location.hash.slice(1)).get("chain"));
    this.drawSoon();
  }

  /** Take back what was said of a failure that is over; the same words are not said twice, as readers speak them. */
  tellState() {
    let text = null;
    if (!this.chains.size) text = "No node is connected.";
    else if (this.events?.readyState === EventSource.OPEN) text = "Live.";
    if (text !== null && at("status").textContent !== text) say(text);
  }

  /** The chain that is asked for, as long as there is one; else the one shown, else the one with the most nodes. */
  chooseChain(asked) {
    const wanted = [asked, this.genesis].find((each) => this.chains.has(each)) ?? this.chains.keys().next().value ?? null;
    if (wanted !== this.genesis) this.watch(wanted);
  }

  watch(genesis) {
    this.events?.close();
    this.genesis = genesis;
    this.events = null;
    this.forget();
    if (genesis !== null) this.connect();
    this.pollStatistics();
  }

  forget() {
    this.nodes.clear();
    this.table.clear();
    this.drawSoon();
  }

  connect() {
    const genesis = this.genesis, events = openEvents("/live/stream", { chain: genesis });
    this.events = events;
    const hear = (name, act) => events.addEventListener(name, (event) => {
      if (this.events !== events) return;
      act(JSON.parse(event.data));
      this.drawSoon();
    });
    say("Connecting to the live stream…");
    // A stream begins with all there is: what left while it was interrupted is not told.
    events.addEventListener("open", () => { if (this.events === events) { this.nodes.clear(); this.tellState(); } });
    events.addEventListener("error", () => { if (this.events === events) this.lose(events); });
    hear("chain", (chain) => this.hearChain(chain));
    hear("node", (node) => { this.nodes.set(node.id, node); this.dirty.add(node.id); });
    hear("node_removed", ({ id }) => { this.nodes.delete(id); });
    hear("block", (block) => this.hearBlock(block));
    hear("finalized", ({ id, height, hash }) => this.change(id, { finalized: { height, hash } }));
  }

  lose(events) {
    if (events.readyState !== EventSource.CLOSED) {
      say("The live stream broke off; connecting again. What is shown may be old.", true);
      return;
    }
    say(`The server refuses the live stream (too many readers?); trying again in ${RETRY_MS / 1000} s.`, true);
    setTimeout(() => { if (this.events === events) this.connect(); }, RETRY_MS);
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

  async pollStatistics() {
    if (this.view !== "statistics" || this.genesis === null || document.hidden) return;
    const genesis = this.genesis;
    try {
      const rankings = await getJSON(`/live/chains/${encodeURIComponent(genesis)}/stats`);
      if (genesis === this.genesis) drawStatistics(at("view-statistics"), rankings);
    } catch (failure) {
      if (genesis === this.genesis) at("view-statistics").replaceChildren(element("p", { class: "bad" }, failure.message));
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
    const now = Date.now() - (this.behind ?? 0);
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

/** Where nodes connect to, as seen from here. */
function intakeAddress() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}${location.pathname.replace(/dashboard\/.*$/, "")}`;
}

new LivePage().start();
