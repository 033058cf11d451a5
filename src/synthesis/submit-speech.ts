// A request to speak becomes a job: the gateway's half of submitting, the same for callers who wait and for those who come back.
import { priceMicro } from '../billing/prices.ts'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { cancelJob } from '../jobs/cancel.ts'
import type { JobMode } from '../jobs/job.ts'
import { makeInputBlobKey } from '../jobs/outputs.ts'
import { hasJobOfKey, type Submitted, submitJob } from '../jobs/submit.ts'
import type { Log } from '../log.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { findVoice } from '../storage/stored-voices.ts'
import { findBuiltInVoice } from './built-in-voices.ts'
import { chooseSeed } from './generate.ts'
import { namedVoice, noSuchVoice, type ReferenceRules, readInlineReference } from './reference-audio.ts'
import { cutText } from './speak-pieces.ts'
import type { Caller, ReferenceSource, SpeechRequest } from './speech.ts'
import { type StoredPieceText, storeRequest } from './stored-request.ts'

export interface SubmitDeps {
  readonly config: Pick<Config, 'MAX_QUEUED_REQUESTS' | 'PRICE_PER_1000_CHARACTERS' | 'RESULT_TTL_HOURS'>
  readonly db: Database
  readonly blobs: Blobs
  readonly references: ReferenceRules
  readonly log: Log
}

export interface SubmitTerms {
  readonly mode: JobMode
  /** Paid and sent by the piece. */
  readonly stream?: boolean | undefined
  readonly webhookUrl?: string | undefined
}

/** Each ends with a worker that died or an engine that crashed. A waiting caller would rather hear of it than wait for a fifth. */
export const MAX_ATTEMPTS: Readonly<Record<JobMode, number>> = { sync: 3, async: 5 }

const UNSURE = 'the database was away: a job may have been added that nobody waits for'

/**
 * Adds the job under `id` with its price held, or finds the one that has this idempotency key. A recording that came with the request is
 * stored first; a stored voice that it names must be there. Throws AppError: invalid_reference_audio, missing_parameter, insufficient_credits, idempotency_conflict, overloaded,
 * unavailable.
 */
export async function submitSpeech(
  deps: SubmitDeps,
  asked: SpeechRequest,
  caller: Caller,
  id: string,
  terms: SubmitTerms,
): Promise<Submitted> {
  const { config, db, blobs, log } = deps
  const recording = readInlineReference(asked.reference, deps.references)
  const request = { ...asked, reference: await findNamedVoice(db, asked, caller.accountId) }
  const inputBlobKey = recording && makeInputBlobKey(id)
  if (inputBlobKey) await blobs.put(inputBlobKey, recording)
  const forgetInput = async () => {
    // What cannot be deleted now is swept away later: no job names it.
    if (inputBlobKey)
      await blobs.delete(inputBlobKey).catch((err) => log.warn({ err, id }, 'an unused recording stays'))
  }
  try {
    const submitted = await submitJob(db, {
      id,
      accountId: caller.accountId,
      apiKeyId: caller.apiKeyId,
      mode: terms.mode,
      request: storeRequest(request, chooseSeed(request.seed), inputBlobKey !== undefined, cutAhead(request, terms)),
      inputBlobKey,
      characters: [...request.text].length,
      holdMicro: priceMicro(request.text, config.PRICE_PER_1000_CHARACTERS),
      idempotency: request.idempotency,
      ttlHours: config.RESULT_TTL_HOURS,
      maxAttempts: MAX_ATTEMPTS[terms.mode],
      webhookUrl: terms.webhookUrl,
      retention: request.retention,
      stream: terms.stream,
      ...(terms.mode === 'sync' ? { maxQueuedSync: config.MAX_QUEUED_REQUESTS } : {}),
    })
    if (submitted.kind === 'same') await forgetInput()
    return submitted
  } catch (error) {
    await forgetInput()
    // The statement may have happened and only its answer be lost. The caller hears that it has not: nobody shall pay for it.
    const isRefused = error instanceof AppError && error.code !== 'unavailable'
    if (!isRefused) void cancelJob(db, caller.accountId, id).catch((err) => log.warn({ err, id }, UNSURE))
    throw error
  }
}

/** Of requests that somebody comes back for, whose pieces are shown and spoken again. */
const cutAhead = (request: SpeechRequest, { mode }: SubmitTerms): StoredPieceText[] | undefined =>
  mode === 'async' ? cutText(request).map((text) => ({ text })) : undefined

/**
 * The reference; a stored voice under its plain id, by which the sweep knows what open jobs still need. A request whose idempotency key
 * has a job gets that job, whatever has become of the voice.
 */
async function findNamedVoice(db: Database, request: SpeechRequest, accountId: string): Promise<ReferenceSource> {
  const id = namedVoice(request.reference)
  if (id === undefined) return request.reference
  const isThere = findBuiltInVoice(id) !== undefined || (await findVoice(db, accountId, id)) !== undefined
  if (!isThere && !(await hasJobOfKey(db, accountId, request.idempotency?.key))) throw noSuchVoice(id)
  return { kind: 'string', value: `voice:${id}` }
}
