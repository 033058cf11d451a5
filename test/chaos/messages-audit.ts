// What the receiver of webhooks was told against what the database says: of every end once, of nothing else, and truly.
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import type { Database } from '../../src/storage/postgres.ts'
import type { Message } from './receiver.ts'

interface EndedJob {
  readonly id: string
  readonly state: string
  readonly isTold: boolean
  readonly deliveries: { readonly id: string; readonly event: string; readonly state: string }[]
}

/** One sentence per violation. The account has no webhooks: who ordered without a URL, as pieces are ordered, is told nothing. */
export async function auditMessages(db: Database, messages: readonly Message[]): Promise<string[]> {
  const { rows: jobs } = await sql<EndedJob>`
    select jobs.id, jobs.state, jobs.webhook_url is not null as "isTold", coalesce(
      json_agg(json_build_object('id', told.id, 'event', told.event, 'state', told.state)) filter (where told.id is not null), '[]'
    ) as deliveries
    from jobs left join webhook_deliveries told on told.job_id = jobs.id
    where mode = 'async' group by jobs.id
  `.execute(db)
  const [signer] = await db.selectFrom('webhook_secrets').select('secret').execute()
  const violations: string[] = []
  const known = new Set<string>()
  for (const { id, state, isTold, deliveries } of jobs) {
    if (!isTold) {
      if (deliveries.length > 0) violations.push(`job ${id} (${state}) has a message that nobody asked for`)
      continue
    }
    const [delivery] = deliveries
    if (!delivery || deliveries.length > 1) {
      violations.push(`job ${id} (${state}) has ${deliveries.length} messages in place of one`)
      continue
    }
    known.add(delivery.id)
    if (delivery.event !== state) violations.push(`job ${id} is ${state}, and its message says ${delivery.event}`)
    if (delivery.state !== 'delivered') violations.push(`the message of job ${id} is ${delivery.state}`)
    const arrived = messages.filter((message) => message.id === delivery.id)
    if (!arrived.some(({ accepted }) => accepted)) violations.push(`the message of job ${id} was never accepted`)
    for (const { body } of arrived) {
      const { type, data } = JSON.parse(body) as { type: string; data: { request_id: string } }
      if (type !== `request.${state}` || data.request_id !== id)
        violations.push(`job ${id} is ${state}, and the receiver was told ${type} of ${data.request_id}`)
    }
  }
  for (const { id, headers, body } of messages) {
    if (!known.has(id)) violations.push(`message ${id} belongs to no end of a job`)
    if (!signer || !isSigned(signer.secret, body, headers))
      violations.push(`message ${id} is not signed as it should be`)
  }
  return violations
}

/** The date is looked at by who receives it in time, not by an audit afterwards. */
function isSigned(secret: string, body: string, headers: Readonly<Record<string, string>>): boolean {
  const at = new Date(Number(headers['webhook-timestamp']) * 1000)
  const expected = new Webhook(secret).sign(headers['webhook-id'] ?? '', at, body)
  return (headers['webhook-signature'] ?? '').split(' ').includes(expected)
}
