// The audit itself is tried on books that are right and on each way in which they can be wrong.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { priceMicro } from '../../src/billing/prices.ts'
import { completeJob } from '../../src/jobs/finish.ts'
import { newId } from '../../src/storage/ids.ts'
import { makeAccount, makeJob, makeOutput } from '../harness/accounts.ts'
import { openTestDatabase } from '../harness/database.ts'
import { startJob } from '../harness/running-job.ts'
import type { Order, Receipt, ToldEnd } from './orders.ts'
import { auditReceipts } from './receipts-audit.ts'

const { db } = await openTestDatabase()
const account = await makeAccount(db)
const TEXT = 'Hello there.'
const PRICE_PER_1000 = 0.05
const PRICE = priceMicro(TEXT, PRICE_PER_1000)

/** A job that was paid for and the order of a customer who knows of it. */
async function pay(
  changes: { order?: Partial<Order>; receipt?: Partial<Receipt>; chargeMicro?: number; told?: ToldEnd['state'] } = {},
) {
  const key = changes.order?.key ?? newId()
  const job = makeJob(account, { holdMicro: PRICE, idempotency: { key, requestHash: 'x' } })
  const submitted = await startJob(db, job)
  assert.equal(submitted.kind, 'started')
  const { leaseToken } = submitted
  const output = makeOutput(job.id)
  await completeJob(db, { id: job.id, leaseToken, chargeMicro: changes.chargeMicro ?? PRICE, output, result: {} })
  const receipt = { requestId: job.id, sha256: output.sha256, costMicro: PRICE, replayed: false, ...changes.receipt }
  const order: Order = {
    key,
    text: TEXT,
    api: 'v1',
    format: 'wav',
    seed: 1,
    reference: 'inline',
    receipts: [receipt],
    sounds: [],
    toldEnds: changes.told ? [{ requestId: job.id, state: changes.told }] : [],
    outcome: 'served',
    ...changes.order,
  }
  return order
}

/** Every order that this file has made is known, so that only the last one can be at fault. */
const orders: Order[] = []
const audit = async (order: Order) => {
  orders.push(order)
  const violations = await auditReceipts(db, orders, PRICE_PER_1000)
  orders.pop()
  orders.push({ ...order, receipts: [], toldEnds: [], outcome: 'abandoned' })
  return violations
}

test('an order that was served once and paid for once is in order, and so is its replay', async () => {
  const order = await pay()
  assert.deepEqual(await audit({ ...order, receipts: [...order.receipts, ...order.receipts] }), [])
})

const FAULTS: [string, RegExp, Parameters<typeof pay>[0]][] = [
  ['an output that nobody was charged for', /nobody was charged for/, { receipt: { requestId: newId() } }],
  ['other bytes than were stored', /other bytes/, { receipt: { sha256: 'f'.repeat(64) } }],
  ['another cost than the price', /told a cost of 7/, { receipt: { costMicro: 7 } }],
  ['another charge than the price', /charged 0 by its job/, { chargeMicro: 0 }],
  ['a charge for a refusal', /although it was refused/, { order: { outcome: 'refused', receipts: [] } }],
  ['no receipt', /has no receipt/, { order: { receipts: [] } }],
  ['an end that was another', /told that .* is cancelled, and it is completed/, { told: 'cancelled' }],
]
for (const [fault, message, changes] of FAULTS) {
  test(`the audit finds ${fault}`, async () => {
    const violations = await audit(await pay(changes))
    assert.equal(violations.length, 1, violations.join('\n'))
    assert.match(violations[0] ?? '', message)
  })
}

test('the audit finds a job that nobody ordered', async () => {
  const order = await pay()
  const violations = await auditReceipts(db, orders, PRICE_PER_1000)
  assert.equal(violations.length, 1)
  assert.match(violations[0] ?? '', /ordered by nobody/)
  orders.push(order)
})

test('the audit finds equal orders that gave different outputs', async () => {
  const receipt = (sha256: string) => ({ requestId: newId(), sha256, costMicro: PRICE, replayed: false })
  const order = await pay()
  const violations = await audit({ ...order, receipts: [...order.receipts, receipt('e'.repeat(64))] })
  assert.match(violations.join('\n'), /gave 2 different outputs/)
})
