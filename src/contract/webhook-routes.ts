// Webhooks, their secrets and deliveries.
import { RATE_LIMIT_HEADERS, type RouteContract } from './route.ts'

export const WEBHOOK_ROUTES = {
  createWebhook: {
    method: 'POST',
    path: '/v1/webhooks',
    summary: 'Register a webhook',
    description:
      'From now on a signed message is sent to the URL whenever an asynchronous request of the account ends. The secret in this answer is not shown again.',
    curl: `curl "$BASE/v1/webhooks" -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"url": "https://example.com/hooks/speech", "events": ["completed", "failed"]}'`,
    access: 'key',
    body: { schema: 'NewWebhook' },
    responses: { 200: { description: 'It is registered.', json: ['CreatedWebhook'] } },
    errors: [],
  },
  listWebhooks: {
    method: 'GET',
    path: '/v1/webhooks',
    summary: 'List the webhooks of the account',
    curl: `curl "$BASE/v1/webhooks" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'All of them.', json: ['WebhookList'] } },
    errors: [],
  },
  testWebhook: {
    method: 'POST',
    path: '/v1/webhooks/{id}/test',
    summary: 'Send a test message to a webhook',
    description:
      'A message of the type `webhook.test`, tried once, at once; what came of it is in the log. A success enables a disabled webhook.',
    curl: `curl -X POST "$BASE/v1/webhooks/$WEBHOOK_ID/test" -H "x-api-key: $KEY"`,
    access: 'key',
    rateLimited: true,
    responses: { 200: { description: 'It is on its way.', json: ['Delivery'], headers: RATE_LIMIT_HEADERS } },
    errors: ['not_found'],
  },
  rotateWebhookSecret: {
    method: 'POST',
    path: '/v1/webhooks/{id}/rotate-secret',
    summary: 'Give a webhook a new secret',
    description:
      'It is not shown again. For 24 hours messages carry signatures by both, so that the receiver can change over.',
    curl: `curl -X POST "$BASE/v1/webhooks/$WEBHOOK_ID/rotate-secret" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The new secret.', json: ['RotatedSecret'] } },
    errors: ['not_found'],
  },
  findWebhookSecret: {
    method: 'GET',
    path: '/v1/webhooks/secret',
    summary: 'Read the secret that signs the webhooks of requests',
    description:
      'It signs what is sent to the `webhook_url` of a request. Registered webhooks have secrets of their own.',
    curl: `curl "$BASE/v1/webhooks/secret" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The secret.', json: ['WebhookSecret'] } },
    errors: [],
  },
  rotateAccountSecret: {
    method: 'POST',
    path: '/v1/webhooks/secret/rotate',
    summary: 'Replace the secret that signs the webhooks of requests',
    description: 'For 24 hours messages carry signatures by both, so that the receiver can change over.',
    curl: `curl -X POST "$BASE/v1/webhooks/secret/rotate" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The new secret.', json: ['RotatedSecret'] } },
    errors: [],
  },
  listDeliveries: {
    method: 'GET',
    path: '/v1/webhooks/deliveries',
    summary: 'Read the log of deliveries',
    description: 'Kept as long as results are.',
    curl: `curl "$BASE/v1/webhooks/deliveries?webhook_id=$WEBHOOK_ID&limit=20" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'DeliveryQuery',
    responses: { 200: { description: 'Newest first.', json: ['DeliveryList'] } },
    errors: [],
  },
  replayDelivery: {
    method: 'POST',
    path: '/v1/webhooks/deliveries/{id}/replay',
    summary: 'Deliver a message once more',
    description:
      'Under the same `webhook-id`, at once, and with all retries again. The message says what is true of the request now.',
    curl: `curl -X POST "$BASE/v1/webhooks/deliveries/$DELIVERY_ID/replay" -H "x-api-key: $KEY"`,
    access: 'key',
    rateLimited: true,
    responses: { 200: { description: 'It is on its way.', json: ['Delivery'], headers: RATE_LIMIT_HEADERS } },
    errors: ['not_found'],
  },
  deleteWebhook: {
    method: 'DELETE',
    path: '/v1/webhooks/{id}',
    summary: 'Delete a webhook',
    description: 'With its log, and with the messages that wait for it.',
    curl: `curl -X DELETE "$BASE/v1/webhooks/$WEBHOOK_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'It is gone.', json: ['RemovedWebhook'] } },
    errors: ['not_found'],
  },
} as const satisfies Record<string, RouteContract>
