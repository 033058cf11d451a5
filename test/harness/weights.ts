// Checkpoint tensors for a layer under test: repeatable values in the shapes it asks for.
import type { WeightScope } from '../../src/compile/checkpoint/weights.ts'
import { floatTensor } from '../../src/compile/tensor.ts'
import { noiseTensor } from './graphs.ts'

/** Values of every tensor by its full name. */
export type WeightValues = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>

/** Values in ±scale for tensors of these shapes. */
export function weightValues(shapes: Readonly<Record<string, readonly number[]>>, scale = 1): WeightValues {
  const entries = Object.entries(shapes).map(([name, shape], i) => {
    const data = noiseTensor(shape, i + 100).data.map((value) => scale * value)
    return [name, { shape, data }] as const
  })
  return new Map(entries)
}

/** A scope over the values that demands the right shapes, as a checkpoint does. */
export function scopeOf(values: WeightValues, prefix = ''): WeightScope {
  const path = (name: string) => prefix + name
  return {
    path,
    at: (...names) => scopeOf(values, `${path(names.join('.'))}.`),
    has: (name) => values.has(path(name)),
    take: (name, shape) => {
      const found = values.get(path(name))
      if (found?.shape.join() !== shape.join()) throw new Error(`${path(name)} is [${found?.shape}], not [${shape}]`)
      return floatTensor(path(name), shape, () => Float32Array.from(found.data))
    },
  }
}

/** The values of one tensor. */
export function valuesOf(values: WeightValues, name: string): Float32Array {
  const found = values.get(name)
  if (!found) throw new Error(`there is no ${name}`)
  return found.data
}
