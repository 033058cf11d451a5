// When an attempt that failed is followed by another: seconds at first, hours at last, over about a day.

const FIRST_DELAY_SECONDS = 5
const GROWTH = 4
const LONGEST_DELAY_SECONDS = 5.5 * 3600
const RETRIES = 10
// Receivers that failed together must not be asked again all at once.
const JITTER = 0.2

/** 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, and four times 5.5 h: the last attempt is made 24 h after the first. */
export const RETRY_DELAYS_SECONDS: readonly number[] = Array.from({ length: RETRIES }, (_, retry) =>
  Math.min(FIRST_DELAY_SECONDS * GROWTH ** retry, LONGEST_DELAY_SECONDS),
)

/** Seconds to wait after `tries` attempts have failed, with up to 20 % of jitter either way; undefined: give up. */
export function retryDelaySeconds(
  tries: number,
  delaysSeconds: readonly number[] = RETRY_DELAYS_SECONDS,
  random: () => number = Math.random,
): number | undefined {
  const delay = delaysSeconds[tries - 1]
  return delay === undefined ? undefined : delay * (1 - JITTER + 2 * JITTER * random())
}
