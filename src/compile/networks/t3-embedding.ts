// The tables in front of T3: text tokens, speech tokens, positions and the speaker projection. Rows come out; adding them up is the engine's.
import type { WeightScope } from '../checkpoint/weights.ts'
import { type LanguageModelDimensions, SPEECH_VOCABULARY } from '../dimensions.ts'
import { linear } from '../layers/linear.ts'
import { Graph } from '../onnx/graph.ts'
import { gatherRows } from '../onnx/operators.ts'

/** Each input is independent of the others and may be empty: ids [n] → rows [n, width]; `speaker_embedding` [n, speakerSize] → rows. */
export function buildT3Embedding(
  weights: WeightScope,
  dimensions: LanguageModelDimensions,
  speakerSize: number,
): Graph {
  const { width, positions, textVocabulary } = dimensions
  const graph = new Graph('t3-embedding')
  const lookUp = (input: string, count: string, table: string, size: number, output: string): void => {
    const ids = graph.input(input, 'int64', [count])
    graph.output(output, gatherRows(graph.weight(table, weights.take(table, [size, width])), ids))
  }
  lookUp('text_tokens', 'texts', 'text_emb.weight', textVocabulary, 'text_rows')
  lookUp('speech_tokens', 'speeches', 'speech_emb.weight', SPEECH_VOCABULARY, 'speech_rows')
  lookUp('positions', 'places', 'tfmr.wpe.weight', positions, 'position_rows')
  const speakers = graph.input('speaker_embedding', 'float32', ['speakers', speakerSize])
  graph.output('speaker_rows', linear(speakers, weights.at('cond_enc', 'spkr_enc'), speakerSize, width))
  return graph
}

/** What of T3's checkpoint no graph takes: [names, reason]. */
export const IGNORED_T3_TENSORS: readonly (readonly [RegExp, string])[] = [
  [/^tfmr\.wte\.weight$/, "GPT-2's own token table; the model has text_emb and speech_emb instead"],
  [/^text_head\.weight$/, 'predicts text tokens, which only training needs'],
]
