// `chatterbox voices`: the voices that accounts keep, with or without a running server; and recordings encoded once, as files.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'
import { type Config, readConfig } from '../../config.ts'
import { newVoiceOfFileSchema } from '../../contract/voices.ts'
import { writeVoice } from '../../engine/voice-file.ts'
import { removeDeletedVoices } from '../../jobs/sweep.ts'
import { openLocalVoices } from '../../library/local-voices.ts'
import { createLog } from '../../log.ts'
import { openBlobs } from '../../storage/open-blobs.ts'
import * as stored from '../../storage/stored-voices.ts'
import { BUILT_IN_VOICES, findBuiltInVoice } from '../../synthesis/built-in-voices.ts'
import { createReferenceFetcher } from '../../synthesis/open-engine.ts'
import { namedVoice } from '../../synthesis/reference-audio.ts'
import type { ReferenceSource } from '../../synthesis/speech.ts'
import { storedReferences } from '../../synthesis/stored-references.ts'
import { registerVoice } from '../../synthesis/voice-library.ts'
import { findAccount } from '../account.ts'
import { withDatabase } from '../database.ts'
import { readReference } from '../reference-argument.ts'
import { formatTable } from '../table.ts'
import { UsageError } from '../usage-error.ts'

interface AccountOption {
  readonly account?: string
}

/** Of one account; nobody sets MAX_VOICES_PER_ACCOUNT to more. */
const MAX_LISTED = 100_000

interface EncodeOptions extends AccountOption {
  readonly output?: string
  readonly normLoudness: boolean
}

export const voicesCommand = (): Command =>
  new Command('voices')
    .description('Keep voices for accounts; encode recordings as voice files.')
    .addCommand(
      new Command('list')
        .description('List the voices of an account, and the built-in ones.')
        .option('--account <id>', 'whose, where there are several accounts')
        .action(list),
    )
    .addCommand(
      new Command('add')
        .description('Check a recording and keep it as a voice of an account, to be spoken with as voice:ID.')
        .argument('<recording>', 'file or https URL of a recording, longer than 5 seconds, or of an encoded voice')
        .requiredOption('--name <name>', 'what it is called')
        .requiredOption('--consent <statement>', 'that the person who is heard agrees, in your words; it is kept')
        .option('--description <text>', 'what it is like')
        .option('--account <id>', 'whose it is, where there are several accounts')
        .action(add),
    )
    .addCommand(
      new Command('remove')
        .description('Delete a voice. Requests that name it already are still spoken.')
        .argument('<id>', 'its id, as `list` shows it')
        .option('--account <id>', 'whose it is, where there are several accounts')
        .action(remove),
    )
    .addCommand(
      new Command('encode')
        .description('Encode a recording. The file is for the model in use (MODEL), and no other.')
        .argument(
          '<recording>',
          'file or https URL of a recording, longer than 5 seconds, or voice: and a built-in one',
        )
        .option('-o, --output <file>', 'where to write (default: the name of the recording with .safetensors)')
        .option('--account <id>', 'whose voice:ID is, where there are several accounts')
        .option('--no-norm-loudness', "keep the recording's own loudness")
        .action(encode),
    )

async function encode(recording: string, { output, normLoudness, account }: EncodeOptions): Promise<void> {
  const config = readConfig()
  const source = /^https?:/.test(recording) ? new URL(recording).pathname : recording.replace(/^voice:/, '')
  const to = output ?? `${path.parse(source).name}.safetensors`
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort(new UsageError('Interrupted; nothing was written.')))
  const reference = (await readStoredVoice(recording, account, config)) ?? (await readReference('recording', recording))
  await using local = await openLocalVoices(config, createLog({ ...config, LOG_LEVEL: 'error' }))
  const voice = await local.voices.find(reference, normLoudness, interrupted.signal)
  const bytes = writeVoice(voice)
  await writeFile(to, bytes)
  console.error(`${to}: a voice of ${Math.ceil(bytes.length / 1000)} kB for ${voice.model}, version ${voice.version}`)
}

/** What is kept of `voice:ID`; undefined for anything else. */
async function readStoredVoice(
  written: string,
  account: string | undefined,
  config: Config,
): Promise<ReferenceSource | undefined> {
  const id = namedVoice({ kind: 'string', value: written })
  if (id === undefined || findBuiltInVoice(id)) return undefined
  return withDatabase(async (db) => {
    const voice = await stored.findVoice(db, await findAccount(db, account), id)
    await using blobs = await openBlobs({ ...config, DATA_DIR: path.resolve(config.DATA_DIR) })
    const bytes = voice && (await blobs.read(voice.blobKey))
    if (!bytes) throw noVoice(id)
    return { kind: 'bytes', bytes }
  }, config)
}

const noVoice = (id: string) => new UsageError(`There is no voice ${id}. \`chatterbox voices list\` shows them.`)

function list({ account }: AccountOption): Promise<void> {
  return withDatabase(async (db) => {
    const voices = await stored.listVoices(db, await findAccount(db, account), { limit: MAX_LISTED })
    const rows = voices.map(({ id, name, content, createdAt }) => [
      id,
      content.kind === 'recording' ? `${content.seconds.toFixed(1)} s` : `for ${content.model}`,
      createdAt.toISOString().slice(0, 10),
      name,
    ])
    const builtIn = BUILT_IN_VOICES.map(({ id, seconds, name, description }) => [
      id,
      seconds === undefined ? 'the model’s' : `${seconds.toFixed(1)} s`,
      'built in',
      `${name}: ${description}`,
    ])
    console.log(formatTable(['ID', 'RECORDING', 'ADDED', 'NAME'], [...rows, ...builtIn]))
  })
}

interface AddOptions extends AccountOption {
  readonly name: string
  readonly consent: string
  readonly description?: string
}

async function add(recording: string, options: AddOptions): Promise<void> {
  const config = readConfig()
  const reference = await readReference('recording', recording)
  const parsed = newVoiceOfFileSchema.safeParse(options)
  if (!parsed.success) throw new UsageError(parsed.error.issues[0]?.message ?? 'These options cannot be used.')
  const { name, consent, description } = parsed.data
  await withDatabase(async (db) => {
    await using blobs = await openBlobs({ ...config, DATA_DIR: path.resolve(config.DATA_DIR) })
    const references = {
      fetcher: createReferenceFetcher(config),
      maxBytes: config.MAX_BODY_MB * 2 ** 20,
      defaultVoiceFile: undefined,
      ...storedReferences(db, blobs),
    }
    const voice = await registerVoice(
      { config, db, blobs, references },
      await findAccount(db, options.account),
      { name, description: description ?? null, consent: String(consent), reference },
      new AbortController().signal,
    )
    for (const { advice } of voice.checks) console.error(`note: ${advice}`)
    console.error('Speak with it as reference_audio:')
    console.log(`voice:${voice.id}`)
  }, config)
}

function remove(id: string, { account }: AccountOption): Promise<void> {
  const config = readConfig()
  return withDatabase(async (db) => {
    const accountId = await findAccount(db, account)
    const isThere = await stored.deleteVoice(db, accountId, id.replace(/^voice:/, ''))
    if (!isThere) throw noVoice(id)
    await using blobs = await openBlobs({ ...config, DATA_DIR: path.resolve(config.DATA_DIR) })
    await removeDeletedVoices(db, blobs)
    console.log(`Removed ${id}.`)
  }, config)
}
