"use strict";
// A click on a heading sorts by that column; numbers by value, dashes last.
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("th").forEach((head, column) => {
    head.addEventListener("click", () => {
      const body = table.tBodies[0];
      const value = (row) => row.cells[column].textContent;
      const number = (text) => parseFloat(text.replace("−", "-"));
      const falling = head.dataset.order === "up";
      head.dataset.order = falling ? "down" : "up";
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [number(value(a)), number(value(b))];
        if (Number.isNaN(x) && Number.isNaN(y)) return value(a).localeCompare(value(b));
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
        return falling ? y - x : x - y;
      });
      body.append(...rows);
    });
  });
}
// One sound at a time.
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) {
    if (other !== event.target) other.pause();
  }
}, true);
