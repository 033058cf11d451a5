// GET /v2/requests/{id}/audio: what a request sounds like, while it is spoken and afterwards, in the format that is wanted.
import { finished } from 'node:stream/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import { requestAudioQuerySchema } from '../../contract/request-audio.ts'
import { extensionOf, formatOf, OUTPUT_FORMATS, type OutputFormat } from '../../contract/speech.ts'
import { validate } from '../../contract/validate.ts'
import { AppError, describeError, invariant } from '../../errors.ts'
import { type CompletedJob, findJob, type Job, type OpenJob } from '../../jobs/job.ts'
import { abortTogether } from '../../synthesis/abort-together.ts'
import { convertOutput } from '../../synthesis/convert.ts'
import { listen } from '../../synthesis/listen.ts'
import type { StoredRequest } from '../../synthesis/stored-request.ts'
import { createAudioPlaces } from '../audio-places.ts'
import { watchCaller } from '../caller-gone.ts'
import { describeFailed } from '../describe-request.ts'
import { forgetWhenSent } from '../forget-when-sent.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import { sendFile } from '../send-file.ts'
import type { Services } from '../services.ts'
import { sendStream } from '../stream-answer.ts'

export function findAudio(services: Services): Handler {
  const listeners = createAudioPlaces({ perAccount: 20, perServer: 1000 })
  const conversions = createAudioPlaces({ perAccount: 2, perServer: 4 })
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'a request belongs to a caller')
    const { format } = validate(requestAudioQuerySchema, request.query)
    const { id } = request.params as { id: string }
    const jobId = readRequestId(id)
    let job: Job | undefined = jobId === undefined ? undefined : await findJob(services.db, caller.accountId, jobId)
    if (job?.state === 'queued' || job?.state === 'running') {
      using _place = listeners.take(caller.accountId)
      const outcome = await answerLive(services, request, reply, job, format)
      if (outcome === 'sent') return reply
      job = outcome
    }
    if (job?.state === 'completed') {
      const kept = formatOf(job.output.mediaType)
      if (format === undefined || format === kept) return await answerKept(services, request, reply, job)
      requireWav(kept, (job.request as Partial<StoredRequest>).encoding)
      using _place = conversions.take(caller.accountId)
      return await answerConverted(services, request, reply, job, format)
    }
    if (job?.state === 'failed' || job?.state === 'cancelled') {
      const body = describeFailed(job)
      request.failureCode = body.code
      return reply.code(422).send(body)
    }
    throw new AppError('request_not_found', KNOWN_TEXTS.requestNotFound(id))
  }
}

/** 'sent', or what the job has come to without any sound. */
async function answerLive(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  job: OpenJob,
  wanted: OutputFormat | undefined,
): Promise<'sent' | Job | undefined> {
  const { format, encoding } = job.request as Partial<StoredRequest> // a refused one has none, and fails
  if (format !== undefined) requireWav(format, encoding)
  using watch = watchCaller(reply)
  using stop = abortTogether(watch.signal, request.server.closing)
  const patienceMs = services.config.REQUEST_TIMEOUT_SECONDS * 1000
  const outcome = await listen(services, { job, format: wanted ?? 'wav', patienceMs }, stop.signal)
  if (!outcome || 'state' in outcome) return outcome
  try {
    await sendStream(request, reply, outcome, { asEvents: false, ignored: [], describeError: () => ({}) })
  } catch (error) {
    if (!watch.signal.aborted) request.log.warn({ error: describeError(error) }, 'a listener was cut off')
    reply.raw.destroy()
  }
  return 'sent'
}

function answerKept(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, output, expiresAt, retention }: CompletedJob,
): Promise<FastifyReply> {
  const isPassing = retention === 'none'
  if (isPassing) forgetWhenSent(services, request, reply, id)
  const fileName = `${id}.${extensionOf(output.mediaType)}`
  return sendFile(request, reply, services.blobs, { ...output, expiresAt, isPassing, etag: output.sha256, fileName })
}

async function answerConverted(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  job: CompletedJob,
  format: OutputFormat,
): Promise<FastifyReply> {
  using watch = watchCaller(reply)
  if (job.retention === 'none') forgetWhenSent(services, request, reply, job.id)
  const { bytes, stream } = await convertOutput(services.blobs, job, format, watch.signal)
  reply.headers({
    'content-type': OUTPUT_FORMATS[format][0],
    'content-length': bytes,
    'content-disposition': `inline; filename="${job.id}.${format}"`,
    'cache-control': 'no-store',
  })
  // The place is free when the file is sent. A caller who leaves is seen in the log.
  const sent = finished(reply.raw)
  reply.send(stream)
  await sent.catch(() => stream.destroy())
  return reply
}

/** One at another sample rate than the pieces have cannot be joined to them. */
function requireWav(format: OutputFormat | undefined, encoding: StoredRequest['encoding']): void {
  if (format === 'wav' && encoding === undefined) return
  const message = `The output of this request is ${format ?? 'telephone audio'}${encoding?.sampleRate ? ` at ${encoding.sampleRate} Hz` : ''}: it can be had as it is, once it is finished. Only one that was requested as wav can be heard live or in another format.`
  throw new AppError('invalid_parameter', message, { param: 'format' })
}
