// The operators the networks are written with, as functions of values: shapes are checked here, names read like the paper.
// Anything rarer is added with `graph.node` where it is needed.
import { invariant } from '../../errors.ts'
import type { ElementType } from '../tensor.ts'
import type { Graph, Value } from './graph.ts'
import { axisOf, broadcast, type Dimension, dimensionAt, plus, type Shape, showShape, withAxis } from './shapes.ts'

/** A value or a float32 constant that broadcasts with it. */
type Operand = Value | number

const operand = (graph: Graph, x: Operand): Value => (typeof x === 'number' ? graph.constant('float32', x) : x)

function binary(operator: string, a: Operand, b: Operand): Value {
  const graph = typeof a === 'number' ? (typeof b === 'number' ? undefined : b.graph) : a.graph
  invariant(graph, `${operator} needs a value`)
  const [left, right] = [operand(graph, a), operand(graph, b)]
  invariant(left.dtype === right.dtype, `${operator} of ${left.dtype} and ${right.dtype}`)
  return graph.node1(operator, [left, right], { dtype: left.dtype, shape: broadcast(left.shape, right.shape) })
}

export const add = (a: Operand, b: Operand): Value => binary('Add', a, b)
export const sub = (a: Operand, b: Operand): Value => binary('Sub', a, b)
export const mul = (a: Operand, b: Operand): Value => binary('Mul', a, b)
export const div = (a: Operand, b: Operand): Value => binary('Div', a, b)
export const pow = (a: Operand, b: Operand): Value => binary('Pow', a, b)

type Attributes = NonNullable<Parameters<Graph['node']>[3]>['attributes']

/** An operator of one input that keeps type and shape. */
const unary = (operator: string, x: Value, attributes: Attributes = {}): Value =>
  x.graph.node1(operator, [x], { dtype: x.dtype, shape: x.shape }, { attributes })

export const abs = (x: Value): Value => unary('Abs', x)
export const sqrt = (x: Value): Value => unary('Sqrt', x)
export const exp = (x: Value): Value => unary('Exp', x)
export const sin = (x: Value): Value => unary('Sin', x)
export const cos = (x: Value): Value => unary('Cos', x)
export const tanh = (x: Value): Value => unary('Tanh', x)
export const sigmoid = (x: Value): Value => unary('Sigmoid', x)
export const relu = (x: Value): Value => unary('Relu', x)
export const elu = (x: Value): Value => unary('Elu', x)
export const leakyRelu = (x: Value, slope: number): Value => unary('LeakyRelu', x, { alpha: { float: slope } })
/** x · sigmoid(x); ONNX Runtime fuses the pair. */
export const silu = (x: Value): Value => mul(x, sigmoid(x))
/** The exact one, with erf. */
export const gelu = (x: Value): Value => unary('Gelu', x)
/** x · tanh(softplus(x)). */
export const mish = (x: Value): Value => unary('Mish', x)
export const softmax = (x: Value, axis = -1): Value => unary('Softmax', x, { axis })

/** Clamps to [low, high]; an undefined bound is open. */
export const clip = (x: Value, low?: number, high?: number): Value =>
  x.graph.node1(
    'Clip',
    [x, ...[low, high].map((bound) => (bound === undefined ? undefined : x.graph.constant('float32', bound)))],
    { dtype: x.dtype, shape: x.shape },
  )

export const cast = (x: Value, dtype: ElementType): Value => {
  const to = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 }[dtype]
  return x.graph.node1('Cast', [x], { dtype, shape: x.shape }, { attributes: { to } })
}

/** [..., m, k] × [..., k, n] → [..., m, n], leading axes broadcast. */
export function matMul(a: Value, b: Value): Value {
  const inner = dimensionAt(a.shape, -1)
  invariant(inner === dimensionAt(b.shape, -2), `matMul of ${showShape(a.shape)} and ${showShape(b.shape)}`)
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const shape = [...batch, dimensionAt(a.shape, -2), dimensionAt(b.shape, -1)]
  return a.graph.node1('MatMul', [a, b], { dtype: a.dtype, shape })
}

/** Axis i of the result is axis `order[i]` of x. */
export function transpose(x: Value, order: readonly number[]): Value {
  invariant(
    order.length === x.shape.length && order.every((_, axis) => order.includes(axis)),
    `transpose of ${showShape(x.shape)} by ${showShape(order)}`,
  )
  const shape = order.map((axis) => dimensionAt(x.shape, axis))
  return x.graph.node1('Transpose', [x], { dtype: x.dtype, shape }, { attributes: { perm: order } })
}

/**
 * Gives x another shape. A symbolic dimension keeps its axis number or is the only one that moves:
 * at run time it is copied from the input (0) or inferred from the rest (-1).
 */
export function reshape(x: Value, shape: Shape): Value {
  let inferred: Dimension | undefined
  const target = shape.map((dimension, axis) => {
    if (typeof dimension === 'number') return dimension
    if (x.shape[axis] === dimension) return 0
    invariant(inferred === undefined, `reshape of ${showShape(x.shape)} to ${showShape(shape)} infers two dimensions`)
    inferred = dimension
    return -1
  })
  const [from, to] = [x.shape, shape].map((dimensions) => knownSize(dimensions))
  const [fromNames, toNames] = [x.shape, shape].map((dimensions) => namesOf(dimensions))
  if (fromNames === toNames)
    invariant(from === to, `reshape of ${showShape(x.shape)} to ${showShape(shape)} changes the size`)
  return x.graph.node1('Reshape', [x, x.graph.constant('int64', target)], { dtype: x.dtype, shape })
}

