// Requests that are submitted now and fetched later.
import type {
  Cancellation,
  CompletedRequest,
  CompletedStatus,
  PendingRequest,
  SubmittedRequest,
} from '../contract/requests.ts'
import { type CallOptions, type Connection, tooLate } from './connection.ts'
import { type AsyncSpeechParameters, bodyOf, randomKey, type SpeechOptions } from './parameters.ts'
import { pause } from './pause.ts'
import { outputPath, readBytes, readJson } from './speech.ts'

export interface PollOptions extends CallOptions {
  /** The answer comes when the request has ended, or when these are over; at most 50. Default: 0, at once. */
  readonly waitSeconds?: number | undefined
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Then `client_timeout` is thrown, and the request goes on. Default: none, it waits as long as it takes. */
  readonly timeoutSeconds?: number | undefined
  /** Told what each poll has found. */
  readonly onProgress?: ((request: PendingRequest) => void) | undefined
}

export interface RunOptions extends WaitOptions {
  readonly idempotencyKey?: string | undefined
}

/** A finished request and its audio. */
export type RunResult = CompletedRequest & { readonly bytes: Uint8Array<ArrayBuffer> }

export interface Requests {
  /** Holds the price and answers at once with an id. */
  submit(parameters: AsyncSpeechParameters, options?: SpeechOptions): Promise<SubmittedRequest>
  /** How far it is. Throws what a failed or cancelled request ended with. */
  status(requestId: string, options?: PollOptions): Promise<PendingRequest | CompletedStatus>
  /** The result, if it is there yet. Throws as `status` does. */
  result(requestId: string, options?: PollOptions): Promise<PendingRequest | CompletedRequest>
  /** Polls until the request has ended. Throws as `status` does. */
  wait(requestId: string, options?: WaitOptions): Promise<CompletedRequest>
  /** One that waits ends at once, one that is spoken at its next step; one that has ended stays as it is. Nothing is charged. */
  cancel(requestId: string, options?: CallOptions): Promise<Cancellation>
  /** The audio of a finished request, from the server that this client asks, whatever its public name is. */
  download(request: Pick<CompletedRequest, 'output'>, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>>
  /** Submits, waits and downloads. An aborted signal cancels the request; `timeoutSeconds` does not. */
  run(parameters: AsyncSpeechParameters, options?: RunOptions): Promise<RunResult>
}

/** As the server has it: shorter than a load balancer's patience. */
const LONGEST_WAIT_SECONDS = 50
/** Beside what was asked for: until the answer is here. */
const ANSWER_SECONDS = 30
const BETWEEN_POLLS_MS = 200

export function createRequests(connection: Connection, submitPath: string): Requests {
  const poll = <T>(path: string, { waitSeconds = 0, ...options }: PollOptions) => {
    const timeoutSeconds = options.timeoutSeconds ?? waitSeconds + ANSWER_SECONDS
    const query = { wait: waitSeconds === 0 ? undefined : waitSeconds }
    return connection.call(
      { method: 'GET', path, query, repeatable: true },
      { ...options, timeoutSeconds },
      readJson<T>,
    )
  }
  const requests: Requests = {
    submit(parameters, { idempotencyKey = randomKey(), ...options } = {}) {
      const { body, headers } = bodyOf(parameters)
      const named = { ...headers, 'idempotency-key': idempotencyKey }
      const call = { method: 'POST', path: submitPath, body, headers: named, repeatable: true } as const
      return connection.call(call, options, readJson<SubmittedRequest>)
    },
    status: (id, options = {}) => poll(`v2/requests/${encodeURIComponent(id)}/status`, options),
    result: (id, options = {}) => poll(`v2/requests/${encodeURIComponent(id)}`, options),
    wait: (id, options = {}) => waitForEnd(requests, id, options),
    cancel: (id, options = {}) =>
      connection.call(
        { method: 'DELETE', path: `v2/requests/${encodeURIComponent(id)}`, repeatable: true },
        options,
        readJson<Cancellation>,
      ),
    download: ({ output }, options = {}) =>
      connection.call({ method: 'GET', path: outputPath(output), repeatable: true }, options, readBytes),
    run: (parameters, options = {}) => run(requests, parameters, options),
  }
  return requests
}

async function waitForEnd(
  requests: Requests,
  requestId: string,
  { signal, timeoutSeconds = Number.POSITIVE_INFINITY, onProgress }: WaitOptions,
): Promise<CompletedRequest> {
  const untilMs = performance.now() + timeoutSeconds * 1000
  for (;;) {
    const leftSeconds = (untilMs - performance.now()) / 1000
    const waitSeconds = Math.max(0, Math.min(LONGEST_WAIT_SECONDS, leftSeconds))
    const found = await requests.result(requestId, { signal, waitSeconds })
    if (found.status === 'COMPLETED') return found
    onProgress?.(found)
    if (leftSeconds <= 0) throw tooLate(timeoutSeconds, requestId)
    await pause(BETWEEN_POLLS_MS, signal) // whoever answers at once instead of waiting is not asked without end
  }
}

async function run(
  requests: Requests,
  parameters: AsyncSpeechParameters,
  { idempotencyKey, ...waiting }: RunOptions,
): Promise<RunResult> {
  const { signal } = waiting
  const { request_id: requestId } = await requests.submit(parameters, { idempotencyKey, signal })
  try {
    const completed = await requests.wait(requestId, waiting)
    return { ...completed, bytes: await requests.download(completed, { signal }) }
  } catch (error) {
    // What was wanted was the end of it. Where even that cannot be said, the server speaks it and charges it.
    if (signal?.aborted) await requests.cancel(requestId).catch(() => {})
    throw error
  }
}
