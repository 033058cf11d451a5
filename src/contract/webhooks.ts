// Webhooks: what an account may register, how it reads what was delivered, and what is sent to a receiver.
import { z } from 'zod'

const EVENTS = ['completed', 'failed', 'cancelled'] as const
const MAX_URL_CHARACTERS = 2048
const MAX_DESCRIPTION_CHARACTERS = 500
const MAX_DELIVERIES_PER_PAGE = 100
const EXAMPLE_ID = '6f2b8c1e4d5a49f0b7c3a1d2e3f40516'
const EXAMPLE_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAXdc2BwqRLM='
const EXAMPLE_URL = 'https://example.com/hooks/speech'

const eventList = `events must be a list of ${EVENTS.join(', ')}.`
const noUrl = 'url is required and must be a string.'

export const newWebhookSchema = z
  .object({
    url: z
      .string({ error: noUrl })
      .min(1, noUrl)
      .max(MAX_URL_CHARACTERS, `url must not be longer than ${MAX_URL_CHARACTERS.toLocaleString('en-US')} characters.`)
      .describe('Where messages are sent by POST: an `https:` URL of a public host. Redirects are not followed.'),
    events: z
      .array(z.enum(EVENTS, { error: eventList }), { error: eventList })
      .min(1, eventList)
      .default([...EVENTS])
      .describe('Which ends of a request it is told of: `completed`, `failed`, `cancelled`. Without it, all.'),
    description: z
      .string({ error: 'description must be a string.' })
      .max(MAX_DESCRIPTION_CHARACTERS, `description must not be longer than ${MAX_DESCRIPTION_CHARACTERS} characters.`)
      .refine((text) => !text.includes('\0'), 'description must not contain the character U+0000.')
      .optional()
      .describe('For people.'),
  })
  .meta({
    description: 'A receiver of messages.',
    examples: [{ url: EXAMPLE_URL, events: ['completed', 'failed'], description: 'The studio' }],
  })

const webhook = z.object({
  id: z.string().describe('32 lower-case hex digits.'),
  url: z.string(),
  events: z.array(z.enum(EVENTS)),
  description: z.string().nullable(),
  created_at: z.string(),
  disabled_at: z
    .string()
    .nullable()
    .describe('When it answered 410. It gets no more events until a test or a replay succeeds.'),
})
const exampleWebhook = {
  id: EXAMPLE_ID,
  url: EXAMPLE_URL,
  events: ['completed', 'failed'] satisfies (typeof EVENTS)[number][],
  description: 'The studio',
  created_at: '2026-01-01T00:00:00.000Z',
  disabled_at: null,
}

export const createdWebhookSchema = webhook
  .extend({ secret: z.string().describe('Signs its messages. It is not shown again; rotate it if it is lost.') })
  .meta({ description: 'The webhook, and its secret.', examples: [{ ...exampleWebhook, secret: EXAMPLE_SECRET }] })

export const webhookListSchema = z
  .object({ webhooks: z.array(webhook).describe('Oldest first.') })
  .meta({ description: 'The webhooks of the account.', examples: [{ webhooks: [exampleWebhook] }] })

export const removedWebhookSchema = z
  .object({ id: z.string(), deleted: z.literal(true) })
  .meta({ description: 'It is gone, with its log.', examples: [{ id: EXAMPLE_ID, deleted: true }] })

export const webhookSecretSchema = z
  .object({ secret: z.string().describe('In the form of Standard Webhooks: `whsec_` and base64.') })
  .meta({ description: 'A signing secret.', examples: [{ secret: EXAMPLE_SECRET }] })

export const rotatedSecretSchema = z
  .object({
    secret: z.string().describe('The new one.'),
    previous_until: z.string().describe('Until then messages carry a signature by the old one as well.'),
  })
  .meta({
    description: 'A new signing secret.',
    examples: [{ secret: EXAMPLE_SECRET, previous_until: '2026-01-02T00:00:00.000Z' }],
  })

