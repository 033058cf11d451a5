// Has a server speak, as a request that is submitted and waited for: as long as it takes, and cancelled with the call.
import { readFile } from 'node:fs/promises'
import type { Client } from '../client/client.ts'
import { kindOfVoice, type ListedVoice, type ToolSpeaker } from './speaker.ts'

export const speakThere = (client: Client): ToolSpeaker => ({
  async speak({ text, voice, seed, format }, _, signal) {
    const reference_audio = await referenceOf(voice)
    const { bytes, model, ...result } = await client.run(
      { text, reference_audio, output_format: format, seed },
      { signal },
    )
    return { bytes, model, seed: Number(result.seed) }
  },
  async listVoices(signal) {
    const voices: ListedVoice[] = []
    for await (const { id, name, description } of client.voices.all({ signal })) voices.push({ id, name, description })
    return voices
  },
  [Symbol.asyncDispose]: async () => {},
})

async function referenceOf(voice = 'default'): Promise<string | Uint8Array<ArrayBuffer>> {
  const kind = kindOfVoice(voice)
  if (kind === 'id') return `voice:${voice}`
  return kind === 'named' ? voice : new Uint8Array(await readFile(voice))
}
