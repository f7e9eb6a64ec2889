// Deadlines for many connections on one timer: setting or moving one is two assignments, a tick touches only those that may be
// due. Coarse (a quarter of a second) on purpose; nothing here is for short waits.

const tickMs = 250;
const slotCount = 512;

/** The one timer. It runs only while something is being watched and never keeps the process alive. */
export class TimeoutWheel {
  readonly #slots: readonly Set<Alarm>[] = Array.from({ length: slotCount }, () => new Set());
  readonly #clock: () => number;
  #timer: NodeJS.Timeout | null = null;
  #watched = 0;
  /** Ticks since the beginning; slots up to this one have been looked at. */
  #tick: number;

  /** `clock` gives milliseconds and never goes back. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#tick = this.#tickNow();
  }

  get tick(): number {
    return this.#tick;
  }

  /** The slot in which the alarm waits; it is looked at again there and moved on when its time was extended. */
  watch(alarm: Alarm, atTick: number): number {
    const slot = Math.min(Math.max(atTick, this.#tick + 1), this.#tick + slotCount - 1);
    this.#slots[slot % slotCount]?.add(alarm);
    this.#watched++;
    this.#timer ??= setInterval(() => this.advance(), tickMs).unref();
    return slot;
  }

  unwatch(alarm: Alarm, slot: number): void {
    if (this.#slots[slot % slotCount]?.delete(alarm)) this.#watched--;
  }

  /** Looks at every slot that has come due. Called by the timer; tests with a clock of their own call it themselves. */
  advance(): void {
    const now = this.#tickNow();
    while (this.#tick < now) {
      this.#tick++;
      const slot = this.#slots[this.#tick % slotCount];
      if (slot === undefined || slot.size === 0) continue;
      const due = [...slot];
      slot.clear();
      this.#watched -= due.length;
      for (const alarm of due) alarm.reach(this.#tick);
    }
    if (this.#watched === 0) this.stop();
  }

  /** Stops the timer; it starts again with the next watched alarm. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Ticks that many milliseconds take, never fewer than one. Time that passed while the timer slept counts. */
  due(ms: number): number {
    if (this.#timer === null) this.#tick = this.#tickNow();
    return this.#tick + Math.max(1, Math.ceil(ms / tickMs));
  }

  #tickNow(): number {
    return Math.floor(this.#clock() / tickMs);
  }
}

/** One deadline that is set, moved and cleared often. Fires once per setting. */
export class Alarm {
  /** It was due and was not set again since. */
  hasPassed = false;
  readonly #wheel: TimeoutWheel;
  readonly #onDue: () => void;
  /** Tick at which it is due; 0: not set. */
  #at = 0;
  /** Slot in which it waits; 0: in none. May lie before `#at`. */
  #slot = 0;

  constructor(wheel: TimeoutWheel, onDue: () => void) {
    this.#wheel = wheel;
    this.#onDue = onDue;
  }

  /** Due in that many milliseconds from now, replacing an earlier setting. */
  set(ms: number): void {
    const at = this.#wheel.due(ms);
    this.#at = at;
    this.hasPassed = false;
    if (this.#slot !== 0 && this.#slot <= at) return;
    if (this.#slot !== 0) this.#wheel.unwatch(this, this.#slot);
    this.#slot = this.#wheel.watch(this, at);
  }

  /** Never due until set again. */
  clear(): void {
    this.#at = 0;
    this.hasPassed = false;
  }

  /** Clears it and leaves the wheel. To be called when its owner ends. */
  dispose(): void {
    this.#at = 0;
    if (this.#slot !== 0) this.#wheel.unwatch(this, this.#slot);
    this.#slot = 0;
  }

  /** For the wheel: its slot has come. */
  reach(tick: number): void {
    this.#slot = 0;
    if (this.#at === 0) return;
    if (this.#at > tick) {
      this.#slot = this.#wheel.watch(this, this.#at);
      return;
    }
    this.#at = 0;
    this.hasPassed = true;
    this.#onDue();
  }
}
