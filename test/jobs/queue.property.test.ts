// Whatever several clients and workers do to the queue, in whatever order and at the same time: the money adds up after every round.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { grantCredits } from '../../src/billing/ledger.ts'
import { AppError } from '../../src/errors.ts'
import { cancelJob } from '../../src/jobs/cancel.ts'
import { type ClaimedJob, claimJobs } from '../../src/jobs/claim.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import type { JobMode } from '../../src/jobs/job.ts'
import { releaseJob, renewLease } from '../../src/jobs/lease.ts'
import { commitPart } from '../../src/jobs/pieces.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { removeExpired, requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { retryTransient } from '../../src/storage/transient.ts'
import { makeAccount, makeOutput, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)

const ACCOUNTS = 3
const FIRST_CREDITS = 60

// `job` picks one of those that were ever submitted or claimed, so that most steps hit something, many of them a job that has moved on.
const account = fc.nat(ACCOUNTS - 1)
const job = fc.nat(1000)
const kind = <K extends string>(name: K) => fc.constant(name)
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind('submit'),
      account,
      hold: fc.nat(20),
      key: fc.nat(4),
      mode: fc.constantFrom<JobMode>('sync', 'async'),
      stream: fc.boolean(),
      retention: fc.constantFrom('normal' as const, 'none' as const),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: kind('claim'), slots: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('piece'), job, index: fc.nat(3), charge: fc.nat(8) }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('complete'), job, share: fc.constantFrom(0, 0.5, 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('fail'), job }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('release'), job, countAttempt: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('cancel'), job }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('renew'), job }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('lose lease'), job }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('sweep') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('expire'), job }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('grant'), account, amount: fc.integer({ min: -15, max: 15 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
/** The steps of a round are taken at the same time. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 })

interface Known {
  readonly accounts: readonly TestAccount[]
  readonly submitted: string[]
  readonly claimed: ClaimedJob[]
}

const pick = <T>(from: readonly T[], index: number): T | undefined => from[index % Math.max(1, from.length)]

/** A refusal is an answer like any other; what is not one of these is a bug. */
async function orRefused(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const isRefusal = error instanceof AppError && ['insufficient_credits', 'overloaded'].includes(error.code)
    // A piece that is charged to a file, is dearer than the hold, or is made twice in one attempt: bugs of the worker that the queue refuses.
    const isRefusedPiece =
      error instanceof Error && /not paid by the piece|check constraint|committed twice/.test(error.message)
    if (!isRefusal && !isRefusedPiece) throw error
  }
}

async function take(step: Step, { accounts, submitted, claimed }: Known): Promise<void> {
  switch (step.kind) {
    case 'submit': {
      const { key, hold, mode, stream, retention } = step
      const idempotency = key === 0 ? undefined : { key: `key ${key}`, requestHash: '' }
      const terms = { holdMicro: hold, idempotency, mode, stream, retention, maxAttempts: 2, maxOpenOfKey: 6 }
      const newJob = makeQueuedJob(accounts[step.account] as TestAccount, terms)
      submitted.push(newJob.id)
      return orRefused(() => submitJob(db, newJob))
    }
    case 'claim': {
      const { slots } = step
      claimed.push(...(await claimJobs(db, { workerId: newId(), slots, asyncSlots: slots, leaseSeconds: 60 })))
      return
    }
    case 'sweep':
      await retryTransient(() => requeueAbandonedJobs(db))
      await sql`update jobs set run_at = now() where run_at > now()`.execute(db)
      await removeExpired(db, blobs)
      return
    case 'grant':
      if (step.amount === 0) return
      return orRefused(() => grantCredits(db, accounts[step.account]?.accountId ?? '', step.amount, 'property'))
    case 'cancel': {
      const id = pick(submitted, step.job)
      if (id) await cancelJob(db, undefined, id)
      return
    }
    case 'expire':
      await sql`update jobs set expires_at = now() where id = ${pick(submitted, step.job) ?? ''}`.execute(db)
      return
  }
  const known = pick(claimed, step.job)
  if (!known) return
  const { id, leaseToken } = known
  switch (step.kind) {
    case 'piece': {
      const { index, charge: chargeMicro } = step
      const whole = { index, part: 0, isLast: true, samples: 1, sampleRate: 24_000 }
      const made = { ...whole, blobKey: `pieces/${newId()}`, guards: [], engineSeconds: 0 }
      return orRefused(() => commitPart(db, { id, leaseToken, ...made, chargeMicro, leaseSeconds: 60 }))
    }
    case 'complete': {
      const bytes = Buffer.from(id)
      const output = makeOutput(id, bytes)
      await blobs.put(output.blobKey, bytes)
      const chargeMicro = Math.floor(known.holdMicro * step.share)
      const completed = await completeJob(db, { id, leaseToken, chargeMicro, output, result: {} })
      if (!completed) await blobs.delete(output.blobKey)
      return
    }
    case 'fail':
      await failJob(db, { id, leaseToken, code: 'internal', message: 'No luck.' })
      return
    case 'release':
      await releaseJob(db, { id, leaseToken, delaySeconds: 0, countAttempt: step.countAttempt })
      return
    case 'renew':
      await renewLease(db, { id, leaseToken, leaseSeconds: 60 })
      return
    case 'lose lease':
      await sql`update jobs set lease_until = now() - interval '1 second' where id = ${id} and state = 'running'`.execute(
        db,
      )
      return
  }
}

test('in any order of what clients, workers and sweepers do, the money, the events and the usage add up', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, async (rounds) => {
      const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => makeAccount(db, FIRST_CREDITS)))
      const known: Known = { accounts, submitted: [], claimed: [] }
      for (const steps of rounds) {
        await Promise.all(steps.map((step) => take(step, known)))
        assert.deepEqual(await auditMoney(db, blobs), [])
      }
      // In the end everything is cancelled, and nothing is held any more.
      for (const id of known.submitted) await cancelJob(db, undefined, id)
      await sql`update jobs set lease_until = now() - interval '1 second' where state = 'running'`.execute(db)
      await retryTransient(() => requeueAbandonedJobs(db))
      assert.deepEqual(await auditMoney(db, blobs), [])
      for (const { accountId } of accounts) assert.equal((await findBalance(db, accountId))?.heldMicro, 0)
    }),
    // A smaller example would be found by trying again, but what happens at the same time does not happen twice.
    { numRuns: 25, endOnFailure: true },
  )
})
