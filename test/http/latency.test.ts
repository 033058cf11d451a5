// Low latency: a stream begins while its first piece is being spoken, and each part of it is durable, paid and sent like a piece: never twice,
// never with a gap, whoever dies in the middle.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { AppError } from '../../src/errors.ts'
import { findJob, type Job } from '../../src/jobs/job.ts'
import { findParts, findPieces } from '../../src/jobs/pieces.ts'
import { removeOldPieces } from '../../src/jobs/sweep.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { sine } from '../harness/signals.ts'
import { createToneEngine } from '../harness/tone-engine.ts'
import { holdFirstPiece, loseWorker } from './first-piece.ts'
import { openScratchApp, VALID } from './scratch-app.ts'
import { listen, openStream, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01', WORKER_SLOTS: '1' })
const { account, app, asked, blobs, db, engine } = scratch
const port = await listen(scratch)
/** Pieces, each of ten chunks of 0.1 s. */
const PIECES = 3
const LOW = { text: piecesText(PIECES), reference_audio: 'data:,a', output_format: 'pcm', latency: 'low' }
const CHUNK_BYTES = 4800
const open = (body: object = {}, headers = {}, path?: string) =>
  openStream(port, account.key, { ...LOW, ...body }, headers, path)
const allParts = (id: string) => findParts(db, id, { index: 0, part: 0 })
const chargesOf = async (id: string) => {
  const { rows } = await sql<{ piece: number }>`
    select piece from ledger where job_id = ${id} and kind = 'charge' order by piece
  `.execute(db)
  return rows.map(({ piece }) => piece)
}
async function ended(id: string): Promise<Job> {
  for (let tries = 0; tries < 6000; tries++) {
    const job = await findJob(db, undefined, id)
    if (job && job.state !== 'queued' && job.state !== 'running') return job
    await sleep(10)
  }
  throw new Error(`job ${id} goes on`)
}
const whole = async (): Promise<Buffer> => {
  const { latency: _, ...body } = LOW
  const answer = await scratch.speak(body)
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.rawPayload
}

test('the first sound comes while the first piece is spoken; for everybody else the piece is there when it is whole', async () => {
  const file = await whole()
  const held = holdFirstPiece(scratch, 2)
  const { response, firstBytes, whole: streamed } = await open()
  await firstBytes
  await held.reached
  const id = String(response.headers['x-request-id'])
  while ((await allParts(id)).length < 2) await sleep(5)
  assert.equal(response.headers['x-latency'], 'low')
  assert.deepEqual([(await findPieces(db, id, 0)).length, await chargesOf(id)], [0, [0]])
  const list = async () =>
    (await app.inject({ url: `/v2/requests/${id}/pieces`, headers: { 'x-api-key': account.key } })).json()
  assert.equal((await list()).pieces[0].state, 'pending')
  held.letGo()
  assert.ok((await streamed)?.equals(file), 'this engine speaks the same in parts')
  const job = await ended(id)
  assert.equal(job.chargedMicro, job.holdMicro)
  assert.deepEqual([(await list()).pieces[0].state, (await list()).pieces[0].duration_seconds], ['done', 1])
  const pieces = await findPieces(db, id, 0)
  assert.deepEqual(
    pieces.map(({ samples, blobKeys }) => [samples, blobKeys.length]),
    [[24_000, 11], [24_000, 11], ...pieces.slice(2).map(() => [24_000, 1])],
    'two of low latency, the others whole',
  )
  assert.deepEqual(
    await chargesOf(id),
    pieces.map(({ index }) => index),
  )
})

test('events come while the first piece is spoken, and the last one says how it was', async () => {
  const held = holdFirstPiece(scratch, 1)
  const { response, firstBytes, whole: streamed } = await open({ stream_format: 'sse' })
  await Promise.all([firstBytes, held.reached])
  held.letGo()
  const events = String(await streamed)
    .trim()
    .split('\n\n')
    .map((event) => JSON.parse(event.split('\ndata: ')[1] ?? ''))
  assert.equal(response.headers['x-latency'], 'low')
  assert.ok(events.length > 10 + PIECES)
  assert.deepEqual([events.at(-1).type, events.at(-1).latency], ['speech.audio.done', 'low'])
  const audio = Buffer.concat(events.slice(0, -1).map((event) => Buffer.from(event.audio, 'base64')))
  assert.ok(audio.equals(await whole()))
})

test('an engine that dies in the middle of pieces: no gap, nothing twice, one charge a piece', async () => {
  const file = await whole()
  for (const format of ['pcm', 'mp3'] as const) {
    const crashesAt = ['0/3', '1/6']
    engine.beforeChunk = ({ index }, chunk) => {
      if (`${index}/${chunk}` !== crashesAt[0]) return
      crashesAt.shift()
      throw new AppError('unavailable', 'The speech engine stopped.')
    }
    const { response, whole: streamed } = await open({ output_format: format })
    const bytes = await streamed
    engine.beforeChunk = () => {}
    const job = await ended(String(response.headers['x-request-id']))
    assert.deepEqual([job.state, job.attempts, crashesAt], ['completed', 3, []])
    const parts = await allParts(job.id)
    for (const piece of [0, 1]) assert.equal(parts.filter(({ index }) => index === piece).length, 11)
    assert.equal((await chargesOf(job.id)).length, (await findPieces(db, job.id, 0)).length)
    assert.equal(job.chargedMicro, job.holdMicro)
    if (format === 'pcm') assert.ok(bytes?.equals(file))
    else assert.ok(bytes?.equals((await (await open({ output_format: format })).whole) ?? Buffer.of()))
  }
})

test('the worker dies in the middle of the first piece: a second one goes on with the next sample', async () => {
  const file = await whole()
  const before = (await scratch.balanceMicro()) ?? 0
  const held = holdFirstPiece(scratch, 4, { dead: true })
  const { response, whole: streamed } = await open()
  await held.reached
  const id = String(response.headers['x-request-id'])
  await loseWorker(db, id)
  const second = createToneEngine()
  await using _worker = scratch.startWorker(second)
  assert.ok((await streamed)?.equals(file))
  held.letGo()
  const job = await ended(id)
  assert.ok(job.state === 'completed')
  assert.deepEqual(
    second.pieces.map(({ index, latency }) => [index, latency]),
    second.pieces.map((_, index) => [index, index < 2 ? 'low' : undefined]),
  )
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [before - job.holdMicro, 0])
})

