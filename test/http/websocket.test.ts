// Speech over WebSockets: text as it is typed, audio as it is made, money as everywhere; ours and ElevenLabs' messages.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { WebSocket } from 'ws'
import { packageRoot } from '../../src/config.ts'
import { CLOSE_CODES } from '../../src/contract/websocket.ts'
import { AppError } from '../../src/errors.ts'
import { findJob } from '../../src/jobs/job.ts'
import { buildScratchApp, holdEngine, openScratchApp, withResolvers } from './scratch-app.ts'
import { listen, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01' })
const { account, db, engine } = scratch
const port = await listen(scratch)
const FIRST = 'This is a sentence that is long enough to be spoken alone.'
const SECOND = 'And this is another one, of which the same is true.'

interface Event {
  readonly type: string
  readonly [name: string]: unknown
}

/** Types of events that came in these tests. */
const seen = new Set<string>()

/** A connection whose events and audio are kept. */
async function connect(options: { headers?: Record<string, string>; path?: string; port?: number } = {}) {
  const { headers = { 'x-api-key': account.key }, path: url = '/v1/speech/ws' } = options
  const socket = new WebSocket(`ws://127.0.0.1:${options.port ?? port}${url}`, { headers })
  const events: Event[] = []
  const audio: Buffer[] = []
  const waiting: (() => void)[] = []
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) audio.push(data)
    else {
      const event = JSON.parse(data.toString()) as Event
      events.push(event)
      if (event.type) seen.add(event.type)
    }
    for (const wake of waiting.splice(0)) wake()
  })
  const closed = once(socket, 'close').then(([code]) => code as number)
  closed.then(() => {
    for (const wake of waiting.splice(0)) wake()
  })
  await once(socket, 'open')
  return {
    socket,
    events,
    audio,
    closed,
    send: (message: object) => socket.send(JSON.stringify(message)),
    /** The first event of this type, or the first for which `fits` holds. */
    async until(type: string, fits: (event: Event) => boolean = () => true): Promise<Event> {
      for (;;) {
        const found = events.find((event) => event.type === type && fits(event))
        if (found) return found
        assert.ok(socket.readyState === WebSocket.OPEN, `closed before ${type}: ${JSON.stringify(events)}`)
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
  }
}
const plain = async (text: string, body = {}): Promise<Buffer> => {
  const answer = await scratch.speak({ text, reference_audio: 'voice:ada', output_format: 'pcm', ...body })
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.rawPayload
}
async function ended(id: unknown) {
  for (let tries = 0; tries < 3000; tries++) {
    const job = await findJob(db, undefined, String(id))
    if (job && job.state !== 'queued' && job.state !== 'running') return job
    await sleep(10)
  }
  throw new Error(`job ${id} goes on`)
}

test('text is spoken sentence by sentence while it is typed, the bytes those of the plain API, each a paid job', async () => {
  const caller = await connect()
  caller.send({ type: 'start', voice: 'ada', seed: 7, volume: 11 })
  const ready = await caller.until('ready')
  assert.deepEqual(ready.ignored_parameters, ['volume'])
  for (const letter of `${FIRST} ${SECOND}`) caller.send({ type: 'text', text: letter })
  await caller.until('utterance-end')
  caller.send({ type: 'end' })
  assert.equal(await caller.closed, 1000)
  const starts = caller.events.filter(({ type }) => type === 'utterance-start')
  assert.deepEqual(
    starts.map(({ utterance, text, seed, sample_rate }) => [utterance, text, seed, sample_rate]),
    [
      [0, FIRST, 7, 24_000],
      [1, SECOND, 7, 24_000],
    ],
  )
  const whole = Buffer.concat([await plain(FIRST, { seed: 7 }), await plain(SECOND, { seed: 7 })])
  assert.ok(Buffer.concat(caller.audio).equals(whole))
  for (const end of caller.events.filter(({ type }) => type === 'utterance-end')) {
    const job = await findJob(db, undefined, String(end.request_id))
    assert.ok(job?.state === 'completed' && job.stream)
    assert.equal(Math.round(Number(end.cost) * 1e6), job.chargeMicro)
    assert.equal(end.duration, job.output.audioSeconds)
  }
})

test('with cut flush a text is one utterance, whose pieces say where they are; audio comes as Base64 if wished', async () => {
  const caller = await connect()
  caller.send({ type: 'start', voice: 'ada', cut: 'flush', audio: 'base64', output_format: 'mp3' })
  const text = piecesText(3)
  for (let at = 0; at < text.length; at += 50) caller.send({ type: 'text', text: text.slice(at, at + 50) })
  caller.send({ type: 'flush' })
  await caller.until('utterance-end')
  caller.send({ type: 'end' })
  assert.equal(await caller.closed, 1000)
  const pieces = caller.events.filter(({ type }) => type === 'piece')
  assert.equal(pieces.map((piece) => piece.text).join(' '), text)
  assert.ok(pieces.length >= 3)
  const places = pieces.map(({ piece, start, duration }) => [piece, start, duration])
  assert.deepEqual(
    places,
    Array.from(pieces, (_, i) => [i, i, 1]),
  )
  const bytes = caller.events
    .filter(({ type }) => type === 'audio')
    .map(({ audio }) => Buffer.from(String(audio), 'base64'))
  const whole = await plain(text, { output_format: 'mp3' })
  assert.equal(Buffer.concat(bytes).length, whole.length)
})

test('of low latency, audio comes while the first piece is spoken, whose length nobody knows yet; cancelled there, it is paid', async () => {
  const caller = await connect()
  caller.send({ type: 'start', voice: 'ada', cut: 'flush', latency: 'low' })
  const gate = withResolvers()
  engine.beforeChunk = async ({ index }, chunk, signal) => {
    if (index === 0 && chunk < 2) return
    await Promise.race([gate.promise, once(signal, 'abort')])
  }
  const text = piecesText(2)
  caller.send({ type: 'text', text })
  caller.send({ type: 'flush' })
  const start = await caller.until('utterance-start')
  const piece = await caller.until('piece')
  assert.deepEqual([start.latency, piece.piece, piece.start, piece.duration], ['low', 0, 0, null])
  gate.resolve()
  engine.beforeChunk = () => {}
  await caller.until('utterance-end')
  const places = caller.events
    .filter(({ type }) => type === 'piece')
    .map(({ piece, start, duration }) => [piece, start, duration])
  assert.deepEqual(
    places,
    Array.from(places, (_, i) => [i, i, i < 2 ? null : 1]),
  )
  assert.ok(places.length > 2 && Buffer.concat(caller.audio).equals(await plain(text)))

  const before = (await scratch.balanceMicro()) ?? 0
  engine.beforeChunk = async ({ index }, chunk, signal) => {
    if (index > 0 || chunk > 1) await once(signal, 'abort')
  }
  caller.send({ type: 'text', text })
  caller.send({ type: 'flush' })
  const { request_id: id } = await caller.until('utterance-start', ({ utterance }) => utterance === 1)
  caller.send({ type: 'cancel' })
  await caller.until('cancelled')
  const job = await ended(id)
  engine.beforeChunk = () => {}
  assert.ok(job.state === 'cancelled' && job.chargedMicro > 0 && job.chargedMicro < job.holdMicro)
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [before - job.chargedMicro, 0])
  caller.send({ type: 'end' })
  assert.equal(await caller.closed, 1000)
})

