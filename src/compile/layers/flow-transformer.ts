// The flow estimator's transformer blocks: pre-norm self-attention and a feed-forward with the exact GELU.
import { invariant } from '../../errors.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import { HEAD_WIDTH, type S3GenDimensions } from '../dimensions.ts'
import type { Value } from '../onnx/graph.ts'
import { add, matMul } from '../onnx/operators.ts'
import { sizeAt, withAxis } from '../onnx/shapes.ts'
import { transposed } from '../tensor.ts'
import { layerNorm } from './norm.ts'

type TransformerDimensions = Pick<
  S3GenDimensions['flowEstimator'],
  'attentionWidth' | 'feedForward' | 'transformerBlocks'
>

/** A linear layer whose bias is not yet added: the operator after it does that on its way. */
interface Unbiased {
  readonly product: Value
  readonly bias: Value
}

/** x [1, frames, width] through the blocks `0`, `1`, … of the scope. */
export function flowTransformers(x: Value, weights: WeightScope, dimensions: TransformerDimensions): Value {
  let stream = x
  let update: Unbiased | undefined
  for (let block = 0; block < dimensions.transformerBlocks; block++) {
    const scope = weights.at(block)
    const forAttention = addAndNormalise(stream, update, scope.at('norm1'))
    const attention = selfAttention(forAttention.normed, scope.at('attn1'), dimensions.attentionWidth)
    const forFeedForward = addAndNormalise(forAttention.stream, attention, scope.at('norm3'))
    stream = forFeedForward.stream
    update = feedForward(forFeedForward.normed, scope.at('ff', 'net'), dimensions.feedForward)
  }
  invariant(update, 'there is a transformer block')
  return add(stream, add(update.product, update.bias))
}

function selfAttention(x: Value, weights: WeightScope, attentionWidth: number): Unbiased {
  const width = sizeAt(x.shape, -1)
  const queryKeyValue = ['to_q', 'to_k', 'to_v'].map((name) => project(x, weights.at(name), attentionWidth))
  const shape = withAxis(x.shape, -1, attentionWidth)
  const options = { domain: 'com.microsoft', attributes: { num_heads: attentionWidth / HEAD_WIDTH } } as const
  const attended = x.graph.node1('MultiHeadAttention', queryKeyValue, { dtype: 'float32', shape }, options)
  return unbiased(attended, weights.at('to_out', 0), width)
}

function feedForward(x: Value, weights: WeightScope, hiddenSize: number): Unbiased {
  const { product, bias } = unbiased(x, weights.at(0, 'proj'), hiddenSize)
  const type = { dtype: 'float32', shape: product.shape } as const
  const hidden = x.graph.node1('BiasGelu', [product, bias], type, { domain: 'com.microsoft' })
  return unbiased(hidden, weights.at(2), sizeAt(x.shape, -1))
}

/** The residual stream with the update added, and its layer norm, in one pass over memory. */
function addAndNormalise(
  stream: Value,
  update: Unbiased | undefined,
  weights: WeightScope,
): { readonly stream: Value; readonly normed: Value } {
  if (!update) return { stream, normed: layerNorm(stream, weights) }
  const { graph, shape } = stream
  const size = sizeAt(shape, -1)
  const [scale, shift] = ['weight', 'bias'].map((name) => graph.weight(weights.path(name), weights.take(name, [size])))
  const type = { dtype: 'float32', shape } as const
  // Results two and three are statistics for training; ONNX Runtime on the CPU never fills them.
  const [normed, , , sum] = graph.node(
    'SkipLayerNormalization',
    [stream, update.product, scale, shift, update.bias],
    [type, { dtype: 'float32', shape: [] }, { dtype: 'float32', shape: [] }, type],
    { domain: 'com.microsoft', attributes: { epsilon: { float: 1e-5 } } },
  )
  invariant(normed && sum, 'SkipLayerNormalization has a first and a fourth result')
  return { stream: sum, normed }
}

const project = (x: Value, weights: WeightScope, outSize: number): Value => {
  const weight = transposed(weights.take('weight', [outSize, sizeAt(x.shape, -1)]))
  return matMul(x, x.graph.weight(weight.name, weight))
}

const unbiased = (x: Value, weights: WeightScope, outSize: number): Unbiased => ({
  product: project(x, weights, outSize),
  bias: x.graph.weight(weights.path('bias'), weights.take('bias', [outSize])),
})