test('who goes on and speaks something else breaks the stream off, in place of a sentence of two halves', async () => {
  const held = holdFirstPiece(scratch, 4, { dead: true })
  const { response, whole: streamed } = await open({ stream_format: 'sse' })
  await held.reached
  const id = String(response.headers['x-request-id'])
  await loseWorker(db, id)
  const tones = createToneEngine()
  await using _worker = scratch.startWorker({
    ...tones,
    async *synthesize() {
      yield { samples: sine(300, 1, 24_000), guards: [] }
    },
  })
  const last =
    String(await streamed)
      .trim()
      .split('\n\n')
      .at(-1) ?? ''
  held.letGo()
  assert.match(last, /^event: error\n.*"code":"pieces_unavailable"/)
  const job = await ended(id)
  assert.deepEqual([job.state, await chargesOf(id), await scratch.heldMicro()], ['failed', [0], 0])
})

test('a caller who leaves in the middle of the first piece has paid for it, and for no more', async () => {
  const before = (await scratch.balanceMicro()) ?? 0
  const held = holdFirstPiece(scratch, 3)
  const { response, firstBytes, hangUp, whole: streamed } = await open()
  await Promise.all([firstBytes, held.reached])
  const id = String(response.headers['x-request-id'])
  while ((await allParts(id)).length < 3) await sleep(5)
  hangUp()
  assert.equal(await streamed, undefined)
  const job = await ended(id)
  held.letGo()
  const parts = await allParts(id)
  assert.deepEqual([job.state, parts.length, await chargesOf(id)], ['cancelled', 3, [0]])
  assert.ok(job.chargedMicro > 0 && job.chargedMicro < job.holdMicro)
  assert.deepEqual([await scratch.balanceMicro(), await scratch.heldMicro()], [before - job.chargedMicro, 0])
})

