// What is known of a request by its id: submitted, waiting, running, finished, failed or cancelled.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'

/** Shorter than the 60 s after which common load balancers give up on a silent connection. */
export const LONGEST_WAIT_SECONDS = 50

const EXAMPLE_ID = '47411f110c6fa4fe05dcb9ffed2c1962'
const EXAMPLE_OUTPUT = 'https://tts.example/outputs/9c1185a5c5e9fc54612808977ee8f548.wav'
const EXAMPLE_EXPIRY = '2026-01-08T00:00:00.000Z'
const EXAMPLE_URLS = {
  status_url: `https://tts.example/v2/requests/${EXAMPLE_ID}/status`,
  response_url: `https://tts.example/v2/requests/${EXAMPLE_ID}`,
}

const requestId = z.string().describe('32 lower-case hex digits.')
const urls = {
  status_url: z.string().describe('Where to ask how far it is.'),
  response_url: z.string().describe('Where to fetch the result.'),
}
const queuePosition = z
  .number()
  .int()
  .optional()
  .describe('How many requests are served before this one; 1000 means 1000 or more. Only while it is QUEUED.')
const expiresAt = z.string().describe('ISO 8601, UTC. The record and the audio are gone after it.')

const timings = z.object({
  inference_time: z.number().optional().describe('Seconds of synthesis, encoding of the reference included.'),
  queue_time: z.number().optional().describe('Seconds spent waiting for a place.'),
  total_time: z.number().optional().describe('Seconds from the request to its end.'),
  retry_count: z.number().int().optional().describe('How often it was started again; absent where it was not.'),
})
const completedMetrics = timings.extend({
  cost: z.number().describe('Credits (US dollars) charged.'),
  remaining_credits: z.number().optional().describe('Balance after the charge.'),
})

const waitMessage = `wait must be a number of seconds between 0 and ${LONGEST_WAIT_SECONDS}.`
export const requestQuerySchema = z
  .object({
    wait: z.coerce
      .number({ error: waitMessage })
      .min(0, waitMessage)
      .max(LONGEST_WAIT_SECONDS, waitMessage)
      .default(0)
      .describe('Seconds. The answer comes when the request has ended, or when they are over; with 0, at once.'),
  })
  .meta({ description: 'How to ask for a request.', examples: [{ wait: 30 }] })

export const submittedRequestSchema = z
  .object({
    request_id: requestId,
    status: z
      .enum(['QUEUED', 'PROCESSING', 'COMPLETED'])
      .describe('`QUEUED`, unless an earlier request with the same `Idempotency-Key` got further already.'),
    poll_url: z.string().describe('The result, as the first version of the API had it.'),
    ...urls,
    queue_position: queuePosition,
    expires_at: expiresAt,
  })
  .meta({
    description:
      'The request is durable and its price is held. The three URLs are absolute; `GET` them with the same key.',
    examples: [
      {
        request_id: EXAMPLE_ID,
        status: 'QUEUED',
        poll_url: `https://tts.example/v1/requests/${EXAMPLE_ID}`,
        ...EXAMPLE_URLS,
        queue_position: 0,
        expires_at: EXAMPLE_EXPIRY,
      },
    ],
  })

export const pendingRequestSchema = z
  .object({
    status: z.enum(['QUEUED', 'PROCESSING']),
    request_id: requestId,
    ...urls,
    queue_position: queuePosition,
    metrics: z.object({}),
    expires_at: expiresAt,
  })
  .meta({
    description: 'The request waits or runs; ask again.',
    examples: [
      {
        status: 'PROCESSING',
        request_id: EXAMPLE_ID,
        ...EXAMPLE_URLS,
        metrics: {},
        expires_at: EXAMPLE_EXPIRY,
      },
    ],
  })

const EXAMPLE_METRICS = { inference_time: 3.2, queue_time: 0.1, total_time: 3.3, cost: 0.0064, remaining_credits: 9.41 }

export const completedStatusSchema = z
  .object({
    status: z.literal('COMPLETED'),
    request_id: requestId,
    metrics: completedMetrics,
    expires_at: expiresAt,
  })
  .meta({
    description: 'The request succeeded; its result is at `response_url`.',
    examples: [{ status: 'COMPLETED', request_id: EXAMPLE_ID, metrics: EXAMPLE_METRICS, expires_at: EXAMPLE_EXPIRY }],
  })

export const completedRequestSchema = z
  .object({
    status: z.literal('COMPLETED'),
    request_id: requestId,
    error: z.null(),
    output: z.string().describe('Public URL of the audio; it needs no key.'),
    audio: z.object({
      url: z.string(),
      content_type: z.string(),
      file_name: z.string(),
      file_size: z.string().describe('Bytes, as a string.'),
    }),
    seed: z.string().describe('The seed really used, as a string.'),
    model: z.string().describe('The engine that spoke. `preview` is the embedded stand-in, not Chatterbox.'),
    metrics: completedMetrics,
    expires_at: expiresAt,
  })
  .meta({
    description: 'The request succeeded.',
    examples: [
      {
        status: 'COMPLETED',
        request_id: EXAMPLE_ID,
        error: null,
        output: EXAMPLE_OUTPUT,
        audio: {
          url: EXAMPLE_OUTPUT,
          content_type: 'audio/wav',
          file_name: `${EXAMPLE_ID}.wav`,
          file_size: '384044',
        },
        seed: '42',
        model: 'turbo',
        metrics: EXAMPLE_METRICS,
        expires_at: EXAMPLE_EXPIRY,
      },
    ],
  })

export const failedRequestSchema = z
  .object({
    status: z.literal('FAILED'),
    request_id: requestId,
    error: z.string(),
    code: z.enum(ERROR_CODES).describe('`cancelled` where the caller wanted it so.'),
    param: z.string().optional(),
    metrics: timings,
    expires_at: expiresAt,
  })
  .meta({
    description: 'The request failed or was cancelled; nothing was charged.',
    examples: [
      {
        status: 'FAILED',
        request_id: EXAMPLE_ID,
        error: 'Reference media rejected: URL leads to a web page, not to a recording. Use a direct link.',
        code: 'invalid_reference_audio',
        param: 'reference_audio',
        metrics: { inference_time: 0.2, queue_time: 0.1, total_time: 0.3 },
        expires_at: EXAMPLE_EXPIRY,
      },
    ],
  })

export const cancellationSchema = z
  .object({
    request_id: requestId,
    status: z
      .enum(['CANCELLED', 'CANCELLING', 'COMPLETED', 'FAILED'])
      .describe(
        '`CANCELLED`: it has ended, and its hold is released. `CANCELLING`: it ends within a moment. `COMPLETED`, `FAILED`: it had ended before, and nothing has changed.',
      ),
  })
  .meta({
    description: 'What the request is now. Polls show a cancelled request as FAILED with the code `cancelled`.',
    examples: [{ request_id: EXAMPLE_ID, status: 'CANCELLED' }],
  })

export type SubmittedRequest = z.output<typeof submittedRequestSchema>
export type PendingRequest = z.output<typeof pendingRequestSchema>
export type CompletedStatus = z.output<typeof completedStatusSchema>
export type CompletedRequest = z.output<typeof completedRequestSchema>
export type FailedRequest = z.output<typeof failedRequestSchema>
export type Cancellation = z.output<typeof cancellationSchema>
