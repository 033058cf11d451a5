// Requests on their way to being takes. The server has them, not this page: they survive a reload, and a server that is away for a while.
import { signal } from '@preact/signals'
import {
  cancelRequest,
  fetchOutput,
  findRequest,
  isPassing,
  Refusal,
  type SpeakParameters,
  submitSpeech,
} from './api.ts'
import { parameters, text } from './draft.ts'
import { makeId } from './random-id.ts'
import { credits, key, noticeRefusal, noticeServerGone, refreshCredits } from './session.ts'
import { addTake } from './takes.ts'
import { showToast } from './toast.ts'
import { chosenVoice } from './voices.ts'
import { secondsOfWav } from './wav.ts'

export interface Running {
  /** Made here; also the request's idempotency key. */
  readonly id: string
  /** Once the server has accepted it. */
  readonly requestId: string | undefined
  readonly createdAt: number
  readonly text: string
  readonly voiceName: string
  readonly voiceId: string | undefined
  readonly parameters: SpeakParameters
  readonly stage: 'sending' | 'waiting' | 'speaking' | 'stopping'
  /** Requests that are served before it. */
  readonly queuePosition: number
}

const STORED = 'chatterbox-running'
const WAIT_SECONDS = { waiting: 2, speaking: 20 }

export const running = signal<readonly Running[]>([])
/** What became of the last one that failed, for people. */
export const problem = signal<string | undefined>(undefined)

/** Has the draft spoken. What is wrong with it is in `problem` afterwards. */
export async function speakDraft(): Promise<void> {
  if (key.value === undefined) return
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
  const request = { ...one.parameters, text: one.text, reference: voice.reference }
  try {
    const { request_id } = await submitSpeech(key.value, one.id, request)
    const isStopped = find(one.id)?.stage === 'stopping'
    change(one.id, { requestId: request_id, ...(isStopped ? {} : { stage: 'waiting' }) })
    if (isStopped) await cancelRequest(key.value, request_id)
    await follow(one.id)
  } catch (error) {
    fail(one.id, error)
  }
}

/** Goes on with what was under way when the page was left. */
export function resumeRunning(): void {
  if (running.value.length > 0) return // it goes on already
  running.value = readStored()
  for (const { id } of running.value) follow(id).catch((error) => fail(id, error))
}

/** What was not delivered is not charged. */
export async function stop({ id, requestId }: Running): Promise<void> {
  change(id, { stage: 'stopping' })
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
          isKept: false,
        })
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
  forget(id)
  noticeRefusal(error)
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
