// Parity of the language model: its rows and logits in fp32, how close the quantised ones come, and the sampler.
import type { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { Weights } from '../../src/compile/checkpoint/weights.ts'
import { type LanguageModelDimensions, NANO, TURBO } from '../../src/compile/dimensions.ts'
import { buildT3 } from '../../src/compile/networks/t3.ts'
import { buildT3Embedding } from '../../src/compile/networks/t3-embedding.ts'
import type { Precision } from '../../src/compile/quantize.ts'
import { nextTokenDistribution } from '../../src/engine/chatterbox/tokens/sampling.ts'
import { SPEECH_VOCABULARY, START_TOKEN } from '../../src/engine/chatterbox/tokens/speech-tokens.ts'
import { T3 } from '../../src/engine/chatterbox/tokens/t3.ts'
import { TokenEmbeddings } from '../../src/engine/chatterbox/tokens/token-embeddings.ts'
import type { Sampling } from '../../src/engine/engine.ts'
import { Session } from '../../src/engine/runtime/session.ts'
import { floatsOf, PARITY_SESSION, type ParityRun, type Stage } from './parity.ts'

const MODELS = { turbo: TURBO.languageModel, nano: NANO.languageModel } as const
type Model = keyof typeof MODELS

/** How far the quantised models may be off: 1 − cosine of the logits. Measured 2e-4 and 2e-2; random weights are the hard case. */
const QUANTISED = { int8: 5e-4, int4: 3e-2 } as const

export const t3Stages: Readonly<Record<string, Stage>> = {
  sampler: async (run) => {
    const official = run.fixture('sampler')
    const logits = official.readFloat32('logits')
    for (const set of run.json<SamplerCase[]>('sampler')) {
      const row = logits.subarray(set.row * SPEECH_VOCABULARY, (set.row + 1) * SPEECH_VOCABULARY)
      const history = Array.from(official.readInt64(`hist_${set.hist}`), Number)
      const expected = official.readFloat32(`probs_${String(set.index).padStart(2, '0')}`)
      // Row 2 is full of ties, and which of them torch drops at the top-p cut is up to its unstable sort.
      const tied = set.row === 2 && set.top_p < 1
      const [a, b] = [probabilities(row, history, samplingOf(set)), expected].map((list) => (tied ? list.sort() : list))
      run.compare(`sampler.${set.index}`, a ?? [], b ?? [], 2e-6)
      const differing = a?.reduce((count, value, i) => count + (value > 0 !== (b?.[i] ?? 0) > 0 ? 1 : 0), 0)
      run.compareCount(`sampler.${set.index} support`, differing ?? Number.POSITIVE_INFINITY, 0)
    }
  },
  't3-turbo-fp32': (run) => compareExact(run, 'turbo'),
  't3-nano-fp32': (run) => compareExact(run, 'nano'),
  't3-turbo-int8': (run) => compareQuantised(run, 'turbo', 'int8'),
  't3-nano-int8': (run) => compareQuantised(run, 'nano', 'int8'),
  't3-turbo-int4': (run) => compareQuantised(run, 'turbo', 'int4'),
  't3-nano-int4': (run) => compareQuantised(run, 'nano', 'int4'),
}

interface SamplerCase {
  readonly index: number
  readonly row: number
  readonly hist: number
  readonly temperature: number
  readonly top_k: number
  readonly top_p: number
  readonly min_p: number
  readonly repetition_penalty: number
}

const samplingOf = (set: SamplerCase): Sampling => ({
  temperature: set.temperature,
  topK: set.top_k,
  topP: set.top_p,
  minP: set.min_p,
  repetitionPenalty: set.repetition_penalty,
})

function probabilities(logits: Float32Array, history: readonly number[], sampling: Sampling): Float32Array {
  const found = nextTokenDistribution(logits, history, sampling)
  const all = new Float32Array(logits.length)
  for (const [i, token] of found.tokens.entries()) all[token] = found.probabilities[i] ?? 0
  return all
}

async function compareExact(run: ParityRun, model: Model): Promise<void> {
  const official = run.fixture(`t3_${model}`)
  await compareConditioningRows(run, model)
  await using speaker = await openSpeaker(run, model, 'fp32')
  const logits = await speaker.replay(official, 'in_')
  run.compare(`t3_${model}.prefill_last_logits`, logits[0] ?? [], official.readFloat32('prefill_last_logits'), 2e-4)
  const forced = official.readFloat32('teacher_forced_logits')
  run.compare(`t3_${model}.teacher_forced_logits`, joined(logits.slice(1)), forced, 2e-4)
  const second = joined(await speaker.replay(official, 'in2_'))
  run.compare(`t3_${model}.in2_logits`, second, official.readFloat32('in2_logits'), 2e-4)

  const sampling: Sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }
  const said = integers(official, 'in_speech_tokens')
  const drawn = [0, 1, 2].map((step) =>
    probabilities(logits[step] ?? new Float32Array(), step === 0 ? [START_TOKEN] : said.slice(0, step), sampling),
  )
  run.compare(`t3_${model}.probs_default_first3`, joined(drawn), official.readFloat32('probs_default_first3'), 1e-5)
  await compareEndToEnd(run, model, speaker)
}

