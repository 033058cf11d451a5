// How long a caller waits for the first sound, for the last, and in between: texts of 300 and 3,000 characters, whole, streamed, and with
// `--latency low` streamed so as well, measured by a client of a server in a process of its own.
// `node build/bench/first-audio.bench.js [--rounds 5] [--characters 300] [--latency low] [--model turbo --model-dir DIR]`: the preview, or a model that
// is compiled in DIR (bench/README.md says how one is made). The last line is the result as JSON.
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text as readText } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { MODEL_SLUG } from '../src/contract/models.ts'
import { BUNDLED_VOICE_FILE } from '../src/main.ts'
import { startCommand } from '../test/harness/command.ts'
import { makeTemporaryFolder } from '../test/harness/temporary-folder.ts'
import { describeMachine, median } from './machine.ts'

const KEY = 'bench'
const SENTENCES = [
  'The train to the coast leaves at nine, and it is rarely late.',
  'She asked whether anyone had seen the keys that morning, and nobody answered.',
  'It was dark, the lamps were burning low, and the road went on for miles.',
]
const WAYS = ['whole', 'stream', 'low'] as const

interface Wait {
  readonly firstAudioSeconds: number
  readonly totalSeconds: number
  readonly audioSeconds: number
  /** For which somebody who plays from the first sound on hears nothing. */
  readonly pausesSeconds: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    characters: { type: 'string', multiple: true, default: ['300', '3000'] },
    latency: { type: 'string', default: 'normal' },
    model: { type: 'string', default: 'preview' },
    'model-dir': { type: 'string' },
  },
})
const folder = await makeTemporaryFolder()
try {
  const rows = await measure(Number(values.rounds))
  console.table(rows)
  console.log(JSON.stringify({ bench: 'first-audio', ...describeMachine(), ...values, rows }))
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function measure(rounds: number) {
  await using server = await startServer()
  const reference = `data:audio/wav;base64,${(await readFile(BUNDLED_VOICE_FILE)).toString('base64')}`
  const ask = (characters: number, way: (typeof WAYS)[number]) => speak(server.url, reference, textOf(characters), way)
  await ask(50, 'whole') // the engine is started and the voice known from here on
  const cases = values.characters
    .map(Number)
    .flatMap((characters) => WAYS.map((way) => ({ characters, way, waits: [] as Wait[] })))
    .filter(({ way }) => way !== 'low' || values.latency === 'low')
  // Interleaved, so that a noisy minute of the machine falls on all of them.
  for (let round = 0; round < rounds; round++) {
    for (const { characters, way, waits } of cases) waits.push(await ask(characters, way))
  }
  return cases.map(({ characters, way, waits }) => ({
    characters,
    way,
    firstAudioSeconds: round(median(waits.map(({ firstAudioSeconds }) => firstAudioSeconds))),
    totalSeconds: round(median(waits.map(({ totalSeconds }) => totalSeconds))),
    audioSeconds: round(median(waits.map(({ audioSeconds }) => audioSeconds))),
    pausesSeconds: round(median(waits.map(({ pausesSeconds }) => pausesSeconds))),
  }))
}

/** Whole sentences, at most as long. */
function textOf(characters: number): string {
  let text = ''
  for (let i = 0; ; i++) {
    const longer = `${text} ${SENTENCES[i % SENTENCES.length]}`.trim()
    if (longer.length > characters) return text || longer.slice(0, characters)
    text = longer
  }
}

async function speak(url: string, reference: string, text: string, way: (typeof WAYS)[number]): Promise<Wait> {
  const startedAt = performance.now()
  const headers = { 'x-api-key': KEY, 'content-type': 'application/json' }
  // Not fetch, which gives up where no answer has begun after five minutes.
  const request = httpRequest(`${url}/v1/${MODEL_SLUG}`, { method: 'POST', headers, agent: false }).end(
    JSON.stringify({
      text,
      reference_audio: reference,
      output_format: 'pcm',
      stream: way !== 'whole',
      latency: way === 'low' ? 'low' : 'normal',
    }),
  )
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${await readText(response)}`)
  let firstAt: number | undefined
  let bytes = 0
  let pausesSeconds = 0
  for await (const part of response) {
    const at = performance.now()
    firstAt ??= at
    pausesSeconds += Math.max(0, (at - firstAt) / 1000 - bytes / 2 / 24_000 - pausesSeconds)
    bytes += part.length
  }
  return {
    firstAudioSeconds: ((firstAt ?? performance.now()) - startedAt) / 1000,
    totalSeconds: (performance.now() - startedAt) / 1000,
    audioSeconds: bytes / 2 / 24_000,
    pausesSeconds,
  }
}

async function startServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const child = startCommand(['serve'], {
    DATA_DIR: path.join(folder, 'data'),
    PORT: '0',
    LOG_LEVEL: 'error',
    RATE_LIMIT_RPM: '0',
    BOOTSTRAP_API_KEY: KEY,
    BOOTSTRAP_CREDITS: '1000',
    REQUEST_TIMEOUT_SECONDS: '3600',
    MODEL: values.model,
    ...(values['model-dir'] === undefined ? {} : { MODEL_DIR: path.resolve(values['model-dir']) }),
  })
  for await (const line of createInterface(child.stdout)) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    if (!url) continue
    const stop = async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    }
    return { url, [Symbol.asyncDispose]: stop }
  }
  throw new Error('the server did not start')
}

/** To the millisecond. */
function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
