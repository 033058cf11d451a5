// Keys and values for a step to read. A cache that nobody has written to is a single page of zeros, whatever its size, and read from the
// processor's own cache: a step of Turbo past 700 positions would look 4 ms faster than it is.
import type { KvCache } from '../src/engine/chatterbox/tokens/kv-cache.ts'
import { makeNoise } from '../test/harness/synthetic-voice.ts'

/** Writes noise to the first `filled` positions of the first `slots` slots, in every layer and head. */
export function fillCache(cache: KvCache, slots: number, filled: number): void {
  const { layers, heads, headWidth, positions } = cache.dimensions
  const noise = makeNoise(filled * headWidth, 1)
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ['keys', 'values'] as const) {
      const data = cache.tensor(layer, kind, 0, slots).data as Float32Array
      for (let head = 0; head < slots * heads; head++) data.set(noise, head * positions * headWidth)
    }
  }
}