/** From the stored voice of the whole chain: prefill and four steps. */
async function compareEndToEnd(run: ParityRun, model: Model, speaker: Speaker): Promise<void> {
  const [official, voice] = [run.fixture('e2e'), run.fixture('embed_ref')]
  const logits = await speaker.logits(
    voice.readFloat32('a_ve_embed'),
    integers(voice, 'a_t3_prompt_tokens'),
    integers(official, 'in_text_tokens'),
    integers(official, 'in_speech_tokens').slice(0, 4),
  )
  const key = `${model}_logits_prefill_and_4`
  run.compare(`e2e.${key}`, joined(logits), official.readFloat32(key), 2e-4)
}

async function compareConditioningRows(run: ParityRun, model: Model): Promise<void> {
  const official = run.fixture(`t3_${model}`)
  await using session = await Session.open(run.save(embeddingGraph(run, model)), PARITY_SESSION)
  const speakerEmbedding = official.readFloat32('in_speaker_emb')
  const prompt = official.readInt64('in_prompt_tokens')
  const none = { data: new BigInt64Array(), shape: [0] }
  const found = await session.run({
    text_tokens: none,
    positions: none,
    speech_tokens: { data: prompt, shape: [prompt.length] },
    speaker_embedding: { data: speakerEmbedding, shape: [1, speakerEmbedding.length] },
  })
  const rows = joined([floatsOf(found.speaker_rows), floatsOf(found.speech_rows)])
  const { width } = MODELS[model]
  const shown = [0, 1, 2, prompt.length].map((row) => rows.subarray(row * width, (row + 1) * width))
  const key = 'cond_rows_0_1_2_last'
  run.compare(`t3_${model}.${key}`, joined(shown), official.readFloat32(key), 3e-6)
}

async function compareQuantised(run: ParityRun, model: Model, precision: keyof typeof QUANTISED): Promise<void> {
  const official = run.fixture(`t3_${model}`)
  await using speaker = await openSpeaker(run, model, precision)
  const found = await speaker.replay(official, 'in_')
  const expected = joined([official.readFloat32('prefill_last_logits'), official.readFloat32('teacher_forced_logits')])
  const rows = found.map((_, i) => expected.subarray(i * SPEECH_VOCABULARY, (i + 1) * SPEECH_VOCABULARY))
  const distances = found.map((logits, i) => 1 - cosine(logits, rows[i] ?? new Float32Array()))
  run.compare(`t3_${model} ${precision}: 1 - cosine`, [Math.max(...distances)], [0], QUANTISED[precision])
  const other = found.filter((logits, i) => likeliest(logits) !== likeliest(rows[i] ?? new Float32Array())).length
  run.compareCount(`t3_${model} ${precision}: likeliest token, of ${found.length}`, other, found.length / 2)
}

interface Speaker extends AsyncDisposable {
  /** The logits after the prefill and after each of the fixture's speech tokens. */
  replay(official: SafetensorsFile, prefix: string): Promise<Float32Array[]>
  logits(
    speakerEmbedding: Float32Array,
    prompt: readonly number[],
    text: readonly number[],
    speech: readonly number[],
  ): Promise<Float32Array[]>
}

/** The language model as it is shipped, at full size. */
async function openSpeaker(run: ParityRun, model: Model, precision: Precision): Promise<Speaker> {
  const positions = 512
  const t3File = run.save(buildT3(weightsOf(run, model), MODELS[model], precision))
  const t3 = await T3.open(t3File, { ...PARITY_SESSION, slots: 1, positions })
  const embeddings = await TokenEmbeddings.open(run.save(embeddingGraph(run, model)), SPEECH_VOCABULARY, positions)
  const speaker: Speaker = {
    replay: (official, prefix) =>
      speaker.logits(
        official.readFloat32('in_speaker_emb'),
        integers(official, `${prefix}prompt_tokens`),
        integers(official, `${prefix}text_tokens`),
        integers(official, `${prefix}speech_tokens`),
      ),
    async logits(speakerEmbedding, prompt, text, speech) {
      let length = 0
      const append = async (rows: Float32Array) => {
        const logits = await t3.forward({ firstSlot: 0, lengths: [length], embeddings: rows })
        length += rows.length / t3.width
        return Float32Array.from(logits)
      }
      await append(await embeddings.voiceRows(speakerEmbedding, Int32Array.from(prompt)))
      const all = [await append(await embeddings.textRows(text, START_TOKEN, length))]
      for (const token of speech) {
        const row = new Float32Array(t3.width)
        embeddings.writeSpeechRow(token, length, row)
        all.push(await append(row))
      }
      return all
    },
    async [Symbol.asyncDispose]() {
      await t3[Symbol.asyncDispose]()
      await embeddings[Symbol.asyncDispose]()
    },
  }
  return speaker
}

const weightsOf = (run: ParityRun, model: Model) => new Weights(run.checkpoint(`t3_${model}_v1.safetensors`))

const embeddingGraph = (run: ParityRun, model: Model) => {
  const dimensions: LanguageModelDimensions = MODELS[model]
  return buildT3Embedding(weightsOf(run, model), dimensions, TURBO.voiceEncoder.embedding)
}

const integers = (file: SafetensorsFile, key: string): number[] => Array.from(file.readInt64(key), Number)

function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  let position = 0
  for (const array of arrays) {
    all.set(array, position)
    position += array.length
  }
  return all
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

const likeliest = (logits: Float32Array): number =>
  logits.reduce((best, value, i) => (value > (logits[best] ?? 0) ? i : best), 0)
