// Speaking, and what became of a request.
import { MODEL_SLUG } from './models.ts'
import { DOWNLOAD, RATE_LIMIT_HEADERS, type RouteContract } from './route.ts'
import { OUTPUT_FORMATS } from './speech.ts'

const AUDIO = Object.values(OUTPUT_FORMATS).map(([mediaType]) => mediaType)

export const SPEECH_ROUTES = {
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
          'x-latency',
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
      'Answers at once with an id and URLs to poll. A text of up to 100,000 characters is spoken in pieces, which can be followed, played and spoken again one by one. The price is held now and charged when the speech is ready; a failure or a cancellation is never charged.',
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
    ...DOWNLOAD,
  },
} as const satisfies Record<string, RouteContract>
