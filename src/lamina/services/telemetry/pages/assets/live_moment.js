// Which moment is shown: the present, or one of the past that the address (#at=) names. All times are UTC.

import { element } from "./page.js";
import { isoText, momentText } from "./said.js";

const STEPS = [["10", "10 s"], ["60", "1 min"], ["600", "10 min"], ["3600", "1 h"], ["86400", "1 day"]];
const FORM = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z?$/;

/** A moment as the address writes it. */
export function writeMoment(ms) {
  return isoText(ms).replace(".000Z", "Z");
}

/** A moment out of an address or a form, in milliseconds since 1970; NaN where it names none. */
export function readMoment(text) {
  const ms = FORM.test(text) ? Date.parse(text.endsWith("Z") ? text : `${text}Z`) : NaN;
  return ms >= 0 ? ms : NaN;
}

export class MomentBar {
  /** `bar` and `banner` are elements; `choose(ms)` is told what a visitor asks for, null for the present. */
  constructor(bar, banner, choose) {
    this.banner = banner;
    this.choose = choose;
    this.moment = null;
    this.back = element("button", { type: "button", onclick: () => this.step(-1) }, "◀ Back");
    this.forward = element("button", { type: "button", onclick: () => this.step(1) }, "Forward ▶");
    this.size = element("select", {}, ...STEPS.map(([key, label]) => element("option", { value: key, selected: key === "60" }, label)));
    this.field = element("input", { type: "datetime-local", step: 1, min: "1970-01-01T00:00:00" });
    this.text = element("span");
    this.live = element("button", { type: "button", onclick: () => this.leave() }, "Back to live");
    bar.append(this.back, element("label", {}, "Step", this.size), this.forward,
      element("label", {}, "Moment, UTC", this.field), element("button", {}, "Show"));
    bar.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.field.addEventListener("input", () => this.field.setCustomValidity(""));
    banner.append(element("strong", {}, "The past"), this.text, this.live);
  }

  /** Mark what is shown. */
  show(moment) {
    this.moment = moment;
    this.banner.hidden = moment === null;
    this.forward.disabled = moment === null;
    this.text.textContent = moment === null ? "" : `as it was at ${momentText(moment)}; nothing here changes`;
    this.field.value = moment === null ? "" : isoText(moment).slice(0, 19);
  }

  step(direction) {
    const from = this.moment ?? Math.floor(Date.now() / 1000) * 1000;
    const moment = from + direction * Number(this.size.value) * 1000;
    if (moment >= Date.now()) this.leave();
    else this.choose(Math.max(0, moment));
  }

  leave() {
    this.choose(null);
    this.back.focus();
  }

  submit() {
    const moment = readMoment(this.field.value);
    let fault = "";
    if (Number.isNaN(moment)) fault = "Choose a date and a time, in UTC.";
    else if (moment > Date.now()) fault = `That is still to come: it is ${momentText(Date.now())} now.`;
    this.field.setCustomValidity(fault);
    if (fault) this.field.reportValidity();
    else this.choose(moment);
  }
}
