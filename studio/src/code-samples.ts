// A take as code: the request that makes the same sound again. Each is whole: it runs as it stands, with a key and the recording beside it.
import { BUILT_IN_VOICE_PATH, SPEAK_PATH } from './api.ts'
import type { Take } from './takes.ts'

export const LANGUAGES = ['curl', 'TypeScript', 'Python'] as const
export type Language = (typeof LANGUAGES)[number]

interface Sample {
  readonly url: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
  readonly voiceFile: string
  /** Where the voice can be fetched from; undefined: it is a recording of the caller's. */
  readonly voiceUrl: string | undefined
  /** The voice is one that the server keeps, and named in the fields. */
  readonly isNamed: boolean
}

export function codeFor(take: Take, language: Language, baseUrl: string): string {
  const isBuiltIn = take.voiceId === undefined
  const isNamed = take.voiceId?.startsWith('voice:') ?? false
  const sample = {
    url: new URL(SPEAK_PATH, baseUrl).href,
    fields: {
      text: take.text,
      ...take.parameters,
      seed: take.seed,
      ...(isNamed ? { reference_audio: take.voiceId ?? '' } : {}),
    },
    isNamed,
    voiceFile: isBuiltIn ? 'built-in-voice.wav' : fileNameOf(take.voiceName),
    voiceUrl: isBuiltIn ? new URL(BUILT_IN_VOICE_PATH, baseUrl).href : undefined,
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
function curl({ url, fields, voiceFile, voiceUrl, isNamed }: Sample): string {
  const fetched = voiceUrl === undefined ? [] : [`curl -sSfo ${voiceFile} ${voiceUrl}`]
  const speech = [
    `curl -f ${url}`,
    '-H "x-api-key: $CHATTERBOX_API_KEY"',
    ...Object.entries(fields).map(([name, value]) => `--form-string ${quoteForShell(`${name}=${value}`)}`),
    ...(isNamed ? [] : [`-F ${quoteForShell(`reference_audio=@"${voiceFile}"`)}`]),
    '-o speech.wav',
  ]
  return [...fetched, speech.join(' \\\n  ')].join('\n')
}

function typeScript({ url, fields, voiceFile, voiceUrl, isNamed }: Sample): string {
  const voice =
    voiceUrl === undefined
      ? `await openAsBlob('${voiceFile.replaceAll("'", "\\'")}')`
      : `await (await fetch('${voiceUrl}')).blob()`
  return `${isNamed || voiceUrl !== undefined ? '' : "import { openAsBlob } from 'node:fs'\n"}import { writeFile } from 'node:fs/promises'

const form = new FormData()
for (const [name, value] of Object.entries(${JSON.stringify(fields, undefined, 2)})) form.set(name, String(value))
${isNamed ? '' : `form.set('reference_audio', ${voice})\n`}
const response = await fetch('${url}', {
  method: 'POST',
  headers: { 'x-api-key': process.env.CHATTERBOX_API_KEY ?? '' },
  body: form,
})
if (!response.ok) throw new Error(await response.text())
await writeFile('speech.wav', new Uint8Array(await response.arrayBuffer()))`
}

function python({ url, fields, voiceFile, voiceUrl, isNamed }: Sample): string {
  const voice =
    voiceUrl === undefined ? `open(${JSON.stringify(voiceFile)}, "rb")` : `requests.get("${voiceUrl}").content`
  const lines = Object.entries(fields).map(
    ([name, value]) => `        "${name}": ${JSON.stringify(typeof value === 'string' ? value : String(value))},`,
  )
  return `import os
import requests

response = requests.post(
    "${url}",
    headers={"x-api-key": os.environ["CHATTERBOX_API_KEY"]},
    data={
${lines.join('\n')}
    },
${isNamed ? '' : `    files={"reference_audio": ${voice}},\n`})
response.raise_for_status()
with open("speech.wav", "wb") as file:
    file.write(response.content)`
}

const quoteForShell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
const fileNameOf = (voiceName: string): string =>
  /\.\w{2,11}$/.test(voiceName) ? voiceName.replace(/["\\]/g, '_') : 'voice.wav'
