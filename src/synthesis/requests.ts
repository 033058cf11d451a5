// Requests whose callers do not wait: they come back for the result, or are told of it.
import type { AppError } from '../errors.ts'
import { type Submitted, submitJob } from '../jobs/submit.ts'
import { type PieceWish, regeneratePiece } from './regenerate.ts'
import type { Caller, SpeechRequest } from './speech.ts'
import { storeRefusal } from './stored-request.ts'
import { type SubmitDeps, submitSpeech } from './submit-speech.ts'

export interface RequestTerms {
  /** Called when the request has ended. Its form has been checked. */
  readonly webhookUrl?: string | undefined
}

export interface Requests {
  /**
   * Adds the request under `id`, 32 lower-case hex digits, with its price held, or finds the one with the same idempotency key.
   * Throws AppError: invalid_reference_audio, missing_parameter, insufficient_credits, idempotency_conflict, overloaded, unavailable.
   */
  submit(request: SpeechRequest, caller: Caller, id: string, terms: RequestTerms): Promise<Submitted>
  /** Adds a request under `id` that is the one named in `wish` but for one piece, spoken anew; undefined and AppErrors: regenerate.ts. */
  regenerate(wish: PieceWish, caller: Caller, id: string): Promise<Submitted | undefined>
  /** Adds a request that can only fail, with `refusal`, once a worker has it. It costs nothing and holds nothing. */
  submitRefused(refusal: AppError, caller: Caller, id: string, terms: RequestTerms): Promise<Submitted>
}

export const createRequests = (deps: SubmitDeps): Requests => ({
  submit: (request, caller, id, { webhookUrl }) =>
    submitSpeech(deps, request, caller, id, { mode: 'async', webhookUrl }),
  regenerate: (wish, caller, id) => regeneratePiece(deps, wish, caller, id),
  submitRefused: (refusal, caller, id, { webhookUrl }) =>
    submitJob(deps.db, {
      id,
      accountId: caller.accountId,
      apiKeyId: caller.apiKeyId,
      mode: 'async',
      request: storeRefusal(refusal),
      characters: 0,
      holdMicro: 0,
      ttlHours: deps.config.RESULT_TTL_HOURS,
      maxAttempts: 1,
      webhookUrl,
    }),
})
