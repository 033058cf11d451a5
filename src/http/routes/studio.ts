// The studio: its files, what it needs to know first, and a key for whoever sits at this machine.
import type { FastifyReply } from 'fastify'
import { createApiKey } from '../../billing/api-keys.ts'
import { bootstrapAccount } from '../../billing/bootstrap.ts'
import { microFromCredits } from '../../billing/prices.ts'
import { version } from '../../config.ts'
import { LONG_TEXT_LIMIT_CHARACTERS } from '../../contract/speech.ts'
import type { StudioFacts, StudioSignIn } from '../../contract/studio.ts'
import { AppError } from '../../errors.ts'
import { DELIVERY_TAGS, SOUND_TAGS } from '../../synthesis/speech.ts'
import { isLocalPage } from '../local-caller.ts'
import { readStudioFiles, type StudioFile } from '../pages/studio-files.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

/** The waveform library styles its own shadow trees, hence inline styles; scripts are files of ours alone. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function showStudio(_: Services): Handler {
  const page = readStudioFiles().get('index.html')
  return async (_request, reply) => {
    if (!page)
      throw new AppError(
        'not_found',
        'The studio has not been built: `npm run build` does it. The API is described at /docs.',
      )
    reply.headers({
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    })
    return sendStudioFile(reply, page)
  }
}

export function showStudioFile(_: Services): Handler {
  const files = readStudioFiles()
  return async (request, reply) => {
    const file = files.get((request.params as { file: string }).file)
    if (!file) throw new AppError('not_found', 'The studio has no such file.')
    return sendStudioFile(reply.header('content-security-policy', "default-src 'none'"), file)
  }
}

function sendStudioFile(reply: FastifyReply, { bytes, mediaType, isImmutable }: StudioFile): FastifyReply {
  return reply
    .headers({
      'content-type': mediaType,
      'cache-control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    })
    .send(bytes)
}

export function showStudioFacts({ config, findModel }: Services): Handler {
  return async (request, reply) =>
    reply.header('cache-control', 'no-store').send({
      version,
      model: await findModel(),
      price_per_1000_characters: config.PRICE_PER_1000_CHARACTERS,
      text_limit_characters: LONG_TEXT_LIMIT_CHARACTERS,
      tags: { sound: [...SOUND_TAGS], delivery: [...DELIVERY_TAGS] },
      operator: config.ADMIN_TOKEN !== undefined,
      sign_in: isLocalPage(request) ? 'automatic' : 'key',
    } satisfies StudioFacts)
}

export function signInToStudio({ config, db }: Services): Handler {
  return async (request, reply) => {
    if (!isLocalPage(request)) {
      throw new AppError('forbidden', "The studio signs in by itself on the server's own machine only. Use an API key.")
    }
    const { accountId } = await bootstrapAccount(db, {
      creditsMicro: microFromCredits(config.BOOTSTRAP_CREDITS),
      key: config.BOOTSTRAP_API_KEY,
    })
    const { key } = await createApiKey(db, { accountId, name: 'studio on this machine' })
    return reply.header('cache-control', 'no-store').send({ key } satisfies StudioSignIn)
  }
}
