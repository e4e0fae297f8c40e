#include "sc_main/report/page_assets.h"

namespace pagoda::report {

const char* const kStyle = R"(
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
  max-width: 1500px; margin: 0 auto; padding: 1.5rem 2rem 4rem; }
header { border-bottom: 3px solid #0072b2; margin-bottom: 1rem; }
.kind { text-transform: uppercase; letter-spacing: .08em; font-size: .8rem; color: #555; margin: 0; }
h1 { margin: .1rem 0 .2rem; font-size: 1.9rem; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.3rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
a { color: #005a8f; }
.notice { background: #fdecea; border-left: 4px solid #b3261e; padding: .5rem .8rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 560px), 1fr)); gap: 1.2rem;
  align-items: start; }
figure { margin: 0; max-width: 900px; border: 1px solid #ddd; border-radius: 4px; padding: .6rem; break-inside: avoid; }
figcaption { font-size: .9rem; color: #444; margin-bottom: .4rem; overflow-wrap: anywhere; }
figcaption b { color: #1a1a1a; }
svg { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: .22rem .7rem; text-align: left; border-bottom: 1px solid #e3e3e3; vertical-align: top; }
th { border-bottom: 2px solid #999; vertical-align: bottom; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td { white-space: nowrap; }
td.long { white-space: normal; min-width: 20em; overflow-wrap: anywhere; }
tbody tr:nth-child(even) { background: #f7f8fa; }
tr.failed td { color: #8c1d18; }
.ratio { color: #666; font-size: .92em; }
th button { all: unset; cursor: pointer; }
th button:hover, th button:focus-visible { text-decoration: underline; }
th button::after { content: "\2195"; color: #aaa; padding-left: .3em; }
th[aria-sort=ascending] button::after { content: "\2191"; color: #0072b2; }
th[aria-sort=descending] button::after { content: "\2193"; color: #0072b2; }
summary { cursor: pointer; color: #005a8f; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  body { padding: 0; font-size: 10pt; max-width: none; }
  nav, th button::after { display: none; }
  .figures { grid-template-columns: 1fr 1fr; gap: .6rem; }
  .scroll { overflow: visible; }
  table { font-size: 7pt; }
  th, td { padding: .15rem .35rem; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  h2 { break-after: avoid; }
}
)";

const char* const kScript = R"(
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = Array.from(table.tHead.rows[0].cells);
  headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => {
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of headers) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = table.tBodies[0];
    const key = row => {
      const cell = row.cells[column];
      return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
    };
    // Numbers come before texts, and what is empty last in either order.
    const compare = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      const order = typeof a === "number" ? a - b : a.localeCompare(b, undefined, {numeric: true});
      return ascending ? order : -order;
    };
    const rows = Array.from(body.rows, row => [key(row), row]);
    rows.sort((a, b) => compare(a[0], b[0]));
    body.append(...rows.map(pair => pair[1]));
  }));
}
)";

const char* const kScriptHash = "sha256-j3cvT9oO/BEhLnnsj/Xf4uPhR8W8WdXo0Drz6BIuetU=";

}  // namespace pagoda::report
