// Requests on their way to being takes. The server has them, not this page: they survive a reload, and a server that is away for a while.
import { signal } from '@preact/signals'
import {
  cancelRequest,
  fetchOutput,
  findRequest,
  isPassing,
  Refusal,
  regeneratePiece,
  type SpeakParameters,
  submitSpeech,
} from './api.ts'
import { parameters, text } from './draft.ts'
import { followPieces } from './follow-pieces.ts'
import { allowSound, LiveSound, livePosition, noteMissed, playsLive } from './live-sound.ts'
import { makeId } from './random-id.ts'
import { credits, key, noticeRefusal, noticeServerGone, refreshCredits } from './session.ts'
import { addTake, type Take } from './takes.ts'
import { showToast } from './toast.ts'
import { chosenVoice, referenceOf } from './voices.ts'
import { secondsOfWav } from './wav.ts'

export interface Running {
  /** Made here; also the request's idempotency key. */
  readonly id: string
  /** Once the server has accepted it. */
  readonly requestId: string | undefined
  readonly createdAt: number
  readonly text: string
  readonly voiceName: string
  readonly voiceId: string
  readonly parameters: SpeakParameters
  readonly stage: 'sending' | 'waiting' | 'speaking' | 'stopping' | 'failed'
  /** Of one that has failed, for people. */
  readonly problem?: string
  /** Of those of its text, once the server has told. */
  readonly piecesDone?: number
  readonly pieces?: number
  /** From the click to the first sound. */
  readonly firstSoundSeconds?: number
  /** Of a take of which one piece is spoken again: which, from 0. */
  readonly respokenPiece?: number
  /** Requests that are served before it. */
  readonly queuePosition: number
}

const STORED = 'chatterbox-running'
const WAIT_SECONDS = { waiting: 2, speaking: 20 }

export const running = signal<readonly Running[]>([])
/** Why the last one could not be sent, for people. */
export const problem = signal<string | undefined>(undefined)
/** What is heard of them, by their ids. */
export const sounds = signal<ReadonlyMap<string, LiveSound>>(new Map())

/** Has the draft spoken. What is wrong with it is in `problem` afterwards; what fails later is shown where it was running. */
export async function speakDraft(): Promise<void> {
  if (key.value === undefined) return
  allowSound()
  const voice = chosenVoice.value
  const one: Running = {
    id: makeId(),
    requestId: undefined,
    createdAt: Date.now(),
    text: text.value,
    voiceName: voice.name,
    voiceId: voice.id,
    parameters: parameters.value,
    stage: 'sending',
    queuePosition: 0,
  }
  problem.value = undefined
  running.value = [one, ...running.value]
  await submit(one, voice.reference)
}

/** A request that has failed, as it was, under a new name. */
export async function tryAgain(one: Running): Promise<void> {
  const reference = referenceOf(one.voiceId)
  if (reference === 'gone') {
    showToast(`“${one.voiceName}” is no longer there: choose a voice.`)
    return
  }
  allowSound()
  forget(one.id)
  const { problem: _, firstSoundSeconds: __, ...asked } = one
  const again: Running = { ...asked, id: makeId(), requestId: undefined, createdAt: Date.now(), stage: 'sending' }
  running.value = [again, ...running.value]
  await submit(again, reference)
}

async function submit(one: Running, reference: Blob | string): Promise<void> {
  if (key.value === undefined) return
  const request = { ...one.parameters, text: one.text, reference }
  try {
    const { request_id } = await submitSpeech(key.value, one.id, request)
    const isStopped = find(one.id)?.stage === 'stopping'
    change(one.id, { requestId: request_id, ...(isStopped ? {} : { stage: 'waiting' }) })
    if (isStopped) await cancelRequest(key.value, request_id)
    else hear(one.id, playsLive.value)
    watch(one.id)
    await follow(one.id)
  } catch (error) {
    fail(one.id, error)
  }
}

/** Goes on with what was under way when the page was left. */
export function resumeRunning(): void {
  if (running.value.length > 0) return // it goes on already
  running.value = readStored()
  for (const { id, stage } of running.value) {
    if (stage === 'failed') continue
    watch(id)
    hear(id, false) // nobody has clicked yet, so browsers let nothing be heard
    follow(id).catch((error) => fail(id, error))
  }
}

/** The take with another reading of one of its pieces, as a take of its own. Throws Refusal. */
export async function respeakPiece(take: Take, index: number): Promise<void> {
  if (key.value === undefined) return
  allowSound()
  const id = makeId()
  const createdAt = Date.now()
  const { request_id: requestId } = await regeneratePiece(key.value, id, take.id, index)
  const { text: words, voiceName, voiceId, parameters: used } = take
  const asked = { text: words, voiceName, voiceId, parameters: used, respokenPiece: index }
  running.value = [{ id, requestId, createdAt, ...asked, stage: 'waiting', queuePosition: 0 }, ...running.value]
  store()
  watch(id)
  await follow(id).catch((error) => fail(id, error))
}

