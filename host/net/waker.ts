// Lets one async function wait for news from many places (two sockets, a timer, a connect) with one promise: whoever has news
// wakes it, it looks at everything itself and waits again. Carries no data, so nothing can be lost or delivered twice.

/** One waiter, many wakers. News that come while nobody waits are kept as one bit. */
export class Waker {
  #hasNews = false;
  #resolve: (() => void) | null = null;

  /** Ends the present or the next `wait`. Bound, so that it can be handed out as a callback. */
  readonly wake = (): void => {
    const resolve = this.#resolve;
    if (resolve === null) {
      this.#hasNews = true;
      return;
    }
    this.#resolve = null;
    resolve();
  };

  readonly #keep = (resolve: () => void): void => {
    this.#resolve = resolve;
  };

  /** Resolves at the next news, or at once when some came since the last wait. One waiter at a time. */
  wait(): Promise<void> {
    if (this.#hasNews) {
      this.#hasNews = false;
      return Promise.resolve();
    }
    return new Promise(this.#keep);
  }
}
