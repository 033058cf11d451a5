// Randomness as a pure function of (seed, piece, purpose, position): no state, so any order and any process draws the same.
// Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

type Words4 = readonly [number, number, number, number]
type Words2 = readonly [number, number]

const ROUNDS = 10
const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const KEY_STEP_0 = 0x9e3779b9
const KEY_STEP_1 = 0xbb67ae85
/** Second key word, "CBTS": keeps our draws apart from other users of Philox with the same seed. */
const KEY_1 = 0x43425453

/** Four unsigned 32-bit words from a counter of four and a key of two. */
export function philox4x32(counter: Words4, key: Words2): Words4 {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0)
    const high1 = multiplyHigh(MULTIPLIER_1, c2)
    const next0 = (high1 ^ c1 ^ k0) >>> 0
    const next2 = (high0 ^ c3 ^ k1) >>> 0
    c1 = Math.imul(MULTIPLIER_1, c2) >>> 0
    c3 = Math.imul(MULTIPLIER_0, c0) >>> 0
    c0 = next0
    c2 = next2
    k0 = (k0 + KEY_STEP_0) >>> 0
    k1 = (k1 + KEY_STEP_1) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** Random numbers at positions 0 … 2³² − 1; asking twice gives the same number twice. */
export interface RandomNumbers {
  /** Uniform in (0, 1), both ends excluded. */
  uniform(position: number): number
  /** Normal, mean 0 and variance 1. */
  normal(position: number): number
}

/** The numbers of one purpose (a name for a use, e.g. 1 = prosody) in one piece of a text. */
export function randomNumbers(seed: number, pieceIndex: number, purpose: number): RandomNumbers {
  const key: Words2 = [seed >>> 0, KEY_1]
  let block = -1
  let words: Words4 = [0, 0, 0, 0]
  const uniform = (position: number): number => {
    if (position >>> 2 !== block) {
      block = position >>> 2
      words = philox4x32([block, pieceIndex >>> 0, purpose >>> 0, 0], key)
    }
    return ((words[position & 3] ?? 0) + 0.5) / 2 ** 32
  }
  return {
    uniform,
    normal(position) {
      // Box–Muller: an even position takes the cosine, the odd one after it the sine of the same two uniforms.
      const radius = Math.sqrt(-2 * Math.log(uniform(position & ~1)))
      const angle = 2 * Math.PI * uniform(position | 1)
      return radius * (position & 1 ? Math.sin(angle) : Math.cos(angle))
    },
  }
}

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = (middle & 0xffff) + aLow * bHigh
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0
}
