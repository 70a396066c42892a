"use strict";
// A click on a column's head sorts its table: numbers from the greatest down, words from A on; a second click turns it round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const body = table.tBodies[0];
  for (const head of heads) {
    head.addEventListener("click", () => {
      const numeric = head.classList.contains("n");
      const first = numeric ? "descending" : "ascending", second = numeric ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      const key = row => {
        const text = row.cells[head.cellIndex].textContent;
        return numeric ? parseFloat(text.replaceAll(",", "")) || 0 : text;
      };
      const compare = numeric ? ([a], [b]) => a - b : ([a], [b]) => a.localeCompare(b);
      const sorted = [...body.rows].map(row => [key(row), row]).sort(compare);
      if (order === "descending") sorted.reverse();
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      body.append(...sorted.map(([, row]) => row));
    });
  }
}
// A filter shows the rows that have all its words.
for (const input of document.querySelectorAll("input[data-filters]")) {
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  const texts = rows.map(row => row.textContent.toLowerCase());
  const output = input.parentElement.querySelector("output");
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every(word => texts[index].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    output.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} regions`;
  };
  input.addEventListener("input", apply);
  apply();
}
