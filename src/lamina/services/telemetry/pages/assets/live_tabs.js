// A row of tabs (ARIA's pattern): one is selected, arrow keys, Home and End move between them.

import { element } from "./page.js";

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

export class Tabs {
  /** `choose(key)` is told what a visitor selects; `panelOf(key)` names the panel's id. */
  constructor(list, choose, panelOf) {
    this.list = list;
    this.choose = choose;
    this.panelOf = panelOf;
    this.tabs = new Map();
    list.addEventListener("keydown", (event) => this.move(event));
  }

  /** Show `{key, label, count?, title?}` in this order. */
  show(entries, selected) {
    for (const [key, tab] of this.tabs) {
      if (!entries.some((each) => each.key === key)) { tab.remove(); this.tabs.delete(key); }
    }
    entries.forEach((entry, place) => {
      const tab = this.tabs.get(entry.key) ?? this.make(entry);
      setText(tab.firstChild, entry.label);
      setText(tab.lastChild, entry.count === undefined ? "" : ` ${entry.count}`);
      const isSelected = entry.key === selected;
      tab.setAttribute("aria-selected", String(isSelected));
      tab.tabIndex = isSelected ? 0 : -1;
      this.place(tab, place);
    });
  }

  place(tab, place) {
    if (this.list.children[place] === tab) return;
    const hadFocus = document.activeElement === tab;
    this.list.insertBefore(tab, this.list.children[place] ?? null);
    if (hadFocus) tab.focus();
  }

  make({ key, title }) {
    const tab = element("button", { type: "button", role: "tab", "aria-controls": this.panelOf(key), title },
      element("span"), element("span", { class: "count" }));
    tab.addEventListener("click", () => this.choose(key));
    this.tabs.set(key, tab);
    return tab;
  }

  move(event) {
    const all = [...this.list.children], now = all.indexOf(document.activeElement);
    if (now < 0) return;
    let next = now + (STEPS[event.key] ?? 0);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = all.length - 1;
    if (next === now) return;
    event.preventDefault();
    const tab = all[(next + all.length) % all.length];
    tab.focus();
    tab.click();
  }
}

function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
