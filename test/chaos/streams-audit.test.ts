// The audit of streams is tried on what is right and on each way in which it can be wrong.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import { commitPart, makePieceBlobKey } from '../../src/jobs/pieces.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeJob, makeOutput } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { startJob } from '../harness/running-job.ts'
import { sine } from '../harness/signals.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'
import type { Order, Sound } from './orders.ts'
import { auditStreams } from './streams-audit.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)
const account = await makeAccount(db)
const RATE = 24_000
const PIECE_SAMPLES = RATE / 10
const PRICE = 6400
/** Two pieces. */
const FILE = Buffer.from(await encodeAudio(sine(200, 0.2, RATE), RATE, 'wav'))
const BROKEN = FILE.subarray(0, FILE.length - 1000)

/** A stream that was made to its end, or up to its first piece and then failed. */
async function stream(end: 'completed' | 'failed'): Promise<string> {
  const job = makeJob(account, { holdMicro: PRICE })
  const started = await startJob(db, job)
  assert.equal(started.kind, 'started')
  const { leaseToken } = started
  await sql`update jobs set stream = true where id = ${job.id}`.execute(db)
  const mine = { id: job.id, leaseToken }
  for (let index = 0; index < (end === 'completed' ? 2 : 1); index++) {
    const blobKey = makePieceBlobKey(job.id, index)
    const whole = { ...mine, index, part: 0, isLast: true, blobKey }
    const piece = { ...whole, samples: PIECE_SAMPLES, sampleRate: RATE, guards: [], engineSeconds: 0 }
    assert.equal(await commitPart(db, { ...piece, chargeMicro: PRICE / 2, leaseSeconds: 60 }), 'committed')
  }
  if (end === 'failed') await failJob(db, { ...mine, code: 'unavailable', message: 'Its engine is gone.' })
  else {
    const output = makeOutput(job.id, FILE)
    await blobs.put(output.blobKey, FILE)
    await completeJob(db, { ...mine, chargeMicro: 0, output, result: { pieceSeconds: [0.1, 0.1] } })
  }
  return job.id
}

const order = (...sounds: Sound[]): Order => ({
  api: 'stream',
  key: newId(),
  text: 'Hello. There.',
  format: 'wav',
  seed: 1,
  reference: 'inline',
  receipts: [],
  sounds,
  toldEnds: [],
  outcome: 'served',
})
const sound = (requestId: string, bytes: Buffer, whole: boolean): Sound => ({ requestId, bytes, whole })

test('a stream that broke, and the whole one that came after it, are in order', async () => {
  const heard = FILE.subarray(0, FILE.length / 2)
  const orders = [order(sound(await stream('failed'), heard, false), sound(await stream('completed'), FILE, true))]
  assert.deepEqual(await auditStreams(db, blobs, orders), [])
})

const OTHER = Buffer.from(FILE).fill(7, FILE.length - 100)
const FAULTS: [string, RegExp, (completed: string, failed: string) => Sound[]][] = [
  [
    'a broken stream that looked complete',
    /looked complete and is failed/,
    (_, id) => [sound(id, Buffer.alloc(0), true)],
  ],
  ['sound that nobody paid for', /beyond what was paid for: 4300 of 2400/, (_, id) => [sound(id, BROKEN, false)]],
  ['a stream that is not its file', /not those of its file/, (id) => [sound(id, OTHER, true)]],
  ['a stream of no job', /is of no job/, () => [sound(newId(), FILE, false)]],
  [
    'streams of which one says something else',
    /is another from byte/,
    (id) => [sound(id, FILE, true), sound(id, OTHER.subarray(0, -2), false)],
  ],
]
for (const [fault, message, make] of FAULTS) {
  test(`the audit finds ${fault}`, async () => {
    const violations = await auditStreams(db, blobs, [
      order(...make(await stream('completed'), await stream('failed'))),
    ])
    assert.equal(violations.length, 1, violations.join('\n'))
    assert.match(violations[0] ?? '', message)
  })
}

test('the audit finds a stream that looked complete too early', async () => {
  const id = await stream('completed')
  const violations = await auditStreams(db, blobs, [order(sound(id, FILE, true), sound(id, BROKEN, true))])
  assert.match(violations.join('\n'), /looked complete after/)
})

test('the audit finds a piece that was paid for twice', async () => {
  const id = await stream('completed')
  await sql`
    insert into ledger (account_id, kind, amount_micro, job_id, piece)
    values (${account.accountId}, 'charge', -1, ${id}, 1001)`.execute(db)
  const violations = await auditStreams(db, blobs, [])
  assert.match(violations.join('\n'), /has paid for the pieces \[0,1,1001\] and made \[0,1\]/)
})
