// Logits → probabilities of the next speech token, in the official order: temperature, top-k, top-p, min-p, repetition penalty last.
// Pure: the draw itself takes a number from outside.
import { invariant } from '../../../errors.ts'
import type { Sampling } from '../../engine.ts'

/** The tokens that can come next, in the order of their logits, with probabilities that sum to 1. */
export interface TokenDistribution {
  readonly tokens: Int32Array
  readonly probabilities: Float64Array
}

/** Tokens that are still in, highest score first, ties by id. */
interface Candidates {
  readonly tokens: Int32Array
  readonly scores: Float32Array
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
  let candidates = rank(scaled, topK)
  invariant(candidates.tokens.length > 0, 'the logits hold no finite value')
  if (topP < 1) candidates = first(candidates, countTopP(softmax(candidates.scores), topP))
  if (minP > 0) candidates = first(candidates, countMinP(softmax(candidates.scores), minP))
  const { tokens } = candidates
  const scores =
    repetitionPenalty === 1 ? candidates.scores : penalised(candidates, new Set(history), repetitionPenalty)
  return { tokens, probabilities: softmax(scores) }
}

/** The token in whose share of [0, 1) the number `uniform` falls. */
export function drawToken({ tokens, probabilities }: TokenDistribution, uniform: number): number {
  let reached = 0
  for (let i = 0; i < tokens.length; i++) {
    reached += probabilities[i] ?? 0
    if (uniform < reached) return tokens[i] ?? 0
  }
  // The shares may add up to a little less than 1; what is over belongs to the last token that has one.
  return tokens[probabilities.findLastIndex((probability) => probability > 0)] ?? 0
}

/** The candidates from the topK-th highest score up, all of them for 0; a score of −∞ or NaN is never one. */
function rank(scores: Float32Array, topK: number): Candidates {
  const limit = topK > 0 && topK < scores.length ? kthHighest(scores, topK) : -Number.MAX_VALUE
  // Score and id packed into one number each, because typed arrays sort numbers ten times faster than a comparator sorts objects.
  const bits = new Int32Array(scores.buffer, scores.byteOffset, scores.length)
  const keys = new Float64Array(scores.length)
  let count = 0
  for (let token = 0; token < scores.length; token++) {
    if (!((scores[token] ?? 0) >= limit)) continue
    const pattern = bits[token] ?? 0
    const ordered = pattern < 0 ? -(pattern & 0x7fffffff) : pattern
    keys[count++] = -ordered * scores.length + token
  }
  keys.subarray(0, count).sort()
  const candidates = { tokens: new Int32Array(count), scores: new Float32Array(count) }
  for (let i = 0; i < count; i++) {
    const remainder = (keys[i] ?? 0) % scores.length
    const token = remainder < 0 ? remainder + scores.length : remainder
    candidates.tokens[i] = token
    candidates.scores[i] = scores[token] ?? 0
  }
  return candidates
}

/** Quickselect [Hoare 1961]. */
function kthHighest(scores: Float32Array, k: number): number {
  const values = scores.map((score) => (Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score))
  let low = 0
  let high = values.length - 1
  const wanted = k - 1
  while (low < high) {
    const pivot = values[(low + high) >>> 1] ?? 0
    let left = low
    let right = high
    while (left <= right) {
      while ((values[left] ?? 0) > pivot) left++
      while ((values[right] ?? 0) < pivot) right--
      if (left > right) break
      const swapped = values[left] ?? 0
      values[left++] = values[right] ?? 0
      values[right--] = swapped
    }
    if (wanted <= right) high = right
    else if (wanted >= left) low = left
    else break
  }
  return values[wanted] ?? 0
}

const first = ({ tokens, scores }: Candidates, count: number): Candidates => ({
  tokens: tokens.subarray(0, count),
  scores: scores.subarray(0, count),
})

/** How many are left without the least likely that together have a probability of at most 1 − topP. The likeliest always stays. */
function countTopP(descending: Float64Array, topP: number): number {
  let kept = descending.length
  let below = 0
  while (kept > 1) {
    below += descending[kept - 1] ?? 0
    if (below > 1 - topP) break
    kept--
  }
  return kept
}

/** How many are at least minP times as likely as the likeliest. */
function countMinP(descending: Float64Array, minP: number): number {
  const limit = minP * (descending[0] ?? 0)
  const below = descending.findIndex((probability, i) => i > 0 && probability < limit)
  return below < 0 ? descending.length : below
}

/** Positive scores are divided by the penalty, negative ones multiplied (Keskar et al. 2019, CTRL). */
function penalised({ tokens, scores }: Candidates, history: ReadonlySet<number>, penalty: number): Float32Array {
  return scores.map((score, i) => {
    if (!history.has(tokens[i] ?? -1)) return score
    return score < 0 ? score * penalty : score / penalty
  })
}

function softmax(scores: Float32Array): Float64Array {
  let highest = Number.NEGATIVE_INFINITY
  for (const score of scores) highest = Math.max(highest, score)
  const probabilities = new Float64Array(scores.length)
  let total = 0
  for (let i = 0; i < scores.length; i++) {
    const weight = Math.exp((scores[i] ?? 0) - highest)
    probabilities[i] = weight
    total += weight
  }
  return probabilities.map((weight) => weight / total)
}