test('cancel stops what is spoken and what waits; the connection goes on, and nothing stays held', async () => {
  const caller = await connect()
  caller.send({ type: 'start', voice: 'ada' })
  await caller.until('ready')
  {
    using held = holdEngine(scratch)
    caller.send({ type: 'text', text: `${FIRST} ${SECOND} ${FIRST} ` })
    await held.isHeld
    caller.send({ type: 'cancel' })
    await caller.until('cancelled', ({ utterance }) => utterance === 0)
    await caller.until('cancelled', ({ utterance }) => utterance === 1)
  }
  const first = caller.events.find(({ type, utterance }) => type === 'cancelled' && utterance === 0)
  assert.equal((await ended(first?.request_id)).state, 'cancelled')
  assert.equal(await scratch.heldMicro(), 0)
  caller.send({ type: 'text', text: SECOND })
  caller.send({ type: 'end' })
  assert.equal(await caller.closed, 1000)
  assert.equal(caller.events.at(-1)?.type, 'utterance-end')
})

test('a caller who leaves has paid what was made, and holds nothing', async () => {
  const before = (await scratch.balanceMicro()) ?? 0
  const caller = await connect()
  caller.send({ type: 'start', voice: 'ada', cut: 'flush' })
  engine.beforeChunk = async ({ index }, _, signal) => {
    if (index > 0) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  caller.send({ type: 'text', text: piecesText(3) })
  caller.send({ type: 'flush' })
  const { request_id: id } = await caller.until('utterance-start')
  caller.socket.terminate()
  const job = await ended(id)
  engine.beforeChunk = () => {}
  assert.equal(job.state, 'cancelled')
  const { rows } = await sql<{ micro: number }>`
    select coalesce(sum(charge_micro), 0)::int as micro from job_pieces where job_id = ${String(id)}`.execute(db)
  assert.ok((rows[0]?.micro ?? 0) > 0)
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [before - (rows[0]?.micro ?? 0), 0])
})

