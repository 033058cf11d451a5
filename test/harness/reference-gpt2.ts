// GPT-2 written down plainly in float64, to compare the graph with: all rows at once, no cache. [OpenAI 2019; transformers' GPT2Model]
import type { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'

type Matrix = Float64Array[]
type Weights = (name: string) => Float32Array

/** Logits after each row of `inputs` (embeddings with their positions added), for a checkpoint of this many layers and heads. */
export function referenceLogits(file: SafetensorsFile, inputs: Matrix, layers: number, heads: number): Matrix {
  const cache = new Map<string, Float32Array>()
  const weights: Weights = (name) => {
    const values = cache.get(name) ?? file.readFloat32(name)
    cache.set(name, values)
    return values
  }
  let rows = inputs
  for (let layer = 0; layer < layers; layer++) {
    const block = `tfmr.h.${layer}`
    const attended = attend(affine(norm(rows, weights, `${block}.ln_1`), weights, `${block}.attn.c_attn`), heads)
    rows = sum(rows, affine(attended, weights, `${block}.attn.c_proj`))
    const inner = affine(norm(rows, weights, `${block}.ln_2`), weights, `${block}.mlp.c_fc`)
    rows = sum(
      rows,
      affine(
        inner.map((row) => row.map(geluNew)),
        weights,
        `${block}.mlp.c_proj`,
      ),
    )
  }
  return speechHead(norm(rows, weights, 'tfmr.ln_f'), weights)
}

const geluNew = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? Number.NaN

const sum = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((value, j) => value + at(b[i] ?? [], j)))

function norm(rows: Matrix, weights: Weights, name: string): Matrix {
  const [scale, shift] = [weights(`${name}.weight`), weights(`${name}.bias`)]
  return rows.map((row) => {
    const mean = row.reduce((total, value) => total + value, 0) / row.length
    const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / row.length
    return row.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-5)) * at(scale, i) + at(shift, i))
  })
}

/** Conv1D: the weight is [in, out]. */
function affine(rows: Matrix, weights: Weights, name: string): Matrix {
  const [weight, bias] = [weights(`${name}.weight`), weights(`${name}.bias`)]
  return rows.map((row) =>
    Float64Array.from(bias, (start, out) =>
      row.reduce((total, value, i) => total + value * at(weight, i * bias.length + out), start),
    ),
  )
}

function attend(qkv: Matrix, heads: number): Matrix {
  const width = (qkv[0]?.length ?? 0) / 3
  const size = width / heads
  return qkv.map((row, now) => {
    const out = new Float64Array(width)
    for (let head = 0; head < heads; head++) {
      const scores = qkv.slice(0, now + 1).map((past) => {
        let dot = 0
        for (let i = head * size; i < (head + 1) * size; i++) dot += at(row, i) * at(past, width + i)
        return Math.exp(dot / Math.sqrt(size))
      })
      const total = scores.reduce((a, b) => a + b, 0)
      for (let i = head * size; i < (head + 1) * size; i++)
        out[i] = scores.reduce((value, score, past) => value + (score / total) * at(qkv[past] ?? [], 2 * width + i), 0)
    }
    return out
  })
}

function speechHead(rows: Matrix, weights: Weights): Matrix {
  const [weight, bias] = [weights('speech_head.weight'), weights('speech_head.bias')]
  return rows.map((row) =>
    Float64Array.from(bias, (start, out) =>
      row.reduce((total, value, i) => total + value * at(weight, out * row.length + i), start),
    ),
  )
}
