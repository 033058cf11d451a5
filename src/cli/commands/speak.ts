// `chatterbox speak`: text in, a sound file out. No server, no account, no database.
import { writeFile } from 'node:fs/promises'
import { text as readText } from 'node:stream/consumers'
import { Command, InvalidArgumentError, Option } from 'commander'
import { AUDIO_FORMATS, type AudioFormat } from '../../audio/formats.ts'
import { readConfig } from '../../config.ts'
import { TEXT_HANDLINGS, type TextHandling } from '../../engine/text/pieces.ts'
import { formatOf, openEngine } from '../../library/library.ts'
import { createLog } from '../../log.ts'
import { createProgressBar } from '../progress-bar.ts'
import { readReference } from '../reference-argument.ts'
import { UsageError } from '../usage-error.ts'

interface SpeakOptions {
  readonly voice?: string
  readonly output?: string
  readonly format?: AudioFormat
  readonly seed: number
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly normLoudness: boolean
  readonly textHandling: TextHandling
  readonly quiet?: boolean
}

const between =
  (minimum: number, maximum: number, whole = false) =>
  (value: string) => {
    const number = Number(value)
    if (value.trim() === '' || !(number >= minimum && number <= maximum) || (whole && !Number.isInteger(number))) {
      throw new InvalidArgumentError(
        `It must be ${whole ? 'a whole number' : 'a number'} between ${minimum} and ${maximum}.`,
      )
    }
    return number
  }

export const speakCommand = (): Command =>
  new Command('speak')
    .description('Speak a text into a sound file, or into a pipe.')
    .argument('[text]', 'what to say, with sound tags such as [laugh]; without it, standard input is read')
    .option(
      '--voice <recording>',
      'file or https URL of a recording, longer than 5 seconds, or of an encoded voice; or voice: and a built-in one, e.g. voice:ada (default: the voice of the model, or the bundled one)',
    )
    .option(
      '-o, --output <file>',
      'where to write; the ending picks the format; - is standard output (default: speech.wav)',
    )
    .addOption(new Option('--format <format>', 'format, where the ending does not say').choices(AUDIO_FORMATS))
    .option('--seed <number>', 'same seed, same speech; 0 picks one', between(0, 2 ** 32 - 1, true), 42)
    .option('--temperature <number>', 'liveliness', between(0.05, 2), 0.7)
    .option('--top-p <number>', 'nucleus sampling', between(0, 1), 0.9)
    .option('--top-k <number>', 'candidates a step', between(0, 1000, true), 500)
    .option('--min-p <number>', 'least probability relative to the best', between(0, 1), 0)
    .option('--repetition-penalty <number>', 'against loops', between(1, 2), 1.3)
    .addOption(
      new Option('--text-handling <how>', 'full: say figures, signs and addresses in words; none: leave all as written')
        .choices(TEXT_HANDLINGS)
        .default('punctuation'),
    )
    .option('--no-norm-loudness', "keep the recording's own loudness")
    .option('-q, --quiet', 'print nothing but errors')
    .action(speak)

async function speak(argument: string | undefined, options: SpeakOptions): Promise<void> {
  const text = argument ?? (await textFromStandardInput())
  if (text.trim() === '') throw new UsageError('There is no text to speak.')
  const output = options.output ?? (process.stdout.isTTY ? 'speech.wav' : '-')
  const format = options.format ?? (output === '-' ? 'wav' : formatOf(output))

  const config = readConfig()
  const quiet = options.quiet === true
  const bar = createProgressBar(process.stderr, { silent: quiet || process.stderr.isTTY !== true })
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort(new UsageError('Interrupted; nothing was written.')))

  await using engine = await openEngine(config, createLog({ ...config, LOG_LEVEL: 'error' }))
  const speech = await engine
    .render(text, {
      voice: options.voice === undefined ? undefined : await readVoice(options.voice),
      temperature: options.temperature,
      top_p: options.topP,
      top_k: options.topK,
      min_p: options.minP,
      repetition_penalty: options.repetitionPenalty,
      seed: options.seed,
      norm_loudness: options.normLoudness,
      text_handling: options.textHandling,
      format,
      onProgress: (progress) =>
        bar.update(progress.piecesDone / progress.pieces, `${progress.audioSeconds.toFixed(1)} s of audio`),
      signal: interrupted.signal,
    })
    .finally(() => bar.close())

  if (output === '-') await writeAll(process.stdout, speech.bytes)
  else await writeFile(output, speech.bytes)
  if (!quiet) {
    const { audioSeconds, timings, model, seed } = speech
    const speed = (audioSeconds / timings.engineSeconds).toFixed(1)
    console.error(
      `${output === '-' ? 'standard output' : output}: ${audioSeconds.toFixed(1)} s of ${format}, ` +
        `made in ${timings.totalSeconds.toFixed(1)} s (${speed} × real time) by the ${model} engine, seed ${seed}`,
    )
    if (model === 'preview')
      console.error('The preview engine is intelligible English in a matched voice; it is not Chatterbox.')
  }
}

async function textFromStandardInput(): Promise<string> {
  if (process.stdin.isTTY) throw new UsageError('There is no text to speak. Give it as an argument or pipe it in.')
  return readText(process.stdin)
}

/** The file is read here, so that what is wrong with it names the option. */
async function readVoice(voice: string): Promise<string | Uint8Array> {
  const reference = await readReference('--voice', voice)
  return reference.kind === 'bytes' ? reference.bytes : voice
}

const writeAll = (stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => stream.write(bytes, (error) => (error ? reject(error) : resolve())))
