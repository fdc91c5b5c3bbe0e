"use strict";

// Brings a page up to date and plays recordings in it. Without scripts the page is still whole: links open the files.
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

  setTimeout(refresh, PERIOD_MS);

  const watching = document.getElementById("watching");
  if (watching) {
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
  }

  const player = document.getElementById("player");
  if (!player) return;
  const video = player.querySelector("video");

  live.addEventListener("click", (event) => {
    const link = event.target.closest("a.play");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    video.src = link.href;
    document.getElementById("caption").textContent = link.dataset.caption;
    document.getElementById("download").href = link.href;
    player.showModal();
    video.play().catch(() => {});
  });
  document.getElementById("close").addEventListener("click", () => player.close());
  player.addEventListener("close", () => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  });
})();
