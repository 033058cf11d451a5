// M4A, AAC, AIFF, AMR and WMA → WAV, by an `ffmpeg` that the machine's owner has installed: there is no AAC decoder
// that could be shipped. The child gets the file through a pipe and gives WAV back through another; it may open nothing
// else, and is killed on abort.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { AudioInputError } from '../audio-input-error.ts'
import { concatBytes } from '../pcm.ts'
import { MAX_SAMPLES } from '../recording.ts'
import type { Container } from './container.ts'

const MAX_ALLOCATION_BYTES = 256 * 2 ** 20
const MAX_MESSAGE_BYTES = 8_192
const BYTES_PER_SAMPLE = 2
const WAV_HEADER_BYTES = 4_096 // 78 without metadata, of which it copies some

/**
 * A mono 16 bit WAV of the file's first audio stream, at the file's sample rate, at most a second longer than
 * `maxSeconds` (so that its reader can tell `too long` from `just right`). `command` is looked up on PATH. Throws
 * AudioInputError; on abort throws the signal's reason.
 */
export async function convertToWav(
  bytes: Uint8Array,
  container: Container,
  maxSeconds: number,
  signal: AbortSignal,
  { command = 'ffmpeg', onStart = (_pid: number): void => {} } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  signal.throwIfAborted()
  const child = spawn(command, ffmpegArguments(container, maxSeconds), { signal, killSignal: 'SIGKILL' })
  if (child.pid !== undefined) onStart(child.pid)
  // It may close its input before it has read all of it; its exit code tells whether that was right.
  child.stdin.on('error', () => {})
  child.stdin.end(bytes)
  const closed = once(child, 'close') // rejects when the child cannot be started or is aborted
  const output = collectOutput(child)
  const messages = collectMessages(child)
  const [exitCode] = await closed.catch((error: NodeJS.ErrnoException): never => {
    signal.throwIfAborted()
    if (error.code !== 'ENOENT') throw error
    throw new AudioInputError(
      'unsupported',
      `Recordings in ${container.name} can be read only where FFmpeg is installed, and here it is not. Send WAV, MP3, FLAC or Ogg, or put \`ffmpeg\` on the server's PATH.`,
    )
  })
  if (output.overflowed) {
    throw new AudioInputError('too_long', `The recording is longer than ${maxSeconds} seconds; send a shorter one.`)
  }
  // FFmpeg decodes what is there of a cut file and succeeds; only this message of its MP4 reader tells.
  if (messages.text.includes('partial file')) {
    throw new AudioInputError('truncated', `The ${container.name} file is cut off. Send the whole file.`)
  }
  if (exitCode !== 0) {
    throw new AudioInputError(
      'corrupt',
      `The ${container.name} file is damaged or holds no audio: it cannot be decoded.`,
    )
  }
  return concatBytes(output.blocks)
}

function ffmpegArguments({ demuxer }: Container, maxSeconds: number): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-loglevel', 'error', '-max_alloc', `${MAX_ALLOCATION_BYTES}`, '-threads', '1'],
    // The demuxer is named, so that none is chosen that opens other files, such as playlists. `cache` lets it seek in
    // the pipe: in what phones record, the table of contents comes last.
    ...['-protocol_whitelist', 'cache,pipe', '-read_ahead_limit', '-1', '-f', demuxer, '-i', 'cache:pipe:0'],
    ...['-map', '0:a:0', '-vn', '-sn', '-dn', '-ac', '1', '-t', `${maxSeconds + 1}`, '-c:a', 'pcm_s16le'],
    ...['-f', 'wav', 'pipe:1'],
  ]
}

/** Kills the child at the first byte over what the caps allow. */
function collectOutput(child: ChildProcessWithoutNullStreams): { blocks: Uint8Array[]; overflowed: boolean } {
  const output = { blocks: [] as Uint8Array[], overflowed: false }
  let room = MAX_SAMPLES * BYTES_PER_SAMPLE + WAV_HEADER_BYTES
  child.stdout.on('data', (block: Uint8Array) => {
    room -= block.length
    if (room >= 0) output.blocks.push(block)
    else if (!output.overflowed) {
      output.overflowed = true
      child.kill('SIGKILL')
    }
  })
  return output
}

function collectMessages(child: ChildProcessWithoutNullStreams): { text: string } {
  const messages = { text: '' }
  child.stderr.on('data', (block: Uint8Array) => {
    messages.text = (messages.text + Buffer.from(block).toString('latin1')).slice(-MAX_MESSAGE_BYTES)
  })
  return messages
}
