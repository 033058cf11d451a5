// Speech tokens come from rounding: a digit that lies right on the edge may fall to either side.
import type { ParityRun } from './parity.ts'

/** How close to ±0.5 a digit must lie to be allowed another level, and how many tokens may have one. */
const EDGE = 5e-4
const ALLOWED_SHARE = 0.01

/** `prerounding` [tokens, 8] are the official digits before rounding; without them no token may differ. */
export function compareTokens(
  run: ParityRun,
  key: string,
  found: ArrayLike<number | bigint>,
  official: BigInt64Array,
  prerounding?: Float32Array,
): void {
  const isOnEdge = (position: number): boolean => Math.abs(Math.abs(prerounding?.[position] ?? 0) - 0.5) < EDGE
  let [excused, unexcused] = [0, Math.abs(found.length - official.length)]
  for (let i = 0; i < Math.min(found.length, official.length); i++) {
    const [mine, theirs] = [digitsOf(Number(found[i])), digitsOf(Number(official[i]))]
    const differing = mine.flatMap((digit, d) => (digit === theirs[d] ? [] : [8 * i + d]))
    if (differing.length === 0) continue
    if (differing.every(isOnEdge)) excused++
    else unexcused++
  }
  run.compareCount(key, unexcused, 0)
  if (prerounding) run.compareCount(`${key}, on an edge`, excused, Math.floor(ALLOWED_SHARE * official.length))
}

const digitsOf = (token: number): number[] => Array.from({ length: 8 }, (_, d) => Math.floor(token / 3 ** d) % 3)
