// From what a caller calls a reference to the bytes of a file. Whatever is wrong is the caller's to mend, so every failure is
// `invalid_reference_audio` and says how. Whether the bytes are a recording is for reference-recording.ts to find out.
import { readFile } from 'node:fs/promises'
import { AppError } from '../errors.ts'
import type { Fetcher } from '../outbound/guarded-fetch.ts'
import { OutboundError } from '../outbound/outbound-error.ts'
import { isId } from '../storage/ids.ts'
import { BUNDLED_VOICE_FILE, DEFAULT_VOICE_ID, findBuiltInVoice } from './built-in-voices.ts'
import { type DataUri, parseDataUri } from './data-uri.ts'
import type { ReferenceSource } from './speech.ts'

/** Uploads and outputs, below whatever path a proxy or PUBLIC_URL puts before them. */
const OWN_FILE = /\/(assets|outputs)\/([0-9a-f]{32})\.[a-z0-9]{1,16}$/

/** What decides whether the form of a reference is right. */
export interface ReferenceRules {
  readonly fetcher: Pick<Fetcher, 'problemOf'>
  /** Limit of inline data; the fetcher has its own. */
  readonly maxBytes: number
  /** A recording or voice file, where `reference_audio` is optional. */
  readonly defaultVoiceFile: string | undefined
}

export interface ReferenceDeps extends ReferenceRules {
  readonly fetcher: Fetcher
  /** Bytes of an upload that exists and has not expired. */
  readonly readUpload: (token: string) => Promise<Uint8Array | undefined>
  /** Bytes of an output of the account that exists and has not expired, unless nothing was to be kept of it. */
  readonly readOutput: (accountId: string, token: string) => Promise<Uint8Array | undefined>
  /** What is kept of a stored voice of the account, for whoever named it before it was deleted too. */
  readonly readVoice: (accountId: string, id: string) => Promise<Uint8Array | undefined>
}

/** What a reference is, once its form is known to be right. */
type ReferenceForm =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'voice'; readonly id: string }
  | OwnFile
  | { readonly kind: 'url'; readonly url: string }

/** What has the URL of a file of ours; whether it is one, only its token tells. */
interface OwnFile {
  readonly kind: 'upload' | 'output'
  readonly token: string
  readonly url: string
}

/**
 * Says what can be said of a reference before anything is held, fetched or decoded: scheme, URL, data-URI syntax, size of inline
 * data. Returns the bytes of one that carries them itself. Throws AppError `invalid_reference_audio`, or `missing_parameter` when there
 * is none and no default voice.
 */
export function readInlineReference(source: ReferenceSource, rules: ReferenceRules): Uint8Array | undefined {
  const form = formOf(source, rules)
  return form.kind === 'bytes' ? form.bytes : undefined
}

/** The file behind a reference: unpacked, read from our own uploads and outputs, or fetched. Checks the form as well. */
export async function resolveReference(
  source: ReferenceSource,
  deps: ReferenceDeps,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const form = formOf(source, deps)
  if (form.kind === 'bytes') return form.bytes
  if (form.kind === 'file') return await readFile(form.file, { signal })
  const accountId = source.kind === 'string' ? source.accountId : undefined
  if (form.kind === 'voice') {
    const voice = (await readBuiltInVoice(form.id, deps)) ?? (accountId && (await deps.readVoice(accountId, form.id)))
    if (!voice) throw noSuchVoice(form.id)
    return voice
  }
  // By whatever name this server was reached, the token alone tells that the file is here: it need not fetch from itself.
  const own = form.kind === 'url' ? undefined : await readOwnFile(form, accountId, deps)
  if (own) return own
  if (form.kind !== 'url' && deps.fetcher.problemOf(form.url)) {
    throw rejectReference(`This ${form.kind} does not exist or has expired; upload the recording again.`)
  }
  return await fetchReference(form.url, deps.fetcher, signal)
}

async function readOwnFile(
  { kind, token }: OwnFile,
  accountId: string | undefined,
  deps: ReferenceDeps,
): Promise<Uint8Array | undefined> {
  if (kind === 'upload') return deps.readUpload(token)
  return accountId === undefined ? undefined : deps.readOutput(accountId, token)
}

