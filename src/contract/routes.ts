// The whole API on one screen: method, path, who may call it, what it takes and what it answers.
import { z } from 'zod'
import type { ErrorCode } from '../errors.ts'
import { creditsSchema } from './account.ts'
import { ADMIN_SCHEMAS } from './admin.ts'
import { ADMIN_ROUTES } from './admin-routes.ts'
import { errorBodySchema } from './errors.ts'
import { MODEL_SLUG } from './models.ts'
import { OPENAI_SCHEMAS } from './openai.ts'
import { OPENAI_ROUTES } from './openai-routes.ts'
import { provenanceRequestSchema, provenanceSchema } from './provenance.ts'
import {
  cancellationSchema,
  completedRequestSchema,
  completedStatusSchema,
  failedRequestSchema,
  pendingRequestSchema,
  requestQuerySchema,
  submittedRequestSchema,
} from './requests.ts'
import { asyncSpeechSchema, OUTPUT_FORMATS, syncSpeechSchema } from './speech.ts'
import { studioFactsSchema, studioSignInSchema } from './studio.ts'
import { uploadedSchema, uploadSchema } from './uploads.ts'
import { usageQuerySchema, usageSchema } from './usage.ts'
import {
  newVoiceSchema,
  removedVoiceSchema,
  voiceChangesSchema,
  voiceListSchema,
  voiceQuerySchema,
  voiceSchema,
} from './voices.ts'
import {
  createdWebhookSchema,
  deliveryListSchema,
  deliveryQuerySchema,
  deliverySchema,
  newWebhookSchema,
  removedWebhookSchema,
  rotatedSecretSchema,
  webhookListSchema,
  webhookSecretSchema,
} from './webhooks.ts'

const healthSchema = z
  .object({ status: z.string() })
  .meta({ description: 'The answer to a probe.', examples: [{ status: 'ok' }] })

/** Schemas that have a name in the OpenAPI document. */
export const SCHEMAS = {
  SpeechRequest: syncSpeechSchema,
  AsyncSpeechRequest: asyncSpeechSchema,
  SubmittedRequest: submittedRequestSchema,
  CompletedStatus: completedStatusSchema,
  CompletedRequest: completedRequestSchema,
  PendingRequest: pendingRequestSchema,
  FailedRequest: failedRequestSchema,
  Cancellation: cancellationSchema,
  RequestQuery: requestQuerySchema,
  Credits: creditsSchema,
  Upload: uploadSchema,
  Uploaded: uploadedSchema,
  ProvenanceRequest: provenanceRequestSchema,
  Provenance: provenanceSchema,
  NewVoice: newVoiceSchema,
  Voice: voiceSchema,
  VoiceChanges: voiceChangesSchema,
  VoiceList: voiceListSchema,
  VoiceQuery: voiceQuerySchema,
  RemovedVoice: removedVoiceSchema,
  NewWebhook: newWebhookSchema,
  CreatedWebhook: createdWebhookSchema,
  WebhookList: webhookListSchema,
  RemovedWebhook: removedWebhookSchema,
  WebhookSecret: webhookSecretSchema,
  RotatedSecret: rotatedSecretSchema,
  DeliveryQuery: deliveryQuerySchema,
  Delivery: deliverySchema,
  DeliveryList: deliveryListSchema,
  Health: healthSchema,
  StudioFacts: studioFactsSchema,
  StudioSignIn: studioSignInSchema,
  UsageQuery: usageQuerySchema,
  Usage: usageSchema,
  Error: errorBodySchema,
  ...OPENAI_SCHEMAS,
  ...ADMIN_SCHEMAS,
} as const satisfies Record<string, z.ZodType>
export type SchemaName = keyof typeof SCHEMAS

export interface ResponseContract {
  readonly description: string
  /** JSON bodies this status can have. */
  readonly json?: readonly SchemaName[]
  /** Media types of bodies that are not JSON. */
  readonly media?: readonly string[]
  readonly headers?: readonly HeaderName[]
}

