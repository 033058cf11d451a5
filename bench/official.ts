// Our stages beside those of the official PyTorch code, in one run on the same synthetic weights: ours, theirs, ours, theirs. Both are
// loaded all the time and have the same number of threads; the one that is not measured waits.
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { encodeAudio } from '../src/audio/encode/encoder.ts'
import { packageRoot } from '../src/config.ts'
import { openBundle } from '../src/engine/bundle.ts'
import { createChatterboxEngine } from '../src/engine/chatterbox/chatterbox.ts'
import { decoderNoise } from '../src/engine/chatterbox/decoder/decoder-noise.ts'
import { Flow } from '../src/engine/chatterbox/decoder/flow.ts'
import { SAMPLE_RATE } from '../src/engine/chatterbox/decoder/frame-rates.ts'
import { harmonicSource, noiseGain, startOfHarmonics } from '../src/engine/chatterbox/decoder/harmonic-source.ts'
import { Vocoder } from '../src/engine/chatterbox/decoder/vocoder.ts'
import { SpeechLm } from '../src/engine/chatterbox/tokens/speech-lm.ts'
import { T3 } from '../src/engine/chatterbox/tokens/t3.ts'
import { fromVoice } from '../src/engine/chatterbox/voice/conditionals.ts'
import type { Sampling, Voice } from '../src/engine/engine.ts'
import { ENGINE_ENVIRONMENT } from '../src/engine/engine-environment.ts'
import { randomNumbers } from '../src/engine/random.ts'
import { invariant } from '../src/errors.ts'
import { makeNoise } from '../test/harness/synthetic-voice.ts'
import { fillCache } from './full-cache.ts'
import { busyMs, describeMachine, median } from './machine.ts'
import { makeSpeechLike } from './speech-like.ts'
import { syntheticBundle } from './synthetic-bundle.ts'

export interface ComparisonOptions {
  /** Holds the synthetic checkpoint and the compiled model; made on first use, 5 GB. */
  readonly work: string
  /** An interpreter that can import chatterbox (bench/install-official.sh). */
  readonly python: string
  readonly threads: number
  readonly rounds: number
  /** Names or parts of names of the stages wanted; all without one. */
  readonly stages: readonly string[]
}

const SPEECH_TOKENS = 250
const TEXT_TOKENS = 24
const PASTS = [450, 700, 1000]
const STEPS = 10
/** 50 letters are at most 250 tokens, which random weights use up. */
const TEXT = 'The quick brown fox jumps over the lazy dog and then sits down.'
const SAMPLING: Sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }

interface Cost {
  readonly ms: number
  readonly coreMs: number
  /** How many cores others kept busy. */
  readonly foreign: number
}

interface Comparison {
  readonly stage: string
  /** What to ask the official side for. */
  readonly theirs: { readonly stage: string; readonly past?: number }
  readonly ours: (round: number) => Promise<unknown>
  /** What one call of `ours` does that many times. */
  readonly repeats?: number
}

/** Prints a table and one line of JSON. Without the official package it says how to get it and returns. */
export async function compareWithOfficial(options: ComparisonOptions): Promise<void> {
  const { work, threads } = options
  const checkpoint = path.join(work, 'checkpoint-turbo')
  const folder = await syntheticBundle({ work, synthetic: 'turbo', precision: 'int8' })
  const recording = path.join(work, 'recording.wav')
  const samples = makeSpeechLike(12)
  await writeFile(recording, await encodeAudio(samples, SAMPLE_RATE, 'wav'))
  const official = await startOfficial(options.python, checkpoint, recording, threads)
  if (!official) {
    console.log('SKIPPED: the official stages were not measured; see bench/README.md for how to install them.')
    return
  }
  const rows: ReturnType<typeof rowOf>[] = []
  const compare = async (comparison: Comparison) => {
    const { stage, theirs } = comparison
    if (options.stages.length > 0 && !options.stages.some((part) => stage.includes(part))) return
    const costs: { ours: Cost[]; theirs: Cost[] } = { ours: [], theirs: [] }
    for (let round = 0; round < options.rounds; round++) {
      costs.ours.push(await measured(() => comparison.ours(round), comparison.repeats ?? 1))
      costs.theirs.push(await official.measure({ ...theirs, seed: round }))
    }
    rows.push(rowOf(stage, costs.ours, costs.theirs))
    console.log(JSON.stringify(rows.at(-1)))
  }
  try {
    const bundle = await openBundle(folder)
    const graphFile = (name: string) => bundle.path(`${name}.onnx`)
    await compareStages(compare, { samples, graphFile, folder, threads })
    console.table(rows)
    const { model, precision, version } = bundle.manifest
    const measuredOn = { ...describeMachine(), model, precision, version, threads, rounds: options.rounds }
    console.log(JSON.stringify({ bench: 'official', ...measuredOn, official: official.versions, rows }))
  } finally {
    await official.stop()
  }
}

