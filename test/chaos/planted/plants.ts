// What can be planted into the processes under test, and how they are told.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** Faults that the audit must find: each breaks one promise, and only for whoever is killed in the wrong moment. */
export const MUTANTS = {
  'split-charge': { 'jobs/finish.js': 'split-charge.js' },
  'split-cancel': { 'jobs/cancel.js': 'split-cancel.js' },
  'lost-event': { 'webhooks/fan-out.js': 'lost-event.js' },
  'mixed-pieces': { 'jobs/claim.js': 'mixed-pieces.js' },
  'split-piece': { 'jobs/pieces.js': 'split-piece.js' },
} as const
export type Mutant = keyof typeof MUTANTS

/** An engine process like any other, but one whose speech costs little, and which dies of some texts. */
const CHEAP_ENGINE = { 'engine/engine-child.js': 'cheap-engine-child.js' }

export interface Plants {
  /** Arguments of node. */
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

export function choosePlants(options: { readonly cheapEngine: boolean; readonly mutant?: Mutant | undefined }): Plants {
  const replaced = {
    ...(options.cheapEngine ? CHEAP_ENGINE : {}),
    ...(options.mutant ? MUTANTS[options.mutant] : {}),
  }
  if (Object.keys(replaced).length === 0) return { arguments: [], environment: {} }
  const register = pathToFileURL(path.join(import.meta.dirname, 'register.js')).href
  return { arguments: ['--import', register], environment: { CHAOS_REPLACE: JSON.stringify(replaced) } }
}
