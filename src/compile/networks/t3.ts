// T3: the language model of speech tokens, a GPT-2 without its embeddings. One graph for prefill and step; keys and values of earlier
// positions live in a buffer of the caller, to which the attention appends in place.
import { UNFETCHABLE_OUTPUT } from '../../engine/runtime/session.ts'
import { invariant } from '../../errors.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import { HEAD_WIDTH, type LanguageModelDimensions, SPEECH_VOCABULARY } from '../dimensions.ts'
import { Graph, type Value } from '../onnx/graph.ts'
import { add } from '../onnx/operators.ts'
import { type Precision, project } from '../quantize.ts'
import { transposed } from '../tensor.ts'

const EPSILON = 1e-5

/**
 * Inputs, for B sequences of S new rows each and room for P positions:
 * - `inputs_embeds` float32 [B, S, width]: token embedding + position embedding
 * - `seqlens_k` int32 [B]: index of the last of the new rows in its sequence; `total_len` int32 [1]: the largest of them + 1
 * - `past_k{layer}`, `past_v{layer}` float32 [B, heads, P, width / heads]
 *
 * Outputs:
 * - `unfetchable`, first: see Session.bindInPlace
 * - `present_k{layer}`, `present_v{layer}`: the past with the new rows appended, in place where it is given the same array
 * - `logits` float32 [B, vocabulary] after the last new row
 * - `qkv{layer}` float32 [B, S, 3 · width]: for callers that cannot have the append done in place and do it themselves
 */
export function buildT3(weights: WeightScope, dimensions: LanguageModelDimensions, precision: Precision): Graph {
  const { layers, width, feedForward } = dimensions
  const heads = width / HEAD_WIDTH
  const graph = new Graph('t3')
  const transformer = weights.at('tfmr')
  const inputs = graph.input('inputs_embeds', 'float32', ['batch', 'rows', width])
  const lengths: Lengths = {
    last: graph.input('seqlens_k', 'int32', ['batch']),
    total: graph.input('total_len', 'int32', [1]),
  }
  const pastShape = ['batch', heads, 'positions', HEAD_WIDTH]
  const pasts = Array.from({ length: layers }, (_, layer) => ({
    k: graph.input(`past_k${layer}`, 'float32', pastShape),
    v: graph.input(`past_v${layer}`, 'float32', pastShape),
  }))
  graph.output(UNFETCHABLE_OUTPUT, graph.node1('SequenceEmpty', [], { dtype: 'float32-sequence', shape: [] }))

  // The residual stream, and what the last sublayer adds to it: the sum is part of the next normalisation.
  let stream = inputs
  let addition: { readonly value: Value; readonly bias: Value } | undefined
  const queriesKeysValues: Value[] = []
  const normalise = (norm: WeightScope): Value => {
    const [scale, shift] = ['weight', 'bias'].map((name) => take(graph, norm, name, [width]))
    const attributes = { epsilon: { float: EPSILON } }
    if (!addition) {
      const result = { dtype: 'float32', shape: stream.shape } as const
      return graph.node1('LayerNormalization', [stream, scale, shift], result, {
        attributes: { ...attributes, axis: -1 },
      })
    }
    const result = { dtype: 'float32', shape: stream.shape } as const
    const [normal, , , sum] = graph.node(
      'SkipLayerNormalization',
      [stream, addition.value, scale, shift, addition.bias],
      [result, result, result, result],
      { attributes, domain: 'com.microsoft' },
    )
    invariant(normal && sum, 'SkipLayerNormalization has four results')
    stream = sum
    return normal
  }

  for (const [layer, past] of pasts.entries()) {
    const block = transformer.at('h', layer)
    const qkv = conv1dProjection(normalise(block.at('ln_1')), block.at('attn', 'c_attn'), 3 * width, precision)
    const qkvBiased = add(qkv.value, qkv.bias)
    queriesKeysValues.push(qkvBiased)
    const { attended, presentK, presentV } = attend(qkvBiased, past, lengths, heads)
    graph.output(`present_k${layer}`, presentK)
    graph.output(`present_v${layer}`, presentV)
    addition = conv1dProjection(attended, block.at('attn', 'c_proj'), width, precision)
    const inner = conv1dProjection(normalise(block.at('ln_2')), block.at('mlp', 'c_fc'), feedForward, precision)
    addition = conv1dProjection(fastGelu(inner), block.at('mlp', 'c_proj'), width, precision)
  }
  const hidden = lastRow(normalise(transformer.at('ln_f')))
  const head = transposed(weights.take('speech_head.weight', [SPEECH_VOCABULARY, width]))
  const logits = add(project(hidden, head, precision), take(graph, weights, 'speech_head.bias', [SPEECH_VOCABULARY]))
  graph.output('logits', logits)
  for (const [layer, qkv] of queriesKeysValues.entries()) graph.output(`qkv${layer}`, qkv)
  return graph
}

interface Lengths {
  readonly last: Value
  readonly total: Value
}

const take = (graph: Graph, weights: WeightScope, name: string, shape: readonly number[]): Value =>
  graph.weight(weights.path(name), weights.take(name, shape))

/** The product and its bias apart: what follows adds the bias on its way. */
function conv1dProjection(
  x: Value,
  weights: WeightScope,
  outSize: number,
  precision: Precision,
): { readonly value: Value; readonly bias: Value } {
  const inSize = x.shape.at(-1)
  invariant(typeof inSize === 'number', 'a projection needs a known width')
  const value = project(x, weights.take('weight', [inSize, outSize]), precision)
  return { value, bias: take(x.graph, weights, 'bias', [outSize]) }
}

/** Causal attention over the past and the new rows, with queries, keys and values packed along the last axis. */
function attend(qkv: Value, past: { k: Value; v: Value }, lengths: Lengths, heads: number) {
  const presentShape = past.k.shape
  const [attended, presentK, presentV] = qkv.graph.node(
    'GroupQueryAttention',
    [qkv, undefined, undefined, past.k, past.v, lengths.last, lengths.total],
    [
      { dtype: 'float32', shape: [...qkv.shape.slice(0, -1), heads * HEAD_WIDTH] },
      { dtype: 'float32', shape: presentShape },
      { dtype: 'float32', shape: presentShape },
    ],
    { domain: 'com.microsoft', attributes: { num_heads: heads, kv_num_heads: heads } },
  )
  invariant(attended && presentK && presentV, 'GroupQueryAttention has three results')
  return { attended, presentK, presentV }
}

/** GPT-2's gelu_new (the tanh form) of x + bias. */
function fastGelu({ value, bias }: { value: Value; bias: Value }): Value {
  const result = { dtype: 'float32', shape: value.shape } as const
  return value.graph.node1('FastGelu', [value, bias], result, { domain: 'com.microsoft' })
}

/** [B, S, width] → [B, width]. */
function lastRow(x: Value): Value {
  const [batch = 'batch', , width = 0] = x.shape
  const last = x.graph.constant('int64', -1)
  return x.graph.node1('Gather', [x, last], { dtype: 'float32', shape: [batch, width] }, { attributes: { axis: 1 } })
}
