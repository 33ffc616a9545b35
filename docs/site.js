// On a phone each row of a table of words stands as a block of its own: its cells say which column they are of.
document$.subscribe(() => {
  for (const table of document.querySelectorAll(".md-typeset table:not([class])")) {
    if (table.querySelector("td[style*=right]")) continue; // Of numbers.
    table.dataset.words = "";
    const titles = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    if (titles.length < 3) continue;
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, i) => i && titles[i] && cell.setAttribute("data-label", titles[i]));
    }
  }
});
