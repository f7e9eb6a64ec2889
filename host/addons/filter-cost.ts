// What searching flows by an addon's filters costs it: bounds and the price of a step. Numbers only.

/** LIMIT: steps of one filter on one event: a body of 8 MiB in the ordinary case. */
export const mostFilterSteps = 10_000_000;
/** What a step is charged with against the addon's CPU budget, in µs. */
export const microsPerStep = 0.01;
