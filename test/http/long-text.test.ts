// A long text as a job: its pieces followed, listed, played, one of them spoken again, and subtitles – over the whole application.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { afterEach, test } from 'node:test'
import { sql } from 'kysely'
import { grantCredits } from '../../src/billing/ledger.ts'
import type { PieceEvent, PieceList, TimingsAnswer } from '../../src/contract/long-text.ts'
import { JOB_VOICES_FOLDER, OUTPUTS_FOLDER } from '../../src/jobs/outputs.ts'
import { PIECES_FOLDER } from '../../src/jobs/pieces.ts'
import { removeExpired, removeOldPieces, removeOrphanBlobs } from '../../src/jobs/sweep.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { asyncCalls } from './async-calls.ts'
import { holdEngine, openScratchApp, VALID } from './scratch-app.ts'
import { listen, piecesText } from './streaming.ts'

const PIECES = 4
const TEXT = piecesText(PIECES)
const scratch = await openScratchApp()
const { app, db, blobs, account } = scratch
const { submit, submitOk, get, getResult, reaches } = asyncCalls(scratch)
const port = await listen(scratch)

afterEach(async () => {
  scratch.engine.beforeChunk = () => {}
  assert.deepEqual(await auditMoney(db, blobs), [])
})

const submitText = (body: object = {}) => submitOk({ ...VALID, text: TEXT, ...body })
async function completed(body: object = {}): Promise<string> {
  const { request_id: id } = await submitText(body)
  await reaches(id, 'COMPLETED')
  return id
}
async function listOf(id: string): Promise<PieceList> {
  const response = await get(`/v2/requests/${id}/pieces`)
  assert.equal(response.statusCode, 200, response.body)
  return response.json()
}
const regenerate = (id: string, index: number | string, body: object = {}, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: `/v2/requests/${id}/pieces/${index}/regenerate`,
    headers: { 'x-api-key': account.key, 'content-type': 'application/json', ...headers },
    payload: JSON.stringify(body),
  })
async function regenerated(id: string, index: number, body: object = {}): Promise<string> {
  const response = await regenerate(id, index, body)
  assert.equal(response.statusCode, 200, response.body)
  await reaches(response.json().request_id, 'COMPLETED')
  return response.json().request_id
}
const codeOf = (response: { statusCode: number; json(): { code: string; param?: string } }) => {
  const { code, param } = response.json()
  return [response.statusCode, code, ...(param === undefined ? [] : [param])]
}
const usage = async (): Promise<{ requests: number; audio_seconds: number }> => (await get('/v1/usage')).json().total
const pathOf = (url = '') => new URL(url).pathname
const download = async (url: string | undefined, headers: Record<string, string> = {}) =>
  app.inject({ url: pathOf(url), headers })
const outputOf = async (id: string) => (await download((await getResult(id)).json().output)).rawPayload
const keysIn = async (folder: string) => {
  const keys: string[] = []
  for await (const { key } of blobs.list(folder)) keys.push(key)
  return keys.sort()
}
/** The samples of a WAV file of ours: what follows the chunk `data`. */
const samplesOf = (wav: Buffer) => wav.subarray(wav.indexOf('data') + 8)

interface ServerEvent {
  readonly event: string
  readonly id: string | undefined
  readonly data: Record<string, unknown>
}

/** All events of a request until the server closes, or until `leaveAt` of them are there. */
async function followEvents(id: string, headers: Record<string, string> = {}, leaveAt = Number.POSITIVE_INFINITY) {
  const request = httpRequest({
    port,
    path: `/v2/requests/${id}/events`,
    headers: { 'x-api-key': account.key, ...headers },
  })
  request.end()
  request.on('error', () => {})
  const response = await new Promise<IncomingMessage>((resolve) => request.on('response', resolve))
  const events: ServerEvent[] = []
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    rest += chunk
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
      events.push({ event: field('event') ?? '', id: field('id'), data: JSON.parse(field('data') ?? '{}') })
    }
    if (events.length >= leaveAt) request.destroy()
    if (events.length >= leaveAt) break
  }
  return { status: response.statusCode, type: response.headers['content-type'], events }
}

