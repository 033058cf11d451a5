// New voices for an account to keep: from a reference of any kind to what is stored of it, with advice on what would make it better.
import { webcrypto } from 'node:crypto'
import { AudioInputError } from '../audio/audio-input-error.ts'
import { decodeExcerpt } from '../audio/decode/decode.ts'
import { encodeAudio } from '../audio/encode/encoder.ts'
import type { Config } from '../config.ts'
import { isVoiceFile, readVoice } from '../engine/voice-file.ts'
import { AppError } from '../errors.ts'
import type { Blobs } from '../storage/blobs.ts'
import type { Database } from '../storage/postgres.ts'
import { addVoice, findSameVoice, type NewStoredVoice, type StoredVoice } from '../storage/stored-voices.ts'
import { type ReferenceDeps, rejectReference, resolveReference } from './reference-audio.ts'
import { REFERENCE_CPU_MS } from './reference-recording.ts'
import type { ReferenceSource } from './speech.ts'

export interface VoiceLibraryDeps {
  readonly config: Pick<Config, 'MAX_REFERENCE_SECONDS' | 'MAX_VOICES_PER_ACCOUNT'>
  readonly db: Database
  readonly blobs: Blobs
  readonly references: ReferenceDeps
}

export interface NewVoice {
  readonly name: string
  readonly description: string | null
  /** What whoever adds it declares of the speaker's consent. */
  readonly consent: string
  /** A recording or a voice file; not a voice that is stored already. */
  readonly reference: ReferenceSource
}

/** What the models hear; more is not kept. */
const KEPT_SAMPLE_RATE = 24_000

/**
 * Checks a recording, keeps the 15 seconds of it that make the best voice, and stores them; a voice file is stored as it is. The same file
 * under the same name is the voice that the account has already. Throws AppError: invalid_reference_audio in words that the person who
 * made the recording can act on, voice_limit_reached, unavailable.
 */
export async function registerVoice(
  { config, db, blobs, references }: VoiceLibraryDeps,
  accountId: string,
  { reference, ...described }: NewVoice,
  signal: AbortSignal,
): Promise<StoredVoice> {
  if (reference.kind === 'string' && /^voice:/i.test(reference.value)) {
    throw rejectReference(
      'A new voice is made from a recording or a voice file, not from a voice that is stored already.',
    )
  }
  const file = await resolveReference(reference, references, signal)
  const sha256 = Buffer.from(await webcrypto.subtle.digest('SHA-256', file)).toString('hex')
  const same = await findSameVoice(db, accountId, sha256, described.name)
  if (same) return same
  const kept = isVoiceFile(file) ? keepVoiceFile(file) : await keepExcerpt(file, config.MAX_REFERENCE_SECONDS, signal)
  const maxVoices = config.MAX_VOICES_PER_ACCOUNT
  const added = await addVoice(db, blobs, { accountId, ...described, sha256, ...kept }, maxVoices)
  if (added.kind !== 'full') return added.voice
  const message = `This account keeps ${maxVoices.toLocaleString('en-US')} voices, as many as it may. Delete one first.`
  throw new AppError('voice_limit_reached', message)
}

type Kept = Pick<NewStoredVoice, 'content' | 'checks' | 'bytes'>

/** What its tensors must be, only the engine knows; it looks when the voice is first spoken with. */
function keepVoiceFile(file: Uint8Array): Kept {
  const { model, version } = readVoice(file)
  return { content: { kind: 'encoded', model, version }, checks: [], bytes: file }
}

async function keepExcerpt(file: Uint8Array, maxSeconds: number, signal: AbortSignal): Promise<Kept> {
  const limits = { maxSeconds, cpuMs: REFERENCE_CPU_MS, sampleRate: KEPT_SAMPLE_RATE }
  const { recording, check, place } = await decodeExcerpt(file, limits, signal).catch((error: unknown) => {
    throw error instanceof AudioInputError ? rejectReference(error.message, error) : error
  })
  const [problem] = check.problems
  if (problem) throw rejectReference(problem.advice)
  return {
    content: { kind: 'recording', seconds: check.seconds, ...place },
    checks: check.warnings,
    bytes: await encodeAudio(withinFullScale(recording.samples), recording.sampleRate, 'flac'),
  }
}

/** Decoders of lossy formats overshoot full scale a little, which integers cannot. */
function withinFullScale(samples: Float32Array): Float32Array {
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return peak <= 1 ? samples : samples.map((value) => value / peak)
}