function formOf(source: ReferenceSource, deps: ReferenceRules): ReferenceForm {
  if (source.kind === 'default') {
    if (deps.defaultVoiceFile) return { kind: 'file', file: deps.defaultVoiceFile }
    const param = 'reference_audio'
    throw new AppError('missing_parameter', 'reference_audio is required and must be a string.', { param })
  }
  if (source.kind === 'bytes') return withinLimits({ kind: 'bytes', bytes: source.bytes }, deps.maxBytes)
  const url = source.value
  if (/^data:/i.test(url)) return withinLimits(parseDataUri(url, deps.maxBytes), deps.maxBytes)
  if (/^voice:/i.test(url)) {
    const id = namedVoice(source)
    if (id === undefined) throw rejectReference(`${NOT_A_VOICE} ${WHERE_VOICES_ARE}`)
    return { kind: 'voice', id }
  }
  const own = ownFile(url)
  if (own) return own
  const problem = deps.fetcher.problemOf(url)
  if (problem) throw rejectReference(problem.message, problem)
  return { kind: 'url', url }
}

const NOT_A_VOICE = 'After voice: comes the id of a stored voice, or the name of a built-in one.'
const WHERE_VOICES_ARE = 'GET /v1/voices lists those you can use.'

/** The id of the voice that `voice:<id>` names, as it is kept; undefined for every other reference, and for what no voice can be called. */
export function namedVoice(source: ReferenceSource): string | undefined {
  const written = source.kind === 'string' ? /^voice:([\w-]{1,64})$/i.exec(source.value)?.[1]?.toLowerCase() : undefined
  if (written === undefined || findBuiltInVoice(written)) return written
  const id = written.replaceAll('-', '')
  return isId(id) ? id : undefined
}

export const noSuchVoice = (id: string): AppError => rejectReference(`There is no voice ${id}. ${WHERE_VOICES_ARE}`)

async function readBuiltInVoice(id: string, { defaultVoiceFile }: ReferenceRules): Promise<Uint8Array | undefined> {
  const voice = findBuiltInVoice(id)
  if (!voice) return undefined
  return readFile(
    voice.id === DEFAULT_VOICE_ID ? (defaultVoiceFile ?? BUNDLED_VOICE_FILE) : (voice.file ?? BUNDLED_VOICE_FILE),
  )
}

function withinLimits(data: DataUri, maxBytes: number): ReferenceForm {
  if (data.kind === 'invalid')
    throw rejectReference('The data: URI is not valid; it must be like `data:audio/wav;base64,UklGR…`.')
  if (data.kind === 'too-large' || data.bytes.byteLength > maxBytes) {
    throw rejectReference(`The file is larger than ${Math.floor(maxBytes / 2 ** 20)} MiB.`)
  }
  if (data.bytes.byteLength === 0) throw rejectReference('The file is empty.')
  return data
}

function ownFile(url: string): OwnFile | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, pathname } = new URL(url)
  const [, folder, token] = (/^https?:$/.test(protocol) && OWN_FILE.exec(pathname)) || []
  return token === undefined ? undefined : { kind: folder === 'assets' ? 'upload' : 'output', token, url }
}

async function fetchReference(url: string, fetcher: Fetcher, signal: AbortSignal): Promise<Uint8Array> {
  const { bytes, mediaType } = await fetcher.fetchBytes(url, signal).catch((error) => {
    throw error instanceof OutboundError ? rejectReference(error.message, error) : error
  })
  // A link to a page about the recording, or to a log-in form: the commonest mistake there is.
  if (mediaType === 'text/html')
    throw rejectReference('URL leads to a web page, not to a recording. Use a direct link.')
  return bytes
}

/** The refusal of a reference; `what` is a sentence. */
export function rejectReference(what: string, cause?: unknown): AppError {
  const message = `Reference media rejected: ${what}`
  return new AppError('invalid_reference_audio', message, { param: 'reference_audio', cause })
}