interface Ours {
  readonly samples: Float32Array
  readonly folder: string
  readonly graphFile: (name: string) => string
  readonly threads: number
}

async function compareStages(compare: (comparison: Comparison) => Promise<void>, ours: Ours): Promise<void> {
  const { samples, folder, graphFile, threads } = ours
  const { signal } = new AbortController()
  await using engine = await createChatterboxEngine(folder, { threads })
  const encode = () => engine.encodeVoice({ samples, sampleRate: SAMPLE_RATE, normLoudness: true }, signal)
  const voice = await encode()
  await compare({ stage: 'encode a voice of 12 s', theirs: { stage: 'encode voice' }, ours: encode })
  const conditionals = fromVoice(voice)
  const { decoder } = conditionals
  {
    const lmOptions = { threads, slots: 1, positions: 1536, voiceCacheBytes: 1 }
    await using lm = await SpeechLm.open(graphFile, lmOptions)
    const textTokens = Array.from({ length: TEXT_TOKENS }, (_, i) => 200 + 31 * i)
    const { uniform } = randomNumbers(1, 0, 1)
    const prefill = () =>
      lm.generate({ textTokens, voice: conditionals, sampling: SAMPLING, uniform, maxTokens: 1 }, signal)
    await prefill()
    await compare({ stage: 'prefill: new voice and text', theirs: { stage: 'prefill' }, ours: prefill })
  }
  {
    await using t3 = await T3.open(graphFile('t3'), { threads, slots: 1, positions: 1024 })
    fillCache(t3.cache, 1, Math.max(...PASTS))
    const embeddings = makeNoise(t3.width, 1)
    for (const past of PASTS) {
      const steps = async () => {
        for (let i = 0; i < STEPS; i++) await t3.forward({ firstSlot: 0, lengths: [past + i], embeddings })
      }
      await steps()
      await compare({ stage: `step past ${past}`, theirs: { stage: 'step', past }, ours: steps, repeats: STEPS })
    }
  }
  {
    await using flow = await Flow.open(graphFile, { threads })
    await using vocoder = await Vocoder.open(graphFile, { threads })
    const noise = decoderNoise(1, 0)
    const tokens = Int32Array.from({ length: SPEECH_TOKENS + 3 }, (_, i) => (i * 7919) % 6561)
    const decode = () => flow.decode(tokens, decoder, noise.flow(decoder.tokens.length, tokens.length), signal)
    const mel = await decode()
    await compare({ stage: 'flow: 10 s of audio', theirs: { stage: 'flow' }, ours: decode })
    const sound = async () => {
      const { f0, mix } = await vocoder.pitch(mel)
      const randomness = { phases: noise.phases(), noise: noise.source(f0.length, noiseGain(mix)) }
      return vocoder.samples(mel, harmonicSource(f0, mix, randomness, startOfHarmonics()))
    }
    await sound()
    await compare({ stage: 'vocoder: 10 s of audio', theirs: { stage: 'vocoder' }, ours: sound })
  }
  const speak = async (piece: { readonly voice: Voice }) => {
    let count = 0
    const request = { text: TEXT, index: 0, sampling: SAMPLING, seed: 1, ...piece }
    for await (const chunk of engine.synthesize(request, signal)) count += chunk.samples.length
    invariant(count === (SPEECH_TOKENS + 3) * 960, `the piece has ${count} samples, so it was less work or more`)
  }
  await compare({
    stage: 'all of 10 s, new voice',
    theirs: { stage: 'speak' },
    ours: (round) => speak({ voice: anew(voice, round) }),
  })
  await compare({ stage: 'all of 10 s, known voice', theirs: { stage: 'speak' }, ours: () => speak({ voice }) })
}

