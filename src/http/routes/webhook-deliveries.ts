// /v1/webhooks/deliveries: what was sent to whom, and once more.

import { validate } from '../../contract/validate.ts'
import { type DeliveryBody, type DeliveryListBody, deliveryQuerySchema } from '../../contract/webhooks.ts'
import { AppError, invariant } from '../../errors.ts'
import * as log from '../../webhooks/delivery-log.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function listDeliveries({ db }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'a log belongs to a caller')
    const { request_id, webhook_id, status, before, limit } = validate(deliveryQuerySchema, request.query)
    // One more than is shown tells whether there is a next page.
    const found = await log.listDeliveries(db, caller.accountId, {
      jobId: request_id && (readRequestId(request_id) ?? request_id),
      webhookId: webhook_id && (readRequestId(webhook_id) ?? webhook_id),
      state: status,
      before,
      limit: limit + 1,
    })
    const shown = found.slice(0, limit)
    reply.header('cache-control', 'no-store')
    return {
      deliveries: shown.map(describeDelivery),
      next: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
    } satisfies DeliveryListBody
  }
}

export function replayDelivery({ db, wakeDeliverer }: Services): Handler {
  return async (request) => {
    const { caller } = request
    invariant(caller, 'a log belongs to a caller')
    const id = readRequestId((request.params as { id: string }).id)
    const delivery = id === undefined ? undefined : await log.replayDelivery(db, caller.accountId, id)
    if (!delivery) throw new AppError('not_found', 'There is no such delivery.')
    wakeDeliverer()
    return describeDelivery(delivery)
  }
}

export function describeDelivery(delivery: log.Delivery): DeliveryBody {
  const { id, webhookId, jobId, event, url, state, createdAt, finishedAt, nextAttemptAt, attempts } = delivery
  return {
    id,
    webhook_id: webhookId,
    request_id: jobId,
    type: event === 'test' ? 'webhook.test' : `request.${event}`,
    url,
    status: state,
    created_at: createdAt.toISOString(),
    finished_at: finishedAt?.toISOString() ?? null,
    next_attempt_at: nextAttemptAt?.toISOString() ?? null,
    attempts: attempts.map(({ number, at, milliseconds, statusCode, answer, error }) => ({
      number,
      at: new Date(at).toISOString(),
      duration: milliseconds / 1000,
      status_code: statusCode,
      answer,
      error,
    })),
  }
}
