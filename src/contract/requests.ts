// What is known of a request by its id: waiting, running, finished or failed.
import { z } from 'zod'
import { ERROR_CODES } from '../errors.ts'

const timings = z.object({
  inference_time: z.number().optional().describe('Seconds of synthesis, encoding of the reference included.'),
  queue_time: z.number().optional().describe('Seconds spent waiting for a place.'),
  total_time: z.number().optional().describe('Seconds from the request to its end.'),
})
const requestId = z.string().describe('32 lower-case hex digits.')

export const pendingRequestSchema = z
  .object({
    status: z.enum(['QUEUED', 'PROCESSING']),
    request_id: requestId,
    status_url: z.string(),
    response_url: z.string(),
    metrics: z.object({}),
  })
  .describe('The request waits or runs; ask again.')

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
  .describe('The request succeeded.')

export const failedRequestSchema = z
  .object({
    status: z.literal('FAILED'),
    request_id: requestId,
    error: z.string(),
    code: z.enum(ERROR_CODES),
    param: z.string().optional(),
    metrics: timings,
  })
  .describe('The request failed; nothing was charged.')

export type PendingRequest = z.output<typeof pendingRequestSchema>
export type CompletedRequest = z.output<typeof completedRequestSchema>
export type FailedRequest = z.output<typeof failedRequestSchema>
