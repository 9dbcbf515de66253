// A bar that shows a share of a whole; a drawing, since the pages' content policy allows no style attributes.

import { shape } from "./page.js";

/** A bar of `part` out of `whole`. */
export function shareBar(part, whole) {
  const width = whole > 0 ? Math.max(0.5, (part / whole) * 100) : 0;
  return shape("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "share", "aria-hidden": "true" },
    shape("rect", { class: "ground", width: 100, height: 8 }), shape("rect", { width, height: 8 }));
}

/** A share in per cent. */
export function percent(part, whole) {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)} %` : "–";
}
