// The wall: pictures are brought up to date, and what plays goes on playing.

const PERIOD_MS = 5000;
const MOST_LIVE = 25;

const main = document.getElementById("live");
const tiles = document.getElementById("tiles");
const disconnected = document.getElementById("disconnected");

const isLive = (tile) => tile.querySelector("iframe") !== null;

function play(tile) {
  if (isLive(tile)) return;
  const link = tile.querySelector("a.look");
  const frame = document.createElement("iframe");
  frame.src = link.href;
  frame.title = link.getAttribute("aria-label");
  frame.allow = "autoplay; fullscreen";
  link.hidden = true;
  tile.querySelector(".picture").append(frame);
  tile.querySelector(".stop").hidden = false;
}

function still(tile) {
  tile.querySelector("iframe")?.remove();
  tile.querySelector("a.look").hidden = false;
  tile.querySelector(".stop").hidden = true;
}

tiles.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile || event.ctrlKey || event.metaKey) return;
  if (event.target.closest(".stop")) {
    still(tile);
    tile.querySelector("a.look").focus();
  } else if (event.target.closest("a.look")) {
    event.preventDefault();
    play(tile);
    tile.querySelector(".stop").focus();
  }
});

main.querySelector(".all-live").addEventListener("click", () => {
  [...tiles.querySelectorAll(".tile:not(.away)")].slice(0, MOST_LIVE).forEach(play);
});
main.querySelector(".all-still").addEventListener("click", () => tiles.querySelectorAll(".tile").forEach(still));
main.querySelector(".full").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else main.requestFullscreen?.();
});

/** Take over what is new: a tile that plays keeps its picture, and one that has the focus keeps it. */
function take(fresh) {
  const wall = tiles.querySelector(".wall");
  const known = new Map([...wall.querySelectorAll(".tile")].map((tile) => [tile.dataset.id, tile]));
  const items = [...fresh.querySelectorAll(".wall > li")];
  const wanted = items.map((item) => {
    const tile = known.get(item.dataset.id);
    if (!tile) return item;
    tile.className = item.className;
    const stop = tile.querySelector(".stop");
    const about = item.querySelector(".about");
    about.querySelector(".stop")?.replaceWith(stop);
    tile.querySelector(".about").replaceChildren(...about.childNodes);
    const link = tile.querySelector("a.look");
    const other = item.querySelector("a.look");
    if (link.innerHTML !== other.innerHTML) link.replaceChildren(...other.childNodes);
    link.href = other.href;
    link.setAttribute("aria-label", other.getAttribute("aria-label"));
    return tile;
  });
  // Moving an iframe in the document loads it anew: nothing is moved where the order is the same.
  const same = wanted.length === wall.children.length && wanted.every((tile, at) => tile === wall.children[at]);
  if (!same) wall.replaceChildren(...wanted);
}

async function refresh() {
  try {
    if (!document.hidden) {
      const address = new URL(location.href);
      address.searchParams.set("part", "1");
      const answer = await fetch(address, { cache: "no-store" });
      if (answer.status === 401) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
    disconnected.hidden = true;
  } catch {
    disconnected.hidden = false;
  }
  setTimeout(refresh, PERIOD_MS);
}

setTimeout(refresh, PERIOD_MS);