export interface RouteContract {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Further paths with the same meaning, which documentation mentions and clients should not start with. */
  readonly alsoAt?: readonly string[]
  readonly summary: string
  readonly description?: string
  /** `key`: an API key. `operator`: this machine itself, or ADMIN_TOKEN. `admin`: ADMIN_TOKEN, always. `anyone`: no credential. */
  readonly access: 'key' | 'operator' | 'admin' | 'anyone'
  /** Each call takes one request from the key's limit for this route, or for all routes with this word. */
  readonly rateLimited?: true | 'speech'
  /** Errors look as clients of OpenAI's API expect them. */
  readonly errorShape?: 'openai'
  /** Called by programs that run the server and by browsers, not by clients of the API. */
  readonly undocumented?: true
  /** A command that works as it stands, in a folder with a `voice.wav`, once the variables in it are set. */
  readonly curl?: string
  readonly headers?: readonly RequestHeaderName[]
  /** The parameters after the `?`. */
  readonly query?: SchemaName
  /** Without `multipartFile` it is taken as JSON alone. */
  readonly body?: { readonly schema: SchemaName; readonly multipartFile?: string }
  readonly responses: Readonly<Record<number, ResponseContract>>
  /** Beside those that every route, every route with a key, and every route with a body can have. */
  readonly errors: readonly ErrorCode[]
}

export const REQUEST_HEADERS = {
  accept:
    '`audio/wav`, `audio/mpeg`, `audio/ogg` or `audio/flac` choose the encoding; `application/json` alone asks for JSON.',
  'idempotency-key':
    'Any text of up to 255 characters. The same key with the same parameters gives the stored result and is charged once.',
  range: 'One byte range, as media players send it.',
} as const
type RequestHeaderName = keyof typeof REQUEST_HEADERS

export const HEADERS = {
  'x-request-id': 'Id of the request, 32 lower-case hex digits; on every response. Results are fetched by it.',
  'x-cost': 'Credits (US dollars) charged for this call.',
  'x-remaining-credits': 'Balance after it.',
  'x-generation-time': 'Seconds of synthesis.',
  'x-seed-value': 'The seed really used.',
  'x-model': 'The engine that spoke: `turbo`, `nano`, or `preview`, the embedded stand-in that is not Chatterbox.',
  'x-cold-start':
    '`engine` when the engine process had to be started for this request, else `none`. Start-up is part of the time it took.',
  'x-output-metadata':
    'JSON: `duration` in seconds, `sample_rate`, `model`, the `guards` that fired, and `reference_warnings`: `noisy`, `clipped`, where the recording could be better.',
  'x-ignored-parameters': 'Names of unknown parameters in the body, percent-encoded where needed.',
  'idempotent-replayed': '`true` when an earlier request with the same `Idempotency-Key` made this result.',
  'server-timing':
    'Where the time went, in milliseconds; ahead of a stream: `queue`, and `first`, from the request to the first sound.',
  'x-audio-duration': 'Seconds of audio; in the trailers of a stream.',
  'x-rate-limit-limit': 'Requests per minute of this key.',
  'x-rate-limit-remaining': 'Requests left now.',
  'x-rate-limit-reset-at-utc': 'When all of them are back, ISO 8601.',
  'retry-after': 'Seconds to wait before the next try.',
  'content-range': 'Which bytes of how many.',
  allow: 'The verbs this path has.',
} as const
export type HeaderName = keyof typeof HEADERS

const RATE_LIMIT_HEADERS = ['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset-at-utc'] as const
const AUDIO = Object.values(OUTPUT_FORMATS).map(([mediaType]) => mediaType)

const download = {
  access: 'anyone',
  headers: ['range'],
  responses: {
    200: { description: 'The file.', media: ['audio/*'] },
    206: { description: 'The range of it.', media: ['audio/*'], headers: ['content-range'] },
    304: { description: 'The copy you have is still right.' },
  },
  errors: ['not_found', 'range_not_satisfiable'],
} as const satisfies Partial<RouteContract>

