// What the flow estimator knows of time, as constants: the sampler only ever takes the same few steps, so each step's embedding is
// computed while compiling, in float64. Leaves 34 MB of weights out of the graph.
import type { WeightScope } from '../checkpoint/weights.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'

/** Start and end time of every step. */
export type StepTimes = readonly (readonly [from: number, to: number])[]

/** The sinusoids see milliseconds, as in the text-to-speech models this one comes from. */
const TIME_SCALE = 1000
const SINUSOIDS = 320

/** One vector a step; computed once, when first asked for. */
export type StepEmbeddings = () => readonly Float64Array[]

/**
 * Takes `time_mlp.linear_{1,2}` and `time_embed_mixer`: both times of a step as sinusoids through one perceptron, then mixed without bias.
 */
export function takeStepEmbeddings(weights: WeightScope, width: number, steps: StepTimes): StepEmbeddings {
  const first = takeLinear(weights.at('time_mlp', 'linear_1'), SINUSOIDS, width)
  const second = takeLinear(weights.at('time_mlp', 'linear_2'), width, width)
  const mixer = takeLinear(weights.at('time_embed_mixer'), 2 * width, width, { bias: false })
  let known: readonly Float64Array[] | undefined
  return () => {
    known ??= steps.map((times) => {
      const embedded = times.map((time) => second(first(sinusoids(time)).map((x) => x / (1 + Math.exp(-x)))))
      return mixer(Float64Array.from(embedded.flatMap((vector) => [...vector])))
    })
    return known
  }
}

/** The table [steps, outWidth] of a linear layer (`weight`, `bias`) on the mish of every embedding. */
export function takeStepTable(
  weights: WeightScope,
  embeddings: StepEmbeddings,
  width: number,
  outWidth: number,
  steps: number,
): FloatTensor {
  const project = takeLinear(weights, width, outWidth)
  return floatTensor(weights.path('steps'), [steps, outWidth], () => {
    const rows = embeddings().map((embedding) => project(embedding.map((x) => x * Math.tanh(Math.log1p(Math.exp(x))))))
    return Float32Array.from(rows.flatMap((row) => [...row]))
  })
}

/**
 * Sines, then cosines, of frequencies from 1 down to 1 / 10000. Angles are rounded to float32 as in the official code: at an angle of
 * 1000 every rounding shows.
 */
function sinusoids(time: number): Float64Array {
  const half = SINUSOIDS / 2
  const step = Math.fround(-Math.log(10000) / (half - 1))
  return Float64Array.from({ length: SINUSOIDS }, (_, i) => {
    const frequency = Math.fround(Math.exp(Math.fround((i % half) * step)))
    const angle = Math.fround(Math.fround(TIME_SCALE * time) * frequency)
    return i < half ? Math.sin(angle) : Math.cos(angle)
  })
}

type Linear = (x: Float64Array) => Float64Array

/** A torch Linear run while compiling. */
function takeLinear(weights: WeightScope, inWidth: number, outWidth: number, options: { bias?: boolean } = {}): Linear {
  const weight = weights.take('weight', [outWidth, inWidth])
  const bias = options.bias === false ? undefined : weights.take('bias', [outWidth])
  return (x) => {
    const [rows, shift] = [weight.read(), bias?.read()]
    return Float64Array.from({ length: outWidth }, (_, out) => {
      const row = rows.subarray(out * inWidth, (out + 1) * inWidth)
      return row.reduce((sum, value, i) => sum + value * (x[i] ?? 0), shift?.[out] ?? 0)
    })
  }
}