test('a request is followed piece by piece to its end, and whoever comes back is told the rest', async () => {
  using held = holdEngine(scratch)
  const { request_id: id } = await submitText()
  await held.isHeld
  const following = followEvents(id)
  const leaving = followEvents(id, {}, 2)
  held.release()
  const { status, type, events } = await following
  assert.deepEqual([status, type], [200, 'text/event-stream; charset=utf-8'])
  assert.deepEqual(events[0]?.data, { status: 'PROCESSING' })
  const pieces = events.filter(({ event }) => event === 'piece')
  const { pieces: listed } = await listOf(id)
  assert.ok(listed.length > 2)
  assert.deepEqual(
    pieces.map(({ data, id: eventId }) => ({ ...data, id: eventId })),
    listed.map(({ index, start_seconds, duration_seconds }) => {
      return { index, pieces: listed.length, start_seconds, duration_seconds, id: String(index) }
    }),
  )
  const output = (await getResult(id)).json().output
  assert.deepEqual(events.at(-1), { event: 'done', id: 'done', data: { status: 'COMPLETED', output } })
  await leaving

  const again = await followEvents(id, { 'last-event-id': '1' })
  assert.deepEqual(
    again.events.map(({ event, data }) => (data as unknown as PieceEvent).index ?? event),
    ['status', ...listed.slice(2).map(({ index }) => index), 'done'],
  )
  assert.deepEqual(await followEvents(id, { 'last-event-id': 'done' }), { status: 204, type: undefined, events: [] })
})

test('the end of a request that is cancelled is an event too, and nothing of it can be had', async () => {
  using held = holdEngine(scratch)
  const { request_id: id } = await submitText()
  await held.isHeld
  const following = followEvents(id)
  await app.inject({ method: 'DELETE', url: `/v2/requests/${id}`, headers: { 'x-api-key': account.key } })
  const last = (await following).events.at(-1)
  assert.deepEqual([last?.event, last?.data.status, last?.data.code], ['done', 'FAILED', 'cancelled'])
  assert.deepEqual(codeOf(await get(`/v2/requests/${id}/timings`)), [409, 'not_completed'])
  assert.deepEqual(codeOf(await regenerate(id, 0)), [409, 'not_completed'])
  assert.equal((await listOf(id)).status, 'FAILED')
})

test('pieces are listed with text, seed and place; those of a completed request can be played, and joined they are the output', async () => {
  using held = holdEngine(scratch)
  const { request_id: id } = await submitText({ seed: 11 })
  await held.isHeld
  const before = await listOf(id)
  assert.equal(before.status, 'PROCESSING')
  assert.ok(before.pieces.every(({ state, seed, audio_url }) => state === 'pending' && seed === 11 && !audio_url))
  assert.equal(before.pieces.map(({ text }) => text).join(' '), TEXT)
  held.release()
  await reaches(id, 'COMPLETED')
  const { pieces, status } = await listOf(id)
  assert.equal(status, 'COMPLETED')
  let at = 0
  for (const { state, start_seconds, duration_seconds = 0 } of pieces) {
    assert.deepEqual([state, start_seconds], ['done', at])
    at += duration_seconds
  }
  const files = await Promise.all(pieces.map(async ({ audio_url }) => download(audio_url)))
  for (const file of files) assert.deepEqual([file.statusCode, file.headers['content-type']], [200, 'audio/wav'])
  const joined = Buffer.concat(files.map(({ rawPayload }) => samplesOf(rawPayload)))
  assert.ok(joined.equals(samplesOf(await outputOf(id))))
  const part = await download(pieces[1]?.audio_url, { range: 'bytes=0-3' })
  assert.deepEqual([part.statusCode, part.rawPayload.toString()], [206, 'RIFF'])
  for (const path of ['99.wav', '0.mp3', 'x.wav']) {
    const wrong = await download(pieces[0]?.audio_url?.replace('0.wav', path))
    assert.deepEqual(codeOf(wrong), [404, 'not_found'])
  }
})

