// GET /v2/requests/{id}/events: how a request goes on, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import type { DoneEvent, PieceEvent, StatusEvent } from '../../contract/long-text.ts'
import { AppError, describeError, invariant } from '../../errors.ts'
import { findJob, type Job } from '../../jobs/job.ts'
import { abortTogether } from '../../synthesis/abort-together.ts'
import { followProgress, type Progress } from '../../synthesis/follow-progress.ts'
import { describeFailed, requestStatus } from '../describe-request.ts'
import { publicUrl } from '../public-url.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { outputUrl, roundToMillisecond } from '../speech-answer.ts'

/** Well below the 60 s after which common load balancers give up on a silent connection. */
const SILENCE_MS = 15_000
const DONE_ID = 'done'

export function followRequest(services: Services): Handler {
  return async (request, reply): Promise<FastifyReply> => {
    const { caller } = request
    invariant(caller, 'a request belongs to a caller')
    const written = (request.params as { id: string }).id
    const id = readRequestId(written)
    const job = id === undefined ? undefined : await findJob(services.db, caller.accountId, id)
    if (!job) throw new AppError('request_not_found', KNOWN_TEXTS.requestNotFound(written))
    const lastId = String(request.headers['last-event-id'] ?? '')
    if (lastId === DONE_ID) return reply.code(204).send() // tells an EventSource to stay away
    const fromIndex = /^\d{1,6}$/.test(lastId) ? Number(lastId) + 1 : 0

    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const base = publicUrl(services.config, request)
    async function* events(): AsyncGenerator<string, void, void> {
      using stop = abortTogether(gone.signal, request.server.closing)
      try {
        const wish = { job: job as Job, fromIndex, silenceMs: SILENCE_MS }
        for await (const progress of followProgress(services, wish, stop.signal)) yield toEvent(progress, base)
      } catch (error) {
        // Without `done` the client knows that it has to come back, and is told the rest then.
        if (!stop.signal.aborted) request.log.warn({ error: describeError(error) }, 'events broke off')
      }
    }
    reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-store')
    reply.header('x-accel-buffering', 'no')
    return reply.send(Readable.from(events(), { objectMode: false, highWaterMark: 1 }))
  }
}

function toEvent(progress: Progress, base: string): string {
  switch (progress.kind) {
    case 'status': {
      const { state, queuePosition } = progress
      const position = queuePosition === undefined ? {} : { queue_position: queuePosition }
      return event('status', { status: requestStatus({ state }), ...position } satisfies StatusEvent)
    }
    case 'piece': {
      const { index, pieces, startSeconds, durationSeconds } = progress
      const data: PieceEvent = {
        index,
        pieces,
        start_seconds: roundToMillisecond(startSeconds),
        duration_seconds: roundToMillisecond(durationSeconds),
      }
      return event('piece', data, String(index))
    }
    case 'done':
      return event('done', describeEnd(progress.job, base), DONE_ID)
    case 'silence':
      return ':\n\n'
  }
}

function describeEnd(job: Job | undefined, base: string): DoneEvent {
  if (job?.state === 'completed') return { status: 'COMPLETED', output: outputUrl(job.output, base) }
  if (job?.state === 'failed' || job?.state === 'cancelled') {
    const { error, code } = describeFailed(job)
    return { status: 'FAILED', error, code }
  }
  return { status: 'FAILED', error: 'The request has expired.', code: 'request_not_found' }
}

const event = (name: string, data: object, id?: string): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
