// Speech that is sent while it is made: the same bytes, paid by the piece, and never a part that looks like the whole.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { AppError } from '../../src/errors.ts'
import { findJob, type Job } from '../../src/jobs/job.ts'
import { findPieces } from '../../src/jobs/pieces.ts'
import { removeOldPieces } from '../../src/jobs/sweep.ts'
import { openScratchApp, withResolvers } from './scratch-app.ts'
import { listen, openStream, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01' })
const { account, db, blobs, engine } = scratch
const port = await listen(scratch)
const PIECES = 4
const text = piecesText(PIECES)
const FORMATS = ['wav', 'mp3', 'ogg', 'flac', 'pcm'] as const
const open = (body = {}, headers = {}) => openStream(port, account.key, { text, ...body }, headers)
const charged = async (id: string) =>
  (await findPieces(db, id, 0)).reduce((total, { chargeMicro }) => total + chargeMicro, 0)

async function ended(id: unknown): Promise<Job> {
  for (let tries = 0; tries < 6000; tries++) {
    const job = await findJob(db, undefined, String(id))
    if (job && job.state !== 'queued' && job.state !== 'running') return job
    await sleep(10)
  }
  throw new Error(`job ${id} is ${(await findJob(db, undefined, String(id)))?.state}`)
}
/** Lets pieces before `index` through and keeps the others until it is opened. */
function holdFrom(index: number) {
  const { promise: opened, resolve: open } = withResolvers()
  const { promise: reached, resolve: arrive } = withResolvers()
  engine.beforeChunk = async (piece, _, signal) => {
    if (piece.index < index) return
    arrive()
    await Promise.race([opened, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))])
  }
  return { reached, open }
}
const letGo = () => {
  engine.beforeChunk = () => {}
}

for (const format of FORMATS) {
  test(`${format}: the chunks are the whole file, but for sizes in its head that nobody could know`, async () => {
    const whole = await scratch.speak({ text, reference_audio: 'data:,a', output_format: format })
    assert.equal(whole.statusCode, 200, whole.body)
    const { response, whole: streamed } = await open({ output_format: format, reference_audio: 'data:,a' })
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['transfer-encoding'], 'chunked')
    assert.equal(response.headers['content-type'], whole.headers['content-type'])
    const [bytes, file] = [await streamed, whole.rawPayload]
    assert.ok(bytes)
    assert.equal(bytes.length, file.length)
    // Everything behind the last byte that differs is equal; what differs lies within the head.
    const head = { wav: 44, mp3: 1500, ogg: 0, flac: 42, pcm: 0 }[format] + 400
    const isExact = format === 'ogg' || format === 'pcm'
    assert.ok(isExact ? bytes.equals(file) : bytes.subarray(head).equals(file.subarray(head)))
    if (format === 'wav') assert.equal(bytes.readUInt32LE(4), 0xffffffff)
    const costs = [response.trailers['x-cost'], whole.headers['x-cost']]
    assert.equal(costs[0], costs[1])
  })
}

test('the head says what is known with the first sound, the trailers what the end tells', async () => {
  const before = await scratch.balanceMicro()
  const { response, whole } = await open({ seed: 7 })
  assert.equal(response.headers['x-seed-value'], '7')
  assert.equal(response.headers['x-model'], 'preview')
  assert.match(String(response.headers['server-timing']), /^queue;dur=[\d.]+, first;dur=[\d.]+$/)
  assert.equal(response.headers['x-cost'], undefined)
  await whole
  const job = await ended(response.headers['x-request-id'])
  assert.ok(job.state === 'completed' && job.stream)
  assert.equal(response.trailers['x-audio-duration'], String(job.output.audioSeconds))
  assert.equal(Number(response.trailers['x-cost']) * 1e6, job.chargeMicro)
  assert.equal(Number(response.trailers['x-remaining-credits']) * 1e6, await scratch.balanceMicro())
  assert.equal((before ?? 0) - job.chargeMicro, await scratch.balanceMicro())
  assert.ok((await findPieces(db, job.id, 0)).length >= PIECES)
})

test('the first bytes come with the first piece, long before the last is made', async () => {
  const { open: letOn, reached } = holdFrom(1)
  const { firstBytes, whole, response } = await open()
  await firstBytes
  await reached
  assert.equal((await findJob(db, undefined, String(response.headers['x-request-id'])))?.state, 'running')
  letOn()
  letGo()
  assert.ok(await whole)
})

