// Low latency of asynchronous requests: whoever listens hears the first piece while it is being spoken, and the file, its price and its pieces
// are those of any other request, whoever dies in the middle.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { findParts, findPieces } from '../../src/jobs/pieces.ts'
import { removeOldPieces } from '../../src/jobs/sweep.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { sine } from '../harness/signals.ts'
import { createToneEngine } from '../harness/tone-engine.ts'
import { asyncCalls } from './async-calls.ts'
import { holdFirstPiece, loseWorker } from './first-piece.ts'
import { openScratchApp, VALID } from './scratch-app.ts'
import { piecesText } from './streaming.ts'

const scratch = await openScratchApp({ PRICE_PER_1000_CHARACTERS: '0.01', WORKER_SLOTS: '1' })
const { account, app, blobs, db } = scratch
const { submit, submitOk, get, reaches } = asyncCalls(scratch)
const LONG = { ...VALID, text: piecesText(3), latency: 'low' }
const partsOf = (id: string) => findParts(db, id, { index: 0, part: 0 })
const hear = async (id: string, query = '') => (await get(`/v2/requests/${id}/audio${query}`)).rawPayload
const regenerate = (id: string, index: number) =>
  app.inject({
    method: 'POST',
    url: `/v2/requests/${id}/pieces/${index}/regenerate`,
    headers: { 'x-api-key': account.key, 'content-type': 'application/json' },
    payload: { seed: 7 },
  })
const piecesSeen = async (id: string) => (await get(`/v2/requests/${id}/pieces`)).json().pieces

async function completed(body: object): Promise<string> {
  const { request_id: id } = await submitOk(body)
  await reaches(id, 'COMPLETED')
  return id
}

test('who listens hears the first piece while it is spoken; the file is whole, paid once, and its pieces are pieces', async () => {
  const file = await hear(await completed({ ...LONG, latency: 'normal' }))
  const before = (await scratch.balanceMicro()) ?? 0
  const held = holdFirstPiece(scratch, 3)
  const { request_id: id } = await submitOk(LONG)
  await held.reached
  const listening = app.inject({
    url: `/v2/requests/${id}/audio?format=pcm`,
    headers: { 'x-api-key': account.key },
    payloadAsStream: true,
  })
  const { headers, stream } = await listening.then((answer) => ({ headers: answer.headers, stream: answer.stream() }))
  assert.equal(headers['x-latency'], 'low')
  const heard: Buffer[] = []
  for await (const chunk of stream) {
    heard.push(chunk)
    if (heard.length > 1) continue
    assert.deepEqual([(await piecesSeen(id))[0].state, (await findPieces(db, id, 0)).length], ['pending', 0])
    held.letGo()
  }
  await reaches(id, 'COMPLETED')
  assert.ok((await hear(id)).equals(file), 'this engine speaks the same in parts')
  assert.ok((await hear(id, '?format=pcm')).equals(Buffer.concat(heard)))
  const price = (before - ((await scratch.balanceMicro()) ?? 0)) / LONG.text.length
  assert.equal(price * 1000, 10_000)
  const pieces = await piecesSeen(id)
  assert.ok(pieces.length > 2)
  for (const { state, duration_seconds: seconds } of pieces) assert.deepEqual([state, seconds], ['done', 1])
  assert.deepEqual(
    (await findPieces(db, id, 0)).map(({ blobKeys }) => blobKeys.length),
    pieces.map((_: unknown, index: number) => (index < 2 ? 11 : 1)),
  )
  const again = (await regenerate(id, 0)).json().request_id
  await reaches(again, 'COMPLETED')
  assert.equal((await hear(again)).length, file.length)
  assert.deepEqual(await auditMoney(db, blobs), [])
})

test('the worker dies in the middle of the first piece: another speaks it anew, even if it speaks otherwise', async () => {
  const before = (await scratch.balanceMicro()) ?? 0
  const held = holdFirstPiece(scratch, 4, { dead: true })
  const { request_id: id } = await submitOk(LONG)
  await held.reached
  await loseWorker(db, id)
  const tones = createToneEngine()
  await using _worker = scratch.startWorker({
    ...tones,
    async *synthesize() {
      yield { samples: sine(300, 2, 24_000), guards: [] }
    },
  })
  await reaches(id, 'COMPLETED')
  held.letGo()
  const pieces = await piecesSeen(id)
  for (const { duration_seconds: seconds } of pieces) assert.equal(seconds, 2)
  assert.equal((await partsOf(id)).length, pieces.length + 2, 'two pieces of a sound and an end each')
  const price = before - ((await scratch.balanceMicro()) ?? 0)
  assert.deepEqual([price, await scratch.heldMicro()], [LONG.text.length * 10, 0])
  assert.deepEqual(await auditMoney(db, blobs), [])
})

test('a request of one piece is sent again, not its piece; with retention none nothing is left of it', async () => {
  const kept = await completed({ ...VALID, latency: 'low' })
  assert.equal((await findPieces(db, kept, 0)).length, 1)
  const refused = await regenerate(kept, 0)
  assert.deepEqual([refused.statusCode, refused.json().code], [409, 'pieces_unavailable'])
  const held = holdFirstPiece(scratch, 2)
  const { request_id: id } = await submitOk({ ...VALID, latency: 'low', retention: 'none' })
  await held.reached
  const heard = hear(id, '?format=pcm')
  while ((await partsOf(id)).length < 2) await sleep(5)
  held.letGo()
  await reaches(id, 'COMPLETED')
  assert.ok((await heard).length > 0)
  assert.ok((await partsOf(id)).length > 0)
  await sql`update jobs set finished_at = now() - interval '1 day' where id = ${id}`.execute(db)
  await removeOldPieces(db, blobs)
  assert.equal((await partsOf(id)).length, 0)
})

test('latency is one of two words here too', async () => {
  const answer = await submit({ ...VALID, latency: 'lowest' })
  assert.deepEqual([answer.statusCode, answer.json().param], [400, 'latency'])
  assert.deepEqual(answer.headers['x-ignored-parameters'], undefined)
})
