// The takes of this browser, newest first, kept in its own database: text, voice, parameters and sound of each.
import { signal } from '@preact/signals'
import { createStore, del, entries, set } from 'idb-keyval'
import type { SpeakParameters } from './api.ts'
import { showToast } from './toast.ts'

export interface Take {
  readonly id: string
  readonly createdAt: number
  readonly text: string
  readonly voiceName: string
  /** A recording of this browser, or `voice:…` of the server's. */
  readonly voiceId: string
  readonly parameters: SpeakParameters
  readonly model: string
  /** The one really used. */
  readonly seed: number
  readonly audio: Blob
  readonly audioSeconds: number
  readonly engineSeconds: number
  readonly costCredits: number
  /** From the click to the first sound; absent in takes that are older than this, and in those that nobody heard come. */
  readonly firstSoundSeconds?: number
  /** The piece of it that was spoken again, from 0. */
  readonly respokenPiece?: number
  readonly isKept: boolean
}

const database = createStore('chatterbox-studio', 'takes')

export const takes = signal<readonly Take[]>([])
export const areTakesLoaded = signal(false)
/** Takes to listen to side by side, at most two. */
export const compared = signal<readonly string[]>([])

export async function loadTakes(): Promise<void> {
  const stored = await entries<string, Take>(database)
  // Takes from before the built-in voices had names were spoken by this one.
  takes.value = newestFirst(stored.map(([, take]) => ({ ...take, voiceId: take.voiceId ?? 'voice:iris' })))
  areTakesLoaded.value = true
}

export async function addTake(take: Take): Promise<void> {
  takes.value = newestFirst([take, ...takes.value.filter(({ id }) => id !== take.id)])
  await set(take.id, take, database)
}

export async function changeTake(id: string, change: Partial<Take>): Promise<void> {
  takes.value = takes.value.map((take) => (take.id === id ? { ...take, ...change } : take))
  const take = takes.value.find((candidate) => candidate.id === id)
  if (take) await set(id, take, database)
}

/** Until the message about it has gone, it can be had back. */
export async function removeTake(take: Take): Promise<void> {
  takes.value = takes.value.filter(({ id }) => id !== take.id)
  compared.value = compared.value.filter((id) => id !== take.id)
  await del(take.id, database)
  showToast('The take is deleted.', { title: 'Undo', run: () => addTake(take) })
}

export function toggleCompared(id: string): void {
  const others = compared.value.filter((candidate) => candidate !== id)
  compared.value = others.length < compared.value.length ? others : [...others, id].slice(-2)
}

const FILE_NAME_LETTERS = 40

/** What was said, as far as a name can hold it, and the seed: `well-would-you-listen-to-that-7.mp3`. */
export function fileNameOf({ text, seed }: Take, extension: string): string {
  const words = text
    .replace(/\[[^[\]]*\]/g, ' ')
    .normalize('NFKD')
    .replace(/[\u0300-\u036f'’]/g, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
  let name = ''
  for (const word of words ?? ['take']) {
    if (name.length + word.length > FILE_NAME_LETTERS && name !== '') break
    name += `${word.slice(0, FILE_NAME_LETTERS)}-`
  }
  return `${name}${seed}.${extension}`
}

const newestFirst = (unsorted: readonly Take[]): readonly Take[] =>
  [...unsorted].sort((a, b) => b.createdAt - a.createdAt)
