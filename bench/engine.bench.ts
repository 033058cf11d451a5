// What a compiled model costs on this machine, stage by stage: loading, a voice, the language model, the decoder, and a piece of speech.
// `node build/bench/engine.bench.js FOLDER [--threads 0] [--rounds 5]`, FOLDER being a compiled model, or `--synthetic turbo` (bench/README.md); the
// last line is the result as JSON. Of everything the median over the rounds; `foreign` is how many cores others kept busy meanwhile: above 0.3, do not trust a row.
// `--official` instead of FOLDER: the same stages of the official PyTorch code beside ours, see official.ts.
import { spawnSync } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { openBundle } from '../src/engine/bundle.ts'
import { createChatterboxEngine } from '../src/engine/chatterbox/chatterbox.ts'
import { Flow } from '../src/engine/chatterbox/decoder/flow.ts'
import { MEL_BANDS, SAMPLE_RATE, SAMPLES_PER_FRAME } from '../src/engine/chatterbox/decoder/frame-rates.ts'
import { harmonicSource, startOfHarmonics } from '../src/engine/chatterbox/decoder/harmonic-source.ts'
import { Vocoder } from '../src/engine/chatterbox/decoder/vocoder.ts'
import { SpeechLm } from '../src/engine/chatterbox/tokens/speech-lm.ts'
import { T3 } from '../src/engine/chatterbox/tokens/t3.ts'
import { type Conditionals, fromVoice } from '../src/engine/chatterbox/voice/conditionals.ts'
import type { Engine, Sampling } from '../src/engine/engine.ts'
import { ENGINE_ENVIRONMENT } from '../src/engine/engine-environment.ts'
import { randomNumbers } from '../src/engine/random.ts'
import { makeNoise } from '../test/harness/synthetic-voice.ts'
import { fillCache } from './full-cache.ts'
import { busyMs, describeMachine, median } from './machine.ts'
import { compareWithOfficial } from './official.ts'
import { makeSpeechLike } from './speech-like.ts'
import { syntheticBundle } from './synthetic-bundle.ts'

/** 10 s of speech; 50 letters are at most 250 tokens, which random weights use up. */
const SPEECH_TOKENS = 250
const TEXT = 'The quick brown fox jumps over the lazy dog and then sits down.'
const SAMPLING: Sampling = { temperature: 0.8, topK: 1000, topP: 0.95, minP: 0, repetitionPenalty: 1.2 }
/** Where a step is measured: voice, text and 300 tokens. */
const PAST = 700
const STEPS = 25

interface Row {
  readonly stage: string
  readonly ms: number
  /** Milliseconds of processor time, all threads together. */
  readonly coreMs: number
  readonly foreign: number
  readonly rssMB: number
  readonly note: string
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '5' },
    official: { type: 'boolean', default: false },
    python: { type: 'string', default: 'python3' },
    work: { type: 'string', default: path.join(os.tmpdir(), 'chatterbox-bench') },
    stage: { type: 'string', multiple: true, default: [] },
    batches: { type: 'string', default: '1,2,4,8' },
    synthetic: { type: 'string' },
    precision: { type: 'string', default: 'int8' },
  },
})
const rounds = Number(values.rounds)
const batches = values.batches.split(',').map(Number)
const wanted = (stage: string): boolean =>
  values.stage.length === 0 || values.stage.some((part) => stage.includes(part))
const threads = Number(values.threads) || Math.min(8, os.availableParallelism())
runAsTheEngineDoes()
if (values.official) {
  await compareWithOfficial({ ...values, threads, rounds, stages: values.stage })
  process.exit()
}
const bundle = await openBundle(positionals[0] ?? (await syntheticBundle(values)))
const graphFile = (name: string) => bundle.path(`${name}.onnx`)
const signal = new AbortController().signal
const rows: Row[] = []

const voice = await measureEngine()
if (wanted('language model')) await measureLanguageModel(voice)
if (wanted('steps')) await measureSteps()
if (wanted('decoder')) await measureDecoder(voice.decoder)
console.table(rows)
const { model, precision, version } = bundle.manifest
console.log(JSON.stringify({ bench: 'engine', ...describeMachine(), model, precision, version, threads, rounds, rows }))

/** The C library reads the engine's settings at process start only, so this one starts itself again with them. */
function runAsTheEngineDoes(): void {
  if (Object.entries(ENGINE_ENVIRONMENT).every(([name, value]) => process.env[name] === value)) return
  const env = { ...process.env, ...ENGINE_ENVIRONMENT }
  const { status } = spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit', env })
  process.exit(status ?? 1)
}

/** Runs a task some times and records the median of each number; returns the last result. */
async function measure<T>(
  stage: string,
  times: number,
  task: () => Promise<T>,
  note: (result: T, median: { readonly ms: number; readonly coreMs: number }) => string = () => '',
): Promise<T> {
  const samples: { ms: number; coreMs: number; foreign: number }[] = []
  let last: T | undefined
  for (let i = 0; i < times; i++) {
    const [begin, cpu, busy] = [performance.now(), process.cpuUsage(), busyMs()]
    last = await task()
    const ms = performance.now() - begin
    const { user, system } = process.cpuUsage(cpu)
    const coreMs = (user + system) / 1000
    samples.push({ ms, coreMs, foreign: Math.max(0, (busyMs() - busy - coreMs) / ms) })
  }
  const medianOf = (key: keyof (typeof samples)[number], digits = 1) =>
    Number(median(samples.map((sample) => sample[key])).toFixed(digits))
  const result = last as T
  const medians = { ms: medianOf('ms'), coreMs: medianOf('coreMs'), foreign: medianOf('foreign', 2) }
  rows.push({
    stage,
    ...medians,
    rssMB: Math.round(process.memoryUsage().rss / 1e6),
    note: note(result, medians),
  })
  return result
}

