// What the decoder costs: speech tokens to samples, stage by stage, and the windows of a stream.
// `node build/bench/decoder.bench.js BUNDLE [--threads 2] [--seconds 4,10] [--prompt 250] [--rounds 3]`. Best of the rounds; CPU is the
// process's own, over all threads, and says more than the time where others use the machine.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openBundle } from '../src/engine/bundle.ts'
import { decoderNoise } from '../src/engine/chatterbox/decoder/decoder-noise.ts'
import { Flow } from '../src/engine/chatterbox/decoder/flow.ts'
import { SAMPLE_RATE } from '../src/engine/chatterbox/decoder/frame-rates.ts'
import { harmonicSource, noiseGain, startOfHarmonics } from '../src/engine/chatterbox/decoder/harmonic-source.ts'
import { SpeechStream } from '../src/engine/chatterbox/decoder/speech-stream.ts'
import { Vocoder } from '../src/engine/chatterbox/decoder/vocoder.ts'

const TOKENS_PER_SECOND = 25
const STREAM_WINDOWS = [20, 25, 50, 50]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '4,10' },
    prompt: { type: 'string', default: '250' },
    rounds: { type: 'string', default: '3' },
  },
})
const [folder] = positionals
if (!folder) {
  console.error('Usage: decoder.bench.js BUNDLE [--threads 2] [--seconds 4,10] [--prompt 250] [--rounds 3]')
  process.exit(2)
}
const bundle = await openBundle(folder)
const graphFile = (name: string) => bundle.path(`${name}.onnx`)
const options = { threads: Number(values.threads) }
await using flow = await Flow.open(graphFile, options)
await using vocoder = await Vocoder.open(graphFile, options)

const tokensOf = (count: number) => Int32Array.from({ length: count }, (_, i) => (i * 1977) % 6561)
const promptTokens = Number(values.prompt)
const voice = {
  tokens: tokensOf(promptTokens),
  mel: new Float32Array(promptTokens * 160).fill(-5),
  frames: 2 * promptTokens,
  xvector: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)),
}
const never = new AbortController().signal

interface Cost {
  readonly ms: number
  readonly cpuMs: number
}
const best = new Map<string, Cost>()

async function measured<T>(stage: string, work: () => T | Promise<T>): Promise<T> {
  const [begin, cpu] = [performance.now(), process.cpuUsage()]
  const result = await work()
  const { user, system } = process.cpuUsage(cpu)
  const cost = { ms: performance.now() - begin, cpuMs: (user + system) / 1000 }
  const known = best.get(stage)
  if (!known || cost.ms < known.ms) best.set(stage, cost)
  return result
}

async function decodeOnce(seconds: number, round: number): Promise<void> {
  const tokens = tokensOf(seconds * TOKENS_PER_SECOND)
  const noise = decoderNoise(1, round)
  const label = (stage: string) => `${seconds} s: ${stage}`
  await measured(label('all'), async () => {
    const start = await measured(label('flow noise'), () => noise.flow(promptTokens, tokens.length))
    const mel = await measured(label('flow'), () => flow.decode(tokens, voice, start, never))
    const { f0, mix } = await measured(label('pitch'), () => vocoder.pitch(mel))
    const source = await measured(label('source'), () => {
      const randomness = { phases: noise.phases(), noise: noise.source(f0.length, noiseGain(mix)) }
      return harmonicSource(f0, mix, randomness, startOfHarmonics())
    })
    await measured(label('vocoder'), () => vocoder.samples(mel, source))
  })
}

async function streamOnce(round: number): Promise<void> {
  const stream = new SpeechStream(flow, vocoder, voice, decoderNoise(1, round))
  for (const [index, size] of STREAM_WINDOWS.entries()) {
    const samples = await measured(`stream: window ${index + 1}, ${size} tokens`, () =>
      stream.push(tokensOf(size), index === STREAM_WINDOWS.length - 1, never),
    )
    if (round === 0) console.log(`window ${index + 1} speaks ${((1000 * samples.length) / SAMPLE_RATE).toFixed(0)} ms`)
  }
}

const load = () => readFileSync('/proc/loadavg', 'utf8').split(' ', 3).join(' ')
const loadBefore = load()
for (let round = 0; round < Number(values.rounds); round++) {
  for (const seconds of values.seconds.split(',')) await decodeOnce(Number(seconds), round)
  await streamOnce(round)
}
for (const [stage, { ms, cpuMs }] of best)
  console.log(`${stage.padEnd(34)} ${ms.toFixed(0).padStart(6)} ms ${cpuMs.toFixed(0).padStart(6)} ms CPU`)
console.log(
  `${options.threads} threads, prompt ${promptTokens} tokens, memory ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB, ` +
    `load before ${loadBefore}, after ${load()}`,
)
