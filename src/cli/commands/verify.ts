// `chatterbox verify`: was this file made here?
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { findSecret } from '../../storage/secrets.ts'
import { findMark } from '../../synthesis/provenance.ts'
import { withDatabase } from '../database.ts'
import { UsageError } from '../usage-error.ts'

export const verifyCommand = (): Command =>
  new Command('verify')
    .description('Tell whether a file of speech was made by this installation, and by which model, voice and seed.')
    .argument('<file>', 'WAV, MP3, Ogg, FLAC, or whatever its metadata was copied to')
    .action(verify)

/** Exits with 1 unless the file carries a mark that was signed here. */
async function verify(file: string): Promise<void> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(
      `${file} cannot be read: ${cause.code === 'ENOENT' ? 'there is no such file' : cause.message}.`,
    )
  })
  const mark = await withDatabase(async (db) => findMark(bytes, await findSecret(db, 'provenance')))
  console.log(
    mark
      ? `${SIGNATURES[mark.signature]}\n  model ${mark.model}, voice ${mark.voice}, seed ${mark.seed}, version ${mark.version}`
      : NO_MARK,
  )
  if (mark?.signature !== 'valid') process.exitCode = 1
}

const NO_MARK = 'No mark: the file does not say where it comes from. Whoever strips its metadata strips the mark.'
const SIGNATURES = {
  valid: 'Made by this installation.',
  absent: 'Marked as synthetic, but not signed: made with `chatterbox speak`, or somebody wrote the mark by hand.',
  invalid: 'Marked as synthetic, but not by this installation: made elsewhere, or the mark was altered.',
} as const