test('who is there: a header before it opens, or the first message; a wrong key is refused either way', async () => {
  const refused = new WebSocket(`ws://127.0.0.1:${port}/v1/speech/ws`, { headers: { 'x-api-key': 'wrong' } })
  const [, response] = await once(refused, 'unexpected-response')
  assert.equal(response.statusCode, 401)
  refused.on('error', () => {})
  refused.terminate()
  const stranger = await connect({ headers: {} })
  stranger.send({ type: 'start', api_key: 'wrong' })
  assert.deepEqual([await stranger.closed, stranger.events[0]?.code], [1008, 'invalid_api_key'])
  const nobody = await connect({ headers: {} })
  nobody.send({ type: 'start' })
  assert.deepEqual([await nobody.closed, nobody.events[0]?.code], [1008, 'missing_api_key'])
  const page = await connect({ headers: { origin: 'https://elsewhere.example' } })
  page.send({ type: 'start', api_key: account.key })
  await page.until('ready')
  page.send({ type: 'end' })
  assert.equal(await page.closed, 1000)
})

test('messages that cannot be followed end the connection, naming the field, and cost nothing', async () => {
  const before = await scratch.balanceMicro()
  const cases: [object | string, string, string | undefined][] = [
    [{ type: 'text', text: 'Hello.' }, 'invalid_parameter', 'type'],
    [{ type: 'shout' }, 'invalid_parameter', 'type'],
    [{ text: 'Hello.' }, 'missing_parameter', 'type'],
    [{ type: 'start', voice: 'nobody' }, 'invalid_parameter', 'voice'],
    [{ type: 'start', voice: 'ada', reference_audio: 'voice:ada' }, 'invalid_parameter', 'voice'],
    [{ type: 'start', temperature: 9 }, 'invalid_parameter', 'temperature'],
    [{ type: 'start', output_format: 'aac' }, 'invalid_parameter', 'output_format'],
    [{ type: 'start', latency: 'none' }, 'invalid_parameter', 'latency'],
    ['{', 'invalid_json', undefined],
    ['[]', 'invalid_json', undefined],
  ]
  for (const [message, code, param] of cases) {
    const caller = await connect()
    caller.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
    assert.equal(await caller.closed, 4400)
    assert.deepEqual([caller.events[0]?.code, caller.events[0]?.param], [code, param], JSON.stringify(message))
  }
  const endless = await connect()
  endless.send({ type: 'start', voice: 'ada' })
  endless.send({ type: 'text', text: 'a'.repeat(10_001) })
  assert.deepEqual([await endless.closed, endless.events.at(-1)?.code], [4400, 'text_too_long'])
  const long = await connect()
  long.socket.send('x'.repeat(65_537))
  assert.equal(await long.closed, 1009)
  assert.equal(await scratch.balanceMicro(), before)
  const plainGet = await scratch.app.inject({ url: '/v1/speech/ws' })
  assert.deepEqual([plainGet.statusCode, plainGet.json().code], [400, 'malformed_request'])
})

test('an utterance that fails says so, is not charged, and the next one is spoken', async () => {
  const caller = await connect()
  engine.beforeChunk = () => {
    throw new AppError('invalid_reference_audio', 'No.')
  }
  caller.send({ type: 'start', voice: 'ada' })
  caller.send({ type: 'text', text: FIRST })
  caller.send({ type: 'flush' })
  const { code, utterance } = await caller.until('error')
  assert.deepEqual([code, utterance], ['invalid_reference_audio', 0])
  engine.beforeChunk = () => {}
  caller.send({ type: 'text', text: SECOND })
  caller.send({ type: 'end' })
  assert.equal(await caller.closed, 1000)
  assert.equal(caller.events.at(-1)?.type, 'utterance-end')
  assert.equal(await scratch.heldMicro(), 0)
})

