// `chatterbox voices`: a recording encoded once, as a file that speaks wherever the recording would.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { writeVoice } from '../../engine/voice-file.ts'
import { createLog } from '../../log.ts'
import { openLocalVoices } from '../../main.ts'
import { readReference } from '../reference-argument.ts'
import { UsageError } from '../usage-error.ts'

interface EncodeOptions {
  readonly output?: string
  readonly normLoudness: boolean
}

export const voicesCommand = (): Command =>
  new Command('voices')
    .description('Encode recordings as voice files.')
    .addCommand(
      new Command('encode')
        .description('Encode a recording. The file is for the model in use (MODEL), and no other.')
        .argument('<recording>', 'file or https URL of a recording, longer than 5 seconds')
        .option('-o, --output <file>', 'where to write (default: the name of the recording with .safetensors)')
        .option('--no-norm-loudness', "keep the recording's own loudness")
        .action(encode),
    )

async function encode(recording: string, { output, normLoudness }: EncodeOptions): Promise<void> {
  const config = readConfig()
  const source = /^https?:/.test(recording) ? new URL(recording).pathname : recording
  const to = output ?? `${path.parse(source).name}.safetensors`
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort(new UsageError('Interrupted; nothing was written.')))
  const reference = await readReference('recording', recording)
  await using local = await openLocalVoices(config, createLog({ ...config, LOG_LEVEL: 'error' }))
  const voice = await local.voices.find(reference, normLoudness, interrupted.signal)
  const bytes = writeVoice(voice)
  await writeFile(to, bytes)
  console.error(`${to}: a voice of ${Math.ceil(bytes.length / 1000)} kB for ${voice.model}, version ${voice.version}`)
}
