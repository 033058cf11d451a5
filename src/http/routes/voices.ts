// /v1/voices: the voices that an account keeps, and those that come with the program.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { validate } from '../../contract/validate.ts'
import {
  CONSENT_IN_OUR_WORDS,
  newVoiceOfFileSchema,
  newVoiceSchema,
  type RemovedVoiceBody,
  type VoiceBody,
  type VoiceListBody,
  voiceChangesSchema,
  voiceQuerySchema,
} from '../../contract/voices.ts'
import { AppError, invariant } from '../../errors.ts'
import { removeDeletedVoices } from '../../jobs/sweep.ts'
import * as stored from '../../storage/stored-voices.ts'
import { BUILT_IN_VOICES, type BuiltInVoice, findBuiltInVoice } from '../../synthesis/built-in-voices.ts'
import type { ReferenceSource } from '../../synthesis/speech.ts'
import { registerVoice } from '../../synthesis/voice-library.ts'
import type { ParsedBody } from '../body.ts'
import { watchCaller } from '../caller-gone.ts'
import { publicUrl } from '../public-url.ts'
import { readRequestId } from '../request-id.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function createVoice(services: Services): Handler {
  return async (request, reply) => {
    using watch = watchCaller(reply)
    const accountId = accountOf(request)
    const { parameters, file } = readNewVoice(request.body as ParsedBody)
    const body = validate(file ? newVoiceOfFileSchema : newVoiceSchema, parameters)
    const reference: ReferenceSource = file
      ? { kind: 'bytes', bytes: file }
      : { kind: 'string', value: body.reference_audio ?? '', accountId }
    const voice = await registerVoice(
      services,
      accountId,
      {
        name: body.name,
        description: body.description ?? null,
        consent: body.consent === true ? CONSENT_IN_OUR_WORDS : body.consent,
        reference,
      },
      watch.signal,
    )
    return describeVoice(voice, publicUrl(services.config, request))
  }
}

export function listVoices({ config, db }: Services): Handler {
  return async (request) => {
    const { before, limit } = validate(voiceQuerySchema, request.query)
    const base = publicUrl(config, request)
    const builtInBefore = BUILT_IN_VOICES.findIndex(({ id }) => id === before)
    const ownBefore = before === undefined ? undefined : (readRequestId(before) ?? before)
    // One more than asked for tells whether there is another page.
    const own =
      builtInBefore < 0 ? await stored.listVoices(db, accountOf(request), { before: ownBefore, limit: limit + 1 }) : []
    const voices = [
      ...own.map((voice) => describeVoice(voice, base)),
      ...BUILT_IN_VOICES.slice(builtInBefore + 1).map((voice) => describeBuiltIn(voice, base)),
    ]
    const page = voices.slice(0, limit)
    const next = voices.length > limit ? (page.at(-1)?.id ?? null) : null
    return { voices: page, next } satisfies VoiceListBody
  }
}

export function findVoice({ config, db }: Services): Handler {
  return async (request) => {
    const voice = await requireVoice({ db }, request)
    const base = publicUrl(config, request)
    return voice.kind === 'built-in' ? describeBuiltIn(voice.voice, base) : describeVoice(voice.voice, base)
  }
}

export function changeVoice({ config, db }: Services): Handler {
  return async (request) => {
    const { value } = request.body as ParsedBody & { kind: 'json' } // the route takes nothing else
    const changes = validate(voiceChangesSchema, value)
    const changed = await stored.changeVoice(db, accountOf(request), ownIdOf(request), changes)
    if (!changed) throw noVoice()
    if (changed === 'taken') {
      const message = 'name: you have another voice of this very recording with this name.'
      throw new AppError('invalid_parameter', message, { param: 'name' })
    }
    return describeVoice(changed, publicUrl(config, request))
  }
}

export function deleteVoice({ db, blobs, log }: Services): Handler {
  return async (request) => {
    const id = ownIdOf(request)
    if (!(await stored.deleteVoice(db, accountOf(request), id))) throw noVoice()
    // What cannot be removed now, is at the next sweep.
    await removeDeletedVoices(db, blobs).catch((err) => log.warn({ err }, 'a deleted voice waits to be removed'))
    return { id, deleted: true } satisfies RemovedVoiceBody
  }
}

export function previewVoice({ db, blobs }: Services): Handler {
  return async (request, reply) => {
    const voice = await requireVoice({ db }, request)
    if (voice.kind === 'stored' && voice.voice.content.kind === 'encoded') {
      throw new AppError('not_found', 'This voice was added as a voice file, without a recording to play.')
    }
    return sendVoice(reply, await readKept(voice, blobs), 'inline')
  }
}

export function exportVoice({ db, blobs }: Services): Handler {
  return async (request, reply) => {
    const voice = await requireVoice({ db }, request)
    return sendVoice(reply, await readKept(voice, blobs), 'attachment')
  }
}

type AnyVoice =
  | { readonly kind: 'built-in'; readonly voice: BuiltInVoice }
  | { readonly kind: 'stored'; readonly voice: stored.StoredVoice }

