// Changes by whoever runs the server: each with its entry in the audit log, in one transaction or not at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { changeAccount, changeCredits, createAccount } from '../../src/admin/accounts.ts'
import { changeApiKeyLimits, createApiKey, revokeApiKey } from '../../src/admin/api-keys.ts'
import { type AuditEntry, change, listAudit, type Operator } from '../../src/admin/audit-log.ts'
import { cancelJob, requeueJob } from '../../src/admin/jobs.ts'
import { authenticate } from '../../src/billing/api-keys.ts'
import { AppError, type ErrorCode } from '../../src/errors.ts'
import { claimJobs } from '../../src/jobs/claim.ts'
import { releaseJob } from '../../src/jobs/lease.ts'
import { submitJob } from '../../src/jobs/submit.ts'
import { newId } from '../../src/storage/ids.ts'
import { openSession } from '../../src/storage/postgres.ts'
import { makeAccount, makeQueuedJob, type TestAccount } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'

const { db, connection } = await openTestDatabase()
const operator: Operator = { db, actor: 'cli:test@here' }
const hasCode = (code: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === code
const entriesOf = async (targetId: string): Promise<readonly AuditEntry[]> =>
  (await listAudit(db, { targetId }, { limit: 100 })).entries
const actionsOf = async (targetId: string) => (await entriesOf(targetId)).map(({ action }) => action)

/** Claimed and crashed until its attempts are used up. */
async function makeDeadJob(account: TestAccount, job: Parameters<typeof makeQueuedJob>[1] = {}): Promise<string> {
  const { id } = makeQueuedJob(account)
  await submitJob(db, makeQueuedJob(account, { id, mode: 'async', maxAttempts: 1, ...job }))
  const [claimed] = await claimJobs(db, { workerId: newId(), slots: 1, asyncSlots: 1, leaseSeconds: 60 })
  assert.equal(claimed?.id, id)
  const released = await releaseJob(db, { id, leaseToken: claimed.leaseToken, delaySeconds: 0, countAttempt: true })
  assert.equal(released, 'failed')
  return id
}

test('an account is made with its settings and credits, and who made it is known', async () => {
  const name = `acme ${newId()}`
  const made = await createAccount(operator, { name, creditsMicro: 5_000_000, retention: 'none', resultTtlHours: 24 })
  assert.deepEqual([made.name, made.balanceMicro, made.retention, made.resultTtlHours], [name, 5_000_000, 'none', 24])
  const [entry] = await entriesOf(made.id)
  assert.deepEqual(
    [entry?.actor, entry?.action, entry?.accountId, entry?.before],
    ['cli:test@here', 'account.create', made.id, null],
  )
  assert.deepEqual(entry?.after, {
    name,
    retention: 'none',
    suspended_at: null,
    balance_micro: 5_000_000,
    result_ttl_hours: 24,
  })
  await assert.rejects(createAccount(operator, { name, creditsMicro: 0 }), hasCode('invalid_parameter'))
})

test('a suspended account is refused until it is resumed; doing either twice is done once', async () => {
  const { accountId, key } = await makeAccount(db)
  const first = await changeAccount(operator, accountId, { suspended: true })
  const second = await changeAccount(operator, accountId, { suspended: true })
  assert.deepEqual(second.suspendedAt, first.suspendedAt)
  await assert.rejects(authenticate(db, key), hasCode('forbidden'))
  await changeAccount(operator, accountId, { suspended: false })
  assert.equal((await authenticate(db, key))?.accountId, accountId)
  await changeAccount(operator, accountId, { suspended: false })
  assert.deepEqual(await actionsOf(accountId), ['account.resume', 'account.suspend'])
})

test('an entry says what was and what is', async () => {
  const { accountId } = await makeAccount(db)
  await changeAccount(operator, accountId, { retention: 'none', resultTtlHours: 2 })
  const [entry] = await entriesOf(accountId)
  const [before, after] = [entry?.before, entry?.after] as Record<string, unknown>[]
  assert.deepEqual([before?.retention, before?.result_ttl_hours], ['normal', null])
  assert.deepEqual([after?.retention, after?.result_ttl_hours], ['none', 2])
  assert.equal(entry?.action, 'account.update')
})

test('credits are given and taken with a note, never more than there are', async () => {
  const { accountId } = await makeAccount(db, 1_000_000)
  assert.equal((await changeCredits(operator, accountId, 2_000_000, 'invoice 1')).balanceMicro, 3_000_000)
  assert.equal((await changeCredits(operator, accountId, -500_000, 'a mistake')).balanceMicro, 2_500_000)
  await assert.rejects(changeCredits(operator, accountId, -9_000_000, 'too much'), hasCode('insufficient_credits'))
  await assert.rejects(changeCredits(operator, newId(), 1, 'nobody'), hasCode('not_found'))
  const entries = await entriesOf(accountId)
  assert.deepEqual(
    entries.map(({ note, before, after }) => [note, before, after]),
    [
      ['a mistake', { balance_micro: 3_000_000 }, { balance_micro: 2_500_000 }],
      ['invoice 1', { balance_micro: 1_000_000 }, { balance_micro: 3_000_000 }],
    ],
  )
})

test('grants at the same time all count, and each entry begins where another ended', async () => {
  const { accountId } = await makeAccount(db, 0)
  await Promise.all(Array.from({ length: 8 }, (_, i) => changeCredits(operator, accountId, 1000, `grant ${i}`)))
  const entries = (await entriesOf(accountId)) as readonly { before: { balance_micro: number } | null }[]
  assert.deepEqual(
    entries.map(({ before }) => before?.balance_micro).sort((a = 0, b = 0) => a - b),
    [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000],
  )
})

test('keys are made, limited and revoked', async () => {
  const { accountId } = await makeAccount(db)
  const { apiKey, key } = await createApiKey(operator, { accountId, name: 'app', rateLimitRpm: 5 })
  assert.equal((await authenticate(db, key))?.rateLimitRpm, 5)
  const limited = await changeApiKeyLimits(operator, apiKey.id, { rateLimitRpm: null, maxConcurrent: 3 })
  assert.deepEqual([limited.rateLimitRpm, limited.maxConcurrent], [null, 3])
  await changeApiKeyLimits(operator, apiKey.id, { maxConcurrent: 3 })
  assert.ok((await revokeApiKey(operator, apiKey.id)).revokedAt)
  await revokeApiKey(operator, apiKey.id)
  assert.equal(await authenticate(db, key), undefined)
  assert.deepEqual(await actionsOf(apiKey.id), ['key.revoke', 'key.limit', 'key.create'])
  assert.ok(!JSON.stringify(await entriesOf(apiKey.id)).includes(key), 'the key is in no entry')
  await assert.rejects(createApiKey(operator, { accountId: newId(), name: 'x' }), hasCode('not_found'))
  for (const id of [newId(), 'x', "' or true --"]) {
    await assert.rejects(revokeApiKey(operator, id), hasCode('not_found'))
    await assert.rejects(changeApiKeyLimits(operator, id, { maxConcurrent: 1 }), hasCode('not_found'))
  }
})

test('a waiting job is cancelled and its hold released; one that has ended stays, without an entry', async () => {
  const account = await makeAccount(db, 10_000)
  const job = makeQueuedJob(account)
  await submitJob(db, job)
  assert.equal((await cancelJob(operator, job.id)).state, 'cancelled')
  assert.equal((await cancelJob(operator, job.id)).state, 'cancelled')
  assert.deepEqual(await actionsOf(job.id), ['job.cancel'])
  const { rows } = await sql<{ held: number }>`
    select held_micro as held from accounts where id = ${account.accountId}`.execute(db)
  assert.deepEqual(rows, [{ held: 0 }])
  await assert.rejects(cancelJob(operator, newId()), hasCode('request_not_found'))
})

test('a dead job is tried again under a new hold, and leaves an entry', async () => {
  const account = await makeAccount(db, 10_000)
  const id = await makeDeadJob(account)
  const requeued = await requeueJob(operator, id)
  assert.deepEqual([requeued.state, requeued.attempts, requeued.errorCode, requeued.isDead], ['queued', 0, null, false])
  await assert.rejects(requeueJob(operator, id), hasCode('invalid_parameter'))
  const [entry] = await entriesOf(id)
  assert.deepEqual([entry?.action, entry?.accountId], ['job.requeue', account.accountId])
  await cancelJob(operator, id)
})

test('a change that cannot be recorded does not happen', async () => {
  const { accountId } = await makeAccount(db, 1000)
  const nobody = { db, actor: null as unknown as string }
  await assert.rejects(changeCredits(nobody, accountId, 5000, 'unrecorded'))
  const { rows } = await sql<{ balance: number; entries: number }>`
    select balance_micro as balance, (select count(*)::int from ledger where account_id = ${accountId}) as entries
    from accounts where id = ${accountId}`.execute(db)
  assert.deepEqual(rows, [{ balance: 1000, entries: 1 }])
})

test('a record whose change fails is not kept', async () => {
  const { accountId } = await makeAccount(db)
  const after = { made: 'up' }
  await assert.rejects(
    change(operator, async (transaction) => {
      await sql`select 1 / 0`.execute(transaction)
      return {
        result: undefined,
        entry: { action: 'account.update', targetKind: 'account', targetId: accountId, accountId, after },
      }
    }),
  )
  assert.deepEqual(await entriesOf(accountId), [])
})

test('the audit log only grows', async () => {
  for (const statement of [
    sql`update audit_log set actor = 'somebody else'`,
    sql`delete from audit_log`,
    sql`truncate audit_log`,
  ]) {
    await assert.rejects(statement.execute(db), /append-only/)
  }
})

test('a connection that is lost half-way is told as such, and nothing has happened', async () => {
  const { accountId } = await makeAccount(db, 1000)
  const killer = await openSession(connection)
  const lost = change(operator, async (transaction) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction)
    await sql`update accounts set name = 'lost' where id = ${accountId}`.execute(transaction)
    await killer.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    await sql`select 1`.execute(transaction)
    return { result: undefined, entry: undefined }
  })
  await assert.rejects(lost, hasCode('unavailable'))
  await killer.close()
  const { rows } = await sql<{ name: string }>`select name from accounts where id = ${accountId}`.execute(db)
  assert.notEqual(rows[0]?.name, 'lost')
})

test('pages of the audit log join without a gap', async () => {
  const { accountId } = await makeAccount(db)
  for (let i = 0; i < 7; i++) await changeCredits(operator, accountId, 1, `note ${i}`)
  const notes: (string | null)[] = []
  for (let olderThan: number | undefined, isFirst = true; isFirst || olderThan !== undefined; isFirst = false) {
    const page = await listAudit(db, { accountId }, { limit: 3, olderThan })
    notes.push(...page.entries.map(({ note }) => note))
    olderThan = page.next
  }
  assert.deepEqual(
    notes,
    [6, 5, 4, 3, 2, 1, 0].map((i) => `note ${i}`),
  )
})
