// Speech tokenizer (S3TokenizerV2, https://github.com/xingchensong/S3Tokenizer): log-mel at 100 Hz → one of 6561 tokens at 25 Hz.
// Two strided convolutions, transformer blocks with a convolutional memory, finite scalar quantisation with three levels in eight digits.
// Can be built in parts that run one after another: whoever encodes a voice then never has all of its half gigabyte of weights in memory.
import { tokenizerPartName } from '../../engine/chatterbox/voice/tokenizer-parts.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import { HEAD_WIDTH, type S3GenDimensions } from '../dimensions.ts'
import { attend, splitHeads } from '../layers/attention.ts'
import { conv1d } from '../layers/conv1d.ts'
import { linear } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import { type RotaryTables, rotaryTables, rotate } from '../layers/rotary.ts'
import { Graph, type GraphOptions, type Value } from '../onnx/graph.ts'
import { add, cast, gelu, matMul, mul, named, reshape, tanh, transpose } from '../onnx/operators.ts'

const MEL_CHANNELS = 128
/** 30 s at 25 Hz; the original cuts longer recordings into windows, which a voice prompt of 15 s never needs. */
const MAX_TOKENS = 750
const MEMORY_KERNEL = 31
const DIGITS = 8
/** Keeps a saturated tanh from rounding to a fourth level. */
const TANH_SCALE = 0.9990000128746033

/** Which of how many parts: each has its share of the transformer blocks. The only part of one is the whole. */
export interface TokenizerPart {
  readonly index: number
  readonly count: number
}

const WHOLE: TokenizerPart = { index: 0, count: 1 }

/**
 * `mel` [1, 128, frames] → `tokens` int64 [tokens], tokens = ⌈⌈frames / 2⌉ / 2⌉. Of several parts the first takes `mel`, the last gives `tokens`,
 * and between two of them is [1, tokens, width], given as `heard` and taken as `hidden`. Named `speech-tokenizer`, of several parts with its number from 1 on.
 */
export function buildSpeechTokenizer(
  weights: WeightScope,
  dimensions: S3GenDimensions['speechTokenizer'],
  options: GraphOptions & { readonly part?: TokenizerPart } = {},
): Graph {
  const { part = WHOLE } = options
  const { width, layers } = dimensions
  const graph = new Graph(part.count === 1 ? 'speech-tokenizer' : tokenizerPartName(part.index), options)
  const begin = Math.floor((layers * part.index) / part.count)
  const end = Math.floor((layers * (part.index + 1)) / part.count)
  const encoder = weights.at('encoder')
  let x = part.index === 0 ? embed(graph, encoder, width) : graph.input('hidden', 'float32', [1, 'tokens', width])
  const rotary = rotaryTables(x, { maxLength: MAX_TOKENS, headWidth: HEAD_WIDTH })
  for (let layer = begin; layer < end; layer++) {
    x = block(x, encoder.at('blocks', layer), dimensions, rotary)
    if (layer === 0) graph.probe('hidden_block0', x)
  }
  if (part.index < part.count - 1) graph.output('heard', x)
  else quantise(graph, x, weights.at('quantizer', '_codebook'), width)
  return graph
}

/** The mel at a quarter of its rate, [1, tokens, width]. */
function embed(graph: Graph, encoder: WeightScope, width: number): Value {
  const mel = graph.input('mel', 'float32', [1, MEL_CHANNELS, 'frames'])
  const downsample = { kernel: 3, stride: 2, padding: 1 }
  const half = gelu(conv1d(mel, encoder.at('conv1'), width, downsample))
  const quarter = gelu(conv1d(half, encoder.at('conv2'), width, downsample))
  return named(transpose(quarter, [0, 2, 1]), [1, 'tokens', width])
}

/** Finite scalar quantisation: eight digits of three levels make a token. */
function quantise(graph: Graph, x: Value, codebook: WeightScope, width: number): void {
  graph.probe('hidden_last', x)
  const projected = linear(x, codebook.at('project_down'), width, DIGITS)
  graph.probe('project_down', projected)
  const squashed = mul(tanh(projected), TANH_SCALE)
  graph.probe('fsq_prerounding', squashed)
  const digits = add(graph.node1('Round', [squashed], squashed), 1)
  const places = graph.constant(
    'float32',
    Array.from({ length: DIGITS }, (_, i) => 3 ** i),
    [DIGITS, 1],
  )
  graph.output('tokens', cast(reshape(matMul(digits, places), ['tokens']), 'int64'))
}

function block(
  x: Value,
  weights: WeightScope,
  { width, feedForward }: S3GenDimensions['speechTokenizer'],
  rotary: RotaryTables,
): Value {
  const attended = add(x, attention(layerNorm(x, weights.at('attn_ln'), 1e-6), weights.at('attn'), width, rotary))
  const mlp = weights.at('mlp')
  const hidden = gelu(linear(layerNorm(attended, weights.at('mlp_ln')), mlp.at(0), width, feedForward))
  return add(attended, linear(hidden, mlp.at(2), feedForward, width))
}

/** Self-attention plus a memory of the values: a depthwise convolution over time that bypasses the output projection. */
function attention(x: Value, weights: WeightScope, width: number, rotary: RotaryTables): Value {
  const scale = HEAD_WIDTH ** -0.25
  const q = mul(rotate(splitHeads(linear(x, weights.at('query'), width, width), HEAD_WIDTH), rotary), scale)
  const k = mul(
    rotate(splitHeads(linear(x, weights.at('key'), width, width, { bias: false }), HEAD_WIDTH), rotary),
    scale,
  )
  const v = linear(x, weights.at('value'), width, width)
  const convolved = conv1d(transpose(v, [0, 2, 1]), weights.at('fsmn_block'), width, {
    kernel: MEMORY_KERNEL,
    padding: (MEMORY_KERNEL - 1) / 2,
    groups: width,
    bias: false,
  })
  const memory = add(transpose(convolved, [0, 2, 1]), v)
  return add(linear(attend(q, k, splitHeads(v, HEAD_WIDTH)), weights.at('out'), width, width), memory)
}
