// GET /v1/text-to-speech/{voice_id}/stream-input: ElevenLabs' messages, for its clients. docs/websocket.md says what is different.

import { validate } from '../../contract/validate.ts'
import { CLOSE_CODES, type ElevenLabsMessage, elevenLabsMessageSchema } from '../../contract/websocket.ts'
import { AppError } from '../../errors.ts'
import { TypedText } from '../../synthesis/typed-text.ts'
import { readElevenLabsRequest } from '../elevenlabs-request.ts'
import { closeCodeOf } from './close-code.ts'
import type { Protocol, ProtocolDeps } from './protocol.ts'
import { type Listener, SpeechSession } from './speech-session.ts'

export class ElevenLabsProtocol implements Protocol {
  readonly #deps: ProtocolDeps
  readonly #typed = new TypedText()
  session: SpeechSession | undefined

  constructor(deps: ProtocolDeps) {
    this.#deps = deps
  }

  async receive(value: Readonly<Record<string, unknown>>): Promise<'go on' | 'end'> {
    const message = validate(elevenLabsMessageSchema, value)
    const session = this.session ?? (await this.#open(message))
    for (const text of this.#typed.add(message.text)) session.say(text)
    const isEnd = message.text === ''
    const rest = isEnd || message.flush ? this.#typed.flush() : undefined
    if (rest !== undefined) session.say(rest)
    return isEnd ? 'end' : 'go on'
  }

  async refuse(error: AppError): Promise<void> {
    const { message, code } = error
    await this.#deps.connection.send({ message, error: code, code: closeCodeOf(error) })
  }

  async end(): Promise<void> {
    await this.#deps.connection.send({ audio: null, isFinal: true, normalizedAlignment: null, alignment: null })
  }

  async #open(message: ElevenLabsMessage): Promise<SpeechSession> {
    const { services, request, connection, authenticate } = this.#deps
    const caller = await authenticate(message.xi_api_key)
    const { model_id, ...query } = request.query as Record<string, unknown>
    const { seed, ...audioQuery } = query
    if (String(query.output_format).startsWith('wav_')) {
      const text = 'output_format: a WAV has a head that cannot be joined to another; use mp3, opus, pcm, ulaw or alaw.'
      throw new AppError('invalid_parameter', text, { param: 'output_format' })
    }
    const { wanted } = await readElevenLabsRequest(services.db, caller.accountId, {
      voice: (request.params as { voice_id: string }).voice_id,
      query: audioQuery,
      body: {
        text: 'To be typed.',
        ...(model_id === undefined ? {} : { model_id }),
        ...(seed === undefined ? {} : { seed: Number(seed) }),
        voice_settings: message.voice_settings ?? null,
      },
      idempotencyKey: undefined,
      stream: true,
    })
    const requestOf = (text: string) => ({ ...wanted, text })
    const listener = this.#listener()
    this.session = new SpeechSession({ services, caller, requestOf, listener, gone: connection.gone })
    return this.session
  }

  #listener(): Listener {
    const { connection } = this.#deps
    const nothing = async () => {}
    return {
      started: nothing,
      piece: nothing,
      ended: nothing,
      cancelled: nothing,
      audio: (_utterance, bytes) =>
        connection.send({
          audio: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
          isFinal: null,
          normalizedAlignment: null,
          alignment: null,
        }),
      // There is no way to say that only a part of it failed.
      failed: async (_utterance, error) => {
        await this.refuse(error)
        connection.close(closeCodeOf(error) ?? CLOSE_CODES.failed, error.code)
      },
    }
  }
}
