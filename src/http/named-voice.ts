// A voice as clients of other APIs name it: by id, by name, or by a name of theirs that stands for one of ours.
import type { Database } from '../storage/postgres.ts'
import { listVoices, type StoredVoice } from '../storage/stored-voices.ts'
import { DEFAULT_VOICE_ID, findBuiltInVoice } from '../synthesis/built-in-voices.ts'

/** More than anybody chooses from; an account has a limit of its own. */
const MAX_LISTED = 1000

/** All of them, newest first. */
export const listOwnVoices = (db: Database, accountId: string): Promise<StoredVoice[]> =>
  listVoices(db, accountId, { limit: MAX_LISTED })

/**
 * By id, else by name, `theirNames` last; case counts only where two voices differ in nothing else. Without any name it is the default voice.
 * undefined: there is none.
 */
export async function findVoiceId(
  db: Database,
  accountId: string,
  named: string,
  theirNames: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const wanted = named.trim().replace(/^voice:/i, '')
  if (wanted === '') return DEFAULT_VOICE_ID
  const lower = wanted.toLowerCase()
  if (findBuiltInVoice(lower)) return lower
  const own = await listOwnVoices(db, accountId)
  const found =
    own.find(({ id }) => id === lower) ??
    own.find(({ name }) => name === wanted) ??
    own.find(({ name }) => name.toLowerCase() === lower)
  return found?.id ?? (Object.hasOwn(theirNames, lower) ? theirNames[lower] : undefined)
}
