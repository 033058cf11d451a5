// A take as code: the request that makes the same sound again.
import { SPEAK_PATH } from './api.ts'
import type { Take } from './takes.ts'

export const LANGUAGES = ['curl', 'TypeScript', 'Python'] as const
export type Language = (typeof LANGUAGES)[number]

export function codeFor(take: Take, language: Language, baseUrl: string): string {
  const url = new URL(SPEAK_PATH, baseUrl).href
  const body = {
    text: take.text,
    reference_audio: 'https://example.com/voice.wav',
    ...take.parameters,
    seed: take.seed,
  }
  switch (language) {
    case 'curl': {
      const fields = Object.entries({ ...body, reference_audio: '@voice.wav' })
      return [
        `curl ${url}`,
        '-H "x-api-key: $CHATTERBOX_API_KEY"',
        ...fields.map(([name, value]) => `-F ${quoteForShell(`${name}=${value}`)}`),
        '-o speech.wav',
      ].join(' \\\n  ')
    }
    case 'TypeScript':
      return `const response = await fetch('${url}', {
  method: 'POST',
  headers: { 'x-api-key': process.env.CHATTERBOX_API_KEY, 'content-type': 'application/json' },
  body: JSON.stringify(${indent(JSON.stringify(body, undefined, 2))}),
})
if (!response.ok) throw new Error((await response.json()).error)
await writeFile('speech.wav', new Uint8Array(await response.arrayBuffer()))`
    case 'Python':
      return `import os, requests

response = requests.post(
    "${url}",
    headers={"x-api-key": os.environ["CHATTERBOX_API_KEY"]},
    json=${pythonValue(body)},
)
response.raise_for_status()
open("speech.wav", "wb").write(response.content)`
  }
  return language satisfies never
}

const quoteForShell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
const indent = (json: string): string => json.replaceAll('\n', '\n  ')

function pythonValue(body: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(body).map(([name, value]) => {
    const literal = value === true ? 'True' : value === false ? 'False' : JSON.stringify(value)
    return `        "${name}": ${literal},`
  })
  return `{\n${lines.join('\n')}\n    }`
}