/** The same value under other names for its run-time sizes, e.g. `tokens` for what a strided convolution left of `frames`. */
export function named(x: Value, shape: Shape): Value {
  const fits = x.shape.every((size, axis) => size === shape[axis] || typeof size === 'string')
  invariant(fits && x.shape.length === shape.length, `${showShape(x.shape)} cannot be called ${showShape(shape)}`)
  return { ...x, shape }
}

const namesOf = (shape: Shape): string =>
  shape
    .filter((dimension) => typeof dimension === 'string')
    .sort()
    .join()

const knownSize = (shape: Shape): number =>
  shape.reduce<number>((product, dimension) => (typeof dimension === 'number' ? product * dimension : product), 1)

export function concat(values: readonly Value[], axis: number): Value {
  const [first, ...others] = values
  invariant(first, 'concat of nothing')
  const index = axisOf(first.shape, axis)
  const shape = others.reduce<Shape>((sum, value) => {
    const fits = value.shape.every((dimension, i) => i === index || dimension === first.shape[i])
    invariant(
      fits && value.shape.length === first.shape.length,
      `concat of ${showShape(first.shape)} and ${showShape(value.shape)}`,
    )
    return withAxis(sum, index, plus(dimensionAt(sum, index), dimensionAt(value.shape, index)))
  }, first.shape)
  return first.graph.node1('Concat', values, { dtype: first.dtype, shape }, { attributes: { axis: index } })
}

/** Cuts an axis of known size into parts of the given sizes. */
export function split(x: Value, sizes: readonly number[], axis: number): Value[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  invariant(total === dimensionAt(x.shape, axis), `split of ${showShape(x.shape)} into ${showShape(sizes)}`)
  return x.graph.node(
    'Split',
    [x, x.graph.constant('int64', sizes)],
    sizes.map((size) => ({ dtype: x.dtype, shape: withAxis(x.shape, axis, size) })),
    { attributes: { axis: axisOf(x.shape, axis) } },
  )
}

/** x[begin:end] along one axis; negative bounds count from the end. `length` is the resulting dimension. */
export function slice(x: Value, axis: number, begin: number, end: number, length: Dimension): Value {
  const list = (value: number) => x.graph.constant('int64', [value])
  const index = axisOf(x.shape, axis)
  const shape = withAxis(x.shape, axis, length)
  return x.graph.node1('Slice', [x, list(begin), list(end), list(index)], { dtype: x.dtype, shape })
}

/** Adds `before` and `after` elements to one axis: zeros, or the signal mirrored without its edge. */
export function pad(
  x: Value,
  axis: number,
  before: number,
  after: number,
  mode: 'constant' | 'reflect' = 'constant',
): Value {
  const index = axisOf(x.shape, axis)
  const pads = [before, after].flatMap((count) => x.shape.map((_, i) => (i === index ? count : 0)))
  const shape = withAxis(x.shape, index, plus(dimensionAt(x.shape, index), before + after))
  return x.graph.node1('Pad', [x, x.graph.constant('int64', pads)], { dtype: x.dtype, shape }, { attributes: { mode } })
}

/** Rows of a table: x [..., n] of indices → [..., n, width]. For tables of rank 2 or more, along their first axis. */
export const gatherRows = (table: Value, indices: Value): Value =>
  table.graph.node1('Gather', [table, indices], {
    dtype: table.dtype,
    shape: [...indices.shape, ...table.shape.slice(1)],
  })

/** Inserts axes of size 1 at these places of the result. */
export function unsqueeze(x: Value, axes: readonly number[]): Value {
  const shape = [...x.shape]
  for (const axis of axes.toSorted((a, b) => a - b)) shape.splice(axis, 0, 1)
  return x.graph.node1('Unsqueeze', [x, x.graph.constant('int64', axes)], { dtype: x.dtype, shape })
}

/** Removes axes of size 1. */
export function squeeze(x: Value, axes: readonly number[]): Value {
  const indices = axes.map((axis) => axisOf(x.shape, axis))
  for (const axis of indices) invariant(x.shape[axis] === 1, `squeeze of axis ${axis} of ${showShape(x.shape)}`)
  const shape = x.shape.filter((_, axis) => !indices.includes(axis))
  return x.graph.node1('Squeeze', [x, x.graph.constant('int64', indices)], { dtype: x.dtype, shape })
}

function reduce(operator: string, x: Value, axis: number, keep: boolean): Value {
  const index = axisOf(x.shape, axis)
  const shape = keep ? withAxis(x.shape, index, 1) : x.shape.toSpliced(index, 1)
  const axes = x.graph.constant('int64', [index])
  return x.graph.node1(operator, [x, axes], { dtype: x.dtype, shape }, { attributes: { keepdims: keep ? 1 : 0 } })
}

/** Reduction over one axis, kept with size 1 unless `keep` is false. */
export const mean = (x: Value, axis: number, keep = true): Value => reduce('ReduceMean', x, axis, keep)
export const sum = (x: Value, axis: number, keep = true): Value => reduce('ReduceSum', x, axis, keep)
export const max = (x: Value, axis: number, keep = true): Value => reduce('ReduceMax', x, axis, keep)
