// A piece that is committed in parts: each once, by whoever has the lease, the price of the piece with its first; and for all who ask for
// pieces it is there when it is whole.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { type ClaimedJob, claimJobs } from '../../src/jobs/claim.ts'
import { completeJob } from '../../src/jobs/finish.ts'
import { releaseJob } from '../../src/jobs/lease.ts'
import { commitPart, type DonePart, findParts, findPieces, type PartCommit, placeAfter } from '../../src/jobs/pieces.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)
const CREDITS = 10_000

async function claimOne(): Promise<ClaimedJob> {
  const [job] = await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds: 60 })
  assert.ok(job)
  return job
}
async function beginStream(): Promise<{ account: TestAccount; job: ClaimedJob }> {
  const account = await makeAccount(db, CREDITS)
  await submitJob(db, makeQueuedJob(account, { stream: true, holdMicro: 5000 }))
  return { account, job: await claimOne() }
}
const part = (
  { id, leaseToken }: ClaimedJob,
  place: { index: number; part: number; isLast?: boolean },
  more: Partial<DonePart> = {},
): PartCommit => ({
  id,
  leaseToken,
  isLast: false,
  blobKey: `pieces/${newId()}`,
  samples: place.isLast ? 0 : 2400,
  sampleRate: 24_000,
  guards: [],
  engineSeconds: 0.5,
  chargeMicro: place.part === 0 ? 2000 : 0,
  leaseSeconds: 60,
  ...place,
  ...more,
})
const places = (parts: readonly DonePart[]) => parts.map(({ index, part: number }) => [index, number])

test('the price of a piece is taken with its first part; it is a piece when its last part is there', async () => {
  const { account, job } = await beginStream()
  const money = () => findBalance(db, account.accountId)
  const first = part(job, { index: 0, part: 0 }, { guards: ['words-left-out'] })
  for (const answer of ['its own', 'lost']) assert.equal(await commitPart(db, first), 'committed', answer)
  assert.deepEqual(await money(), { balanceMicro: 8000, heldMicro: 3000 })
  const second = part(job, { index: 0, part: 1 }, { guards: ['token-cap'] })
  const ways = await Promise.all([commitPart(db, second), commitPart(db, second)])
  assert.deepEqual(ways, ['committed', 'committed'])
  assert.deepEqual(await findPieces(db, job.id, 0), [], 'nobody else has half a piece')
  assert.deepEqual(places(await findParts(db, job.id, { index: 0, part: 1 })), [[0, 1]])
  const last = part(job, { index: 0, part: 2, isLast: true })
  await commitPart(db, last)
  await commitPart(db, part(job, { index: 1, part: 0, isLast: true }, { samples: 4800, chargeMicro: 3000 }))
  assert.deepEqual(await money(), { balanceMicro: 5000, heldMicro: 0 })
  assert.deepEqual(await findPieces(db, job.id, 0), [
    {
      index: 0,
      blobKeys: [first.blobKey, second.blobKey, last.blobKey],
      samples: 4800,
      sampleRate: 24_000,
      guards: ['words-left-out', 'token-cap'],
      engineSeconds: 1.5,
      chargeMicro: 2000,
    },
    ...(await findPieces(db, job.id, 1)),
  ])
  const all = await findParts(db, job.id, { index: 0, part: 0 })
  assert.deepEqual(all.map(placeAfter), [
    ...all.slice(1).map(({ index, part: number }) => ({ index, part: number })),
    { index: 2, part: 0 },
  ])
  const output = makeOutput(job.id)
  await blobs.put(output.blobKey, Buffer.from('audio'))
  await completeJob(db, { ...job, chargeMicro: 0, output, result: {} })
  assert.deepEqual(await auditMoney(db, blobs), [])
})

test('a later part costs nothing, and whoever has lost the lease commits none', async () => {
  const { account, job } = await beginStream()
  await commitPart(db, part(job, { index: 0, part: 0 }))
  await assert.rejects(commitPart(db, part(job, { index: 0, part: 1 }, { chargeMicro: 1 })), /paid with its first part/)
  await releaseJob(db, { ...job, delaySeconds: 0, countAttempt: true })
  const next = await claimOne()
  assert.deepEqual(places(next.parts), [[0, 0]])
  assert.equal(next.parts[0]?.isLast, false)
  assert.equal(await commitPart(db, part(job, { index: 0, part: 1 })), 'lost')
  assert.equal(await commitPart(db, part(next, { index: 0, part: 1 })), 'committed')
  await assert.rejects(commitPart(db, part(next, { index: 0, part: 1 })), /Part 1 of piece 0 .* committed twice/)
  await cancelJob(db, account.accountId, job.id)
  assert.equal(await commitPart(db, part(next, { index: 0, part: 2, isLast: true })), 'cancel')
  await releaseJob(db, { ...next, delaySeconds: 0, countAttempt: false })
  assert.deepEqual(await findBalance(db, account.accountId), { balanceMicro: 8000, heldMicro: 0 })
  // What was heard of it counts as heard, the parts after the first as well.
  const { rows } = await sql<{ seconds: number }>`
    select audio_seconds::float8 as seconds from usage_days where account_id = ${account.accountId}
  `.execute(db)
  assert.deepEqual(rows, [{ seconds: 0.2 }])
  assert.deepEqual(await auditMoney(db, blobs), [])
})

test('the audit notices parts that are missing, or that go on behind the end', async () => {
  const rule = /the parts of a piece have no gap/
  const { job } = await beginStream()
  await commitPart(db, part(job, { index: 0, part: 0 }))
  await commitPart(db, part(job, { index: 0, part: 2 }))
  assert.match((await auditMoney(db, blobs)).join(), rule)
  await sql`update job_pieces set part = 1 where job_id = ${job.id} and part = 2`.execute(db)
  assert.deepEqual(await auditMoney(db, blobs), [])
  await sql`update job_pieces set is_last = true where job_id = ${job.id} and part = 0`.execute(db)
  assert.match((await auditMoney(db, blobs)).join(), rule)
})
