// Voice encoder: mel partials of 1.6 s → one unit vector each (GE2E, https://arxiv.org/abs/1710.10467). LSTM, projection, ReLU, norm.
import type { WeightScope, Weights } from '../checkpoint/weights.ts'
import type { VoiceEncoderDimensions } from '../dimensions.ts'
import { linear } from '../layers/linear.ts'
import { Graph, type Value } from '../onnx/graph.ts'
import { div, mul, relu, sqrt, squeeze, sum, transpose } from '../onnx/operators.ts'
import { dimensionAt, sizeAt } from '../onnx/shapes.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'

const MEL_CHANNELS = 40
const PARTIAL_FRAMES = 160

/** `mel` [partials, 160, 40] → `embeddings` [partials, embedding], each of length 1. */
export function buildVoiceEncoder(weights: Weights, { layers, hidden, embedding }: VoiceEncoderDimensions): Graph {
  const graph = new Graph('voice-encoder')
  const mel = graph.input('mel', 'float32', ['partials', PARTIAL_FRAMES, MEL_CHANNELS])
  let states = transpose(mel, [1, 0, 2])
  for (let layer = 0; layer < layers; layer++) states = lstm(states, weights.at('lstm'), layer, hidden)
  const last = graph.node1('Gather', [states, graph.constant('int64', PARTIAL_FRAMES - 1)], {
    dtype: 'float32',
    shape: ['partials', hidden],
  })
  const projected = relu(linear(last, weights.at('proj'), hidden, embedding))
  graph.output('embeddings', div(projected, sqrt(sum(mul(projected, projected), -1))))
  weights.ignore(/^similarity_(weight|bias)$/, 'scales the training loss only')
  return graph
}

/** One layer over x [time, batch, in] → [time, batch, hidden]. torch holds the gates as i, f, g, o; ONNX wants i, o, f, g. */
function lstm(x: Value, weights: WeightScope, layer: number, hidden: number): Value {
  const { graph } = x
  const take = (name: string, ...columns: number[]) =>
    gatesReordered(weights.take(`${name}_l${layer}`, [4 * hidden, ...columns]))
  const input = take('weight_ih', sizeAt(x.shape, 2))
  const recurrent = take('weight_hh', hidden)
  const biases = [take('bias_ih'), take('bias_hh')] as const
  const bias = floatTensor(biases[0].name, [1, 8 * hidden], () =>
    Float32Array.of(...biases.flatMap((b) => [...b.read()])),
  )
  const [states] = graph.node(
    'LSTM',
    [
      x,
      graph.weight(input.name, { ...input, shape: [1, ...input.shape] }),
      graph.weight(recurrent.name, { ...recurrent, shape: [1, ...recurrent.shape] }),
      graph.weight(bias.name, bias),
    ],
    [{ dtype: 'float32', shape: [dimensionAt(x.shape, 0), 1, dimensionAt(x.shape, 1), hidden] }],
    { attributes: { hidden_size: hidden } },
  )
  if (!states) throw new Error('LSTM has a result')
  return squeeze(states, [1])
}

function gatesReordered(tensor: FloatTensor): FloatTensor {
  return floatTensor(tensor.name, tensor.shape, () => {
    const values = tensor.read()
    const gate = values.length / 4
    const out = new Float32Array(values.length)
    for (const [to, from] of [0, 3, 1, 2].entries()) out.set(values.subarray(from * gate, (from + 1) * gate), to * gate)
    return out
  })
}
