// The flow's encoder: speech tokens → the mean of the mel, two frames a token; and the speaker's x-vector → its conditioning.
// An upsampling conformer: six layers at the token rate, four at the frame rate, every position attending to every other.
import type { WeightScope } from '../checkpoint/weights.ts'
import { MEL_CHANNELS, type S3GenDimensions, SPEECH_TOKENS, XVECTOR_SIZE } from '../dimensions.ts'
import { frameConv1d } from '../layers/frame-conv1d.ts'
import { linear } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import { relativeAttention } from '../layers/relative-attention.ts'
import { Graph, type GraphOptions, type Value } from '../onnx/graph.ts'
import { add, clip, concat, div, gatherRows, leakyRelu, mul, reshape, silu, sqrt, sum } from '../onnx/operators.ts'
import { dimensionAt, sizeAt, times } from '../onnx/shapes.ts'

/** The conformer layers' own epsilon; every other layer norm here has torch's default. */
const CONFORMER_EPSILON = 1e-12
/** Tokens the encoder sees beyond the present one. */
const LOOKAHEAD_TOKENS = 3

/**
 * Graph `flow-encoder`: `tokens` int64 [tokens], prompt first; `distances` [4 · tokens − 1, width], the encoding of the frame distances
 * 2 · tokens − 1 … −(2 · tokens − 1); `speaker_embedding` [1, 192] → `mu` [1, 2 · tokens, 80], `speaker` [1, 80].
 * `weights` is the scope `flow` of the checkpoint.
 */
export function flowEncoder(
  weights: WeightScope,
  dimensions: S3GenDimensions['flowEncoder'],
  options?: GraphOptions,
): Graph {
  const graph = new Graph('flow-encoder', options)
  const { width, feedForward } = dimensions
  const tokens = graph.input('tokens', 'int64', ['tokens'])
  const distances = graph.input('distances', 'float32', ['distances', width])
  const encoder = weights.at('encoder')

  const table = graph.weight('input_embedding', weights.at('input_embedding').take('weight', [SPEECH_TOKENS, width]))
  const embedded = reshape(gatherRows(table, tokens), [1, 'tokens', width])
  let x = lookAhead(embed(embedded, encoder.at('embed')), encoder.at('pre_lookahead_layer'))
  graph.probe('pre_lookahead_out', x)
  const tokenDistances = middleRows(distances, tokens)
  for (let layer = 0; layer < dimensions.layers; layer++)
    x = conformerLayer(x, tokenDistances, encoder.at('encoders', layer), feedForward)

  x = embed(upsample(x, encoder.at('up_layer')), encoder.at('up_embed'))
  for (let layer = 0; layer < dimensions.upLayers; layer++)
    x = conformerLayer(x, distances, encoder.at('up_encoders', layer), feedForward)
  x = layerNorm(x, encoder.at('after_norm'))
  graph.probe('encoder_out', x)
  graph.output('mu', linear(x, weights.at('encoder_proj'), width, MEL_CHANNELS))

  const embedding = graph.input('speaker_embedding', 'float32', [1, XVECTOR_SIZE])
  graph.output(
    'speaker',
    linear(unitLength(embedding), weights.at('spk_embed_affine_layer'), XVECTOR_SIZE, MEL_CHANNELS),
  )
  return graph
}

/** Linear, layer norm, and the transformer's scale √width. */
function embed(x: Value, weights: WeightScope): Value {
  const width = sizeAt(x.shape, -1)
  return mul(
    layerNorm(linear(x, weights.at('out', 0), width, width), weights.at('out', 1)),
    Math.fround(Math.sqrt(width)),
  )
}

function lookAhead(x: Value, weights: WeightScope): Value {
  const width = sizeAt(x.shape, -1)
  const ahead = frameConv1d(x, weights.at('conv1'), width, {
    kernel: LOOKAHEAD_TOKENS + 1,
    lookahead: LOOKAHEAD_TOKENS,
  })
  return add(x, frameConv1d(leakyRelu(ahead, 0.01), weights.at('conv2'), width, { kernel: 3 }))
}

/** x [1, tokens, width] → [1, 2 · tokens, width]: every row twice, then a causal convolution. */
function upsample(x: Value, weights: WeightScope): Value {
  const width = sizeAt(x.shape, -1)
  const twice = reshape(concat([x, x], 2), [1, times(dimensionAt(x.shape, 1), 2), width])
  return frameConv1d(twice, weights.at('conv'), width, { kernel: 5 })
}

function conformerLayer(x: Value, distances: Value, weights: WeightScope, feedForward: number): Value {
  const width = sizeAt(x.shape, -1)
  const normed = layerNorm(x, weights.at('norm_mha'), CONFORMER_EPSILON)
  const attended = add(x, relativeAttention(normed, distances, weights.at('self_attn'), width))
  const hidden = silu(
    linear(
      layerNorm(attended, weights.at('norm_ff'), CONFORMER_EPSILON),
      weights.at('feed_forward', 'w_1'),
      width,
      feedForward,
    ),
  )
  return add(attended, linear(hidden, weights.at('feed_forward', 'w_2'), feedForward, width))
}

/** Distances at the token rate are the middle of those at the frame rate: 2 · tokens − 1 rows from row `tokens` on. */
function middleRows(distances: Value, tokens: Value): Value {
  const { graph } = distances
  const count = graph.node1('Shape', [tokens], { dtype: 'int64', shape: [1] })
  const end = graph.node1('Neg', [count], { dtype: 'int64', shape: [1] })
  return graph.node1('Slice', [distances, count, end, graph.constant('int64', [0])], {
    dtype: 'float32',
    shape: ['token distances', dimensionAt(distances.shape, 1)],
  })
}

/** torch's F.normalize over the last axis. */
const unitLength = (x: Value): Value => div(x, clip(sqrt(sum(mul(x, x), -1)), 1e-12))
