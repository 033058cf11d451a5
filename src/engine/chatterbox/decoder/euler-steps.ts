// The two steps the flow is solved in; the estimator's graph holds what they need to know of time.

/** Start and end of each step. The official decoder takes these two as well, without guidance. */
export const EULER_STEPS = [
  [0, 0.5],
  [0.5, 1],
] as const
