// Sweeping: what is over goes, what is not stays.
import assert from 'node:assert/strict'
import { rm, utimes } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { completeJob } from '../../src/jobs/finish.ts'
import { findJob } from '../../src/jobs/job.ts'
import { removeExpired, removeInputs, removeOrphanBlobs, requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { startSweeper } from '../../src/jobs/sweeper.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { createUpload, findUpload } from '../../src/storage/uploads.ts'
import { addDeadJob, makeAccount, makeJob, makeOutput, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'
import { startJob } from '../harness/running-job.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)
const HOUR_MS = 3_600_000

async function makeCompleted(account: TestAccount): Promise<{ id: string; blobKey: string }> {
  const job = makeJob(account)
  const started = await startJob(db, job)
  assert.ok(started.kind === 'started')
  const output = makeOutput(job.id)
  await blobs.put(output.blobKey, Buffer.from('audio'))
  await completeJob(db, { id: job.id, leaseToken: started.leaseToken, chargeMicro: 100, output, result: {} })
  return { id: job.id, blobKey: output.blobKey }
}

const expire = (id: string) => sql`update jobs set expires_at = now() where id = ${id}`.execute(db)

test('an expired job goes with its output; its charge stays, and so do younger jobs', async () => {
  const account = await makeAccount(db, 1000_000)
  const [old, young] = [await makeCompleted(account), await makeCompleted(account)]
  await expire(old.id)
  assert.equal(await removeExpired(db, blobs), 1)
  const { rows } = await sql<{ id: string }>`select id from jobs where id in (${old.id}, ${young.id})`.execute(db)
  assert.deepEqual(rows, [{ id: young.id }])
  assert.equal(await blobs.read(old.blobKey), undefined)
  assert.ok(await blobs.read(young.blobKey))
  assert.equal((await findBalance(db, account.accountId))?.balanceMicro, 1000_000 - 200)
})

test('the recording of a dead job goes with it, and not before', async () => {
  const id = await addDeadJob(db, await makeAccount(db))
  await blobs.put('inputs/00/dead', Buffer.from('recording'))
  await sql`update jobs set input_blob_key = 'inputs/00/dead' where id = ${id}`.execute(db)
  await removeInputs(db, blobs)
  await removeExpired(db, blobs)
  assert.ok(await blobs.read('inputs/00/dead'))
  await expire(id)
  assert.equal(await removeExpired(db, blobs), 1)
  assert.equal(await blobs.read('inputs/00/dead'), undefined)
})

test('a running job stays, however old it is', async () => {
  const account = await makeAccount(db)
  const job = makeJob(account)
  await startJob(db, job)
  await expire(job.id)
  assert.equal(await removeExpired(db, blobs), 0)
  assert.equal((await findBalance(db, account.accountId))?.heldMicro, 6400)
})

test('an expired upload goes with its file, another stays', async () => {
  const { accountId } = await makeAccount(db)
  const upload = { accountId, mediaType: 'audio/wav', bytes: Buffer.from('x') }
  const young = await createUpload(db, blobs, { ...upload, expiresAt: new Date(Date.now() + HOUR_MS) })
  const old = await createUpload(db, blobs, { ...upload, expiresAt: new Date(0) })
  assert.equal(await removeExpired(db, blobs), 1)
  const left = await findUpload(db, young.token)
  assert.ok(await blobs.read(left?.blobKey ?? ''))
  assert.equal(await blobs.read(`uploads/${old.token.slice(0, 2)}/${old.token}`), undefined)
})

test('a file that no row names goes when it is old, and only where blobs are named by rows', async () => {
  const { blobKey } = await makeCompleted(await makeAccount(db))
  const orphans = ['outputs/00/orphan', 'uploads/00/orphan', 'stored-voices/00/orphan', 'outputs/00/half.00112233.tmp']
  const others = ['outputs/00/just-written', 'voices/00/orphan']
  for (const key of [...orphans, ...others]) await blobs.put(key, Buffer.from(key))
  const longAgo = new Date(Date.now() - 2 * HOUR_MS)
  for (const key of [...orphans, 'voices/00/orphan', blobKey]) await utimes(path.join(folder, key), longAgo, longAgo)
  assert.equal(await removeOrphanBlobs(db, blobs), orphans.length)
  for (const key of orphans) assert.equal(await blobs.read(key), undefined)
  for (const key of [...others, blobKey]) assert.ok(await blobs.read(key))
})

test('servers that sweep at the same time fail each abandoned job once', async () => {
  const accounts = await Promise.all(Array.from({ length: 5 }, () => makeAccount(db)))
  for (const account of accounts) {
    for (let i = 0; i < 10; i++) await startJob(db, makeJob(account, { leaseSeconds: 0 }))
  }
  const failed = await Promise.all(Array.from({ length: 8 }, () => requeueAbandonedJobs(db)))
  assert.equal(
    failed.reduce((sum, jobs) => sum + jobs.length, (await requeueAbandonedJobs(db)).length),
    50,
  )
  for (const { accountId } of accounts) assert.equal((await findBalance(db, accountId))?.heldMicro, 0)
})

test('the sweeper sweeps by itself and stops when told to', async () => {
  const account = await makeAccount(db)
  const job = makeJob(account, { leaseSeconds: 0 })
  await startJob(db, job)
  const sweeper = startSweeper(db, blobs, quietLog)
  while ((await findJob(db, account.accountId, job.id))?.state === 'running') await new Promise(setImmediate)
  await sweeper[Symbol.asyncDispose]()
  assert.equal((await findJob(db, account.accountId, job.id))?.state, 'failed')
})
