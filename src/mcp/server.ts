// The tools of the Model Context Protocol: speak, list_voices. The only door to its SDK. Standard output is the protocol's alone.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'
import { FORMAT_FACTS } from '../audio/formats.ts'
import { ChatterboxError } from '../client/client.ts'
import { version } from '../config.ts'
import { AppError } from '../errors.ts'
import { BundleError, formatOf } from '../library/library.ts'
import { findPlace, writeNewFile } from './output-file.ts'
import type { ToolSpeaker } from './speaker.ts'

const FORMATS = ['wav', 'mp3', 'ogg', 'flac'] as const

const speakInput = {
  text: z
    .string()
    .min(1)
    .describe('What to say, in English. Sound tags such as [laugh], [sigh] or [chuckle] are performed, not read.'),
  voice: z
    .string()
    .optional()
    .describe(
      'Id of a voice (see list_voices), or path or https URL of a recording with more than 5 seconds of one person speaking, whose voice is taken. Only with the consent of that person. Default: the default voice.',
    ),
  seed: z.int().optional().describe('The same seed gives the same speech; 0 takes a random one. Default: 42.'),
  format: z.enum(FORMATS).optional().describe('Default: what the ending of output says, else mp3.'),
  output: z
    .string()
    .optional()
    .describe('Name of a new file to write, in the folder of the server. Without it the audio itself is the answer.'),
}
const speakOutput = {
  file: z.string().optional().describe('Where it was written.'),
  format: z.enum(FORMATS),
  model: z.string().describe('`preview` is a stand-in of lesser quality.'),
  seed: z.number(),
}
type SpeakArguments = z.output<z.ZodObject<typeof speakInput>>
type Tell = (done: number, of: number) => void

/** Serves on standard input and output until `stop` fires or the caller closes its end. `folder`: where files may be written. */
export async function serveTools(speaker: ToolSpeaker, folder: string, stop: AbortSignal): Promise<void> {
  const server = new McpServer({ name: 'chatterbox', version })
  const about = 'Speak a text in the voice of a recording, into a file or as audio.'
  server.registerTool(
    'speak',
    { title: 'Speak', description: about, inputSchema: speakInput, outputSchema: speakOutput },
    (wanted, { signal, sendNotification, _meta }) => {
      const progressToken = _meta?.progressToken
      const tell: Tell = (progress, total) => {
        if (progressToken === undefined) return
        const params = { progressToken, progress, total }
        void sendNotification({ method: 'notifications/progress', params }).catch(() => {}) // the caller has gone
      }
      return answer(() => speak(speaker, folder, wanted, tell, signal))
    },
  )
  server.registerTool(
    'list_voices',
    {
      title: 'List voices',
      description: 'List the voices to speak with.',
      outputSchema: {
        voices: z.array(z.object({ id: z.string(), name: z.string(), description: z.string().nullable() })),
      },
      annotations: { readOnlyHint: true },
    },
    ({ signal }) =>
      answer(async () => {
        const voices = [...(await speaker.listVoices(signal))]
        const lines = voices.map(({ id, name, description }) => `${id}: ${name}. ${description ?? ''}`.trimEnd())
        return { content: [{ type: 'text', text: lines.join('\n') }], structuredContent: { voices } }
      }),
  )
  const closed = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve).once('close', resolve)
    if (stop.aborted) resolve()
    else stop.addEventListener('abort', () => resolve(), { once: true })
  })
  await server.connect(new StdioServerTransport())
  await closed
  await server.close()
}

async function speak(
  speaker: ToolSpeaker,
  folder: string,
  { text, voice, seed, format: asked, output }: SpeakArguments,
  tell: Tell,
  signal: AbortSignal,
): Promise<Answer> {
  const file = output === undefined ? undefined : await findPlace(folder, output)
  const format = asked ?? (file === undefined ? 'mp3' : writable(formatOf(file)))
  const { bytes, model, seed: used } = await speaker.speak({ text, voice, seed, format }, tell, signal)
  const structuredContent = { ...(file === undefined ? {} : { file }), format, model, seed: used }
  const facts = `by the ${model} engine, seed ${used}`
  if (file !== undefined) {
    await writeNewFile(file, bytes)
    return { content: [{ type: 'text', text: `${file}: ${format}, ${facts}` }], structuredContent }
  }
  const data = Buffer.from(bytes).toString('base64')
  const audio = { type: 'audio' as const, data, mimeType: FORMAT_FACTS[format].mediaType }
  return { content: [audio, { type: 'text', text: `Spoken ${facts}` }], structuredContent }
}

/** Bare samples are for programs that know their rate. */
function writable(format: ReturnType<typeof formatOf>): (typeof FORMATS)[number] {
  if (format !== 'pcm') return format
  throw new AppError('invalid_parameter', 'output: use .wav, .mp3, .ogg or .flac.', { param: 'output' })
}

interface Answer {
  content: ({ type: 'text'; text: string } | { type: 'audio'; data: string; mimeType: string })[]
  structuredContent?: Record<string, unknown>
  isError?: boolean
  [name: string]: unknown
}

/** What a caller can mend is a tool's error in our words; anything else is a bug, and its cause goes to standard error alone. */
async function answer(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    const isOurs = error instanceof AppError || error instanceof ChatterboxError || error instanceof BundleError
    const isFile = error instanceof Error && 'syscall' in error && 'path' in error
    if (!isOurs && !isFile) console.error(error)
    const text = isOurs || isFile ? error.message : 'Something went wrong on our side; standard error has the cause.'
    return { content: [{ type: 'text', text }], isError: true }
  }
}
