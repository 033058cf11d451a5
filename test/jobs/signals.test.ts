// Being told, and noticing that one is not told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { notifyChanged, notifyQueued } from '../../src/jobs/notify.ts'
import { type JobSignals, openJobSignals } from '../../src/jobs/signals.ts'
import { newId } from '../../src/storage/ids.ts'
import { openTestDatabase, quietLog } from '../harness/database.ts'

const { db, connection } = await openTestDatabase()
const never = new AbortController().signal
// Longer than any test may take: a wait that ends was woken.
const LONG_MS = 600_000

async function listening(): Promise<JobSignals> {
  const signals = openJobSignals({ db, connection, log: quietLog })
  await until(() => signals.isListening)
  return signals
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; !isTrue(); tries++) {
    assert.ok(tries < 1000, 'it never happened')
    await sleep(20)
  }
}

test('a change wakes those who wait for this job, and nobody else', async () => {
  await using signals = await listening()
  const [one, other] = [newId(), newId()]
  const leave = new AbortController()
  const woken = Promise.all([signals.waitForChange(one, never, LONG_MS), signals.waitForChange(one, never, LONG_MS)])
  let others = 0
  const waits = [signals.waitForChange(other, leave.signal, LONG_MS), signals.waitForQueued(leave.signal, LONG_MS)]
  for (const wait of waits) wait.then(() => others++)
  notifyChanged(db, one)
  await woken
  assert.equal(others, 0)
  leave.abort()
  await Promise.all(waits)
})

test('a queued job wakes workers', async () => {
  await using signals = await listening()
  const woken = signals.waitForQueued(never, LONG_MS)
  notifyQueued(db, 'async')
  await woken
})

test('a wait ends when its time is over, and when it is not wanted any more', async () => {
  await using signals = await listening()
  await signals.waitForQueued(never, 10)
  await signals.waitForQueued(AbortSignal.abort(), LONG_MS)
})

test('when its session is lost everybody looks, waits are short, and it listens again by itself', async () => {
  await using signals = await listening()
  const woken = signals.waitForQueued(never, LONG_MS)
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like 'listen %' and pid <> pg_backend_pid()
  `.execute(db)
  await woken
  await until(() => signals.isListening)
  const again = signals.waitForQueued(never, LONG_MS)
  notifyQueued(db, 'sync')
  await again
})

test('without a connection to listen on every wait is a short one', async () => {
  await using signals = openJobSignals({ db, connection: undefined, log: quietLog })
  await signals.waitForQueued(never, LONG_MS)
  await signals.waitForChange(newId(), never, LONG_MS)
})

test('a database that is out of reach keeps nobody waiting, and does not keep the process', async () => {
  const nowhere = { socketFolder: '/nonexistent', user: 'nobody', database: 'none' }
  await using signals = openJobSignals({ db, connection: nowhere, log: quietLog })
  await signals.waitForQueued(never, LONG_MS)
  assert.equal(signals.isListening, false)
})
