// One film out of slices: two video elements take turns, the next slice waits ready while one plays, and what stands in
// two slices is shown once. `clips` are in order: {file, at, skip, length}, `at` on the whole's time.

const NEAR_SEC = 0.05;

/** The clip at a time, and the time within its file. */
export function locate(clips, time) {
  const last = clips.length - 1;
  const index = Math.max(0, clips.findIndex((clip, at) => at === last || time < clip.at + clip.length));
  const clip = clips[index];
  const within = Math.min(Math.max(time - clip.at, 0), clip.length);
  return { index, second: clip.skip + within };
}

export class Film extends EventTarget {
  #videos;
  #clips = [];
  #index = 0;
  #front = 0;
  #wants = false; // to play
  #target = null; // where a seek goes while its file is not open yet

  constructor(videos) {
    super();
    this.#videos = videos;
    videos.forEach((video, which) => {
      video.addEventListener("ended", () => which === this.#front && this.#next());
      video.addEventListener("error", () => which === this.#front && video.getAttribute("src") && this.#tell("failed"));
      for (const name of ["timeupdate", "play", "pause", "seeked", "waiting", "playing"]) {
        video.addEventListener(name, () => which === this.#front && this.#tell("moved"));
      }
    });
  }

  get video() {
    return this.#videos[this.#front];
  }

  get length() {
    const last = this.#clips.at(-1);
    return last ? last.at + last.length : 0;
  }

  /** Seconds on the whole's time. */
  get time() {
    if (this.#target !== null) return this.#target;
    const clip = this.#clips[this.#index];
    return clip ? clip.at + Math.min(Math.max(this.video.currentTime - clip.skip, 0), clip.length) : 0;
  }

  get index() {
    return this.#index;
  }

  get isPlaying() {
    return this.#wants;
  }

  set rate(rate) {
    for (const video of this.#videos) {
      video.defaultPlaybackRate = rate;
      video.playbackRate = rate;
    }
  }

  set muted(muted) {
    for (const video of this.#videos) video.muted = muted;
  }

  open(clips) {
    this.close();
    this.#clips = clips;
    if (clips.length > 0) this.#show(0, clips[0].skip);
  }

  close() {
    this.#wants = false;
    this.#target = null;
    this.#clips = [];
    this.#index = 0;
    for (const video of this.#videos) {
      video.pause();
      video.removeAttribute("src");
      video.load();
    }
  }

  play() {
    this.#wants = true;
    this.video.play().catch((error) => error.name === "NotAllowedError" && this.pause());
    this.#tell("moved");
  }

  pause() {
    this.#wants = false;
    this.video.pause();
    this.#tell("moved");
  }

  seek(time) {
    if (this.#clips.length === 0) return;
    const to = Math.min(Math.max(time, 0), this.length - NEAR_SEC);
    const { index, second } = locate(this.#clips, to);
    this.#target = to;
    this.#show(index, second);
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }

  /** Bring a clip to the front, at a second of its file. */
  #show(index, second) {
    const clip = this.#clips[index];
    const other = 1 - this.#front;
    this.#index = index;
    if (!this.#has(this.#front, clip) && this.#has(other, clip)) this.#swap();
    const video = this.video;
    if (!this.#has(this.#front, clip)) video.src = clip.file;
    this.#at(video, second, () => {
      this.#target = null;
      if (this.#wants) this.play();
      else this.#tell("moved");
      this.#ready();
    });
  }

  #has(which, clip) {
    return this.#videos[which].getAttribute("src") === clip.file;
  }

  #swap() {
    this.video.pause();
    this.video.hidden = true;
    this.#front = 1 - this.#front;
    this.video.hidden = false;
  }

  /** Go to a second as soon as the file's length is known, and then do what comes next. */
  #at(video, second, then) {
    const src = video.getAttribute("src");
    const go = () => {
      if (video.getAttribute("src") !== src) return;
      if (Math.abs(video.currentTime - second) > 0.001) video.currentTime = second;
      then();
    };
    if (video.readyState >= 1) go();
    else video.addEventListener("loadedmetadata", go, { once: true });
  }

  /** Open the next slice behind the one that plays. */
  #ready() {
    const next = this.#clips[this.#index + 1];
    const other = this.#videos[1 - this.#front];
    if (!next || this.#has(1 - this.#front, next)) return;
    other.src = next.file;
    this.#at(other, next.skip, () => {});
  }

  #next() {
    const next = this.#clips[this.#index + 1];
    if (next) this.#show(this.#index + 1, next.skip);
    else this.pause();
  }
}