test('one piece is spoken again for its own price, the others are the same to the last sample, and the original stays', async () => {
  const id = await completed({ seed: 5 })
  const bytes = await outputOf(id)
  const before = await scratch.balanceMicro()
  const usedBefore = await usage()
  const begun: number[] = []
  scratch.engine.beforeChunk = (piece, chunk) => {
    if (chunk === 0) begun.push(piece.index)
  }
  const changed = await regenerated(id, 2, { seed: 77 })
  const { pieces: old } = await listOf(id)
  const { pieces } = await listOf(changed)
  assert.deepEqual(begun, [2])
  assert.deepEqual(
    pieces.map(({ seed }) => seed),
    old.map(({ seed }, index) => (index === 2 ? 77 : seed)),
  )
  const price = Math.ceil([...(old[2]?.text ?? '')].length * 50)
  assert.equal((before ?? 0) - ((await scratch.balanceMicro()) ?? 0), price)
  assert.equal((await getResult(changed)).json().metrics.cost, price / 1e6)
  const used = await usage()
  assert.deepEqual(
    [used.requests - usedBefore.requests, Math.round((used.audio_seconds - usedBefore.audio_seconds) * 1e6) / 1e6],
    [1, old[2]?.duration_seconds],
    'the usage is of what was spoken anew',
  )
  for (const { index, audio_url } of old.filter((piece) => piece.index !== 2)) {
    const [one, other] = [await download(audio_url), await download(pieces[index]?.audio_url)]
    assert.ok(one.rawPayload.equals(other.rawPayload))
  }
  assert.ok((await outputOf(id)).equals(bytes))
  // And a change of the changed one.
  const twice = await regenerated(changed, 0)
  const seeds = (await listOf(twice)).pieces.map(({ seed }) => seed)
  assert.ok((seeds[0] ?? 0) > 0 && seeds[0] !== 5)
  assert.deepEqual(seeds.slice(1), [5, 77, ...old.slice(3).map(() => 5)])
})

test('what cannot be spoken again is refused with a reason, and costs nothing', async () => {
  const id = await completed()
  const before = await scratch.balanceMicro()
  assert.deepEqual(codeOf(await regenerate(id, 99)), [400, 'invalid_parameter', 'index'])
  assert.deepEqual(codeOf(await regenerate(id, -1)), [400, 'invalid_parameter', 'index'])
  assert.deepEqual(codeOf(await regenerate(id, 0, { seed: 1.5 })), [400, 'invalid_parameter', 'seed'])
  assert.deepEqual(codeOf(await regenerate(id, 0, { seed: 'x' })), [400, 'invalid_parameter', 'seed'])
  assert.deepEqual(codeOf(await regenerate('0'.repeat(32), 0)), [404, 'request_not_found'])
  assert.deepEqual(codeOf(await get('/v2/requests/xyz/pieces')), [404, 'request_not_found'])
  assert.deepEqual(codeOf(await get(`/v2/requests/${id}/timings?format=ass`)), [400, 'invalid_parameter', 'format'])
  const short = await completed({ text: 'Hello.' })
  assert.deepEqual(codeOf(await regenerate(short, 0)), [409, 'pieces_unavailable'])
  const [only] = (await listOf(short)).pieces
  assert.equal(only?.audio_url, (await getResult(short)).json().output)
  const sync = await scratch.speak({ ...VALID, text: TEXT })
  const syncId = String(sync.headers['x-request-id'])
  assert.deepEqual(codeOf(await regenerate(syncId, 0)), [409, 'pieces_unavailable'])
  assert.ok((await listOf(syncId)).pieces.every(({ state, audio_url }) => state === 'done' && !audio_url))
  const forgotten = await completed({ retention: 'none' })
  for (const path of ['pieces', 'timings']) {
    assert.deepEqual(codeOf(await get(`/v2/requests/${forgotten}/${path}`)), [409, 'pieces_unavailable'])
  }
  assert.deepEqual(codeOf(await regenerate(forgotten, 0)), [409, 'pieces_unavailable'])
  const spent = (await scratch.balanceMicro()) ?? 0
  await sql`update accounts set held_micro = balance_micro where id = ${account.accountId}`.execute(db)
  assert.deepEqual(codeOf(await regenerate(id, 0)), [406, 'insufficient_credits'])
  await sql`update accounts set held_micro = 0 where id = ${account.accountId}`.execute(db)
  assert.equal(await scratch.balanceMicro(), spent)
  assert.ok((before ?? 0) > spent, 'the requests that were spoken were paid')
})

test('the same Idempotency-Key changes a piece once, and another wish under it is a conflict', async () => {
  const id = await completed()
  const key = { 'idempotency-key': 'again' }
  const first = await regenerate(id, 1, {}, key)
  const second = await regenerate(id, 1, {}, key)
  assert.equal(second.json().request_id, first.json().request_id)
  assert.equal(second.headers['idempotent-replayed'], 'true')
  assert.deepEqual(codeOf(await regenerate(id, 2, {}, key)), [422, 'idempotency_conflict', 'Idempotency-Key'])
  await reaches(first.json().request_id, 'COMPLETED')
})

