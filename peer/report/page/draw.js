"use strict";
// Draws the figures in the reader's colours, again when these change, and when a switch shows another view.
(() => {
  const { figures, colours } = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;

  // "@blue" stands for this scheme's blue, wherever it is in a figure.
  const coloured = (value) => {
    if (typeof value === "string" && value.startsWith("@")) return colours[dark.matches ? "dark" : "light"][value.slice(1)];
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, coloured(entry)]));
  };

  const draw = (place) => {
    const figure = coloured(figures[place.dataset.figure]);
    // A picture with equal axes is as high as it is wide, at most.
    if (figure.layout.yaxis.scaleanchor) figure.layout.height = Math.min(figure.layout.height, place.clientWidth);
    // A finger that drags across a figure scrolls the page.
    if (touch) for (const axis of ["xaxis", "yaxis"]) figure.layout[axis].fixedrange = true;
    Plotly.react(place, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  };

  const places = [...document.querySelectorAll(".figure")];
  places.forEach(draw);
  dark.addEventListener("change", () => places.forEach(draw));

  for (const button of document.querySelectorAll(".switch button")) {
    button.addEventListener("click", () => {
      const card = button.closest(".card");
      for (const other of card.querySelectorAll(".switch button")) other.setAttribute("aria-pressed", String(other === button));
      const place = card.querySelector(".figure");
      place.dataset.figure = button.dataset.figure;
      draw(place);
    });
  }
})();