test('a caller who leaves half-way stops the engine and has paid the pieces that were made, no more', async () => {
  const before = await scratch.balanceMicro()
  const { reached } = holdFrom(2)
  const { firstBytes, hangUp, whole, response } = await open()
  await Promise.all([firstBytes, reached])
  const id = String(response.headers['x-request-id'])
  while ((await findPieces(db, id, 0)).length < 2) await sleep(5)
  hangUp()
  letGo()
  assert.equal(await whole, undefined)
  const job = await ended(id)
  assert.equal(job.state, 'cancelled')
  assert.equal((await findPieces(db, job.id, 0)).length, 2)
  assert.equal((before ?? 0) - (await charged(job.id)), await scratch.balanceMicro())
  assert.equal(await scratch.heldMicro(), 0)
})

test('an engine that crashes in between costs a pause: no gap, no second charge', async () => {
  const whole = await scratch.speak({ text, reference_audio: 'data:,a', output_format: 'pcm' })
  let crashes = 1
  engine.beforeChunk = ({ index }) => {
    if (index === 2 && crashes-- > 0) throw new AppError('unavailable', 'The speech engine stopped.')
  }
  const { whole: streamed, response } = await open({ output_format: 'pcm', reference_audio: 'data:,a' })
  assert.ok((await streamed)?.equals(whole.rawPayload))
  letGo()
  const job = await ended(response.headers['x-request-id'])
  assert.equal(job.attempts, 2)
  assert.equal(await charged(job.id), job.holdMicro)
  assert.equal(response.trailers['x-cost'], whole.headers['x-cost'])
})

const breakAtPiece2 = () => {
  engine.beforeChunk = ({ index }) => {
    if (index === 2) throw new AppError('invalid_reference_audio', 'No.')
  }
}

test('an error after the first byte breaks the connection off: no format looks whole', async () => {
  breakAtPiece2()
  for (const output_format of FORMATS) {
    const { whole, firstBytes } = await open({ output_format })
    await firstBytes
    assert.equal(await whole, undefined, output_format)
  }
  letGo()
  const { body } = await scratch.app.inject('/metrics')
  assert.match(body, /route="\/v1\/chatterbox-turbo-tts",status="200",code="invalid_reference_audio"\} 5\n/)
})

test('an error before the first byte is answered as ever, and costs nothing', async () => {
  const before = await scratch.balanceMicro()
  engine.beforeChunk = () => {
    throw new AppError('invalid_reference_audio', 'No.')
  }
  const { response, whole } = await open()
  letGo()
  assert.equal(response.statusCode, 400)
  assert.equal(JSON.parse(String(await whole)).code, 'invalid_reference_audio')
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [before, 0])
})

interface Event {
  readonly type: string
  readonly audio?: string
  readonly [name: string]: unknown
}
const eventsOf = (body: Buffer | undefined): Event[] =>
  String(body)
    .trim()
    .split('\n\n')
    .map((event) => {
      const [name, data = ''] = event.split('\n')
      const parsed = JSON.parse(data.slice('data: '.length)) as Event
      assert.equal(name, `event: ${parsed.type}`)
      return parsed
    })

test('server-sent events carry the same bytes and end with the accounts', async () => {
  const { whole: chunks } = await open({ output_format: 'mp3' })
  for (const how of [{ body: { stream_format: 'sse' } }, { headers: { accept: 'text/event-stream' } }]) {
    const { response, whole } = await open({ output_format: 'mp3', stream: undefined, ...how.body }, how.headers)
    assert.match(String(response.headers['content-type']), /^text\/event-stream/)
    const events = eventsOf(await whole)
    const done = events.pop()
    const audio = events.map((event) => {
      assert.equal(event.type, 'speech.audio.delta')
      return Buffer.from(event.audio ?? '', 'base64')
    })
    assert.ok(Buffer.concat(audio).equals((await chunks) ?? Buffer.of()))
    const job = await ended(response.headers['x-request-id'])
    assert.ok(job.state === 'completed')
    assert.equal(done?.type, 'speech.audio.done')
    assert.deepEqual([done?.request_id, done?.cost], [job.id, job.chargeMicro / 1e6])
    assert.equal(done?.duration, job.output.audioSeconds)
  }
})

