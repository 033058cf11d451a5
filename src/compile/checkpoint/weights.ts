// The book-keeping of a checkpoint: every tensor is taken exactly once or ignored with a reason; anything else fails by name.
import type { FloatTensor } from '../tensor.ts'
import { CheckpointError } from './checkpoint-error.ts'
import type { SafetensorsFile } from './safetensors.ts'

/** The tensors under a name prefix, as a network's builder sees them. */
export interface WeightScope {
  /** The full name of a tensor of this scope, for messages and for naming weights in a graph. */
  path(name: string): string
  /** The scope one level down: `at('blocks', 0, 'attn')` sees `blocks.0.attn.*`. */
  at(...names: readonly (string | number)[]): WeightScope
  /** Takes a float32 tensor of exactly this shape. Missing, misshapen, of another dtype or already taken: CheckpointError. */
  take(name: string, shape: readonly number[]): FloatTensor
  has(name: string): boolean
}

export interface IgnoredTensors {
  readonly reason: string
  readonly names: readonly string[]
}

/** All tensors of one checkpoint file. `finish()` must be called when every network has taken its own. */
export class Weights implements WeightScope {
  readonly #file: SafetensorsFile
  readonly #taken = new Set<string>()
  readonly #ignored: IgnoredTensors[] = []

  constructor(file: SafetensorsFile) {
    this.#file = file
  }

  path(name: string): string {
    return name
  }

  at(...names: readonly (string | number)[]): WeightScope {
    return new Scope(this, `${names.join('.')}.`)
  }

  has(name: string): boolean {
    return this.#file.entries.has(name)
  }

  take(name: string, shape: readonly number[]): FloatTensor {
    const entry = this.#file.entry(name)
    const found = entry.shape.join(', ')
    if (found !== shape.join(', '))
      throw new CheckpointError(
        this.#file.fileName,
        `tensor ${name} has shape [${found}], expected [${shape.join(', ')}]`,
      )
    if (entry.dtype !== 'F32')
      throw new CheckpointError(this.#file.fileName, `tensor ${name} is ${entry.dtype}, expected F32`)
    if (this.#taken.has(name)) throw new CheckpointError(this.#file.fileName, `tensor ${name} is used twice`)
    this.#taken.add(name)
    return { name, dtype: 'float32', shape, read: () => this.#file.readFloat32(name) }
  }

  /** Sets aside every tensor that matches and has not been taken. */
  ignore(pattern: RegExp, reason: string): void {
    const names = [...this.#file.entries.keys()].filter((name) => pattern.test(name) && !this.#taken.has(name))
    for (const name of names) this.#taken.add(name)
    if (names.length > 0) this.#ignored.push({ reason, names })
  }

  /** Throws if the file holds tensors nobody knows; otherwise tells what was ignored and why. */
  finish(): readonly IgnoredTensors[] {
    const unknown = [...this.#file.entries.keys()].filter((name) => !this.#taken.has(name))
    if (unknown.length > 0) {
      const shown = unknown.slice(0, 5).join(', ')
      const more = unknown.length > 5 ? ` and ${unknown.length - 5} more` : ''
      throw new CheckpointError(this.#file.fileName, `holds tensors this model does not have: ${shown}${more}`)
    }
    return this.#ignored
  }
}

class Scope implements WeightScope {
  readonly #weights: Weights
  readonly #prefix: string

  constructor(weights: Weights, prefix: string) {
    this.#weights = weights
    this.#prefix = prefix
  }

  path(name: string): string {
    return this.#prefix + name
  }

  at(...names: readonly (string | number)[]): WeightScope {
    return new Scope(this.#weights, `${this.#prefix}${names.join('.')}.`)
  }

  has(name: string): boolean {
    return this.#weights.has(this.#prefix + name)
  }

  take(name: string, shape: readonly number[]): FloatTensor {
    return this.#weights.take(this.#prefix + name, shape)
  }
}