/** The same voice but for the last bits of one number: nothing prefilled fits it. */
function anew(voice: Voice, round: number): Voice {
  const embedding = voice.tensors['t3.speaker_emb']
  invariant(embedding?.data instanceof Float32Array, 'the voice has a speaker embedding')
  const data = embedding.data.map((value) => value + 1e-5 * (round + 1))
  return { ...voice, tensors: { ...voice.tensors, 't3.speaker_emb': { ...embedding, data } } }
}

async function measured(task: () => Promise<unknown>, repeats: number): Promise<Cost> {
  const [begin, cpu, busy] = [performance.now(), process.cpuUsage(), busyMs()]
  await task()
  const ms = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  const coreMs = (user + system) / 1000
  return { ms: ms / repeats, coreMs: coreMs / repeats, foreign: (busyMs() - busy - coreMs) / ms }
}

function rowOf(stage: string, ours: readonly Cost[], theirs: readonly Cost[]) {
  const of = (costs: readonly Cost[], key: keyof Cost, digits: number) =>
    Number(median(costs.map((cost) => cost[key])).toFixed(digits))
  const [ms, officialMs] = [of(ours, 'ms', 1), of(theirs, 'ms', 1)]
  return {
    stage,
    ms,
    officialMs,
    timesFaster: Number((officialMs / ms).toFixed(2)),
    coreMs: of(ours, 'coreMs', 1),
    officialCoreMs: of(theirs, 'coreMs', 1),
    foreign: Math.max(of(ours, 'foreign', 2), of(theirs, 'foreign', 2)),
  }
}

interface Official {
  /** Of the package and what it runs on. */
  readonly versions: unknown
  measure(request: { readonly stage: string; readonly past?: number; readonly seed: number }): Promise<Cost>
  stop(): Promise<void>
}

/** Undefined, and the reason on the console, where Python cannot import the package. */
async function startOfficial(
  python: string,
  checkpoint: string,
  recording: string,
  threads: number,
): Promise<Official | undefined> {
  const script = path.join(packageRoot, 'bench/official.py')
  const ofOurEngine = Object.fromEntries(Object.keys(ENGINE_ENVIRONMENT).map((name) => [name, undefined]))
  const child = spawn(python, ['-W', 'ignore', script, checkpoint, recording, String(threads)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...ofOurEngine, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: String(threads) },
  })
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints = (complaints + text).slice(-2000)
  })
  const closed = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      complaints += error.message
      resolve()
    })
    child.on('close', () => resolve())
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextAnswer = async () => {
    const { value, done } = await answers.next()
    return done ? undefined : JSON.parse(value)
  }
  const versions = await nextAnswer()
  if (!versions) {
    await closed
    console.log(complaints.trim())
    return undefined
  }
  return {
    versions,
    async measure(request) {
      const busy = busyMs()
      const begin = performance.now()
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const answer = await nextAnswer()
      invariant(answer, `the official code failed: ${complaints}`)
      invariant(answer.tokens === undefined || answer.tokens === SPEECH_TOKENS, `it spoke ${answer.tokens} tokens`)
      const all = performance.now() - begin
      return { ms: answer.ms, coreMs: answer.coreMs, foreign: (busyMs() - busy - answer.allCoreMs) / all }
    },
    async stop() {
      child.stdin.end()
      await closed
    },
  }
}
