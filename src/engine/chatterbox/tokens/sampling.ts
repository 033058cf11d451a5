// Logits → probabilities of the next speech token, in the official order: temperature, top-k, top-p, min-p, repetition penalty last.
// Pure: the draw itself takes a number from outside.
import { invariant } from '../../../errors.ts'
import type { Sampling } from '../../engine.ts'

/** The tokens that can come next, in the order of their ids, with probabilities that sum to 1. */
export interface TokenDistribution {
  readonly tokens: Int32Array
  readonly probabilities: Float64Array
}

interface Candidate {
  readonly token: number
  score: number
}

/**
 * Each step is left out where it would do nothing: temperature 1, top-k 0, top-p 1, min-p 0, penalty 1. Ties at the top-k cut all stay;
 * of those at the top-p cut the lower ids stay. The penalty works on what is left, each token of `history` once however often it occurs,
 * so it can reorder the candidates but brings none back.
 *
 * @param logits [vocabulary], as the model gives them
 * @param history what counts as said: the tokens drawn so far, or the start token alone before the first draw
 */
export function nextTokenDistribution(
  logits: Float32Array,
  history: Iterable<number>,
  sampling: Sampling,
): TokenDistribution {
  const { temperature, topK, topP, minP, repetitionPenalty } = sampling
  const scaled = temperature > 0 && temperature !== 1 ? logits.map((logit) => logit / temperature) : logits
  let candidates = takeTopK(scaled, topK)
  invariant(candidates.length > 0, 'the logits hold no finite value')
  if (topP < 1) candidates = takeTopP(candidates, topP)
  if (minP > 0) candidates = takeMinP(candidates, minP)
  if (repetitionPenalty !== 1) penalise(candidates, new Set(history), repetitionPenalty)
  candidates.sort((a, b) => a.token - b.token)
  return { tokens: Int32Array.from(candidates, ({ token }) => token), probabilities: softmax(candidates) }
}

/** The token in whose share of [0, 1) the number `uniform` falls. */
export function drawToken({ tokens, probabilities }: TokenDistribution, uniform: number): number {
  let reached = 0
  for (const [i, probability] of probabilities.entries()) {
    reached += probability
    if (uniform < reached) return tokens[i] ?? 0
  }
  // The shares may add up to a little less than 1; what is over belongs to the last token that has one.
  return tokens[probabilities.findLastIndex((probability) => probability > 0)] ?? 0
}

/** Highest score first, ties by id. topK 0 keeps all; a score of −∞ or NaN is never kept. */
function takeTopK(scores: Float32Array, topK: number): Candidate[] {
  const limit =
    topK > 0 && topK < scores.length ? (scores.toSorted()[scores.length - topK] ?? 0) : Number.NEGATIVE_INFINITY
  const kept: Candidate[] = []
  for (const [token, score] of scores.entries()) {
    if (score >= limit && score > Number.NEGATIVE_INFINITY) kept.push({ token, score })
  }
  return kept.sort((a, b) => b.score - a.score || a.token - b.token)
}

/** Drops the least likely tokens that together have a probability of at most 1 − topP. The likeliest always stays. */
function takeTopP(descending: readonly Candidate[], topP: number): Candidate[] {
  const probabilities = softmax(descending)
  let kept = descending.length
  let below = 0
  while (kept > 1) {
    below += probabilities[kept - 1] ?? 0
    if (below > 1 - topP) break
    kept--
  }
  return descending.slice(0, kept)
}

/** Drops the tokens less likely than minP times the likeliest. */
function takeMinP(descending: readonly Candidate[], minP: number): Candidate[] {
  const probabilities = softmax(descending)
  const limit = minP * (probabilities[0] ?? 0)
  return descending.filter((_, i) => i === 0 || (probabilities[i] ?? 0) >= limit)
}

/** Positive scores are divided by the penalty, negative ones multiplied (Keskar et al. 2019, CTRL). */
function penalise(candidates: readonly Candidate[], history: ReadonlySet<number>, penalty: number): void {
  for (const candidate of candidates) {
    if (!history.has(candidate.token)) continue
    candidate.score = Math.fround(candidate.score < 0 ? candidate.score * penalty : candidate.score / penalty)
  }
}

function softmax(candidates: readonly Candidate[]): Float64Array {
  const highest = candidates.reduce((most, { score }) => Math.max(most, score), Number.NEGATIVE_INFINITY)
  const weights = Float64Array.from(candidates, ({ score }) => Math.exp(score - highest))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / total)
}
