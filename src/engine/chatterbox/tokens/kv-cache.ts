// Keys and values of every layer, for a fixed number of sequences ("slots") of bounded length. Arrays and copies only; runs nothing.
import { invariant } from '../../../errors.ts'
import type { Tensor } from '../../runtime/session.ts'
import { forgetAfter, sparseFloats } from '../../runtime/sparse-floats.ts'

export interface KvDimensions {
  readonly layers: number
  readonly heads: number
  readonly headWidth: number
  readonly slots: number
  /** Longest sequence, in positions. */
  readonly positions: number
}

/** The first positions of one sequence, kept apart to be copied into slots: per layer keys then values, [heads, length, headWidth]. */
export interface KvPrefix {
  readonly length: number
  readonly layers: readonly { readonly keys: Float32Array; readonly values: Float32Array }[]
}

/**
 * Each array is [slots, heads, positions, headWidth], so that neighbouring slots are one batch without a copy. Memory is taken from the
 * system page by page as positions are filled: a slot costs what its longest sequence so far needed, until it is forgotten.
 */
export class KvCache {
  readonly dimensions: KvDimensions
  readonly #layers: readonly { readonly keys: Float32Array; readonly values: Float32Array }[]

  constructor(dimensions: KvDimensions) {
    const { layers, heads, headWidth, slots, positions } = dimensions
    this.dimensions = dimensions
    const allocate = () => sparseFloats(slots * heads * positions * headWidth)
    this.#layers = Array.from({ length: layers }, () => ({ keys: allocate(), values: allocate() }))
  }

  /** Keys or values of `batch` neighbouring slots in one layer, as a view: [batch, heads, positions, headWidth]. */
  tensor(layer: number, kind: 'keys' | 'values', firstSlot: number, batch: number): Tensor {
    const { heads, headWidth, slots, positions } = this.dimensions
    invariant(firstSlot >= 0 && batch > 0 && firstSlot + batch <= slots, `slots ${firstSlot}+${batch} of ${slots}`)
    const size = heads * positions * headWidth
    const data = this.#layer(layer)[kind].subarray(firstSlot * size, (firstSlot + batch) * size)
    return { data, shape: [batch, heads, positions, headWidth] }
  }

  /** Gives the memory of all slots but the first `slots` back. No run may be under way. */
  forgetAfter(slots: number): void {
    const { heads, headWidth, positions } = this.dimensions
    for (const { keys, values } of this.#layers) {
      for (const floats of [keys, values]) forgetAfter(floats, slots * heads * positions * headWidth)
    }
  }

  /** Copies the first `length` positions of one slot over those of another. */
  move(from: number, to: number, length: number): void {
    for (const { keys, values } of this.#layers) {
      for (let head = 0; head < this.dimensions.heads; head++) {
        const [target, begin] = [this.#offset(to, head), this.#offset(from, head)]
        const end = begin + length * this.dimensions.headWidth
        keys.copyWithin(target, begin, end)
        values.copyWithin(target, begin, end)
      }
    }
  }

  /** A copy of the first `length` positions of a slot. */
  savePrefix(slot: number, length: number): KvPrefix {
    const { heads, headWidth } = this.dimensions
    const size = length * headWidth
    const save = (from: Float32Array): Float32Array => {
      const saved = new Float32Array(heads * size)
      for (let head = 0; head < heads; head++) {
        const begin = this.#offset(slot, head)
        saved.set(from.subarray(begin, begin + size), head * size)
      }
      return saved
    }
    return { length, layers: this.#layers.map(({ keys, values }) => ({ keys: save(keys), values: save(values) })) }
  }

  /** Copies a saved prefix to the beginning of a slot. */
  loadPrefix(slot: number, prefix: KvPrefix): void {
    const { heads, headWidth } = this.dimensions
    const size = prefix.length * headWidth
    for (const [layer, { keys, values }] of prefix.layers.entries()) {
      const into = this.#layer(layer)
      for (let head = 0; head < heads; head++) {
        const begin = this.#offset(slot, head)
        into.keys.set(keys.subarray(head * size, (head + 1) * size), begin)
        into.values.set(values.subarray(head * size, (head + 1) * size), begin)
      }
    }
  }

  /**
   * Writes new rows of one layer behind `length` positions of a slot.
   * @param qkv [rows, 3 · heads · headWidth]: queries, keys and values of each row side by side
   */
  append(layer: number, slot: number, length: number, rows: number, qkv: Float32Array): void {
    const { heads, headWidth } = this.dimensions
    const width = heads * headWidth
    const { keys, values } = this.#layer(layer)
    for (let row = 0; row < rows; row++) {
      for (let head = 0; head < heads; head++) {
        const from = row * 3 * width + width + head * headWidth
        const to = this.#offset(slot, head) + (length + row) * headWidth
        keys.set(qkv.subarray(from, from + headWidth), to)
        values.set(qkv.subarray(from + width, from + width + headWidth), to)
      }
    }
  }

  #layer(layer: number) {
    const found = this.#layers[layer]
    invariant(found, `there is no layer ${layer}`)
    return found
  }

  #offset(slot: number, head: number): number {
    const { heads, headWidth, positions } = this.dimensions
    return (slot * heads + head) * positions * headWidth
  }
}

/** Memory of a saved prefix. */
export const prefixBytes = ({ layers }: KvPrefix): number =>
  layers.reduce((sum, { keys, values }) => sum + keys.byteLength + values.byteLength, 0)
