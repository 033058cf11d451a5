// ElevenLabs' text-to-speech API: their names for what the other routes have.
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type ElevenLabsVoiceBody,
  type ElevenLabsVoicePageBody,
  elevenLabsVoiceQuerySchema,
  listElevenLabsModels,
} from '../../contract/elevenlabs.ts'
import { validate } from '../../contract/validate.ts'
import { AppError, invariant } from '../../errors.ts'
import type { StoredVoice } from '../../storage/stored-voices.ts'
import { BUILT_IN_VOICES, type BuiltInVoice } from '../../synthesis/built-in-voices.ts'
import type { JsonBody } from '../body.ts'
import { elevenLabsErrorBody, isElevenLabsClient } from '../elevenlabs-error.ts'
import { type ElevenLabsRequest, readElevenLabsRequest } from '../elevenlabs-request.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { findVoiceId, listOwnVoices } from '../named-voice.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { setIgnoredParameters } from '../speech-answer.ts'
import { answerStream } from '../stream-answer.ts'
import { answerWhole } from '../whole-answer.ts'

/** `ours` answers everybody but clients of ElevenLabs'. */
export function unlessElevenLabs(ours: Handler, theirs: Handler): Handler {
  return async (request, reply) => {
    reply.header('vary', 'xi-api-key')
    return (isElevenLabsClient(request) ? theirs : ours)(request, reply)
  }
}

export function speakElevenLabs(services: Services): Handler {
  return async (request, reply) => {
    const { wanted, ignored } = await readRequest(services, request, false)
    return answerWhole(services, request, reply, wanted, { asJson: false, ignored })
  }
}

export function streamElevenLabs(services: Services): Handler {
  return async (request, reply) => {
    const { wanted, ignored } = await readRequest(services, request, true)
    return answerStream(services, request, reply, wanted, {
      asEvents: false,
      ignored,
      describeError: (error) => elevenLabsErrorBody(error, request.id),
    })
  }
}

function readRequest({ db }: Services, request: FastifyRequest, stream: boolean): Promise<ElevenLabsRequest> {
  return readElevenLabsRequest(db, accountOf(request), {
    voice: (request.params as { voice_id: string }).voice_id,
    query: request.query as Record<string, unknown>,
    body: (request.body as JsonBody).value,
    idempotencyKey: readIdempotencyKey(request.headers['idempotency-key']),
    stream,
  })
}

export const listElevenLabsModelsHandler = (): Handler => async () => listElevenLabsModels()

export function listElevenLabsVoices(services: Services): Handler {
  return async (request) => ({ voices: await allVoices(services, request) })
}

export function findElevenLabsVoice(services: Services): Handler {
  return async (request): Promise<ElevenLabsVoiceBody> => {
    const { id: named } = request.params as { id: string }
    const id = await findVoiceId(services.db, accountOf(request), named)
    const voice = (await allVoices(services, request)).find((each) => each.voice_id === id)
    if (!voice) throw new AppError('not_found', 'There is no such voice.', { param: 'voice_id' })
    return voice
  }
}

/** `remove` answers in our shape, which nobody asked for. */
export const removeElevenLabsVoice =
  (remove: Handler): Handler =>
  async (request, reply) => {
    await remove(request, reply)
    return { status: 'ok' }
  }

export function searchVoices(services: Services): Handler {
  return async (request, reply: FastifyReply): Promise<ElevenLabsVoicePageBody> => {
    const query = validate(elevenLabsVoiceQuerySchema, request.query)
    const known = elevenLabsVoiceQuerySchema.shape
    setIgnoredParameters(
      reply,
      Object.keys(request.query as object).filter((name) => !Object.hasOwn(known, name)),
    )
    const ids = query.voice_ids === undefined ? undefined : [query.voice_ids].flat()
    const search = query.search?.toLowerCase() ?? ''
    const found = (await allVoices(services, request)).filter(
      ({ voice_id, name, description, category }) =>
        (ids?.includes(voice_id) ?? true) &&
        (query.category === undefined || query.category === category) &&
        `${name}\n${description ?? ''}`.toLowerCase().includes(search),
    )
    if (query.sort) found.sort(inOrder(query.sort, query.sort_direction))
    const start = query.next_page_token === undefined ? 0 : placeAfter(found, query.next_page_token)
    const voices = found.slice(start, start + query.page_size)
    const hasMore = start + voices.length < found.length
    return {
      voices,
      has_more: hasMore,
      total_count: found.length,
      next_page_token: hasMore ? (voices.at(-1)?.voice_id ?? null) : null,
    }
  }
}

function placeAfter(voices: readonly ElevenLabsVoiceBody[], token: string): number {
  const place = voices.findIndex(({ voice_id }) => voice_id === token)
  if (place >= 0) return place + 1
  throw new AppError('invalid_parameter', 'next_page_token is not one of this search.', { param: 'next_page_token' })
}

function inOrder(by: 'created_at_unix' | 'name', direction: 'asc' | 'desc') {
  const sign = direction === 'asc' ? 1 : -1
  return (a: ElevenLabsVoiceBody, b: ElevenLabsVoiceBody): number =>
    sign * (by === 'name' ? a.name.localeCompare(b.name, 'en') : (a.created_at_unix ?? 0) - (b.created_at_unix ?? 0))
}

async function allVoices({ db }: Services, request: FastifyRequest): Promise<ElevenLabsVoiceBody[]> {
  const own = await listOwnVoices(db, accountOf(request))
  return [...own.map(describeOwn), ...BUILT_IN_VOICES.map(describeBuiltIn)]
}

const describeOwn = ({ id, name, description, createdAt }: StoredVoice): ElevenLabsVoiceBody => ({
  voice_id: id,
  name,
  category: 'cloned',
  description,
  labels: {},
  preview_url: null,
  is_owner: true,
  created_at_unix: Math.floor(createdAt.getTime() / 1000),
})

const describeBuiltIn = ({ id, name, description }: BuiltInVoice): ElevenLabsVoiceBody => ({
  voice_id: id,
  name,
  category: 'premade',
  description,
  labels: {},
  preview_url: null,
  is_owner: false,
})

function accountOf({ caller }: FastifyRequest): string {
  invariant(caller, 'voices belong to a caller')
  return caller.accountId
}
