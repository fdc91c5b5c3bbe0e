"use strict";

// Brings a page up to date and opens live pictures in it. Without scripts the page is still whole.
(() => {
  const live = document.getElementById("live");
  if (!live) return;

  const PERIOD_MS = Number(live.dataset.period) || 5000;
  const disconnected = document.getElementById("disconnected");

  async function refresh() {
    try {
      if (!document.hidden) {
        const answer = await fetch(live.dataset.from, { cache: "no-store" });
        if (answer.status === 401) {
          location.reload();
          return;
        }
        if (!answer.ok) throw new Error(answer.status);
        const text = await answer.text();
        if (!live.contains(document.activeElement)) live.innerHTML = text;
      }
      disconnected.hidden = true;
    } catch {
      disconnected.hidden = false;
    }
    setTimeout(refresh, PERIOD_MS);
  }

  if (live.dataset.from) setTimeout(refresh, PERIOD_MS);

  const watching = document.getElementById("watching");
  if (!watching) return;
  const frame = watching.querySelector("iframe");
  live.addEventListener("click", (event) => {
    const link = event.target.closest("a.watch");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    frame.src = link.href;
    watching.querySelector(".caption").textContent = link.dataset.caption;
    watching.showModal();
  });
  watching.querySelector(".close").addEventListener("click", () => watching.close());
  watching.addEventListener("close", () => {
    frame.removeAttribute("src");
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  });
})();
