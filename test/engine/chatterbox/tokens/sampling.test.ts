import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { SafetensorsFile } from '../../../../src/compile/checkpoint/safetensors.ts'
import { packageRoot } from '../../../../src/config.ts'
import { drawToken, nextTokenDistribution } from '../../../../src/engine/chatterbox/tokens/sampling.ts'
import type { Sampling } from '../../../../src/engine/engine.ts'
import { largestDifference } from '../../../harness/graphs.ts'

const fixtures = path.join(packageRoot, 'test/fixtures/sampling')
const PLAIN: Sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 }

interface Case {
  row: number
  hist: number
  temperature: number
  top_k: number
  top_p: number
  min_p: number
  repetition_penalty: number
}

test('keeps the tokens and gives the probabilities of the official processors', () => {
  using file = new SafetensorsFile(path.join(fixtures, 'distributions.safetensors'))
  const cases = JSON.parse(readFileSync(path.join(fixtures, 'cases.json'), 'utf8')) as Case[]
  const logits = file.readFloat32('logits')
  const size = logits.length / 4
  assert.equal(cases.length, 17)
  for (const [index, { row, hist, ...parameters }] of cases.entries()) {
    const name = String(index).padStart(2, '0')
    const sampling: Sampling = {
      temperature: parameters.temperature,
      topK: parameters.top_k,
      topP: parameters.top_p,
      minP: parameters.min_p,
      repetitionPenalty: parameters.repetition_penalty,
    }
    const history = Array.from(file.readInt64(`hist_${hist}`), Number)
    const found = nextTokenDistribution(logits.subarray(row * size, (row + 1) * size), history, sampling)
    const expected = file.readFloat32(`probs_${name}`)
    // Row 2 is full of ties, and which of them torch drops at the top-p cut is up to its unstable sort.
    const tiedCut = row === 2 && parameters.top_p < 1
    const byId = Array.from(found.tokens.entries(), ([i, token]) => [token, found.probabilities[i] ?? 0] as const)
    byId.sort((a, b) => a[0] - b[0])
    if (!tiedCut)
      assert.deepEqual(
        byId.map(([token]) => token),
        Array.from(file.readInt64(`tokens_${name}`), Number),
        name,
      )
    const [a, b] = [byId.map(([, probability]) => probability), [...expected]].map((list) =>
      tiedCut ? list.sort((x, y) => x - y) : list,
    )
    assert.ok(a && b && largestDifference(a, b) <= 2e-6, `case ${name}`)
  }
})

test('tokens come likeliest first, and all tied at the top-k cut stay', () => {
  const logits = Float32Array.of(-1, 0.5, -2, -2, -2, -3, -0, 0)
  const kept = (topK: number) => [...nextTokenDistribution(logits, [], { ...PLAIN, topK }).tokens]
  assert.deepEqual(kept(5), [1, 6, 7, 0, 2, 3, 4])
  assert.deepEqual(kept(2), [1, 6, 7])
  assert.deepEqual(kept(0), [1, 6, 7, 0, 2, 3, 4, 5])
})

test('top-p 0 leaves the likeliest token, the lower id of two', () => {
  const { tokens, probabilities } = nextTokenDistribution(Float32Array.of(1, 5, 5, 0), [], { ...PLAIN, topP: 0 })
  assert.deepEqual([[...tokens], [...probabilities]], [[1], [1]])
})

test('the penalty comes last: it can put a kept token second but brings none back', () => {
  const sampling = { ...PLAIN, topK: 2, repetitionPenalty: 2 }
  const { tokens, probabilities } = nextTokenDistribution(Float32Array.of(2, 1.9, 1.8), [0, 0, 2], sampling)
  assert.deepEqual([...tokens], [0, 1])
  // 2 / 2 = 1, once although it was said twice; 1.9 as it was.
  assert.ok(Math.abs((probabilities[1] ?? 0) / (probabilities[0] ?? 0) - Math.exp(0.9)) < 1e-6)
})

test('a token that is impossible stays impossible, whatever the penalty', () => {
  const logits = Float32Array.of(Number.NEGATIVE_INFINITY, 0, -1)
  const { tokens } = nextTokenDistribution(logits, [0, 2], { ...PLAIN, repetitionPenalty: 2 })
  assert.deepEqual([...tokens], [1, 2])
})

test('logits without a finite value are a bug', () => {
  assert.throws(() => nextTokenDistribution(new Float32Array(4).fill(Number.NaN), [], PLAIN), /bug/)
})

test('a draw falls into the share of its token', () => {
  const distribution = { tokens: Int32Array.of(3, 5, 9), probabilities: Float64Array.of(0.25, 0.5, 0.25) }
  const draws = [0.001, 0.2499, 0.25, 0.7499, 0.75, 0.999, 1 - Number.EPSILON / 2]
  assert.deepEqual(
    draws.map((uniform) => drawToken(distribution, uniform)),
    [3, 3, 5, 5, 9, 9, 9],
  )
})

test('a number beyond the sum of the shares draws the last token that has one', () => {
  const distribution = { tokens: Int32Array.of(1, 2, 3), probabilities: Float64Array.of(0.5, 0.4999, 0) }
  assert.equal(drawToken(distribution, 0.99995), 2)
})