test('the same Idempotency-Key gives the same bytes; the latency is a part of what it stands for, left out it is normal', async () => {
  const key = { 'idempotency-key': 'low' }
  const first = await open({ seed: 0 }, key)
  const bytes = await first.whole
  const balance = await scratch.balanceMicro()
  const id = String(first.response.headers['x-request-id'])
  await sql`update jobs set finished_at = now() - interval '1 day' where id = ${id}`.execute(db)
  await removeOldPieces(db, blobs)
  const again = await open({ seed: 0 }, key)
  assert.deepEqual(
    [again.response.headers['idempotent-replayed'], again.response.headers['x-latency']],
    ['true', 'low'],
  )
  assert.ok(bytes && (await again.whole)?.equals(bytes))
  assert.equal(await scratch.balanceMicro(), balance)
  assert.equal((await open({ seed: 0, latency: 'normal' }, key)).response.statusCode, 422)
  const plain = { 'idempotency-key': 'plain' }
  const [named, unnamed] = [await open({ latency: 'normal' }, plain), await open({ latency: undefined }, plain)]
  assert.equal(named.response.headers['x-latency'], 'normal')
  assert.deepEqual(
    [unnamed.response.statusCode, unnamed.response.headers['x-request-id']],
    [200, named.response.headers['x-request-id']],
  )
  await Promise.all([named.whole, unnamed.whole])
})

test('others who listen to the request hear the same', async () => {
  const held = holdFirstPiece(scratch, 5)
  const { response, firstBytes, whole: streamed } = await open({ output_format: 'wav' })
  await Promise.all([firstBytes, held.reached])
  const id = String(response.headers['x-request-id'])
  const listening = app.inject({ url: `/v2/requests/${id}/audio?format=pcm`, headers: { 'x-api-key': account.key } })
  held.letGo()
  assert.ok(
    (await streamed)?.subarray(-10 * CHUNK_BYTES).equals((await listening).rawPayload.subarray(-10 * CHUNK_BYTES)),
  )
  assert.ok((await listening).rawPayload.equals(await whole()))
})

test('latency needs a stream, and is one of two words: the field is named otherwise, and nothing is charged', async () => {
  const before = await scratch.balanceMicro()
  for (const [body, message] of [
    [{ latency: 'low' }, /^latency low needs stream: true/],
    [{ latency: 'low', stream: false }, /^latency low needs stream: true/],
    [{ latency: 'lowest', stream: true }, /^latency must be one of normal, low\.$/],
    [{ latency: 1, stream: true }, /^latency must be one of normal, low\.$/],
  ] as const) {
    const answer = await scratch.speak({ ...VALID, ...body })
    assert.deepEqual(
      [answer.statusCode, answer.json().code, answer.json().param],
      [400, 'invalid_parameter', 'latency'],
    )
    assert.match(answer.json().error, message)
  }
  assert.equal((await scratch.speak({ ...VALID, latency: 'normal' })).statusCode, 200, 'as everywhere')
  assert.equal(asked.at(-1)?.latency, undefined)
  const events = await scratch.speak({ ...VALID, latency: 'low' }, { accept: 'text/event-stream' })
  assert.equal(events.statusCode, 200, 'events are a stream')
  assert.equal(asked.at(-1)?.latency, 'low')
  assert.ok(((await scratch.balanceMicro()) ?? 0) < (before ?? 0))
})

test('clients of OpenAI and ElevenLabs ask for it in their ways', async () => {
  const speech = (body: object) => ({ model: 'tts-1', voice: 'ada', input: 'Hello.', ...body })
  const post = (url: string, payload: object, headers: Record<string, string>) =>
    app.inject({ method: 'POST', url, payload, headers })
  const openai = (body: object) => post('/v1/audio/speech', speech(body), { authorization: `Bearer ${account.key}` })
  assert.equal((await openai({ latency: 'low' })).headers['x-latency'], 'low')
  assert.equal((await openai({})).headers['x-latency'], 'normal')
  const refused = await openai({ latency: 'lower' })
  assert.deepEqual([refused.statusCode, refused.json().error.param], [400, 'latency'])

  const eleven = (path: string) =>
    post(`/v1/text-to-speech/ada${path}`, { text: 'Hello.' }, { 'xi-api-key': account.key })
  for (const [degree, latency] of [
    ['0', 'normal'],
    ['1', 'low'],
    ['4', 'low'],
  ]) {
    const answer = await eleven(`/stream?optimize_streaming_latency=${degree}`)
    assert.deepEqual([answer.statusCode, answer.headers['x-latency']], [200, latency])
    assert.equal(answer.headers['x-ignored-parameters'], undefined)
  }
  const wrong = await eleven('/stream?optimize_streaming_latency=5')
  assert.deepEqual([wrong.statusCode, wrong.json().detail.param], [400, 'optimize_streaming_latency'])
  const file = await eleven('?optimize_streaming_latency=3')
  assert.deepEqual([file.statusCode, file.headers['x-ignored-parameters']], [200, 'optimize_streaming_latency'])
})

test('after all of this the money adds up', async () => {
  assert.deepEqual(await auditMoney(db, blobs), [])
})
