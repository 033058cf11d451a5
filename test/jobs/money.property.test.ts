// Whatever happens in whatever order, several things at a time: the money adds up.
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { findBalance } from '../../src/billing/accounts.ts'
import { grantCredits } from '../../src/billing/ledger.ts'
import { AppError } from '../../src/errors.ts'
import { completeJob, failJob } from '../../src/jobs/finish.ts'
import { removeExpired, requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { retryTransient } from '../../src/storage/transient.ts'
import { makeAccount, makeJob, makeOutput, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { auditMoney } from '../harness/money-audit.ts'
import { type NewRunningJob, startJob } from '../harness/running-job.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const { db } = await openTestDatabase()
const folder = await makeTemporaryFolder()
after(() => rm(folder, { recursive: true }))
const blobs = createFileBlobs(folder)

const ACCOUNTS = 3
const FIRST_CREDITS = 30

// `job` picks one of the jobs that have started, so that most steps hit something; the amounts are small, so that many are refused.
const account = fc.nat(ACCOUNTS - 1)
const job = fc.nat(1000)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('submit'), account, hold: fc.nat(20), key: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('complete'), job, share: fc.constantFrom(0, 0.5, 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fail'), job }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose lease'), job }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire'), job }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('grant'), account, amount: fc.integer({ min: -15, max: 15 }) }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
/** The steps of a round are taken at the same time. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 })

interface Started {
  readonly newJob: NewRunningJob
  readonly leaseToken: string
}

/** What the answers say that must have happened. */
interface Expected {
  readonly accounts: readonly TestAccount[]
  readonly started: Started[]
  readonly balances: number[]
  readonly charges: Map<string, number>
  readonly releases: Set<string>
}

async function take(step: Step, expected: Expected): Promise<void> {
  const started = 'job' in step ? expected.started[step.job % Math.max(1, expected.started.length)] : undefined
  switch (step.kind) {
    case 'submit':
      return submit(step, expected)
    case 'complete':
      return started && complete(started, step.share, expected)
    case 'fail':
      return started && fail(started, expected)
    case 'lose lease':
      await sql`update jobs set lease_until = now() - interval '1 second' where id = ${started?.newJob.id ?? ''}`.execute(
        db,
      )
      return
    case 'expire':
      await sql`update jobs set expires_at = now() where id = ${started?.newJob.id ?? ''}`.execute(db)
      return
    case 'sweep':
      await retryTransient(() => requeueAbandonedJobs(db))
      await removeExpired(db, blobs)
      return
    case 'grant':
      return grant(step, expected)
  }
}

const refusedForLack = (error: unknown): boolean => error instanceof AppError && error.code === 'insufficient_credits'

async function submit(step: { account: number; hold: number; key: number }, expected: Expected): Promise<void> {
  const owner = expected.accounts[step.account] as TestAccount
  // Key 0 is none: such a request always starts a job of its own.
  const idempotency = step.key === 0 ? undefined : { key: `key ${step.key}`, requestHash: '' }
  const newJob = makeJob(owner, { holdMicro: step.hold, idempotency })
  try {
    const submitted = await startJob(db, newJob)
    if (submitted.kind === 'started') expected.started.push({ newJob, leaseToken: submitted.leaseToken })
  } catch (error) {
    if (!refusedForLack(error)) throw error
  }
}

async function complete({ newJob, leaseToken }: Started, share: number, expected: Expected): Promise<void> {
  const chargeMicro = Math.floor(newJob.holdMicro * share)
  const bytes = Buffer.from(newJob.id)
  const output = makeOutput(newJob.id, bytes)
  await blobs.put(output.blobKey, bytes)
  const completed = await completeJob(db, { id: newJob.id, leaseToken, chargeMicro, output, result: {} })
  if (!completed) return blobs.delete(output.blobKey)
  assert.ok(!expected.charges.has(newJob.id), 'completed twice')
  expected.charges.set(newJob.id, chargeMicro)
  const index = expected.accounts.findIndex(({ accountId }) => accountId === newJob.accountId)
  expected.balances[index] = (expected.balances[index] ?? 0) - chargeMicro
}

async function fail({ newJob, leaseToken }: Started, expected: Expected): Promise<void> {
  const failed = await failJob(db, { id: newJob.id, leaseToken, code: 'internal', message: 'No luck.' })
  if (failed) expected.releases.add(newJob.id)
}

async function grant({ account, amount }: { account: number; amount: number }, expected: Expected): Promise<void> {
  if (amount === 0) return
  try {
    await grantCredits(db, expected.accounts[account]?.accountId ?? '', amount, 'property')
    expected.balances[account] = (expected.balances[account] ?? 0) + amount
  } catch (error) {
    if (!refusedForLack(error)) throw error
  }
}

async function check(expected: Expected): Promise<void> {
  assert.deepEqual(await auditMoney(db, blobs), [])
  for (const [index, { accountId }] of expected.accounts.entries()) {
    assert.equal((await findBalance(db, accountId))?.balanceMicro, expected.balances[index])
  }
  for (const id of expected.charges.keys()) assert.ok(!expected.releases.has(id), 'charged and released')
}

test('in any order of submits, completions, failures, lost leases, sweeps, expiry and grants the money adds up', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, async (rounds) => {
      const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => makeAccount(db, FIRST_CREDITS)))
      const balances = accounts.map(() => FIRST_CREDITS)
      const expected: Expected = { accounts, started: [], balances, charges: new Map(), releases: new Set() }
      for (const steps of rounds) {
        await Promise.all(steps.map((step) => take(step, expected)))
        await check(expected)
      }
      // In the end every job that is still open is given up, and nothing is held any more.
      await sql`update jobs set lease_until = now() - interval '1 second' where state = 'running'`.execute(db)
      await retryTransient(() => requeueAbandonedJobs(db))
      await check(expected)
      for (const { accountId } of accounts) assert.equal((await findBalance(db, accountId))?.heldMicro, 0)
    }),
    // A smaller example would be found by trying again, but what happens at the same time does not happen twice.
    { numRuns: 25, endOnFailure: true },
  )
})