test('server-sent events that break off say why', async () => {
  breakAtPiece2()
  const { whole } = await open({ stream_format: 'sse' })
  const events = eventsOf(await whole)
  letGo()
  const last = events.pop()
  assert.deepEqual([last?.type, last?.code, last?.error], ['error', 'invalid_reference_audio', 'No.'])
  assert.ok(events.length > 0 && events.every(({ type }) => type === 'speech.audio.delta'))
})

test('the same Idempotency-Key gives the same bytes, is charged once, and outlives the sweep of pieces', async () => {
  const key = { 'idempotency-key': 'stream' }
  const first = await open({ seed: 0 }, key)
  const bytes = await first.whole
  const balance = await scratch.balanceMicro()
  const id = String(first.response.headers['x-request-id'])
  await sql`update jobs set finished_at = now() - interval '1 day' where id = ${id}`.execute(db)
  await removeOldPieces(db, blobs)
  const again = await open({ seed: 0 }, key)
  assert.equal(again.response.headers['idempotent-replayed'], 'true')
  assert.equal(again.response.headers['x-request-id'], id)
  assert.ok(bytes && (await again.whole)?.equals(bytes))
  assert.equal(await scratch.balanceMicro(), balance)
  const whole = await open({ seed: 0, stream: false }, key)
  assert.equal(whole.response.statusCode, 422, 'what is paid by the piece is another request')
})

test('twins with one key hear the same while it is made, and one who leaves takes nothing from the other', async () => {
  const { open: letOn, reached } = holdFrom(1)
  const key = { 'idempotency-key': 'twins' }
  const first = await open({ output_format: 'pcm' }, key)
  await reached
  const [second, third] = [await open({ output_format: 'pcm' }, key), await open({ output_format: 'pcm' }, key)]
  third.hangUp()
  await third.whole
  letOn()
  letGo()
  const [one, other] = await Promise.all([first.whole, second.whole])
  assert.ok(one && other?.equals(one))
})

test('a caller who does not read is not waited for by the engine, and holds little', async () => {
  const { response, whole } = await open({ output_format: 'wav', text: piecesText(12) })
  response.pause()
  const job = await ended(response.headers['x-request-id'])
  assert.equal(job.state, 'completed')
  response.resume()
  assert.ok(((await whole)?.length ?? 0) > 12 * 48_000)
})

test('with retention none, what was streamed is forgotten', async () => {
  const { response, whole } = await open({ retention: 'none' })
  await whole
  const id = String(response.headers['x-request-id'])
  for (let tries = 0; tries < 500 && (await findJob(db, undefined, id)); tries++) await sleep(10)
  assert.equal(await findJob(db, undefined, id), undefined)
})

test('stream and stream_format are read from forms, and refused where they are neither', async () => {
  for (const body of [{ stream: 'perhaps' }, { stream_format: 'hls' }]) {
    const { response, whole } = await open(body)
    assert.deepEqual([response.statusCode, JSON.parse(String(await whole)).param], [400, Object.keys(body)[0]])
  }
})

test('fifty streams at once, whose callers leave when they like: no hold stays, paid is what was made, nothing is left open', async () => {
  const before = await scratch.balanceMicro()
  const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  const socketsBefore = sockets()
  const calls = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const { response, whole, hangUp } = await open({ output_format: FORMATS[i % FORMATS.length], seed: i + 1 })
      assert.equal(response.statusCode, 200)
      if (i % 3 !== 0) setTimeout(hangUp, (i * 37) % 400)
      return { id: String(response.headers['x-request-id']), isWhole: (await whole) !== undefined }
    }),
  )
  let paid = 0
  const ends = new Set<string>()
  for (const { id, isWhole } of calls) {
    const job = await ended(id)
    ends.add(job.state)
    if (isWhole) assert.equal(job.state, 'completed')
    if (job.state === 'completed') assert.equal(await charged(id), job.holdMicro)
    paid += await charged(id)
  }
  assert.deepEqual([(before ?? 0) - paid, 0], [await scratch.balanceMicro(), await scratch.heldMicro()])
  assert.ok(ends.has('completed') && ends.has('cancelled'), [...ends].join())
  for (let tries = 0; tries < 500 && sockets() > socketsBefore; tries++) await sleep(10)
  assert.ok(sockets() <= socketsBefore, `${sockets()} sockets, ${socketsBefore} before`)
})