test('a key has so many connections and no more; who is silent or gone is sent away; a server that stops says goodbye', async () => {
  const other = await buildScratchApp(db, { MAX_WEBSOCKETS_PER_KEY: '1', WEBSOCKET_IDLE_SECONDS: '1' })
  const there = { port: await listen(other), headers: { 'x-api-key': other.account.key } }
  const first = await connect(there)
  first.send({ type: 'start' })
  await first.until('ready')
  const second = await connect(there)
  second.send({ type: 'start' })
  assert.deepEqual([await second.closed, second.events[0]?.code], [1013, 'overloaded'])
  assert.equal(await first.closed, 4408)
  const gone = await connect(there)
  gone.send({ type: 'start' })
  await gone.until('ready')
  gone.socket.pause() // answers no ping, as a machine without a network
  await once(other.app.websocketServer.clients.values().next().value as WebSocket, 'close')
  gone.socket.resume()
  const last = await connect(there)
  last.send({ type: 'start' })
  await last.until('ready')
  const closing = other.app.close()
  assert.equal(await last.closed, 1001)
  await closing
})

test('ElevenLabs’ messages: audio as Base64, an end, and errors that say what is wrong', async () => {
  const url = '/v1/text-to-speech/ada/stream-input?model_id=eleven_flash_v2_5&output_format=pcm_16000&auto_mode=true'
  const caller = await connect({ path: url, headers: {} })
  caller.send({ text: ' ', voice_settings: { stability: 0.5, speed: 1 }, xi_api_key: account.key })
  caller.send({ text: `${FIRST.slice(0, 20)}` })
  caller.send({ text: `${FIRST.slice(20)} `, try_trigger_generation: true })
  caller.send({ text: SECOND, flush: true })
  caller.send({ text: '' })
  assert.equal(await caller.closed, 1000)
  const last = caller.events.pop()
  assert.deepEqual([last?.isFinal, last?.audio], [true, null])
  const bytes = Buffer.concat(caller.events.map(({ audio }) => Buffer.from(String(audio), 'base64')))
  assert.equal(bytes.length, 2 * 2 * 16_000)
  for (const [query, message, code] of [
    ['', { text: ' ', xi_api_key: 'wrong' }, 1008],
    ['?output_format=wav_16000', { text: ' ', xi_api_key: account.key }, 4400],
    ['?model_id=whisper', { text: ' ', xi_api_key: account.key }, 4400],
    ['', { xi_api_key: account.key }, 4400],
  ] as const) {
    const refused = await connect({ path: `/v1/text-to-speech/ada/stream-input${query}`, headers: {} })
    refused.send(message)
    assert.equal(await refused.closed, code)
    assert.equal(refused.events[0]?.code, code)
    assert.ok(String(refused.events[0]?.message).length > 10)
  }
})

test('the example in docs/websocket.md runs', async () => {
  const page = readFileSync(path.join(packageRoot, 'docs/websocket.md'), 'utf8')
  const example = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const body = example
    .replace(/^import .*$/gm, '')
    .replace('ws://localhost:8080', `ws://127.0.0.1:${port}`)
    .replace('process.env.KEY', 'KEY')
  const run = new Function('WebSocket', 'KEY', 'play', `return (async () => {${body}})()`)
  const heard: Buffer[] = []
  await run(WebSocket, account.key, (bytes: Buffer) => heard.push(bytes))
  assert.ok(Buffer.concat(heard).length >= 48_000)
})

test('every type of event and every close code is documented', () => {
  const page = readFileSync(path.join(packageRoot, 'docs/websocket.md'), 'utf8')
  assert.ok(seen.size >= 7, [...seen].join())
  for (const type of seen) assert.match(page, new RegExp(`\\| \`${type}\` \\|`), type)
  for (const code of Object.values(CLOSE_CODES)) assert.match(page, new RegExp(`\\| ${code} \\|`))
})
