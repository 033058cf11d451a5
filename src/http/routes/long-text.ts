// The pieces of a request: listed, played, spoken again, and where in time they are.
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import {
  type PieceDescription,
  type PieceList,
  regenerateSchema,
  type TimingsAnswer,
  timingsQuerySchema,
} from '../../contract/long-text.ts'
import { validate } from '../../contract/validate.ts'
import { AppError, invariant } from '../../errors.ts'
import { findJob, type Job } from '../../jobs/job.ts'
import { type Cue, cutCues, type Span, toSrt, toVtt } from '../../synthesis/captions.ts'
import { findKnownPieces, type KnownPiece } from '../../synthesis/known-pieces.ts'
import { readPieceAudio } from '../../synthesis/piece-audio.ts'
import type { JsonBody } from '../body.ts'
import { describeSubmitted, requestStatus } from '../describe-request.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { publicUrl } from '../public-url.ts'
import { findQueuePosition } from '../queue-position.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import { gone, sendBytes } from '../send-file.ts'
import type { Services } from '../services.ts'
import { outputUrl, roundToMillisecond, setIgnoredParameters } from '../speech-answer.ts'

export function listPieces(services: Services): Handler {
  return async (request, reply) => {
    const job = await requireJob(services, request)
    const pieces = await findKnownPieces(services.db, job)
    const base = publicUrl(services.config, request)
    reply.header('cache-control', 'no-store')
    const described = pieces.map((piece) => describePiece(job, piece, pieces.length, base))
    return { request_id: job.id, status: requestStatus(job), pieces: described } satisfies PieceList
  }
}

function describePiece(job: Job, piece: KnownPiece, pieces: number, base: string): PieceDescription {
  const { index, text, seed, done } = piece
  if (!done) return { index, text, seed, state: 'pending' }
  const { startSeconds, durationSeconds, guards } = done
  const audioUrl = pieceUrl(job, piece, pieces, base)
  return {
    index,
    text,
    seed,
    state: 'done',
    ...(startSeconds === undefined ? {} : { start_seconds: roundToMillisecond(startSeconds) }),
    duration_seconds: roundToMillisecond(durationSeconds),
    ...(audioUrl === undefined ? {} : { audio_url: audioUrl }),
    guards: [...guards],
  }
}

/** Heard is what is charged: not before the request has completed. Of a single piece, the output is the piece. */
function pieceUrl(job: Job, { index, done }: KnownPiece, pieces: number, base: string): string | undefined {
  if (job.state !== 'completed') return undefined
  if (pieces === 1) return outputUrl(job.output, base)
  const isKept = job.mode === 'async' && job.retention === 'normal' && done?.isKept
  return isKept ? `${base}/outputs/${job.output.token}/pieces/${index}.wav` : undefined
}

export function regeneratePiece(services: Services): Handler {
  const { config, db, requests } = services
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'a request belongs to a caller')
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const { id: written, index: writtenIndex } = request.params as { id: string; index: string }
    const { value } = request.body as JsonBody
    const { seed } = validate(regenerateSchema, value)
    const index = readIndex(writtenIndex)
    const jobId = readRequestId(written)
    const wish = jobId === undefined ? undefined : { jobId, index, seed }
    const submitted =
      wish &&
      (await requests.regenerate(
        { ...wish, ...(idempotencyKey === undefined ? {} : { idempotency: idempotencyOf(idempotencyKey, wish) }) },
        caller,
        request.id,
      ))
    if (!submitted) throw new AppError('request_not_found', KNOWN_TEXTS.requestNotFound(written))
    const { job, kind } = submitted
    setIgnoredParameters(
      reply,
      Object.keys(value).filter((name) => !Object.hasOwn(regenerateSchema.shape, name)),
    )
    if (kind === 'same') reply.header('idempotent-replayed', 'true')
    reply.header('x-request-id', job.id).header('cache-control', 'no-store')
    return describeSubmitted(job, await findQueuePosition(db, job), publicUrl(config, request))
  }
}

function readIndex(written: string): number {
  if (/^\d{1,6}$/.test(written)) return Number(written)
  throw new AppError('invalid_parameter', 'index must be the index of a piece, from 0.', { param: 'index' })
}

const idempotencyOf = (key: string, wish: object) => ({
  key,
  requestHash: createHash('sha256')
    .update(`regenerate ${JSON.stringify(wish)}`)
    .digest('hex'),
})

export function findTimings(services: Services): Handler {
  return async (request, reply) => {
    const { format } = validate(timingsQuerySchema, request.query)
    const job = await requireJob(services, request)
    if (job.state !== 'completed') {
      throw new AppError('not_completed', 'The request has not completed: its times are known when it has.')
    }
    const spans = (await findKnownPieces(services.db, job)).map(toSpan)
    const cues = cutCues(spans)
    reply.header('cache-control', 'no-store')
    if (format === 'json') return describeTimings(job.id, spans, cues)
    const [mediaType, text] = format === 'srt' ? ['application/x-subrip', toSrt(cues)] : ['text/vtt', toVtt(cues)]
    reply.header('content-disposition', `inline; filename="${job.id}.${format}"`)
    return reply.type(`${mediaType}; charset=utf-8`).send(text)
  }
}

function toSpan({ index, text, done }: KnownPiece): Span {
  invariant(done?.startSeconds !== undefined, `piece ${index} of a completed request is not spoken`)
  const { startSeconds, durationSeconds } = done
  return { index, text, startSeconds, endSeconds: startSeconds + durationSeconds }
}

function describeTimings(requestId: string, spans: readonly Span[], cues: readonly Cue[]): TimingsAnswer {
  const describe = ({ index, text, startSeconds, endSeconds }: Span) => ({
    index,
    text,
    start_seconds: roundToMillisecond(startSeconds),
    end_seconds: roundToMillisecond(endSeconds),
  })
  return {
    request_id: requestId,
    duration_seconds: roundToMillisecond(spans.at(-1)?.endSeconds ?? 0),
    pieces: spans.map(describe),
    cues: cues.map((cue) => ({ ...describe(cue), estimated: cue.estimated })),
  }
}

export function downloadPiece(services: Services): Handler {
  return async (request, reply): Promise<FastifyReply> => {
    const { token, file } = request.params as { token: string; file: string }
    const index = /^(\d{1,6})\.wav$/.exec(file)?.[1]
    const piece = index === undefined ? undefined : await readPieceAudio(services, token, Number(index))
    if (!piece) throw gone()
    return sendBytes(request, reply, piece.bytes, {
      mediaType: 'audio/wav',
      fileName: `${piece.jobId}-${index}.wav`,
      etag: `${token}-${index}`,
      expiresAt: piece.expiresAt,
    })
  }
}

/** The job that the path names. Throws `request_not_found`. */
async function requireJob({ db }: Services, request: FastifyRequest): Promise<Job> {
  const { caller } = request
  invariant(caller, 'a request belongs to a caller')
  const written = (request.params as { id: string }).id
  const id = readRequestId(written)
  const job = id === undefined ? undefined : await findJob(db, caller.accountId, id)
  if (!job) throw new AppError('request_not_found', KNOWN_TEXTS.requestNotFound(written))
  return job
}
