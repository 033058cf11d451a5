// GET /v1/speech/ws: our messages and events. docs/websocket.md describes them.
import { creditsFromMicro } from '../../billing/prices.ts'
import { validate } from '../../contract/validate.ts'
import { type Message, messageSchema, type StartMessage, startMessageSchema } from '../../contract/websocket.ts'
import { AppError } from '../../errors.ts'
import type { SpeechRequest } from '../../synthesis/speech.ts'
import { TypedText } from '../../synthesis/typed-text.ts'
import { findVoiceId } from '../named-voice.ts'
import type { Services } from '../services.ts'
import { roundToMillisecond } from '../speech-answer.ts'
import { toSpeechRequest } from '../speech-request.ts'
import type { Connection } from './connection.ts'
import type { Protocol, ProtocolDeps } from './protocol.ts'
import { type Listener, SpeechSession, type Utterance } from './speech-session.ts'

export class OurProtocol implements Protocol {
  readonly #deps: ProtocolDeps
  readonly #typed = new TypedText()
  /** Sentences that wait for `flush`, where the caller wants to say when. */
  #held: string[] = []
  #cut: StartMessage['cut'] = 'sentences'
  session: SpeechSession | undefined

  constructor(deps: ProtocolDeps) {
    this.#deps = deps
  }

  async receive(value: Readonly<Record<string, unknown>>): Promise<'go on' | 'end'> {
    const message = validate(messageSchema, value)
    if (message.type === 'start') {
      await this.#start(message, value)
      return 'go on'
    }
    if (!this.session) throw refused('The first message must be start.')
    this.#take(this.session, message)
    return message.type === 'end' ? 'end' : 'go on'
  }

  async refuse({ code, message, param }: AppError): Promise<void> {
    await this.#deps.connection.send({ type: 'error', ...describeError({ code, message, param }) })
  }

  /** Every utterance has said that it is over: there is nothing to add. */
  async end(): Promise<void> {}

  async #start(start: StartMessage, given: object): Promise<void> {
    const { services, request, connection, authenticate } = this.#deps
    if (this.session) throw refused('start was sent twice.')
    const caller = await authenticate(start.api_key)
    const requestOf = await readStart(services, caller.accountId, start)
    const listener = showEvents(connection, start.audio)
    this.#cut = start.cut
    this.session = new SpeechSession({ services, caller, requestOf, listener, gone: connection.gone })
    const ignored = Object.keys(given).filter((name) => !Object.hasOwn(startMessageSchema.shape, name))
    await connection.send({ type: 'ready', request_id: request.id, ignored_parameters: ignored })
  }

  #take(session: SpeechSession, message: Message): void {
    if (message.type === 'text') this.#held.push(...this.#typed.add(message.text))
    if (message.type === 'cancel') {
      this.#held = []
      this.#typed.clear()
      session.cancel()
    }
    if (message.type === 'text' && this.#cut === 'flush') return
    const isFlushed = message.type === 'flush' || message.type === 'end'
    const rest = isFlushed ? this.#typed.flush() : undefined
    const texts = [...this.#held.splice(0), ...(rest === undefined ? [] : [rest])]
    for (const text of this.#cut === 'flush' && texts.length > 0 ? [texts.join(' ')] : texts) session.say(text)
  }
}

/** How every utterance is to be spoken. Throws `invalid_parameter` for a voice that is none. */
async function readStart(
  { db }: Services,
  accountId: string,
  start: StartMessage,
): Promise<(text: string) => SpeechRequest> {
  const { type: _, api_key: __, audio: ___, cut: ____, voice, reference_audio, output_format, ...sampling } = start
  if (voice !== undefined && reference_audio !== undefined) {
    throw new AppError('invalid_parameter', 'voice and reference_audio cannot both be sent.', { param: 'voice' })
  }
  const id = reference_audio === undefined ? await findVoiceId(db, accountId, voice ?? '') : undefined
  if (reference_audio === undefined && id === undefined) {
    throw new AppError('invalid_parameter', 'There is no such voice; GET /v1/voices lists those there are.', {
      param: 'voice',
    })
  }
  const reference = reference_audio ?? `voice:${id}`
  return (text) =>
    toSpeechRequest(
      { body: { ...sampling, text, reference_audio: reference }, file: undefined, ignored: [] },
      output_format,
      undefined,
    )
}

function showEvents(connection: Connection, audio: StartMessage['audio']): Listener {
  const of = ({ index, requestId }: Utterance) => ({ utterance: index, request_id: requestId })
  const seconds = roundToMillisecond
  return {
    started: (utterance, head) =>
      connection.send({
        type: 'utterance-start',
        ...of(utterance),
        text: utterance.text,
        seed: head.seed,
        model: head.model,
        latency: head.latency,
        content_type: head.mediaType,
        sample_rate: head.sampleRate,
        timings: { queue: seconds(head.queueSeconds), first_audio: seconds(head.firstAudioSeconds) },
      }),
    audio: ({ index }, bytes) =>
      connection.send(
        audio === 'binary'
          ? bytes
          : {
              type: 'audio',
              utterance: index,
              audio: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
            },
      ),
    piece: ({ index: utterance }, { index, text, startSeconds, seconds: length }) =>
      connection.send({
        type: 'piece',
        utterance,
        piece: index,
        text,
        start: seconds(startSeconds),
        duration: length === undefined ? null : seconds(length),
      }),
    ended: (utterance, _head, { audioSeconds, costMicro, remainingMicro, timings }) =>
      connection.send({
        type: 'utterance-end',
        ...of(utterance),
        duration: seconds(audioSeconds),
        cost: creditsFromMicro(costMicro),
        remaining_credits: creditsFromMicro(remainingMicro),
        timings: {
          queue: seconds(timings.queueSeconds),
          engine: seconds(timings.engineSeconds),
          total: seconds(timings.totalSeconds),
        },
      }),
    cancelled: (utterance) => connection.send({ type: 'cancelled', ...of(utterance) }),
    failed: (utterance, error) => connection.send({ type: 'error', ...of(utterance), ...describeError(error) }),
  }
}

const describeError = ({ code, message, param }: Pick<AppError, 'code' | 'message' | 'param'>) => ({
  code,
  error: message,
  ...(param === undefined ? {} : { param }),
})

const refused = (message: string) => new AppError('invalid_parameter', message, { param: 'type' })