/** Tells of its pieces as they are done. Nothing depends on it. */
function watch(id: string): void {
  const requestId = find(id)?.requestId
  if (requestId === undefined || key.value === undefined) return
  followPieces(key.value, requestId, (piecesDone, pieces) => change(id, { piecesDone, pieces })).catch(() => {})
}

/** From the beginning, or from where it broke off; without sound its waveform alone. */
export function hear(id: string, isHeard: boolean, fromSeconds = 0): void {
  const one = find(id)
  if (one?.requestId === undefined || key.value === undefined) return
  const noteFirst = () => {
    const now = find(id)
    if (now && now.firstSoundSeconds === undefined) {
      change(id, { firstSoundSeconds: (Date.now() - now.createdAt) / 1000 })
    }
  }
  const sound = sounds.value.get(id) ?? new LiveSound(key.value, one.requestId, noteFirst)
  sounds.value = new Map(sounds.value).set(id, sound)
  sound.open(isHeard, fromSeconds)
}

/** Takes the notice of one that has failed away. */
export const dismiss = ({ id }: Running): void => forget(id)

/** What was not delivered is not charged. */
export async function stop({ id, requestId }: Running): Promise<void> {
  change(id, { stage: 'stopping' })
  sounds.value.get(id)?.close()
  if (requestId === undefined || key.value === undefined) return // stopped as soon as it is known
  await cancelRequest(key.value, requestId).catch(noticeRefusal)
}

async function follow(id: string): Promise<void> {
  for (;;) {
    const one = find(id)
    if (one?.requestId === undefined || key.value === undefined) return
    try {
      const found = await findRequest(
        key.value,
        one.requestId,
        one.stage === 'waiting' ? WAIT_SECONDS.waiting : WAIT_SECONDS.speaking,
      )
      if (found.status === 'COMPLETED') {
        const audio = await fetchOutput(found)
        const one = find(id)
        if (!one) return
        const sound = sounds.value.get(id)
        const isMissed = sound?.isHeard.value && sound.position() === undefined && sound.state.value !== 'whole'
        if (isMissed) noteMissed(found.request_id)
        const firstSoundSeconds = one.firstSoundSeconds ?? (isMissed ? (Date.now() - one.createdAt) / 1000 : undefined)
        await addTake({
          id: found.request_id,
          createdAt: one.createdAt,
          text: one.text,
          voiceName: one.voiceName,
          voiceId: one.voiceId,
          parameters: one.parameters,
          model: found.model,
          seed: Number(found.seed),
          audio,
          audioSeconds: await secondsOfWav(audio),
          engineSeconds: found.metrics.inference_time ?? 0,
          costCredits: found.metrics.cost,
          ...(firstSoundSeconds === undefined ? {} : { firstSoundSeconds }),
          ...(one.respokenPiece === undefined ? {} : { respokenPiece: one.respokenPiece }),
          isKept: false,
        })
        if (sound?.state.value === 'broken') {
          showToast('The live sound had broken off. The take is whole.')
        }
        forget(id)
        credits.value = found.metrics.remaining_credits ?? credits.value
        return
      }
      const stage = found.status === 'QUEUED' ? 'waiting' : 'speaking'
      change(id, { queuePosition: found.queue_position ?? 0, ...(find(id)?.stage === 'stopping' ? {} : { stage }) })
    } catch (error) {
      if (!isPassing(error)) throw error
      await new Promise<void>((goOn) => noticeServerGone(goOn))
    }
  }
}

function fail(id: string, error: unknown): void {
  const failed = find(id)
  noticeRefusal(error)
  if (failed?.requestId !== undefined && !(error instanceof Refusal && error.code === 'cancelled')) {
    sounds.value.get(id)?.close()
    change(id, { stage: 'failed', problem: error instanceof Error ? error.message : String(error) })
    return
  }
  forget(id)
  if (error instanceof Refusal && error.code === 'cancelled') {
    showToast('Stopped. Nothing was charged.')
    refreshCredits().catch(noticeRefusal)
  } else if (error instanceof Refusal && error.status === 0) {
    problem.value = 'The server does not answer, so nothing was sent. Speak again when it is back.'
  } else problem.value = error instanceof Error ? error.message : String(error)
}

const find = (id: string): Running | undefined => running.value.find((one) => one.id === id)

function change(id: string, part: Partial<Running>): void {
  running.value = running.value.map((one) => (one.id === id ? { ...one, ...part } : one))
  store()
}

function forget(id: string): void {
  const sound = sounds.value.get(id)
  // What sounds goes on until the take goes on in its place, or to its end.
  if (sound && livePosition(sound.requestId) === undefined) sound.close()
  sounds.value = new Map([...sounds.value].filter(([other]) => other !== id))
  running.value = running.value.filter((one) => one.id !== id)
  store()
}

function store(): void {
  localStorage.setItem(STORED, JSON.stringify(running.value.filter(({ requestId }) => requestId !== undefined)))
}

function readStored(): readonly Running[] {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? '[]') as Running[]
  } catch {
    return []
  }
}
