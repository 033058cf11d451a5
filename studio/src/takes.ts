// The takes of this browser, newest first, kept in its own database: text, voice, parameters and sound of each.
import { computed, signal } from '@preact/signals'
import { createStore, del, entries, set } from 'idb-keyval'
import type { SpeakParameters } from './api.ts'

export interface Take {
  readonly id: string
  readonly createdAt: number
  readonly text: string
  readonly voiceName: string
  readonly parameters: SpeakParameters
  readonly model: string
  /** The one really used. */
  readonly seed: number
  readonly audio: Blob
  readonly audioSeconds: number
  readonly engineSeconds: number
  readonly costCredits: number
  readonly guards: readonly string[]
  readonly isKept: boolean
}

const database = createStore('chatterbox-studio', 'takes')

export const takes = signal<readonly Take[]>([])
export const keptTakes = computed(() => takes.value.filter(({ isKept }) => isKept))
/** Takes to listen to side by side, at most two. */
export const compared = signal<readonly string[]>([])

export async function loadTakes(): Promise<void> {
  const stored = await entries<string, Take>(database)
  takes.value = stored.map(([, take]) => take).sort((a, b) => b.createdAt - a.createdAt)
}

export async function addTake(take: Take): Promise<void> {
  takes.value = [take, ...takes.value]
  await set(take.id, take, database)
}

export async function changeTake(id: string, change: Partial<Take>): Promise<void> {
  takes.value = takes.value.map((take) => (take.id === id ? { ...take, ...change } : take))
  const take = takes.value.find((candidate) => candidate.id === id)
  if (take) await set(id, take, database)
}

export async function removeTake(id: string): Promise<void> {
  takes.value = takes.value.filter((take) => take.id !== id)
  compared.value = compared.value.filter((candidate) => candidate !== id)
  await del(id, database)
}

export function toggleCompared(id: string): void {
  const others = compared.value.filter((candidate) => candidate !== id)
  compared.value = others.length < compared.value.length ? others : [...others, id].slice(-2)
}
