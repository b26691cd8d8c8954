// What a page does by itself: it asks for news only while somebody sees it and has not paused it, and says so when
// nobody answers. Everything works without this file.
"use strict";
(() => {
  const unreachable = document.getElementById("unreachable");
  const pause = document.getElementById("pause");
  const paused = () => pause !== null && pause.getAttribute("aria-pressed") === "true";
  if (pause !== null) {
    pause.hidden = false;
    pause.addEventListener("click", () => pause.setAttribute("aria-pressed", String(!paused())));
  }
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "live" && (document.hidden || paused())) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    unreachable.hidden = event.detail.xhr.status !== 0 && event.detail.xhr.status < 500;
  });
})();
