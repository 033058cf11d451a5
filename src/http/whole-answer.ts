// Speech that is sent when all of it is made, stored and charged: the file, or a description of it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { extensionOf } from '../contract/speech.ts'
import { invariant } from '../errors.ts'
import type { SpeechRequest } from '../synthesis/speech.ts'
import { watchCaller } from './caller-gone.ts'
import { forgetWhenSent } from './forget-when-sent.ts'
import { publicUrl } from './public-url.ts'
import type { Services } from './services.ts'
import { describeFinished, setSpeechHeaders } from './speech-answer.ts'

export interface WholeAnswer {
  readonly asJson: boolean
  /** Names of parameters that were ignored. */
  readonly ignored: readonly string[]
}

/** Has `wanted` spoken and answers with it. Throws what `speak` throws. */
export async function answerWhole(
  services: Pick<Services, 'config' | 'speaker' | 'db' | 'blobs' | 'log'>,
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: SpeechRequest,
  { asJson, ignored }: WholeAnswer,
): Promise<FastifyReply> {
  const { caller } = request
  invariant(caller, 'speaking needs a caller')
  using watch = watchCaller(reply)
  const speech = await services.speaker.speak(wanted, caller, request.id, watch.signal)
  request.timings = speech.timings
  if (wanted.retention === 'none' && !asJson) forgetWhenSent(services, request, reply, speech.requestId)
  setSpeechHeaders(reply, speech, ignored)
  if (asJson) {
    const finished = { ...speech, byteLength: speech.bytes.byteLength }
    return reply.send(describeFinished(finished, publicUrl(services.config, request)))
  }
  return reply
    .headers({
      'content-type': speech.mediaType,
      'content-disposition': `inline; filename="${speech.requestId}.${extensionOf(speech.mediaType) ?? 'bin'}"`,
    })
    .send(speech.bytes)
}
