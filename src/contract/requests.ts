// What is known of a request by its id: waiting, running, finished or failed.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'

const timings = z.object({
  inference_time: z.number().optional().describe('Seconds of synthesis, encoding of the reference included.'),
  queue_time: z.number().optional().describe('Seconds spent waiting for a place.'),
  total_time: z.number().optional().describe('Seconds from the request to its end.'),
})
const EXAMPLE_ID = '47411f110c6fa4fe05dcb9ffed2c1962'
const EXAMPLE_OUTPUT = 'https://tts.example/outputs/9c1185a5c5e9fc54612808977ee8f548.wav'
const requestId = z.string().describe('32 lower-case hex digits.')

export const pendingRequestSchema = z
  .object({
    status: z.enum(['QUEUED', 'PROCESSING']),
    request_id: requestId,
    status_url: z.string(),
    response_url: z.string(),
    metrics: z.object({}),
  })
  .meta({
    description: 'The request waits or runs; ask again.',
    examples: [
      {
        status: 'PROCESSING',
        request_id: EXAMPLE_ID,
        status_url: `https://tts.example/v1/requests/${EXAMPLE_ID}`,
        response_url: `https://tts.example/v1/requests/${EXAMPLE_ID}`,
        metrics: {},
      },
    ],
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
    metrics: timings.extend({
      cost: z.number().describe('Credits (US dollars) charged.'),
      remaining_credits: z.number().optional().describe('Balance after the charge.'),
    }),
    expires_at: z.string().describe('ISO 8601, UTC. The record and the audio are gone after it.'),
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
        metrics: { inference_time: 3.2, queue_time: 0.1, total_time: 3.3, cost: 0.0064, remaining_credits: 9.41 },
        expires_at: '2026-01-08T00:00:00.000Z',
      },
    ],
  })

export const failedRequestSchema = z
  .object({
    status: z.literal('FAILED'),
    request_id: requestId,
    error: z.string(),
    code: z.enum(ERROR_CODES),
    param: z.string().optional(),
    metrics: timings,
  })
  .meta({
    description: 'The request failed; nothing was charged.',
    examples: [
      {
        status: 'FAILED',
        request_id: EXAMPLE_ID,
        error: 'Reference media rejected: URL leads to a web page, not to a recording. Use a direct link.',
        code: 'invalid_reference_audio',
        param: 'reference_audio',
        metrics: { total_time: 0.2 },
      },
    ],
  })

export type PendingRequest = z.output<typeof pendingRequestSchema>
export type CompletedRequest = z.output<typeof completedRequestSchema>
export type FailedRequest = z.output<typeof failedRequestSchema>
