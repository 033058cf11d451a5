// The vocoder's residual block: snake, dilated convolution, snake, convolution, three times over. Snake is x + sin²(αx) / α with one α a
// channel, https://arxiv.org/abs/2006.08195.
//
// Written out a snake is five passes over memory. With α folded into the convolution before it and 1 / α into the one after it,
// u = αx → u + sin²(u) is left: three passes, and a product more where x is the residual stream.
import type { WeightScope } from '../checkpoint/weights.ts'
import type { Value } from '../onnx/graph.ts'
import { add, mul, reshape, sin } from '../onnx/operators.ts'
import { dimensionAt, sizeAt } from '../onnx/shapes.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'
import { conv1dWith, samePadding } from './conv1d.ts'
import { takeNormedWeight } from './weight-norm.ts'

const DILATIONS = [1, 3, 5]
/** The official code divides by α + 1e-9. */
const ALPHA_GUARD = 1e-9
/** From this |α| on the guard is lost in float32, so α may be divided out of a weight. Otherwise the snake is written out. */
const SMALLEST_FOLDED_ALPHA = 0.02

interface Snake {
  readonly path: string
  readonly alpha: Float32Array
  readonly folded: boolean
}

/** x [1, channels, time] → same; takes `convs1`, `convs2` (weight norm, bias) and `activations1`, `activations2` (`alpha`), 0 … 2 each. */
export function snakeBlock(x: Value, weights: WeightScope, kernel: number): Value {
  const channels = sizeAt(x.shape, 1)
  const time = dimensionAt(x.shape, 2)
  const image = reshape(x, [1, channels, 1, time]) // see conv1dWith
  const last = DILATIONS.reduce((stream, dilation, layer) => {
    const first = takeSnake(weights.at('activations1', layer), channels)
    const second = takeSnake(weights.at('activations2', layer), channels)
    const padding = samePadding(kernel, dilation)
    const dilated = foldedConv(weights.at('convs1', layer), channels, kernel, first, second)
    const hidden = conv1dWith(snake(stream, first, false), dilated.weight, dilated.bias, { kernel, dilation, padding })
    const plain = foldedConv(weights.at('convs2', layer), channels, kernel, second)
    const options = { kernel, padding: samePadding(kernel) }
    return add(stream, conv1dWith(snake(hidden, second, true), plain.weight, plain.bias, options))
  }, image)
  return reshape(last, [1, channels, time])
}

function takeSnake(weights: WeightScope, channels: number): Snake {
  const alpha = weights.take('alpha', [channels]).read()
  return {
    path: weights.path('alpha'),
    alpha,
    folded: alpha.every((value) => Math.abs(value) >= SMALLEST_FOLDED_ALPHA),
  }
}

/** The snake of x; a folded one of αx (`scaled`: x comes multiplied already) and times α. */
function snake(x: Value, { path, alpha, folded }: Snake, scaled: boolean): Value {
  const perChannel = (name: string, value: (alpha: number) => number) =>
    x.graph.weight(
      name,
      floatTensor(name, [alpha.length, 1, 1], () => alpha.map(value)),
    )
  const angle =
    folded && scaled
      ? x
      : mul(
          x,
          perChannel(path, (value) => value),
        )
  const sine = sin(angle)
  const square = mul(sine, sine)
  return folded
    ? add(angle, square)
    : add(
        x,
        mul(
          square,
          perChannel(`${path}.inverse`, (value) => 1 / (value + ALPHA_GUARD)),
        ),
      )
}

/** Weight and bias of a convolution between two snakes, with the α of either where it is folded. */
function foldedConv(
  weights: WeightScope,
  channels: number,
  kernel: number,
  before: Snake,
  after?: Snake,
): { weight: FloatTensor; bias: FloatTensor } {
  const normed = takeNormedWeight(weights, [channels, channels, kernel])
  const bias = weights.take('bias', [channels])
  const gain = (out: number) => (after?.folded ? (after.alpha[out] ?? 1) : 1)
  const divisor = (channel: number) => (before.folded ? (before.alpha[channel] ?? 1) : 1)
  const weight = floatTensor(normed.name, normed.shape, () =>
    normed.read().map((value, i) => {
      const row = Math.floor(i / kernel)
      return (value * gain(Math.floor(row / channels))) / divisor(row % channels)
    }),
  )
  return { weight, bias: floatTensor(bias.name, bias.shape, () => bias.read().map((value, i) => value * gain(i))) }
}
