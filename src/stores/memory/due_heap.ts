/** Something that falls due; its place in the heap is kept in it, so that moving it needs no look-up. */
export interface DueItem {
  /** When it is due; `Infinity` when it is not. */
  dueAt: number;
  /** Its index in the heap, -1 while it is not in it. Only the heap writes it. */
  place: number;
}

/** Items by the time they fall due: changing one costs the logarithm of their number, however many wait. */
export class DueHeap<Item extends DueItem> {
  readonly #items: Item[] = [];

  /** When the first item is due; `undefined` when none is. */
  get next(): number | undefined {
    return this.#items[0]?.dueAt;
  }

  /** Sets when an item is due; `Infinity` takes it out. */
  set(item: Item, dueAt: number): void {
    if (item.place !== -1 && dueAt === item.dueAt) return;
    item.dueAt = dueAt;
    if (dueAt === Infinity) this.#remove(item);
    else if (item.place === -1) this.#rise(item, this.#items.push(item) - 1);
    else this.#settle(item);
  }

  /** At most `limit` items that are due at `now`, earliest first. They stay in the heap. */
  due(now: number, limit: number): Item[] {
    const found: Item[] = [];
    // Below an item that is not due nothing is: the frontier holds the children of what was found, and no more.
    const frontier = [0];
    while (found.length < limit) {
      const best = this.#takeEarliest(frontier);
      if (best === undefined || best.dueAt > now) break;
      found.push(best);
      frontier.push(best.place * 2 + 1, best.place * 2 + 2);
    }
    return found;
  }

  #takeEarliest(frontier: number[]): Item | undefined {
    let chosen = -1;
    let best: Item | undefined;
    for (const [index, place] of frontier.entries()) {
      const item = this.#items[place];
      if (item === undefined || (best !== undefined && item.dueAt >= best.dueAt)) continue;
      chosen = index;
      best = item;
    }
    if (chosen !== -1) frontier.splice(chosen, 1);
    return best;
  }

  #remove(item: Item): void {
    const place = item.place;
    if (place === -1) return;
    item.place = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    last.place = place;
    this.#items[place] = last;
    this.#settle(last);
  }

  #settle(item: Item): void {
    this.#rise(item, item.place);
    this.#sink(item, item.place);
  }

  #rise(item: Item, from: number): void {
    let place = from;
    while (place > 0) {
      const parent = this.#items[(place - 1) >> 1];
      if (parent === undefined || parent.dueAt <= item.dueAt) break;
      this.#put(parent, place);
      place = (place - 1) >> 1;
    }
    this.#put(item, place);
  }

  #sink(item: Item, from: number): void {
    let place = from;
    while (true) {
      const left = this.#items[place * 2 + 1];
      const right = this.#items[place * 2 + 2];
      const child = left !== undefined && right !== undefined && right.dueAt < left.dueAt ? right : left;
      if (child === undefined || child.dueAt >= item.dueAt) break;
      const below = child.place;
      this.#put(child, place);
      place = below;
    }
    this.#put(item, place);
  }

  #put(item: Item, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }
}
