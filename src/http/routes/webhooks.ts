// /v1/webhooks: an account's receivers, and the secrets that sign what they get.
import type { FastifyRequest } from 'fastify'
import { validate } from '../../contract/validate.ts'
import {
  type CreatedWebhookBody,
  newWebhookSchema,
  type RemovedWebhookBody,
  type RotatedSecretBody,
  type WebhookBody,
  type WebhookListBody,
  type WebhookSecretBody,
} from '../../contract/webhooks.ts'
import { AppError, invariant } from '../../errors.ts'
import { addTestDelivery } from '../../webhooks/delivery-log.ts'
import * as secrets from '../../webhooks/secrets.ts'
import * as webhooks from '../../webhooks/webhooks.ts'
import type { ParsedBody } from '../body.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { describeDelivery } from './webhook-deliveries.ts'

export function createWebhook({ db, webhookUrlProblem }: Services): Handler {
  return async (request, reply) => {
    const { value } = request.body as ParsedBody & { kind: 'json' } // the route takes nothing else
    const { url, events, description } = validate(newWebhookSchema, value)
    const problem = webhookUrlProblem(url)
    if (problem !== undefined) throw new AppError('invalid_parameter', `url: ${problem}`, { param: 'url' })
    const made = await webhooks.createWebhook(db, {
      accountId: accountOf(request),
      url: new URL(url).href,
      events,
      description,
    })
    reply.header('cache-control', 'no-store')
    return { ...describeWebhook(made.webhook), secret: made.secret } satisfies CreatedWebhookBody
  }
}

export function listWebhooks({ db }: Services): Handler {
  return async (request) => {
    const all = await webhooks.listWebhooks(db, accountOf(request))
    return { webhooks: all.map(describeWebhook) } satisfies WebhookListBody
  }
}

export function deleteWebhook({ db }: Services): Handler {
  return async (request) => {
    const id = idOf(request)
    if (!(await webhooks.removeWebhook(db, accountOf(request), id))) throw noWebhook()
    return { id, deleted: true } satisfies RemovedWebhookBody
  }
}

export function testWebhook({ db, wakeDeliverer }: Services): Handler {
  return async (request) => {
    const delivery = await addTestDelivery(db, accountOf(request), idOf(request))
    if (!delivery) throw noWebhook()
    wakeDeliverer()
    return describeDelivery(delivery)
  }
}

export function rotateWebhookSecret({ db }: Services): Handler {
  return async (request, reply) => {
    const rotated = await webhooks.rotateWebhookSecret(db, accountOf(request), idOf(request))
    if (!rotated) throw noWebhook()
    reply.header('cache-control', 'no-store')
    return describeRotated(rotated)
  }
}

export function findWebhookSecret({ db }: Services): Handler {
  return async (request, reply) => {
    const { secret } = await secrets.findAccountSecret(db, accountOf(request))
    reply.header('cache-control', 'no-store')
    return { secret } satisfies WebhookSecretBody
  }
}

export function rotateAccountSecret({ db }: Services): Handler {
  return async (request, reply) => {
    reply.header('cache-control', 'no-store')
    return describeRotated(await secrets.rotateAccountSecret(db, accountOf(request)))
  }
}

function accountOf({ caller }: FastifyRequest): string {
  invariant(caller, 'a webhook belongs to a caller')
  return caller.accountId
}

/** As it is kept; what cannot be an id is found nowhere. */
function idOf(request: FastifyRequest): string {
  return readRequestId((request.params as { id: string }).id) ?? ''
}

function noWebhook(): AppError {
  return new AppError('not_found', 'There is no such webhook.')
}

function describeWebhook(webhook: webhooks.Webhook): WebhookBody {
  return {
    id: webhook.id,
    url: webhook.url,
    events: webhook.events,
    description: webhook.description,
    created_at: webhook.createdAt.toISOString(),
    disabled_at: webhook.disabledAt?.toISOString() ?? null,
  }
}

function describeRotated({ secret, previousUntil }: secrets.RotatedSecret): RotatedSecretBody {
  return { secret, previous_until: previousUntil.toISOString() }
}
