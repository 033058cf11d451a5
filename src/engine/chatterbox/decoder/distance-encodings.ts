// Sinusoidal encodings of relative distances for the flow encoder's attention.
import { invariant } from '../../../errors.ts'

/** A table that grows with the longest input so far: the encodings of a shorter one are its middle rows. */
export interface DistanceEncodings {
  /** Encodings of the distances reach … −reach, [2 · reach + 1, width]; a view that is valid until the next call. */
  upTo(reach: number): Float32Array
}

/** At first for 20 s of speech beside a 10 s prompt: 6 MB. */
const FIRST_REACH = 1500

export function createDistanceEncodings(width: number): DistanceEncodings {
  let reach = 0
  let table: Float32Array = new Float32Array(0)
  return {
    upTo: (wanted) => {
      invariant(Number.isInteger(wanted) && wanted >= 0, `a reach of ${wanted} is no distance`)
      if (wanted > reach || table.length === 0) {
        reach = Math.max(wanted, FIRST_REACH, Math.ceil(1.5 * reach))
        table = encodingsUpTo(reach, width)
      }
      return table.subarray((reach - wanted) * width, (reach + wanted + 1) * width)
    },
  }
}

/** Products are rounded to float32 before the sine, as in the official code: at a distance of 1000 that shows. */
function encodingsUpTo(reach: number, width: number): Float32Array {
  const table = new Float32Array((2 * reach + 1) * width)
  const step = Math.fround(-Math.log(10000) / width)
  for (let column = 0; column < width; column += 2) {
    const frequency = Math.fround(Math.exp(Math.fround(column * step)))
    for (let distance = 0; distance <= reach; distance++) {
      const angle = Math.fround(distance * frequency)
      const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
      const positive = (reach - distance) * width + column
      const negative = (reach + distance) * width + column
      table[negative] = -sine
      table[positive] = sine
      table[positive + 1] = cosine
      table[negative + 1] = cosine
    }
  }
  return table
}
