// A request that changes hands in the middle: it gives way to another and goes on, or its worker dies and a second one goes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { findJob } from '../../src/jobs/job.ts'
import { findPieces } from '../../src/jobs/pieces.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { createToneEngine } from '../harness/tone-engine.ts'
import { asyncCalls } from './async-calls.ts'
import { openScratchApp, VALID, withResolvers } from './scratch-app.ts'
import { listen, openStream, piecesText } from './streaming.ts'

const scratch = await openScratchApp({ WORKER_SLOTS: '1', PRICE_PER_1000_CHARACTERS: '0.01' })
const { app, account, db, engine, metrics } = scratch
const { submitOk, getResult, reaches } = asyncCalls(scratch)

async function fileOf(id: string): Promise<Buffer> {
  await reaches(id, 'COMPLETED')
  return (await app.inject(new URL((await getResult(id)).json().output).pathname)).rawPayload
}
const yields = async () =>
  (await metrics.jobs.get()).values.find(({ labels }) => labels.outcome === 'yielded' && labels.mode === 'async')?.value

test('an asynchronous request gives way to a synchronous one between two pieces, and goes on where it was', async () => {
  const long = { ...VALID, text: piecesText(40) }
  const alone = await fileOf((await submitOk(long)).request_id)
  const spoken: (number | 'sync')[] = []
  const begun = withResolvers()
  engine.beforeChunk = async ({ text, index }, chunk) => {
    if (chunk > 0) return
    spoken.push(text.startsWith('Hello') ? 'sync' : index)
    begun.resolve()
    // Until the worker has heard of who waits: otherwise all forty pieces are made within that time.
    if (!spoken.includes('sync')) await sleep(20)
  }
  const { request_id: id } = await submitOk(long)
  await begun.promise
  assert.equal((await scratch.speak(VALID)).statusCode, 200)
  const whole = await fileOf(id)
  engine.beforeChunk = () => {}

  const begunPieces = spoken.filter((piece) => piece !== 'sync')
  const pieces = [...new Set(begunPieces)]
  assert.ok(spoken.indexOf('sync') > 0 && spoken.indexOf('sync') < pieces.length, String(spoken))
  assert.deepEqual(
    pieces,
    pieces.map((_, index) => index),
    'in order',
  )
  assert.ok(begunPieces.length <= pieces.length + 1, 'spoken again is at most the piece that was in the engine')
  assert.equal(await yields(), 1)
  assert.equal((await findJob(db, account.accountId, id))?.attempts, 1)
  assert.ok(whole.equals(alone))
})

test('the worker of a stream dies: a second one goes on with the next piece, to the same bytes and one charge a piece', async () => {
  const body = { text: piecesText(4), reference_audio: 'data:,a', output_format: 'pcm' }
  const whole = await scratch.speak(body)
  const before = (await scratch.balanceMicro()) ?? 0
  const dead = { reached: withResolvers(), revived: withResolvers() }
  engine.beforeChunk = async ({ index }) => {
    if (index < 2) return
    dead.reached.resolve()
    await dead.revived.promise
  }
  const port = await listen(scratch)
  const { response, whole: streamed } = await openStream(port, account.key, body)
  const id = String(response.headers['x-request-id'])
  await dead.reached.promise
  while ((await findPieces(db, id, 0)).length < 2) await sleep(5)
  const first = (await findJob(db, undefined, id))?.workerId
  // As after 25 seconds of silence. Its worker has one place, and that is taken by what it believes to be its job.
  do await sql`update jobs set lease_until = now() - interval '1 minute' where id = ${id}`.execute(db)
  while (!(await requeueAbandonedJobs(db)).some((requeued) => requeued.id === id))

  const second = createToneEngine()
  await using worker = scratch.startWorker(second)
  assert.ok((await streamed)?.equals(whole.rawPayload), 'no gap, nothing twice')
  dead.revived.resolve()
  await reaches(id, 'COMPLETED')
  const job = await findJob(db, undefined, id)
  assert.ok(job?.state === 'completed' && first !== worker.id)
  assert.deepEqual([job.workerId, job.attempts], [worker.id, 2])
  const pieces = await findPieces(db, id, 0)
  assert.deepEqual(
    second.pieces.map(({ index }) => index),
    pieces.map(({ index }) => index).slice(2),
    'what was made is not made again',
  )
  const charged = pieces.reduce((total, { chargeMicro }) => total + chargeMicro, 0)
  assert.deepEqual(
    [charged, await scratch.balanceMicro(), await scratch.heldMicro()],
    [job.holdMicro, before - charged, 0],
  )
  const { rows } = await sql<{ piece: number }>`
    select piece from ledger where job_id = ${id} and kind = 'charge' order by piece
  `.execute(db)
  assert.deepEqual(
    rows.map(({ piece }) => piece),
    pieces.map(({ index }) => index),
  )
  engine.beforeChunk = () => {}
})
