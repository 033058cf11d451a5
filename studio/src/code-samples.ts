// A take as code: the request that makes the same sound again. Each is whole: it runs as it stands, with a key and, where the voice is a
// recording of this browser, the recording beside it.
import { SPEAK_PATH, SUBMIT_PATH } from './api.ts'
import type { Take } from './takes.ts'

export const LANGUAGES = ['curl', 'TypeScript', 'Python'] as const
export type Language = (typeof LANGUAGES)[number]

/** Of a text whose caller waits for the answer; longer ones are submitted and heard as they are spoken (docs/long-text.md). */
const WAITING_LIMIT_CHARACTERS = 10_000

interface Sample {
  readonly url: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
  /** Name of the caller's recording; undefined: the voice is one that the server has, and named in the fields. */
  readonly voiceFile: string | undefined
  /** Where a submitted request's audio is, up to its id; undefined: the answer itself is the audio. */
  readonly requestsUrl: string | undefined
}

export function codeFor(take: Take, language: Language, baseUrl: string): string {
  const isNamed = take.voiceId.startsWith('voice:')
  const isLong = [...take.text].length > WAITING_LIMIT_CHARACTERS
  const sample: Sample = {
    url: new URL(isLong ? SUBMIT_PATH : SPEAK_PATH, baseUrl).href,
    fields: {
      text: take.text,
      ...take.parameters,
      // Low latency needs a stream where the caller waits for the answer.
      ...(take.parameters.latency === 'low' && !isLong ? { stream: true } : {}),
      seed: take.seed,
      ...(isNamed ? { reference_audio: take.voiceId } : {}),
    },
    voiceFile: isNamed ? undefined : recordingName(take.voiceName),
    requestsUrl: isLong ? new URL('v2/requests/', baseUrl).href : undefined,
  }
  switch (language) {
    case 'curl':
      return curl(sample)
    case 'TypeScript':
      return typeScript(sample)
    case 'Python':
      return python(sample)
  }
  return language satisfies never
}

/** `--form-string`: a text that begins with `@` or has a `;type=` in it stays what it is. */
function curl({ url, fields, voiceFile, requestsUrl }: Sample): string {
  const key = '-H "x-api-key: $CHATTERBOX_API_KEY"'
  const request = [
    key,
    ...Object.entries(fields).map(([name, value]) => `--form-string ${quoteForShell(`${name}=${value}`)}`),
    ...(voiceFile === undefined ? [] : [`-F ${quoteForShell(`reference_audio=@"${voiceFile}"`)}`]),
  ]
  if (requestsUrl === undefined) return [`curl -f ${url}`, ...request, '-o speech.wav'].join(' \\\n  ')
  return `id=$(${[`curl -sSf ${url}`, ...request].join(' \\\n  ')} \\
  | sed 's/.*"request_id": *"\\([0-9a-f]*\\)".*/\\1/')
# Comes as it is spoken; ends when all of it is.
curl -f "${requestsUrl}$id/audio?format=wav" ${key} -o speech.wav`
}

function typeScript({ url, fields, voiceFile, requestsUrl }: Sample): string {
  const opening = voiceFile === undefined ? '' : "import { openAsBlob } from 'node:fs'\n"
  const voice =
    voiceFile === undefined
      ? ''
      : `form.set('reference_audio', await openAsBlob('${voiceFile.replaceAll("'", "\\'")}'))\n`
  const spoken =
    requestsUrl === undefined
      ? ''
      : `
const { request_id } = await response.json()
// Comes as it is spoken; ends when all of it is.
const speech = await fetch(\`${requestsUrl}\${request_id}/audio?format=wav\`, { headers })
if (!speech.ok) throw new Error(await speech.text())`
  return `${opening}import { writeFile } from 'node:fs/promises'

const form = new FormData()
for (const [name, value] of Object.entries(${JSON.stringify(fields, undefined, 2)})) form.set(name, String(value))
${voice}
const headers = { 'x-api-key': process.env.CHATTERBOX_API_KEY ?? '' }
const response = await fetch('${url}', { method: 'POST', headers, body: form })
if (!response.ok) throw new Error(await response.text())${spoken}
await writeFile('speech.wav', new Uint8Array(await ${requestsUrl === undefined ? 'response' : 'speech'}.arrayBuffer()))`
}

/** `json=` where there is no file: with `data=` alone `requests` would send a form of another kind, which the server does not take. */
function python({ url, fields, voiceFile, requestsUrl }: Sample): string {
  const inPython = (value: string | number | boolean): string =>
    voiceFile === undefined && typeof value !== 'string'
      ? String(value).replace(/^[tf]/, (letter) => letter.toUpperCase())
      : JSON.stringify(String(value))
  const lines = Object.entries(fields).map(([name, value]) => `        "${name}": ${inPython(value)},`)
  const spoken =
    requestsUrl === undefined
      ? ''
      : `
request_id = response.json()["request_id"]
# Comes as it is spoken; ends when all of it is.
response = requests.get(f"${requestsUrl}{request_id}/audio?format=wav", headers=headers)
response.raise_for_status()`
  return `import os
import requests

headers = {"x-api-key": os.environ["CHATTERBOX_API_KEY"]}
response = requests.post(
    "${url}",
    headers=headers,
    ${voiceFile === undefined ? 'json' : 'data'}={
${lines.join('\n')}
    },
${voiceFile === undefined ? '' : `    files={"reference_audio": open(${JSON.stringify(voiceFile)}, "rb")},\n`})
response.raise_for_status()${spoken}
with open("speech.wav", "wb") as file:
    file.write(response.content)`
}

const quoteForShell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
const recordingName = (voiceName: string): string =>
  /\.\w{2,11}$/.test(voiceName) ? voiceName.replace(/["\\]/g, '_') : 'voice.wav'
