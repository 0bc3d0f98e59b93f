/** What the kernel has told so far. */
class Seen {
  constructor() {
    this.clear([], []);
  }
  clear(methods, times) {
    for (const urls of Object.values(this.frames ?? {})) urls.forEach((url) => URL.revokeObjectURL(url));
    this.dropPreviews();
    this.methods = methods;
    this.times = times; // where the slider may stand
    this.taken = {}; // method → the t at which its frames are taken, where those are others
    this.keyframes = []; // indices of the frames of the prompts themselves
    this.frames = Object.fromEntries(methods.map((method) => [method, []])); // method → URL by index
    this.styles = {}; // method → its colour, and its marker's outline
    this.steps = {};
    this.searching = ""; // how far the search for a geodesic has come
    this.measures = {};
    this.legs = [];
    this.views = {};
  }
  /** What the frames at these places are going to be. */
  preview(where, url) {
    this.dropPreviews(where);
    for (const [method, index] of where) this.previews.set(`${method} ${index}`, url);
  }
  previewOf(method, index) {
    return this.frames[method]?.[index] ? undefined : this.previews.get(`${method} ${index}`);
  }
  /** Those at these places; without places, all. */
  dropPreviews(where) {
    this.previews ??= new Map();
    const places = where?.map(([method, index]) => `${method} ${index}`) ?? [...this.previews.keys()];
    const dropped = new Set(places.map((place) => this.previews.get(place)).filter(Boolean));
    places.forEach((place) => this.previews.delete(place));
    const kept = new Set(this.previews.values());
    dropped.forEach((url) => kept.has(url) || URL.revokeObjectURL(url));
  }
  /** The picture at these places; those that it takes the place of are let go. */
  keep(where, url) {
    this.dropPreviews(where);
    const before = where.map(([method, index]) => this.frames[method][index]);
    for (const [method, index] of where) this.frames[method][index] = url;
    const kept = new Set(Object.values(this.frames).flat());
    for (const each of new Set(before)) if (each && !kept.has(each)) URL.revokeObjectURL(each);
  }
  /** The t of a frame. */
  timeOf(method, index) {
    return (this.taken[method] ?? this.times)[index] ?? 0;
  }
  /** Of a method, as in the figures. */
  colour(method) {
    return this.styles[method].colour;
  }
  get last() {
    return this.times.length - 1;
  }
  count() {
    return Object.values(this.frames).reduce((sum, urls) => sum + urls.filter(Boolean).length, 0);
  }
  /** The index of the frame of a method nearest to index, -1 where there is none. */
  nearest(method, index) {
    const there = Object.keys(this.frames[method] ?? []).map(Number);
    return there.reduce((best, each) => (best < 0 || Math.abs(each - index) < Math.abs(best - index) ? each : best), -1);
  }
}