/** The whole engine as it is served: loading, a voice, and a piece of speech. */
async function measureEngine(): Promise<Conditionals> {
  const samples = makeSpeechLike(12)
  const engine = await measure('load engine', 1, () => createChatterboxEngine(bundle.folder, { threads }))
  const recording = { samples, sampleRate: SAMPLE_RATE, normLoudness: true }
  const voice = await measure('encode voice (12 s)', Math.min(3, rounds), () => engine.encodeVoice(recording, signal))
  const speak = () => collect(engine, { text: TEXT, index: 0, voice, sampling: SAMPLING, seed: 1 })
  if (wanted('piece')) await speak()
  if (wanted('piece'))
    await measure('piece of speech, warm voice', rounds, speak, (samples, { ms, coreMs }) => {
      const seconds = samples / SAMPLE_RATE
      const [factor, cost] = [ms, coreMs].map((time) => (time / 1000 / seconds).toFixed(2))
      return `${seconds.toFixed(1)} s of audio, real-time factor ${factor}, ${cost} core-seconds per second`
    })
  if (values.stage.includes('memory')) {
    const pieces = Array.from({ length: 5 }, (_, index) => ({ text: TEXT, index, voice, sampling: SAMPLING, seed: 1 }))
    const speakAll = () => Promise.all(pieces.map((piece) => collect(engine, piece)))
    await measure('five pieces side by side', 1, speakAll, peak)
    await measure('encode voice after them', 1, () => engine.encodeVoice(recording, signal), peak)
  }
  await engine[Symbol.asyncDispose]()
  return fromVoice(voice)
}

function peak(): string {
  return `${Math.round((process.resourceUsage().maxRSS * 1024) / 1e6)} MB resident at most until now`
}

async function collect(engine: Engine, piece: Parameters<Engine['synthesize']>[0]): Promise<number> {
  let samples = 0
  for await (const chunk of engine.synthesize(piece, signal)) samples += chunk.samples.length
  return samples
}

async function measureLanguageModel(voice: Conditionals): Promise<void> {
  const options = { threads, slots: Math.max(...batches), positions: 1536, voiceCacheBytes: 1 }
  const textTokens = Array.from({ length: 24 }, (_, i) => 200 + 31 * i)
  const say = (lm: SpeechLm, seed: number, maxTokens: number) =>
    lm.generate(
      { textTokens, voice, sampling: SAMPLING, uniform: randomNumbers(seed, 0, 1).uniform, maxTokens },
      signal,
    )
  {
    await using lm = await SpeechLm.open(graphFile, options)
    await measure('first token, cold voice', rounds, () => say(lm, 1, 1))
  }
  await using lm = await SpeechLm.open(graphFile, { ...options, voiceCacheBytes: 256e6 })
  await say(lm, 1, 1)
  await measure('first token, warm voice', rounds, () => say(lm, 1, 1))
  for (const batch of batches) {
    const tokensOf = () => Promise.all(Array.from({ length: batch }, (_, i) => say(lm, i + 1, SPEECH_TOKENS)))
    await measure(`${batch} × ${SPEECH_TOKENS} speech tokens`, Math.min(3, rounds), tokensOf, (spoken, { ms }) => {
      const count = spoken.reduce((sum, { tokens }) => sum + tokens.length, 0)
      return `${((1000 * count) / ms).toFixed(1)} tokens/s`
    })
  }
}

async function measureSteps(): Promise<void> {
  const slots = Math.max(...batches)
  await using t3 = await T3.open(graphFile('t3'), { threads, slots, positions: 1024 })
  fillCache(t3.cache, slots, PAST)
  for (const batch of batches) {
    const embeddings = makeNoise(batch * t3.width, 1)
    const step = () => t3.forward({ firstSlot: 0, lengths: Array(batch).fill(PAST), embeddings })
    await step()
    await measure(`step past ${PAST}, batch ${batch}`, STEPS, step, () => (t3.inPlace ? 'in place' : 'copying'))
  }
}

async function measureDecoder(voice: Conditionals['decoder']): Promise<void> {
  const tokens = Int32Array.from({ length: SPEECH_TOKENS + 3 }, (_, i) => (i * 7919) % 6561)
  const frames = 2 * tokens.length
  const noise = makeNoise(2 * (voice.tokens.length + tokens.length) * MEL_BANDS, 1)
  await using flow = await measure('load flow', 1, () => Flow.open(graphFile, { threads }))
  const mel = await measure('flow', rounds, () => flow.decode(tokens, voice, noise, signal))
  await using vocoder = await measure('load vocoder', 1, () => Vocoder.open(graphFile, { threads }))
  const { f0, mix } = await measure('pitch', rounds, () => vocoder.pitch(mel))
  const randomness = { phases: new Float32Array(9), noise: makeNoise(frames * SAMPLES_PER_FRAME, 1) }
  const source = await measure('source', rounds, async () => harmonicSource(f0, mix, randomness, startOfHarmonics()))
  await measure('vocoder', rounds, () => vocoder.samples(mel, source))
}