/** Throws `not_found` for another account's as for none at all. */
async function requireVoice({ db }: Pick<Services, 'db'>, request: FastifyRequest): Promise<AnyVoice> {
  const builtIn = findBuiltInVoice(writtenId(request).toLowerCase())
  if (builtIn) return { kind: 'built-in', voice: builtIn }
  const voice = await stored.findVoice(db, accountOf(request), readRequestId(writtenId(request)) ?? '')
  if (!voice) throw noVoice()
  return { kind: 'stored', voice }
}

interface KeptFile {
  readonly bytes: Uint8Array
  readonly fileName: string
  readonly mediaType: string
}

async function readKept(found: AnyVoice, blobs: Services['blobs']): Promise<KeptFile> {
  if (found.kind === 'built-in') {
    const { id, file } = found.voice
    if (!file) throw new AppError('not_found', 'This is whatever voice the model has; there is no recording of it.')
    const extension = path.extname(file)
    const mediaType = extension === '.wav' ? 'audio/wav' : 'audio/flac'
    return { bytes: await readFile(file), fileName: `${id}${extension}`, mediaType }
  }
  const { voice } = found
  const bytes = await blobs.read(voice.blobKey)
  if (!bytes) throw noVoice() // deleted in the moment since
  return voice.content.kind === 'encoded'
    ? { bytes, fileName: `${voice.id}.safetensors`, mediaType: 'application/octet-stream' }
    : { bytes, fileName: `${voice.id}.flac`, mediaType: 'audio/flac' }
}

function sendVoice(reply: FastifyReply, { bytes, fileName, mediaType }: KeptFile, place: 'inline' | 'attachment') {
  reply.headers({
    'content-type': mediaType,
    'content-disposition': `${place}; filename="${fileName}"`,
    // Somebody's voice, to be had with a key only.
    'cache-control': 'private, no-store',
    'content-security-policy': "default-src 'none'; sandbox",
  })
  return reply.send(bytes)
}

/** A form's text is text: `true` in it is what `true` is in JSON. */
function readNewVoice(body: ParsedBody): { parameters: Record<string, unknown>; file?: Uint8Array } {
  if (body.kind === 'json') return { parameters: { ...body.value } }
  // No prototype: a field may have any name.
  const parameters: Record<string, unknown> = Object.create(null)
  const files = body.files.filter(({ name }) => name === 'reference_audio')
  const names = [...body.fields.map(([name]) => name), ...files.map(({ name }) => name)]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new AppError('invalid_parameter', `${twice} was sent more than once.`, { param: twice })
  }
  for (const [name, value] of body.fields) parameters[name] = value
  if (parameters.consent === 'true') parameters.consent = true
  const [file] = files
  return file ? { parameters, file: file.bytes } : { parameters }
}

function accountOf({ caller }: FastifyRequest): string {
  invariant(caller, 'a voice belongs to a caller')
  return caller.accountId
}

const writtenId = (request: FastifyRequest): string => (request.params as { id: string }).id

/** Of a voice that is to be changed. Throws `not_found` for what cannot be an id, and says of a built-in one that it stays as it is. */
function ownIdOf(request: FastifyRequest): string {
  const written = writtenId(request)
  if (findBuiltInVoice(written.toLowerCase())) {
    throw new AppError('not_found', 'This voice is built in: it can be spoken with, not changed or deleted.')
  }
  return readRequestId(written) ?? ''
}

function noVoice(): AppError {
  return new AppError('not_found', 'There is no such voice.')
}

const previewUrl = (base: string, id: string): string => `${base}/v1/voices/${id}/preview`

function describeVoice(voice: stored.StoredVoice, base: string): VoiceBody {
  const { id, content } = voice
  const isRecording = content.kind === 'recording'
  return {
    id,
    reference_audio: `voice:${id}`,
    name: voice.name,
    description: voice.description,
    is_builtin: false,
    kind: content.kind,
    seconds: isRecording ? round(content.seconds) : null,
    recording: isRecording ? { seconds: round(content.sentSeconds), start: round(content.startSeconds) } : null,
    checks: [...voice.checks],
    consent: { statement: voice.consent, given_at: voice.consentAt.toISOString() },
    model: isRecording ? null : content.model,
    version: isRecording ? null : content.version,
    preview_url: isRecording ? previewUrl(base, id) : null,
    created_at: voice.createdAt.toISOString(),
  }
}

function describeBuiltIn({ id, name, description, file, seconds }: BuiltInVoice, base: string): VoiceBody {
  return {
    id,
    reference_audio: `voice:${id}`,
    name,
    description,
    is_builtin: true,
    kind: file ? 'recording' : 'model',
    seconds: seconds ?? null,
    recording: null,
    checks: [],
    consent: null,
    model: null,
    version: null,
    preview_url: file ? previewUrl(base, id) : null,
    created_at: null,
  }
}

const round = (seconds: number): number => Math.round(seconds * 100) / 100