export const ROUTES = {
  speak: {
    method: 'POST',
    path: `/v1/${MODEL_SLUG}`,
    alsoAt: [`/${MODEL_SLUG}`],
    summary: 'Speak a text in the voice of a recording',
    description:
      'Answers with the audio itself, once all of it is made, stored and charged; with `stream: true`, as it is made. A failure is never charged. A client that hangs up stops the work; of a stream it has paid what was made.',
    curl: `curl "$BASE/v1/${MODEL_SLUG}" -H "x-api-key: $KEY" \\
  -F text='Hello there. [chuckle]' -F reference_audio=@voice.wav -o speech.wav`,
    access: 'key',
    rateLimited: 'speech',
    headers: ['accept', 'idempotency-key'],
    body: { schema: 'SpeechRequest', multipartFile: 'reference_audio' },
    responses: {
      200: {
        description:
          'The audio; or, where `Accept` asks for JSON alone, a description of it. With `stream`, the audio as it is made, or events.',
        media: [...AUDIO, 'text/event-stream'],
        json: ['CompletedRequest'],
        headers: [
          'x-cost',
          'x-remaining-credits',
          'x-generation-time',
          'x-seed-value',
          'x-model',
          'x-cold-start',
          'x-output-metadata',
          'x-audio-duration',
          'x-ignored-parameters',
          'idempotent-replayed',
          'server-timing',
          ...RATE_LIMIT_HEADERS,
        ],
      },
    },
    errors: [
      'text_too_long',
      'invalid_reference_audio',
      'insufficient_credits',
      'idempotency_conflict',
      'overloaded',
      'cancelled',
      'timeout',
    ],
  },
  submit: {
    method: 'POST',
    path: `/v2/${MODEL_SLUG}`,
    summary: 'Submit a text to be spoken, and fetch the speech later',
    description:
      'Answers at once with an id and URLs to poll. The price is held now and charged when the speech is ready; a failure or a cancellation is never charged.',
    curl: `curl "$BASE/v2/${MODEL_SLUG}" -H "x-api-key: $KEY" \\
  -F text='Hello there. [chuckle]' -F reference_audio=@voice.wav`,
    access: 'key',
    rateLimited: 'speech',
    headers: ['idempotency-key'],
    body: { schema: 'AsyncSpeechRequest', multipartFile: 'reference_audio' },
    responses: {
      200: {
        description: 'The request is accepted.',
        json: ['SubmittedRequest'],
        headers: ['x-ignored-parameters', 'idempotent-replayed', ...RATE_LIMIT_HEADERS],
      },
    },
    errors: ['text_too_long', 'invalid_reference_audio', 'insufficient_credits', 'idempotency_conflict', 'overloaded'],
  },
  findStatus: {
    method: 'GET',
    path: '/v2/requests/{id}/status',
    summary: 'See how far a request is',
    description: 'The `status_url` of a request. Never rate-limited.',
    curl: `curl "$BASE/v2/requests/$REQUEST_ID/status?wait=30" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'RequestQuery',
    responses: {
      200: { description: 'Waiting, running or finished.', json: ['PendingRequest', 'CompletedStatus'] },
      422: { description: 'The request failed or was cancelled.', json: ['FailedRequest'] },
    },
    errors: ['request_not_found'],
  },
  findResult: {
    method: 'GET',
    path: '/v2/requests/{id}',
    summary: 'Fetch the result of a request',
    description: 'The `response_url` of a request. Never rate-limited.',
    curl: `curl "$BASE/v2/requests/$REQUEST_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'RequestQuery',
    responses: {
      200: { description: 'Finished, or still waiting or running.', json: ['CompletedRequest', 'PendingRequest'] },
      422: { description: 'The request failed or was cancelled.', json: ['FailedRequest'] },
    },
    errors: ['request_not_found'],
  },
  cancelRequest: {
    method: 'DELETE',
    path: '/v2/requests/{id}',
    summary: 'Cancel a request',
    description:
      'One that waits ends at once; one that is being spoken stops within a step of the model. What was held is released. One that had ended before stays as it is.',
    curl: `curl -X DELETE "$BASE/v2/requests/$REQUEST_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'What the request is now.', json: ['Cancellation'] } },
    errors: ['request_not_found'],
  },
  findRequest: {
    method: 'GET',
    path: '/v1/requests/{id}',
    summary: 'Look up a request by its id',
    description:
      'The `poll_url` of a request, and the way to one that was answered 504. The same as `/v2/requests/{id}`. Never rate-limited.',
    curl: `curl "$BASE/v1/requests/$REQUEST_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'RequestQuery',
    responses: {
      200: { description: 'Finished, or still waiting or running.', json: ['CompletedRequest', 'PendingRequest'] },
      422: { description: 'The request failed or was cancelled.', json: ['FailedRequest'] },
    },
    errors: ['request_not_found'],
  },
  downloadOutput: {
    method: 'GET',
    path: '/outputs/{file}',
    summary: 'Download an output',
    description: 'The URL is unguessable and needs no key. It is in `output` of a finished request.',
    curl: `curl "$OUTPUT" -o speech.wav`,
    ...download,
  },
  findCredits: {
    method: 'GET',
    path: '/v1/get-user-credits',
    summary: 'Read the balance',
    description: 'Free and never rate-limited: also a way to test a key.',
    curl: `curl "$BASE/v1/get-user-credits" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The balance.', json: ['Credits'] } },
    errors: ['credits_not_found'],
  },
  usage: {
    method: 'GET',
    path: '/v1/usage',
    summary: 'Read what was used',
    description:
      'Requests, characters, seconds of audio and cost of the account, by day, key or model. Never rate-limited.',
    curl: `curl "$BASE/v1/usage?from=2026-11-01&group_by=day" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'UsageQuery',
    responses: { 200: { description: 'The sums.', json: ['Usage'] } },
    errors: ['invalid_parameter'],
  },
  upload: {
    method: 'POST',
    path: '/v1/upload-asset',
    alsoAt: ['/upload-asset'],
    summary: 'Store recordings and get URLs for them',
    description: 'As `data:` URIs in JSON, or as `file` parts of a multipart body. Use the URLs as `reference_audio`.',
    curl: `curl "$BASE/v1/upload-asset" -H "x-api-key: $KEY" -F file=@voice.wav`,
    access: 'key',
    rateLimited: true,
    body: { schema: 'Upload', multipartFile: 'file' },
    responses: { 200: { description: 'The URLs.', json: ['Uploaded'], headers: RATE_LIMIT_HEADERS } },
    errors: [],
  },
  findProvenance: {
    method: 'POST',
    path: '/v1/provenance',
    summary: 'Ask whether a file was made here',
    description:
      'Every file carries a mark in its metadata: that it is synthetic, and which model, voice and seed made it, signed. Whoever strips the metadata strips the mark: a file without one may still be ours. Bare PCM has no place for it.',
    curl: `curl "$BASE/v1/provenance" -H "x-api-key: $KEY" -F file=@speech.wav`,
    access: 'key',
    rateLimited: true,
    body: { schema: 'ProvenanceRequest', multipartFile: 'file' },
    responses: { 200: { description: 'What is known of it.', json: ['Provenance'], headers: RATE_LIMIT_HEADERS } },
    errors: [],
  },
  downloadUpload: {
    method: 'GET',
    path: '/assets/{file}',
    summary: 'Download an upload',
    curl: `curl "$UPLOAD" -o voice.wav`,
    ...download,
  },
  createVoice: {
    method: 'POST',
    path: '/v1/voices',
    summary: 'Keep a voice',
    description:
      'The recording is checked, and `checks` advises what would make the voice better; one that cannot be cloned is refused. The best 15 seconds of it are kept, until you delete the voice, whatever the retention of requests is. The same file under the same name is the voice you have already.',
    curl: `curl "$BASE/v1/voices" -H "x-api-key: $KEY" \\
  -F name='Anna' -F consent=true -F reference_audio=@voice.wav`,
    access: 'key',
    rateLimited: true,
    body: { schema: 'NewVoice', multipartFile: 'reference_audio' },
    responses: { 200: { description: 'The voice.', json: ['Voice'], headers: RATE_LIMIT_HEADERS } },
    errors: ['invalid_reference_audio', 'voice_limit_reached'],
  },
  listVoices: {
    method: 'GET',
    path: '/v1/voices',
    summary: 'List the voices you can speak with',
    curl: `curl "$BASE/v1/voices" -H "x-api-key: $KEY"`,
    access: 'key',
    query: 'VoiceQuery',
    responses: { 200: { description: 'A page of them.', json: ['VoiceList'] } },
    errors: [],
  },
  findVoice: {
    method: 'GET',
    path: '/v1/voices/{id}',
    summary: 'Look up a voice',
    curl: `curl "$BASE/v1/voices/$VOICE_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'The voice.', json: ['Voice'] } },
    errors: ['not_found'],
  },
  changeVoice: {
    method: 'PATCH',
    path: '/v1/voices/{id}',
    summary: 'Rename or describe a voice',
    curl: `curl -X PATCH "$BASE/v1/voices/$VOICE_ID" -H "x-api-key: $KEY" -H 'content-type: application/json' \\
  -d '{"name": "Anna, warm"}'`,
    access: 'key',
    body: { schema: 'VoiceChanges' },
    responses: { 200: { description: 'The voice as it is now.', json: ['Voice'] } },
    errors: ['not_found'],
  },
  previewVoice: {
    method: 'GET',
    path: '/v1/voices/{id}/preview',
    summary: 'Hear the recording of a voice',
    description: 'The part of it that is kept, and that the voice is made from. Free.',
    curl: `curl "$BASE/v1/voices/ada/preview" -H "x-api-key: $KEY" -o ada.flac`,
    access: 'key',
    responses: { 200: { description: 'The recording.', media: ['audio/flac', 'audio/wav'] } },
    errors: ['not_found'],
  },
  exportVoice: {
    method: 'GET',
    path: '/v1/voices/{id}/export',
    summary: 'Download a voice',
    description:
      'What is kept of it, to be added elsewhere: the recording, or the voice file that it was added as. `chatterbox voices encode` makes a voice file of a recording.',
    curl: `curl "$BASE/v1/voices/$VOICE_ID/export" -H "x-api-key: $KEY" -o anna.flac`,
    access: 'key',
    responses: {
      200: { description: 'The file.', media: ['audio/flac', 'audio/wav', 'application/octet-stream'] },
    },
    errors: ['not_found'],
  },
  deleteVoice: {
    method: 'DELETE',
    path: '/v1/voices/{id}',
    summary: 'Delete a voice',
    description:
      'No request can name it from now on. Requests that wait or run with it are still spoken; with the last of them the recording is gone.',
    curl: `curl -X DELETE "$BASE/v1/voices/$VOICE_ID" -H "x-api-key: $KEY"`,
    access: 'key',
    responses: { 200: { description: 'It is deleted.', json: ['RemovedVoice'] } },
    errors: ['not_found'],
  },
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
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description, as OpenAPI 3.1',
    curl: `curl "$BASE/openapi.json"`,
    access: 'anyone',
    responses: { 200: { description: 'The document.', media: ['application/json'] } },
    errors: [],
  },
  docs: {
    method: 'GET',
    path: '/docs',
    summary: 'This description, for people',
    access: 'anyone',
    undocumented: true,
    responses: { 200: { description: 'A page.', media: ['text/html'] } },
    errors: [],
  },
  studio: {
    method: 'GET',
    path: '/',
    summary: 'The studio',
    access: 'anyone',
    undocumented: true,
    responses: { 200: { description: 'A page.', media: ['text/html'] } },
    errors: [],
  },
  studioFile: {
    method: 'GET',
    path: '/studio/{file}',
    summary: 'A part of the studio',
    access: 'anyone',
    undocumented: true,
    responses: { 200: { description: 'The file.', media: ['*/*'] } },
    errors: ['not_found'],
  },
  studioFacts: {
    method: 'GET',
    path: '/v1/studio',
    summary: 'What the studio shows before anybody has signed in',
    access: 'anyone',
    undocumented: true,
    responses: { 200: { description: 'The facts.', json: ['StudioFacts'] } },
    errors: [],
  },
  studioSignIn: {
    method: 'POST',
    path: '/v1/studio/sign-in',
    summary: 'A key for whoever sits at the machine that the server runs on',
    access: 'anyone',
    undocumented: true,
    responses: { 200: { description: 'The key.', json: ['StudioSignIn'] } },
    errors: ['forbidden'],
  },
  alive: {
    method: 'GET',
    path: '/healthz',
    summary: 'Is the process alive?',
    curl: `curl "$BASE/healthz"`,
    access: 'anyone',
    responses: { 200: { description: 'Yes.', json: ['Health'] } },
    errors: [],
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    summary: 'Should it get requests?',
    curl: `curl "$BASE/readyz"`,
    access: 'anyone',
    responses: { 200: { description: 'Yes.', json: ['Health'] } },
    errors: ['unavailable'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Numbers for Prometheus',
    description: 'Open on the machine itself; elsewhere it needs `Authorization: Bearer` with the setting ADMIN_TOKEN.',
    curl: `curl "$BASE/metrics" -H "authorization: Bearer $ADMIN_TOKEN"`,
    access: 'operator',
    responses: { 200: { description: 'Prometheus text format.', media: ['text/plain'] } },
    errors: ['forbidden'],
  },
  ...OPENAI_ROUTES,
  ...ADMIN_ROUTES,
} as const satisfies Record<string, RouteContract>

export type RouteName = keyof typeof ROUTES

/** Everything a route can be refused with, in the order in which it is checked. */
export function errorsOf(route: RouteContract): ErrorCode[] {
  const codes: ErrorCode[] = [
    ...(route.access === 'key' ? (['missing_api_key', 'invalid_api_key', 'forbidden'] as const) : []),
    ...(route.access === 'admin' ? (['forbidden'] as const) : []),
    ...(route.rateLimited ? (['rate_limit_exceeded'] as const) : []),
    ...(route.body
      ? ([
          'invalid_content_type',
          'body_too_large',
          'malformed_request',
          'invalid_json',
          'missing_parameter',
          'invalid_parameter',
        ] as const)
      : []),
    ...(route.query ? (['invalid_parameter'] as const) : []),
    ...route.errors,
    'internal',
    'unavailable',
  ]
  return [...new Set(codes)]
}
