// Whose voice speaks: one that the server has, its own or one that it keeps for the account (its id is its reference, `voice:…`), or one of
// the recordings that this browser keeps in its own database, the last used first.
import { computed, effect, signal } from '@preact/signals'
import { createStore, del, entries, set } from 'idb-keyval'
import type { VoiceBody } from '../../src/contract/voices.ts'
import { listVoices } from './api.ts'
import { makeId } from './random-id.ts'

export interface Recording {
  readonly id: string
  readonly name: string
  readonly audio: Blob
  readonly usedAt: number
}

/** The server's, for whoever has not chosen another. */
const DEFAULT_VOICE = { id: 'voice:default', name: 'Default' }
const KEPT_RECORDINGS = 8
const STORED_CHOICE = 'chatterbox-voice'
const database = createStore('chatterbox-voices', 'recordings')

export const recordings = signal<readonly Recording[]>([])
/** Those that the server keeps; undefined: not asked yet. */
export const serverVoices = signal<readonly VoiceBody[] | undefined>(undefined)
const chosenId = signal(localStorage.getItem(STORED_CHOICE) ?? DEFAULT_VOICE.id)
/** undefined: another kind of voice speaks. */
export const chosenRecording = computed(() => recordings.value.find(({ id }) => id === chosenId.value))
export const chosenServerVoice = computed(() =>
  serverVoices.value?.find(({ reference_audio }) => reference_audio === chosenId.value),
)

export interface ChosenVoice {
  readonly id: string
  readonly name: string
  readonly reference: Blob | string
}
export const chosenVoice = computed<ChosenVoice>(() => {
  const recording = chosenRecording.value
  if (recording) return { id: recording.id, name: recording.name, reference: recording.audio }
  const { id, name } = chosenServerVoice.value
    ? { id: chosenServerVoice.value.reference_audio, name: chosenServerVoice.value.name }
    : DEFAULT_VOICE
  return { id, name, reference: id }
})

/** The reference of a voice by its id; 'gone': it is no longer here. */
export function referenceOf(id: string): Blob | string | 'gone' {
  if (id.startsWith('voice:')) return id
  return recordings.value.find((recording) => recording.id === id)?.audio ?? 'gone'
}

/** Whether a take's voice can still be had. */
export const isVoiceHere = (id: string): boolean =>
  recordings.value.some((recording) => recording.id === id) ||
  (serverVoices.value?.some(({ reference_audio }) => reference_audio === id) ?? false)

effect(() => localStorage.setItem(STORED_CHOICE, chosenId.value))

/** Throws Refusal. */
export async function loadServerVoices(key: string): Promise<void> {
  serverVoices.value = (await listVoices(key)).voices
}

export async function loadRecordings(): Promise<void> {
  const stored = await entries<string, Recording>(database)
  recordings.value = stored.map(([, recording]) => recording).sort((a, b) => b.usedAt - a.usedAt)
}

/** Keeps the recording and chooses it. The least used of too many is forgotten. */
export async function addRecording(audio: Blob, name: string): Promise<void> {
  const recording = { id: makeId(), name, audio, usedAt: Date.now() }
  const others = recordings.value.filter((other) => !(other.name === name && other.audio.size === audio.size))
  const all = [recording, ...others]
  recordings.value = all.slice(0, KEPT_RECORDINGS)
  chosenId.value = recording.id
  await set(recording.id, recording, database)
  for (const old of all.slice(KEPT_RECORDINGS)) await del(old.id, database)
}

export const chooseVoice = (id: string): void => {
  chosenId.value = id
}

export async function forgetRecording(id: string): Promise<void> {
  recordings.value = recordings.value.filter((recording) => recording.id !== id)
  if (chosenId.value === id) chosenId.value = DEFAULT_VOICE.id
  await del(id, database)
}
