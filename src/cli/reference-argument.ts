// A recording or voice file named on the command line.
import { readFile } from 'node:fs/promises'
import type { ReferenceSource } from '../synthesis/speech.ts'
import { UsageError } from './usage-error.ts'

/** `value` is a file, an https: or data: URL, or `voice:` and the name of a built-in voice. Throws UsageError naming `argument` where the file cannot be read. */
export async function readReference(argument: string, value: string): Promise<ReferenceSource> {
  if (/^(https?|data|voice):/.test(value)) return { kind: 'string', value }
  try {
    return { kind: 'bytes', bytes: await readFile(value) }
  } catch (error) {
    throw new UsageError(`${argument}: ${(error as Error).message}`)
  }
}
