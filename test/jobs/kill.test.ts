// Kill -9, again and again, of the database and of the processes that serve requests: nothing is lost, nothing is charged twice, nothing is
// charged without output. `node build/test/jobs/kill.test.js 500` kills 500 times.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBalance } from '../../src/billing/accounts.ts'
import { requeueAbandonedJobs } from '../../src/jobs/sweep.ts'
import { startEmbeddedPostgres } from '../../src/storage/embedded-postgres.ts'
import { createFileBlobs } from '../../src/storage/file-blobs.ts'
import { newId } from '../../src/storage/ids.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { type Database, openDatabase } from '../../src/storage/postgres.ts'
import { retryTransient } from '../../src/storage/transient.ts'
import { makeAccount } from '../harness/accounts.ts'
import { killDatabase } from '../harness/kill-database.ts'
import { auditMoney, type Delivery } from '../harness/money-audit.ts'
import type { MoneyAnswer, MoneyClientOptions, MoneyRequest } from '../harness/money-client.ts'
import { quietLog } from '../harness/quiet-log.ts'
import { makeTemporaryFolder } from '../harness/temporary-folder.ts'

const KILLS = Number(process.argv[2] ?? 40)
const CREDITS_MICRO = 1_000_000_000
const CLIENTS = 3
const USERS = 6
// A try meets a living process that has lost its lease, or none; it waits for a database that restarts. The bad example loses outputs for
// good, and its users have to give up.
const MAX_TRIES = 300

test(`after ${KILLS} kills every request has one charge and its output`, async (t) => {
  const { violations, deliveries, unserved, spentMicro } = await runAndKill(t, KILLS, 'with the output')
  assert.deepEqual(violations, [])
  assert.deepEqual(unserved, [])
  assert.equal(spentMicro, new Set(deliveries.map(({ jobId }) => jobId)).size * 6000)
})

test('charging in a second statement does not survive the same kills', async (t) => {
  // Each kill of a client has about an even chance to hit the gap.
  const { violations } = await runAndKill(t, 20, 'split')
  assert.match(violations.join('\n'), /a completed job has one charge/)
})

async function runAndKill(t: TestContext, kills: number, charge: MoneyClientOptions['charge']) {
  const folder = await makeTemporaryFolder()
  const dataDir = path.join(folder, 'data')
  const postgres = await startEmbeddedPostgres(dataDir, quietLog)
  const db = openDatabase(postgres.connection, { poolSize: 4 })
  try {
    await migrate(db)
    const account = await makeAccount(db, CREDITS_MICRO)
    const blobFolder = path.join(folder, 'blobs')
    const clients = startClients({ connection: postgres.connection, blobFolder, account, charge })
    const users = startUsers(clients)
    const killed = { database: 0, client: 0 }
    for (let kill = 0; kill < kills; kill++) {
      await users.serve(3) // so that every kill meets processes at work
      await sleep(Math.random() * 100)
      // Of the database, now all processes, now the one that the others notice the absence of.
      if (Math.random() < 0.35 && killDatabase(dataDir, { serverOnly: Math.random() < 0.3 })) killed.database++
      else killed.client += clients.killOne() ? 1 : 0
    }
    const { deliveries, unserved } = await users.finish()
    await clients.stop()
    await settle(db)
    const violations = await auditMoney(db, createFileBlobs(blobFolder), deliveries)
    const balance = await findBalance(db, account.accountId)
    t.diagnostic(`${JSON.stringify(killed)} killed, ${deliveries.length} requests served`)
    return { violations, deliveries, unserved, spentMicro: CREDITS_MICRO - (balance?.balanceMicro ?? 0) }
  } finally {
    await db.destroy()
    await postgres.stop()
    await rm(folder, { recursive: true })
  }
}

/** Users who each send one request after the other, again and again with the same key until it is answered. */
function startUsers(clients: ReturnType<typeof startClients>) {
  let stopping = false
  const deliveries: Delivery[] = []
  const unserved: string[] = []
  const use = async (): Promise<void> => {
    while (!stopping) {
      const idempotencyKey = newId()
      let delivered = await clients.send({ idempotencyKey })
      for (let tries = 1; !delivered && tries < MAX_TRIES; tries++) {
        await sleep(10)
        delivered = await clients.send({ idempotencyKey })
      }
      if (!delivered) {
        unserved.push(idempotencyKey)
        continue
      }
      deliveries.push(delivered)
      // A user who asks once more gets the same and pays nothing.
      if (Math.random() < 0.2) deliveries.push((await clients.send({ idempotencyKey })) ?? delivered)
    }
  }
  const users = Array.from({ length: USERS }, use)
  return {
    /** Waits until so many more requests have been served. */
    serve: async (requests: number): Promise<void> => {
      const goal = deliveries.length + requests
      while (deliveries.length < goal) await sleep(5)
    },
    finish: async () => {
      stopping = true
      await Promise.all(users)
      return { deliveries, unserved }
    },
  }
}

function startClients(options: MoneyClientOptions) {
  let stopping = false
  const running = new Set<ChildProcess>()
  const program = path.join(import.meta.dirname, '../harness/money-client.js')
  const start = () => {
    const client = fork(program, [JSON.stringify(options)])
    client.setMaxListeners(100)
    client.once('message', () => running.add(client)) // it is ready
    client.once('exit', () => {
      running.delete(client)
      if (!stopping) start()
    })
    all.add(client)
    client.once('exit', () => all.delete(client))
  }
  const all = new Set<ChildProcess>()
  for (let i = 0; i < CLIENTS; i++) start()
  return {
    /** undefined: the request has failed, or its process has died. */
    send: async (request: MoneyRequest): Promise<Delivery | undefined> => {
      const client = pick([...running])
      if (!client) return undefined
      return new Promise((resolve) => {
        const settleWith = (delivery: Delivery | undefined) => {
          client.off('message', onAnswer).off('exit', onExit)
          resolve(delivery)
        }
        const onAnswer = (answer: MoneyAnswer) => {
          if (answer.idempotencyKey === request.idempotencyKey) settleWith(answer.delivered)
        }
        const onExit = () => settleWith(undefined)
        client.on('message', onAnswer).on('exit', onExit)
        client.send(request, (error) => error && settleWith(undefined))
      })
    },
    killOne: (): boolean => pick([...running])?.kill('SIGKILL') ?? false,
    stop: async () => {
      stopping = true
      const exits = [...all].map((client) => once(client, 'exit'))
      for (const client of all) client.disconnect()
      await Promise.all(exits)
    },
  }
}

const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)]

/** Waits until the leases of killed processes have run out. */
async function settle(db: Database): Promise<void> {
  const isOpen = () => db.selectFrom('jobs').select('id').where('state', '=', 'running').executeTakeFirst()
  while (await retryTransient(isOpen)) {
    await retryTransient(() => requeueAbandonedJobs(db))
    await sleep(50)
  }
}
