// Who is signed in, and what is known of the server and the balance.
import { signal } from '@preact/signals'
import type { StudioFacts } from '../../src/contract/studio.ts'
import { findCredits, findFacts, isPassing, Refusal, signInHere } from './api.ts'

const STORED_KEY = 'chatterbox-key'
const RETRY_MS = 2000

export const facts = signal<StudioFacts | undefined>(undefined)
export const key = signal<string | undefined>(undefined)
export const credits = signal<number | undefined>(undefined)
/** Whether the server was not there when it was last asked. While it is so, it is asked again and again. */
export const isServerGone = signal(false)
/** Why somebody stands at the door who was inside before. */
export const doorMessage = signal<string | undefined>(undefined)

/** Reads the server's facts, then tries the stored key, and on the server's own machine asks for one. */
export async function start(): Promise<void> {
  try {
    const found = await findFacts()
    const storedKey = localStorage.getItem(STORED_KEY) ?? undefined
    if (storedKey !== undefined && (await accepts(storedKey))) key.value = storedKey
    else if (found.sign_in === 'automatic') await signIn((await signInHere()).key)
    facts.value = found
  } catch (error) {
    if (isPassing(error)) return noticeServerGone(start)
    doorMessage.value = error instanceof Error ? error.message : String(error)
  }
}

/** Throws Refusal when the key is not accepted. */
export async function signIn(candidate: string): Promise<void> {
  credits.value = (await findCredits(candidate)).credits
  localStorage.setItem(STORED_KEY, candidate)
  doorMessage.value = undefined
  key.value = candidate
}

export function signOut(message?: string): void {
  localStorage.removeItem(STORED_KEY)
  key.value = undefined
  credits.value = undefined
  doorMessage.value = message
}

async function accepts(candidate: string): Promise<boolean> {
  try {
    credits.value = (await findCredits(candidate)).credits
    return true
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return false
    throw error
  }
}

export async function refreshCredits(): Promise<void> {
  if (key.value !== undefined) credits.value = (await findCredits(key.value)).credits
}

/** Shows that the server is gone, until it answers; then runs `onBack`. */
export function noticeServerGone(onBack: () => void = () => {}): void {
  whenBack.add(onBack)
  if (isServerGone.value) return
  isServerGone.value = true
  setTimeout(askAgain, RETRY_MS)
}

const whenBack = new Set<() => void>()

export async function askAgain(): Promise<void> {
  try {
    await findFacts()
  } catch {
    setTimeout(askAgain, RETRY_MS)
    return
  }
  isServerGone.value = false
  const waiting = [...whenBack]
  whenBack.clear()
  for (const goOn of waiting) goOn()
}

/** What a refusal means for the whole studio: a key that is no longer good leads to the door, silence to waiting. */
export function noticeRefusal(error: unknown): void {
  if (!(error instanceof Refusal)) return
  if (error.status === 401) signOut('This key is no longer accepted. Sign in with another one.')
  if (error.status === 0) noticeServerGone()
}
