// Shape arithmetic while a graph is built. A dimension is a number or a name for a size known only at run time.
import { invariant } from '../../errors.ts'

/** A size, or the name of a size known at run time, e.g. `frames`. Equal names are equal sizes. */
export type Dimension = number | string
export type Shape = readonly Dimension[]

export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`

/** The index of an axis counted from the end if negative. */
export function axisOf(shape: Shape, axis: number): number {
  const index = axis < 0 ? axis + shape.length : axis
  invariant(index >= 0 && index < shape.length, `axis ${axis} is not in ${showShape(shape)}`)
  return index
}

export function dimensionAt(shape: Shape, axis: number): Dimension {
  const dimension = shape[axisOf(shape, axis)]
  invariant(dimension !== undefined, `axis ${axis} is not in ${showShape(shape)}`)
  return dimension
}

/** A dimension that must be known while building, e.g. a channel count. */
export function sizeAt(shape: Shape, axis: number): number {
  const dimension = dimensionAt(shape, axis)
  invariant(typeof dimension === 'number', `axis ${axis} of ${showShape(shape)} must be a known size`)
  return dimension
}

/** The shape with one axis replaced. */
export const withAxis = (shape: Shape, axis: number, dimension: Dimension): Shape =>
  shape.with(axisOf(shape, axis), dimension)

/** numpy's broadcasting: aligned at the last axis, sizes equal or one of them 1. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1
    const right = b[axis - rank + b.length] ?? 1
    invariant(left === right || left === 1 || right === 1, `${showShape(a)} does not broadcast with ${showShape(b)}`)
    return left === 1 ? right : left
  })
}

/** Sum of two dimensions; symbolic if either is. */
export function plus(a: Dimension, b: Dimension): Dimension {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (a === 0) return b
  if (b === 0) return a
  return `${a} + ${b}`
}

/** Product of a dimension and a factor. */
export const times = (a: Dimension, factor: number): Dimension =>
  typeof a === 'number' ? a * factor : factor === 1 ? a : `${factor} * (${a})`

export interface Window {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  /** Zeros added before and after. */
  readonly padding: readonly [number, number]
}

/** Length after a convolution or pooling without ceil mode. */
export function windowedLength(length: Dimension, { kernel, stride, dilation, padding }: Window): Dimension {
  const shrink = dilation * (kernel - 1) - padding[0] - padding[1]
  if (typeof length === 'number') {
    invariant(length > shrink, `a window of ${kernel} does not fit into ${length}`)
    return Math.floor((length - shrink - 1) / stride) + 1
  }
  if (shrink === 0 && stride === 1) return length
  return stride === 1 ? `${length} - ${shrink}` : `floor((${length} - ${shrink + 1}) / ${stride}) + 1`
}
