// A receiver of webhooks at a loopback address, jobs that end, and a deliverer that may reach it.
import assert from 'node:assert/strict'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { createMetrics } from '../../src/metrics.ts'
import { newId } from '../../src/storage/ids.ts'
import type { Database } from '../../src/storage/postgres.ts'
import { createWebhookPoster } from '../../src/webhooks/attempt.ts'
import { type Deliverer, type DelivererParts, startDeliverer } from '../../src/webhooks/deliverer.ts'
import type { WebhookEvent } from '../../src/webhooks/webhooks.ts'
import type { TestAccount } from '../harness/accounts.ts'
import { listenLocally } from '../harness/local-server.ts'
import { quietLog } from '../harness/quiet-log.ts'

export interface Received {
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: readonly Received[]
}

/** `answer` gets each message after it has arrived whole. */
export async function startReceiver(
  answer: (message: Received, response: http.ServerResponse) => unknown = (_, response) => response.end(),
): Promise<Receiver> {
  const received: Received[] = []
  const server = http.createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const headers = request.headers as Record<string, string>
    const message = { path: request.url ?? '', headers, body: Buffer.concat(parts).toString() }
    received.push(message)
    await answer(message, response)
  })
  server.on('connection', (socket) => socket.on('error', () => {}))
  const local = await listenLocally(server)
  return {
    url: `http://127.0.0.1:${local.port}/hook`,
    received,
    [Symbol.asyncDispose]: local[Symbol.asyncDispose],
  }
}

/** A deliverer that may reach loopback addresses, and whose retries follow at once. */
export function startTestDeliverer(db: Database, parts: Partial<DelivererParts> = {}): Deliverer {
  return startDeliverer({
    db,
    poster: createWebhookPoster({ http: true, private: true }),
    describeRequest: async (_, jobId) => ({ status: 'COMPLETED', request_id: jobId }),
    ttlHours: 24,
    metrics: createMetrics(),
    log: quietLog,
    retryDelaysSeconds: [0, 0, 0],
    ...parts,
  })
}

/** An asynchronous job that has just ended, as the statement that ends it leaves it behind. */
export async function endJob(
  db: Database,
  { accountId, apiKeyId }: TestAccount,
  { kind = 'failed', webhookUrl = null }: { kind?: WebhookEvent; webhookUrl?: string | null } = {},
): Promise<string> {
  const id = newId()
  const hasFailed = kind === 'failed'
  await sql`
    insert into jobs (
      id, account_id, api_key_id, mode, state, request, hold_micro, webhook_url, finished_at, expires_at, error_code, error_message,
      charge_micro, output_token, output_blob_key, output_media_type, output_bytes, output_sha256, output_audio_seconds
    )
    values (
      ${id}, ${accountId}, ${apiKeyId}, 'async', ${kind}, '{}', 100, ${webhookUrl}, now(), now() + interval '1 hour',
      ${hasFailed ? 'internal' : null}, ${hasFailed ? 'It failed.' : null},
      ${kind === 'completed' ? 100 : null}::bigint, ${kind === 'completed' ? newId() : null},
      ${kind === 'completed' ? `outputs/${id}` : null}, ${kind === 'completed' ? 'audio/wav' : null},
      ${kind === 'completed' ? 44 : null}::bigint, ${kind === 'completed' ? 'ab' : null}, ${kind === 'completed' ? 1 : null}::float8
    )
  `.execute(db)
  await sql`insert into job_events (job_id, account_id, kind) values (${id}, ${accountId}, ${kind})`.execute(db)
  return id
}

/** Polls until `check` gives something; fails after 20 seconds. */
export async function until<T>(what: string, check: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const giveUpAt = performance.now() + 20_000
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    assert.ok(performance.now() < giveUpAt, `in vain: ${what}`)
    await sleep(10)
  }
}
