// Who is signed in, and what is known of the server and the balance.
import { signal } from '@preact/signals'
import type { StudioFacts } from '../../src/contract/studio.ts'
import { findCredits, findFacts, Refusal, signInHere } from './api.ts'

const STORED_KEY = 'chatterbox-key'

export const facts = signal<StudioFacts | undefined>(undefined)
export const key = signal<string | undefined>(localStorage.getItem(STORED_KEY) ?? undefined)
export const credits = signal<number | undefined>(undefined)
/** Why the studio cannot start or sign in, for people. */
export const trouble = signal<string | undefined>(undefined)

/** Reads the server's facts, then tries the stored key, and on the server's own machine asks for one. */
export async function start(): Promise<void> {
  try {
    facts.value = await findFacts()
    if (key.value !== undefined && (await accepts(key.value))) return
    key.value = undefined
    if (facts.value.sign_in === 'automatic') await signIn((await signInHere()).key)
  } catch (error) {
    trouble.value = error instanceof Error ? error.message : String(error)
  }
}

/** Throws Refusal when the key is not accepted. */
export async function signIn(candidate: string): Promise<void> {
  credits.value = (await findCredits(candidate)).credits
  localStorage.setItem(STORED_KEY, candidate)
  key.value = candidate
}

export function signOut(): void {
  localStorage.removeItem(STORED_KEY)
  key.value = undefined
  credits.value = undefined
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