const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const

const delivery = z.object({
  id: z.string().describe('The `webhook-id` header of its messages, the same on every attempt.'),
  webhook_id: z.string().nullable().describe('null: the `webhook_url` of the request.'),
  request_id: z.string().nullable().describe('null: a test.'),
  type: z.enum(['request.completed', 'request.failed', 'request.cancelled', 'webhook.test']),
  url: z.string(),
  status: z.enum(DELIVERY_STATUSES),
  created_at: z.string(),
  finished_at: z.string().nullable(),
  next_attempt_at: z.string().nullable().describe('null: there is none, or it is being made.'),
  attempts: z
    .array(
      z.object({
        number: z.number().int(),
        at: z.string(),
        duration: z.number().describe('Seconds.'),
        status_code: z.number().int().nullable().describe('null: no answer came.'),
        answer: z.string().nullable().describe('The first 1,024 bytes of the answer.'),
        error: z.string().nullable(),
      }),
    )
    .describe('Oldest first.'),
})
const exampleDelivery = {
  id: '0d9c8b7a6f5e4d3c2b1a09f8e7d6c5b4',
  webhook_id: EXAMPLE_ID,
  request_id: '47411f110c6fa4fe05dcb9ffed2c1962',
  type: 'request.completed' as const,
  url: EXAMPLE_URL,
  status: 'pending' as const,
  created_at: '2026-01-01T00:00:00.000Z',
  finished_at: null,
  next_attempt_at: '2026-01-01T00:00:05.300Z',
  attempts: [
    {
      number: 1,
      at: '2026-01-01T00:00:00.200Z',
      duration: 0.102,
      status_code: 503,
      answer: 'Down for maintenance.',
      error: 'It answered 503.',
    },
  ],
}

export const deliverySchema = delivery.meta({
  description: 'A message for one receiver, and the attempts to deliver it.',
  examples: [exampleDelivery],
})

export const deliveryListSchema = z
  .object({
    deliveries: z.array(delivery).describe('Newest first.'),
    next: z.string().nullable().describe('Pass it as `before` to get the next page; null: this is the last.'),
  })
  .meta({ description: 'The log of deliveries.', examples: [{ deliveries: [exampleDelivery], next: null }] })

const limitRange = `limit must be an integer between 1 and ${MAX_DELIVERIES_PER_PAGE}.`

export const deliveryQuerySchema = z
  .object({
    request_id: z.string({ error: 'request_id must be given once.' }).optional().describe('Those of one request.'),
    webhook_id: z.string({ error: 'webhook_id must be given once.' }).optional().describe('Those of one webhook.'),
    status: z
      .enum(DELIVERY_STATUSES, { error: `status must be one of ${DELIVERY_STATUSES.join(', ')}.` })
      .optional()
      .describe('Those that wait, that arrived, or that were given up.'),
    before: z
      .string({ error: 'before must be given once.' })
      .optional()
      .describe('Only those older than this delivery.'),
    limit: z.coerce
      .number({ error: limitRange })
      .int(limitRange)
      .min(1, limitRange)
      .max(MAX_DELIVERIES_PER_PAGE, limitRange)
      .default(50)
      .describe('How many.'),
  })
  .meta({ description: 'Which deliveries.', examples: [{ status: 'failed', limit: 20 }] })

export type WebhookBody = z.output<typeof webhook>
export type CreatedWebhookBody = z.output<typeof createdWebhookSchema>
export type WebhookListBody = z.output<typeof webhookListSchema>
export type RemovedWebhookBody = z.output<typeof removedWebhookSchema>
export type WebhookSecretBody = z.output<typeof webhookSecretSchema>
export type RotatedSecretBody = z.output<typeof rotatedSecretSchema>
export type DeliveryBody = z.output<typeof delivery>
export type DeliveryListBody = z.output<typeof deliveryListSchema>
