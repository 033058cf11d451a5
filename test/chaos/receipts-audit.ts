// What the customers hold in their hands against what the database says. money-audit.ts looks at the books alone; this is the
// view from outside: whoever got sound paid for it once, whoever got none paid nothing, and what they were told is so.
import { sql } from 'kysely'
import { priceMicro } from '../../src/billing/prices.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { isPoison, nameSound, type Order } from './orders.ts'

/** One sentence per violation; none is the only good answer. */
export async function auditReceipts(db: Database, orders: readonly Order[], pricePer1000: number): Promise<string[]> {
  const jobs = await db
    .selectFrom('jobs')
    .select(['jobs.id', 'jobs.state', 'jobs.idempotency_key', 'jobs.charge_micro', 'jobs.output_sha256'])
    .select(
      sql<number>`(select sum(amount_micro)::bigint from ledger where job_id = jobs.id and kind = 'charge')`.as(
        'paid_micro',
      ),
    )
    .execute()
  const violations: string[] = []
  const known = new Set(orders.map(({ key }) => key))
  const stateOf = new Map(jobs.map(({ id, state }) => [id, state]))
  for (const job of jobs) {
    if (!known.has(job.idempotency_key ?? '')) violations.push(`job ${job.id} was ordered by nobody`)
  }

  for (const order of orders) {
    const paid = jobs.filter(({ idempotency_key, state }) => idempotency_key === order.key && state === 'completed')
    const price = priceMicro(order.text, pricePer1000)
    const complain = (what: string) => violations.push(`order ${order.key} (${order.outcome}) ${what}`)
    if (paid.length > 1) complain(`was charged for ${paid.length} outputs`)
    if (order.outcome === 'refused' && paid.length > 0) complain('was charged although it was refused')
    if (isPoison(order) && paid.length > 0) complain('was charged although nobody can speak it')
    if (order.outcome === 'served' && order.receipts.length === 0) complain('has no receipt')
    if (order.outcome === 'open') complain('was never settled')
    for (const { requestId, state } of order.toldEnds) {
      const now = stateOf.get(requestId)
      if (now !== state) complain(`was told that ${requestId} is ${state}, and it is ${now ?? 'unknown'}`)
    }
    for (const receipt of order.receipts) {
      const job = paid.find(({ id }) => id === receipt.requestId)
      if (!job) {
        complain(`was given an output that nobody was charged for (${receipt.requestId})`)
        continue
      }
      if (receipt.sha256 !== undefined && job.output_sha256 !== receipt.sha256)
        complain('was given other bytes than those that were stored')
      if (receipt.costMicro !== price) complain(`was told a cost of ${receipt.costMicro} in place of ${price}`)
      if (job.charge_micro !== price || job.paid_micro !== -price) {
        complain(`was charged ${job.charge_micro} by its job and ${job.paid_micro} by the ledger, not ${price}`)
      }
    }
  }
  return [...violations, ...findUnequalOutputs(orders)]
}

/** Equal orders sound equal: an output that was cut or mixed up under way shows here even when it was stored as it was sent. */
function findUnequalOutputs(orders: readonly Order[]): string[] {
  const outputs = new Map<string, Set<string>>()
  for (const order of orders) {
    const name = nameSound(order)
    const known = outputs.get(name) ?? new Set()
    outputs.set(name, known)
    for (const { sha256 } of order.receipts) if (sha256 !== undefined) known.add(sha256)
  }
  return [...outputs]
    .filter(([, different]) => different.size > 1)
    .map(([name, different]) => `equal orders ${name} gave ${different.size} different outputs`)
}