test('shared pieces outlive the request that they came from, and go with the last that has them', async () => {
  const id = await completed()
  const changed = await regenerated(id, 1)
  const urls = (await listOf(changed)).pieces.map(({ audio_url }) => audio_url)
  await sql`update jobs set finished_at = now() - interval '1 day'`.execute(db)
  await removeOldPieces(db, blobs)
  await sql`update jobs set expires_at = now() where id <> ${changed}`.execute(db)
  await removeExpired(db, blobs)
  await removeOrphanBlobs(db, blobs, new Date(Date.now() + 60_000))
  for (const url of urls) assert.equal((await download(url)).statusCode, 200)
  assert.equal((await keysIn(PIECES_FOLDER)).length, urls.length)
  await regenerated(changed, 0) // the voice is there as well
  await sql`update jobs set expires_at = now()`.execute(db)
  await removeExpired(db, blobs)
  assert.deepEqual(await Promise.all([PIECES_FOLDER, OUTPUTS_FOLDER, JOB_VOICES_FOLDER].map(keysIn)), [[], [], []])
})

test('timings are those of the samples, and subtitles have lines that can be read', async () => {
  const id = await completed({ text: `[laugh] Well <now>! ${TEXT} [whispering] The end & all.` })
  const timings: TimingsAnswer = (await get(`/v2/requests/${id}/timings`)).json()
  const { pieces } = await listOf(id)
  assert.deepEqual(
    timings.pieces.map(({ start_seconds, text }) => [start_seconds, text]),
    pieces.map(({ start_seconds, text }) => [start_seconds, text]),
  )
  const wav = samplesOf(await outputOf(id))
  assert.equal(timings.duration_seconds, wav.length / 2 / 24_000)
  assert.ok(timings.cues.length > timings.pieces.length)
  let end = 0
  for (const { text, start_seconds, end_seconds, estimated, index } of timings.cues) {
    assert.ok(text.length <= 84 && start_seconds >= end && end_seconds > start_seconds, text)
    assert.equal(estimated, timings.cues.filter((cue) => cue.index === index).length > 1)
    end = end_seconds
  }
  assert.equal(end, timings.duration_seconds)
  const words = (text: string) => text.replaceAll('[whispering]', '').split(/\s+/).filter(Boolean).join(' ')
  assert.equal(timings.cues.map(({ text }) => text).join(' '), words(pieces.map(({ text }) => text).join(' ')))
  const srt = await get(`/v2/requests/${id}/timings?format=srt`)
  assert.match(String(srt.headers['content-type']), /^application\/x-subrip/)
  assert.match(srt.body, /^1\n00:00:00,000 --> 00:00:0\d,\d{3}\n\[laugh\] Well <now>!/)
  const vtt = await get(`/v2/requests/${id}/timings?format=vtt`)
  assert.match(vtt.body, /^WEBVTT\n\n00:00:00\.000 --> 00:00:0\d\.\d{3}\n\[laugh\] Well &lt;now&gt;!/)
})

test('/v2 takes 100,000 characters, and not one more; /v1 says where to go', async () => {
  await grantCredits(db, account.accountId, 10_000_000, 'for a long text')
  const text = `${'Word. '.repeat(16_666)}End.`
  assert.equal(text.length, 100_000)
  const { request_id: id } = await submitText({ text })
  assert.equal((await listOf(id)).pieces.map((piece) => piece.text).join(' '), text)
  await reaches(id, 'COMPLETED', 120_000) // hundreds of pieces, each made durable
  assert.equal((await getResult(id)).json().metrics.cost, 5)
  const file = await outputOf(id)
  assert.equal(file.readUInt32LE(4) + 8, file.length)
  const stored = await sql<{ sha: string }>`select output_sha256 as sha from jobs where id = ${id}`.execute(db)
  assert.equal(stored.rows[0]?.sha, createHash('sha256').update(file).digest('hex'))
  assert.deepEqual(codeOf(await submit({ ...VALID, text: `${text}a` })), [400, 'text_too_long', 'text'])
  const sync = await scratch.speak({ ...VALID, text })
  assert.deepEqual(codeOf(sync), [400, 'text_too_long', 'text'])
  assert.match(sync.json().error, /\/v2\/chatterbox-turbo-tts takes up to 100,000/)
})
